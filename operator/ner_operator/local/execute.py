"""Run a plan: start what is ready, look again when something ends, until nothing is left.

Steps that do not wait for each other run side by side and share the
processors; a benchmark runs alone, since it measures. Killing this program at
any point loses nothing: results are in the store, and the next run goes on.
"""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ner_jobs import host
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Stage, Task
from ner_operator.local.observe import Observer
from ner_operator.local.process import Ended, Event, Progressed, Said, StageProcess, new_attempt
from ner_operator.local.record import ask_again, remember
from ner_operator.planning.plan import Cached, Plan, Planned, Run, State
from ner_operator.planning.resolved import ResolvedDeployment

RETRIES = 5
"""Tries again after exit code 75 before a person is asked."""

LONGEST_WAIT = 30.0
"""Seconds between two tries at most."""


class View(Protocol):
    """Where a person sees what happens; called from the main thread only."""

    def planned(self, plan: Plan) -> None:
        """The first plan, before anything runs."""

    def started(self, step: str, threads: int, why: Sequence[str]) -> None:
        """A step begins."""

    def said(self, step: str, line: str) -> None:
        """A line of its log."""

    def progressed(self, progress: Progressed) -> None:
        """How far it is."""

    def finished(self, step: str, seconds: float, headline: Mapping[str, object]) -> None:
        """It is over; its result is there, with these figures."""

    def failed(self, step: str, message: str, seconds: float) -> None:
        """It is over, and nothing can go on behind it."""

    def waiting(self, step: str, message: str, seconds: float) -> None:
        """It is tried again after these seconds."""

    def stopping(self, steps: Sequence[str]) -> None:
        """A person asked to stop; these save what they have."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that ended for good."""

    step: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A person, or the system, asks this program to stop."""

    signal: int


@dataclass(slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        ran: steps that ran, in the order of their ends.
        interrupted: the signal that ended it, or 0.
    """

    plan: Plan
    ran: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    interrupted: int = 0

    @property
    def exit_code(self) -> int:
        """0 where all that could run did; else the first failure's code, or 128 plus the signal."""
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
        resolved: ResolvedDeployment,
        store: Store,
        observer: Observer,
        view: View,
        events: "queue.SimpleQueue[Event | Interrupt]",
        start: Start = StageProcess,
        processors: int | None = None,
    ) -> None:
        self._resolved = resolved
        self._store = store
        self._observer = observer
        self._view = view
        self._events = events
        self._start = start
        self._processors = processors or host.processors()
        self._running: dict[str, tuple[StageProcess, Planned]] = {}
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._outcome = Outcome(observer.look())

    def run(self) -> Outcome:
        """Run until nothing is left, or nothing can go on."""
        outcome = self._outcome
        self._mend()
        self._view.planned(outcome.plan)
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
            # The store failed us, or worse: what still runs saves its work and ends.
            for process, _ in self._running.values():
                process.terminate()

    def _mend(self) -> None:
        """Ask again for results that have lost files: their keys can have no other result."""
        damaged = {
            planned.step.name: f"mended-{new_attempt()}"
            for planned in self._outcome.plan
            if isinstance(planned.state, Run) and planned.state.damaged
        }
        if damaged:
            pointer = self._observer.pointer
            generation = pointer.generation if pointer else 0
            ask_again(self._store, self._resolved.owner, damaged, generation)
            self._outcome.plan = self._observer.look()

    def _handle(self, event: Event | Interrupt) -> None:
        match event:
            case Said(step, line):
                self._view.said(step, line)
            case Progressed():
                self._view.progressed(event)
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
        self._view.stopping([process.step for process in processes])
        for process in processes:
            process.terminate()

    def _end(self, ended: Ended) -> None:
        _, planned = self._running.pop(ended.step)
        state = planned.state
        if isinstance(state, Run):
            self._observer.forget(planned.step.stage, state.key)
        if ended.code == ExitCode.DONE:
            self._done(ended, state)
        elif self._outcome.interrupted:
            return
        elif ended.code == ExitCode.TRY_AGAIN and self._tries.get(ended.step, 0) < RETRIES:
            tries = self._tries[ended.step] = self._tries.get(ended.step, 0) + 1
            wait = min(LONGEST_WAIT, 2.0 ** (tries - 1))
            self._not_before[ended.step] = time.monotonic() + wait
            self._view.waiting(ended.step, ended.message, wait)
            # An input that vanished is found missing now, and its producer planned again.
            self._observer.forget_all()
            self._outcome.plan = self._observer.look()
            self._mend()
        else:
            self._fail(ended, ended.code, ended.message)

    def _done(self, ended: Ended, state: State) -> None:
        self._outcome.plan = self._observer.look()
        now = self._outcome.plan.state(ended.step)
        if isinstance(now, Run) and isinstance(state, Run) and now.key == state.key:
            self._fail(ended, ExitCode.SOFTWARE, f"it left no whole result: {'; '.join(now.why)}")
            return
        # Anything but Cached: the store changed meanwhile, and the new plan has its own say.
        self._tries.pop(ended.step, None)
        self._outcome.ran.append(ended.step)
        headline = now.artifact.headline if isinstance(now, Cached) else {}
        self._view.finished(ended.step, ended.seconds, headline)
        self._remember()

    def _fail(self, ended: Ended, code: int, message: str) -> None:
        self._outcome.failures.append(Failure(ended.step, code, message))
        self._view.failed(ended.step, message, ended.seconds)

    def _launch(self) -> None:
        if self._outcome.interrupted:
            return
        over = {failure.step for failure in self._outcome.failures}
        ready = [
            planned
            for planned in self._outcome.plan.ready
            if planned.step.name not in self._running
            and planned.step.name not in over
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
        task = Task(
            stage=step.stage,
            key=state.key,
            attempt=new_attempt(),
            variant=step.variant,
            parameters=state.parameters.model_dump(mode="json", by_alias=True),
            inputs=dict(state.inputs),
            storage=self._resolved.storage,
            owner=self._resolved.owner,
            threads=threads,
            emulated=step.runtime.emulated,
            image=step.runtime.image,
        )
        self._view.started(step.name, threads, state.why)
        self._running[step.name] = (self._start(step.name, task, self._events.put), planned)

    def _remember(self) -> None:
        """Keep the ingredients of all that is over; nothing is written where nothing is new."""
        seen = {
            planned.step.name: planned.state.ingredients.record()
            for planned in self._outcome.plan
            if isinstance(planned.state, Cached)
        }
        known = self._observer.record.ingredients
        if new := {name: record for name, record in seen.items() if known.get(name) != record}:
            remember(self._store, self._resolved.owner, new)


def share(
    ready: Sequence[Planned], running: Sequence[Planned], used: int, processors: int
) -> list[tuple[Planned, int]]:
    """Which of the ready steps start now, and with how many threads each.

    The free processors are divided among the steps that can start; a benchmark starts only where
    nothing runs and nothing else could, and nothing starts beside it.

    Args:
        ready: steps that could start, in the plan's order.
        running: steps that run.
        used: threads that they were given.
        processors: of this machine, for this program.
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
