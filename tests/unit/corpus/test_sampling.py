"""The calibration sample: by seed, of distinct sentences, with every entity type."""

import random

from ner_jobs.corpus.sampling import draw_calibration
from ner_jobs.corpus.sentence import Sentence

COMMON = [Sentence(str(number), tuple(f"c{number}"), ("O",) * len(f"c{number}")) for number in range(500)]
RARE = [
    Sentence("rare-a", ("x", "y"), ("B-A", "O")),
    Sentence("rare-b", ("x", "z"), ("B-B", "O")),
    Sentence("rare-c", ("z", "z"), ("I-C", "B-B")),
]


def test_every_type_is_covered_however_rare() -> None:
    for seed in range(5):
        sample = draw_calibration([*COMMON, *RARE], 20, seed)
        assert len(sample.sentences) == 20
        assert {tag[2:] for s in sample.sentences for tag in s.tags or () if tag != "O"} == {"A", "B", "C"}
        assert not sample.uncovered


def test_the_order_of_the_file_does_not_matter() -> None:
    shuffled = [*COMMON, *RARE]
    random.Random(1).shuffle(shuffled)
    one, other = draw_calibration([*COMMON, *RARE], 20, 42), draw_calibration(shuffled, 20, 42)
    assert {s.id for s in one.sentences} == {s.id for s in other.sentences}
    assert {s.id for s in one.sentences} != {s.id for s in draw_calibration(COMMON, 20, 7).sentences}


def test_a_repeated_sentence_is_drawn_once() -> None:
    assert len(draw_calibration([RARE[0]] * 9, 5, 42).sentences) == 1


def test_what_does_not_fit_is_told() -> None:
    sample = draw_calibration(RARE, 1, 42)
    assert len(sample.sentences) == 1
    covered = {tag[2:] for tag in sample.sentences[0].tags or () if tag != "O"}
    assert set(sample.uncovered) == {"A", "B", "C"} - covered


def test_sentences_without_text_and_gold_can_be_drawn() -> None:
    ready = [Sentence(str(number), (), None, (1, number, 2)) for number in range(9)]
    assert len(draw_calibration(ready, 4, 42).sentences) == 4
