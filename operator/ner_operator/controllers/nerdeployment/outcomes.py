"""The outcomes of a deployment's stages, from its status and its Jobs together.

The status has the results of Jobs that are gone. The Jobs have results that
are not in the status yet. Either may be ahead of the other, since any write
may have been lost. The end of a Job is news until the status has it, and never
afterwards. So a result that was discarded stays discarded, and a failure
counts once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ner_jobs.task import ExitCode, Stage
from ner_jobs.task.promote_headline import PromoteHeadline
from ner_operator.api.v1alpha1.status import (
    HELD_REVISIONS,
    NerDeploymentStatus,
    PromotionStatus,
    StageResult,
    StageStatus,
)
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage
from ner_operator.controllers.nerdeployment.truncation import LONG, cut
from ner_operator.planning.graph import COMMAND, PROMOTED, Step
from ner_operator.planning.inputs import Address, Artifact, PointerState

IN_FLIGHT = frozenset({"Queued", "Running"})
"""States of an attempt whose end is not in the status yet."""

FINISHED = frozenset({JobPhase.SUCCEEDED, JobPhase.FAILED})
UNFINISHED = frozenset({JobPhase.QUEUED, JobPhase.RUNNING})

OF_THE_POINTER = ("promote", COMMAND)
"""Steps whose termination message says where the pointer stands."""

_ARTIFACT = re.compile(r"\bartifact ([a-z]+) ([0-9a-f]{64})\b")
"""How a stage that ends with 75 names an input that is missing, or has another digest than was planned."""

_LONGEST_NAME, _LONGEST_FIGURE = 32, 64
"""Bytes of a figure's name, and of a figure that is a text."""
_MOST_FIGURES = 8
_LARGEST_FIGURE = 2**53
"""JSON readers disagree about larger numbers and about NaN."""


@dataclass(slots=True)
class AttemptHistory:
    """What is known of one step's attempts.

    Attributes:
        entry: in the status; None if there is none.
        jobs: sorted by attempt.
        attempt: the highest number so far; the next attempt gets a higher one.
        result: the last valid one that is still in the store, as far as is known.
        ended: the latest Job whose end is news.
    """

    entry: StageStatus | None
    jobs: tuple[JobSnapshot, ...]
    attempt: int
    result: StageResult | None = None
    ended: JobSnapshot | None = None

    @property
    def unfinished(self) -> tuple[JobSnapshot, ...]:
        """The Jobs that are queued or running."""
        return tuple(job for job in self.jobs if job.phase in UNFINISHED)


@dataclass(slots=True)
class Outcomes:
    """The history of every step, and where the pointer stands.

    Attributes:
        vanished: when a stage found a result missing from the store, by the result's key.
    """

    histories: dict[str, AttemptHistory]
    promotion: PromotionStatus | None
    vanished: dict[str, float] = field(default_factory=dict)

    def history(self, step: str) -> AttemptHistory:
        """The history of a step; an empty one if it has never run."""
        return self.histories.get(step) or AttemptHistory(None, (), 0)


def gather(status: NerDeploymentStatus, jobs: Iterable[JobSnapshot], steps: Sequence[Step]) -> Outcomes:
    """Combine the status and the Jobs.

    Args:
        status: as it was last written.
        jobs: all Jobs of the deployment.
        steps: of the spec.
    """
    by_step: dict[str, list[JobSnapshot]] = {}
    for job in jobs:
        by_step.setdefault(job.step, []).append(job)
    entries = {entry.name: entry for entry in status.stages}
    needed = _needed_outputs(steps)
    histories = {
        name: _history(name, entries.get(name), by_step.get(name, []), needed.get(name, frozenset()))
        for name in {**entries, **by_step}
    }
    outcomes = Outcomes(histories, status.promotion)
    for history in histories.values():
        if history.ended is not None and history.ended.phase is JobPhase.FAILED:
            outcomes.vanished |= dict.fromkeys(vanished_keys(history.ended), history.ended.finished or 0.0)
    for history in histories.values():
        if history.result is not None and history.result.key in outcomes.vanished:
            again = history.ended is not None and history.ended.key == history.result.key
            made = (history.ended.finished or 0.0) if again and history.ended else 0.0
            if made <= outcomes.vanished[history.result.key]:
                history.result = None
    ended = [histories[name].ended for name in OF_THE_POINTER if name in histories]
    # In the order in which they ended: the later one has the newer pointer.
    for job in sorted(filter(None, ended), key=lambda job: job.finished or 0.0):
        _follow_pointer(outcomes, job)
    outcomes.promotion = _with_compiled(outcomes, steps)
    return outcomes


def is_news(entry: StageStatus | None, attempt: int) -> bool:
    """Whether the status does not have the end of this attempt's Job yet.

    Args:
        entry: of the step in the status; None if there is none.
        attempt: of the Job.
    """
    if entry is None or attempt > entry.attempt:
        return True
    return attempt == entry.attempt and entry.state in IN_FLIGHT


def artifacts_of(outcomes: Outcomes, steps: Sequence[Step]) -> dict[Address, Artifact]:
    """The results, as a plan takes them. A result that is not among them does not exist."""
    found: dict[Address, Artifact] = {}
    sources = [*((step.name, step.stage, step.backend) for step in steps), (COMMAND, Stage.PROMOTE, "")]
    for name, stage, backend in sources:
        result = outcomes.history(name).result
        if result is not None:
            found[stage, result.key] = Artifact(
                outputs=result.outputs,
                headline=result.headline,
                emulated=result.emulated,
                backend=backend,
                outcome=str(result.headline.get("verdict", "")) if stage is Stage.PROMOTE else "",
            )
    promotion = outcomes.promotion
    if promotion is not None and promotion.compiled:
        found.setdefault(
            (Stage.COMPILE, promotion.compile_key),
            Artifact(outputs={"compiled": promotion.compiled}, backend=promotion.backend),
        )
    return found


def pointer_of(promotion: PromotionStatus | None) -> PointerState | None:
    """The pointer, as a plan takes it."""
    if promotion is None:
        return None
    return PointerState(
        generation=promotion.generation,
        revision=promotion.revision,
        variant=promotion.variant,
        compile_key=promotion.compile_key,
        promote_key=promotion.promote_key,
        held=promotion.held,
        manual=promotion.manual,
    )


def _with_compiled(outcomes: Outcomes, steps: Sequence[Step]) -> PromotionStatus | None:
    """The promotion, with the digest of the compiled model in service from its compile step's result."""
    promotion = outcomes.promotion
    if promotion is None or promotion.compiled:
        return promotion
    for step in steps:
        result = outcomes.history(step.name).result
        if step.stage is Stage.COMPILE and result is not None and result.key == promotion.compile_key:
            digest = result.outputs.get("compiled", "")
            return promotion.model_copy(update={"compiled": digest, "backend": step.backend})
    return promotion


def exit_code_of(job: JobSnapshot) -> int | None:
    """The stage's exit code: from its pod, else from the Job controller, else from the stage's message."""
    if job.exit_code is not None:
        return job.exit_code
    if found := re.search(r"exit code (\d+)", job.message):
        return int(found[1])
    return own.code if (own := _own_message(job)) else None


def message_of(job: JobSnapshot) -> str:
    """Why it failed, as the stage says; empty if it left no message."""
    return own.message if (own := _own_message(job)) else ""


def vanished_keys(job: JobSnapshot) -> set[str]:
    """The keys of inputs that a failed stage did not find in the store."""
    if exit_code_of(job) != ExitCode.TRY_AGAIN:
        return set()
    return {key for _, key in _ARTIFACT.findall(message_of(job))} - {job.key}


def _own_message(job: JobSnapshot) -> TerminationMessage | None:
    """The termination message, if it is about the Job's own key; any other is forged or garbled."""
    message = job.termination_message
    return message if message is not None and message.key == job.key else None


def _history(
    name: str, entry: StageStatus | None, jobs: list[JobSnapshot], needed: frozenset[str]
) -> AttemptHistory:
    jobs.sort(key=lambda job: job.attempt)
    history = AttemptHistory(
        entry,
        tuple(jobs),
        attempt=max([entry.attempt if entry else 0, *(job.attempt for job in jobs)]),
        result=entry.result if entry else None,
    )
    for job in jobs:
        if job.phase in FINISHED and is_news(entry, job.attempt):
            history.ended = job
            history.result = _result(job, needed, name in OF_THE_POINTER) or history.result
    return history


def _result(job: JobSnapshot, needed: frozenset[str], of_the_pointer: bool) -> StageResult | None:
    """The result of a Job; None if its termination message is missing, invalid or incomplete."""
    own = _own_message(job)
    if job.phase is not JobPhase.SUCCEEDED or own is None:
        return None
    if not own.manifest_digest or not needed <= own.outputs.keys():
        return None
    if of_the_pointer and _headline(own.headline) is None:
        return None
    return StageResult(
        key=own.key,
        manifest_digest=own.manifest_digest,
        outputs=dict(own.outputs),
        headline=_figures(own.headline),
        message=cut(said, LONG) if isinstance(said := own.headline.get("message"), str) else "",
        emulated=own.emulated,
    )


def _figures(headline: Mapping[str, object]) -> dict[str, object]:
    """The figures and short texts of a headline, within limits; its message has a field of its own."""
    fitting = [(name, value) for name, value in headline.items() if name != "message" and _fits(name, value)]
    return dict(fitting[:_MOST_FIGURES])


def _fits(name: str, value: object) -> bool:
    if len(name.encode()) > _LONGEST_NAME:
        return False
    if isinstance(value, str):
        return len(value.encode()) <= _LONGEST_FIGURE
    return isinstance(value, int | float) and abs(value) < _LARGEST_FIGURE


def _needed_outputs(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """The outputs of each step that other steps take; a result without one of them is invalid."""
    needed: dict[str, set[str]] = {}
    for step in steps:
        for source in step.inputs.values():
            if source.step != PROMOTED:
                needed.setdefault(source.step, set()).add(source.output)
    return {name: frozenset(outputs) for name, outputs in needed.items()}


def _follow_pointer(outcomes: Outcomes, job: JobSnapshot) -> None:
    """Take over what a promote stage's termination message says about the pointer."""
    own = _own_message(job)
    said = _headline(own.headline) if own is not None else None
    if said is None:
        return
    before = outcomes.promotion
    if said.generation == 0 and not said.verdict:
        outcomes.promotion = None
        return
    if said.generation == 0 or not said.compile_key:
        return
    if before is not None and said.verdict and said.generation < before.generation:
        return
    known = before if before is not None and before.compile_key == said.compile_key else None
    outcomes.promotion = PromotionStatus(
        generation=said.generation,
        revision=said.current_revision,
        variant=said.current_variant,
        compile_key=said.compile_key,
        promote_key=said.promote_key,
        held=tuple(reversed(said.held_revisions))[-HELD_REVISIONS:],
        manual=said.manual,
        f1=said.current_f1,
        drop=said.current_drop,
        backend=said.backend or (known.backend if known else ""),
        compiled=said.compiled or (known.compiled if known else ""),
    )


def _headline(figures: Mapping[str, object]) -> PromoteHeadline | None:
    try:
        return PromoteHeadline.read(figures)
    except ValueError:
        return None
