"""What a deployment of the cluster left in its store, read from here with the person's own credentials.

Nothing is planned for it: the status says which keys there are.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ner_jobs.report.comparison import Comparison, collect
from ner_jobs.store.artifacts import read_log, read_manifest
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Manifest, Owner, PermanentError, Stage
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.api.v1alpha1.storage import Storage
from ner_operator.cli.cluster.reading import Deployed, stage_of
from ner_operator.local.digests import cache_folder
from ner_operator.local.located import absolute
from ner_operator.planning.resolve import storage_settings

_COMPARED = (Stage.COMPILE, Stage.EVALUATE, Stage.BENCHMARK, Stage.PROMOTE)


def store_of(deployed: Deployed, storage: str | None, endpoint: str | None) -> Store:
    """The store of a deployment.

    Args:
        deployed: whose `spec.storage` says where it is.
        storage: a URI, or a folder here, in its place.
        endpoint: of the S3 server as it is reached from this machine, where the spec's is the cluster's own.

    Raises:
        PermanentError: it is a folder of the cluster's nodes, or nothing that this release knows.
    """
    try:
        settings = storage_settings(Storage.model_validate(deployed.written["spec"]["storage"]))
    except ValidationError as error:
        raise PermanentError(
            f"spec.storage of {deployed.name} is newer than this nerd ({error.errors()[0]['msg']}); "
            "install a newer one",
            ExitCode.CONFIGURATION,
        ) from None
    if storage is not None:
        settings = settings.model_copy(update={"uri": absolute(storage, Path.cwd())})
    elif not settings.uri.startswith("s3://"):
        raise PermanentError(
            f"the results of {deployed.name} are in {settings.uri}, a folder of the cluster's nodes; where "
            "it can be seen from here, name it with --storage",
            ExitCode.CONFIGURATION,
        )
    authority = settings.ca_bundle
    return open_store(
        settings.model_copy(
            update={
                "endpoint_url": endpoint or settings.endpoint_url,
                # The path is one of the stages' pods.
                "ca_bundle": authority if authority and authority.exists() else None,
            }
        )
    )


def owner_of(deployed: Deployed) -> Owner:
    """Whose pointer it is."""
    uid = str(deployed.written["metadata"]["uid"])
    return Owner(namespace=deployed.namespace, name=deployed.name, uid=uid)


def compare(deployed: Deployed, store: Store) -> Comparison:
    """All that is known of its variants."""
    return collect(f"{deployed.namespace}/{deployed.name}", list(_manifests(deployed, store)))


def stored_log(store: Store, stage: StageStatus) -> str | None:
    """The log that a stage left in the store, of its result or of its last attempt that failed."""
    return read_log(store, stage_of(stage), stage.key) if stage.key else None


def page_path(deployed: Deployed) -> Path:
    """Where this machine keeps the page."""
    keys = "".join(stage.key[:2] for stage in deployed.status.stages if stage.state == "Succeeded")
    return cache_folder() / "reports" / deployed.namespace / deployed.name / f"{keys or 'empty'}.html"


def _manifests(deployed: Deployed, store: Store) -> Iterator[Manifest]:
    for stage in deployed.status.stages:
        if stage.state != "Succeeded" or stage.result is None or stage_of(stage) not in _COMPARED:
            continue
        found = read_manifest(store, stage_of(stage), stage.result.key)
        # A rollback has judged nothing.
        if found and "rollback" not in found[0].parameters:
            yield found[0].model_copy(update={"variant": stage.name.partition("/")[2] or None})
