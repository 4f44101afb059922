"""From counts to what a gate may use.

All variants, the reference and the current model are resampled together, once.
Each gate gets its own metric with bounds of its own confidence; the message
and the model card get F1 and the drop of each variant.
"""

from collections.abc import Mapping

from ner_jobs.promotion.gates import Evidence
from ner_jobs.promotion.verdict import VariantScores
from ner_jobs.scoring.bootstrap import Resampled, Samples, resample
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.summary import Draws
from ner_jobs.task.parameters import GateParameters

CONFIDENCE = 0.95
"""Of the bounds in verdicts and model cards, and of a gate that has no confidence."""


class PairedComparison:
    """All variants of a revision and the current model, compared on the same sentences.

    Args:
        variants: counts by variant name, all of the same sentences.
        reference: name of the reference variant, which may be missing in `variants`.
        current: counts of the model in service on the same sentences, or None.
        draws: number of draws and their seed.

    Raises:
        PermanentError: they were not counted on the same sentences, or there are none.
    """

    def __init__(
        self, variants: Mapping[str, Counts], reference: str, current: Counts | None, draws: Draws
    ) -> None:
        compared = [*variants.values(), *([current] if current is not None else [])]
        types = tuple(dict.fromkeys(name for counts in compared for name in counts.types))
        drawn = resample([counts.aligned_to(types) for counts in compared], draws.resamples, draws.seed)
        self._types = types
        self._variants = dict(zip(variants, drawn, strict=False))
        self._reference = self._variants.get(reference)
        self._current = drawn[-1] if current is not None else None

    def evidence(self, variant: str, gate: GateParameters) -> Evidence:
        """What a gate may use to judge a variant."""
        candidate = self._variants[variant]
        other = self._current if gate.against == "current" else self._reference
        value = self._samples(candidate, gate)
        confidence = gate.confidence or CONFIDENCE
        return Evidence(
            value=value.estimate(confidence),
            drop=None if other is None else self._samples(other, gate).drop_to(value).estimate(confidence),
            gold_entities=None if gate.entity_type is None else self._gold(candidate, gate.entity_type),
        )

    def scores(self, variant: str) -> VariantScores:
        """F1, precision, recall and the drop against the reference."""
        candidate = self._variants[variant]
        f1 = candidate.f1()
        reference = self._reference
        return VariantScores(
            f1=f1.estimate(CONFIDENCE),
            precision=candidate.precision().point,
            recall=candidate.recall().point,
            drop=None if reference is None else reference.f1().drop_to(f1).estimate(CONFIDENCE),
        )

    def _samples(self, drawn: Resampled, gate: GateParameters) -> Samples:
        if gate.metric == "accuracy":
            return drawn.accuracy()
        measure = {
            "f1": drawn.f1,
            "f1Strict": drawn.f1_strict,
            "precision": drawn.precision,
            "recall": drawn.recall,
        }[gate.metric]
        if gate.entity_type is None:
            return measure()
        if gate.entity_type not in self._types:
            nothing = measure()
            return Samples(0.0, nothing.drawn * 0)
        return measure(self._types.index(gate.entity_type))

    def _gold(self, drawn: Resampled, entity_type: str) -> int:
        if entity_type not in self._types:
            return 0
        return drawn.counts.default.of(self._types.index(entity_type)).gold
