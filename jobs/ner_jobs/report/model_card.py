"""The model card of a promoted model: what it is for, what it reached, where it comes from.

A plain Hugging Face README: front matter that the hub reads, then text that a
person reads. Every figure is of the evaluation that promoted it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ner_jobs.promotion.gates import Finding
from ner_jobs.report.rendering import render_text
from ner_jobs.scoring.counts import Table


@dataclass(frozen=True, slots=True)
class CardRow:
    """One variant's figures; F1 and its like in 0..1, `drop` in points, None for the reference."""

    name: str
    f1: float
    low: float
    high: float
    precision: float
    recall: float
    drop: float | None
    promoted: bool
    reference: bool


@dataclass(frozen=True, slots=True)
class CardType:
    """One entity type of the promoted variant."""

    name: str
    f1: float
    precision: float
    recall: float
    gold: int


@dataclass(frozen=True, slots=True)
class Card:
    """All that a card says.

    Attributes:
        title: `namespace/name`.
        promoted: when and as what, a sentence.
        language: BCP 47, or empty where the script does not tell.
        base: hub id of the base model, or empty where it is none.
        training, provenance: (name, value) in order.
    """

    title: str
    variant: str
    promoted: str
    language: str
    base: str
    types: tuple[str, ...]
    segmentation: str
    decoding: str
    max_length: int
    sentences: int
    judged: int
    rows: tuple[CardRow, ...]
    by_type: tuple[CardType, ...]
    findings: tuple[Finding, ...]
    training: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]


def card_types(types: Sequence[str], table: Table) -> tuple[CardType, ...]:
    """Figures by type, from counts."""
    return tuple(
        CardType(name, score.f1, score.precision, score.recall, score.gold)
        for name, score in ((name, table.of(kind)) for kind, name in enumerate(types))
    )


def model_card(card: Card) -> str:
    """README.md of the model folder."""
    front = yaml.safe_dump(_front_matter(card), allow_unicode=True, sort_keys=False)
    return f"---\n{front}---\n{render_text('model_card.md.j2', card=card)}"


def _front_matter(card: Card) -> dict[str, Any]:
    promoted = next(row for row in card.rows if row.promoted)
    metrics = [
        {"type": kind, "value": round(value, 4), "name": f"{kind.capitalize()} ({card.variant})"}
        for kind, value in (
            ("f1", promoted.f1),
            ("precision", promoted.precision),
            ("recall", promoted.recall),
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
