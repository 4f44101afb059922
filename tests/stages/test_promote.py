"""Promotions as stories: what is judged, what moves, and what a second look finds."""

import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.gates import Outcome, Verdict
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import count
from ner_jobs.stages import promote
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.pointer import (
    Action,
    Pointer,
    Promotion,
    move_pointer,
    promoted,
    read_pointer,
    rolled_back,
)
from ner_jobs.task import (
    InputReference,
    Manifest,
    Owner,
    PermanentError,
    RetryableError,
    Stage,
    StorageSettings,
    Task,
    canonical_digest,
)
from ner_jobs.task.manifest import outputs_of

OWNER = Owner(namespace="nlp", name="tiny")
SIZE = 300
GATES: tuple[dict[str, Any], ...] = (
    {"metric": "f1", "min": 0.85},
    {"metric": "f1", "maxDrop": 1.0, "against": "reference", "confidence": 0.95},
    {"metric": "f1", "maxDrop": 1.0, "against": "current"},
)


def sentences(tokens: tuple[str, ...] = ("京", "人")) -> list[Sentence]:
    return [Sentence(f"test:{at}", tokens, ("B-LOC", "B-PER")) for at in range(SIZE)]


def a_key(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


class World:
    """A store with a deployment's artifacts; candidates are named by how many sentences they get wrong."""

    def __init__(self, root: Path, tokens: tuple[str, ...] = ("京", "人")) -> None:
        self.root = root
        self.sentences = sentences(tokens)
        self.store = DirectoryStore(root / "store")
        self.logged: list[str] = []
        self._folders = 0
        self.data = self.publish(Stage.PREPARE, "data", self._write_data, parameters={"base": "org/base"})
        self.model = self.publish(Stage.FINETUNE, "model", self._write_model, parameters={"epochs": 3})

    def _folder(self) -> Path:
        self._folders += 1
        folder = self.root / f"made-{self._folders}"
        folder.mkdir()
        return folder

    def _write_data(self, folder: Path) -> None:
        write_sentences(folder / "test", self.sentences)
        (folder / "labels").mkdir()
        (folder / "labels/labels.json").write_text(json.dumps({"types": ["LOC", "PER"]}))

    def _write_model(self, folder: Path) -> None:
        (folder / "model").mkdir()
        (folder / "model/config.json").write_text("{}")
        (folder / "model/nerd.json").write_text(
            json.dumps({"segmentation": "characters", "decoding": "constrained", "maxLength": 64})
        )

    def publish(self, stage: Stage, name: str, write: Any, **fields: Any) -> Manifest:
        folder = self._folder()
        write(folder)

        def describe(files: Any) -> Manifest:
            return Manifest(
                stage=stage,
                key=a_key(name),
                attempt="a",
                files=files,
                outputs=outputs_of(files),
                **{"parameters": {}, "inputs": {}, "started": 0, "finished": 1, **fields},
            )

        return artifacts.publish(self.store, stage, a_key(name), "a", folder, describe)[0]

    def candidate(self, name: str, wrong: int, emulated: bool = False) -> None:
        """Evaluate and compile artifacts of a variant that misses an entity in `wrong` sentences."""

        def write_counts(folder: Path) -> None:
            count(
                Pair(sentence.id, sentence.tags or (), ("O", "B-PER") if at < wrong else sentence.tags or ())
                for at, sentence in enumerate(self.sentences)
            ).save(folder / "counts")

        def write_compiled(folder: Path) -> None:
            (folder / "compiled").mkdir()
            (folder / "compiled/variant.json").write_text(json.dumps({"name": name}))

        test = InputReference(
            stage="prepare", key=self.data.key, output="test", digest=self.data.outputs["test"]
        )
        self.publish(Stage.EVALUATE, name, write_counts, inputs={"data": test}, variant=name)
        self.publish(Stage.COMPILE, name, write_compiled, emulated=emulated, variant=name)

    def task(self, candidates: Mapping[str, str], **parameters: Any) -> Task:
        """Candidates: the name of the artifacts by variant."""
        inputs = {
            "model": InputReference(stage="finetune", key=self.model.key, output="model"),
            "data": InputReference(
                stage="prepare", key=self.data.key, output="test", digest=self.data.outputs["test"]
            ),
            "labels": InputReference(stage="prepare", key=self.data.key, output="labels"),
        }
        for variant, name in candidates.items():
            inputs[f"evaluation.{variant}"] = InputReference(
                stage="evaluate", key=a_key(name), output="counts"
            )
            inputs[f"compiled.{variant}"] = InputReference(
                stage="compile", key=a_key(name), output="compiled"
            )
        pointer = read_pointer(self.store, OWNER)
        defaults = {
            "revision": "r1",
            "preference": tuple(candidates),
            "reference": "fp32",
            "gates": GATES,
            "resamples": 200,
            "currentGeneration": pointer.generation if pointer else 0,
        }
        merged = {**defaults, **parameters}
        return Task(
            stage=Stage.PROMOTE,
            key=canonical_digest([merged, dict(candidates)]),
            attempt="a",
            parameters=merged,
            inputs=inputs,
            storage=StorageSettings(uri=self.store.uri),
            owner=OWNER,
        )

    def run(self, task: Task) -> tuple[StageResult, Path]:
        def fetch(reference: InputReference) -> Path:
            return artifacts.fetch(self.store, reference, self.root / "cache")

        output = self._folder()
        manifests = {}
        for role, reference in task.inputs.items():
            found = artifacts.read_manifest(self.store, reference.stage, reference.key)
            assert found is not None
            manifests[role] = found[0]
        context = StageContext(
            task=task,
            inputs={role: fetch(reference) for role, reference in task.inputs.items()},
            manifests=manifests,
            output=output,
            scratch=self._folder(),
            store=self.store,
            log=self.logged.append,
            progress=lambda done, total, what: None,
            stopping=threading.Event(),
            fetch=fetch,
        )
        return promote.run(context), output

    def pointer(self) -> Pointer:
        pointer = read_pointer(self.store, OWNER)
        assert pointer is not None
        return pointer


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.candidate("fp32", wrong=6)
    world.candidate("int8", wrong=6)
    return world


def verdict_of(result: StageResult, output: Path) -> Verdict:
    verdict = Verdict.model_validate_json((output / "verdict/verdict.json").read_bytes())
    assert verdict == Verdict.model_validate(result.metrics)
    return verdict


def test_the_first_promotion(world: World) -> None:
    task = world.task({"int8": "int8", "fp32": "fp32"})
    result, output = world.run(task)
    verdict = verdict_of(result, output)
    assert result.headline["verdict"] == "Promoted"
    assert (result.headline["variant"], result.headline["generation"]) == ("int8", 1)
    assert result.headline["drop"] == 0.0
    assert [finding.reason for finding in verdict.variants[0].findings] == [
        "Passed",
        "Passed",
        "NotApplicable",
    ]
    pointer = world.pointer()
    assert (pointer.variant, pointer.revision, pointer.generation) == ("int8", "r1", 1)
    assert (pointer.compile_key, pointer.evaluation_key) == (a_key("int8"), a_key("int8"))
    assert pointer.promote_key == task.key
    assert pointer.test_digest == world.data.outputs["test"]
    stored = artifacts.read_manifest(world.store, "compile", a_key("int8"))
    assert stored is not None
    assert pointer.manifest_digest == stored[1]


def test_the_promoted_model_is_a_plain_folder_with_a_card(world: World) -> None:
    _, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    assert (output / "model/config.json").read_text() == "{}"
    card = (output / "model/README.md").read_text("utf-8")
    _, front, text = card.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["pipeline_tag"] == "token-classification"
    assert matter["language"] == ["zh"]
    assert matter["base_model"] == "org/base"
    metrics = matter["model-index"][0]["results"][0]["metrics"]
    assert metrics[0]["type"] == "f1"
    assert metrics[0]["value"] == pytest.approx(0.995, abs=1e-3)
    for words in (
        "## Intended use",
        "| int8 (promoted) |",
        "| fp32 (reference) |",
        "epochs: `3`",
        "`r1`",
        "LOC",
    ):
        assert words in text


def test_each_variant_is_judged_alone_and_the_first_that_passes_is_taken(world: World) -> None:
    world.candidate("collapsed", wrong=300)
    result, output = world.run(world.task({"int8": "collapsed", "fp32": "fp32"}))
    verdict = verdict_of(result, output)
    assert (verdict.variant, verdict.outcome) == ("fp32", Outcome.PROMOTED)
    refused = verdict.variants[0]
    assert refused.reason == "BelowMinimum"
    assert len(refused.findings) == 3
    assert refused.findings[1].reason == "DropTooLarge"


def test_a_refusal_is_a_result_and_moves_nothing(world: World) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    before = world.pointer()
    world.candidate("collapsed", wrong=300)
    result, output = world.run(
        world.task({"int8": "collapsed", "fp32": "fp32"}, revision="r2", preference=["int8"])
    )
    verdict = verdict_of(result, output)
    assert (verdict.outcome, verdict.variant, verdict.generation) == (Outcome.REFUSED, None, 1)
    assert "stays in service" in verdict.message
    assert "int8: BelowMinimum" in verdict.message
    assert world.pointer() == before
    assert not (output / "model").exists()


def test_worse_than_what_serves_is_refused(world: World) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("worse", wrong=20)
    result, output = world.run(world.task({"fp32": "worse"}, revision="r2"))
    (judged,) = verdict_of(result, output).variants
    assert [finding.reason for finding in judged.findings] == ["Passed", "Passed", "DropTooLarge"]
    assert "below the current" in judged.message


def test_a_better_revision_takes_its_place(world: World) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("better", wrong=0)
    result, _ = world.run(world.task({"fp32": "better"}, revision="r2"))
    assert (result.headline["verdict"], result.headline["generation"]) == ("Promoted", 2)
    assert [former.revision for former in world.pointer().history] == ["r1"]


def test_what_is_in_service_already_is_left_alone(world: World) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    result, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    assert (result.headline["verdict"], result.headline["generation"]) == ("AlreadyCurrent", 1)
    assert "nothing to do" in verdict_of(result, output).message
    assert not (output / "model").exists()


def test_manual_judges_and_waits(world: World) -> None:
    result, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}, mode="Manual"))
    assert (result.headline["verdict"], result.headline["variant"]) == ("AwaitingApproval", "int8")
    assert "nerd promote" in verdict_of(result, output).message
    assert read_pointer(world.store, OWNER) is None


def test_the_same_attempt_again_finds_its_own_move(world: World) -> None:
    """Killed after the move and before the manifest: the same task leaves the same verdict."""
    task = world.task({"int8": "int8", "fp32": "fp32"})
    first, _ = world.run(task)
    second, output = world.run(task)
    assert second.headline == first.headline
    assert (output / "model/README.md").is_file()
    assert (world.pointer().generation, world.pointer().history) == (1, ())


def test_a_pointer_that_has_moved_since_is_no_ground_to_judge_on(world: World) -> None:
    stale = world.task({"int8": "int8", "fp32": "fp32"}, revision="r2")
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    with pytest.raises(RetryableError, match="generation 0 to 1"):
        world.run(stale)


def test_a_pointer_that_moves_during_the_judgement_is_not_overrun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = world.task({"int8": "int8", "fp32": "fp32"})
    rival = world.task({"fp32": "fp32"}, revision="r9")

    def between(*arguments: Any) -> None:
        monkeypatch.undo()
        world.run(rival)

    monkeypatch.setattr(promote, "_write_model", between)
    with pytest.raises(RetryableError, match="moved by somebody else"):
        world.run(task)
    assert world.pointer().revision == "r9"


def test_a_revision_that_was_rolled_back_is_held(world: World) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("better", wrong=0)
    world.run(world.task({"fp32": "better"}, revision="r2"))
    current = world.pointer()
    assert move_pointer(world.store, rolled_back(current, 5.0, "mei"), current)
    result, output = world.run(world.task({"fp32": "better"}, revision="r2"))
    assert result.headline["verdict"] == "Refused"
    assert verdict_of(result, output).variants[0].reason == "RolledBack"
    again, _ = world.run(world.task({"fp32": "better"}, revision="r2", releaseHeld=True))
    assert again.headline["verdict"] == "Promoted"


@pytest.mark.parametrize(("allowed", "verdict"), [(False, "Refused"), (True, "Promoted")])
def test_emulated_is_promoted_only_where_the_spec_allows_it(
    world: World, allowed: bool, verdict: str
) -> None:
    world.candidate("stand-in", wrong=0, emulated=True)
    result, _ = world.run(world.task({"fp32": "stand-in"}, allowEmulated=allowed))
    assert result.headline["verdict"] == verdict


def test_a_type_that_is_too_rare_refuses(world: World) -> None:
    gates = [{"metric": "f1", "entityType": "ORG", "min": 0.1}]
    result, output = world.run(world.task({"fp32": "fp32"}, gates=gates))
    assert verdict_of(result, output).variants[0].reason == "InsufficientData"


def test_it_says_how_many_candidates_the_snapshot_has_judged(world: World) -> None:
    world.candidate("other", wrong=9)
    result, output = world.run(world.task({"fp32": "fp32"}))
    assert verdict_of(result, output).judged == 3


def test_a_variant_that_was_not_evaluated_is_named(world: World) -> None:
    with pytest.raises(PermanentError, match=r"names va16, which was not evaluated; there are fp32"):
        world.run(world.task({"fp32": "fp32"}, preference=["va16"]))


def test_a_gate_that_cannot_be_asked_is_named(world: World) -> None:
    gates = [{"metric": "accuracy", "entityType": "ORG", "min": 0.1}]
    with pytest.raises(PermanentError, match=r"gates\[0\]: accuracy is measured over all tokens"):
        world.run(world.task({"fp32": "fp32"}, gates=gates))


def test_a_current_model_that_was_measured_on_other_data_is_inferred_on_this_first(
    tmp_path: Path, compiled_letters: Path
) -> None:
    """The model in service reads d as a LOC and b as a PER: it is right on every sentence here."""
    world = World(tmp_path, tokens=("d", "b"))
    world.publish(
        Stage.COMPILE,
        "letters",
        lambda folder: shutil.copytree(compiled_letters, folder / "compiled"),
        variant="int8",
    )
    elsewhere = Promotion(
        generation=0,
        revision="r0",
        variant="int8",
        compile_key=a_key("letters"),
        manifest_digest="0" * 64,
        evaluation_key=a_key("an evaluation of other data"),
        test_digest="another snapshot",
        promoted_at=1.0,
        by="promote",
        action=Action.PROMOTE,
    )
    assert move_pointer(world.store, promoted(None, elsewhere, OWNER), None)
    world.candidate("worse", wrong=20)
    result, output = world.run(world.task({"fp32": "worse"}))
    assert result.headline["verdict"] == "Refused"
    against_current = verdict_of(result, output).variants[0].findings[2]
    assert against_current.reason == "DropTooLarge"
    assert against_current.value == pytest.approx(100 * (1 - 1160 / 1180), abs=0.01)
    assert any("measured on other data" in line for line in world.logged)
