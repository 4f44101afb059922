"""Estimates: they survive a manifest, and points are written with their sign."""

import pytest

from ner_jobs.scoring.estimate import Estimate, StoredFigures, signed


class Figures(StoredFigures):
    """As a manifest holds them."""

    f1_strict: Estimate


def test_an_estimate_survives_a_manifest() -> None:
    figures = Figures(f1_strict=Estimate(0.9, 0.88, 0.92, 0.885, 0.915))
    assert figures.model_dump(mode="json", by_alias=True) == {
        "f1Strict": {"point": 0.9, "low": 0.88, "high": 0.92, "lower": 0.885, "upper": 0.915}
    }
    assert Figures.model_validate_json(figures.model_dump_json(by_alias=True)) == figures


def test_what_a_later_version_adds_is_ignored() -> None:
    point = {"point": 0.9, "low": 0.8, "high": 1.0, "lower": 0.8, "upper": 1.0, "method": "gamma"}
    assert Figures.model_validate({"f1Strict": point, "new": 1}).f1_strict.point == 0.9


@pytest.mark.parametrize(
    ("value", "words"), [(0.004, "0.00"), (-0.004, "0.00"), (0.5, "+0.50"), (-1.25, "\N{MINUS SIGN}1.25")]
)
def test_signed(value: float, words: str) -> None:
    assert signed(value) == words
