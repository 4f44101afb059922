"""Preconditions: what prevents a deployment, or one of its steps, from running in a cluster at all.

No pod is created then, so no pod shows the reason. The messages say what is
missing and who can provide it. A missing runtime is not here: it is a state
of the plan (`planning.plan.Blocked`).
"""

from collections.abc import Iterator

from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.controllers.nerdeployment.diagnosis import Diagnosis
from ner_operator.controllers.nerdeployment.snapshot import ClusterSettings
from ner_operator.planning.graph import Step


def check_deployment(deployment: NerDeployment) -> Diagnosis | None:
    """Why no stage of the deployment can run until the spec changes; None if they can."""
    storage = deployment.spec.storage.uri
    if not storage.startswith("s3://"):
        return Diagnosis(
            Reason.STORAGE_NOT_SHARED,
            f"spec.storage.uri is {storage}, a folder of one machine, but stages in a cluster run on many "
            "machines; write s3://bucket/prefix, and storage.endpointUrl for your own S3 server",
        )
    for field, uri in _uris(deployment):
        if "://" not in uri:
            return Diagnosis(
                Reason.INVALID_SPEC,
                f"{field} is {uri}, a path relative to the spec's file, which no pod has; write "
                "s3://bucket/path, or file:///path for a volume of scheduling.podTemplate",
            )
    return None


def check_step(step: Step, deployment: NerDeployment, settings: ClusterSettings) -> Diagnosis | None:
    """Why no Job of this step may be created now; None if it may."""
    account = deployment.spec.scheduling.service_account_name
    if account is None or account == "default" or account in settings.service_accounts:
        return None
    if account in settings.runtime(step.runtime.name).service_accounts:
        return None
    return Diagnosis(
        Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
        f"service account {account} is not allowed for stages; ask the platform team to name it in the "
        f"operator's serviceAccounts or in NerRuntime {step.runtime.name}, or remove "
        "spec.scheduling.serviceAccountName",
    )


def _uris(deployment: NerDeployment) -> Iterator[tuple[str, str]]:
    """Every field that holds the URI of data, and its value. A hub id in model.base is not a URI."""
    spec = deployment.spec
    data = spec.data
    for name, source in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        if source is not None:
            yield f"spec.data.{name}.uri", source.uri
            if source.label_uri is not None:
                yield f"spec.data.{name}.labelUri", source.label_uri
    if data.calibration.uri is not None:
        yield "spec.data.calibration.uri", data.calibration.uri
    for number, entry in enumerate(spec.inference):
        yield f"spec.inference[{number}].data.uri", entry.data.uri
    if spec.benchmark is not None and spec.benchmark.dataset is not None:
        yield "spec.benchmark.dataset.uri", spec.benchmark.dataset.uri
    if spec.model.base is not None and spec.model.base.startswith((".", "/")):
        yield "spec.model.base", spec.model.base
