"""Runs as stories: what starts, what is tried again, what a stop leaves."""

import queue
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, Stage
from ner_jobs.task.parameters import BenchmarkParameters, PromoteCommand, RollbackCommand
from ner_operator.local import execute
from ner_operator.local.execute import Executor, Interrupt, Outcome, share
from ner_operator.local.record import read_record
from ner_operator.local.store_view import StoreView
from ner_operator.local.workspace import Workspace
from ner_operator.planning.graph import COMMAND, Step
from ner_operator.planning.plan import Cached, KnownAfter, Planned, Run
from ner_operator.planning.resolved import ResolvedDeployment, Runtime

STEPS = [
    "prepare",
    "export",
    "compile/reference",
    "compile/int8",
    "infer/reference",
    "infer/int8",
    "evaluate/reference",
    "evaluate/int8",
    "promote",
]


class Quiet:
    """A display that keeps its calls."""

    def __init__(self) -> None:
        self.shown: list[tuple[Any, ...]] = []

    def planned(self, plan: object) -> None:
        self.shown.append(("planned",))

    def started(self, step: str, threads: int, why: Sequence[str]) -> None:
        self.shown.append(("started", step))

    def logged(self, step: str, line: str) -> None:
        self.shown.append(("logged", step, line))

    def progressed(self, progress: object) -> None:
        self.shown.append(("progressed", progress))

    def finished(self, step: str, seconds: float, headline: Mapping[str, object]) -> None:
        self.shown.append(("finished", step))

    def failed(self, step: str, message: str, seconds: float) -> None:
        self.shown.append(("failed", step, message))

    def retrying(self, step: str, message: str, seconds: float) -> None:
        self.shown.append(("retrying", step))

    def stopping(self, steps: Sequence[str]) -> None:
        self.shown.append(("stopping", *steps))


def go(
    deployment: ResolvedDeployment,
    store: DirectoryStore,
    stages: Any,
    display: Quiet | None = None,
    events: "queue.SimpleQueue[Any] | None" = None,
    command: PromoteCommand | RollbackCommand | None = None,
) -> Outcome:
    executor = Executor(
        Workspace(deployment, store, StoreView(deployment, store, command)),
        display or Quiet(),
        events or queue.SimpleQueue(),
        start=stages.start,
        processors=2,
    )
    return executor.run()


def test_everything_runs_and_the_second_run_has_nothing_to_do(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    first = go(deployment, store, stages)
    assert sorted(first.ran) == sorted(STEPS)
    assert first.exit_code == 0
    assert all(isinstance(planned.state, Cached) for planned in first.plan)
    assert go(deployment, store, stages).ran == []
    assert set(read_record(store, deployment.owner).ingredients) == set(STEPS)


def test_a_permanent_failure_stops_what_is_behind_it_and_nothing_else(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    stages.ends = {"compile/int8": [ExitCode.SOFTWARE]}
    display = Quiet()
    outcome = go(deployment, store, stages, display)
    assert outcome.exit_code == ExitCode.SOFTWARE
    assert "evaluate/reference" in outcome.ran
    assert "promote" not in outcome.ran
    assert ("failed", "compile/int8", "compile/int8 ended with 70") in display.shown


def test_try_again_is_tried_again(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "LONGEST_WAIT", 0.01)
    stages.ends = {"prepare": [ExitCode.TRY_AGAIN, ExitCode.TRY_AGAIN]}
    assert go(deployment, store, stages).exit_code == 0
    assert [step for step, _ in stages.started].count("prepare") == 3


def test_try_again_has_an_end(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "LONGEST_WAIT", 0.01)
    stages.ends = {"prepare": [ExitCode.TRY_AGAIN] * 20}
    outcome = go(deployment, store, stages)
    assert outcome.exit_code == ExitCode.TRY_AGAIN
    assert len(stages.started) == execute.RETRIES + 1


def test_the_first_stop_asks_and_the_second_kills(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    stages.hanging = frozenset({"prepare"})
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    events.put(Interrupt(2))
    outcome = go(deployment, store, stages, events=events)
    assert outcome.exit_code == 130
    assert stages.terminated == ["prepare"]
    assert not stages.killed


def test_a_lost_file_is_made_again_under_a_new_key(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    first = go(deployment, store, stages)
    state = first.plan.state("export")
    assert isinstance(state, Cached)
    next(Path(store.root, "export", state.key).rglob("file")).unlink()
    second = go(deployment, store, stages)
    assert second.exit_code == 0
    assert "export" in second.ran
    again = second.plan.state("export")
    assert isinstance(again, Cached)
    assert again.key != state.key
    assert go(deployment, store, stages).ran == []


def test_a_vanished_artifact_is_made_again_under_its_own_key(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    state = go(deployment, store, stages).plan.state("compile/int8")
    assert isinstance(state, Cached)
    Path(store.root, "compile", state.key, "manifest.json").unlink()
    assert go(deployment, store, stages).ran == ["compile/int8"]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(PromoteCommand(token="t", variant="reference"), id="promote"),
        pytest.param(RollbackCommand(token="t", leaving=1), id="rollback"),
    ],
)
def test_a_command_runs_its_own_step_and_leaves_the_record(
    deployment: ResolvedDeployment,
    store: DirectoryStore,
    stages: Any,
    command: PromoteCommand | RollbackCommand,
) -> None:
    go(deployment, store, stages)
    record = read_record(store, deployment.owner)
    outcome = go(deployment, store, stages, command=command)
    assert outcome.ran == [COMMAND]
    assert [planned.step.name for planned in outcome.plan] == [COMMAND]
    assert isinstance(outcome.plan.state(COMMAND), Cached)
    assert read_record(store, deployment.owner) == record


def test_a_promotion_waits_for_the_verdict(
    deployment: ResolvedDeployment, store: DirectoryStore, stages: Any
) -> None:
    outcome = go(deployment, store, stages, command=PromoteCommand(token="t"))
    assert outcome.ran == []
    assert outcome.plan.state(COMMAND) == KnownAfter(("promote",))


def _planned(name: str, stage: Stage) -> Planned:
    step = Step(name, stage, BenchmarkParameters(), Runtime("cpu", "openvino"))
    return Planned(step, Run("k" * 64, BenchmarkParameters(), {}, None, ()))  # type: ignore[arg-type]


A, B, C = (_planned(name, Stage.COMPILE) for name in "abc")
MEASURE = _planned("m", Stage.BENCHMARK)


@pytest.mark.parametrize(
    ("ready", "running", "used", "processors", "expected"),
    [
        pytest.param([A], [], 0, 8, [("a", 8)], id="one step has all processors"),
        pytest.param([A, B], [], 0, 8, [("a", 4), ("b", 4)], id="two share them"),
        pytest.param([A, B, C], [], 0, 2, [("a", 1), ("b", 1)], id="three on two processors: one waits"),
        pytest.param([C], [A, B], 2, 2, [], id="all processors are taken"),
        pytest.param([A], [], 0, 1, [("a", 1)], id="one processor is enough"),
        pytest.param([MEASURE, A], [], 0, 2, [("a", 2)], id="a measurement waits for the others"),
        pytest.param([MEASURE], [A], 1, 2, [], id="a measurement waits for what runs"),
        pytest.param([MEASURE, MEASURE], [], 0, 2, [("m", 2)], id="one measurement at a time, with all"),
        pytest.param([A], [MEASURE], 2, 2, [], id="nothing starts beside a measurement"),
    ],
)
def test_share(
    ready: list[Planned], running: list[Planned], used: int, processors: int, expected: list[tuple[str, int]]
) -> None:
    assert [(p.step.name, n) for p, n in share(ready, running, used, processors)] == expected


def test_a_benchmark_runs_alone(deployment: ResolvedDeployment, store: DirectoryStore, stages: Any) -> None:
    measured = replace(deployment, benchmark=BenchmarkParameters())
    outcome = go(measured, store, stages)
    assert outcome.ran[-2:] == ["benchmark/reference", "benchmark/int8"]
