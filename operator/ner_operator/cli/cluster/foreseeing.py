"""What is left of a deployment in the cluster, or what another spec of it would run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from ner_jobs.task import ExitCode, PermanentError
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntime, NerRuntimeSpec
from ner_operator.cli.cluster.asking import new_token
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.cluster.reading import Deployed, read_one
from ner_operator.local.spec import load_spec
from ner_operator.local.workspace import steps_named
from ner_operator.planning.plan import Plan
from ner_operator.planning.preview import foresee
from ner_operator.planning.resolve import ResolutionError, resolve
from ner_operator.planning.resolved import ResolvedDeployment

RUNTIMES = "nerruntimes.nerd.dev"


def foreseen(kubectl: Kubectl, name: str, file: str | None, settings: list[str], rerun: list[str]) -> Plan:
    """The plan of a deployment.

    Args:
        kubectl: the cluster.
        name: of the deployment.
        file: with the spec that would be applied; None is that of the cluster.
        settings: `path=value` each, laid over the file's.
        rerun: stages and steps, as if they were asked for again.

    Raises:
        StageError: it is not there, the operator has not looked at it, or a spec names what is not there.
    """
    deployed = read_one(kubectl, name)
    if deployed.status.observed_generation != deployed.generation:
        raise PermanentError(
            f"no operator has looked at generation {deployed.generation} of {name} yet; without what is done "
            "there is nothing to plan on",
            ExitCode.NO_INPUT,
        )
    runtimes = _runtimes(kubectl)
    today = _resolved(_known(deployed), runtimes)
    wanted = today
    if file is not None:
        spec = load_spec(file, settings, name=name)
        wanted = _resolved(spec.deployment, {**runtimes, **spec.runtimes})
    tokens = tuple(dict.fromkeys(steps_named(wanted, rerun), new_token()).items())
    return foresee(today, replace(wanted, rerun=(*wanted.rerun, *tokens)), deployed.status)


def _known(deployed: Deployed) -> NerDeployment:
    written: Mapping[str, Any] = {**deployed.written, "status": None}
    try:
        return NerDeployment.model_validate(written)
    except ValidationError as error:
        first = error.errors()[0]
        raise PermanentError(
            f"the spec of {deployed.name} is newer than this nerd "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}); install a newer one",
            ExitCode.CONFIGURATION,
        ) from None


def _runtimes(kubectl: Kubectl) -> dict[str, NerRuntimeSpec]:
    """Those of the cluster, but for what a later release wrote."""
    found: dict[str, NerRuntimeSpec] = {}
    for item in kubectl.json("get", RUNTIMES)["items"]:
        try:
            runtime = NerRuntime.model_validate(item)
        except ValidationError:
            continue
        found[runtime.metadata.name] = runtime.spec
    return found


def _resolved(deployment: NerDeployment, runtimes: Mapping[str, NerRuntimeSpec]) -> ResolvedDeployment:
    try:
        return resolve(deployment, runtimes)
    except ResolutionError as error:
        raise PermanentError(str(error)) from None
