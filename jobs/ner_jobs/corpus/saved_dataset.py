"""A data set that Hugging Face `datasets` saved (`save_to_disk`): one split, or a DatasetDict.

Tags are strings, or numbers whose names a ClassLabel holds. Numbers without
names are refused: only their author knows what they mean.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from sys import intern
from typing import Any

from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import ExitCode, PermanentError

TOKEN_COLUMNS = ("tokens", "words")
TAG_COLUMNS = ("ner_tags", "tags", "labels")
DOCUMENT_COLUMNS = ("doc_id", "document_id", "document")
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev"),
    "test": ("test",),
}
"""Names under which a DatasetDict may hold a split."""

ROWS_AT_ONCE = 1000


def read_saved_dataset(folder: Path, name: str, split: str) -> Iterator[RawSentence]:
    """Sentences of a saved data set, in its order, a thousand rows in memory.

    Args:
        folder: of the data set, or of a DatasetDict that has `split`.
        name: of the data set in messages.
        split: `train`, `validation`, `test`, or another name of the DatasetDict's.

    Raises:
        PermanentError: it is not a saved data set, or lacks the split or the columns; the message names
            those that are there.
    """
    table = _open(folder, name, split)
    tokens_column = _column(table, TOKEN_COLUMNS, name)
    if tokens_column is None:
        raise PermanentError(
            f"{name} has the columns {', '.join(table.column_names)}; "
            "a column `tokens` with lists of strings is needed"
        )
    tags_column = _column(table, TAG_COLUMNS, name)
    to_names = _names(table, tags_column, name)
    has_ids = "id" in table.column_names
    document_column = next((column for column in DOCUMENT_COLUMNS if column in table.column_names), None)
    row = 0
    for rows in table.iter(batch_size=ROWS_AT_ONCE):
        for at, tokens in enumerate(rows[tokens_column]):
            row += 1
            place = f"row {row}"
            checked = _tokens(tokens, f"{name}, {place}")
            tags = None if tags_column is None else to_names(rows[tags_column][at], f"{name}, {place}")
            if tags is not None and len(tags) != len(checked):
                raise PermanentError(f"{name}, {place}: {len(checked)} tokens and {len(tags)} tags")
            document = None if document_column is None else rows[document_column][at]
            yield RawSentence(
                checked,
                tags,
                name,
                place,
                id=str(rows["id"][at]) if has_ids else None,
                document=None if document is None else str(document),
            )


def _open(folder: Path, name: str, split: str) -> Any:
    import datasets

    datasets.disable_progress_bars()
    try:
        loaded = datasets.load_from_disk(str(folder))
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"{name} is not a data set saved by Hugging Face datasets (save_to_disk): {error}",
            ExitCode.NO_INPUT,
        ) from error
    if not isinstance(loaded, datasets.DatasetDict):
        return loaded
    for known in SPLIT_NAMES.get(split, (split,)):
        if known in loaded:
            return loaded[known]
    raise PermanentError(
        f"{name} has the splits {', '.join(loaded)}, and none is {split}; "
        "name the folder of the split that is meant",
        ExitCode.NO_INPUT,
    )


def _column(table: Any, names: Sequence[str], where: str) -> str | None:
    found = [name for name in names if name in table.column_names]
    if len(found) > 1:
        raise PermanentError(f"{where} has the columns {' and '.join(found)}; keep one of them")
    return found[0] if found else None


def _names(table: Any, column: str | None, name: str) -> Callable[[Any, str], tuple[str, ...]]:
    """How the values of the tag column become names."""
    feature = None if column is None else table.features[column]
    inner = getattr(feature, "feature", feature)
    if isinstance(inner, dict | list):
        raise PermanentError(f"{name}: the column {column} is not a list of tags, but {feature}")
    labels: Sequence[str] | None = getattr(inner, "names", None)
    if (
        labels is None
        and column is not None
        and getattr(inner, "dtype", "") not in ("string", "large_string")
    ):
        raise PermanentError(
            f"{name}: the column {column} has numbers without names ({inner}); save it with "
            "ClassLabel(names=[...]), or as strings"
        )

    def from_numbers(values: Sequence[int], where: str) -> tuple[str, ...]:
        assert labels is not None
        wrong = next((value for value in values if not 0 <= value < len(labels)), None)
        if wrong is not None:
            raise PermanentError(
                f"{where}: tag number {wrong} has no name among the {len(labels)} of {column}"
            )
        return tuple(labels[value] for value in values)

    def from_strings(values: Sequence[str], where: str) -> tuple[str, ...]:
        if None in values:
            raise PermanentError(f"{where}: a tag is missing (null); write O outside entities")
        return tuple(map(intern, values))

    return from_strings if labels is None else from_numbers


def _tokens(tokens: Any, where: str) -> tuple[str, ...]:
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        raise PermanentError(f"{where}: tokens must be a list of strings, none of them empty")
    return tuple(map(intern, tokens))
