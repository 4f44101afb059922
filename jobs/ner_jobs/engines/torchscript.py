"""TorchScript on CPU: the reference workflow's engine, in fp32 and in bf16.

For bf16 the model is traced again with its weights in bf16: autocast around
the fp32 graph would cast every weight in every call. Softmax stays in fp32, as
the model's own code asks. The type of the weights is read back when a graph
is loaded.

The option `shape: fixed` runs the graph of one padded window, as the reference
scripts do. It is for comparison, and slow.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from ner_jobs.engines.base import FloatArray, IntArray, Recipe, refuse_options
from ner_jobs.host import versions
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.graphs import (
    DYNAMIC_TORCHSCRIPT,
    Graph,
    fixed_torchscript,
    load_torchscript,
    reads_token_types,
    trace_dynamic,
    trace_fixed,
)
from ner_jobs.task import ExitCode, PermanentError

MODEL = "model.torchscript.pt"
FACTS = "torchscript.json"
SHAPE = "shape"
SHAPES = ("dynamic", "fixed")

FP32 = Recipe("fp32", "fp32", "the traced graph as it is")
BF16 = Recipe("bf16", "bf16", "traced again with its weights in bf16")
RECIPES = {"fp32": (FP32,), "bf16": (BF16,)}

PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


class TorchScriptBackend:
    """The backend `torchscript`."""

    name = "torchscript"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32 and bf16, one recipe each."""
        return RECIPES.get(precision, ())

    def unsupported(self, recipe: Recipe) -> str:
        """Every recipe runs on every CPU: a processor without bf16 computes it in software, and slowly."""
        return ""

    def required_features(self, recipe: Recipe) -> tuple[str, ...]:
        """None: a processor without bf16 computes the same in software."""
        return ()

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Sequence[IntArray],
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write the graph, its precision and its length. Option `shape`: `dynamic` (the default) or `fixed`.

        Raises:
            PermanentError: an option or its value is unknown.
        """
        refuse_options(self.name, options, [SHAPE])
        fixed = _fixed_length(exported, options)
        name = fixed_torchscript(fixed) if fixed else DYNAMIC_TORCHSCRIPT
        if recipe == FP32:
            shutil.copyfile(exported / name, target / MODEL)
        else:
            graph = _in_bf16(exported)
            if fixed:
                trace_fixed(graph, fixed, target / MODEL)
            else:
                trace_dynamic(graph, target / MODEL)
        facts = {"precision": recipe.precision, "fixedLength": fixed}
        (target / FACTS).write_text(json.dumps(facts, indent=1) + "\n")

    def load(self, folder: Path, threads: int = 1) -> "TorchScriptSession":
        """Open the graph. The number of threads applies to the whole process.

        Raises:
            PermanentError: its weights are not in the precision that was compiled.
        """
        facts = json.loads((folder / FACTS).read_text())
        torch.set_num_threads(threads)
        session = TorchScriptSession(folder / MODEL, facts["fixedLength"])
        if session.effective_precision != facts["precision"]:
            raise PermanentError(
                f"TorchScript runs {folder} in {session.effective_precision}, {facts['precision']} was "
                "compiled; compile it again",
                ExitCode.SOFTWARE,
            )
        return session

    def versions(self) -> dict[str, str]:
        """Of torch."""
        return versions(("torch",))


class TorchScriptSession:
    """A traced graph in this process.

    Attributes:
        products: how many matrices of weights there are in each precision.
        weights: how many weights there are in them.
    """

    length_step = 1

    def __init__(self, path: Path, fixed_length: int | None) -> None:
        self.fixed_length = fixed_length
        self._graph = load_torchscript(path)
        self.products, self.weights = Counter[str](), Counter[str]()
        for value in self._graph.parameters():
            if value.ndim > 1:
                kind = PRECISIONS.get(value.dtype, str(value.dtype))
                self.products[kind] += 1
                self.weights[kind] += value.numel()
        self.effective_precision = " and ".join(sorted(self.products)) or "nothing at all"

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        ids, mask = torch.from_numpy(input_ids), torch.from_numpy(attention_mask)
        with torch.inference_mode():
            return np.asarray(self._graph(ids, mask, torch.zeros_like(ids)).float().numpy(), np.float32)


def _fixed_length(exported: Path, options: Mapping[str, str]) -> int | None:
    asked = options.get(SHAPE, SHAPES[0])
    if asked not in SHAPES:
        raise PermanentError(
            f"spec.variants[].options.{SHAPE} is {asked!r}; write {' or '.join(SHAPES)}", ExitCode.USAGE
        )
    if asked == "dynamic":
        return None
    return ModelFolder(exported).facts.max_length


def _in_bf16(exported: Path) -> Graph:
    """The model in bf16, from its config and the weights of the exported graph."""
    # Imported here: it takes seconds, and only tracing needs it.
    from transformers import AutoConfig, AutoModelForTokenClassification

    weights = load_torchscript(exported / DYNAMIC_TORCHSCRIPT).state_dict()
    config = AutoConfig.from_pretrained(exported)
    model = AutoModelForTokenClassification.from_config(config, attn_implementation="eager")
    graph = Graph(model, reads_token_types(model))
    missing = graph.load_state_dict(weights, strict=False).missing_keys
    if missing:
        raise PermanentError(
            f"{exported / DYNAMIC_TORCHSCRIPT} lacks {', '.join(missing[:3])}: it is not what its "
            "config.json says; export it again",
            ExitCode.DATA,
        )
    return graph.to(torch.bfloat16).eval()
