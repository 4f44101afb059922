"""Raw text and JSON lines: what is taken, and what is refused with its file and line."""

import io
from collections.abc import Callable

import pytest

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.inference import passages
from ner_jobs.inference.passages import passages_of_jsonl, passages_of_lines
from ner_jobs.task import PermanentError

MakeEncoder = Callable[[int], Encoder]


def test_every_line_is_a_passage_and_keeps_its_number(encoder: MakeEncoder) -> None:
    file = io.BytesIO("\ufeffab\r\n\ncd\u2028e\n".encode())
    found = list(passages_of_lines(file, "news.txt", encoder(32)))
    assert [(item.sentence.id, item.text, item.sentence.source) for item in found] == [
        ("line:1", "ab", "news.txt:1"),
        ("line:2", "", "news.txt:2"),
        ("line:3", "cd\u2028e", "news.txt:3"),
    ]


def test_gb18030_where_said(encoder: MakeEncoder) -> None:
    file = io.BytesIO("海钓".encode("gb18030"))
    assert [item.text for item in passages_of_lines(file, "f", encoder(32), "gb18030")] == ["海钓"]


def test_json_lines_hold_text_or_tokens_and_perhaps_an_id(encoder: MakeEncoder) -> None:
    file = io.BytesIO(b'{"text": "ab c", "id": 7}\n\n{"tokens": ["a", "bc"]}\n')
    first, second = passages_of_jsonl(file, "f", encoder(32))
    assert (first.sentence.id, first.sentence.tokens, first.offsets) == (
        "7",
        ("a", "b", "c"),
        ((0, 1), (1, 2), (3, 4)),
    )
    assert (second.sentence.id, second.sentence.tokens, second.text) == ("line:3", ("a", "bc"), None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(b"\xff\xfe", r"f:1: byte 1 of the line is not utf-8", id="other bytes"),
        pytest.param(b"{", r"f:1: not JSON", id="broken JSON"),
        pytest.param(b"[1]", r"f:1: not a JSON object; write", id="not an object"),
        pytest.param(b'{"txt": "a"}', r"f:1: neither .*'txt'", id="no text"),
        pytest.param(
            b'{"text": "a\\ud83d"}', r"f:1: character 2 is half of a surrogate pair", id="half a pair"
        ),
    ],
)
def test_a_bad_line_is_named(encoder: MakeEncoder, line: bytes, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        list(passages_of_jsonl(io.BytesIO(line), "f", encoder(32)))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "LONGEST_LINE", 10)
    with pytest.raises(PermanentError, match=r"book\.txt:2: the line is longer than 10 bytes"):
        list(passages_of_lines(io.BytesIO(b"ab\n" + b"a" * 100), "book.txt", encoder(32)))
