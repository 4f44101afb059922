"""The page of `nerd report`: which variant is in service, and what the others would have cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ner_jobs.promotion.gates import Finding, Outcome
from ner_jobs.report import charts
from ner_jobs.report.comparison import (
    Comparison,
    Trial,
    VariantReport,
    precision_words,
    signed_words,
    size_words,
    verdict_words,
)
from ner_jobs.report.rendering import render
from ner_jobs.report.words import COLLAPSE, called


@dataclass(frozen=True, slots=True)
class _Words:
    headline: str
    lead: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    precision: str
    backend: str
    verdict: str
    kind: str
    f1: str
    points: str
    worst: str
    per_second: str
    times: str
    latency: str
    size: str
    memory: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class _Cell:
    f1: str
    points: str


@dataclass(frozen=True, slots=True)
class _TypeRow:
    name: str
    cells: tuple[_Cell, ...]
    gold: str


@dataclass(frozen=True, slots=True)
class _Judged:
    name: str
    verdict: str
    kind: str
    findings: tuple[Finding, ...]
    open: bool

    @property
    def passed(self) -> int:
        return sum(finding.passed for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _TrialRow:
    name: str
    summary: str
    f1: str
    points: str
    worst: str
    per_second: str
    verdict: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class _Searched:
    name: str
    recipe: str
    trials: tuple[_TrialRow, ...]


def page(comparison: Comparison) -> str:
    """The whole page.

    Args:
        comparison: what `collect` made of the manifests.

    Returns:
        HTML that needs no network.
    """
    evaluated = [variant for variant in comparison.variants if variant.evaluation]
    confidence = evaluated[0].evaluation.confidence if evaluated and evaluated[0].evaluation else 0.95
    pictures = _charts(comparison)
    by_type = _by_type(evaluated)
    judged = _judged(comparison)
    searched = [_searched(variant) for variant in comparison.variants if variant.trials]
    present = {
        "variants": ("Side by side", True),
        "quality": ("Quality and speed", pictures),
        "types": ("Types", by_type),
        "gates": ("Gates", judged),
        "recipes": ("Recipes", searched),
        "method": ("Method", True),
    }
    return render(
        "comparison.html.j2",
        comparison=comparison,
        words=_words(comparison),
        sections=[(anchor, name) for anchor, (name, there) in present.items() if there],
        percent=f"{confidence:.0%}",
        table=[_row(comparison, variant) for variant in comparison.variants],
        charts=pictures,
        evaluated=[variant.name for variant in evaluated],
        by_type=by_type,
        judged=judged,
        searched=searched,
        facts=_facts(comparison, evaluated),
    )


def _words(comparison: Comparison) -> _Words:
    verdict = comparison.verdict
    chosen = next((each for each in comparison.variants if verdict and each.name == verdict.variant), None)
    notes: list[str] = []
    for variant in comparison.variants:
        if variant.drop is not None and variant.drop >= COLLAPSE:
            notes.append(
                f"{variant.name} has collapsed: it loses {variant.drop:.1f} points of F1. It would have gone "
                "unnoticed without a comparison."
            )
    if any(variant.emulated for variant in comparison.variants):
        names = ", ".join(variant.name for variant in comparison.variants if variant.emulated)
        notes.append(f"Made on a stand-in for the device: {names}. Its speed says nothing of the device.")
    if verdict is None:
        count = len(comparison.variants)
        return _Words(
            f"{count} {'variant' if count == 1 else 'variants'} measured, none judged yet.",
            "The promote stage has not run: nerd run does it, and this page will say what it decided.",
            tuple(notes),
        )
    return _Words(_headline(comparison, chosen), _sentence(verdict.message), tuple(notes))


def _headline(comparison: Comparison, chosen: VariantReport | None) -> str:
    verdict = comparison.verdict
    if verdict is None or chosen is None:
        return "No variant may be promoted."
    does = {
        Outcome.PROMOTED: "is promoted",
        Outcome.ALREADY_CURRENT: "is in service",
        Outcome.AWAITING_APPROVAL: "has passed, and waits for a person",
        Outcome.REFUSED: "is refused",
    }[verdict.outcome]
    times = _times(comparison, chosen)
    if chosen.reference or chosen.drop is None:
        return f"{chosen.name} {does}."
    faster = f"{times:.1f} times as fast as {called(_reference_name(comparison))}" if times else ""
    if abs(chosen.drop) < 0.005:
        cost = "at the same F1"
    else:
        cost = (
            f"{'at a cost of' if chosen.drop > 0 else 'with a gain of'} {abs(chosen.drop):.2f} points of F1"
        )
    return f"{chosen.name} {does}: {', '.join(filter(None, (faster, cost)))}."


def _sentence(message: str) -> str:
    return message if message.endswith(".") else message + "."


def _reference_name(comparison: Comparison) -> str:
    return next((variant.name for variant in comparison.variants if variant.reference), "the reference")


def _times(comparison: Comparison, variant: VariantReport) -> float | None:
    """How many times as fast as the reference, where both were measured."""
    reference = next((each for each in comparison.variants if each.reference), None)
    if reference is None or variant.reference or not (reference.speed and variant.speed):
        return None
    slow = reference.speed.sentences_per_second
    return variant.speed.sentences_per_second / slow if slow else None


def _judged(comparison: Comparison) -> list[_Judged]:
    """In the order in which they were judged; what passed and was not needed is folded."""
    if comparison.verdict is None:
        return []
    variants = {variant.name: variant for variant in comparison.variants}
    chosen = comparison.verdict.variant
    return [
        _Judged(
            judged.variant,
            verdict_words(comparison, variants[judged.variant]),
            _kind(variants[judged.variant]),
            judged.findings,
            open=judged.variant == chosen or not judged.passed,
        )
        for judged in comparison.verdict.variants
        if judged.variant in variants
    ]


def _row(comparison: Comparison, variant: VariantReport) -> _Row:
    speed, times = variant.speed, _times(comparison, variant)
    latency = "–"
    if speed and speed.latency:
        latency = f"{speed.latency.p50:.1f}, {speed.latency.p99:.1f} ms"
    return _Row(
        name=variant.name,
        precision=precision_words(variant),
        backend=variant.backend,
        verdict=verdict_words(comparison, variant),
        kind=_kind(variant),
        f1=f"{variant.evaluation.f1.point:.4f}" if variant.evaluation else "–",
        points="reference" if variant.reference else signed_words(variant.drop),
        worst="" if variant.reference else signed_words(variant.drop_upper),
        per_second=f"{speed.sentences_per_second:,.0f}" if speed else "–",
        times=f"{times:.1f} times the reference" if times else "",
        latency=latency,
        size=size_words(variant.size),
        memory="" if speed is None or speed.peak_pss is None else f"{speed.peak_pss:,.0f} MiB of memory",
        chosen=bool(comparison.verdict and comparison.verdict.variant == variant.name),
    )


def _kind(variant: VariantReport) -> str:
    if variant.verdict is None:
        return "plain"
    return "good" if variant.verdict.passed else "bad"


def _charts(comparison: Comparison) -> list[tuple[str, str, Markup]]:
    chosen = comparison.verdict.variant if comparison.verdict else None
    found: list[tuple[str, str, Markup]] = []
    intervals = [
        charts.IntervalRow(variant.name, variant.evaluation.f1, variant.name == chosen)
        for variant in comparison.variants
        if variant.evaluation
    ]
    if intervals:
        found.append(
            (
                "F1 of each variant",
                "Two intervals that overlap may still differ: they share their sentences.",
                charts.intervals("F1 of each variant", intervals),
            )
        )
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
        found.append(
            (
                "Quality beside speed",
                "Up is better, right is faster. Green passed every gate, red did not.",
                charts.trade("Quality beside speed", points),
            )
        )
    return found


def _by_type(evaluated: Sequence[VariantReport]) -> list[_TypeRow]:
    names = list(
        dict.fromkeys(
            kind.name for variant in evaluated if variant.evaluation for kind in variant.evaluation.types
        )
    )
    table: list[_TypeRow] = []
    for name in names:
        cells: list[_Cell] = []
        gold = 0
        for variant in evaluated:
            kinds = variant.evaluation.types if variant.evaluation else ()
            kind = next((each for each in kinds if each.name == name), None)
            if kind is None:
                cells.append(_Cell("–", ""))
                continue
            gold = kind.gold
            cells.append(_Cell(f"{kind.f1.point:.4f}", signed_words(kind.drop.point) if kind.drop else ""))
        table.append(_TypeRow(name, tuple(cells), f"{gold:,}"))
    return table


def _searched(variant: VariantReport) -> _Searched:
    return _Searched(
        variant.name, variant.recipe, tuple(_trial(trial, variant.recipe) for trial in variant.trials)
    )


def _trial(trial: Trial, taken: str) -> _TrialRow:
    return _TrialRow(
        name=trial.name,
        f1="–" if trial.f1 is None else f"{trial.f1:.4f}",
        points=signed_words(trial.drop),
        worst=signed_words(trial.bound),
        per_second="–" if trial.sentences_per_second is None else f"{trial.sentences_per_second:,.0f}",
        verdict=trial.why or trial.verdict,
        summary=trial.summary,
        chosen=trial.name == taken,
    )


def _facts(comparison: Comparison, evaluated: Sequence[VariantReport]) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if evaluated and evaluated[0].evaluation:
        figures = evaluated[0].evaluation
        facts += [
            (
                "Test snapshot",
                f"{figures.sentences:,} sentences, {figures.gold:,} entities; {figures.test}",
            ),
            (
                "Intervals",
                f"paired percentile bootstrap over sentences, {figures.resamples:,} draws, seed "
                f"{figures.seed}, the same draws for all variants",
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
