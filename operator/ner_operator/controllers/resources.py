"""The custom resources, as the API server serves them."""

from ner_operator.api.meta import GROUP
from ner_operator.api.v1alpha1.version import VERSION
from ner_operator.kube.objects import Resource

NERDEPLOYMENTS = Resource(GROUP, VERSION, "nerdeployments", "NerDeployment")
NERRUNTIMES = Resource(GROUP, VERSION, "nerruntimes", "NerRuntime", namespaced=False)
