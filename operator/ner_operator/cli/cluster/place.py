"""The place of a NAME: a NerDeployment of a cluster, through kubectl and its status.

Its results are in its store, which is read with the person's own credentials.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ner_jobs.promotion.pointer import Pointer, adopt_pointer, never_promoted, read_pointer
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Manifest, PermanentError, Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.api.v1alpha1.storage import Storage
from ner_operator.cli.cluster import logs, requests
from ner_operator.cli.cluster.deployed import Deployed, read_one, stage_of
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.cluster.overview import in_service
from ner_operator.cli.cluster.preview import preview
from ner_operator.cli.comparison import page_name
from ner_operator.cli.place import CommandResult, Results, StageLog
from ner_operator.local.digests import cache_folder
from ner_operator.local.paths import absolute
from ner_operator.local.spec import Spec
from ner_operator.planning.plan import Plan
from ner_operator.planning.resolve import storage_settings

_COMPARED = (Stage.COMPILE, Stage.EVALUATE, Stage.BENCHMARK, Stage.PROMOTE)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A NerDeployment of a cluster.

    Attributes:
        storage: a URI or local folder to read instead of spec.storage.uri; None reads the spec's.
        endpoint: URL of the S3 server from this machine; None takes the spec's.
        spec: the spec that `plan` previews; None previews the one in the cluster.
    """

    kubectl: Kubectl
    name: str
    storage: str | None = None
    endpoint: str | None = None
    spec: Spec | None = None
    has_keys = False

    def read(self) -> Deployed:
        """The object as it is now."""
        return read_one(self.kubectl, self.name)

    def plan(self, rerun: Sequence[str]) -> Plan:
        """What the operator would run, from the status alone."""
        return preview(self.kubectl, self.read(), self.spec, rerun)

    def rerun(self, steps: Sequence[str]) -> str:
        """Request stages or steps again by annotation."""
        return requests.request_rerun(self.kubectl, self.name, steps)

    def suspend(self) -> bool:
        """Set spec.suspend; returns whether that changed anything."""
        return requests.suspend(self.kubectl, self.read())

    def resume(self) -> bool:
        """Remove spec.suspend; returns whether that changed anything."""
        return requests.resume(self.kubectl, self.read())

    def promote(self, variant: str | None, force: str) -> CommandResult:
        """Request a promotion by annotation; the operator runs it."""
        command = requests.request_promote(self.kubectl, self.read(), variant, force)
        what = f"variant {variant}" if variant else "the preferred variant that passed"
        revision = f" of revision {command.revision[:12]}" if command.revision else ""
        return self._requested("promote", command, f"asked to promote {what}{revision}")

    def rollback(self, revision: str | None, generation: int | None, reason: str) -> CommandResult:
        """Request a rollback by annotation; the operator runs it."""
        if revision:
            raise PermanentError(
                f"--to REVISION works with -f; nerd history {self.name} shows generations", ExitCode.USAGE
            )
        command = requests.request_rollback(self.kubectl, self.read(), generation, reason)
        goal = f"generation {generation}" if generation else "the model before"
        request = f"asked to go from generation {command.leaving} back to {goal}"
        return self._requested("rollback", command, request)

    def pointer(self) -> Pointer | None:
        """The pointer in the store."""
        deployed = self.read()
        return read_pointer(self.store_of(deployed), deployed.owner)

    def adopt(self) -> Pointer:
        """Take the pointer over from a deployment of the same name that is gone.

        Raises:
            StageError: there is no pointer, or it was moved at the same moment.
        """
        deployed = self.read()
        store = self.store_of(deployed)
        pointer = adopt_pointer(store, deployed.owner)
        if pointer is None:
            raise PermanentError(f"{never_promoted(deployed.owner)} in {store.uri}", ExitCode.NO_INPUT)
        return pointer

    def results(self) -> Results:
        """The results that the status names."""
        from ner_jobs.report.comparison import collect

        deployed = self.read()
        manifests = list(_manifests(deployed, self.store_of(deployed)))
        comparison = collect(f"{deployed.namespace}/{deployed.name}", manifests)
        if not comparison.variants:
            raise PermanentError(
                f"nothing of {self.name} is compiled or evaluated yet; kubectl nerd status {self.name} shows "
                "how far it is",
                ExitCode.USAGE,
            )
        promote = deployed.status.stage("promote")
        return Results(
            comparison=comparison,
            page=cache_folder() / "reports" / deployed.namespace / deployed.name / page_name(manifests),
            held=promote.message if promote and promote.state == "Held" else "",
            in_service=in_service(deployed.status.promotion),
        )

    def logs(self, step: str | None) -> Sequence[StageLog]:
        """The logs of pods; of a pod that is gone, the log in the store."""
        deployed = self.read()
        return logs.logs_of(self.kubectl, deployed, step, lambda: self.store_of(deployed))

    def follow(self, step: str | None) -> int:
        """Print the log of a running stage until it ends; returns kubectl's exit code."""
        return logs.follow_log(self.kubectl, self.read(), step)

    def store_of(self, deployed: Deployed) -> Store:
        """The store of the deployment, as this machine reaches it.

        Raises:
            PermanentError: it is a folder of the cluster's nodes, or this release does not know it.
        """
        try:
            settings = storage_settings(Storage.model_validate(deployed.manifest["spec"]["storage"]))
        except ValidationError as error:
            raise PermanentError(
                f"spec.storage of {deployed.name} is newer than this nerd ({error.errors()[0]['msg']}); "
                "install a newer one",
                ExitCode.CONFIGURATION,
            ) from None
        if self.storage is not None:
            settings = settings.model_copy(update={"uri": absolute(self.storage, Path.cwd())})
        elif not settings.uri.startswith("s3://"):
            raise PermanentError(
                f"the results of {deployed.name} are in {settings.uri}, a folder of the cluster's nodes; if "
                "this machine has that folder too, name it with --storage",
                ExitCode.CONFIGURATION,
            )
        # The path of the CA bundle is one in the stages' pods.
        bundle = settings.ca_bundle if settings.ca_bundle and settings.ca_bundle.exists() else None
        endpoint = self.endpoint or settings.endpoint_url
        return open_store(settings.model_copy(update={"endpoint_url": endpoint, "ca_bundle": bundle}))

    def _requested(self, kind: str, command: PromoteCommand | RollbackCommand, request: str) -> CommandResult:
        line = f"{self.name}: {request}; kubectl nerd status {self.name} shows the result"
        return CommandResult((line,), {kind: command.model_dump(mode="json", by_alias=True)})


def open_cluster(
    name: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    storage: str | None = None,
    endpoint: str | None = None,
    spec: Spec | None = None,
) -> Cluster:
    """The place of a NAME in the cluster that the common options name. Reads nothing."""
    return Cluster(Kubectl(namespace, context, kubeconfig), name, storage, endpoint, spec)


def _manifests(deployed: Deployed, store: Store) -> Iterator[Manifest]:
    for stage in deployed.status.stages:
        if stage.state != "Succeeded" or stage.result is None or stage_of(stage) not in _COMPARED:
            continue
        found = read_manifest(store, stage_of(stage), stage.result.key)
        # A rollback has judged nothing.
        if found and "rollback" not in found[0].parameters:
            yield found[0].model_copy(update={"variant": stage.name.partition("/")[2] or None})
