"""The reference workflow's npz sets: encoded windows, without text.

A file is a sample: ids, attention mask and token types (3 inputs), and three
copies of the mask behind them (6, as compilers from 1.5 on expect). Arrays go
by their order, as every consumer has it; which of the second and third is the
mask is seen from its first element, since both orders are in use and only a
mask begins with 1. Gold is a label file: a line a sample, numbers in brackets,
position 0 for [CLS].

Samples and lines are paired by the number in the file's name, never by sorted
names: `test_10.npz` sorts before `test_2.npz`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.raw import RawSentence
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import ExitCode, PermanentError

Integers = npt.NDArray[np.int64]
LABEL_FILE = "instance_Peoples_Daily.txt"
LIST_FILE = "npz_datalist.txt"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a set and its number, which is also its line in the label file, from 0."""

    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class NpzWindow:
    """What one npz file holds.

    Attributes:
        input_ids: real sub-tokens, specials included.
        tags: numbers of the sub-tokens between the specials, or None without gold.
    """

    input_ids: tuple[int, ...]
    tags: tuple[int, ...] | None


def samples_of_folder(folder: Path, name: str) -> tuple[Sample, ...]:
    """All npz files of a folder, by their number.

    Raises:
        PermanentError: there are none, or their names have no number, or the same one twice.
    """
    return tuple(sorted(_numbered(list(folder.glob("*.npz")), name), key=lambda sample: sample.number))


def samples_of_list(lines: Iterable[str], folder: Path, name: str) -> tuple[Sample, ...]:
    """The files of a data list, in its order.

    Args:
        lines: of the list, a path each.
        folder: that the list lies in; relative paths are relative to it, or their last part is.
        name: of the list, for messages.

    Raises:
        PermanentError: a file is missing (with the line), or a number stands there twice.
    """
    paths: list[Path] = []
    for number, line in enumerate(lines, 1):
        written = line.strip()
        if not written:
            continue
        tried = [folder / written, folder / Path(written).name]
        found = next((path for path in tried if path.is_file()), None)
        if found is None:
            raise PermanentError(
                f"{name}:{number}: there is no file {' or '.join(map(str, dict.fromkeys(tried)))}",
                ExitCode.NO_INPUT,
            )
        paths.append(found)
    if paths and not all(_number_in(path) is not None for path in paths):
        return tuple(Sample(at, path) for at, path in enumerate(paths))
    return _numbered(paths, name)


def read_npz_set(
    samples: Sequence[Sample],
    name: str,
    inputs: Literal[0, 3, 6] = 0,
    gold: Sequence[Sequence[int]] | None = None,
    labels: Sequence[str] | None = None,
) -> Iterator[RawSentence]:
    """Sentences without text, one a sample.

    Args:
        samples: in the order in which they come out.
        name: how messages call the set.
        inputs: arrays that each file must have; 0 takes 3 or 6.
        gold: tag numbers by sample number, position 0 for [CLS].
        labels: names of the tag numbers.

    Raises:
        PermanentError: a file is no such sample, or gold and samples do not match; with figures.
    """
    if gold is not None:
        if labels is None:
            raise PermanentError(
                f"{name} has a label file with tag numbers, and no names for them; "
                "write spec.data.npzLabels in the order of the numbers",
                ExitCode.USAGE,
            )
        _check_pairing(samples, len(gold), name)
    stems = [sample.path.stem for sample in samples]
    unique = len(set(stems)) == len(stems)
    for sample in samples:
        ids, positions = _read_sample(sample.path, inputs)
        tags = None
        if gold is not None and labels is not None:
            tags = _tags(gold[sample.number], positions, labels, f"{name}, label line {sample.number + 1}")
        yield RawSentence(
            (),
            tags,
            name,
            sample.path.name,
            id=sample.path.stem if unique else None,
            input_ids=tuple(ids.tolist()),
        )


def read_label_file(path: Path, name: str) -> list[tuple[int, ...]]:
    """Tag numbers by sample.

    Raises:
        PermanentError: a line is no list of whole numbers in brackets; with file and line.
    """
    rows: list[tuple[int, ...]] = []
    lines = path.read_bytes().rstrip().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, list) or not all(type(value) is int for value in row):
            raise PermanentError(f"{name}:{number} is no list of tag numbers such as [0, 1, 2, 0]")
        rows.append(tuple(row))
    return rows


def windows_of(sentence: Sentence, encoder: Encoder, labels: Sequence[str]) -> Iterator[NpzWindow]:
    """A sentence as windows that do not overlap: halved until each part fits.

    The first sub-token of a token has its tag, the others the tag that goes on
    from it (I- of the same type, or O).

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

    Arrays are int32 (1, length), named by what they hold; names matter to nobody.
    The label file is written where every window has gold.

    Args:
        folder: made where it is missing.
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
        ids = np.full((1, length), padding, np.int32)
        ids[0, :real] = window.input_ids
        mask = np.zeros((1, length), np.int32)
        mask[0, :real] = 1
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


def _number_in(path: Path) -> int | None:
    found = re.findall(r"\d+", path.stem)
    return int(found[-1]) if found else None


def _numbered(paths: Sequence[Path], name: str) -> tuple[Sample, ...]:
    if not paths:
        raise PermanentError(f"{name} holds no .npz file", ExitCode.NO_INPUT)
    by_number: dict[int, Path] = {}
    for path in paths:
        number = _number_in(path)
        if number is None:
            raise PermanentError(
                f"{name}: {path.name} has no sample number; name files test_0.npz, test_1.npz, …"
            )
        if number in by_number:
            raise PermanentError(f"{name}: {by_number[number].name} and {path.name} have the same number")
        by_number[number] = path
    return tuple(Sample(number, path) for number, path in by_number.items())


def _check_pairing(samples: Sequence[Sample], lines: int, name: str) -> None:
    if len(samples) != lines:
        raise PermanentError(
            f"{name} has {len(samples)} samples, its label file {lines} lines; they must pair"
        )
    beyond = [sample for sample in samples if sample.number >= lines]
    if beyond:
        raise PermanentError(
            f"{name}: {beyond[0].path.name} has the number {beyond[0].number}, the label file's last line is "
            f"that of number {lines - 1}; number the files from 0"
        )


def _read_sample(path: Path, inputs: int) -> tuple[Integers, Integers]:
    """(real ids, their positions in the window)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[name] for name in archive.files]
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise PermanentError(f"{path} cannot be read as npz: {error}") from error
    if len(arrays) not in ((inputs,) if inputs else (3, 6)):
        wanted = str(inputs) if inputs else "3 or 6"
        raise PermanentError(f"{path} has {len(arrays)} arrays, {wanted} are expected (ids, mask, types, …)")
    rows = [_row(array, at, path) for at, array in enumerate(arrays)]
    if len({len(row) for row in rows}) != 1:
        raise PermanentError(f"{path}: the arrays have the lengths {[len(row) for row in rows]}")
    mask = next((row for row in rows[1:3] if len(row) and row[0] == 1), None)
    if mask is None:
        raise PermanentError(f"{path}: neither its second nor its third array is a mask that begins with 1")
    for at, row in enumerate(rows[3:], 3):
        if not np.array_equal(row, mask):
            raise PermanentError(
                f"{path}: array {at} (from 0) is no copy of the mask; "
                "the order is ids, mask, types, mask, mask, mask"
            )
    positions = np.flatnonzero(mask)
    return rows[0][positions], positions


def _row(array: npt.NDArray[np.generic], at: int, path: Path) -> Integers:
    if array.ndim == 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 1:
        raise PermanentError(
            f"{path}: array {at} (from 0) has the shape {array.shape}; (length,) or (1, length)"
        )
    row = array.astype(np.int64)
    if array.dtype.kind not in "iuf" or not np.array_equal(row, array):
        raise PermanentError(f"{path}: array {at} (from 0) has values that are no whole numbers")
    return row


def _tags(row: Sequence[int], positions: Integers, labels: Sequence[str], where: str) -> tuple[str, ...]:
    """Names at the real positions between the specials."""
    wanted = positions[1:-1].tolist()
    if wanted and wanted[-1] >= len(row):
        raise PermanentError(f"{where} has {len(row)} numbers, the sample has sub-tokens up to {wanted[-1]}")
    for position in wanted:
        if not 0 <= row[position] < len(labels):
            raise PermanentError(
                f"{where}: tag number {row[position]} at position {position} has no name among the "
                f"{len(labels)} of spec.data.npzLabels ({', '.join(labels)})"
            )
    return tuple(labels[row[position]] for position in wanted)
