"""NerDeployments as the cluster has them: the object, its status in classes, what is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ner_jobs.task import Stage
from ner_operator.api.v1alpha1.commands import PROMOTE, RERUN, ROLLBACK
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.cli.cluster.kubectl import KIND, Kubectl
from ner_operator.planning.graph import COMMAND


@dataclass(frozen=True, slots=True)
class Deployed:
    """One NerDeployment of the cluster."""

    written: Mapping[str, Any]
    status: NerDeploymentStatus

    @property
    def name(self) -> str:
        """Of the object."""
        return str(self.written["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Of the object."""
        return str(self.written["metadata"]["namespace"])

    @property
    def version(self) -> str:
        """The object's resourceVersion: what a write rests on."""
        return str(self.written["metadata"]["resourceVersion"])

    @property
    def generation(self) -> int:
        """Of the spec."""
        return int(self.written["metadata"]["generation"])

    @property
    def created(self) -> float:
        """Seconds since the epoch."""
        return seconds(self.written["metadata"]["creationTimestamp"])

    @property
    def suspended(self) -> bool:
        """Whether the spec says so."""
        return bool(self.written["spec"].get("suspend"))

    @property
    def variants(self) -> tuple[str, ...]:
        """Their names, as the spec has them."""
        return tuple(str(variant["name"]) for variant in self.written["spec"]["variants"])

    def annotation(self, name: str) -> str:
        """Its text, or empty."""
        return str((self.written["metadata"].get("annotations") or {}).get(name, ""))

    @property
    def pending(self) -> tuple[str, ...]:
        """What people asked for and the operator has not carried out yet: annotations, as they stand."""
        handled = self.status.last_handled_commands
        done = {RERUN: handled.rerun, PROMOTE: handled.promote, ROLLBACK: handled.rollback}
        return tuple(
            f"{name.partition('/')[2]} {text}"
            for name, former in done.items()
            if (text := self.annotation(name)) and text != former
        )


def read_one(kubectl: Kubectl, name: str) -> Deployed:
    """The NerDeployment with this name.

    Raises:
        StageError: there is none, or the cluster does not answer.
    """
    return deployed(kubectl.json("get", KIND, name))


def read_all(kubectl: Kubectl, selector: str | None) -> tuple[Deployed, ...]:
    """All NerDeployments that a label selector fits.

    Raises:
        StageError: the cluster does not answer.
    """
    found = kubectl.json("get", KIND, *([f"--selector={selector}"] if selector else []))
    return tuple(deployed(item) for item in found["items"])


def deployed(written: Mapping[str, Any]) -> Deployed:
    """The object in classes; what a later operator adds to the status is passed over."""
    return Deployed(written, known_status(written.get("status") or {}))


def known_status(written: Mapping[str, Any]) -> NerDeploymentStatus:
    """The part of a status that this release knows.

    Raises:
        ValidationError: a known field holds what no release writes.
    """
    try:
        return NerDeploymentStatus.model_validate(written)
    except ValidationError as error:
        unknown = [item["loc"] for item in error.errors() if item["type"] == "extra_forbidden"]
        if not unknown:
            raise
        return known_status(_without(written, unknown))


def stage_of(status: StageStatus) -> Stage:
    """The stage that a step is one of."""
    word = status.name.partition("/")[0]
    return {"inference": Stage.INFER, COMMAND: Stage.PROMOTE}.get(word) or Stage(word)


def seconds(time: str) -> float:
    """Seconds since the epoch of a time as Kubernetes writes it."""
    return datetime.fromisoformat(time).astimezone(UTC).timestamp()


def _without(written: Any, paths: list[tuple[int | str, ...]]) -> Any:
    """A copy without these fields."""
    here = {path[0] for path in paths if len(path) == 1}
    below: dict[int | str, list[tuple[int | str, ...]]] = {}
    for path in paths:
        if len(path) > 1:
            below.setdefault(path[0], []).append(path[1:])
    if isinstance(written, Mapping):
        return {
            name: _without(value, below[name]) if name in below else value
            for name, value in written.items()
            if name not in here
        }
    if isinstance(written, list):
        return [_without(value, below[at]) if at in below else value for at, value in enumerate(written)]
    return written
