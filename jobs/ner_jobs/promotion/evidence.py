"""From counts to what a gate may look at.

The gates are pure and light; the bootstrap is neither. Here they meet: all
variants of a set, the reference and the current model are drawn together, and
each gate gets its own figure with its own bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ner_jobs.promotion.gates import Evidence, Finding, Measure, gates_of
from ner_jobs.scoring.bootstrap import Resampled, Samples, resample
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.summary import Draws, Range
from ner_jobs.task.parameters import GateParameters

CONFIDENCE = 0.95
"""Of the drop that a verdict names, whatever its gates ask for."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A candidate's F1 (0..1), and how many points it is below another variant.

    Attributes:
        upper: one-sided 95% upper bound of the drop.
    """

    f1: float
    drop: Range | None
    upper: float | None


class PairedComparison:
    """Counts of everything that is compared, drawn together.

    Args:
        variants: counts by variant name, all of the same sentences.
        reference: name of the reference variant, which may be absent from `variants`.
        current: counts of the model in service on the same sentences, or None.
        draws: number of draws and their seed.

    Raises:
        PermanentError: they were not counted on the same sentences, or there are none.
    """

    def __init__(
        self, variants: Mapping[str, Counts], reference: str, current: Counts | None, draws: Draws
    ) -> None:
        everyone = [*variants.values(), *([current] if current is not None else [])]
        types = tuple(dict.fromkeys(name for counts in everyone for name in counts.types))
        drawn = resample([counts.aligned_to(types) for counts in everyone], draws.resamples, draws.seed)
        self._types = types
        self._variants = dict(zip(variants, drawn, strict=False))
        self._reference = self._variants.get(reference)
        self._current = drawn[-1] if current is not None else None

    def findings(self, variant: str, gates: tuple[GateParameters, ...]) -> tuple[Finding, ...]:
        """What each gate says of a variant, in the order of the spec."""
        return tuple(
            gate(self._evidence(variant, parameters)) for parameters in gates for gate in gates_of(parameters)
        )

    def distance(self, variant: str) -> Distance:
        """F1 and the drop against the reference."""
        candidate = self._variants[variant].f1()
        if self._reference is None:
            return Distance(candidate.point, None, None)
        drop = self._reference.f1().drop_to(candidate)
        return Distance(candidate.point, Range.of(drop.interval(CONFIDENCE)), drop.upper_bound(CONFIDENCE))

    def _evidence(self, variant: str, gate: GateParameters) -> Evidence:
        candidate = self._variants[variant]
        other = self._current if gate.against == "current" else self._reference
        value = self._samples(candidate, gate)
        drop = None if other is None else self._samples(other, gate).drop_to(value)
        confidence = gate.confidence
        return Evidence(
            value=Measure(value.point, None if confidence is None else value.lower_bound(confidence)),
            drop=None
            if drop is None
            else Measure(drop.point, None if confidence is None else drop.upper_bound(confidence)),
            gold_entities=None if gate.entity_type is None else self._gold(candidate, gate.entity_type),
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
