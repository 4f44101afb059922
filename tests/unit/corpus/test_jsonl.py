"""JSON Lines: tokens and tags, or text and spans, by code points."""

import json
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.jsonl import read_jsonl
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Segmentation


def read(folder: Path, *objects: Any, segmentation: Segmentation = "characters") -> list[RawSentence]:
    path = folder / "some.jsonl"
    lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in objects]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
    return list(read_jsonl(path, "some.jsonl", segmentation))


def span(start: int, end: int, label: str = "LOC", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


def test_tokens_and_tags(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {"id": 7, "tokens": ["北", "京"], "tags": ["B-LOC", "I-LOC"], "more": 1})
    assert (found.id, found.tokens, found.tags) == ("7", ("北", "京"), ("B-LOC", "I-LOC"))
    assert not found.tags_are_iob2


@pytest.mark.parametrize(
    ("content", "segmentation", "tokens", "tags"),
    [
        pytest.param(
            {"text": "去北京", "entities": [span(1, 3)]},
            "characters",
            "去 北 京",
            "O B-LOC I-LOC",
            id="characters",
        ),
        pytest.param(
            {"text": "to New York ", "spans": [{"start": 3, "end": 11, "type": "LOC"}]},
            "whitespace",
            "to New York",
            "O B-LOC I-LOC",
            id="words, spans, type",
        ),
        pytest.param(
            {"text": "🙂北京", "entities": [span(1, 3, text="北京")]},
            "characters",
            "🙂 北 京",
            "O B-LOC I-LOC",
            id="an emoji is one code point",
        ),
        pytest.param(
            {"text": "京 城", "entities": [span(0, 1), span(1, 3, "PER")]},
            "characters",
            "京 城",
            "B-LOC B-PER",
            id="white space at the end of a span is no matter",
        ),
        pytest.param(
            {"text": "a\x01", "entities": []}, "characters", "a \x01", "O O", id="a control character"
        ),
    ],
)
def test_text_and_spans(
    tmp_path: Path, content: dict[str, Any], segmentation: Segmentation, tokens: str, tags: str
) -> None:
    (found,) = read(tmp_path, content, segmentation=segmentation)
    assert found.tokens == tuple(tokens.split(" "))
    assert found.tags == tuple(tags.split())
    assert found.tags_are_iob2


def test_without_gold_there_are_no_tags(tmp_path: Path) -> None:
    found = read(tmp_path, {"text": "北京"}, "", {"tokens": ["a"]})
    assert [sentence.tags for sentence in found] == [None, None]
    assert [sentence.where() for sentence in found] == ["some.jsonl:1", "some.jsonl:3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{", "not JSON: .* at column", id="broken JSON"),
        pytest.param("[1]", "a JSON list is not a sentence", id="a list"),
        pytest.param({"words": []}, r"neither tokens nor text \(found words\)", id="other fields"),
        pytest.param({"tokens": ["a"], "tags": []}, "1 tokens and 0 tags", id="a tag is missing"),
        pytest.param({"tokens": ["a", 1]}, r"tokens\[1\] is 1; write a string", id="a number as token"),
        pytest.param({"tokens": ["a", ""]}, "token 2 is empty", id="an empty token"),
        pytest.param({"tokens": ["a"], "id": []}, "id is", id="a list as id"),
        pytest.param('{"text": "\\ud83d"}', r"half of a surrogate pair", id="half an emoji"),
        pytest.param(
            {"text": "ab", "entities": [span(1, 3)]}, r"1-3, the text has 2 characters", id="beyond the text"
        ),
        pytest.param({"text": "ab", "entities": [span(1, 1)]}, "end exclusive", id="nothing in it"),
        pytest.param(
            {"text": "ab", "entities": [{"start": "0"}]}, "needs start and end", id="a string as offset"
        ),
        pytest.param(
            {"text": "a b", "entities": [span(1, 2)]}, "holds only white space", id="white space alone"
        ),
        pytest.param(
            {"text": "🙂北京", "entities": [span(2, 3, text="北")]},
            "says '北', the text has '京'",
            id="UTF-16",
        ),
        pytest.param(
            {"text": "abc", "entities": [span(0, 2), span(1, 3, "PER")]}, "LOC at 0-2 and PER", id="overlap"
        ),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(PermanentError, match=r"some\.jsonl:2: .*" + message):
        read(tmp_path, {"tokens": ["a"]}, content)


def test_a_span_that_cuts_a_token_is_refused(tmp_path: Path) -> None:
    content = {"text": "in Beijing.", "entities": [span(3, 10)]}
    with pytest.raises(PermanentError, match=r"LOC at 3-10 \('Beijing'\) cuts the token 'Beijing\.' at 3-11"):
        read(tmp_path, content, segmentation="whitespace")
