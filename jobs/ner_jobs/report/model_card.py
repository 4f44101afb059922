"""The model card of a promoted model: what it is for, what it reached, where it comes from.

A plain Hugging Face README: front matter that the hub reads, then text for
people. Every figure is of the evaluation that promoted the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.models.folder import ModelFolder
from ner_jobs.promotion.decide import Observed
from ner_jobs.promotion.gates import Finding
from ner_jobs.promotion.verdict import VariantScores, Verdict
from ner_jobs.report.rendering import render_text
from ner_jobs.report.sentences import language_of
from ner_jobs.scoring.counts import Counts, Score
from ner_jobs.task import Manifest, Stage, Task

SENTENCES_FOR_LANGUAGE = 50


@dataclass(frozen=True, slots=True)
class CardRow:
    """One variant of the table."""

    name: str
    scores: VariantScores
    promoted: bool
    reference: bool


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that a card says.

    Attributes:
        title: `namespace/name`.
        promoted: when and as what, a sentence.
        language: BCP 47, or empty if the script does not show it.
        base: hub id of the base model, or empty if it has none.
        by_type: scores of the promoted variant, by entity type.
        training, provenance: (name, value) in order.
    """

    title: str
    variant: str
    promoted: str
    language: str
    base: str
    segmentation: str
    decoding: str
    max_length: int
    sentences: int
    judged: int
    rows: tuple[CardRow, ...]
    by_type: Mapping[str, Score]
    findings: tuple[Finding, ...]
    training: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]


def card_of(
    task: Task,
    inputs: Mapping[str, Path],
    manifests: Mapping[str, Manifest],
    observed: Observed,
    verdict: Verdict,
    counts: Counts,
) -> Card:
    """Gather the card of the chosen variant.

    Args:
        task: of the promote stage.
        inputs: folders of the stage's inputs, by role.
        manifests: of the same inputs.
        observed: what the verdict rests on.
        verdict: with a variant chosen.
        counts: of the chosen variant.
    """
    variant, parameters = str(verdict.variant), observed.parameters
    model = ModelFolder(inputs["model"])
    facts = model.facts if model.has_facts else None
    prepared = manifests["data"].parameters
    base, revision = str(prepared.get("base") or ""), prepared.get("revision")
    names = dict.fromkeys((parameters.reference, *parameters.preference, variant))
    return Card(
        title=f"{task.owner.namespace}/{task.owner.name}",
        variant=variant,
        promoted=f"its variant `{variant}` was promoted on {datetime.now(UTC).date().isoformat()}.",
        language=_language(inputs["data"]),
        base="" if "://" in base or base.startswith("/") else base,
        segmentation=facts.segmentation if facts else "characters",
        decoding=facts.decoding if facts else "constrained",
        max_length=facts.max_length if facts else 0,
        sentences=len(counts),
        judged=verdict.judged,
        rows=tuple(
            CardRow(name, observed.scores[name], name == variant, name == parameters.reference)
            for name in names
            if name in observed.scores
        ),
        by_type={name: counts.default.of(kind) for kind, name in enumerate(counts.types)},
        findings=next(each.findings for each in verdict.variants if each.variant == variant),
        training=_training(manifests["model"]),
        provenance=(
            ("Revision", verdict.revision),
            *([("Base model", base)] if base else []),
            *([("Base model's revision", str(revision))] if revision else []),
            ("Test snapshot", verdict.test),
            ("Evaluation", f"evaluate/{task.inputs[f'evaluation.{variant}'].key}"),
            ("Compiled model", f"compile/{task.inputs[f'compiled.{variant}'].key}"),
            ("Verdict", f"promote/{task.key}"),
            *sorted(_versions(manifests["model"].provenance).items()),
        ),
    )


def model_card(card: Card) -> str:
    """README.md of the model folder."""
    front = yaml.safe_dump(_front_matter(card), allow_unicode=True, sort_keys=False)
    return f"---\n{front}---\n{render_text('model_card.md.j2', card=card)}"


def _front_matter(card: Card) -> dict[str, Any]:
    scores = next(row.scores for row in card.rows if row.promoted)
    metrics = [
        {"type": kind, "value": round(value, 4), "name": f"{kind.capitalize()} ({card.variant})"}
        for kind, value in (
            ("f1", scores.f1.point),
            ("precision", scores.precision),
            ("recall", scores.recall),
        )
    ]
    return {
        **({"language": [card.language]} if card.language else {}),
        "library_name": "transformers",
        "pipeline_tag": "token-classification",
        "tags": ["token-classification", "named-entity-recognition", "nerdeployment"],
        **({"base_model": card.base} if card.base else {}),
        "model-index": [
            {
                "name": card.title,
                "results": [
                    {
                        "task": {"type": "token-classification", "name": "Named entity recognition"},
                        "dataset": {"type": card.title, "name": f"test set of {card.title}", "split": "test"},
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }


def _training(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Parameters of finetune; none if the model is the base model as it is."""
    if manifest.stage != Stage.FINETUNE:
        return ()
    return tuple((name, str(value)) for name, value in sorted(manifest.parameters.items()))


def _versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    versions = provenance.get("versions", {})
    return (
        {str(name): str(version) for name, version in versions.items()} if isinstance(versions, dict) else {}
    )


def _language(data: Path) -> str:
    sentences = islice(read_sentences(data), SENTENCES_FOR_LANGUAGE)
    found = language_of(token for sentence in sentences for token in sentence.tokens)
    return "" if found == "und" else found
