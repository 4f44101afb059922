"""TorchScript on CPU: the reference, in fp32 and in bf16.

bf16 is the traced graph under autocast: matrix products in bf16, norms and
softmax in fp32, as PyTorch itself recommends on CPU. What really runs is read
back from a product's output.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from ner_jobs.backends.base import Calibration, FloatArray, IntArray, Recipe
from ner_jobs.backends.graph_inputs import copy_folder_files, refuse_options
from ner_jobs.host import versions
from ner_jobs.task import ExitCode, PermanentError

MODEL = "dynamic.torchscript.pt"
PRECISION = "precision.txt"

RECIPES = {
    "fp32": (Recipe("fp32", "fp32", "the traced graph as it is"),),
    "bf16": (Recipe("bf16", "bf16", "the traced graph under bf16 autocast"),),
}


class TorchScriptBackend:
    """The backend `torchscript`."""

    name = "torchscript"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32 and bf16, one recipe each."""
        return RECIPES.get(precision, ())

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Calibration,
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Copy the traced graph, and note the precision."""
        refuse_options(self.name, options)
        copy_folder_files(exported, target, [MODEL])
        (target / PRECISION).write_text(recipe.precision)

    def load(self, folder: Path, threads: int = 1) -> "TorchScriptSession":
        """Open the graph.

        Raises:
            PermanentError: matrix products do not run in the precision that was compiled.
        """
        torch.set_num_threads(threads)
        wanted = (folder / PRECISION).read_text().strip()
        session = TorchScriptSession(folder, wanted)
        if session.effective_precision != wanted:
            raise PermanentError(
                f"TorchScript runs in {session.effective_precision} on this host, {wanted} was compiled",
                ExitCode.SOFTWARE,
            )
        return session

    def versions(self) -> dict[str, str]:
        """Of torch."""
        return versions(("torch",))


class TorchScriptSession:
    """A traced graph in this process."""

    fixed_length: int | None = None

    def __init__(self, folder: Path, precision: str) -> None:
        self._graph: torch.jit.ScriptModule = torch.jit.load(str(folder / MODEL)).eval()  # type: ignore[no-untyped-call]
        self._bf16 = precision == "bf16"
        self.effective_precision = self._read_back()

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        ids, mask = torch.from_numpy(input_ids), torch.from_numpy(attention_mask)
        return np.asarray(self._logits(ids, mask).float().numpy(), np.float32)

    def _logits(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        autocast = torch.autocast("cpu", torch.bfloat16) if self._bf16 else nullcontext()
        with torch.inference_mode(), autocast:
            found: torch.Tensor = self._graph(ids, mask, torch.zeros_like(ids))
        return found

    def _read_back(self) -> str:
        """The classifier is a matrix product: the type of its output is the type that it ran in."""
        ids = torch.ones((1, 4), dtype=torch.int64)
        kind = self._logits(ids, torch.ones_like(ids)).dtype
        return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}.get(kind, str(kind))
