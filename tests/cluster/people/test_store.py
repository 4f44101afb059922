"""What is read from the store of a deployment in the cluster: report, history, logs of pods that are gone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.promotion.pointer import Action, Promotion, move_pointer, promoted
from ner_jobs.scoring.blocks import Pair, TagTable, block_of
from ner_jobs.scoring.confusion import ConfusionCounter
from ner_jobs.scoring.counts import count
from ner_jobs.scoring.summary import Draws, summarize
from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import FileEntry, Manifest, Owner, Stage
from ner_jobs.task.manifest import outputs_of

KEY = "ab" * 32


def publish(store: DirectoryStore, folder: Path, stage: Stage, **fields: Any) -> None:
    folder.mkdir()
    (folder / "log.txt").write_text(f"{stage} was here\n")

    def describe(files: tuple[FileEntry, ...]) -> Manifest:
        said = {"parameters": {}, "inputs": {}, "started": 0, "finished": 1, **fields}
        return Manifest(stage=stage, key=KEY, attempt="a", files=files, outputs=outputs_of(files), **said)

    artifacts.publish(store, stage, KEY, "a", folder, describe)


@pytest.fixture
def stored(person: Any, tmp_path: Path) -> Callable[..., Any]:
    """The command line on `tiny`, whose fp32 is evaluated and in service, with its store at hand."""
    store = DirectoryStore(tmp_path / "store")
    pairs = [Pair(f"t:{at}", ("B-PER", "B-LOC"), ("B-PER", "B-LOC")) for at in range(40)]
    table = TagTable()
    counter = ConfusionCounter(table)
    counter.add(block_of(pairs, table))
    figures = summarize("fp32", "d" * 64, count(pairs), counter.confusion(), Draws(resamples=100))
    metrics = figures.model_dump(mode="json", by_alias=True)
    publish(store, tmp_path / "evaluated", Stage.EVALUATE, variant="fp32", metrics=metrics)
    person.apply("tiny")
    uid = person.read("tiny")["metadata"]["uid"]
    promotion = Promotion(
        generation=0,
        revision="r" * 64,
        variant="fp32",
        compile_key=KEY,
        manifest_digest="0" * 64,
        promoted_at=1.0,
        by="mei",
        action=Action.MANUAL,
    )
    owner = Owner(namespace=person.namespace, name="tiny", uid=uid)
    assert move_pointer(store, promoted(None, promotion, owner), None)
    result = {"key": KEY, "outputs": {}}
    stage = {"name": "evaluate/fp32", "state": "Succeeded", "key": KEY, "job": "gone", "result": result}
    waiting = {"name": "promote", "state": "Waiting"}
    person.tell("tiny", "False", "StagesRunning", "at work", stages=[stage, waiting])
    return lambda *words: person(*words, "--storage", str(tmp_path / "store"))


def test_report(stored: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    said = stored("report", "tiny", "--html", str(page))
    assert said.code == 0, said.err
    assert "fp32" in said.out
    assert "1.0000" in said.out
    assert "in service: nothing" in said.out
    assert "fp32" in page.read_text(encoding="utf-8")


def test_history(stored: Callable[..., Any]) -> None:
    (position,) = stored("history", "tiny", "-o", "json").json["positions"]
    assert (position["generation"], position["variant"], position["by"]) == (1, "fp32", "mei")


def test_the_log_of_a_pod_that_is_gone(stored: Callable[..., Any]) -> None:
    (entry,) = stored("logs", "tiny", "-o", "json").json
    assert entry == {"step": "evaluate/fp32", "key": KEY, "log": "evaluate was here\n"}


def test_a_deployment_that_was_made_again_takes_its_model_over(
    stored: Callable[..., Any], person: Any
) -> None:
    person.kubectl("delete", "nerdeployment", "tiny")
    person.apply("tiny")
    refused = stored("history", "tiny")
    assert refused.code == 78
    assert "kubectl nerd adopt" in refused.err
    assert "tiny owns its pointer now" in stored("adopt", "tiny").out
    (position,) = stored("history", "tiny", "-o", "json").json["positions"]
    assert (position["generation"], position["variant"]) == (1, "fp32")


def test_a_folder_of_the_nodes_cannot_be_read_from_here(person: Any) -> None:
    person.apply("tiny", storage={"uri": "file:///mnt/ner"})
    said = person("history", "tiny")
    assert said.code == 78
    assert "name it with --storage" in said.err
