"""The result of one recipe of a search: a row of the table in the artifact and the report.

A recipe passes by the gates' rule of non-inferiority: the one-sided upper
bound of its drop, on validation, against the backend's own fp32, is at most
the allowed drop. The measured drop alone would need less data, but it has
chosen a recipe that the test set then refused.

Each of k recipes could pass by chance, so each bound may only be missed with
the k-th part of the probability. Then the search as a whole keeps the
confidence that was asked for, whichever recipe it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ner_jobs.engines.base import Recipe, Session, int8_share
from ner_jobs.quantization.validation import Measurement
from ner_jobs.scoring.units import drop_bounds
from ner_jobs.task.parameters import QuantizationParameters

ERROR_LENGTH = 300
"""Characters of an engine's error that the table keeps; the log has all of it."""

LEAST_INT8_SHARE = 0.5
"""The share of the weights that must be multiplied in int8, or a recipe has failed.

The recipes that leave the FFN's down projections in fp32 multiply two thirds of a layer's weights in int8.
Below a half, most of the model is fp32 with the cost of quantizing around it.
"""


@dataclass(frozen=True, slots=True)
class TriedRecipe:
    """One row.

    Attributes:
        verdict: `skipped` if this host cannot run the recipe, `failed` if it could not be compiled or run.
        why: the verdict in a sentence.
        error: why it failed; otherwise empty.
        f1: on validation, in 0..1; None if it did not run, as for the other figures.
        drop: points of F1 below the backend's fp32; `upper` is its one-sided bound.
        sentences_per_second: of the model on validation, on the search's threads.
        size: bytes of the compiled folder.
        int8_share: of the weights, which part is multiplied in int8; None if it was not loaded.
    """

    name: str
    summary: str
    verdict: Literal["passed", "refused", "failed", "skipped"]
    why: str
    error: str = ""
    f1: float | None = None
    drop: float | None = None
    upper: float | None = None
    sentences_per_second: float | None = None
    size: int = 0
    int8_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As the artifact keeps it."""
        return {
            "name": self.name,
            "summary": self.summary,
            "f1": _rounded(self.f1, 6),
            "drop": _rounded(self.drop, 4),
            "bound": _rounded(self.upper, 4),
            "sentencesPerSecond": _rounded(self.sentences_per_second, 2),
            "size": self.size,
            "int8Share": _rounded(self.int8_share, 4),
            "verdict": self.verdict,
            "why": self.why,
            "error": self.error or None,
        }


def skipped(recipe: Recipe, why: str) -> TriedRecipe:
    """A recipe that this host cannot run."""
    return TriedRecipe(recipe.name, recipe.summary, "skipped", why)


def failed(recipe: Recipe, error: str) -> TriedRecipe:
    """A recipe that could not be compiled or run."""
    short = error if len(error) <= ERROR_LENGTH else error[:ERROR_LENGTH] + "…"
    return TriedRecipe(recipe.name, recipe.summary, "failed", f"it cannot be compiled or run: {short}", short)


def too_little_int8(recipe: Recipe, session: Session) -> TriedRecipe | None:
    """A recipe that left most of the weights in floats; None if it did not."""
    share = int8_share(session.weights)
    if share >= LEAST_INT8_SHARE:
        return None
    products = ", ".join(f"{count} {name}" for name, count in session.products.items())
    why = (
        f"only {share:.0%} of the weights are multiplied in int8, and int8 needs {LEAST_INT8_SHARE:.0%} "
        f"(products that run: {products})"
    )
    return TriedRecipe(recipe.name, recipe.summary, "failed", why, why, int8_share=share)


def judge(
    recipe: Recipe,
    measured: Measurement,
    reference: Measurement,
    size: int,
    wanted: QuantizationParameters,
    recipes: int,
) -> TriedRecipe:
    """Compare a recipe with the backend's own fp32.

    Args:
        recipe: that was compiled.
        measured: of the recipe.
        reference: of fp32, on the same sentences.
        size: bytes of the compiled folder.
        wanted: how much it may lose, and with what confidence.
        recipes: how many recipes the search may try, this one included.
    """
    types = tuple(dict.fromkeys((*reference.counts.types, *measured.counts.types)))
    other, candidate = reference.counts.aligned_to(types), measured.counts.aligned_to(types)
    drop = drop_bounds(other, candidate, "f1", None, confidence_of_each(wanted.confidence, recipes))
    passed = drop.upper <= wanted.max_drop
    why = (
        f"F1 {measured.f1:.4f}, {drop.point:.2f} points below fp32 "
        f"(at most {drop.upper:.2f} with {100 * wanted.confidence:g}% confidence"
        f"{f' in all {recipes} recipes' if recipes > 1 else ''}): "
        f"{'within' if passed else 'above'} the {wanted.max_drop:g} points that are allowed"
    )
    return TriedRecipe(
        recipe.name,
        recipe.summary,
        "passed" if passed else "refused",
        why,
        f1=measured.f1,
        drop=drop.point,
        upper=drop.upper,
        sentences_per_second=measured.sentences_per_second,
        size=size,
    )


def confidence_of_each(confidence: float, recipes: int) -> float:
    """The confidence of each of several bounds that hold together with the given one (Bonferroni)."""
    return 1 - (1 - confidence) / recipes


def closest(tried: Sequence[TriedRecipe]) -> str:
    """The recipe that lost least, for a message that says that none passed."""
    measured = [row for row in tried if row.upper is not None]
    if not measured:
        return "none of them could be run: " + "; ".join(f"{row.name}: {row.why}" for row in tried)
    best = min(measured, key=lambda row: row.upper or 0.0)
    return f"the closest, {best.name}: {best.why}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
