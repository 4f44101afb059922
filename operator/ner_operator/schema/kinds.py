"""The kinds of the API group, with all versions: used by the CRDs, validation and the reference page."""

from ner_operator.api.kind import Kind, group_kinds
from ner_operator.api.v1alpha1 import version as v1alpha1

KINDS = group_kinds(
    Kind("nerdeployments", "nerd", "Namespaced", versions=(v1alpha1.NER_DEPLOYMENT,)),
    Kind("nerruntimes", "nrt", "Cluster", versions=(v1alpha1.NER_RUNTIME,)),
)
