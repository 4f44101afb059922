"""One task to one artifact: once, twice, at once, killed, stopped, failing, with damaged inputs."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.lease import Holder, lease_key
from ner_jobs.task import ExitCode, InputReference, Manifest, Owner, Stage, StorageSettings, Task

CHILD = Path(__file__).with_name("runner_child.py")
KEY = "ab" * 32
OTHER = "cd" * 32


@dataclass
class Ended:
    code: int
    out: str
    errors: str
    message: dict[str, Any]


@dataclass
class World:
    """A folder store, and processes that run tasks on it."""

    root: Path
    attempts: int = 0
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.root / "store")

    def task(self, stage: Stage = Stage.PREPARE, key: str = KEY, **fields: Any) -> Task:
        self.attempts += 1
        parameters = {"count": 7, **fields.pop("parameters", {})}
        return Task(
            stage=stage,
            key=key,
            attempt=f"try-{self.attempts}",
            parameters=parameters,
            storage=StorageSettings(uri=self.store.uri),
            owner=Owner(namespace="default", name="tiny"),
            threads=1,
            **fields,
        )

    def start(self, task: Task, **environment: str) -> subprocess.Popen[str]:
        folder = self.root / f"process-{len(self.processes)}"
        (folder / "tmp").mkdir(parents=True)
        (folder / "task.json").write_text(task.model_dump_json(by_alias=True))
        process = subprocess.Popen(
            [sys.executable, str(CHILD), str(folder / "task.json")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "TMPDIR": str(self.root / "tmp"),
                "NERD_TERMINATION_LOG": str(folder / "termination"),
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
        )
        process.termination = folder / "termination"  # type: ignore[attr-defined]
        self.processes.append(process)
        return process

    def end(self, process: subprocess.Popen[str]) -> Ended:
        out, errors = process.communicate()
        message = process.termination  # type: ignore[attr-defined]
        return Ended(
            process.returncode, out, errors, json.loads(message.read_text()) if message.exists() else {}
        )

    def run(self, task: Task, **environment: str) -> Ended:
        return self.end(self.start(task, **environment))

    def manifest(self, stage: Stage = Stage.PREPARE, key: str = KEY) -> Manifest:
        found = artifacts.read_manifest(self.store, stage, key)
        assert found is not None
        return found[0]

    def stored(self) -> set[str]:
        return {stored.key for stored in self.store.list("prepare/")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "tmp").mkdir()
    return World(tmp_path)


def test_a_task_becomes_an_artifact(world: World) -> None:
    ended = world.run(world.task())
    assert (ended.code, ended.errors) == (0, "")
    manifest = world.manifest()
    assert {entry.path for entry in manifest.files} == {"letters/count", "record.json", "log.txt"}
    assert manifest.metrics == {"count": {"letters": 0}}
    assert manifest.provenance["own"] == 1
    assert {"versions", "host", "cpu", "isa", "cpuFeatures", "threads"} <= set(manifest.provenance)
    assert artifacts.find_damage(world.store, manifest) == ()
    assert world.stored() == {
        f"prepare/{KEY}/manifest.json",
        *(artifacts.file_key(manifest, entry.path) for entry in manifest.files),
    }
    log = artifacts.read_log(world.store, "prepare", KEY)
    assert log
    assert "counting as try-1-" in log
    assert ended.message == {
        "key": KEY,
        "manifestDigest": manifest.digest(),
        "outputs": manifest.outputs,
        "emulated": False,
        "headline": {"count": 0},
    }
    assert list((world.root / "tmp").iterdir()) == []


def test_the_second_run_changes_nothing(world: World) -> None:
    first = world.run(world.task())
    before = world.manifest()
    second = world.run(world.task())
    assert second.code == 0
    assert "already there" in second.out
    assert world.manifest() == before
    assert second.message == first.message


def test_inputs_are_folders_that_were_verified(world: World) -> None:
    world.run(world.task(parameters={"count": 12345}))
    made = world.manifest()
    reference = InputReference(stage="prepare", key=KEY, output="letters", digest=made.outputs["letters"])
    ended = world.run(world.task(Stage.FINETUNE, OTHER, inputs={"data": reference}))
    assert ended.code == 0, ended.out
    assert world.manifest(Stage.FINETUNE, OTHER).headline == {"count": 5}
    assert world.manifest(Stage.FINETUNE, OTHER).inputs == {"data": reference}


def test_what_comes_of_a_stand_in_is_marked_as_emulated(world: World) -> None:
    world.run(world.task(emulated=True))
    reference = InputReference(stage="prepare", key=KEY, output="letters")
    world.run(world.task(Stage.FINETUNE, OTHER, inputs={"data": reference}))
    assert world.manifest(Stage.FINETUNE, OTHER).emulated


def test_a_plugin_that_says_that_its_devices_are_stand_ins_is_believed(world: World) -> None:
    ended = world.run(world.task(), NERD_DEVICE_EMULATED="true", NERD_DEVICE_IDS="va-0,va-1")
    assert world.manifest().emulated
    assert world.manifest().provenance["devices"] == ["va-0", "va-1"]
    assert ended.message["emulated"] is True
    without = world.run(world.task())
    assert "already there" in without.out
    assert without.message["emulated"] is True


def test_a_vanished_input_is_named_and_asks_for_another_try(world: World) -> None:
    reference = InputReference(stage="prepare", key=KEY, output="letters")
    ended = world.run(world.task(Stage.FINETUNE, OTHER, inputs={"data": reference}))
    assert ended.code == ExitCode.TRY_AGAIN
    assert f"input artifact prepare {KEY} has vanished" in ended.message["message"]
    assert artifacts.read_manifest(world.store, "finetune", OTHER) is None


def test_a_corrupt_input_is_named(world: World) -> None:
    world.run(world.task())
    world.store.put(artifacts.file_key(world.manifest(), "letters/count"), b"8")
    reference = InputReference(stage="prepare", key=KEY, output="letters")
    ended = world.run(world.task(Stage.FINETUNE, OTHER, inputs={"data": reference}))
    assert ended.code == ExitCode.DATA
    assert "letters/count is corrupt" in ended.message["message"]
    assert ended.errors == ""


def test_a_corrupt_result_is_not_taken_for_done(world: World) -> None:
    world.run(world.task())
    world.store.put(artifacts.file_key(world.manifest(), "letters/count"), b"8")
    ended = world.run(world.task())
    assert ended.code == ExitCode.DATA
    assert "letters/count is corrupt" in ended.message["message"]


def test_a_result_whose_files_have_vanished_is_computed_again(world: World) -> None:
    world.run(world.task())
    before = world.manifest()
    world.store.delete(artifacts.file_key(before, "letters/count"))
    ended = world.run(world.task())
    assert ended.code == 0, ended.out
    assert "letters/count has vanished" in ended.out
    after = world.manifest()
    assert after.attempt != before.attempt
    assert after.outputs == before.outputs, "what rests on it stays as it is"
    assert artifacts.find_damage(world.store, after) == ()
    assert not any(before.attempt in key for key in world.stored())


@pytest.mark.parametrize(
    ("fail", "code", "said"),
    [
        ("permanent", 65, "corpus.txt:3: no tag; write one"),
        ("unexpected", 1, "RuntimeError: a bug; the traceback is in the stage's log"),
        ("memory", 1, "out of memory"),
        ("full", 73, "no space left on scratch"),
        ("library", 73, "no space left on scratch"),
    ],
)
def test_a_failure_is_a_sentence_and_an_exit_code(world: World, fail: str, code: int, said: str) -> None:
    ended = world.run(world.task(parameters={"fail": fail}))
    assert ended.code == code
    assert said in ended.message["message"]
    assert ended.message["code"] == code
    assert said in ended.out
    assert "Traceback" not in ended.out + ended.errors
    assert artifacts.read_manifest(world.store, "prepare", KEY) is None
    log = artifacts.read_log(world.store, "prepare", KEY)
    assert log
    assert ("Traceback" in log) == (fail == "unexpected")
    assert world.run(world.task()).code == 0
    assert len(world.stored()) == 4, "the log of the failure goes with the success"


def test_a_failure_may_have_a_headline(world: World) -> None:
    ended = world.run(world.task(parameters={"fail": "moved"}))
    assert ended.code == 75
    assert ended.message["headline"] == {"generation": 2}


def test_stopping_saves_and_ends_with_143(world: World) -> None:
    process = world.start(world.task(parameters={"wait": str(world.root / "go")}))
    read_until(process, "waiting")
    process.send_signal(signal.SIGTERM)
    ended = world.end(process)
    assert ended.code == ExitCode.TERMINATED
    assert "checkpoint is saved" in ended.message["message"]
    assert world.run(world.task()).code == 0


def test_after_kill_9_the_next_run_starts_at_once(world: World) -> None:
    process = world.start(world.task(parameters={"wait": str(world.root / "go")}))
    read_until(process, "waiting")
    process.kill()
    assert world.end(process).message == {}
    assert list((world.root / "tmp").iterdir())
    # The lease would be waited for for an hour, but its holder is seen to be gone.
    ended = world.run(world.task(), EXPIRY="3600")
    assert ended.code == 0
    assert "has died; taking over" in ended.out
    assert len(world.stored()) == 4
    assert list((world.root / "tmp").iterdir()) == [], "what the killed one left on scratch is gone too"


def test_a_silent_holder_on_another_host_expires(world: World) -> None:
    elsewhere = Holder(attempt="try-0", host="elsewhere", nonce="n", boot="another boot", pid=1, born="1")
    world.store.put(lease_key("prepare", KEY), elsewhere.to_bytes(3))
    ended = world.run(world.task())
    assert ended.code == 0
    assert "try-0 on elsewhere works on the same key; waiting for it" in ended.out
    assert "has gone silent; taking over" in ended.out


def test_of_two_runners_of_one_task_the_second_waits_and_adopts(world: World) -> None:
    go = world.root / "go"
    task = world.task(parameters={"wait": str(go)})
    first = world.start(task, EXPIRY="3600")
    read_until(first, "waiting")
    second = world.start(task, EXPIRY="3600")
    read_until(second, "works on the same key")
    go.touch()
    ended = [world.end(first), world.end(second)]
    assert [each.code for each in ended] == [0, 0]
    assert ended[0].message == ended[1].message
    assert "was computed by attempt try-1-" in ended[1].out
    assert len(world.stored()) == 4


def test_without_any_lease_the_first_manifest_wins(world: World) -> None:
    go = world.root / "go"
    task = world.task(parameters={"wait": str(go)})
    first = world.start(task, EXPIRY="0")
    read_until(first, "waiting")
    second = world.start(task, EXPIRY="0")
    read_until(second, "waiting\n")
    go.touch()
    ended = [world.end(first), world.end(second)]
    assert [each.code for each in ended] == [0, 0], [each.out for each in ended]
    assert ended[0].message == ended[1].message
    assert len(world.stored()) == 4
    assert artifacts.find_damage(world.store, world.manifest()) == ()


def test_a_waiting_runner_stops_when_asked(world: World) -> None:
    first = world.start(world.task(parameters={"wait": str(world.root / "go")}), EXPIRY="3600")
    read_until(first, "waiting")
    second = world.start(world.task(), EXPIRY="3600")
    read_until(second, "works on the same key")
    second.send_signal(signal.SIGTERM)
    assert world.end(second).code == ExitCode.TERMINATED
    first.kill()
    world.end(first)


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    seen = ""
    for line in process.stdout:
        seen += line
        if line.endswith(word) or word in line:
            return
    raise AssertionError(f"it never said {word!r}: {seen}{process.communicate()[1]}")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{", "the task is wrong"),
        ('{"stage": "nothing"}', "stage: Input should be"),
        (None, "set $NERD_TASK, or give --task FILE"),
    ],
)
def test_a_wrong_task_is_a_usage_error(tmp_path: Path, task: str | None, said: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NERD_TASK"}
    if task is not None:
        environment["NERD_TASK"] = task
    done = subprocess.run(
        [sys.executable, "-m", "ner_jobs"],
        env={**environment, "NERD_TERMINATION_LOG": str(tmp_path / "termination")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert said in done.stderr
    assert said in json.loads((tmp_path / "termination").read_text())["message"]


def test_a_store_of_no_known_kind_is_a_usage_error(world: World) -> None:
    task = world.task().model_copy(update={"storage": StorageSettings(uri="ftp://host/x")})
    ended = world.run(task)
    assert ended.code == ExitCode.USAGE
    assert "write s3://BUCKET/PREFIX or file:///FOLDER" in ended.message["message"]
