"""What the stages' tests share: contexts, a compiled model whose answer is known, a tiny checkpoint."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from ner_jobs.stages.base import StageContext
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import Owner, Stage, StorageSettings, Task

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e")
MAX_LENGTH = 32


class MakeContext(Protocol):
    """Builds a stage's context."""

    def __call__(
        self, stage: Stage, parameters: Mapping[str, Any], inputs: Mapping[str, Path], threads: int = 1
    ) -> StageContext: ...


@pytest.fixture(scope="session")
def compiled_letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as compile leaves it (OpenVINO, fp32): a is O, b B-PER, c I-PER, d B-LOC, e I-LOC."""
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as operations
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("compiled")
    tokenizer = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))

    table = np.zeros((len(VOCABULARY), len(LABELS)), np.float32)
    table[:4, 0] = 4
    table[4:] = 4 * np.eye(len(LABELS))
    ids = operations.parameter([-1, -1], np.int64, name="input_ids")
    mask = operations.parameter([-1, -1], np.int64, name="attention_mask")
    for parameter in (ids, mask):
        parameter.output(0).set_names({parameter.get_friendly_name()})
    rows = operations.gather(operations.constant(table), ids, operations.constant(0))
    # A product that changes nothing: the backend reads from the products in which precision it runs.
    rows = operations.matmul(rows, operations.constant(np.eye(len(LABELS), dtype=np.float32)), False, False)
    kept = operations.unsqueeze(operations.convert(mask, "f32"), operations.constant(2))
    model = openvino.Model([operations.multiply(rows, kept)], [ids, mask], "letters")
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)

    for name, content in {
        "openvino.json": {"precision": "fp32", "rest": "fp32"},
        "variant.json": {"backend": "openvino", "precision": "fp32", "requested": "fp32", "recipe": "fp32"},
        "nerd.json": {
            "labels": LABELS,
            "segmentation": "characters",
            "decoding": "constrained",
            "maxLength": MAX_LENGTH,
        },
        "config.json": {"pad_token_id": 0},
    }.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def make_context(tmp_path: Path) -> MakeContext:
    """Contexts with an output folder of their own each."""
    made = 0

    def make(
        stage: Stage, parameters: Mapping[str, Any], inputs: Mapping[str, Path], threads: int = 1
    ) -> StageContext:
        nonlocal made
        made += 1
        return context_in(tmp_path / f"stage-{made}", stage, parameters, inputs, threads)

    return make


def context_in(
    root: Path, stage: Stage, parameters: Mapping[str, Any], inputs: Mapping[str, Path], threads: int = 1
) -> StageContext:
    """A context whose output, scratch and store are folders of `root`."""
    for name in ("output", "scratch", "store"):
        (root / name).mkdir(parents=True)
    return StageContext(
        task=Task(
            stage=stage,
            key="0" * 64,
            attempt=root.name,
            parameters=dict(parameters),
            storage=StorageSettings(uri=(root / "store").as_uri()),
            owner=Owner(namespace="tests", name="letters"),
            threads=threads,
        ),
        inputs=inputs,
        manifests={},
        output=root / "output",
        scratch=root / "scratch",
        store=DirectoryStore(root / "store"),
        log=lambda line: None,
        progress=lambda done, total, what: None,
        stopping=threading.Event(),
        fetch=lambda reference: Path(),
    )


class SaveCheckpoint(Protocol):
    """Writes a two-layer token classifier with random weights, and its tokenizer."""

    def __call__(self, folder: Path, family: str = "bert", labels: Sequence[str] = LABELS) -> Path: ...


@pytest.fixture(scope="session")
def save_checkpoint() -> SaveCheckpoint:
    """The weights are large enough for clear margins, and the same each time."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForTokenClassification

    def save(folder: Path, family: str = "bert", labels: Sequence[str] = LABELS) -> Path:
        torch.manual_seed(3)
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64} if family == "distilbert" else {}
        config = AutoConfig.for_model(
            family,
            vocab_size=len(VOCABULARY),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=MAX_LENGTH + 2,
            pad_token_id=0,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            initializer_range=0.3,
            **sizes,
        )
        AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
        tokenizer = Tokenizer(
            models.WordPiece({token: at for at, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
        )
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        tokenizer.save(str(folder / "tokenizer.json"))
        return folder

    return save


@pytest.fixture(scope="session")
def letter_inputs(
    tmp_path_factory: pytest.TempPathFactory, save_checkpoint: SaveCheckpoint
) -> dict[str, Path]:
    """Inputs of export and compile: a checkpoint, labels, and sentences, some longer than a window."""
    folder = tmp_path_factory.mktemp("letters")
    for name in ("labels", "data"):
        (folder / name).mkdir()
    (folder / "labels" / "labels.json").write_text(json.dumps({"labels": LABELS, "types": ["LOC", "PER"]}))
    chance = np.random.default_rng(5)
    lines = []
    for at in range(30):
        tokens = chance.choice(list("abcde"), size=int(chance.integers(1, 40))).tolist()
        tags = ["B-PER" if token == "b" else "O" for token in tokens]
        lines.append(json.dumps({"id": f"s:{at}", "tokens": tokens, "tags": tags}) + "\n")
    (folder / "data" / "sentences.jsonl").write_text("".join(lines))
    return {
        "labels": folder / "labels",
        "calibration": folder / "data",
        "validation": folder / "data",
        "model": save_checkpoint(folder / "checkpoint"),
    }


@pytest.fixture(scope="session")
def exported_letters(tmp_path_factory: pytest.TempPathFactory, letter_inputs: dict[str, Path]) -> Path:
    """That checkpoint as export leaves it."""
    from ner_jobs.stages import export

    context = context_in(
        tmp_path_factory.mktemp("export") / "exported", Stage.EXPORT, {"maxLength": MAX_LENGTH}, letter_inputs
    )
    export.run(context)
    return context.output / "model"
