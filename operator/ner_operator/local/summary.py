"""The figures of a revision as one small table: what each variant is worth, and what became of it."""

import json
from collections.abc import Mapping

from ner_jobs.gates import Verdict
from ner_jobs.store.artifacts import file_key
from ner_jobs.task import Manifest, Stage
from ner_jobs.task.model import Contract
from ner_operator.local.workspace import Workspace
from ner_operator.planning.plan import Cached, Held, Plan


class VariantRow(Contract):
    """One variant, as far as it is known.

    Attributes:
        precision: that was really compiled; asked is what the spec says.
        f1: in 0..1, on the test set.
        drop: points of F1 below the reference, and the upper end of its interval.
        sentences_per_second: of the benchmark, all instances together.
        latency_ms: median, from text to entities.
        bytes: of the compiled model with all that inference needs.
        verdict: a constant for programs; message says it to people.
        in_service: the pointer names it.
    """

    name: str
    reference: bool
    runtime: str
    asked: str
    precision: str | None = None
    recipe: str | None = None
    f1: float | None = None
    drop: float | None = None
    drop_upper: float | None = None
    sentences_per_second: float | None = None
    latency_ms: float | None = None
    bytes: int | None = None
    verdict: str | None = None
    message: str | None = None
    in_service: bool = False


class Summary(Contract):
    """All variants of one revision.

    Attributes:
        outcome: of the promotion: a constant, or None where nothing was judged yet.
        held: why the pointer stays where a person put it, or empty.
    """

    namespace: str
    name: str
    revision: str | None
    variants: tuple[VariantRow, ...]
    outcome: str | None = None
    message: str | None = None
    held: str = ""
    in_service: str | None = None
    generation: int = 0

    @property
    def evaluated(self) -> bool:
        """Whether some variant has an F1."""
        return any(row.f1 is not None for row in self.variants)


def summarize(here: Workspace, plan: Plan) -> Summary:
    """Read the figures of what is over from the manifests that the observer holds."""
    pointer = here.observer.pointer
    promote = plan.state("promote")
    verdict = verdict_of(here, plan)
    verdicts = {found.variant: found for found in verdict.variants} if verdict else {}
    rows: list[VariantRow] = []
    for variant in here.resolved.variants:
        compiled = _manifest(here, plan, f"compile/{variant.name}", Stage.COMPILE)
        evaluated = _headline(here, plan, f"evaluate/{variant.name}", Stage.EVALUATE)
        measured = _headline(here, plan, f"benchmark/{variant.name}", Stage.BENCHMARK)
        made = compiled.headline if compiled else {}
        judged = verdicts.get(variant.name)
        rows.append(
            VariantRow(
                name=variant.name,
                reference=variant.name == here.resolved.reference,
                runtime=variant.runtime.name,
                asked=variant.compile.precision,
                precision=_text(made, "precision"),
                recipe=_text(made, "recipe"),
                f1=_number(evaluated, "f1"),
                drop=_number(evaluated, "drop"),
                drop_upper=_number(evaluated, "dropUpper"),
                sentences_per_second=_number(measured, "sentencesPerSecond"),
                latency_ms=_number(measured, "latencyP50Ms"),
                bytes=sum(entry.size for entry in compiled.files_of("compiled")) if compiled else None,
                verdict=judged.reason.value if judged else None,
                message=judged.message if judged else None,
                in_service=bool(
                    pointer and pointer.revision == plan.revision and pointer.variant == variant.name
                ),
            )
        )
    return Summary(
        namespace=here.owner.namespace,
        name=here.owner.name,
        revision=plan.revision,
        variants=tuple(rows),
        outcome=verdict.outcome.value if verdict else None,
        message=verdict.message if verdict else None,
        held=promote.message if isinstance(promote, Held) else "",
        in_service=f"{pointer.revision[:12]}/{pointer.variant}" if pointer else None,
        generation=pointer.generation if pointer else 0,
    )


def verdict_of(here: Workspace, plan: Plan) -> Verdict | None:
    """What `promote` decided on this plan, or None where it has not."""
    manifest = _manifest(here, plan, "promote", Stage.PROMOTE)
    stored = here.store.get(file_key(manifest, "verdict/verdict.json")) if manifest else None
    return Verdict.model_validate(json.loads(stored[0])) if stored else None


def _manifest(here: Workspace, plan: Plan, step: str, stage: Stage) -> Manifest | None:
    names = {planned.step.name for planned in plan}
    state = plan.state(step) if step in names else None
    return here.manifest(stage, state.key) if isinstance(state, Cached) else None


def _headline(here: Workspace, plan: Plan, step: str, stage: Stage) -> Mapping[str, object]:
    manifest = _manifest(here, plan, step, stage)
    return manifest.headline if manifest else {}


def _number(figures: Mapping[str, object], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None


def _text(figures: Mapping[str, object], name: str) -> str | None:
    value = figures.get(name)
    return None if value is None else str(value)
