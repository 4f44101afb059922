"""A headline as text: a row is what a stage left, and the line that a person reads."""

from typing import Any

import pytest

from ner_operator.planning.figures import headline_words


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        pytest.param(
            {"sentences": 500, "f1": 0.95714, "f1Strict": 0.9},
            "f1 0.9571  f1Strict 0.9000  sentences 500",
            id="by name, scores with four digits as the table has them",
        ),
        pytest.param({"drop": 0.15861, "dropUpper": 1}, "drop 0.16  dropUpper 1.00", id="points with two"),
        pytest.param({"f1": 1}, "f1 1.0000", id="a whole score, as a server gives it back"),
        pytest.param({"largestDifference": 9.0599e-06}, "largestDifference 9.06e-06", id="other figures"),
        pytest.param({"manual": True}, "manual yes", id="a switch"),
        pytest.param(
            {"recipe": "dynamic-smooth-ffn", "revision": "4413bb9bf3b5" * 5, "fallback": None, "held": ""},
            "recipe dynamic-smooth-ffn",
            id="digests and absent figures are left out",
        ),
        pytest.param(
            {"verdict": "Promoted", "generation": 2, "message": "int8 passed every gate"},
            "int8 passed every gate",
            id="a verdict has a message",
        ),
        pytest.param({}, "", id="nothing to say"),
    ],
)
def test_headline_words(figures: dict[str, Any], words: str) -> None:
    assert headline_words(figures) == words


def test_an_f1_is_rounded_once() -> None:
    """0.89414999 is 0.8941; by way of six digits, 0.89415, it would have become 0.8942."""
    exact = 0.89414999
    assert f"{round(exact, 6):.4f}" == "0.8942"
    assert headline_words({"f1": exact}) == f"f1 {exact:.4f}" == "f1 0.8941"
