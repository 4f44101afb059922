"""The spec with every default filled in, as `status.resolved` shows it to people."""

from typing import Any

from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.planning.resolved import ResolvedDeployment


def with_defaults(deployment: NerDeployment, resolved: ResolvedDeployment) -> dict[str, Any]:
    """What the spec means, in the spec's own words.

    Args:
        deployment: as it was written.
        resolved: what it means, for the defaults that rest on other fields.
    """
    spec: dict[str, Any] = deployment.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    spec["runtime"] = resolved.runtime.name
    spec["rollout"]["preference"] = list(resolved.promotion.preference)
    for gate, meant in zip(spec["evaluation"]["gates"], resolved.promotion.gates, strict=True):
        gate |= {"against": meant.against} if meant.against else {}
    if "uri" not in spec["data"]["calibration"]:
        spec["data"]["calibration"]["size"] = resolved.prepare.calibration_size
    return spec
