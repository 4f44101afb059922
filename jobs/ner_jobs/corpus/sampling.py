"""The calibration sample: a few hundred sentences that int8 is fitted on.

Drawn by the hash of seed and tokens: the order of the file does not matter,
and a sentence that stands there twice is drawn once. Every entity type is
covered, rare ones too: ranges measured without a type's sentences are wrong
for exactly those.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

from ner_jobs.corpus.labels import types_of
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.splitting import place_of


@dataclass(frozen=True, slots=True)
class CalibrationSample:
    """The sample, in the order of the data, and the types that it could not cover for want of room."""

    sentences: tuple[Sentence, ...]
    uncovered: tuple[str, ...]


def draw_calibration(sentences: Iterable[Sentence], size: int, seed: int) -> CalibrationSample:
    """Draw a sample; the same for the same sentences, whatever their order.

    Args:
        sentences: to draw from.
        size: how many; fewer where there are fewer distinct ones.
        seed: of the spec.
    """
    placed: dict[float, tuple[int, Sentence]] = {}
    first_of_type: dict[str, float] = {}
    for at, sentence in enumerate(sentences):
        place = place_of(sentence, seed, "calibration")
        if place in placed:
            continue
        placed[place] = (at, sentence)
        for name in types_of(set(sentence.tags or ())):
            first_of_type[name] = min(first_of_type.get(name, place), place)
    chosen: set[float] = set()
    covered: set[str] = set()
    # The type that is rarest in the draw first: its sentence often covers commoner types too.
    for name, place in sorted(first_of_type.items(), key=lambda item: (-item[1], item[0])):
        if name not in covered and len(chosen) < size:
            chosen.add(place)
            covered.update(types_of(set(placed[place][1].tags or ())))
    for place in nsmallest(size, placed):
        if len(chosen) >= size:
            break
        chosen.add(place)
    for place in chosen:
        covered.update(types_of(set(placed[place][1].tags or ())))
    ordered = sorted((placed[place] for place in chosen), key=lambda item: item[0])
    return CalibrationSample(
        tuple(sentence for _, sentence in ordered), tuple(sorted(first_of_type.keys() - covered))
    )
