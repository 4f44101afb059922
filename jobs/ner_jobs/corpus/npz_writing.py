"""Writes npz sets as the reference workflow has them; `npz` reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.npz import LABEL_FILE, LIST_FILE
from ner_jobs.corpus.padding import pad
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import PermanentError


@dataclass(frozen=True, slots=True)
class NpzWindow:
    """What one npz file holds.

    Attributes:
        input_ids: real sub-tokens, specials included.
        tags: numbers of the sub-tokens between the specials, or None without gold.
    """

    input_ids: tuple[int, ...]
    tags: tuple[int, ...] | None


def windows_of(sentence: Sentence, encoder: Encoder, labels: Sequence[str]) -> Iterator[NpzWindow]:
    """Cut a sentence into windows that do not overlap: it is halved until each part fits.

    The first sub-token of a token has the token's tag. The others have the tag
    that continues it: I- of the same type, or O.

    Args:
        sentence: with text, or of another npz set.
        encoder: of the model that will read the set.
        labels: names of the tag numbers.

    Raises:
        PermanentError: a tag of the sentence is not among the labels.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    missing = sorted(set(sentence.tags or ()) - numbers.keys())
    if missing:
        raise PermanentError(f"{sentence.source or sentence.id}: no number for {', '.join(missing)}")
    if sentence.input_ids is not None:
        tags = None if sentence.tags is None else tuple(numbers[tag] for tag in sentence.tags)
        yield NpzWindow(sentence.input_ids, tags)
        return
    encoded = encoder.encode(sentence)
    if len(encoded.windows) > 1:
        middle = len(sentence.tokens) // 2
        for part in (slice(None, middle), slice(middle, None)):
            tags_of_part = None if sentence.tags is None else sentence.tags[part]
            part_sentence = Sentence(sentence.id, sentence.tokens[part], tags_of_part, None, sentence.source)
            yield from windows_of(part_sentence, encoder, labels)
        return
    for window in encoded.windows:
        ids = tuple(window.input_ids.tolist())
        if sentence.tags is None:
            yield NpzWindow(ids, None)
            continue
        row = [numbers.get("O", 0)] * len(ids)
        ends = [*window.positions[1:].tolist(), len(ids) - 1]
        for token, start, end in zip(window.tokens.tolist(), window.positions.tolist(), ends, strict=True):
            tag = sentence.tags[token]
            goes_on = numbers.get(f"I-{tag[2:]}", numbers[tag])
            row[start:end] = [numbers[tag], *[goes_on] * (end - start - 1)]
        yield NpzWindow(ids, tuple(row[1:-1]))


def write_npz_set(
    folder: Path, windows: Iterable[NpzWindow], inputs: Literal[3, 6] = 6, length: int = 256, padding: int = 0
) -> int:
    """Write a set as the reference workflow has it: `test_0.npz`, …, data list, label file.

    Arrays are int32 (1, length), named by what they hold; readers go by their
    order. The label file is written if every window has gold.

    Args:
        folder: made if it is missing.
        windows: in the order of their numbers.
        inputs: 3 or 6 arrays a file.
        length: of every array.
        padding: id of the padding.

    Returns:
        How many files there are.

    Raises:
        PermanentError: a window is longer than `length`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gold: list[str] = []
    count = 0
    for count, window in enumerate(windows, 1):
        real = len(window.input_ids)
        if real > length:
            raise PermanentError(f"window {count} has {real} sub-tokens, a file of the set holds {length}")
        padded = pad([np.array(window.input_ids, np.int64)], length, padding)
        ids, mask = (array.astype(np.int32) for array in padded)
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}
        if inputs == 6:
            arrays |= {f"attention_mask{copy}": mask for copy in (1, 2, 3)}
        np.savez(folder / f"test_{count - 1}.npz", allow_pickle=False, **arrays)
        if window.tags is not None:
            gold.append(str([0, *window.tags, *[0] * (length - len(window.tags) - 1)]))
    (folder / LIST_FILE).write_text("".join(f"test_{number}.npz\n" for number in range(count)))
    if count and len(gold) == count:
        (folder / LABEL_FILE).write_text("".join(f"{row}\n" for row in gold))
    return count
