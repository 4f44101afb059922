"""What keeps a deployment, or one of its steps, from running in a cluster at all.

None of it shows in a pod, since no pod is made: so it is told here, with
what is missing and who can mend it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.controllers.nerdeployment.diagnosis import Trouble
from ner_operator.controllers.nerdeployment.snapshot import Surroundings
from ner_operator.planning.graph import Step

_STAND_IN = NerRuntimeSpec(backend="torchscript")
"""In place of a runtime that is missing, so that what does not rest on it can be planned."""


@dataclass(frozen=True, slots=True)
class Runtimes:
    """The runtimes that a deployment names.

    Attributes:
        known: by name; a stand-in for each that is missing.
        missing: names of those that are not there.
    """

    known: Mapping[str, NerRuntimeSpec]
    missing: frozenset[str]


def runtimes_of(deployment: NerDeployment, surroundings: Surroundings) -> Runtimes:
    """The runtimes that the spec names, as far as they are there."""
    spec = deployment.spec
    names = {variant.runtime for variant in spec.variants} | ({spec.runtime} if spec.runtime else set())
    known = {**BUILTIN_RUNTIMES, **surroundings.runtimes}
    missing = frozenset(names - known.keys())
    return Runtimes({**known, **dict.fromkeys(missing, _STAND_IN)}, missing)


def of_deployment(deployment: NerDeployment) -> Trouble | None:
    """What no stage can get over, and only a changed spec mends."""
    storage = deployment.spec.storage.uri
    if not storage.startswith("s3://"):
        return Trouble(
            Reason.STORAGE_NOT_SHARED,
            f"spec.storage.uri is {storage}, a folder of one machine, and a cluster's stages run on many; "
            "write s3://bucket/prefix, with storage.endpointUrl for a server of your own",
        )
    for field, uri in _places(deployment):
        if "://" not in uri:
            return Trouble(
                Reason.INVALID_SPEC,
                f"{field} is {uri}, a path beside the spec's file, which no pod has; write s3://bucket/path, "
                "or file:///path for a volume of scheduling.podTemplate",
            )
    return None


def missing_runtime(step: Step, runtimes: Runtimes) -> Trouble | None:
    """That the step's runtime is not there: its key cannot even be known."""
    if step.runtime.name not in runtimes.missing:
        return None
    there = ", ".join(sorted(runtimes.known.keys() - runtimes.missing))
    return Trouble(
        Reason.RUNTIME_NOT_FOUND,
        f"there is no NerRuntime {step.runtime.name}; ask the platform team for it, or name one of {there}",
    )


def of_step(
    step: Step, deployment: NerDeployment, runtimes: Runtimes, surroundings: Surroundings
) -> Trouble | None:
    """Why no Job of this step may be made now; it may when somebody has brought what is missing."""
    account = deployment.spec.scheduling.service_account_name
    if account is None or account == "default" or account in surroundings.service_accounts:
        return None
    if account in runtimes.known[step.runtime.name].service_accounts:
        return None
    return Trouble(
        Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
        f"service account {account} is not allowed for stages; ask the platform team to name it in the "
        f"operator's serviceAccounts or in NerRuntime {step.runtime.name}, or remove "
        "spec.scheduling.serviceAccountName",
    )


def _places(deployment: NerDeployment) -> Iterator[tuple[str, str]]:
    """Every field that says where data lies, and what it says; model.base may be a hub id."""
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
