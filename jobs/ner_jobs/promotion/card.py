"""What the model card says of a promotion: gathered from the verdict, the counts and the manifests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.models.folder import ModelFolder
from ner_jobs.promotion.gates import Verdict
from ner_jobs.report.model_card import Card, CardRow, card_types
from ner_jobs.report.sentences import language_of
from ner_jobs.scoring.bootstrap import POINT, resample
from ner_jobs.scoring.counts import Counts
from ner_jobs.stages.base import StageContext
from ner_jobs.task import Stage
from ner_jobs.task.parameters import PromoteParameters

SENTENCES_FOR_LANGUAGE = 50


def card_of(
    context: StageContext, parameters: PromoteParameters, verdict: Verdict, counts: Mapping[str, Counts]
) -> Card:
    """The card of the chosen variant.

    Args:
        context: of the promote stage.
        parameters: of the promote stage.
        verdict: with a variant chosen.
        counts: by variant.
    """
    variant = str(verdict.variant)
    owner = context.task.owner
    model = ModelFolder(context.inputs["model"])
    facts = model.facts if model.has_facts else None
    prepared = context.manifests["data"].parameters
    base, revision = str(prepared.get("base") or ""), prepared.get("revision")
    own = counts[variant]
    findings = next(each.findings for each in verdict.variants if each.variant == variant)
    evaluation, compiled = (
        context.task.inputs[f"evaluation.{variant}"],
        context.task.inputs[f"compiled.{variant}"],
    )
    on = datetime.now(UTC).date().isoformat()
    return Card(
        title=f"{owner.namespace}/{owner.name}",
        variant=variant,
        promoted=f"its variant `{variant}` was promoted on {on}.",
        language=_language(context),
        base="" if "://" in base or base.startswith("/") else base,
        types=own.types,
        segmentation=facts.segmentation if facts else "characters",
        decoding=facts.decoding if facts else "constrained",
        max_length=facts.max_length if facts else 0,
        sentences=len(own),
        judged=verdict.judged,
        rows=_rows(counts, parameters, variant),
        by_type=card_types(own.types, own.default),
        findings=findings,
        training=_training(context),
        provenance=(
            ("Revision", parameters.revision),
            *([("Base model", base)] if base else []),
            *([("Base model's revision", str(revision))] if revision else []),
            ("Test snapshot", verdict.test),
            ("Evaluation", f"evaluate/{evaluation.key}"),
            ("Compiled model", f"compile/{compiled.key}"),
            ("Verdict", f"promote/{context.task.key}"),
            *sorted(_versions(context.manifests["model"].provenance).items()),
        ),
    )


def _rows(counts: Mapping[str, Counts], parameters: PromoteParameters, variant: str) -> tuple[CardRow, ...]:
    """The reference first, then the others in order of preference, then what a person chose beside them."""
    names = dict.fromkeys((parameters.reference, *parameters.preference, variant))
    reference = counts.get(parameters.reference)
    rows: list[CardRow] = []
    for name in (name for name in names if name in counts):
        (drawn,) = resample([counts[name]], parameters.resamples, parameters.seed)
        f1 = drawn.f1().interval()
        is_reference = name == parameters.reference
        drop = None
        if reference is not None and not is_reference:
            drop = (reference.default.micro().f1 - f1.point) / POINT
        rows.append(
            CardRow(
                name=name,
                f1=f1.point,
                low=f1.low,
                high=f1.high,
                precision=drawn.precision().point,
                recall=drawn.recall().point,
                drop=drop,
                promoted=name == variant,
                reference=is_reference,
            )
        )
    return tuple(rows)


def _training(context: StageContext) -> tuple[tuple[str, str], ...]:
    """What finetune was told; nothing where the model is the base as it came."""
    manifest = context.manifests["model"]
    if manifest.stage != Stage.FINETUNE:
        return ()
    return tuple((name, str(value)) for name, value in sorted(manifest.parameters.items()))


def _versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    versions = provenance.get("versions", {})
    return (
        {str(name): str(version) for name, version in versions.items()} if isinstance(versions, dict) else {}
    )


def _language(context: StageContext) -> str:
    sentences = islice(read_sentences(context.inputs["data"]), SENTENCES_FOR_LANGUAGE)
    found = language_of(token for sentence in sentences for token in sentence.tokens)
    return "" if found == "und" else found
