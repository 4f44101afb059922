"""The calibration sample: a few hundred sentences that int8 is fitted on.

Sentences are drawn by the hash of seed and tokens. So the order of the file
does not matter, and a sentence that occurs twice is drawn once. Every entity
type is covered, rare ones too: without a type's sentences, the measured ranges
are wrong for that type.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

from ner_jobs.corpus.labels import types_of
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.splitting import place_of


@dataclass(frozen=True, slots=True)
class CalibrationSample:
    """The sample in the order of the data, and the types that are not in it because it is too small."""

    sentences: tuple[Sentence, ...]
    uncovered: tuple[str, ...]


def draw_calibration(sentences: Iterable[Sentence], size: int, seed: int) -> CalibrationSample:
    """Draw a sample; the order of the sentences does not change it.

    Args:
        sentences: to draw from.
        size: how many; fewer if there are fewer distinct ones.
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
    # The type that is drawn last comes first: it is rare, and its sentence often has common types too.
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
