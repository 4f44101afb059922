"""The reference workflow's npz sets: encoded windows, without text.

A file is a sample: ids, attention mask and token types (3 inputs), then three
copies of the mask (6 inputs, as compilers from 1.5 on expect). Arrays are
identified by their order. Mask and types are written in either order; the mask
is the one that begins with 1. Gold is a label file: a line a sample, numbers in
brackets, position 0 for [CLS].

Samples and lines are paired by the number in the file's name, not by sorted
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

from ner_jobs.corpus.padding import IntArray
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import ExitCode, PermanentError

LABEL_FILE = "instance_Peoples_Daily.txt"
LIST_FILE = "npz_datalist.txt"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a set, and its number: the line in the label file, from 0."""

    number: int
    path: Path


def samples_of_folder(folder: Path, name: str) -> tuple[Sample, ...]:
    """All npz files of a folder, in the order of their numbers.

    Raises:
        PermanentError: there are none, or their names have no number, or the same one twice.
    """
    return tuple(sorted(_numbered(list(folder.glob("*.npz")), name), key=lambda sample: sample.number))


def samples_of_list(lines: Iterable[str], folder: Path, name: str) -> tuple[Sample, ...]:
    """The files of a data list, in its order.

    Args:
        lines: of the list, a path each.
        folder: of the list; relative paths, or at least their last parts, are relative to it.
        name: of the list in messages.

    Raises:
        PermanentError: a file is missing (with the line), or a number is there twice.
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
    """Read sentences without text, one a sample.

    Args:
        samples: in the order of the result.
        name: of the set in messages.
        inputs: arrays that each file must have; 0 takes 3 or 6.
        gold: tag numbers by sample number, position 0 for [CLS].
        labels: names of the tag numbers.

    Raises:
        PermanentError: a file is not such a sample, or gold and samples do not match; with figures.
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
    """Read tag numbers, a tuple a sample.

    Raises:
        PermanentError: a line is not a list of whole numbers in brackets; with file and line.
    """
    rows: list[tuple[int, ...]] = []
    lines = path.read_bytes().rstrip().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, list) or not all(type(value) is int for value in row):
            raise PermanentError(f"{name}:{number} is not a list of tag numbers such as [0, 1, 2, 0]")
        rows.append(tuple(row))
    return rows


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


def _read_sample(path: Path, inputs: int) -> tuple[IntArray, IntArray]:
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
                f"{path}: array {at} (from 0) is not a copy of the mask; "
                "the order is ids, mask, types, mask, mask, mask"
            )
    positions = np.flatnonzero(mask)
    return rows[0][positions], positions


def _row(array: npt.NDArray[np.generic], at: int, path: Path) -> IntArray:
    if array.ndim == 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 1:
        raise PermanentError(
            f"{path}: array {at} (from 0) has the shape {array.shape}; (length,) or (1, length)"
        )
    row = array.astype(np.int64)
    if array.dtype.kind not in "iuf" or not np.array_equal(row, array):
        raise PermanentError(f"{path}: array {at} (from 0) has values that are not whole numbers")
    return row


def _tags(row: Sequence[int], positions: IntArray, labels: Sequence[str], where: str) -> tuple[str, ...]:
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
