"""Bad input to `nerd run`: a sentence with the place and what to write, the right exit code, nothing left.

What is odd but no mistake (one sentence of 5,000 characters, an emoji, a
control character) goes through every stage.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode

GOOD = "刘 B-PER\n三 I-PER\n去 O\n京 B-LOC\n"
LONG = "".join(f"{character} O\n" for character in "天气转凉" * 1250)
ODD = "\n".join([LONG, "😀 O\n笑 O\n", "\x01 O\n李 B-PER\n娜 I-PER\n", "\u200b O\n", GOOD])

Edit = Callable[[Path], None]


def write(name: str, content: str | bytes) -> Edit:
    """The file of this name beside the spec, with other content."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: void((folder / name).write_bytes(data))


def swap(old: str, new: str) -> Edit:
    """The spec with other words in a place."""

    def edit(folder: Path) -> None:
        spec = folder / "tiny.yaml"
        text = spec.read_text()
        assert old in text
        spec.write_text(text.replace(old, new, 1))

    return edit


def void(_: object) -> None:
    """An expression's value is not wanted."""


@pytest.fixture
def mine(tiny: Path, tmp_path: Path) -> Path:
    """A copy of `tiny` and its corpus, to be spoilt."""
    for file in tiny.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


CONFIG = "config: {hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16}"


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        pytest.param(
            swap("spec:\n", "spec: [\n"), ExitCode.DATA, r"tiny\.yaml:\d+: .*no YAML", id="wrong YAML"
        ),
        pytest.param(
            swap("  benchmark:", "  benchmarks:"),
            ExitCode.DATA,
            r"tiny\.yaml:\d+: spec\.benchmarks: there is no such field: did you mean benchmark",
            id="an unknown field",
        ),
        pytest.param(
            swap(CONFIG, "base: nobody/has-such-a-model"),
            ExitCode.CONFIGURATION,
            r"spec\.model\.base: there is no folder nobody/has-such-a-model here.*HF_HUB_OFFLINE",
            id="a base model that cannot be reached",
        ),
        pytest.param(
            swap(CONFIG, "base: ./models/absent"),
            ExitCode.NO_INPUT,
            r"spec\.model\.base: there is no folder .*/models/absent",
            id="a base model's folder that is not there",
        ),
        pytest.param(
            write("train.txt", ""), ExitCode.DATA, r"train\.txt holds no sentence", id="an empty file"
        ),
        pytest.param(
            lambda folder: [
                write("train.txt", GOOD)(folder),
                swap("    validation: {uri: validation.txt}\n", "")(folder),
            ],
            ExitCode.DATA,
            "1 distinct sentence, and one more is needed",
            id="one sentence, and validation wanted out of it",
        ),
        pytest.param(
            write("test.txt", "刘\n"), ExitCode.DATA, r"test\.txt:1: '刘' has one column", id="no tag"
        ),
        pytest.param(
            write("test.txt", GOOD.encode("gb18030")),
            ExitCode.DATA,
            r"test\.txt:1: .*UTF-8.*gb18030",
            id="another encoding",
        ),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(
    nerd: Any, mine: Path, edit: Edit, code: int, words: str
) -> None:
    edit(mine)
    offline = nerd.given(HF_HUB_OFFLINE="1")
    said = offline("run", "-f", mine / "tiny.yaml")
    assert said.code == code, said.err
    found = re.search(words, said.err)
    assert found, said.err
    assert not [*(mine / "store").glob("*/*/manifest.json")]
    assert said.out == ""


def test_a_label_that_only_the_test_set_has_is_told_and_counts_as_missed(nerd: Any, mine: Path) -> None:
    write("test.txt", GOOD.replace("LOC", "RIVER"))(mine)
    run = nerd("run", "-f", mine / "tiny.yaml", "--set", "benchmark=null", "-o", "json")
    assert run.code == 0, run.err
    assert "warning: test has B-RIVER, which the model does not know" in run.err
    assert "entity type RIVER is in test alone" in run.err
    evaluation = run.json["variants"][0]["evaluation"]
    (river,) = [kind for kind in evaluation["types"] if kind["name"] == "RIVER"]
    assert (river["gold"], river["f1"]["point"]) == (1, 0)


@pytest.mark.slow
def test_odd_sentences_go_through_every_stage(nerd: Any, mine: Path) -> None:
    for split in ("train", "validation", "test"):
        with (mine / f"{split}.txt").open("a", encoding="utf-8") as file:
            file.write("\n" + ODD)
    run = nerd("run", "-f", mine / "tiny.yaml", "-o", "json")
    assert run.code == 0, run.err
    assert run.json["inService"] is not None
    (predictions,) = (mine / "store").glob("infer/*/*/predictions/predictions.jsonl")
    lengths = [len(json.loads(line)["tags"]) for line in predictions.read_text().splitlines()]
    assert lengths[-5:] == [5000, 2, 3, 1, 4]


def test_one_sentence_a_split_is_enough_to_run(nerd: Any, mine: Path) -> None:
    for split in ("train", "validation", "test"):
        write(f"{split}.txt", GOOD)(mine)
    run = nerd("run", "-f", mine / "tiny.yaml", "--set", "benchmark=null", "-o", "json")
    assert run.code == 0, run.err
    assert "train and test share sentences, 1 of them distinct" in run.err
    assert run.json["variants"][0]["evaluation"]["sentences"] == 1
