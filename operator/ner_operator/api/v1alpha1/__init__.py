"""The kinds of `nerd.dev/v1alpha1`: their fields, defaults and rules.

The models are the only source of the CRDs (`schema/crd.py`), of `nerd
validate` (`schema/validation.py`) and of the defaults that the planner
applies. They import pydantic and the types of `ner_jobs.task`, nothing else:
no cluster, no store, no framework.
"""

from ner_operator.api.v1alpha1.deployment import NerDeployment, NerDeploymentSpec
from ner_operator.api.v1alpha1.runtime import NerRuntime, NerRuntimeSpec

__all__ = ["NerDeployment", "NerDeploymentSpec", "NerRuntime", "NerRuntimeSpec"]
