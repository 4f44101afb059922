"""All variants of a revision compared: what `nerd report` shows.

It is built from manifests alone, so it is the same from a folder and from S3.
One `Comparison` becomes a page, rows of a terminal table, and JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ner_jobs.promotion.verdict import VariantVerdict, Verdict
from ner_jobs.scoring.estimate import Estimate, StoredFigures
from ner_jobs.scoring.summary import Evaluation
from ner_jobs.task import Manifest, Stage

FiguresT = TypeVar("FiguresT", bound=BaseModel)


class Trial(StoredFigures):
    """One recipe of the search for int8, as `compile` tried it on validation.

    Attributes:
        f1: in 0..1; drop: points below the backend's fp32; bound: its one-sided upper bound.
        why: the verdict of the search, in a sentence.
    """

    name: str
    summary: str = ""
    f1: float | None = None
    drop: float | None = None
    bound: float | None = None
    sentences_per_second: float | None = None
    verdict: str = ""
    why: str = ""


class Latency(StoredFigures):
    """Milliseconds from text to entities."""

    p50: float
    p90: float
    p99: float


class Speed(StoredFigures):
    """What `benchmark` measured; `peak_pss` in MiB."""

    sentences_per_second: float
    tokens_per_second: float | None = None
    latency: Latency | None = Field(default=None, alias="latencyMs")
    peak_pss: float | None = Field(default=None, alias="peakPssMiB")
    cpu_seconds_per_sentence: float | None = None
    instances: int | None = None
    processes: int | None = None


class VariantReport(StoredFigures):
    """One variant.

    Attributes:
        asked: precision in the spec.
        compiled: precision that was compiled; `effective` is the one that the engine reports.
        recipe: that was compiled, or empty.
        size: bytes of the compiled folder; None if nothing was compiled.
        trials: all recipes that were tried, in their order.
    """

    name: str
    reference: bool = False
    backend: str = ""
    asked: str = ""
    compiled: str = ""
    effective: str = ""
    recipe: str = ""
    size: int | None = None
    emulated: bool = False
    evaluation: Evaluation | None = None
    speed: Speed | None = None
    verdict: VariantVerdict | None = None
    trials: tuple[Trial, ...] = ()

    @property
    def f1(self) -> Estimate | None:
        """In 0..1; None if not evaluated."""
        return self.evaluation.f1 if self.evaluation else None

    @property
    def drop(self) -> Estimate | None:
        """Points of F1 below the reference; None for the reference itself."""
        against = self.evaluation.reference if self.evaluation else None
        return against.drop if against else None


class Comparison(StoredFigures):
    """A revision.

    Attributes:
        title: `namespace/name`.
        verdict: of promote, or None if it has not judged yet.
        variants: the reference first, then in the order of preference, then the others.
    """

    title: str
    revision: str = ""
    verdict: Verdict | None = None
    variants: tuple[VariantReport, ...] = ()


NOT_MEASURED = "–"

COLUMNS = ("variant", "precision", "F1", "drop", "at most", "sentences/s", "p50 ms", "size", "verdict", "why")


def collect(title: str, manifests: Iterable[Manifest]) -> Comparison:
    """Sort the manifests of one revision's stages by variant.

    Args:
        title: `namespace/name` of the NerDeployment.
        manifests: of compile, evaluate, benchmark and promote, as far as they exist; others are
            ignored. Of two for one stage and variant, the later one counts.
    """
    found: dict[tuple[str, str], Manifest] = {}
    for manifest in sorted(manifests, key=lambda each: each.finished):
        found[manifest.stage, manifest.variant or ""] = manifest
    promote = found.get((Stage.PROMOTE, ""))
    verdict = _read(Verdict, promote.metrics) if promote else None
    reference = _reference(promote, found.values())
    names = _names(reference, promote, found)
    judged = {each.variant: each for each in verdict.variants} if verdict else {}
    variants = tuple(_variant(name, name == reference, found, judged.get(name)) for name in names)
    return Comparison(
        title=title, revision=verdict.revision if verdict else "", verdict=verdict, variants=variants
    )


def rows(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """A row a variant, cells as `COLUMNS` names them; `NOT_MEASURED` stands for a missing figure."""
    return tuple(_cells(comparison, variant) for variant in comparison.variants)


def _cells(comparison: Comparison, variant: VariantReport) -> tuple[str, ...]:
    f1, drop, speed = variant.f1, variant.drop, variant.speed
    lost = ("reference", "") if variant.reference else (NOT_MEASURED, NOT_MEASURED)
    if drop and not variant.reference:
        lost = (f"{drop.point:.2f}", f"{drop.upper:.2f}")
    return (
        variant.name,
        precision_text(variant),
        f"{f1.point:.4f}" if f1 else NOT_MEASURED,
        *lost,
        f"{speed.sentences_per_second:,.1f}" if speed else NOT_MEASURED,
        f"{speed.latency.p50:.1f}" if speed and speed.latency else NOT_MEASURED,
        size_text(variant.size),
        verdict_text(comparison, variant),
        variant.verdict.message if variant.verdict else "",
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison, for programs."""
    return comparison.model_dump(mode="json", by_alias=True)


def page(comparison: Comparison) -> str:
    """One HTML page that needs no network."""
    # Imported here: a table in a terminal needs no templates.
    from ner_jobs.report import comparison_page

    return comparison_page.page(comparison)


def verdict_text(comparison: Comparison, variant: VariantReport) -> str:
    """The verdict on a variant in a word or two."""
    if comparison.verdict is not None and comparison.verdict.variant == variant.name:
        return {
            "Promoted": "promoted",
            "AlreadyCurrent": "in service",
            "AwaitingApproval": "awaits approval",
        }.get(comparison.verdict.outcome, "passed")
    if variant.verdict is None:
        return "not judged"
    return "passed" if variant.verdict.passed else f"{variant.verdict.outcome}, {variant.verdict.reason}"


def precision_text(variant: VariantReport) -> str:
    """The compiled precision, and the one in the spec if it differs."""
    if variant.asked and variant.compiled and variant.asked != variant.compiled:
        return f"{variant.compiled} (asked: {variant.asked})"
    return variant.compiled or variant.asked or NOT_MEASURED


def size_text(size: int | None) -> str:
    """Bytes in MiB or KiB."""
    if size is None:
        return NOT_MEASURED
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB"


def _variant(
    name: str,
    reference: bool,
    found: Mapping[tuple[str, str], Manifest],
    verdict: VariantVerdict | None,
) -> VariantReport:
    compiled = found.get((Stage.COMPILE, name))
    evaluated = found.get((Stage.EVALUATE, name))
    benchmarked = found.get((Stage.BENCHMARK, name))
    known = {**compiled.metrics, **compiled.headline} if compiled else {}
    asked = str(compiled.parameters.get("precision", "")) if compiled else ""
    return VariantReport(
        name=name,
        reference=reference,
        backend=str(compiled.parameters.get("backend", "")) if compiled else "",
        asked=asked,
        compiled=str(known.get("precision") or asked),
        effective=str(known.get("effectivePrecision") or ""),
        recipe=str(known.get("recipe") or ""),
        size=sum(entry.size for entry in compiled.files_of("compiled")) if compiled else None,
        emulated=any(each.emulated for each in (compiled, evaluated) if each),
        evaluation=_read(Evaluation, evaluated.metrics) if evaluated else None,
        speed=_read(Speed, benchmarked.metrics) if benchmarked else None,
        verdict=verdict,
        trials=_trials(known.get("recipes")),
    )


def _trials(recorded: object) -> tuple[Trial, ...]:
    if not isinstance(recorded, Sequence):
        return ()
    trials = (_read(Trial, entry) for entry in recorded if isinstance(entry, Mapping))
    return tuple(trial for trial in trials if trial is not None)


def _names(
    reference: str, promote: Manifest | None, found: Mapping[tuple[str, str], Manifest]
) -> tuple[str, ...]:
    preferred = tuple(promote.parameters.get("preference", ())) if promote else ()
    others = sorted(variant for _, variant in found if variant)
    names = dict.fromkeys((reference, *preferred, *others))
    return tuple(name for name in names if name and any(variant == name for _, variant in found))


def _reference(promote: Manifest | None, manifests: Iterable[Manifest]) -> str:
    if promote is not None:
        return str(promote.parameters.get("reference", ""))
    for manifest in manifests:
        against = manifest.metrics.get("reference") if manifest.stage == Stage.EVALUATE else None
        if isinstance(against, Mapping):
            return str(against.get("variant", ""))
    return ""


def _read(kind: type[FiguresT], content: object) -> FiguresT | None:
    """The figures, or None if another version wrote them and something is missing."""
    try:
        return kind.model_validate(content)
    except ValidationError:
        return None
