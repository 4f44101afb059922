"""How the promote stage leaves a verdict: its file, its figures, its headline."""

import json

from ner_jobs.promotion.gates import Verdict
from ner_jobs.promotion.pointer import Pointer
from ner_jobs.promotion.standing import in_service
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task.promote_headline import cut


def left(context: StageContext, verdict: Verdict, pointer: Pointer | None) -> StageResult:
    """Write the verdict into the artifact and the log.

    Args:
        context: of the promote stage.
        verdict: complete.
        pointer: as it stands afterwards.
    """
    figures = verdict.model_dump(mode="json", by_alias=True)
    folder = context.output / "verdict"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8"
    )
    _tell(context, verdict)
    headline = in_service(context.store, pointer).model_copy(
        update={
            "verdict": str(verdict.outcome),
            "message": cut(verdict.message),
            "revision": verdict.revision,
            "variant": verdict.variant,
            "f1": verdict.f1,
            "drop": verdict.drop,
        }
    )
    return StageResult(metrics=figures, headline=headline.figures())


def _tell(context: StageContext, verdict: Verdict) -> None:
    for each in verdict.variants:
        context.log(f"{each.variant}: {'passed' if each.passed else each.reason}")
        for finding in each.findings:
            context.log(f"  {'ok' if finding.passed else 'no'}  {finding.gate}: {finding.message}")
    context.log(f"{verdict.outcome}: {verdict.message}")
