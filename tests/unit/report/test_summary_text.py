"""The sentence that a person reads first follows the interval, not the point."""

import pytest

from ner_jobs.report.summary_text import called, headline, summary_text
from ner_jobs.scoring.blocks import Pair, TagTable, block_of
from ner_jobs.scoring.confusion import ConfusionCounter
from ner_jobs.scoring.counts import count
from ner_jobs.scoring.estimate import Estimate
from ner_jobs.scoring.summary import Draws, Evaluation, ReferenceFigures, summarize


def an_evaluation(wrong: int = 1, size: int = 20) -> Evaluation:
    pairs = [
        Pair(f"t:{at}", ("B-PER", "O"), ("O", "O") if at < wrong else ("B-PER", "O")) for at in range(size)
    ]
    table = TagTable()
    confusion = ConfusionCounter(table)
    confusion.add(block_of(pairs, table))
    return summarize("int8", "d" * 64, count(pairs), confusion.confusion(), Draws(resamples=100))


def against(point: float, low: float, high: float, name: str = "fp32") -> Evaluation:
    evaluation = an_evaluation()
    return evaluation.model_copy(
        update={
            "reference": ReferenceFigures(
                variant=name,
                f1=evaluation.f1,
                drop=Estimate(point, low, high, lower=low, upper=high),
                differing=3,
                better=1,
                worse=2,
            )
        }
    )


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        pytest.param(an_evaluation(), "int8 finds 95% of the entities", id="alone"),
        pytest.param(against(0.1, -0.1, 0.3), "reads as well as fp32", id="within chance"),
        pytest.param(
            against(0.3, 0.1, 0.5), "loses 0.30 points of F1 to fp32, and not by chance", id="a loss"
        ),
        pytest.param(against(-0.4, -0.6, -0.2), "gains 0.40 points of F1 on fp32", id="a gain"),
        pytest.param(against(78, 77, 79), "int8 has collapsed", id="a collapse"),
        pytest.param(against(0, 0, 0), "score alike on every draw", id="the same"),
        pytest.param(against(0.5, -2, 3), "too few sentences to tell", id="too little data"),
        pytest.param(against(0.3, 0.1, 0.5, "reference"), "to the reference,", id="its article"),
    ],
)
def test_headline(evaluation: Evaluation, words: str) -> None:
    assert words in headline(evaluation)


def test_notes_are_only_there_where_they_are_needed() -> None:
    assert summary_text(an_evaluation(), 3, 0, emulated=False).notes == ()
    many = an_evaluation().model_copy(update={"judged": 50})
    emulated, fresh = summary_text(many, 3, 0, emulated=True).notes
    assert "stand-in" in emulated
    assert "50 candidates" in fresh


def test_a_perfect_variant_has_nothing_to_show() -> None:
    text = summary_text(an_evaluation(wrong=0), 0, 0, emulated=False)
    assert text.errors.startswith("Nothing")
    assert text.worst.startswith("There are none")
    assert "under 100 gold entities" not in text.types


def test_called() -> None:
    assert (called("reference"), called("fp32")) == ("the reference", "fp32")
