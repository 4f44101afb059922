"""An evaluation in sentences, which stand above the figures of its page.

The sentences follow the interval, not the point: a difference that chance can
explain is not called a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ner_jobs.scoring.confusion import Fate
from ner_jobs.scoring.summary import Evaluation, ReferenceFigures, TypeFigures

COLLAPSE = 5.0
"""Points of F1; a larger loss is not rounding of weights but a broken model."""


@dataclass(frozen=True, slots=True)
class SummaryText:
    """The sentences of one page."""

    headline: str
    lead: str
    notes: tuple[str, ...]
    types: str
    errors: str
    differences: str
    worst: str
    judged: str


def summary_text(
    evaluation: Evaluation, shown_worst: int, shown_differences: int, emulated: bool
) -> SummaryText:
    """All sentences about one evaluation.

    Args:
        evaluation: its figures.
        shown_worst: sentences in the last section.
        shown_differences: sentences in the section on differences.
        emulated: produced on a stand-in for the device.
    """
    notes: list[str] = []
    if emulated:
        notes.append(
            "This variant was made on a stand-in for the device. Its figures show that the stages work; "
            "they say nothing about the device."
        )
    if evaluation.judged > 20:
        notes.append(
            f"This test set has judged {evaluation.judged} candidates. The best of many looks better than "
            "it is: take fresh sentences before you trust the last tenth of a point."
        )
    return SummaryText(
        headline=headline(evaluation),
        lead=_lead(evaluation),
        notes=tuple(notes),
        types=_types(evaluation.types),
        errors=_errors(evaluation),
        differences=_differences(evaluation.reference, shown_differences),
        worst=_worst(shown_worst),
        judged=_judged(evaluation.judged),
    )


def headline(evaluation: Evaluation) -> str:
    """The verdict on one variant in one sentence."""
    variant, reference = evaluation.variant, evaluation.reference
    other = called(reference.variant) if reference else ""
    if reference is None:
        return (
            f"{variant} finds {evaluation.recall.point:.0%} of the entities, and "
            f"{evaluation.precision.point:.0%} of what it names is right."
        )
    drop = reference.drop
    if drop.low == drop.high == 0:
        return f"{variant} and {other} score alike on every draw of these sentences."
    if drop.point >= COLLAPSE and drop.low > 0:
        return (
            f"{variant} has collapsed: F1 falls from {reference.f1.point:.3f} "
            f"to {evaluation.f1.point:.3f}. Do not use it."
        )
    if drop.low > 0:
        return f"{variant} loses {_points(drop.point)} of F1 to {other}, and not by chance."
    if drop.high < 0:
        return f"{variant} gains {_points(-drop.point)} of F1 on {other}."
    if drop.high <= 1:
        return f"{variant} reads as well as {other}: what differs is within chance."
    return (
        f"{variant} may be as good as {other}, or {_points(drop.high)} worse: "
        "there are too few sentences to tell."
    )


def _lead(evaluation: Evaluation) -> str:
    f1 = evaluation.f1
    found = (
        f"Of {evaluation.gold:,} entities in {evaluation.sentences:,} test sentences it found "
        f"{evaluation.true_positive:,}; {evaluation.predicted - evaluation.true_positive:,} of the "
        f"{evaluation.predicted:,} it named are wrong. "
    )
    return found + (
        f"That is an F1 of {f1.point:.4f}, and on other sentences of the same kind it would lie between "
        f"{f1.low:.3f} and {f1.high:.3f} ({evaluation.confidence:.0%} interval)."
    )


def _types(types: Sequence[TypeFigures]) -> str:
    known = [figures for figures in types if figures.gold]
    if not known:
        return "The test set holds no entities, so there is nothing to find."
    if len(known) == 1:
        return f"There is one type, {known[0].name}."
    best = max(known, key=lambda figures: figures.f1.point)
    worst = min(known, key=lambda figures: figures.f1.point)
    rare = [figures.name for figures in known if figures.gold < 100]
    said = (
        f"{best.name} is the easiest ({best.f1.point:.3f}), {worst.name} the hardest ({worst.f1.point:.3f})."
    )
    if rare:
        said += f" {', '.join(rare)}: under 100 gold entities, so chance decides and no gate can be answered."
    return said


def _errors(evaluation: Evaluation) -> str:
    wrong = {fate: count for fate, count in evaluation.confusion.fates.items() if fate is not Fate.CORRECT}
    total = sum(wrong.values())
    if not total:
        return "Nothing: every entity was found, and none was invented."
    kind, count = max(wrong.items(), key=lambda item: item[1])
    return f"{total:,} errors in all. The most frequent, {count / total:.0%} of them: {FATES[kind][1]}"


FATES = {
    Fate.CORRECT: ("Found", "borders and type are right."),
    Fate.WRONG_BORDER: ("Wrong border", "the type is right, a border is not."),
    Fate.WRONG_TYPE: ("Wrong type", "the borders are right, the type is not."),
    Fate.WRONG_BOTH: ("Wrong type and border", "it overlaps, and both differ."),
    Fate.MISSED: ("Missed", "nothing was found there."),
    Fate.SPURIOUS: ("Spurious", "found where gold has nothing."),
}
"""Name and explanation of each `Fate`, in the order of the page."""


def _differences(reference: ReferenceFigures | None, shown: int) -> str:
    if reference is None:
        return ""
    if not reference.differing:
        return f"Nowhere: on every sentence it says what {called(reference.variant)} says."
    rest = reference.differing - reference.better - reference.worse
    said = (
        f"On {reference.differing:,} sentences the two say different things: {reference.better:,} are better "
        f"here, {reference.worse:,} worse, {rest:,} wrong in another way. "
    )
    return said + (f"The {shown} largest differences:" if shown > 1 else "The largest difference:")


def _worst(shown: int) -> str:
    if not shown:
        return "There are none: every sentence is as gold has it."
    if shown == 1:
        return "The one with errors:"
    return (
        f"The {shown} with most errors. Now and then gold is what is wrong: "
        "that is worth knowing before training longer."
    )


def _judged(judged: int) -> str:
    if judged == 0:
        return "not counted"
    if judged == 1:
        return "this is the first that this snapshot has judged"
    return f"{judged} so far on this snapshot, this one included"


def called(variant: str) -> str:
    """The name of a variant inside a sentence; `reference` gets its article."""
    return "the reference" if variant == "reference" else variant


def _points(points: float) -> str:
    digits = 2 if abs(points) < 1 else 1
    return f"{points:.{digits}f} {'point' if f'{points:.{digits}f}' in ('1.0', '1.00') else 'points'}"
