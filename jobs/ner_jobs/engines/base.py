"""The contract of a backend, which compiles and runs variants, and what backends share.

A backend is one file. It names its precisions and its recipes in the order in
which they are tried (the expected fastest first), compiles one recipe into a
folder, and opens such a folder as a `Session`: arrays in, arrays out. It knows
nothing of stores, corpora or scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ner_jobs.task import ExitCode, PermanentError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to reach a precision.

    Attributes:
        name: in the table of tried recipes, and in `quantization.recipe`.
        precision: in which the model is to run.
        summary: one sentence for users.
        searched: False for the naive recipes, which are compiled only if the spec names them.
        needs_calibration: whether `compile` reads calibration windows.
    """

    name: str
    precision: str
    summary: str
    searched: bool = True
    needs_calibration: bool = False


class Session(Protocol):
    """A loaded model on one thread or more."""

    effective_precision: str
    """The precision in which the engine runs, read back from the engine."""

    fixed_length: int | None
    """The only length that it takes (a fixed 1xL export), or None for any."""

    length_step: int
    """Lengths are padded to multiples of this. Above 1 if each new shape costs the engine time."""

    products: Mapping[str, int]
    """How many matrix products (or their weights) run in each precision or operator."""

    weights: Mapping[str, int]
    """How many weights are multiplied in each precision. Those that several products share count for each."""

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits.

        Args:
            input_ids: int64 (batch, length).
            attention_mask: int64 (batch, length), 1 for real sub-tokens.

        Returns:
            float32 (batch, length, labels).
        """


class Backend(Protocol):
    """One engine."""

    name: str

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """All recipes of this precision, in the order of the search; empty if there are none."""

    def unsupported(self, recipe: Recipe) -> str:
        """Why this host cannot run the recipe, as part of a sentence; empty if it can."""

    def required_features(self, recipe: Recipe) -> tuple[str, ...]:
        """Features of this processor (names in `host.CPU_FEATURES`) without which the numbers would differ.

        Args:
            recipe: that is compiled on this processor.
        """

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Sequence[IntArray],
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write the compiled form into `target`.

        Args:
            exported: the export artifact's `model` folder: `dynamic.onnx`, `dynamic.torchscript.pt`,
                `fixed-1x<maxLength>.torchscript.pt`, `config.json`, tokenizer files, `nerd.json`.
            recipe: one of `recipes(...)` that is not `unsupported`.
            calibration: windows without padding, int64 (length,) each; read only if the recipe needs them.
            target: an empty folder.
            options: the spec's `variants[].options`.

        Raises:
            PermanentError: an option is unknown.
        """

    def load(self, folder: Path, threads: int = 1) -> Session:
        """Open a folder that `compile` filled.

        Raises:
            PermanentError: the engine does not run it in the precision that was compiled.
        """

    def versions(self) -> dict[str, str]:
        """Versions of the libraries that compute; part of the key."""


def int8_share(weights: Mapping[str, int]) -> float:
    """The share of a session's `weights` that is multiplied in int8, in 0..1."""
    return weights.get("int8", 0) / max(sum(weights.values()), 1)


def feed(
    names: Sequence[str], input_ids: IntArray, attention_mask: IntArray | None = None
) -> dict[str, IntArray]:
    """The inputs of a graph, by name; segment ids are zeros.

    Args:
        names: of the graph's inputs.
        input_ids: int64 (batch, length).
        attention_mask: int64 (batch, length); None if nothing is padded.
    """
    if attention_mask is None:
        attention_mask = np.ones_like(input_ids)
    known = {"input_ids": input_ids, "attention_mask": attention_mask}
    return {name: known[name] if name in known else np.zeros_like(input_ids) for name in names}


def refuse_options(backend: str, options: Mapping[str, str], known: Sequence[str] = ()) -> None:
    """Refuse options that a backend does not have.

    Raises:
        PermanentError: an option is unknown.
    """
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise PermanentError(
            f"backend {backend} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'} "
            "(spec.variants[].options)",
            ExitCode.USAGE,
        )
