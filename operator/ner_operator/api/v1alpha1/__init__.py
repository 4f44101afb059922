"""The kinds of `nerd.dev/v1alpha1`: what a user may write, and what it means when it is left out.

The models here are the one source of the CRDs in `crds/` (`crd.py`), of
`nerd validate` (`validation.py`) and of the defaults that the planner
resolves. They import pydantic, yaml and the words of `ner_jobs.task`, nothing
else: no cluster, no store, no framework.
"""

from ner_operator.api.v1alpha1.deployment import NerDeployment, NerDeploymentSpec
from ner_operator.api.v1alpha1.runtime import NerRuntime, NerRuntimeSpec

__all__ = ["NerDeployment", "NerDeploymentSpec", "NerRuntime", "NerRuntimeSpec"]
