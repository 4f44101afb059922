"""What a stage's process says, and how its end is put into words."""

import queue
import sys
from pathlib import Path

import pytest

from ner_jobs.task import ExitCode, Owner, Stage, StorageSettings, Task
from ner_operator.local.process import Ended, Event, LogLine, Progress, StageProcess, event_of, new_attempt


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('{"log": "hello"}', LogLine("s", "hello")),
        ('{"progress": {"done": 1, "total": 2.5, "what": "steps"}}', Progress("s", 1.0, 2.5, "steps")),
        ("a plain line", LogLine("s", "a plain line")),
        ('{"other": 1}', LogLine("s", '{"other": 1}')),
        ("{ no json", LogLine("s", "{ no json")),
        ('{"progress": 3}', LogLine("s", '{"progress": 3}')),
        ("", LogLine("s", "")),
    ],
)
def test_a_line(line: str, event: Event) -> None:
    assert event_of("s", line) == event


def test_attempts_differ() -> None:
    assert len({new_attempt() for _ in range(100)}) == 100


def _ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Ended:
    """The end of a process that runs this code in the place of a stage."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nimport os, sys, signal\n{code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    task = Task(
        stage=Stage.PREPARE,
        key="0" * 64,
        attempt="a",
        parameters={},
        storage=StorageSettings(uri="file:///nowhere"),
        owner=Owner(namespace="a", name="b"),
        threads=1,
    )
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    StageProcess("prepare", task, events.put)
    while not isinstance(event := events.get(timeout=60), Ended):
        pass
    return event


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        pytest.param("print('fine')", 0, "", id="well"),
        pytest.param(
            'words = \'{"message": "train:3 is wrong"}\'\n'
            "open(os.environ['NERD_TERMINATION_LOG'], 'w').write(words)\nsys.exit(65)",
            ExitCode.DATA,
            "train:3 is wrong",
            id="with last words",
        ),
        pytest.param("sys.exit('no space')", 1, "no space", id="with a last line on standard error"),
        pytest.param("sys.exit(9)", 9, "exit code 9", id="without a word"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", -9, "SIGKILL; out of memory", id="killed"),
    ],
)
def test_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, exit_code: int, words: str
) -> None:
    ended = _ended(tmp_path, monkeypatch, code)
    assert ended.code == exit_code
    assert words in ended.message
    assert bool(ended.message) == bool(exit_code)
