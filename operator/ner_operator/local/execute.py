"""Runs a plan: starts the steps that are ready, and plans again when one ends, until none is left.

Independent steps run at the same time and share the processors. A benchmark
runs alone, since it measures. Killing this program loses nothing: results are
in the store, and the next run continues from them.
"""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ner_jobs import host
from ner_jobs.task import ExitCode, Stage, Task
from ner_operator.local.process import Ended, Event, LogLine, Progress, StageProcess, new_attempt
from ner_operator.local.record import remember, request_rerun
from ner_operator.local.workspace import Workspace
from ner_operator.planning.graph import COMMAND
from ner_operator.planning.plan import Cached, Plan, Planned, Run, State
from ner_operator.planning.task import task_of

RETRIES = 5
"""Tries again after exit code 75, before the step fails."""

LONGEST_WAIT = 30.0
"""The longest wait between two tries, in seconds."""


class Display(Protocol):
    """Shows a run to a person. Called from the main thread only."""

    def planned(self, plan: Plan) -> None:
        """The first plan, before anything runs."""

    def started(self, step: str, threads: int, why: Sequence[str]) -> None:
        """A step has started."""

    def logged(self, step: str, line: str) -> None:
        """A step has logged a line."""

    def progressed(self, progress: Progress) -> None:
        """A step has reported its progress."""

    def finished(self, step: str, seconds: float, headline: Mapping[str, object]) -> None:
        """A step has left a result with these figures."""

    def failed(self, step: str, message: str, seconds: float) -> None:
        """A step has failed for good; the steps that need it do not run."""

    def retrying(self, step: str, message: str, seconds: float) -> None:
        """A step runs again after these seconds."""

    def stopping(self, steps: Sequence[str]) -> None:
        """A person asked to stop; these steps save their work."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed for good."""

    step: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A signal that asks this program to stop."""

    signal: int


@dataclass(slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        plan: the last one.
        ran: steps that finished, in order.
        interrupted: the signal that ended the run, or 0.
    """

    plan: Plan
    ran: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    interrupted: int = 0

    @property
    def exit_code(self) -> int:
        """0 without failures; else the first failure's code, or 128 plus the signal."""
        if self.interrupted:
            return 128 + self.interrupted
        if not self.failures:
            return 0
        code = self.failures[0].code
        return code if code > 0 else ExitCode.SOFTWARE


Start = Callable[[str, Task, Callable[[Event], None]], StageProcess]


class Executor:
    """One run of one deployment on this machine."""

    def __init__(
        self,
        workspace: Workspace,
        display: Display,
        events: "queue.SimpleQueue[Event | Interrupt]",
        start: Start = StageProcess,
        processors: int | None = None,
    ) -> None:
        self._workspace = workspace
        self._view = workspace.view
        self._display = display
        self._events = events
        self._start = start
        self._processors = processors or host.processors()
        self._running: dict[str, tuple[StageProcess, Planned]] = {}
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._outcome = Outcome(self._view.plan())

    def run(self) -> Outcome:
        """Run until no step is left that can run."""
        outcome = self._outcome
        self._rerun_damaged()
        self._display.planned(outcome.plan)
        self._remember()
        try:
            while True:
                now = time.monotonic()
                self._not_before = {step: at for step, at in self._not_before.items() if at > now}
                self._launch()
                if not self._running and not self._not_before:
                    return outcome
                timeout = min(self._not_before.values()) - now if self._not_before else None
                try:
                    event = self._events.get(timeout=timeout)
                except queue.Empty:
                    continue
                self._handle(event)
        finally:
            # After an error of the store or our own, the running stages save their work and end.
            for process, _ in self._running.values():
                process.terminate()

    def _rerun_damaged(self) -> None:
        """Request results again that have lost files: a key has one result for ever."""
        damaged = {
            planned.step.name: f"repair-{new_attempt()}"
            for planned in self._outcome.plan
            if isinstance(planned.state, Run) and planned.state.damaged
        }
        if damaged:
            pointer, place = self._view.pointer, self._workspace
            request_rerun(place.store, place.owner, damaged, pointer.generation if pointer else 0)
            self._outcome.plan = self._view.plan()

    def _handle(self, event: Event | Interrupt) -> None:
        match event:
            case LogLine(step, line):
                self._display.logged(step, line)
            case Progress():
                self._display.progressed(event)
            case Interrupt(number):
                self._interrupt(number)
            case Ended():
                self._end(event)

    def _interrupt(self, number: int) -> None:
        processes = [process for process, _ in self._running.values()]
        if self._outcome.interrupted:
            for process in processes:
                process.kill()
            return
        self._outcome.interrupted = number
        self._not_before.clear()
        self._display.stopping([process.step for process in processes])
        for process in processes:
            process.terminate()

    def _end(self, ended: Ended) -> None:
        _, planned = self._running.pop(ended.step)
        state = planned.state
        if isinstance(state, Run):
            self._view.forget(planned.step.stage, state.key)
        if ended.code == ExitCode.DONE:
            self._done(ended, state)
        elif self._outcome.interrupted:
            return
        elif ended.code == ExitCode.TRY_AGAIN and self._tries.get(ended.step, 0) < RETRIES:
            tries = self._tries[ended.step] = self._tries.get(ended.step, 0) + 1
            wait = min(LONGEST_WAIT, 2.0 ** (tries - 1))
            self._not_before[ended.step] = time.monotonic() + wait
            self._display.retrying(ended.step, ended.message, wait)
            # If an input has vanished, this plan finds it missing and runs its producer again.
            self._view.forget_all()
            self._outcome.plan = self._view.plan()
            self._rerun_damaged()
        else:
            self._fail(ended, ended.code, ended.message)

    def _done(self, ended: Ended, state: State) -> None:
        self._outcome.plan = self._view.plan()
        now = self._outcome.plan.state(ended.step)
        if isinstance(now, Run) and isinstance(state, Run) and now.key == state.key:
            self._fail(ended, ExitCode.SOFTWARE, f"it left no complete result: {'; '.join(now.why)}")
            return
        # If it is not Cached, the store has changed meanwhile, and the new plan decides.
        self._tries.pop(ended.step, None)
        self._outcome.ran.append(ended.step)
        headline = now.artifact.headline if isinstance(now, Cached) else {}
        self._display.finished(ended.step, ended.seconds, headline)
        self._remember()

    def _fail(self, ended: Ended, code: int, message: str) -> None:
        self._outcome.failures.append(Failure(ended.step, code, message))
        self._display.failed(ended.step, message, ended.seconds)

    def _launch(self) -> None:
        if self._outcome.interrupted:
            return
        failed = {failure.step for failure in self._outcome.failures}
        ready = [
            planned
            for planned in self._outcome.plan.ready
            if planned.step.name not in self._running
            and planned.step.name not in failed
            and planned.step.name not in self._not_before
        ]
        for planned, threads in share(
            ready, [p for _, p in self._running.values()], self._used(), self._processors
        ):
            self._begin(planned, threads)

    def _used(self) -> int:
        return sum(process.task.threads for process, _ in self._running.values())

    def _begin(self, planned: Planned, threads: int) -> None:
        step, state = planned.step, planned.state
        if not isinstance(state, Run):
            raise TypeError(f"{step.name} cannot run")
        task = task_of(step, state, new_attempt(), self._workspace.resolved, threads)
        self._display.started(step.name, threads, state.why)
        self._running[step.name] = (self._start(step.name, task, self._events.put), planned)

    def _remember(self) -> None:
        """Record the ingredients of finished steps, so that the next plan can say what changed."""
        finished = {
            planned.step.name: planned.state.ingredients.record()
            for planned in self._outcome.plan
            if isinstance(planned.state, Cached) and planned.step.name != COMMAND
        }
        known = self._view.record.ingredients
        if new := {name: record for name, record in finished.items() if known.get(name) != record}:
            remember(self._workspace.store, self._workspace.owner, new)


def share(
    ready: Sequence[Planned], running: Sequence[Planned], used: int, processors: int
) -> list[tuple[Planned, int]]:
    """Which of the ready steps start now, and with how many threads each.

    The steps that can start divide the free processors. A benchmark starts only if no other step runs or
    could start, and no step starts while it runs.

    Args:
        ready: steps that could start, in the plan's order.
        running: steps that run.
        used: threads of the running steps.
        processors: that this program may use.
    """
    if any(planned.step.stage is Stage.BENCHMARK for planned in running):
        return []
    others = [planned for planned in ready if planned.step.stage is not Stage.BENCHMARK]
    if not others:
        return [(planned, processors) for planned in ready[:1]] if not running else []
    free = processors - used
    shares: list[tuple[Planned, int]] = []
    for at, planned in enumerate(others):
        if free < 1:
            break
        threads = max(1, free // (len(others) - at))
        shares.append((planned, threads))
        free -= threads
    return shares
