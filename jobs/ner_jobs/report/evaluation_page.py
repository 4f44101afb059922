"""The page of one evaluation: a summary in words, then figures, then sentences.

It is one file that needs no network, and it is legible on a phone and in dark
mode.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ner_jobs.report import charts
from ner_jobs.report.rendering import Section, render
from ner_jobs.report.sentences import show
from ner_jobs.report.summary_text import FATES, called, summary_text
from ner_jobs.scoring.estimate import signed
from ner_jobs.scoring.summary import Evaluation
from ner_jobs.scoring.worst_sentences import ErrorExample

SHOWN = 12
"""Sentences in a section; the artifact holds more."""


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    hue: int


@dataclass(frozen=True, slots=True)
class _Fate:
    kind: str
    name: str
    about: str
    count: int


def page(
    evaluation: Evaluation,
    title: str,
    worst: Sequence[ErrorExample],
    differences: Sequence[ErrorExample],
    key: str,
    emulated: bool,
) -> str:
    """The whole page.

    Args:
        evaluation: all figures.
        title: `namespace/name` of the NerDeployment.
        worst: sentences with most errors first.
        differences: sentences with other tags than the reference variant, the largest difference first.
        key: of the artifact.
        emulated: produced on a stand-in for the device.

    Returns:
        HTML.
    """
    reference = evaluation.reference
    types = [figures.name for figures in evaluation.types]
    compared = reference.variant if reference else None
    other = called(compared) if compared else None
    shown_worst = [show(item, evaluation.variant, compared, types) for item in worst[:SHOWN]]
    shown_differences = [show(item, evaluation.variant, compared, types) for item in differences[:SHOWN]]
    sections = [
        Section("figures", "Figures"),
        Section("types", "Types"),
        Section("errors", "Errors"),
        Section("length", "Length and chance"),
        *([Section("differences", "Differences")] if reference else []),
        Section("worst", "Worst sentences"),
        Section("method", "Method"),
    ]
    return render(
        "evaluation.html.j2",
        figures=evaluation,
        reference=reference,
        title=title,
        sections=sections,
        text=summary_text(evaluation, len(shown_worst), len(shown_differences), emulated),
        charts=_charts(evaluation),
        other=other,
        comparison_name=f"Compared with {other}" if other else "F1 of this variant",
        comparison_about=(
            "Each alone moves by chance; their difference, on the same sentences, moves far less."
            if other
            else "This variant is the reference: others are compared with it."
        ),
        chance_name="The drop, drawn again" if other else "F1, drawn again",
        chance_about=(
            "Points of F1 lost, on the same sentences for both." if other else "How far chance moves F1."
        ),
        fates=_fates(evaluation),
        legend=[_Type(name, charts.hue(number)) for number, name in enumerate(types)],
        worst=shown_worst,
        differences=shown_differences,
        key=key,
        emulated=emulated,
    )


def _charts(evaluation: Evaluation) -> dict[str, Markup]:
    reference, confusion = evaluation.reference, evaluation.confusion
    rows = [charts.IntervalRow(evaluation.variant, evaluation.f1, chosen=True)]
    if reference is None:
        marks = [charts.Mark(evaluation.f1.point, f"measured {evaluation.f1.point:.4f}", "point")]
    else:
        rows.append(charts.IntervalRow(reference.variant, reference.f1))
        point, upper = reference.drop.point, reference.drop.upper
        marks = [
            charts.Mark(0, "no drop", "zero"),
            charts.Mark(point, f"measured {signed(point)}", "point"),
            charts.Mark(upper, f"{evaluation.confidence:.0%} sure: below {signed(upper)}", "bound"),
        ]
    return {
        "types": charts.type_bars("F1 by entity type", evaluation.types),
        "variants": charts.intervals("F1 with its interval", rows),
        "confusion": charts.heat_map("Gold type by predicted type", confusion.types, confusion.matrix),
        "lengths": charts.lengths("Sentences with an error, by length", evaluation.lengths),
        "chance": charts.histogram(
            f"Bootstrap distribution: {evaluation.distribution.what}", evaluation.distribution, marks
        ),
    }


def _fates(evaluation: Evaluation) -> list[_Fate]:
    counts = evaluation.confusion.fates
    return [_Fate(str(fate), name, about, counts[fate]) for fate, (name, about) in FATES.items()]
