"""The CPU runtimes that are always there: one a backend, in a cluster and locally."""

from collections.abc import Mapping

from ner_operator.api.v1alpha1.runtime import NerRuntimeSpec

BUILTIN_RUNTIMES: Mapping[str, NerRuntimeSpec] = {
    "cpu-torchscript": NerRuntimeSpec(backend="torchscript"),
    "cpu-onnxruntime": NerRuntimeSpec(backend="onnxruntime"),
    "cpu-openvino": NerRuntimeSpec(backend="openvino"),
}
"""By name; no NerRuntime may have one of these names (`rules.RUNTIME`)."""
