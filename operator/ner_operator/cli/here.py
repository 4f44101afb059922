"""The place of a spec's file: its stages run on this machine, its results are in the spec's store."""

import queue
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

import typer

from ner_jobs.promotion.pointer import Pointer, never_promoted, read_pointer, rollback_target
from ner_jobs.promotion.verdict import Outcome as VerdictOutcome
from ner_jobs.store.artifacts import read_log, require_whole
from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_jobs.task.promote_headline import PromoteHeadline
from ner_operator.cli.comparison import page_name
from ner_operator.cli.place import (
    CommandResult,
    Results,
    StageLog,
    in_service,
    local_user,
    new_token,
    position_of,
    require_variant,
)
from ner_operator.local.digests import cache_folder
from ner_operator.local.execute import Executor, Interrupt, Outcome
from ner_operator.local.process import Event
from ner_operator.local.record import request_rerun
from ner_operator.local.results import manifests_of
from ner_operator.local.spec import load_spec
from ner_operator.local.workspace import Workspace, open_workspace, require_steps_of
from ner_operator.planning.graph import COMMAND
from ner_operator.planning.plan import Cached, Held, Plan, Run


@dataclass(frozen=True, slots=True)
class Here:
    """A spec on this machine."""

    workspace: Workspace
    has_keys = True

    def plan(self, rerun: Sequence[str]) -> Plan:
        """What `nerd run` would run."""
        require_steps_of(self.workspace.resolved, rerun)
        return self.workspace.view.plan(dict.fromkeys(rerun, new_token()))

    def rerun(self, steps: Sequence[str]) -> str:
        """Record a token for each of these stages or steps; the next run obeys it."""
        here, token = self.workspace, new_token()
        require_steps_of(here.resolved, steps)
        pointer = read_pointer(here.store, here.owner)
        tokens = dict.fromkeys(steps, token)
        request_rerun(here.store, here.owner, tokens, pointer.generation if pointer else 0)
        return token

    def promote(self, variant: str | None, force: str) -> CommandResult:
        """Run the promote stage with a person's choice."""
        require_variant(variant, [known.name for known in self.workspace.resolved.variants])
        command = PromoteCommand(token=new_token(), variant=variant, force=force, by=local_user())
        return self._run_command(command)

    def rollback(self, revision: str | None, generation: int | None, reason: str) -> CommandResult:
        """Run the promote stage with a person's rollback."""
        here, current = self.workspace, self.pointer()
        if current is None:
            raise PermanentError(never_promoted(here.owner), ExitCode.USAGE)
        target = rollback_target(current, revision, generation)
        require_whole(here.store, Stage.COMPILE, target.compile_key)
        return self._run_command(
            RollbackCommand(
                token=new_token(),
                generation=target.generation,
                leaving=current.generation,
                reason=reason,
                by=local_user(),
            )
        )

    def pointer(self) -> Pointer | None:
        """The pointer in the store."""
        return read_pointer(self.workspace.store, self.workspace.owner)

    def results(self) -> Results:
        """The results that this spec has in the store."""
        results = self.results_of(self.workspace.view.plan())
        if not results.comparison.variants:
            raise PermanentError(
                "nothing of this spec is compiled or evaluated yet; nerd run does it", ExitCode.USAGE
            )
        return results

    def results_of(self, plan: Plan) -> Results:
        """The results of a plan of this spec; there may be none."""
        from ner_jobs.report.comparison import collect

        here = self.workspace
        manifests = list(manifests_of(here, plan))
        folder = f"reports/{here.owner.namespace}/{here.owner.name}"
        promote = plan.state("promote")
        return Results(
            comparison=collect(f"{here.owner.namespace}/{here.owner.name}", manifests),
            page=(here.store.local_path(folder) or cache_folder() / folder) / page_name(manifests),
            held=promote.message if isinstance(promote, Held) else "",
            in_service=in_service(here.view.pointer),
        )

    def logs(self, step: str | None) -> Sequence[StageLog]:
        """The logs that stages left in the store: of a result, else of the last failed attempt."""
        here = self.workspace
        require_steps_of(here.resolved, [step] if step else [])
        found = []
        for planned in here.view.plan():
            if step and step not in (planned.step.name, planned.step.stage.value):
                continue
            if isinstance(planned.state, Cached | Run):
                text = read_log(here.store, planned.step.stage, planned.state.key)
                if text is not None:
                    found.append(StageLog(planned.step.name, planned.state.key, text))
        return found

    def follow(self, step: str | None) -> int:
        """Not possible here: `nerd run` shows the logs while it runs."""
        raise PermanentError(
            "--follow works on the cluster; nerd run shows a run here as it goes", ExitCode.USAGE
        )

    def _run_command(self, command: PromoteCommand | RollbackCommand) -> CommandResult:
        """Run the command's promote stage.

        Raises:
            StageError: the stage refused the command, or the gates have not judged the revision.
            typer.Exit: the stage failed; its message is on standard error.
        """
        here = replace(self.workspace, view=replace(self.workspace.view, command=command))
        _require_judged(here.view.plan())
        outcome = execute(here)
        if outcome.exit_code:
            raise typer.Exit(outcome.exit_code)
        state, pointer = outcome.plan.state(COMMAND), here.view.pointer
        headline = PromoteHeadline.read(state.artifact.headline) if isinstance(state, Cached) else None
        if headline is None or pointer is None:
            _require_judged(outcome.plan)
            raise RetryableError("the pointer was moved at the same moment; see nerd history, and try again")
        if headline.verdict == VerdictOutcome.REFUSED:
            raise PermanentError(headline.message, ExitCode.SOFTWARE)
        if headline.verdict == VerdictOutcome.ALREADY_CURRENT:
            raise PermanentError(headline.message, ExitCode.USAGE)
        return position_of(pointer)


def open_here(
    file: str, settings: Sequence[str] = (), storage: str | None = None, name: str | None = None
) -> Here:
    """The place of a spec's file.

    Raises:
        StageError: the spec cannot be used, or its store does not answer.
    """
    return Here(open_workspace(load_spec(file, settings, storage, name)))


def execute(workspace: Workspace) -> Outcome:
    """Run a workspace's plan and show it on standard error; Ctrl-C lets the stages save their work."""
    from rich.console import Console

    from ner_operator.cli.live import display_on

    events: queue.SimpleQueue[Event | Interrupt] = queue.SimpleQueue()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with _signals(events), display_on(console) as display:
        return Executor(workspace, display, events).run()


def _require_judged(plan: Plan) -> None:
    if not isinstance(plan.state(COMMAND), Cached | Run):
        raise PermanentError(
            "this revision is not compiled, evaluated and judged by its gates yet; nerd run does it",
            ExitCode.USAGE,
        )


@contextmanager
def _signals(events: "queue.SimpleQueue[Event | Interrupt]") -> Iterator[None]:
    """Turns Ctrl-C, a closed terminal and `kill` into events of the run."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        events.put(Interrupt(number))

    former = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
