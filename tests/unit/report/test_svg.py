"""Scales and shapes: what every chart rests on."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from ner_jobs.report.svg import Scale, chart, element, text

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_a_scale_goes_from_the_domain_to_the_drawing() -> None:
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(5), scale(10)) == (100, 150, 200)
    assert (scale(-3), scale(99)) == (100, 200)


@pytest.mark.parametrize(
    ("low", "high", "ticks", "digits"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0], 1),
        (0.88, 0.91, [0.88, 0.89, 0.9, 0.91], 2),
        (0, 104, [0, 50, 100], 0),
        (-0.2, 0.6, [-0.2, 0.0, 0.2, 0.4, 0.6], 1),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, ticks: list[float], digits: int) -> None:
    about = 5 if high == 1 else 4
    scale = Scale(low, high, 0, 1)
    assert scale.ticks(about) == pytest.approx(ticks)
    assert scale.tick_digits(about) == digits


@UNHURRIED
@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-6, 1e6, allow_nan=False),
    st.integers(1, 8),
)
def test_ticks_never_run_away(low: float, width: float, about: int) -> None:
    scale = Scale(low, low + width, 0, 1)
    ticks = scale.ticks(about)
    assert len(ticks) <= 2 * about + 2
    slack = 1e-6 * (abs(low) + width)
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)


def test_an_empty_domain_is_widened() -> None:
    scale = Scale(3, 3, 0, 100)
    assert scale(3) == 50


def test_words_are_escaped_and_markup_is_not() -> None:
    assert text(1, 2.5, "<b>&") == Markup('<text x="1" y="2.5" text-anchor="start">&lt;b&gt;&amp;</text>')
    assert "<g><line" in element("g", element("line", x1=0))
    assert element("rect", class_=None, fill_opacity=0.5) == '<rect fill-opacity="0.5"/>'


def test_a_chart_can_be_read_aloud_and_is_the_same_each_time() -> None:
    drawn = chart("F1 by type", "PER 0.9", 100, [])
    assert drawn == chart("F1 by type", "PER 0.9", 100, [])
    assert 'role="img"' in drawn
    assert ">F1 by type</title>" in drawn
    assert ">PER 0.9</desc>" in drawn
    assert drawn != chart("F1 by type", "PER 0.8", 100, [])
