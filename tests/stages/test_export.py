"""export with real engines on a tiny model: every form equals the checkpoint, and nothing is guessed."""

import dataclasses
import importlib.util
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ner_jobs.models.graphs import load_torchscript
from ner_jobs.stages import export
from ner_jobs.stages.base import StageContext
from ner_jobs.task import ExitCode, PermanentError, Stage, StageError

EXPORT = {"maxLength": 32}
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
MakeContext = Callable[..., StageContext]
SaveCheckpoint = Callable[..., Path]


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_every_form_equals_the_checkpoint(
    make_context: MakeContext,
    save_checkpoint: SaveCheckpoint,
    letter_inputs: dict[str, Path],
    tmp_path: Path,
    family: str,
) -> None:
    inputs = {**letter_inputs, "model": save_checkpoint(tmp_path / family, family)}
    context = make_context(Stage.EXPORT, EXPORT, inputs)
    result = export.run(context)
    forms = {row["form"]: row for row in result.metrics["parity"]}
    fixed = next(form for form in forms if form.startswith("fixed-1x"))
    assert set(forms) == {fixed, "dynamic.torchscript.pt", "dynamic.onnx"}
    for form, row in forms.items():
        assert row["largestDifference"] < 1e-3
        assert row["disagreements"] == 0
        assert row["windows"] > 0
        assert (row["shapes"] == 1) is (form == fixed)
        assert (context.output / "model" / form).is_file()


def test_a_bert_under_a_roberta_name_loads_as_the_bert_that_it_is(
    make_context: MakeContext, letter_inputs: dict[str, Path], exported_letters: Path, tmp_path: Path
) -> None:
    named = shutil.copytree(letter_inputs["model"], tmp_path / "named")
    config = json.loads((named / "config.json").read_text())
    config |= {"model_type": "roberta", "architectures": ["RobertaForTokenClassification"]}
    (named / "config.json").write_text(json.dumps(config))
    context = make_context(Stage.EXPORT, EXPORT, {**letter_inputs, "model": named})
    assert export.run(context).metrics["modelType"] == "bert"
    ids = torch.tensor([[2, 5, 4, 7, 3]])
    logits = [
        load_torchscript(folder / "dynamic.torchscript.pt")(ids, torch.ones_like(ids), torch.zeros_like(ids))
        for folder in (exported_letters, context.output / "model")
    ]
    torch.testing.assert_close(*logits, rtol=0, atol=0)


def test_labels_keep_the_order_of_the_logits_whatever_the_order_in_the_data(
    make_context: MakeContext, letter_inputs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"labels": LABELS[::-1], "types": ["LOC", "PER"]}))
    context = make_context(Stage.EXPORT, EXPORT, {**letter_inputs, "labels": tmp_path})
    export.run(context)
    written = json.loads((context.output / "model" / "nerd.json").read_text())
    assert written == {
        "labels": LABELS,
        "segmentation": "characters",
        "decoding": "constrained",
        "maxLength": 32,
    }
    config = json.loads((context.output / "model" / "config.json").read_text())
    assert [config["id2label"][str(number)] for number in range(len(LABELS))] == LABELS


def without_classifier(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = {name: value for name, value in load_file(path).items() if not name.startswith("classifier")}
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("parameters", "labels", "damage", "words", "code"),
    [
        pytest.param(
            {**EXPORT, "tolerance": 1e-30},
            LABELS,
            None,
            r"differs from the checkpoint by \d.*1e-30 is allowed",
            ExitCode.SOFTWARE,
            id="a form that is off is refused with its figure",
        ),
        pytest.param(
            EXPORT, [*LABELS, "B-X"], None, "lacks B-X", ExitCode.DATA, id="a label that it never learned"
        ),
        pytest.param(
            EXPORT,
            LABELS,
            without_classifier,
            r"it lacks classifier.bias, classifier.weight.*add spec.finetune",
            ExitCode.DATA,
            id="a classifier that would be random",
        ),
        pytest.param(
            {"maxLength": 256},
            LABELS,
            None,
            "has positions for 34",
            ExitCode.USAGE,
            id="windows that are too long",
        ),
    ],
)
def test_what_would_be_wrong_is_refused(
    make_context: MakeContext,
    letter_inputs: dict[str, Path],
    tmp_path: Path,
    parameters: dict[str, Any],
    labels: list[str],
    damage: Callable[[Path], None] | None,
    words: str,
    code: ExitCode,
) -> None:
    model = shutil.copytree(letter_inputs["model"], tmp_path / "model")
    if damage:
        damage(model)
    (tmp_path / "labels.json").write_text(json.dumps({"labels": labels, "types": []}))
    inputs = {**letter_inputs, "model": model, "labels": tmp_path}
    with pytest.raises(PermanentError, match=words) as refusal:
        export.run(make_context(Stage.EXPORT, parameters, inputs))
    assert refusal.value.code is code


def test_where_nothing_runs_onnx_it_says_what_to_install(
    make_context: MakeContext, letter_inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PermanentError, match=r"install nerdeployment\[onnxruntime\]") as refusal:
        export.run(make_context(Stage.EXPORT, EXPORT, letter_inputs))
    assert refusal.value.code is ExitCode.CONFIGURATION


def test_sigterm_ends_it_between_two_forms(make_context: MakeContext, letter_inputs: dict[str, Path]) -> None:
    told = threading.Event()
    told.set()
    context = dataclasses.replace(make_context(Stage.EXPORT, EXPORT, letter_inputs), stopping=told)
    with pytest.raises(StageError) as end:
        export.run(context)
    assert end.value.code is ExitCode.TERMINATED
