"""What the operator would run for a deployment, as it is or with another spec."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from ner_jobs.task import ExitCode, PermanentError
from ner_operator.api.meta import GROUP
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntime, NerRuntimeSpec
from ner_operator.cli.cluster.deployed import Deployed
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.place import new_token
from ner_operator.local.spec import Spec
from ner_operator.local.workspace import require_steps_of
from ner_operator.planning.plan import Plan
from ner_operator.planning.preview import preview_plan
from ner_operator.planning.resolve import resolve

RUNTIMES = f"nerruntimes.{GROUP}"


def preview(kubectl: Kubectl, deployed: Deployed, spec: Spec | None, rerun: Sequence[str]) -> Plan:
    """The plan of a deployment, from its status.

    Args:
        kubectl: the cluster.
        deployed: the deployment.
        spec: the spec that would be applied; None takes that of the cluster.
        rerun: stages and steps to plan as if they were requested again.

    Raises:
        StageError: the operator has not reconciled the deployment.
    """
    if deployed.status.observed_generation != deployed.generation:
        raise PermanentError(
            f"no operator has reconciled generation {deployed.generation} of {deployed.name} yet; without "
            "its status there is nothing to plan on",
            ExitCode.NO_INPUT,
        )
    runtimes = _runtimes(kubectl)
    today = resolve(_known(deployed), runtimes)
    wanted = today if spec is None else resolve(spec.deployment, {**runtimes, **spec.runtimes})
    require_steps_of(wanted, rerun)
    tokens = tuple(dict.fromkeys(rerun, new_token()).items())
    return preview_plan(today, replace(wanted, rerun=(*wanted.rerun, *tokens)), deployed.status)


def _known(deployed: Deployed) -> NerDeployment:
    try:
        return NerDeployment.model_validate({**deployed.manifest, "status": None})
    except ValidationError as error:
        first = error.errors()[0]
        raise PermanentError(
            f"the spec of {deployed.name} is newer than this nerd "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}); install a newer one",
            ExitCode.CONFIGURATION,
        ) from None


def _runtimes(kubectl: Kubectl) -> dict[str, NerRuntimeSpec]:
    """The cluster's runtimes, without those that only a later release can read."""
    found: dict[str, NerRuntimeSpec] = {}
    for item in kubectl.json("get", RUNTIMES)["items"]:
        try:
            runtime = NerRuntime.model_validate(item)
        except ValidationError:
            continue
        found[runtime.metadata.name] = runtime.spec
    return found
