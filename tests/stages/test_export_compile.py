"""export and compile on a tiny model, with the real engines."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForTokenClassification

from ner_jobs.backends.registry import backend
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.stages import compile as compile_stage
from ner_jobs.stages import export
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.open import open_store
from ner_jobs.task import Owner, PermanentError, Stage, StorageSettings, Task

LABELS = ["O", "B-LOC", "I-LOC"]
LETTERS = "abcdefgh"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS]

Runner = Callable[[Callable[[StageContext], StageResult], dict[str, Any], dict[str, Path], str], StageResult]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Runs a stage's function into `tmp_path/NAME`."""

    def runner(
        stage: Callable[[StageContext], StageResult],
        parameters: dict[str, Any],
        inputs: dict[str, Path],
        name: str,
    ) -> StageResult:
        output, scratch = tmp_path / name, tmp_path / f"{name}-scratch"
        output.mkdir()
        scratch.mkdir()
        storage = StorageSettings(uri=(tmp_path / "store").as_uri())
        task = Task(
            stage=Stage.COMPILE,
            key="0" * 64,
            attempt="a",
            parameters=parameters,
            storage=storage,
            owner=Owner(namespace="default", name="tiny"),
            threads=1,
        )
        context = StageContext(
            task=task,
            inputs=inputs,
            manifests={},
            output=output,
            scratch=scratch,
            store=open_store(storage),
            log=lambda line: None,
            progress=lambda done, total, what: None,
            stopping=threading.Event(),
            fetch=lambda reference: tmp_path,
        )
        return stage(context)

    return runner


def save_model(folder: Path, family: str = "bert", **changes: Any) -> Path:
    """A two-layer model with random weights that are large enough for clear margins."""
    torch.manual_seed(3)
    sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64} if family == "distilbert" else {}
    config = AutoConfig.for_model(
        family,
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
        initializer_range=0.3,
        **sizes,
    )
    AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    if changes:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    tokenizer = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def sentences(count: int) -> list[Sentence]:
    chance = np.random.default_rng(5)
    found = []
    for at in range(count):
        tokens = tuple(chance.choice(list(LETTERS), size=int(chance.integers(1, 40))).tolist())
        tags = tuple("B-LOC" if token == "a" else "O" for token in tokens)
        found.append(Sentence(f"s:{at}", tokens, tags))
    return found


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Inputs of export and compile beside the model."""
    for name in ("labels", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "labels" / "labels.json").write_text(json.dumps({"labels": LABELS, "types": ["LOC"]}))
    write_sentences(tmp_path / "data", sentences(30))
    return {
        "labels": tmp_path / "labels",
        "calibration": tmp_path / "data",
        "validation": tmp_path / "data",
        "model": save_model(tmp_path / "checkpoint"),
    }


EXPORT = {"maxLength": 32}


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_every_form_equals_the_checkpoint(
    run: Runner, inputs: dict[str, Path], tmp_path: Path, family: str
) -> None:
    inputs["model"] = save_model(tmp_path / family, family)
    result = run(export.run, EXPORT, inputs, "exported")
    forms = {row["form"]: row for row in result.metrics["parity"]}
    assert set(forms) == {"fixed-1x32.torchscript.pt", "dynamic.torchscript.pt", "dynamic.onnx"}
    for row in forms.values():
        assert row["largestDifference"] < 1e-3
        assert row["windows"] > 0
        assert row["disagreements"] == 0
    assert all((tmp_path / "exported" / "model" / form).is_file() for form in forms)


def test_a_bert_under_a_roberta_name_loads_as_the_bert_that_it_is(
    run: Runner, inputs: dict[str, Path], tmp_path: Path
) -> None:
    plain = run(export.run, EXPORT, inputs, "plain")
    inputs["model"] = save_model(
        tmp_path / "named", model_type="roberta", architectures=["RobertaForTokenClassification"]
    )
    named = run(export.run, EXPORT, inputs, "renamed")
    assert named.metrics["parameters"] == plain.metrics["parameters"]
    ids = np.array([[2, 5, 4, 7, 3]])
    logits = []
    for name in ("plain", "renamed"):
        graph = torch.jit.load(str(tmp_path / name / "model" / "dynamic.torchscript.pt"))
        tensors = (
            torch.from_numpy(ids),
            torch.ones(1, 5, dtype=torch.int64),
            torch.zeros(1, 5, dtype=torch.int64),
        )
        logits.append(graph(*tensors).detach().numpy())
    np.testing.assert_array_equal(logits[0], logits[1])


def test_a_form_that_is_off_is_refused_with_its_figure(run: Runner, inputs: dict[str, Path]) -> None:
    with pytest.raises(PermanentError, match=r"differs from the checkpoint by \d") as refusal:
        run(export.run, {**EXPORT, "tolerance": 1e-30}, inputs, "refused")
    assert refusal.value.code == 70


def test_a_checkpoint_of_other_labels_is_refused(run: Runner, inputs: dict[str, Path]) -> None:
    (inputs["labels"] / "labels.json").write_text(json.dumps({"labels": [*LABELS, "B-X"], "types": []}))
    with pytest.raises(PermanentError, match="lack B-X, which the data has"):
        run(export.run, EXPORT, inputs, "other")


@pytest.fixture
def exported(run: Runner, inputs: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    run(export.run, EXPORT, inputs, "exported")
    return {**inputs, "exported": tmp_path / "exported" / "model"}


@pytest.mark.parametrize(
    ("engine", "precision"),
    [("torchscript", "fp32"), ("torchscript", "bf16"), ("onnxruntime", "fp32"), ("openvino", "fp32")],
)
def test_what_runs_is_what_was_asked(
    run: Runner, exported: dict[str, Path], tmp_path: Path, engine: str, precision: str
) -> None:
    result = run(
        compile_stage.run, {"backend": engine, "precision": precision, **EXPORT}, exported, "variant"
    )
    assert result.metrics["effectivePrecision"] == precision
    folder = tmp_path / "variant" / "compiled"
    session = backend(engine).load(folder)
    logits = session.run(np.array([[2, 5, 4, 3], [2, 6, 3, 0]]), np.array([[1, 1, 1, 1], [1, 1, 1, 0]]))
    assert logits.shape == (2, 4, 3)
    assert logits.dtype == np.float32
    alone = session.run(np.array([[2, 6, 3]]), np.ones((1, 3), np.int64))
    np.testing.assert_allclose(logits[1, :3], alone[0], atol=0.2 if precision == "bf16" else 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_int8_is_found_by_search_and_really_runs_in_int8(
    run: Runner, exported: dict[str, Path], tmp_path: Path, engine: str
) -> None:
    wanted = {"backend": engine, "precision": "int8", "quantization": {"maxDrop": 100}, **EXPORT}
    result = run(compile_stage.run, wanted, exported, "variant")
    assert result.metrics["effectivePrecision"] == "int8"
    rows = json.loads((tmp_path / "variant" / "recipes.json").read_text())
    assert [row["name"] for row in rows] == [result.metrics["recipe"]]
    assert rows[0]["verdict"] == "passed"
    assert backend(engine).recipes("int8")[0].name == rows[0]["name"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_naive_recipe_is_there_by_name(run: Runner, exported: dict[str, Path], engine: str) -> None:
    wanted = {"backend": engine, "precision": "int8", "quantization": {"recipe": "naive"}, **EXPORT}
    result = run(compile_stage.run, wanted, exported, "variant")
    assert result.metrics["recipe"] == "naive"
    assert result.metrics["recipes"][0]["bound"] is not None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        pytest.param(
            {"backend": "torchscript", "precision": "int8"}, "it has fp32, bf16", id="no such precision"
        ),
        pytest.param(
            {"backend": "onnxruntime", "precision": "int8", "quantization": {"recipe": "magic"}},
            "dynamic-per-channel, static-per-channel, naive",
            id="no such recipe",
        ),
        pytest.param(
            {"backend": "onnxruntime", "precision": "fp32", "options": {"turbo": "1"}},
            "no option turbo",
            id="no such option",
        ),
    ],
)
def test_what_a_backend_does_not_have_is_named(
    run: Runner, exported: dict[str, Path], parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(PermanentError, match=words):
        run(compile_stage.run, {**parameters, **EXPORT}, exported, "refused")


def test_a_compiled_folder_that_is_not_what_it_says_is_refused(
    run: Runner, exported: dict[str, Path], tmp_path: Path
) -> None:
    run(compile_stage.run, {"backend": "openvino", "precision": "fp32", **EXPORT}, exported, "variant")
    folder = tmp_path / "lying"
    shutil.copytree(tmp_path / "variant" / "compiled", folder)
    (folder / "openvino.json").write_text(json.dumps({"precision": "int8", "rest": "fp32"}))
    with pytest.raises(PermanentError, match="runs in fp32 on this host, int8 was compiled"):
        backend("openvino").load(folder)
