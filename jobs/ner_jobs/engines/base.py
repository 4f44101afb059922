"""What compiles and runs a variant: the contract of a backend.

A backend is one file: it names its precisions and its recipes in the order in
which they are tried (the expected fastest first), compiles one recipe into a
folder, and opens such a folder as a `Session`. It knows nothing of stores,
corpora or scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to reach a precision.

    Attributes:
        name: in the table of all that was tried, and in `quantization.recipe`.
        precision: what it should run in.
        summary: one sentence for people.
        searched: False for the naive ones: there by name only.
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
    """Read back from the engine, never what was asked."""

    fixed_length: int | None
    """The only length it takes (a fixed 1xL export), or None for any."""

    length_step: int
    """Lengths are padded to multiples of this: more than 1 where each shape that is new costs the engine."""

    products: Mapping[str, int]
    """Matrix products (or their weights) counted by what they run in, as far as the engine tells."""

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits.

        Args:
            input_ids: int64 (batch, length).
            attention_mask: int64 (batch, length), 1 for real sub-tokens.

        Returns:
            float32 (batch, length, labels).
        """


class Calibration(Protocol):
    """Windows to calibrate on, padded to nothing: each its own length."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[IntArray, IntArray]]:
        """(input_ids, attention_mask), each int64 (1, length)."""


class Backend(Protocol):
    """One engine."""

    name: str

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """All recipes of this precision, in the order of the search; empty where it has none."""

    def lacking(self, recipe: Recipe) -> str:
        """What this host has not and the recipe wants, in a sentence; empty where the recipe runs here."""

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Calibration,
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write the compiled form into `target`.

        Args:
            exported: the export artifact's `model` folder: `dynamic.onnx`, `dynamic.torchscript.pt`,
                `fixed-1x<maxLength>.torchscript.pt`, `config.json`, tokenizer files, `nerd.json`.
            recipe: one of `recipes(...)` for which nothing is `lacking`.
            calibration: read only where the recipe needs it.
            target: an empty folder.
            options: the spec's `variants[].options`; unknown names raise PermanentError.
        """

    def load(self, folder: Path, threads: int = 1) -> Session:
        """Open what `compile` left.

        Raises:
            PermanentError: the engine does not run it in the precision that was compiled.
        """

    def versions(self) -> dict[str, str]:
        """Of the libraries that compute; part of the key."""
