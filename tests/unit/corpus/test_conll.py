"""CoNLL files: whatever people have in them is read as it stands, or refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.corpus.conll import read_conll
from ner_jobs.corpus.notes import ReadingNotes
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import PermanentError


def read(folder: Path, content: bytes, encoding: str = "utf-8") -> list[RawSentence]:
    path = folder / "some.conll"
    path.write_bytes(content)
    return list(read_conll(path, "some.conll", encoding))


def pairs(sentences: list[RawSentence]) -> list[list[tuple[str, str]]]:
    return [list(zip(sentence.tokens, sentence.tags or (), strict=True)) for sentence in sentences]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("京 B-LOC\n城 I-LOC\n\n他 O\n", [["京", "城"], ["他"]], id="a space between columns"),
        pytest.param("京\tB-LOC\n城\tI-LOC\n", [["京", "城"]], id="a tab between columns"),
        pytest.param("EU NNP I-NP B-ORG\n. . O O", [["EU", "."]], id="four columns, no line feed at the end"),
        pytest.param("京 O\r\n\r\n城 O\r\n", [["京"], ["城"]], id="CRLF"),
        pytest.param("\ufeff京 O\n", [["京"]], id="a byte order mark"),
        pytest.param("京 O\n  \t \n城 O\n\n\n\n", [["京"], ["城"]], id="blank lines with spaces in them"),
        pytest.param(
            "-DOCSTART- -X- -X- O\n\n京 O\n-DOCSTART- O\n城 O\n", [["京"], ["城"]], id="document markers"
        ),
        pytest.param("-DOCSTART-\n京 O\n", [["京"]], id="a document marker alone"),
        pytest.param("京   O  \n", [["京"]], id="several spaces, and some behind"),
        pytest.param("　 O\n", [["　"]], id="an ideographic space is a token"),
        pytest.param("\u00a0 O\n\u200b\tO\n", [["\u00a0", "\u200b"]], id="no-break and zero-width spaces"),
        pytest.param("  O\n \tO\n\t O\n", [[" ", " ", "\t"]], id="a lone space or tab is a token"),
        pytest.param(
            "\u2028 O\n\x85 O\n\x0c O\n\x0b O\n", [["\u2028", "\x85", "\x0c", "\x0b"]], id="no line ends"
        ),
        pytest.param(
            "🙂 O\n👨‍👩‍👧 O\n\x01 O\n", [["🙂", "👨‍👩‍👧", "\x01"]], id="emoji and a control character"
        ),
        pytest.param("New York\tB-LOC\n", [["New York"]], id="a space inside a token, between tabs"),
        pytest.param("字 O\n" * 5000, [["字"] * 5000], id="a sentence of 5,000 characters"),
        pytest.param("", [], id="an empty file"),
        pytest.param("\n \n\r\n", [], id="blank lines alone"),
    ],
)
def test_tokens(tmp_path: Path, content: str, expected: list[list[str]]) -> None:
    assert [list(sentence.tokens) for sentence in read(tmp_path, content.encode())] == expected


def test_first_column_is_the_token_and_last_the_tag(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, b"EU NNP I-NP B-ORG\n")) == [[("EU", "B-ORG")]]


def test_gb18030_is_read_where_said(tmp_path: Path) -> None:
    content = "北 B-LOC\n京 I-LOC\n\n㐀 O\n"
    assert pairs(read(tmp_path, content.encode("gb18030"), "gb18030")) == pairs(
        read(tmp_path, content.encode())
    )


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        pytest.param(
            "京 O\n北 O\n".encode("gb18030"), "utf-8", r"some\.conll:1: byte 1 .*not utf-8", id="gb as utf-8"
        ),
        pytest.param(b"a O\nb \xff\n", "utf-8", r"some\.conll:2: byte 3 .*0xff", id="a wrong byte in line 2"),
        pytest.param(
            b"a O\n\xff\xff O\n", "gb18030", r"some\.conll:2: .*not gb18030", id="no gb18030 either"
        ),
        pytest.param(
            "京 O\n城\n".encode(), "utf-8", r"some\.conll:2: '城' has one column; .*`城 O`", id="no tag"
        ),
        pytest.param(b"a O\n\tO\n", "utf-8", r"some\.conll:2: .*one column", id="no token"),
        pytest.param("京 O\n".encode("utf-16"), "utf-8", "UTF-16; save it as UTF-8", id="UTF-16"),
    ],
)
def test_bad_files_are_named_by_line(tmp_path: Path, content: bytes, encoding: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        read(tmp_path, content, encoding)


def test_places_are_lines(tmp_path: Path) -> None:
    first, second = read(tmp_path, b"\na O\nb O\n\n-DOCSTART- O\nc O\n")
    assert (first.where(), first.where(1), second.where(0)) == (
        "some.conll:2",
        "some.conll:3",
        "some.conll:6",
    )


TOKENS = st.text(min_size=1, max_size=3).filter(
    lambda token: (
        not any(c in "\n\r\t \ufeff" or "\ud800" <= c <= "\udfff" for c in token) and token != "-DOCSTART-"
    )
)


@given(st.lists(st.lists(TOKENS, min_size=1, max_size=5), max_size=5), st.sampled_from([" ", "\t"]))
def test_any_token_survives(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], by: str
) -> None:
    content = "\n\n".join("\n".join(f"{token}{by}O" for token in tokens) for tokens in sentences)
    found = read(tmp_path_factory.mktemp("conll"), content.encode())
    assert [list(sentence.tokens) for sentence in found] == sentences


@pytest.mark.shared
@pytest.mark.parametrize(
    ("split", "sentences", "tokens"),
    [("train", 20_864, 979_180), ("dev", 2_318, 109_870), ("test", 4_636, 219_197)],
)
def test_the_real_corpus_has_its_counts(shared: Path, split: str, sentences: int, tokens: int) -> None:
    path = shared / f"data/peoples_daily/example.{split}"
    lengths = [len(sentence.tokens) for sentence in read_conll(path, path.name)]
    assert (len(lengths), sum(lengths)) == (sentences, tokens)


CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("case", "tokens", "warnings"),
    [
        pytest.param(
            "comment-ends-in-o.txt",
            "Anna Oslo / Oslo",
            ["comment lines, passed over: 2, the first at comment-ends-in-o.txt:1"],
            id="comments whose last word is O",
        ),
        pytest.param(
            "comment-multiconer.txt",
            "anna kowal left / oslo slept",
            ["comment lines, passed over: 2, the first at comment-multiconer.txt:1"],
            id="comments with a tab",
        ),
        pytest.param(
            "mark-in-the-middle.txt",
            "Anna left / Oslo slept",
            ["byte order marks of joined files, dropped: 2, the first at mark-in-the-middle.txt:4"],
            id="marks of joined files",
        ),
    ],
)
def test_what_is_not_a_token_is_passed_over_and_counted(case: str, tokens: str, warnings: list[str]) -> None:
    notes = ReadingNotes()
    found = list(read_conll(CASES / case, case, notes=notes))
    assert " / ".join(" ".join(sentence.tokens) for sentence in found) == tokens
    assert notes.warnings() == warnings


def test_a_line_with_one_column_more_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"^some:2: 5 columns, line 1 has 4; if a token holds a blank"):
        list(read_conll(CASES / "blank-in-token.txt", "some"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("# O\n1 O\n", [["#", "1"]], id="a # with a tag is a token"),
        pytest.param("a O\n# O\n#x O\n", [["a", "#", "#x"]], id="also inside a sentence"),
        pytest.param("# newdoc\na O\n", [["a"]], id="a # with something else is not"),
        pytest.param("#newdoc\na O\n", [["a"]], id="one column"),
        pytest.param("#x B-A\n# B-A\n", [["#x", "#"]], id="only tokens with #"),
    ],
)
def test_comments_and_tokens_with_a_number_sign(
    tmp_path: Path, content: str, expected: list[list[str]]
) -> None:
    assert [list(sentence.tokens) for sentence in read(tmp_path, content.encode())] == expected


def test_documents_are_counted_by_their_markers(tmp_path: Path) -> None:
    content = b"a O\n\n-DOCSTART- -X- O\n\nb O\n\nc O\n-DOCSTART-\nd O\n"
    assert [sentence.document for sentence in read(tmp_path, content)] == [None, "1", "1", "2"]
