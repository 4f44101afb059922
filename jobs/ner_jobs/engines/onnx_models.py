"""ONNX models in memory: opened before they are quantized, and run as they are.

Layers that share weights are exported as one tensor with copies of it, and a
quantizer leaves a product with a copy in floats. So a model is opened with the
copies replaced by the tensor itself.
"""

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime


def open_model(path: Path) -> onnx.ModelProto:
    """Load a model; its products read each weight itself, and not a copy of it."""
    model = onnx.load(str(path))
    copies = _copies_of_weights(model.graph)
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = copies.get(name, name)
    kept = [node for node in model.graph.node if node.output[0] not in copies]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _copies_of_weights(graph: onnx.GraphProto) -> Mapping[str, str]:
    """Names of copies, with the name of the weight that each copies."""
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return {}  # A branch or a loop may read a copy by its name.
    weights = {tensor.name for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    found: dict[str, str] = {}
    for node in graph.node:
        if node.op_type != "Identity" or node.output[0] in outputs:
            continue
        source = found.get(node.input[0], node.input[0])
        if source in weights:
            found[node.output[0]] = source
    return found


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Run a model as it is, on all threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
