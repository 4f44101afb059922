"""The infer stage with real worker processes and a real engine, on a model whose answer is known."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.inference.compiled_model import Pipeline
from ner_jobs.inference.passages import passages_of_lines
from ner_jobs.stages import infer
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, Stage, StageError

MakeContext = Callable[..., StageContext]
TAG_OF = {"a": "O", "b": "B-PER", "c": "I-PER", "d": "B-LOC", "e": "I-LOC"}
PARAMETERS = {"maxLength": 32, "batchSize": 4}
ODD = ["", "\u200b", "a😀bc", "a\x00\x07b", "ab\u200bc", "abcde" * 1000, "de"]


def data(folder: Path, texts: Sequence[str]) -> Path:
    sentences = (Sentence(f"test:{at}", tuple(text)) for at, text in enumerate(texts, 1))
    write_sentences(folder, sentences)
    return folder


def run(context: StageContext) -> tuple[StageResult, list[dict[str, Any]]]:
    result = infer.run(context)
    lines = (context.output / "predictions/predictions.jsonl").read_text(encoding="utf-8").split("\n")
    return result, [json.loads(line) for line in lines[:-1]]


def test_every_sentence_has_its_prediction_in_order(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    texts = ["abc", *ODD, "bca" * 5]
    inputs = {"compiled": compiled_letters, "data": data(tmp_path / "data", texts)}
    result, found = run(make_context(Stage.INFER, {**PARAMETERS, "decoding": "argmax"}, inputs))
    assert [item["id"] for item in found] == [f"test:{at}" for at in range(1, len(texts) + 1)]
    for text, item in zip(texts, found, strict=True):
        expected = [TAG_OF.get(letter, "O") for letter in text]
        if text == "ab\u200bc":
            expected[2] = "I-PER"
        assert item["tags"] == expected
    first = found[0]["entities"][0]
    assert (first["start"], first["end"], first["type"], first["text"]) == (1, 3, "PER", "bc")
    assert 0.9 < first["score"] <= 1
    assert result.headline["sentences"] == len(texts)


def test_a_token_too_long_for_the_model_is_outside_counted_and_said(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    sentences = [Sentence("s:1", ("a", "b", "c." * 40, "c"), source="text.jsonl:1"), Sentence("s:2", ("d",))]
    write_sentences(tmp_path / "data", sentences)
    inputs = {"compiled": compiled_letters, "data": tmp_path / "data"}
    lines: list[str] = []
    context = make_context(Stage.INFER, {**PARAMETERS, "decoding": "argmax"}, inputs)
    result, found = run(dataclasses.replace(context, log=lines.append))
    assert [item["tags"] for item in found] == [["O", "B-PER", "O", "I-PER"], ["B-LOC"]]
    assert [(item["start"], item["end"]) for item in found[0]["entities"]] == [(1, 2), (3, 4)]
    assert result.metrics["tooLongTokens"] == 1
    assert any(re.match(r"warning: tokens too long .*: 1; the first: s:1: token 3", line) for line in lines)


def test_the_bytes_are_the_same_whatever_the_number_of_workers(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    inputs = {
        "compiled": compiled_letters,
        "data": data(tmp_path / "data", ["abcde"[: at % 6] * (at % 4) for at in range(50)]),
    }
    written = []
    for instances in (1, 3):
        context = make_context(Stage.INFER, {**PARAMETERS, "instances": instances}, inputs)
        infer.run(context)
        written.append((context.output / "predictions/predictions.jsonl").read_bytes())
    assert written[0] == written[1]


def test_npz_files_are_those_of_the_reference_workflow(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    inputs = {"compiled": compiled_letters, "data": data(tmp_path / "data", ["abc", "", "bc" * 40])}
    context = make_context(Stage.INFER, {**PARAMETERS, "npz": True}, inputs)
    infer.run(context)
    folder = context.output / "npz"
    assert sorted(path.name for path in (folder / "result").iterdir()) == [
        "000000.npz",
        "000001.npz",
        "000002.npz",
    ]
    assert (folder / "npz_datalist.txt").read_text().split() == [
        f"result/{number:06d}.npz" for number in range(3)
    ]
    with np.load(folder / "result/000000.npz") as stored:
        assert stored.files == ["output_0"]
        logits = stored["output_0"]
    assert (logits.shape, logits.dtype) == ((1, 32, 5), np.float32)
    # [CLS] a b c [SEP], then padding, which is O.
    assert logits[0].argmax(-1)[:7].tolist() == [0, 0, 1, 2, 0, 0, 0]
    records = [json.loads(line) for line in (folder / "ids.jsonl").read_text().splitlines()]
    assert [(item["id"], item["window"]) for item in records[:3]] == [
        ("test:1", 0),
        ("test:2", 0),
        ("test:3", 0),
    ]
    decided = [token for item in records if item["id"] == "test:3" for token in item["tokens"]]
    assert decided == list(range(80))
    assert all((folder / item["file"]).is_file() for item in records)


def test_raw_text_of_a_data_set_has_code_points_and_the_users_ids(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    lines = [{"text": "😀 bc", "id": "mine"}, {"tokens": ["d", "e"]}]
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = {"uri": path.as_uri(), "format": "jsonl"}
    _, found = run(
        make_context(Stage.INFER, {**PARAMETERS, "dataset": dataset}, {"compiled": compiled_letters})
    )
    assert [item["id"] for item in found] == ["mine", "line:2"]
    (entity,) = found[0]["entities"]
    assert (entity["start"], entity["end"], entity["text"]) == (2, 4, "bc")
    assert found[1]["entities"][0]["charEnd"] == 2


def test_an_npz_set_is_inferred_as_it_stands(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    write_sentences(tmp_path / "data", [Sentence("test:1", (), ("O", "B-PER"), (2, 4, 5, 3))])
    inputs = {"compiled": compiled_letters, "data": tmp_path / "data"}
    _, (found,) = run(make_context(Stage.INFER, PARAMETERS, inputs))
    assert found["tags"] == ["O", "B-PER"]
    assert "text" not in found["entities"][0]


def test_a_broken_model_is_said_once_with_what_to_do(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    broken = tmp_path / "compiled"
    broken.mkdir()
    for path in compiled_letters.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "variant.json").write_text('{"backend": "abacus", "precision": "fp32"}')
    inputs = {"compiled": broken, "data": data(tmp_path / "data", ["ab"])}
    with pytest.raises(StageError, match="worker 1: no backend 'abacus'"):
        infer.run(make_context(Stage.INFER, PARAMETERS, inputs))


def test_sigterm_ends_it_with_its_code(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    inputs = {"compiled": compiled_letters, "data": data(tmp_path / "data", ["ab"])}
    context = make_context(Stage.INFER, PARAMETERS, inputs)
    context.stopping.set()
    with pytest.raises(StageError) as caught:
        infer.run(context)
    assert caught.value.code is ExitCode.TERMINATED


def test_predict_finds_entities_in_text(compiled_letters: Path) -> None:
    pipeline = Pipeline(compiled_letters)
    passages = passages_of_lines(io.BytesIO("a😀 bc\n\nde\n".encode()), "f", pipeline.encoder)
    found = [(passage.text, entities) for passage, entities in pipeline.find_entities(passages)]
    assert [text for text, _ in found] == ["a😀 bc", "", "de"]
    assert [[(item["start"], item["end"], item["text"]) for item in items] for _, items in found] == [
        [(3, 5, "bc")],
        [],
        [(0, 2, "de")],
    ]


def test_predict_starts_without_torch_or_transformers(compiled_letters: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ner_jobs.corpus.sentence import Sentence; "
        "from ner_jobs.inference.compiled_model import Pipeline; "
        "from ner_jobs.inference.passages import Passage; "
        "list(Pipeline(Path(sys.argv[1])).find_entities([Passage(Sentence('s', ('b', 'c')))])); "
        "heavy = {'torch', 'transformers', 'datasets', 'boto3'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(compiled_letters)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_was_not_compiled_is_refused(make_context: MakeContext, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"has no variant\.json"):
        infer.run(make_context(Stage.INFER, PARAMETERS, {"compiled": tmp_path, "data": tmp_path}))
