"""The emulated devices: their names, their health, and what a container is given along with one.

Pure: no gRPC, no file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

RESOURCE_NAME = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]{1,63}")
"""As a node shows an extended resource: a domain, a slash, a name."""

DEVICE_NODE = "/dev/null"
"""The node of this machine that stands in for a device's own in a container."""


class NoSuchDeviceError(Exception):
    """A device was named that is not offered; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is offered.

    Attributes:
        name: of the extended resource, such as vastaitech.com/va.
        count: how many devices.
    """

    name: str
    count: int

    def __post_init__(self) -> None:
        if not RESOURCE_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no resource name: write it as example.com/device")
        if self.count < 1:
            raise ValueError(f"{self.count} devices: offer at least 1")

    def ids(self) -> tuple[str, ...]:
        """`va-0`, `va-1`, …: also the names of the nodes under /dev in a container."""
        kind = self.name.partition("/")[2].lower()
        return tuple(f"{kind}-{number}" for number in range(self.count))

    def refuse_unknown(self, ids: Iterable[str]) -> None:
        """Refuse what is not offered.

        Raises:
            NoSuchDeviceError: one of the ids.
        """
        for each in ids:
            if each not in self.ids():
                raise NoSuchDeviceError(
                    f"{self.name} has no device {each}; there are {', '.join(self.ids())}"
                )


@dataclass(frozen=True, slots=True)
class Grant:
    """What a container is given.

    Attributes:
        environment: read by the stages (`ner_jobs.runner`): whatever they leave is marked as emulated.
        annotations: of the container, for whoever looks at it through the container runtime.
        nodes: paths under /dev, one a device: a container sees those of its own devices only.
    """

    environment: Mapping[str, str]
    annotations: Mapping[str, str]
    nodes: Sequence[str]


def health_of(resource: Resource, failed: Set[str]) -> Mapping[str, bool]:
    """Whether each device is healthy, by id."""
    return {each: each not in failed for each in resource.ids()}


def grant(resource: Resource, ids: Sequence[str]) -> Grant:
    """What a container is given along with these devices.

    Raises:
        NoSuchDeviceError: one of them is not offered.
    """
    resource.refuse_unknown(ids)
    names = ",".join(sorted(ids))
    return Grant(
        environment={"NERD_DEVICE_EMULATED": "true", "NERD_DEVICE_IDS": names},
        annotations={"nerd.dev/device-emulated": "true", "nerd.dev/device-ids": names},
        nodes=tuple(f"/dev/{each}" for each in sorted(ids)),
    )
