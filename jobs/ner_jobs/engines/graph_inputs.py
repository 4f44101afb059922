"""What the backends share: the graph's inputs, and options that nobody knows."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ner_jobs.engines.base import IntArray
from ner_jobs.task import ExitCode, PermanentError


def feed(names: Sequence[str], input_ids: IntArray, attention_mask: IntArray) -> dict[str, IntArray]:
    """The tensors that a graph asks for, by name; segment ids are zeros.

    Args:
        names: the graph's inputs.
        input_ids, attention_mask: int64 (batch, length).
    """
    known = {"input_ids": input_ids, "attention_mask": attention_mask}
    return {name: known[name] if name in known else np.zeros_like(input_ids) for name in names}


def refuse_options(backend: str, options: Mapping[str, str], known: Sequence[str] = ()) -> None:
    """Say which options a backend has where it is given another.

    Raises:
        PermanentError: an option is unknown.
    """
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise PermanentError(
            f"backend {backend} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'} "
            "(spec.variants[].options)",
            ExitCode.USAGE,
        )


def copy_folder_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Copy the named files that are there."""
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
