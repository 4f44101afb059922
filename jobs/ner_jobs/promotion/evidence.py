"""From counts to what a gate may use.

Each gate gets its own metric with one-sided bounds of its own confidence; the
message and the model card get F1 and the drop of each variant. Candidates are
compared with the reference and the current model on the same sentences.
"""

from collections.abc import Mapping

from ner_jobs.promotion.gates import Evidence
from ner_jobs.promotion.verdict import VariantScores
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.estimate import Bounds
from ner_jobs.scoring.units import drop_bounds, metric_bounds, require_same_sentences, units_with_items
from ner_jobs.task.parameters import GateParameters

CONFIDENCE = 0.95
"""Of the bounds in verdicts and model cards, and of a gate that has no confidence."""


class PairedComparison:
    """All variants of a revision and the current model, compared on the same sentences.

    Args:
        variants: counts by variant name, all of the same sentences.
        reference: name of the reference variant, which may be missing in `variants`.
        current: counts of the model in service on the same sentences, or None.
        types: entity types that gates name; those that the counts lack are nowhere.

    Raises:
        PermanentError: they were not counted on the same sentences, or there are none.
    """

    def __init__(
        self,
        variants: Mapping[str, Counts],
        reference: str,
        current: Counts | None,
        types: tuple[str, ...] = (),
    ) -> None:
        compared = [*variants.values(), *([current] if current is not None else [])]
        require_same_sentences(compared)
        known = (name for counts in compared for name in counts.types)
        self._types = tuple(dict.fromkeys([*known, *types]))
        self._variants = {name: counts.aligned_to(self._types) for name, counts in variants.items()}
        self._reference = self._variants.get(reference)
        self._current = current.aligned_to(self._types) if current is not None else None

    def evidence(self, variant: str, gate: GateParameters) -> Evidence:
        """What a gate may use to judge a variant."""
        candidate = self._variants[variant]
        other = self._current if gate.against == "current" else self._reference
        kind = None if gate.entity_type is None else self._types.index(gate.entity_type)
        confidence = gate.confidence or CONFIDENCE
        return Evidence(
            value=metric_bounds(candidate, gate.metric, kind, confidence),
            drop=None if other is None else drop_bounds(other, candidate, gate.metric, kind, confidence),
            gold_entities=self._gold(candidate, gate, kind),
            units=units_with_items(candidate, gate.metric, kind),
        )

    def scores(self, variant: str) -> VariantScores:
        """F1, precision, recall and the drop against the reference."""
        candidate = self._variants[variant]
        micro = candidate.default.micro()
        return VariantScores(
            f1=metric_bounds(candidate, "f1", None, CONFIDENCE),
            precision=micro.precision,
            recall=micro.recall,
            drop=self._drop(candidate),
        )

    def _gold(self, candidate: Counts, gate: GateParameters, kind: int | None) -> int | None:
        if gate.metric == "accuracy":
            return None
        return (candidate.default.micro() if kind is None else candidate.default.of(kind)).gold

    def _drop(self, candidate: Counts) -> Bounds | None:
        if self._reference is None:
            return None
        return drop_bounds(self._reference, candidate, "f1", None, CONFIDENCE)
