"""prepare as the runner calls it: a spec's data in, snapshots and figures out."""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.labels import read_labels
from ner_jobs.corpus.npz import LABEL_FILE
from ner_jobs.corpus.npz_writing import NpzWindow, write_npz_set
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.stages.prepare import run
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, Owner, PermanentError, StageError, StorageSettings, Task

CONFIG = {"hiddenSize": 16, "numHiddenLayers": 1, "numAttentionHeads": 2, "intermediateSize": 16}
TRAIN = [
    f"{name} B-人\n{family} I-人\n在 O\n{place} B-地\n"
    for name in "张王李赵"
    for family in "三四五"
    for place in "京沪粤"
]
TEST = "刘 B-人\n三 I-人\n去 O\n京 B-地\n"


class Prepared:
    """A run of the stage: its result, its outputs, its log."""

    def __init__(self, folder: Path, result: StageResult, log: list[str]) -> None:
        self.output = folder
        self.metrics = result.metrics
        self.result = result
        self.log = "\n".join(log)

    def sentences(self, split: str) -> list[Any]:
        return list(read_sentences(self.output / split))


Prepare = Callable[..., Prepared]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Runs the stage with splits given as text, or as whole data set objects."""
    runs = iter(range(9))

    def call(stopping: bool = False, **parameters: Any) -> Prepared:
        folder = tmp_path / f"run{next(runs)}"
        (folder / "output").mkdir(parents=True)
        for split in ("train", "validation", "test", "calibration"):
            content = parameters.get(split)
            if isinstance(content, str):
                (tmp_path / split).write_bytes(content.encode())
                parameters[split] = {"uri": (tmp_path / split).as_uri(), "format": "conll"}
        parameters.setdefault("maxLength", 16)
        if "base" not in parameters:
            parameters.setdefault("config", CONFIG)
        task = Task(
            stage="prepare",
            key="0" * 64,
            attempt="1",
            parameters=parameters,
            storage=StorageSettings(uri=tmp_path.as_uri()),
            owner=Owner(namespace="tests", name="prepare"),
        )
        log: list[str] = []
        event = threading.Event()
        if stopping:
            event.set()
        context = StageContext(
            task,
            {},
            {},
            folder / "output",
            folder / "scratch",
            DirectoryStore(tmp_path),
            log.append,
            lambda done, total, what: None,
            event,
            lambda reference: folder,
        )
        return Prepared(folder / "output", run(context), log)

    return call


def test_a_corpus_becomes_snapshots(prepare: Prepare) -> None:
    found = prepare(train="\n".join(TRAIN), test=TEST)
    train, validation = found.sentences("train"), found.sentences("validation")
    assert len(train) + len(validation) == 36
    assert {sentence.id.split(":")[0] for sentence in (*train, *validation)} == {"train"}
    assert found.metrics["validationFromTrain"]
    assert f"{len(validation)} of 36 sentences of train became validation" in found.log
    assert "tag scheme: IOB2, found from the tags" in found.log
    assert read_labels(found.output / "labels") == ("O", "B-人", "I-人", "B-地", "I-地")
    assert [sentence.tags for sentence in found.sentences("test")] == [("B-人", "I-人", "O", "B-地")]
    assert {sentence.id for sentence in found.sentences("calibration")} == {sentence.id for sentence in train}
    assert json.loads((found.output / "statistics.json").read_text())["splits"]["test"]["entities"] == {
        "人": 1,
        "地": 1,
    }
    assert found.result.headline["test"] == 1
    assert len(found.result.provenance["sources"]) == 2


def test_the_scheme_of_the_files_changes_nothing_behind(prepare: Prepare) -> None:
    iob2 = prepare(train="\n".join(TRAIN), test=TEST)
    bioes = prepare(
        train="\n".join(TRAIN).replace("I-人", "E-人").replace("B-地", "S-地"),
        test=TEST.replace("I-人", "E-人").replace("B-地", "S-地"),
    )
    assert bioes.metrics["scheme"] == "BIOES"
    for split in ("base", "train", "validation", "test", "calibration"):
        for path in sorted((iob2.output / split).iterdir()):
            assert path.read_bytes() == (bioes.output / split / path.name).read_bytes()


def test_what_misleads_is_told(prepare: Prepare) -> None:
    found = prepare(
        train="\n".join([*TRAIN, TRAIN[0], "他 O\n的 I-地\n"]),
        validation=TEST,
        test=f"{TEST}\n{TRAIN[0]}\n某 B-物\n",
    )
    assert found.metrics["splits"]["train"]["duplicates"] == 1
    assert found.metrics["splits"]["train"]["invalidTags"]["count"] == 1
    assert found.metrics["sharedSentences"] == {"train/validation": 0, "train/test": 1, "validation/test": 1}
    warnings = "\n".join(found.metrics["warnings"])
    for words in (
        "train:187: I-地 after O",
        "train and test share sentences, 1 of them distinct",
        "test has B-物, which the model does not know: every such entity counts as missed",
        "entity type 物 is in test alone",
    ):
        assert words in warnings
        assert words in found.log
    assert read_labels(found.output / "labels") == ("O", "B-人", "I-人", "B-地", "I-地")


def test_odd_sentences_are_no_trouble(prepare: Prepare) -> None:
    long = "字 O\n" * 5000
    found = prepare(train="\n".join(TRAIN), test=f"{long}\n🙂 O\n\x01 B-人\n\u2028 O\n")
    assert found.metrics["splits"]["test"]["longerThanWindow"] == 1
    assert found.sentences("test")[1].tokens == ("🙂", "\x01", "\u2028")


def token_classifier(folder: Path, labels: tuple[str, ...] | None) -> str:
    """A tiny model folder, as `save_pretrained` leaves it."""
    import numpy as np
    from safetensors.numpy import save_file

    from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer

    folder.mkdir()
    vocabulary = vocabulary_of(dict.fromkeys("".join([*TRAIN, TEST]), 1), "characters")
    write_tokenizer(folder, vocabulary, {})
    config: dict[str, Any] = {
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "max_position_embeddings": 64,
    }
    count = 5 if labels is None else len(labels)
    config["architectures"] = ["BertForTokenClassification"]
    config["id2label"] = {str(n): labels[n] if labels else f"LABEL_{n}" for n in range(count)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"classifier.weight": np.zeros((count, 4), np.float32)}, folder / "model.safetensors")
    return folder.as_uri()


OWN = ("O", "B-地", "I-地", "B-人", "I-人")


def test_without_finetune_the_bases_own_labels_are_kept(prepare: Prepare, tmp_path: Path) -> None:
    found = prepare(base=token_classifier(tmp_path / "base", OWN), test=TEST, finetuned=False)
    assert read_labels(found.output / "labels") == OWN
    assert found.sentences("train") == found.sentences("calibration") == []
    assert "no calibration sentences" in found.log


@pytest.mark.parametrize(
    ("labels", "more", "message"),
    [
        pytest.param(("O", "B-人"), {}, r"lacks B-地, I-人, which the data has", id="labels do not cover"),
        pytest.param(None, {}, r"LABEL_0.*write spec\.model\.labels", id="LABEL_n alone"),
        pytest.param(None, {"labels": OWN[:3]}, "has 3 labels, the base model has 5", id="another count"),
    ],
)
def test_without_finetune_labels_must_cover_the_data(
    prepare: Prepare, tmp_path: Path, labels: Any, more: dict[str, Any], message: str
) -> None:
    base = token_classifier(tmp_path / "base", labels)
    with pytest.raises(PermanentError, match=message):
        prepare(base=base, test=TEST, finetuned=False, **more)


def test_names_for_a_base_that_has_none(prepare: Prepare, tmp_path: Path) -> None:
    base = token_classifier(tmp_path / "base", None)
    assert read_labels(prepare(base=base, test=TEST, finetuned=False, labels=OWN).output / "labels") == OWN


def test_an_npz_set_is_a_test_set_without_text(prepare: Prepare, tmp_path: Path) -> None:
    write_npz_set(tmp_path / "set", [NpzWindow((2, 7, 8, 3), (1, 3)), NpzWindow((2, 7, 3), (0,))], length=8)
    test = {
        "uri": (tmp_path / "set").as_uri(),
        "format": "npz",
        "labelUri": (tmp_path / "set" / LABEL_FILE).as_uri(),
    }
    names = ("O", "B-人", "I-人", "B-地", "I-地")
    write_npz_set(tmp_path / "other", [NpzWindow((2, 8, 8, 3), None), NpzWindow((2, 8, 3), None)], length=8)
    calibration = {"uri": (tmp_path / "other").as_uri(), "format": "npz"}
    found = prepare(train="\n".join(TRAIN), test=test, npzLabels=names, calibration=calibration)
    assert [(s.id, s.input_ids, s.tags) for s in found.sentences("test")] == [
        ("test_0", (2, 7, 8, 3), ("B-人", "B-地")),
        ("test_1", (2, 7, 3), ("O",)),
    ]
    assert [sentence.tags for sentence in found.sentences("calibration")] == [None, None]
    with pytest.raises(PermanentError, match=r"has no gold, which spec\.data\.test needs; write labelUri"):
        prepare(train="\n".join(TRAIN), test={**test, "labelUri": None}, npzLabels=names)
    with pytest.raises(PermanentError, match="an npz set has no text"):
        prepare(train=test, test=test, npzLabels=names)


def test_a_test_set_without_an_entity_is_named(prepare: Prepare) -> None:
    case = Path(__file__).parents[1] / "unit/corpus/cases/no-entity.txt"
    found = prepare(train="\n".join(TRAIN), test=case.read_text("utf-8"))
    assert "test has no entity: there is nothing to find" in "\n".join(found.metrics["warnings"])


def test_validation_has_whole_documents(prepare: Prepare) -> None:
    train = "\n".join(f"-DOCSTART- O\n\n{TRAIN[at]}\n{TRAIN[at + 1]}" for at in range(0, 36, 2))
    found = prepare(train=train, test=TEST)
    sides = [{sentence.document for sentence in found.sentences(side)} for side in ("train", "validation")]
    assert sides[0] | sides[1] == {str(number) for number in range(1, 19)}
    assert not sides[0] & sides[1]
    assert "by the hash of each of 18 documents, seed" in found.log


def test_a_calibration_set_is_compared_with_test(prepare: Prepare) -> None:
    train = "\n".join(TRAIN)
    found = prepare(train=train, test=TEST, calibration=f"{TEST}\n{TRAIN[0]}")
    assert found.metrics["sharedSentences"]["calibration/test"] == 1
    assert "calibration and test share sentences, 1 of them distinct" in found.metrics["warnings"]
    with pytest.raises(PermanentError, match=r"spec\.data\.calibration: all sentences of .* are in"):
        prepare(train=train, test=TEST, calibration=f"{TEST}\n{TEST}")


@pytest.mark.parametrize(
    ("parameters", "message", "code"),
    [
        pytest.param(
            {"train": "", "test": TEST}, r"spec\.data\.train: .*holds no sentence", 65, id="an empty file"
        ),
        pytest.param(
            {"train": TEST, "test": TEST},
            "1 distinct sentence, and one more is needed",
            65,
            id="one sentence",
        ),
        pytest.param({"train": "他 O\n\n她 O\n", "test": TEST}, "nothing to learn", 65, id="no entity"),
        pytest.param(
            {"train": "他 O\n的\n", "test": TEST}, r"train:2: '的' has one column", 65, id="one column"
        ),
        pytest.param({"train": "他 B_人\n", "test": TEST}, r"train:1: .*write B-人", 65, id="an underscore"),
        pytest.param(
            {"train": {"uri": "file:///none", "format": "conll"}, "test": TEST},
            r"spec\.data\.train\.uri: there is no file /none",
            66,
            id="no file",
        ),
        pytest.param({"test": TEST}, r"spec\.finetune needs spec\.data\.train", 64, id="no train"),
        pytest.param(
            {"base": "file:///none", "train": TRAIN[0], "test": TEST, "validation": TEST},
            r"spec\.model\.base: there is no folder /none",
            66,
            id="no base",
        ),
    ],
)
def test_bad_input_ends_with_a_message_and_its_code(
    prepare: Prepare, parameters: dict[str, Any], message: str, code: int
) -> None:
    with pytest.raises(PermanentError, match=message) as raised:
        prepare(**parameters)
    assert raised.value.code == code


def test_sigterm_is_obeyed(prepare: Prepare) -> None:
    with pytest.raises(StageError) as raised:
        prepare(stopping=True, train="\n".join(TRAIN), test=TEST)
    assert raised.value.code == ExitCode.TERMINATED


def test_no_framework_is_imported() -> None:
    """In a process of its own: this one may have torch already."""
    import subprocess

    code = "import sys, ner_jobs.stages.prepare; sys.exit(sum(name in sys.modules for name in sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, "torch", "transformers"], check=True)


@pytest.mark.shared
def test_the_real_corpus(prepare: Prepare, shared: Path) -> None:
    data = shared / "data/peoples_daily"
    splits = {"train": "train", "validation": "dev", "test": "test"}
    found = prepare(
        base=(shared / "models/e5-small-zh-peoples-daily").as_uri(),
        maxLength=256,
        **{
            split: {"uri": (data / f"example.{name}").as_uri(), "format": "conll"}
            for split, name in splits.items()
        },
    )
    figures = found.metrics["splits"]
    assert [figures[split]["sentences"] for split in splits] == [20_864, 2_318, 4_636]
    assert [figures[split]["longerThanWindow"] for split in splits] == [27, 5, 8]
    assert figures["test"]["entities"] == {"LOC": 3_658, "ORG": 2_185, "PER": 1_864}
    assert found.metrics["sharedSentences"] == {"train/validation": 0, "train/test": 0, "validation/test": 0}
    assert found.metrics["warnings"] == []
    assert read_labels(found.output / "labels")[1] == "B-PER"
    assert len(found.sentences("calibration")) == 300
