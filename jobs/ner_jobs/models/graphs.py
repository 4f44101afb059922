"""Graphs of a token classifier: TorchScript of one fixed window, of any length, and ONNX.

The inputs have the reference workflow's order: ids, mask, types. ONNX is
written by the tracing exporter with eager attention: ONNX Runtime fuses only
that form, and the graph of the newer exporter runs at half the speed.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ner_jobs.corpus.encoding import FloatArray
from ner_jobs.corpus.padding import IntArray

if TYPE_CHECKING:
    # Workers that run TorchScript import this module; transformers would cost them seconds.
    from transformers import PreTrainedModel

DYNAMIC_TORCHSCRIPT = "dynamic.torchscript.pt"
DYNAMIC_ONNX = "dynamic.onnx"
ONNX_OPSET = 17
SAMPLE_LENGTH = 24


def fixed_torchscript(max_length: int) -> str:
    """File name of the graph of one window of this length."""
    return f"fixed-1x{max_length}.torchscript.pt"


class Graph(nn.Module):
    """A token classifier as a function of tensors, logits out.

    Args:
        model: in evaluation mode.
        types: whether the model reads segment ids; if not, they are accepted and ignored.
    """

    def __init__(self, model: "PreTrainedModel", types: bool) -> None:
        super().__init__()
        self.model = model
        self.types = types

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Logits (batch, length, labels) of int64 (batch, length) each."""
        types = {"token_type_ids": token_type_ids} if self.types else {}
        found: Tensor = self.model(
            input_ids=input_ids, attention_mask=attention_mask, return_dict=False, **types
        )[0]
        return found


def reads_token_types(model: "PreTrainedModel") -> bool:
    """Whether segment ids change anything: DistilBERT has none, RoBERTa knows one."""
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1


def trace_fixed(graph: Graph, max_length: int, path: Path) -> None:
    """Write TorchScript of exactly 1 x `max_length`, as the reference compiler reads it."""
    _trace(graph, _sample(1, max_length), path)


def trace_dynamic(graph: Graph, path: Path) -> None:
    """Write TorchScript of any batch and any length."""
    _trace(graph, _sample(2, SAMPLE_LENGTH), path)


def export_onnx(graph: Graph, path: Path) -> None:
    """Write ONNX of any batch and any length; segment ids are an input only if the model reads them."""
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if graph.types else [])]
    # The exporter flips a module that is not in evaluation mode to training.
    graph.eval()
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            graph,
            _sample(2, SAMPLE_LENGTH)[: len(names)],
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in [*names, "logits"]},
            opset_version=ONNX_OPSET,
            dynamo=False,
        )
    import onnx

    onnx.checker.check_model(str(path))


def forward_of(module: nn.Module) -> Callable[[IntArray, IntArray], FloatArray]:
    """A graph as a function of arrays.

    Returns:
        Logits float32 (batch, length, labels) of ids and mask, int64 (batch, length); segment ids are zeros.
    """

    def forward(ids: IntArray, mask: IntArray) -> FloatArray:
        tensors = torch.from_numpy(ids), torch.from_numpy(mask)
        with torch.no_grad():
            return np.asarray(module(*tensors, torch.zeros_like(tensors[0])).float().numpy())

    return forward


def load_torchscript(path: Path) -> nn.Module:
    """Open a traced graph for inference."""
    with _quiet():
        script: nn.Module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return script.eval()


def _trace(graph: Graph, sample: tuple[Tensor, ...], path: Path) -> None:
    with torch.no_grad(), _quiet():
        traced: Any = torch.jit.trace(graph, sample, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        # Python writes the file: on a full disk torch's own writer ends the process by SIGABRT.
        with path.open("wb") as file:
            torch.jit.save(traced, file)


def _sample(batch: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Windows with some padding: a mask of ones alone would be traced away."""
    ids = torch.arange(batch * length).reshape(batch, length) % 3 + 1
    mask = torch.ones_like(ids)
    mask[-1, length - 2 :] = 0
    return ids, mask, torch.zeros_like(ids)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings about Python values that tracing freezes; parity finds those that matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
