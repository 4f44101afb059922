"""finetune on a tiny model: it learns, it is the same twice, and a kill changes nothing."""

import hashlib
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

CHILD = Path(__file__).with_name("finetune_child.py")
LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
NAMES, PLACES, WORDS = "甲乙丙丁", "东西南北", "上中下左右前后内外"
PARAMETERS = {
    "epochs": 2,
    "batchSize": 8,
    "learningRate": 5e-3,
    "headLearningRate": 5e-3,
    "weightAveraging": 0.9,
    "precision": "fp32",
    "maxLength": 32,
    "checkpointSeconds": 0.001,
}


def sentences(count: int, seed: int) -> str:
    """Sentences whose entities are pairs of characters of their own."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        tokens: list[str] = []
        tags: list[str] = []
        for _ in range(chance.randint(3, 8)):
            kind = chance.choice(["", "", "PER", "LOC"])
            alphabet = {"": WORDS, "PER": NAMES, "LOC": PLACES}[kind]
            tokens += [chance.choice(alphabet), chance.choice(alphabet)]
            tags += [f"B-{kind}", f"I-{kind}"] if kind else ["O", "O"]
        lines.append(json.dumps({"id": f"s:{number}", "tokens": tokens, "tags": tags}) + "\n")
    return "".join(lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The inputs of a training: a two-layer model from a config, and a corpus made here."""
    inputs = tmp_path / "inputs"
    for name in ("base", "labels", "train", "validation"):
        (inputs / name).mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *NAMES, *PLACES, *WORDS]
    tokenizer = Tokenizer(
        models.WordPiece({token: number for number, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(inputs / "base" / "tokenizer.json"))
    config = {
        "model_type": "bert",
        "architectures": ["BertForTokenClassification"],
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    }
    (inputs / "base" / "config.json").write_text(json.dumps(config))
    (inputs / "labels" / "labels.json").write_text(json.dumps({"labels": LABELS, "types": ["LOC", "PER"]}))
    (inputs / "train" / "sentences.jsonl").write_text(sentences(160, 1))
    (inputs / "validation" / "sentences.jsonl").write_text(sentences(40, 2))
    return tmp_path


def start(folder: Path, name: str, store: str, event: str = "", **changes: Any) -> subprocess.Popen[str]:
    parameters = json.dumps({**PARAMETERS, **changes})
    command = [sys.executable, str(CHILD), str(folder), name, parameters, store, event]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(child: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = child.communicate()
    assert child.returncode == 0, output
    (line,) = [line for line in output.splitlines() if line.startswith("result ")]
    return dict(json.loads(line.removeprefix("result ")))


def weights(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name / "output" / "model" / "model.safetensors").read_bytes()).hexdigest()


def kill_at(child: subprocess.Popen[str], step: int) -> None:
    """SIGKILL as soon as the child says that it has done this step."""
    assert child.stdout is not None
    seen = []
    for line in child.stdout:
        seen.append(line)
        if line.strip() == f"step {step}":
            break
    else:
        pytest.fail("the child ended before the step:\n" + "".join(seen))
    child.send_signal(signal.SIGKILL)
    child.wait()


@pytest.mark.slow
def test_killed_in_the_second_epoch_it_ends_with_the_weights_of_an_unbroken_run(folder: Path) -> None:
    unbroken = finish(start(folder, "unbroken", "store-1"))
    assert unbroken["metrics"]["f1Validation"] > 0.5
    assert unbroken["metrics"]["steps"] == 40

    kill_at(start(folder, "killed", "store-2"), step=31)
    resumed = finish(start(folder, "resumed", "store-2"))
    assert resumed["provenance"]["segments"][0]["fromStep"] == 0
    assert resumed["provenance"]["segments"][-1]["fromStep"] > 20
    assert resumed["provenance"]["reproducible"] is True
    assert weights(folder, "resumed") == weights(folder, "unbroken")
    assert resumed["metrics"]["f1Validation"] == unbroken["metrics"]["f1Validation"]


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 2])
def test_ended_between_an_epochs_last_step_and_its_validation(folder: Path, epochs: int) -> None:
    """Published is the epoch that an unbroken run chooses, and never one without a validation."""
    unbroken = finish(start(folder, "unbroken", "store-1", epochs=epochs))
    last_step = 20 * epochs
    for event, code in ((f"stop-at-{last_step}", 143), (f"kill-in-validation-of-{epochs}", -signal.SIGKILL)):
        ended = start(folder, f"ended-{code}", f"store-{code}", event, epochs=epochs)
        output, _ = ended.communicate()
        assert ended.returncode == code, output
        assert f"step {last_step}\n" in output
        assert f"epoch {epochs}: validation" not in output
        resumed = finish(start(folder, f"resumed-{code}", f"store-{code}", epochs=epochs))
        assert resumed["provenance"]["segments"][-1]["fromStep"] == last_step
        assert weights(folder, f"resumed-{code}") == weights(folder, "unbroken")
        for figure in ("f1Validation", "f1ValidationArgmax", "epoch", "weights", "steps", "history"):
            assert resumed["metrics"][figure] == unbroken["metrics"][figure]
        assert resumed["metrics"]["f1Validation"] > 0


@pytest.mark.slow
def test_early_stopping_waits_for_its_patience_and_keeps_the_best(folder: Path) -> None:
    result = finish(
        start(folder, "patient", "store", epochs=6, learningRate=1e-9, headLearningRate=1e-9, patience=1)
    )
    history = [line["eval_f1"] for line in result["metrics"]["history"]]
    assert len(history) < 6
    assert result["metrics"]["steps"] == 20 * len(history)
    assert result["metrics"]["f1Validation"] == max(history)
    assert history[-1] <= max(history[:-1]), "it stops at the first epoch that is no better"


def test_the_model_folder_is_a_plain_hugging_face_model(folder: Path) -> None:
    from transformers import AutoModelForTokenClassification

    finish(start(folder, "plain", "store", epochs=1, maxSteps=3))
    target = folder / "plain" / "output" / "model"
    model = AutoModelForTokenClassification.from_pretrained(target)
    assert [model.config.id2label[number] for number in range(len(LABELS))] == LABELS
    facts = json.loads((target / "nerd.json").read_text())
    assert facts == {
        "labels": LABELS,
        "segmentation": "characters",
        "decoding": "constrained",
        "maxLength": 32,
    }
    log = [
        json.loads(line) for line in (folder / "plain" / "output" / "training.jsonl").read_text().splitlines()
    ]
    assert any("eval_f1" in line for line in log)
