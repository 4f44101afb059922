"""The emulated devices: their names, their health, and what a container gets with them.

Pure: no gRPC, no file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

RESOURCE_NAME = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]{1,63}")
"""Name of an extended resource: a domain, a slash, a name."""

DEVICE_NODE = "/dev/null"
"""The device file of the host that a container gets for each emulated device."""


class NoSuchDeviceError(Exception):
    """There is no such device; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class Resource:
    """An extended resource and its devices.

    Attributes:
        name: such as vastaitech.com/va.
        count: number of devices.
    """

    name: str
    count: int

    def __post_init__(self) -> None:
        if not RESOURCE_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a resource name: write it as example.com/device")
        if self.count < 1:
            raise ValueError(f"{self.count} devices: offer at least 1")

    def ids(self) -> tuple[str, ...]:
        """Device IDs `va-0`, `va-1`, …; also the names of the files under /dev in a container."""
        kind = self.name.partition("/")[2].lower()
        return tuple(f"{kind}-{number}" for number in range(self.count))

    def refuse_unknown(self, ids: Iterable[str]) -> None:
        """Do nothing if all devices exist.

        Raises:
            NoSuchDeviceError: one does not.
        """
        for each in ids:
            if each not in self.ids():
                raise NoSuchDeviceError(
                    f"{self.name} has no device {each}; there are {', '.join(self.ids())}"
                )


@dataclass(frozen=True, slots=True)
class Grant:
    """What a container gets with its devices.

    Attributes:
        environment: read by the stages (`ner_jobs.attempt`), which mark their results as emulated.
        annotations: of the container, visible in the container runtime.
        nodes: paths under /dev, one for each device of the container.
    """

    environment: Mapping[str, str]
    annotations: Mapping[str, str]
    nodes: Sequence[str]


def health_of(resource: Resource, failed: Set[str]) -> Mapping[str, bool]:
    """Whether each device is healthy, by id."""
    return {each: each not in failed for each in resource.ids()}


def grant(resource: Resource, ids: Sequence[str]) -> Grant:
    """What a container gets with these devices.

    Raises:
        NoSuchDeviceError: one of them does not exist.
    """
    resource.refuse_unknown(ids)
    names = ",".join(sorted(ids))
    return Grant(
        environment={"NERD_DEVICE_EMULATED": "true", "NERD_DEVICE_IDS": names},
        annotations={"nerd.dev/device-emulated": "true", "nerd.dev/device-ids": names},
        nodes=tuple(f"/dev/{each}" for each in sorted(ids)),
    )
