"""The version itself: its name, and what its kinds say in the CRDs besides their schema."""

from ner_operator.api.kind import Column, KindVersion
from ner_operator.api.meta import GROUP
from ner_operator.api.v1alpha1.deployment import NerDeployment
from ner_operator.api.v1alpha1.runtime import NerRuntime

VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_READY = '.status.conditions[?(@.type=="Ready")].status'
_AGE = Column("Age", "date", ".metadata.creationTimestamp", "Time since the object was created.")

NER_DEPLOYMENT = KindVersion(
    VERSION,
    NerDeployment,
    columns=(
        Column("Ready", "string", _READY, "True if nothing is left to do."),
        Column("Revision", "string", ".status.revision", "The revision in service."),
        Column("Variant", "string", ".status.variant", "The variant in service."),
        Column("F1", "number", ".status.f1", "Its entity F1 on the test set."),
        Column("Drop", "number", ".status.drop", "Points of F1 below the reference variant."),
        _AGE,
    ),
)

NER_RUNTIME = KindVersion(
    VERSION,
    NerRuntime,
    columns=(
        Column("Backend", "string", ".spec.backend", "The engine that compiles and runs variants."),
        Column("Accelerator", "string", ".spec.accelerator.resourceName", "The device's resource name."),
        Column("Emulated", "boolean", ".spec.emulated", "True if the device is a stand-in."),
        _AGE,
    ),
)
