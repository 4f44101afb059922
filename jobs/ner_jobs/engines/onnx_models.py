"""ONNX models in memory: opened before they are quantized, and run as they are.

Layers that share weights are exported as one tensor with copies of it, and a
quantizer leaves a product with a copy in floats. So a model is opened with the
copies replaced by the tensor itself.

An ONNX file cannot be larger than 2 GiB. The weights of a larger model are
external data: other files, which the graph names relative to its own folder.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime
from onnx.external_data_helper import load_external_data_for_model

ONE_FILE = 1 << 30
"""Bytes of weights above which a model is written with external data; half of what a file can hold."""


def open_model(path: Path) -> onnx.ModelProto:
    """Load a model; its products read each weight itself, and not a copy of it."""
    model = onnx.load(str(path))  # With its external data.
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


def is_large(model: onnx.ModelProto) -> bool:
    """Whether a model has to be written with external data."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer) > ONE_FILE


def copy_model(source: Path, target: Path) -> None:
    """Copy a model, with its external data in one file beside the copy."""
    graph = onnx.load(str(source), load_external_data=False).graph
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        _save_external(onnx.load(str(source)), target)
    else:
        shutil.copyfile(source, target)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Run a model as it is, on all threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if not is_large(model):
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    with tempfile.TemporaryDirectory(prefix="nerd-model-") as folder:
        path = Path(folder, "model.onnx")
        _save_external(model, path)
        load_external_data_for_model(model, folder)
        return onnxruntime.InferenceSession(str(path), options, providers=providers)


def _save_external(model: onnx.ModelProto, path: Path) -> None:
    """Write a model with external data; its tensors in memory are empty afterwards."""
    onnx.save_model(model, str(path), save_as_external_data=True, location=f"{path.name}.data")
