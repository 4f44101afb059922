"""The page of `nerd report`: which variant is in service, and what the others would have cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from ner_jobs.promotion.verdict import Outcome, VariantVerdict, Verdict
from ner_jobs.report import charts
from ner_jobs.report.comparison import Comparison, VariantReport, verdict_text
from ner_jobs.report.rendering import Picture, Section, outcome_kind, render
from ner_jobs.report.summary_text import COLLAPSE, called
from ner_jobs.scoring.summary import Evaluation, TypeFigures


@dataclass(frozen=True, slots=True)
class _Text:
    headline: str
    lead: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One variant; `times` is its speed divided by that of the reference."""

    variant: VariantReport
    verdict: str
    kind: str
    times: float | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class _TypeRow:
    """One entity type; figures of each evaluated variant, None if it does not know the type."""

    name: str
    cells: tuple[TypeFigures | None, ...]
    gold: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """Findings on one variant; folded unless `open`."""

    judged: VariantVerdict
    verdict: str
    kind: str
    open: bool


def page(comparison: Comparison) -> str:
    """The whole page.

    Args:
        comparison: what `collect` made of the manifests.

    Returns:
        HTML that needs no network.
    """
    evaluated = {
        variant.name: variant.evaluation for variant in comparison.variants if variant.evaluation is not None
    }
    first = next(iter(evaluated.values()), None)
    pictures = _pictures(comparison)
    by_type = _by_type(list(evaluated.values()))
    judged = _judged(comparison)
    searched = [variant for variant in comparison.variants if variant.trials]
    sections = (
        (Section("variants", "Side by side"), True),
        (Section("quality", "Quality and speed"), pictures),
        (Section("types", "Types"), by_type),
        (Section("gates", "Gates"), judged),
        (Section("recipes", "Recipes"), searched),
        (Section("method", "Method"), True),
    )
    return render(
        "comparison.html.j2",
        comparison=comparison,
        text=_text(comparison),
        sections=[section for section, present in sections if present],
        confidence=first.confidence if first else 0.95,
        table=[_row(comparison, variant) for variant in comparison.variants],
        pictures=pictures,
        evaluated=list(evaluated),
        by_type=by_type,
        judged=judged,
        searched=searched,
        facts=_facts(comparison, first),
    )


def _text(comparison: Comparison) -> _Text:
    verdict = comparison.verdict
    notes = [
        f"{variant.name} has collapsed: it loses {variant.drop.point:.1f} points of F1. It would have gone "
        "unnoticed without a comparison."
        for variant in comparison.variants
        if variant.drop is not None and variant.drop.point >= COLLAPSE
    ]
    if emulated := [variant.name for variant in comparison.variants if variant.emulated]:
        notes.append(
            f"Made on a stand-in for the device: {', '.join(emulated)}. Its speed says nothing of the device."
        )
    if verdict is None:
        count = len(comparison.variants)
        return _Text(
            f"{count} {'variant' if count == 1 else 'variants'} measured, none judged yet.",
            "The promote stage has not run: nerd run does it, and this page will say what it decided.",
            tuple(notes),
        )
    lead = verdict.message if verdict.message.endswith(".") else verdict.message + "."
    return _Text(_headline(comparison, verdict), lead, tuple(notes))


def _headline(comparison: Comparison, verdict: Verdict) -> str:
    chosen = next((each for each in comparison.variants if each.name == verdict.variant), None)
    if chosen is None:
        return "No variant may be promoted."
    does = {
        Outcome.PROMOTED: "is promoted",
        Outcome.ALREADY_CURRENT: "is in service",
        Outcome.AWAITING_APPROVAL: "has passed, and waits for a person",
        Outcome.REFUSED: "is refused",
    }[verdict.outcome]
    if chosen.reference or chosen.drop is None:
        return f"{chosen.name} {does}."
    facts: list[str] = []
    if times := _times(comparison, chosen):
        reference = next((each.name for each in comparison.variants if each.reference), "the reference")
        facts.append(f"{times:.1f} times as fast as {called(reference)}")
    drop = chosen.drop.point
    if abs(drop) < 0.005:
        facts.append("at the same F1")
    else:
        facts.append(f"{'at a cost of' if drop > 0 else 'with a gain of'} {abs(drop):.2f} points of F1")
    return f"{chosen.name} {does}: {', '.join(facts)}."


def _times(comparison: Comparison, variant: VariantReport) -> float | None:
    """The variant's speed divided by that of the reference; None if one was not measured."""
    reference = next((each for each in comparison.variants if each.reference), None)
    if reference is None or variant.reference or not (reference.speed and variant.speed):
        return None
    slow = reference.speed.sentences_per_second
    return variant.speed.sentences_per_second / slow if slow else None


def _row(comparison: Comparison, variant: VariantReport) -> _Row:
    return _Row(
        variant=variant,
        verdict=verdict_text(comparison, variant),
        kind=_kind(variant),
        times=_times(comparison, variant),
        chosen=bool(comparison.verdict and comparison.verdict.variant == variant.name),
    )


def _kind(variant: VariantReport) -> str:
    if variant.verdict is None:
        return "plain"
    return outcome_kind(variant.verdict.outcome)


def _judged(comparison: Comparison) -> list[_Judged]:
    """In the order in which they were judged; a variant that passed and was not chosen is folded."""
    if comparison.verdict is None:
        return []
    variants = {variant.name: variant for variant in comparison.variants}
    chosen = comparison.verdict.variant
    return [
        _Judged(
            judged,
            verdict_text(comparison, variants[judged.variant]),
            _kind(variants[judged.variant]),
            open=judged.variant == chosen or not judged.passed,
        )
        for judged in comparison.verdict.variants
        if judged.variant in variants
    ]


def _pictures(comparison: Comparison) -> list[Picture]:
    chosen = comparison.verdict.variant if comparison.verdict else None
    pictures: list[Picture] = []
    intervals = [
        charts.IntervalRow(variant.name, variant.evaluation.f1, variant.name == chosen)
        for variant in comparison.variants
        if variant.evaluation
    ]
    if intervals:
        name = "F1 of each variant"
        about = "Two intervals that overlap may still differ: they share their sentences."
        pictures.append(Picture(name, about, charts.intervals(name, intervals)))
    points = [
        charts.TradePoint(
            variant.name,
            variant.evaluation.f1.point,
            variant.speed.sentences_per_second,
            variant.verdict.passed if variant.verdict else None,
        )
        for variant in comparison.variants
        if variant.evaluation and variant.speed
    ]
    if points:
        name = "Quality beside speed"
        about = "Up is better, right is faster. Green passed every gate, red did not."
        pictures.append(Picture(name, about, charts.trade(name, points)))
    return pictures


def _by_type(evaluations: Sequence[Evaluation]) -> list[_TypeRow]:
    by_variant = [{figures.name: figures for figures in evaluation.types} for evaluation in evaluations]
    names = dict.fromkeys(name for types in by_variant for name in types)
    return [
        _TypeRow(
            name,
            tuple(types.get(name) for types in by_variant),
            next(types[name].gold for types in reversed(by_variant) if name in types),
        )
        for name in names
    ]


def _facts(comparison: Comparison, evaluation: Evaluation | None) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if evaluation:
        facts += [
            (
                "Test snapshot",
                f"{evaluation.sentences:,} sentences, {evaluation.gold:,} entities; {evaluation.test}",
            ),
            ("Bounds", "one-sided gamma bounds over sentences, joined by MOVER: what gates use"),
            (
                "Intervals",
                f"paired percentile bootstrap over sentences, {evaluation.resamples:,} draws, seed "
                f"{evaluation.seed}, the same draws for all variants",
            ),
        ]
    measured = next((variant.speed for variant in comparison.variants if variant.speed), None)
    if measured:
        instances = f", {measured.instances} single-threaded instances" if measured.instances else ""
        facts.append(("Speed", f"closed loop after a warm-up{instances}; latency from text to entities"))
    if comparison.verdict:
        facts.append(
            ("Candidates judged", f"{comparison.verdict.judged} so far on this test snapshot, these included")
        )
        facts.append(("Pointer", f"generation {comparison.verdict.generation}"))
    facts.append(
        ("Size", "all files of the compiled folder: weights, tokenizer, and what the engine needs besides")
    )
    return facts
