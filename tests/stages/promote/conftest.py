"""A store with a deployment's artifacts, on which promote can be tried as stories."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.labels import labels_of_types
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.promotion.pointer import Pointer, read_pointer
from ner_jobs.promotion.verdict import Verdict
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import count
from ner_jobs.stages import promote
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import (
    InputReference,
    Manifest,
    Owner,
    Stage,
    StorageSettings,
    Task,
    canonical_digest,
)
from ner_jobs.task.manifest import outputs_of
from ner_jobs.task.promote_headline import PromoteHeadline

OWNER = Owner(namespace="nlp", name="tiny")
SIZE = 300
GATES: tuple[dict[str, Any], ...] = (
    {"metric": "f1", "min": 0.85},
    {"metric": "f1", "maxDrop": 1.0, "against": "reference", "confidence": 0.95},
    {"metric": "f1", "maxDrop": 1.0, "against": "current"},
)


def a_key(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


class World:
    """A store with a deployment's artifacts; candidates are named by how many sentences they get wrong."""

    owner = OWNER
    key = staticmethod(a_key)

    def __init__(
        self,
        root: Path,
        tokens: tuple[str, ...] = ("京", "人"),
        tags: tuple[str, ...] = ("B-LOC", "B-PER"),
        size: int = SIZE,
    ) -> None:
        self.root = root
        self.sentences = [Sentence(f"test:{at}", tokens, tags) for at in range(size)]
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
        (folder / "labels/labels.json").write_text(json.dumps({"labels": labels_of_types(["LOC", "PER"])}))

    def _write_model(self, folder: Path) -> None:
        (folder / "model").mkdir()
        (folder / "model/config.json").write_text("{}")
        (folder / "model/nerd.json").write_text(
            json.dumps(
                {
                    "labels": labels_of_types(["LOC", "PER"]),
                    "segmentation": "characters",
                    "decoding": "constrained",
                    "maxLength": 64,
                }
            )
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
        self.publish(
            Stage.COMPILE,
            name,
            write_compiled,
            emulated=emulated,
            variant=name,
            parameters={"backend": "openvino"},
        )

    def rollback(self, **wish: Any) -> Task:
        pointer = read_pointer(self.store, OWNER)
        parameters = {
            "rollback": {"token": "t", "by": "mei", **wish},
            "currentGeneration": pointer.generation if pointer else 0,
        }
        return Task(
            stage=Stage.PROMOTE,
            key=canonical_digest(parameters),
            attempt="a",
            parameters=parameters,
            storage=StorageSettings(uri=self.store.uri),
            owner=OWNER,
        )

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

    def verdict(self, task: Task) -> Verdict:
        """What a task leads to; its file, its figures and its headline agree."""
        result, output = self.run(task)
        verdict = Verdict.model_validate_json((output / "verdict/verdict.json").read_bytes())
        assert verdict == Verdict.model_validate(result.metrics)
        headline = PromoteHeadline.read(result.headline)
        assert headline is not None
        assert (headline.verdict, headline.generation) == (verdict.outcome, verdict.generation)
        pointer = read_pointer(self.store, OWNER)
        assert headline.current_revision == (pointer.revision if pointer else "")
        return verdict

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


@pytest.fixture
def world_of() -> type[World]:
    """For a store with other sentences."""
    return World
