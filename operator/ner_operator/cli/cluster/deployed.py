"""A NerDeployment as the API server returns it: the object, and its status as a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ner_jobs.task import ExitCode, Owner, PermanentError, Stage
from ner_operator.api.v1alpha1.commands import PROMOTE, RERUN, ROLLBACK
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.cli.cluster.kubectl import KIND, Kubectl
from ner_operator.planning.graph import COMMAND


@dataclass(frozen=True, slots=True)
class Deployed:
    """One NerDeployment of the cluster.

    Attributes:
        manifest: the whole object, as JSON values.
    """

    manifest: Mapping[str, Any]
    status: NerDeploymentStatus

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return str(self.manifest["metadata"]["namespace"])

    @property
    def owner(self) -> Owner:
        """The owner of its pointer in the store."""
        uid = str(self.manifest["metadata"]["uid"])
        return Owner(namespace=self.namespace, name=self.name, uid=uid)

    @property
    def resource_version(self) -> str:
        """metadata.resourceVersion: a conditional write states it."""
        return str(self.manifest["metadata"]["resourceVersion"])

    @property
    def generation(self) -> int:
        """metadata.generation: it grows with each change of the spec."""
        return int(self.manifest["metadata"]["generation"])

    @property
    def created(self) -> float:
        """metadata.creationTimestamp, in seconds since the epoch."""
        return seconds(self.manifest["metadata"]["creationTimestamp"])

    @property
    def suspended(self) -> bool:
        """Whether spec.suspend is set."""
        return bool(self.manifest["spec"].get("suspend"))

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants in the spec."""
        return tuple(str(variant["name"]) for variant in self.manifest["spec"]["variants"])

    def annotation(self, name: str) -> str:
        """The text of an annotation, or empty."""
        return str((self.manifest["metadata"].get("annotations") or {}).get(name, ""))

    @property
    def pending(self) -> tuple[str, ...]:
        """The commands that the operator has not carried out yet, as their annotations are written."""
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
    found = kubectl.find(KIND, name)
    if found is None:
        raise PermanentError(
            f'{KIND} "{name}" not found; kubectl nerd list shows what there is', ExitCode.NO_INPUT
        )
    return deployed(found)


def read_all(kubectl: Kubectl, selector: str | None) -> tuple[Deployed, ...]:
    """All NerDeployments that match a label selector.

    Raises:
        StageError: the cluster does not answer.
    """
    found = kubectl.json("get", KIND, *([f"--selector={selector}"] if selector else []))
    return tuple(deployed(item) for item in found["items"])


def deployed(manifest: Mapping[str, Any]) -> Deployed:
    """The object of a manifest; status fields that this release does not know are ignored."""
    return Deployed(manifest, known_status(manifest.get("status") or {}))


def known_status(value: Mapping[str, Any]) -> NerDeploymentStatus:
    """The part of a status that this release knows.

    Raises:
        ValidationError: a known field has a value that no release writes.
    """
    try:
        return NerDeploymentStatus.model_validate(value)
    except ValidationError as error:
        unknown = [item["loc"] for item in error.errors() if item["type"] == "extra_forbidden"]
        if not unknown:
            raise
        return known_status(_without(value, unknown))


def stage_of(status: StageStatus) -> Stage:
    """The stage of a step."""
    prefix = status.name.partition("/")[0]
    return {"inference": Stage.INFER, COMMAND: Stage.PROMOTE}.get(prefix) or Stage(prefix)


def seconds(time: str) -> float:
    """A time as Kubernetes writes it, in seconds since the epoch."""
    return datetime.fromisoformat(time).astimezone(UTC).timestamp()


def _without(value: Any, paths: list[tuple[int | str, ...]]) -> Any:
    """A copy without the fields at these paths."""
    dropped = {path[0] for path in paths if len(path) == 1}
    deeper: dict[int | str, list[tuple[int | str, ...]]] = {}
    for path in paths:
        if len(path) > 1:
            deeper.setdefault(path[0], []).append(path[1:])
    if isinstance(value, Mapping):
        return {
            name: _without(field, deeper[name]) if name in deeper else field
            for name, field in value.items()
            if name not in dropped
        }
    if isinstance(value, list):
        return [_without(item, deeper[at]) if at in deeper else item for at, item in enumerate(value)]
    return value
