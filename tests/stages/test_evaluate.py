"""The evaluate stage on sentences of our own: figures, files, comparison, and what it refuses."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ner_jobs.corpus.labels import labels_of_types
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.spans import spans_of
from ner_jobs.scoring.summary import Evaluation
from ner_jobs.stages import evaluate
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import (
    InputReference,
    Manifest,
    Owner,
    PermanentError,
    Stage,
    StageError,
    StorageSettings,
    Task,
)

DATA = "d" * 64

SENTENCES = [
    Sentence("test:1", tuple("王芳在西宁工作"), ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "O")),
    Sentence("test:2", tuple("天气很好"), ("O", "O", "O", "O")),
    Sentence("test:3", tuple("水利部表示"), ("B-ORG", "I-ORG", "I-ORG", "O", "O")),
    Sentence("test:4", tuple("李雷到青海"), ("B-PER", "I-PER", "O", "B-LOC", "I-LOC")),
]
GOLD = [sentence.tags or () for sentence in SENTENCES]
TakenTags = Sequence[Sequence[str]]


def changed(number: int, tags: Sequence[str]) -> TakenTags:
    return [tags if at == number else own for at, own in enumerate(GOLD)]


def write_predictions(folder: Path, sentences: Sequence[Sentence], tags: TakenTags) -> Path:
    folder.mkdir(parents=True)
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for sentence, own in zip(sentences, tags, strict=True):
            entities = [
                {"start": entity.start, "end": entity.end, "type": entity.type, "score": 0.9}
                for entity in spans_of(own)
            ]
            file.write(json.dumps({"id": sentence.id, "tags": list(own), "entities": entities}) + "\n")
    return folder


def a_manifest(stage: Stage, key: str, variant: str | None = None, data: str = DATA) -> Manifest:
    return Manifest(
        stage=stage,
        key=key,
        attempt="a",
        variant=variant,
        files=(),
        outputs={"test": data},
        parameters={},
        inputs={"data": InputReference(stage="prepare", key="1" * 64, output="test", digest=data)},
        started=0,
        finished=1,
    )


class World:
    """A folder store, a snapshot, and what was logged."""

    def __init__(self, root: Path, sentences: Sequence[Sentence] = SENTENCES) -> None:
        self.root, self.sentences = root, sentences
        self.store = DirectoryStore(root / "store")
        write_sentences(root / "data", sentences)
        (root / "labels").mkdir()
        (root / "labels/labels.json").write_text(
            json.dumps({"labels": labels_of_types(["LOC", "ORG", "PER"])})
        )
        self.logged: list[str] = []
        self.stopping = threading.Event()

    def context(self, own: TakenTags, reference: TakenTags | None = None) -> StageContext:
        number = sum(1 for _ in self.root.glob("run-*"))
        folder = self.root / f"run-{number}"
        inputs: dict[str, Path] = {
            "data": self.root / "data",
            "labels": self.root / "labels",
            "predictions": write_predictions(folder / "predictions", self.sentences, own),
        }
        manifests = {"data": a_manifest(Stage.PREPARE, "1" * 64)}
        if reference is not None:
            inputs["reference"] = write_predictions(folder / "reference", self.sentences, reference)
            manifests["reference"] = a_manifest(Stage.INFER, "2" * 64, "fp32")
        output = folder / "output"
        output.mkdir()
        return StageContext(
            task=Task(
                stage=Stage.EVALUATE,
                key="e" * 64,
                attempt="a",
                variant="int8",
                parameters={"resamples": 200},
                inputs={"data": InputReference(stage="prepare", key="1" * 64, output="test", digest=DATA)},
                storage=StorageSettings(uri=self.store.uri),
                owner=Owner(namespace="nlp", name="tiny"),
            ),
            inputs=inputs,
            manifests=manifests,
            output=output,
            scratch=folder,
            store=self.store,
            log=self.logged.append,
            progress=lambda done, total, what: None,
            stopping=self.stopping,
            fetch=lambda reference: Path("/nowhere"),
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def evaluation_of(result: StageResult) -> Evaluation:
    metrics: Mapping[str, object] = json.loads(json.dumps(result.metrics))
    return Evaluation.model_validate(metrics)


def test_a_variant_alone(world: World) -> None:
    context = world.context(changed(2, ("B-ORG", "I-ORG", "O", "O", "O")))
    result = evaluate.run(context)
    figures = evaluation_of(result)
    assert (figures.true_positive, figures.predicted, figures.gold) == (4, 5, 5)
    assert figures.f1.point == pytest.approx(0.8)
    assert figures.accuracy == pytest.approx(20 / 21)
    assert [(kind.name, kind.f1.point) for kind in figures.types] == [("LOC", 1), ("ORG", 0), ("PER", 1)]
    assert figures.confusion.fates["wrongBorder"] == 1  # type: ignore[index]
    assert (figures.checked, figures.judged, figures.reference) == (4, 1, None)
    assert result.headline == {"f1": 0.8, "f1Strict": 0.8, "accuracy": 20 / 21, "sentences": 4}
    assert len(Counts.load(context.output / "counts")) == 4
    assert (
        Evaluation.model_validate_json((context.output / "counts/summary.json").read_bytes()).f1 == figures.f1
    )
    worst = [json.loads(line) for line in (context.output / "worst.jsonl").read_text("utf-8").splitlines()]
    assert [(item["id"], item["errors"]) for item in worst] == [("test:3", 2)]
    assert not (context.output / "differences.jsonl").exists()
    assert "int8 finds 80%" in (context.output / "report.html").read_text("utf-8")


def test_a_test_set_without_an_entity_is_named(tmp_path: Path) -> None:
    world = World(tmp_path, [Sentence("test:1", ("今", "天"), ("O", "O"))])
    evaluate.run(world.context([("O", "O")]))
    assert "the 1 sentences of test have no entity: there is nothing to find" in world.logged[0]


def test_beside_the_reference(world: World) -> None:
    missed = changed(2, ("O",) * 5)
    context = world.context(missed, reference=GOLD)
    result = evaluate.run(context)
    reference = evaluation_of(result).reference
    assert reference is not None
    assert (reference.variant, reference.differing, reference.worse, reference.better) == ("fp32", 1, 1, 0)
    assert reference.drop.point == pytest.approx(100 * (1 - 8 / 9))
    assert result.headline["drop"] == pytest.approx(100 / 9)
    assert "dropUpper" in result.headline
    line = json.loads((context.output / "differences.jsonl").read_text("utf-8"))
    assert (line["id"], line["errors"], line["referenceErrors"]) == ("test:3", 1, 0)
    assert any("fp32" in line for line in world.logged)


def test_the_outputs_are_a_function_of_the_inputs(world: World) -> None:
    first, second = world.context(GOLD, GOLD), world.context(GOLD, GOLD)
    evaluate.run(first)
    world.store.create(
        f"evaluate/{'f' * 64}/manifest.json", a_manifest(Stage.EVALUATE, "f" * 64, "other").to_bytes()
    )
    evaluate.run(second)
    for name in ("counts.npz", "summary.json"):
        assert (first.output / "counts" / name).read_bytes() == (second.output / "counts" / name).read_bytes()


def test_it_counts_the_candidates_that_this_snapshot_has_judged(world: World) -> None:
    for key, data in (("a" * 64, DATA), ("b" * 64, DATA), ("c" * 64, "other"), ("e" * 64, DATA)):
        manifest = a_manifest(Stage.EVALUATE, key, data=data)
        world.store.create(f"evaluate/{key}/manifest.json", manifest.to_bytes())
    assert evaluation_of(evaluate.run(world.context(GOLD))).judged == 3


def test_sentences_without_text(tmp_path: Path) -> None:
    sentences = [Sentence("npz:1", (), ("B-PER", "O"), (101, 7, 8, 102))]
    world = World(tmp_path, sentences)
    context = world.context([("O", "O")])
    evaluate.run(context)
    assert json.loads((context.output / "worst.jsonl").read_text())["tokens"] == ["#7", "#8"]


def test_a_label_that_only_the_test_set_has(tmp_path: Path) -> None:
    sentences = [Sentence("test:1", ("a", "b"), ("B-DISEASE", "O"))]
    figures = evaluation_of(evaluate.run(World(tmp_path, sentences).context([("O", "O")])))
    assert [kind.name for kind in figures.types] == ["LOC", "ORG", "PER", "DISEASE"]
    assert figures.f1.point == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:-1], "predictions: no prediction for test:4"),
        (lambda lines: [*lines, lines[0]], "a prediction for test:1, which the data does not have"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "test:1 was expected, one for test:2 found"),
        (lambda lines: [lines[0].replace("O", "X"), *lines[1:]], "no IOB2 tag"),
        (lambda lines: [lines[0], "{oops", *lines[2:]], "predictions.jsonl:2: this line is no prediction"),
        (lambda lines: [lines[0].replace('"start": 0', '"start": 1'), *lines[1:]], "its tags spell"),
        (lambda lines: [lines[0].replace('"O", ', "", 1), *lines[1:]], "7 tokens and 6 predicted tags"),
    ],
)
def test_predictions_that_do_not_fit(world: World, damage: object, message: str) -> None:
    context = world.context(GOLD)
    path = context.inputs["predictions"] / "predictions.jsonl"
    path.write_text("\n".join(damage(path.read_text().splitlines())) + "\n")  # type: ignore[operator]
    with pytest.raises(PermanentError, match=message):
        evaluate.run(context)


def test_data_without_gold_is_named(tmp_path: Path) -> None:
    world = World(tmp_path, [Sentence("test:1", ("a",))])
    with pytest.raises(PermanentError, match="test:1: this sentence has no gold tags"):
        evaluate.run(world.context([("O",)]))


def test_an_empty_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="the test set is empty"):
        evaluate.run(World(tmp_path, []).context([]))


def test_it_stops_when_asked(world: World) -> None:
    world.stopping.set()
    with pytest.raises(StageError) as caught:
        evaluate.run(world.context(GOLD))
    assert caught.value.code == 143
