"""promote's headline fits its termination message, whatever it has to say."""

import json

import pytest

from ner_jobs.reporting import TERMINATION_BYTES, termination_bytes
from ner_jobs.task.promote_headline import MESSAGE_BYTES, PromoteHeadline, cut, format_held

DIGEST = "d" * 64


@pytest.mark.parametrize("letter", ["x", "京", "😀", '"', "\\", "\n"])
def test_the_longest_one_fits_and_nothing_is_dropped(letter: str) -> None:
    headline = PromoteHeadline(
        verdict="AwaitingApproval",
        message=cut(letter * 10_000),
        revision=DIGEST,
        variant="v" * 63,
        f1=0.123456,
        drop=-12.3456,
        generation=2**31,
        current_revision=DIGEST,
        current_variant="v" * 63,
        current_f1=0.123456,
        current_drop=-12.3456,
        compile_key=DIGEST,
        compiled=DIGEST,
        backend="onnxruntime",
        promote_key=DIGEST,
        held=format_held(tuple(f"{number:064d}" for number in range(100))),
        manual=True,
    )
    body = {
        "key": DIGEST,
        "manifestDigest": DIGEST,
        "outputs": {"model": DIGEST, "verdict": DIGEST},
        "headline": headline.figures(),
    }
    data = termination_bytes(body)
    assert len(data) <= TERMINATION_BYTES
    assert PromoteHeadline.read(json.loads(data)["headline"]) == headline


def test_the_newest_held_revisions_are_named() -> None:
    held = format_held(tuple(f"r{number}" for number in range(100)))
    named = PromoteHeadline(held=held).held_revisions
    assert (named[0], named[-1]) == ("r99", "r84")


@pytest.mark.parametrize(
    ("message", "longest", "expected"),
    [
        pytest.param("short", 10, "short", id="what fits stays"),
        pytest.param("a longer one", 10, "a longe…", id="the end goes, and it shows"),
        pytest.param("京京京京", 10, "京京…", id="no character is cut in two"),
    ],
)
def test_cut(message: str, longest: int, expected: str) -> None:
    assert cut(message, longest) == expected
    assert len(json.dumps(cut(message * 1000), ensure_ascii=False).encode()) <= MESSAGE_BYTES + len('""')


@pytest.mark.parametrize(
    ("headline", "expected"),
    [
        pytest.param({"f1": 0.5}, None, id="another stage's"),
        pytest.param({"generation": 3, "later": 1}, PromoteHeadline(generation=3), id="a later release's"),
    ],
)
def test_read(headline: dict[str, object], expected: PromoteHeadline | None) -> None:
    assert PromoteHeadline.read(headline) == expected
