"""What has come of a deployment's stages: its status and its Jobs, put together.

The status remembers what Jobs that are gone have left, the Jobs know what the
status has not been told yet; either may be ahead of the other, since any
write may have been lost. A Job's end is news until the status holds it, and
afterwards never again: so a result that was found to have vanished stays
discarded, and a failure counts once.
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
from ner_operator.controllers.nerdeployment.truncation import LONG, cut
from ner_operator.planning.graph import COMMAND, PROMOTED, Step
from ner_operator.planning.inputs import Address, Artifact, PointerState

IN_FLIGHT = frozenset({"Queued", "Running"})
"""States of an attempt whose end the status does not hold yet."""

FINISHED = frozenset({JobPhase.SUCCEEDED, JobPhase.FAILED})
UNFINISHED = frozenset({JobPhase.QUEUED, JobPhase.RUNNING})

OF_THE_POINTER = ("promote", COMMAND)
"""Steps whose last words tell where the pointer stands."""

_ARTIFACT = re.compile(r"\bartifact ([a-z]+) ([0-9a-f]{64})\b")
"""How a stage that ends with 75 names an input that has vanished, or is another than was planned with."""

_LONGEST_NAME, _LONGEST_FIGURE = 32, 64
"""Bytes of a figure's name, and of one that is a word."""
_MOST_FIGURES = 8
_LARGEST_FIGURE = 2**53
"""Beyond it, and for NaN, JSON has no number that every reader reads alike."""


@dataclass(slots=True)
class AttemptHistory:
    """What is known of one step's attempts.

    Attributes:
        entry: of the status; None where it holds nothing.
        jobs: by attempt.
        attempt: the highest of all; the next one is higher.
        result: the last one that is believed and has not vanished.
        ended: the latest Job whose end is news.
    """

    entry: StageStatus | None
    jobs: tuple[JobSnapshot, ...]
    attempt: int
    result: StageResult | None = None
    ended: JobSnapshot | None = None

    @property
    def unfinished(self) -> tuple[JobSnapshot, ...]:
        """The Jobs that still work, or will."""
        return tuple(job for job in self.jobs if job.phase in UNFINISHED)

    def refusal(self, key: str) -> JobSnapshot | None:
        """The Job that the API server would not have for this key."""
        return next((job for job in self.jobs if job.phase is JobPhase.REFUSED and job.key == key), None)


@dataclass(slots=True)
class Outcomes:
    """All steps' trails, and where the pointer stands.

    Attributes:
        vanished: keys that a stage found missing from the store, and when.
    """

    trails: dict[str, AttemptHistory]
    promotion: PromotionStatus | None
    vanished: dict[str, float] = field(default_factory=dict)

    def trail(self, step: str) -> AttemptHistory:
        """Of a step; an empty one where nothing is known of it."""
        return self.trails.get(step) or AttemptHistory(None, (), 0)


def gather(status: NerDeploymentStatus, jobs: Iterable[JobSnapshot], steps: Sequence[Step]) -> Outcomes:
    """Put the status and the Jobs together.

    Args:
        status: as it was last written.
        jobs: all of the deployment's.
        steps: those of the spec.
    """
    by_step: dict[str, list[JobSnapshot]] = {}
    for job in jobs:
        by_step.setdefault(job.step, []).append(job)
    entries = {entry.name: entry for entry in status.stages}
    needed = _needed_outputs(steps)
    trails = {
        name: _trail(name, entries.get(name), by_step.get(name, []), needed.get(name, frozenset()))
        for name in {**entries, **by_step}
    }
    outcomes = Outcomes(trails, status.promotion)
    for trail in trails.values():
        if trail.ended is not None and trail.ended.phase is JobPhase.FAILED:
            outcomes.vanished |= dict.fromkeys(vanished_keys(trail.ended), trail.ended.finished or 0.0)
    for trail in trails.values():
        if trail.result is not None and trail.result.key in outcomes.vanished:
            again = trail.ended is not None and trail.ended.key == trail.result.key
            made = (trail.ended.finished or 0.0) if again and trail.ended else 0.0
            if made <= outcomes.vanished[trail.result.key]:
                trail.result = None
    told = [trails[name].ended for name in OF_THE_POINTER if name in trails]
    # In the order in which they ended: the later one knows better where the pointer stands.
    for job in sorted(filter(None, told), key=lambda job: job.finished or 0.0):
        _follow_pointer(outcomes, job)
    return outcomes


def is_news(entry: StageStatus | None, attempt: int) -> bool:
    """Whether the end of this attempt's Job is something that the status does not hold yet.

    Args:
        entry: of the step; None where the status holds nothing of it.
        attempt: of the Job.
    """
    if entry is None or attempt > entry.attempt:
        return True
    return attempt == entry.attempt and entry.state in IN_FLIGHT


def artifacts_of(outcomes: Outcomes, steps: Sequence[Step]) -> dict[Address, Artifact]:
    """The results in a plan's words; what is not among them is not there."""
    found: dict[Address, Artifact] = {}
    sources = [*((step.name, step.stage, step.backend) for step in steps), (COMMAND, Stage.PROMOTE, "")]
    for name, stage, backend in sources:
        result = outcomes.trail(name).result
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
    """The pointer in a plan's words."""
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


def with_compiled(
    promotion: PromotionStatus | None, outcomes: Outcomes, steps: Sequence[Step]
) -> PromotionStatus | None:
    """The promotion with the digest of the compiled model in service, from the result that made it."""
    if promotion is None or promotion.compiled:
        return promotion
    for step in steps:
        result = outcomes.trail(step.name).result
        if step.stage is Stage.COMPILE and result is not None and result.key == promotion.compile_key:
            digest = result.outputs.get("compiled", "")
            return promotion.model_copy(update={"compiled": digest, "backend": step.backend})
    return promotion


def exit_code_of(job: JobSnapshot) -> int | None:
    """With which code the stage ended, from whoever knows it: kubelet, Job controller, its own words."""
    if job.exit_code is not None:
        return job.exit_code
    if found := re.search(r"exit code (\d+)", job.trouble):
        return int(found[1])
    return job.words.code if job.words is not None and job.words.key == job.key else None


def message_of(job: JobSnapshot) -> str:
    """Why it failed, in the stage's own words; empty where it left none for this key."""
    return job.words.message if job.words is not None and job.words.key == job.key else ""


def vanished_keys(job: JobSnapshot) -> set[str]:
    """The keys of inputs that a failed stage could not find."""
    if exit_code_of(job) != ExitCode.TRY_AGAIN:
        return set()
    return {key for _, key in _ARTIFACT.findall(message_of(job))} - {job.key}


def _trail(
    name: str, entry: StageStatus | None, jobs: list[JobSnapshot], needed: frozenset[str]
) -> AttemptHistory:
    jobs.sort(key=lambda job: job.attempt)
    made = [job.attempt for job in jobs if job.phase is not JobPhase.REFUSED]
    trail = AttemptHistory(
        entry,
        tuple(jobs),
        attempt=max([entry.attempt if entry else 0, *made]),
        result=entry.result if entry else None,
    )
    for job in jobs:
        if job.phase in FINISHED and is_news(entry, job.attempt):
            trail.ended = job
            trail.result = _result(job, needed, name in OF_THE_POINTER) or trail.result
    return trail


def _result(job: JobSnapshot, needed: frozenset[str], of_the_pointer: bool) -> StageResult | None:
    """What a Job has left, where it says so in words that can be believed, and says all that is needed."""
    words = job.words
    if job.phase is not JobPhase.SUCCEEDED or words is None or words.key != job.key:
        return None
    if not words.manifest_digest or not needed <= words.outputs.keys():
        return None
    if of_the_pointer and _headline(words.headline) is None:
        return None
    return StageResult(
        key=words.key,
        manifest_digest=words.manifest_digest,
        outputs=dict(words.outputs),
        headline=_figures(words.headline),
        message=cut(said, LONG) if isinstance(said := words.headline.get("message"), str) else "",
        emulated=words.emulated,
    )


def _figures(headline: Mapping[str, object]) -> dict[str, object]:
    """The headline within its bounds: figures and short words; a sentence has a place of its own."""
    fitting = [(name, value) for name, value in headline.items() if name != "message" and _fits(name, value)]
    return dict(fitting[:_MOST_FIGURES])


def _fits(name: str, value: object) -> bool:
    if len(name.encode()) > _LONGEST_NAME:
        return False
    if isinstance(value, str):
        return len(value.encode()) <= _LONGEST_FIGURE
    return isinstance(value, int | float) and abs(value) < _LARGEST_FIGURE


def _needed_outputs(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Outputs of each step that another takes: a result that does not name them is of no use."""
    needed: dict[str, set[str]] = {}
    for step in steps:
        for source in step.inputs.values():
            if source.step != PROMOTED:
                needed.setdefault(source.step, set()).add(source.output)
    return {name: frozenset(outputs) for name, outputs in needed.items()}


def _follow_pointer(outcomes: Outcomes, job: JobSnapshot) -> None:
    """Take over what a promote stage's last words say of the pointer."""
    if job.words is None or job.words.key != job.key:
        return
    said = _headline(job.words.headline)
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
