"""JSON Lines: tokens and tags, or text and spans, by code points."""

import json
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.jsonl import read_jsonl
from ner_jobs.corpus.notes import ReadingNotes
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Segmentation

CASES = Path(__file__).parent / "cases"


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
        pytest.param({"letters": []}, r"neither tokens nor text \(found letters\)", id="other fields"),
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


@pytest.mark.parametrize(
    ("case", "tags"),
    [
        pytest.param("doccano", "B-PER I-PER O B-LOC", id="doccano: label with triples"),
        pytest.param("entities-empty-beside-spans", "B-PER I-PER O O", id="an empty field says nothing"),
        pytest.param("ner_tags", "B-PER I-PER O", id="the hub: ner_tags"),
        pytest.param("prodigy", "B-PER I-PER O O", id="Prodigy: tokens are objects"),
    ],
)
def test_annotation_tools_are_read(case: str, tags: str) -> None:
    (found,) = read_jsonl(CASES / f"{case}.jsonl", case, "whitespace")
    assert found.tags == tuple(tags.split())


@pytest.mark.parametrize(
    ("content", "tags"),
    [
        pytest.param({"words": ["a", "b"], "labels": ["B-X", "O"]}, "B-X O", id="words and labels"),
        pytest.param({"text": "a b", "labels": [[2, 3, "X"]]}, "O B-X", id="labels with triples"),
        pytest.param({"text": "a b", "label": []}, "O O", id="an empty label is gold without an entity"),
        pytest.param(
            {"text": "a b", "entities": [{"start_offset": 0, "end_offset": 1, "label": "X"}]},
            "B-X O",
            id="start_offset and end_offset",
        ),
        pytest.param(
            {"text": "a b", "tokens": ["a", "b"], "spans": [span(2, 3, "X")]},
            "O B-X",
            id="tokens in their text",
        ),
        pytest.param(
            {"text": "a b", "tokens": ["a", "b"], "tags": ["O", "S-X"], "spans": [span(2, 3, "X")]},
            "O S-X",
            id="tags and spans that agree",
        ),
        pytest.param(
            {"text": "a b", "entities": [span(0, 1, "X")], "spans": [span(0, 1, "X")]},
            "B-X O",
            id="twice the same",
        ),
        pytest.param({"tokens": ["a"], "tags": ["B-X"], "label": "news"}, "B-X", id="a class of the line"),
    ],
)
def test_other_names_of_gold(tmp_path: Path, content: dict[str, Any], tags: str) -> None:
    (found,) = read(tmp_path, content, segmentation="whitespace")
    assert found.tags == tuple(tags.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            {"text": "a b", "entities": [span(0, 1)], "spans": [span(2, 3)]},
            "entities and spans say different things",
            id="two fields with spans",
        ),
        pytest.param(
            {"tokens": ["a"], "tags": ["O"], "ner_tags": ["B-X"]},
            "tags and ner_tags say",
            id="two fields with tags",
        ),
        pytest.param(
            {"text": "a b", "tokens": ["a", "b"], "tags": ["O", "O"], "spans": [span(0, 1)]},
            "tags and spans say different things",
            id="tags and spans",
        ),
        pytest.param(
            {"text": "a b", "entities": [span(0, 1) | {"type": "PER"}]},
            r"entities\[0\]: label and type say different things",
            id="label and type of a span",
        ),
        pytest.param({"tokens": ["a"], "words": ["b"]}, "tokens and words say", id="tokens and words"),
        pytest.param(
            {"tokens": ["a"], "ner_tags": [3]}, r"ner_tags\[0\] is 3; write the tag's name", id="numbers"
        ),
        pytest.param(
            {"tokens": ["a"], "spans": [span(0, 1)]}, "spans beside tokens need the text", id="no text"
        ),
        pytest.param({"tokens": "a"}, "tokens is not a list", id="a string as tokens"),
    ],
)
def test_contradictions_are_refused_with_their_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(PermanentError, match=r"some\.jsonl:2: .*" + message):
        read(tmp_path, {"tokens": ["a"]}, content, segmentation="whitespace")


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    lines = [
        {"text": "a", "spans": [], "answer": "accept"},
        {"text": "a", "spans": [span(0, 1)], "answer": "reject"},
        {"text": "a", "answer": "ignore"},
        {"text": "a b", "annotations": [span(0, 1)]},
        {"text": "a b", "annotations": [span(0, 1)], "marks": [1], "topics": ["news", "sport"]},
        {"tokens": ["a"], "tags": ["O"], "iob": ["B-X"], "pos_tags": ["NN"]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    notes = ReadingNotes()
    for _ in range(2):
        found = list(read_jsonl(path, "some.jsonl", "whitespace", notes=notes))
    assert len(found) == 4
    assert notes.warnings() == [
        "lines passed over, because their answer is reject: 1, the first at some.jsonl:2",
        "lines passed over, because their answer is ignore: 1, the first at some.jsonl:3",
        "the field annotations looks like gold and is not read: 2, the first at some.jsonl:4",
        "the field iob looks like gold and is not read: 1, the first at some.jsonl:6",
    ]


def test_a_document_is_kept(tmp_path: Path) -> None:
    lines = [
        {"text": "a", "doc_id": 7, "document": "a title"},
        {"tokens": ["a"], "document": "x"},
        {"text": "a", "document": None},
    ]
    assert [sentence.document for sentence in read(tmp_path, *lines)] == ["7", "x", None]
