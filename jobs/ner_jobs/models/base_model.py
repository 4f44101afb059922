"""The base model's snapshot: what a run starts from cannot change under it.

A base comes from a folder, an `s3://` prefix or the Hugging Face hub. Only
config, tokenizer and weights are copied, no code. Pickled weights are read for
their tensors alone and written as safetensors.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.corpus.fetching import Fetcher, files_under, sha256_of
from ner_jobs.models.checkpoint_config import Checkpoint, load_checkpoint
from ner_jobs.models.folder import (
    PICKLED_WEIGHTS,
    SAFE_WEIGHTS,
    SMALL_FILES,
    TOKENIZER,
    ModelFolder,
    matches,
)
from ner_jobs.models.hub import download_model
from ner_jobs.models.longest_window import longest_window
from ner_jobs.models.pickled_weights import convert_pickled_weights
from ner_jobs.models.tokenizer_config import apply_tokenizer_config
from ner_jobs.models.vocabulary import read_vocabulary, write_tokenizer
from ner_jobs.task import ExitCode, PermanentError, canonical_digest
from ner_jobs.task.parameters import PrepareParameters

FIELD = "spec.model.base"
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$", re.ASCII)

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A snapshot.

    Attributes:
        checkpoint: config and tensors; without tensors the model starts from nothing.
        identity: digest of the sorted names and SHA-256 sums of all files.
        revision: of a hub id, the commit that was taken.
    """

    checkpoint: Checkpoint
    identity: str
    revision: str | None = None


def snapshot_base(parameters: PrepareParameters, target: Path, fetcher: Fetcher, log: Log) -> BaseModel:
    """Copy the base model into `target`, with a fast tokenizer, safe weights and its true type.

    Raises:
        PermanentError: there is no such model, or it lacks config, tokenizer or weights, or is too short
            for `max_length`.
        RetryableError: the hub or the store does not answer.
    """
    base = parameters.base
    source, revision = _fetched(parameters, fetcher)
    try:
        _ = source.config
    except PermanentError as error:
        raise PermanentError(f"{FIELD}: {base}: {error}", error.code) from error
    target.mkdir(parents=True)
    source.copy_to(target, (*SMALL_FILES, *SAFE_WEIGHTS))
    if not any(name.endswith(".safetensors") for name in source.names(SAFE_WEIGHTS)):
        log(convert_pickled_weights(source, target, base))
    if not (target / TOKENIZER).is_file():
        log(_make_tokenizer(target, base))
    for sentence in apply_tokenizer_config(target):
        log(sentence)
    checkpoint = load_checkpoint(target)
    for sentence in checkpoint.corrections:
        log(sentence)
    _check_window(checkpoint, parameters.max_length)
    if checkpoint.corrections:
        ModelFolder(target).write_config(checkpoint.config)
    return describe_base(target, checkpoint, parameters.max_length, revision)


def describe_base(
    target: Path, checkpoint: Checkpoint, max_length: int, revision: str | None = None
) -> BaseModel:
    """Check a complete snapshot and digest it.

    Args:
        target: the snapshot's folder.
        checkpoint: of the folder.
        max_length: sub-tokens in a window, specials included.
        revision: of a hub id, the commit that was taken.

    Raises:
        PermanentError: the model's positions do not reach `max_length`, or the tokenizer has ids that the
            model does not have.
    """
    longest = checkpoint.longest_window
    if longest is not None and max_length > longest:
        raise PermanentError(
            f"spec.model.maxLength is {max_length}, the base has positions for {longest}; write at most that",
            ExitCode.USAGE,
        )
    size = checkpoint.config.get("vocab_size")
    vocabulary = ModelFolder(target).tokenizer().get_vocab(with_added_tokens=True)
    largest = max(vocabulary.values(), default=0)
    if isinstance(size, int) and largest >= size:
        raise PermanentError(
            f"{FIELD}: its tokenizer has ids up to {largest}, its config a vocabulary of {size}: they do not "
            "belong together"
        )
    identity = canonical_digest([(name, sha256_of(path)) for name, path in files_under(target)])
    return BaseModel(checkpoint, identity, revision)


def _check_window(checkpoint: Checkpoint, max_length: int) -> None:
    longest = longest_window(checkpoint.config, max_length)
    if longest is not None and longest < max_length:
        raise PermanentError(
            f"spec.model.maxLength is {max_length}, the base has positions for {longest}; write at most that",
            ExitCode.USAGE,
        )


def _fetched(parameters: PrepareParameters, fetcher: Fetcher) -> tuple[ModelFolder, str | None]:
    base = parameters.base
    if "://" in base or Path(base).is_absolute():
        return ModelFolder(fetcher.folder(base, FIELD, _is_wanted).path), None
    if HUB_ID.match(base):
        folder, revision = download_model(base, parameters.revision, fetcher.scratch / "hub")
        return ModelFolder(folder), revision
    raise PermanentError(
        f"{FIELD}: {base!r} is neither a URI, nor an absolute path, nor an id of the Hugging Face hub",
        ExitCode.USAGE,
    )


def _is_wanted(name: str) -> bool:
    return matches(name, (*SMALL_FILES, *SAFE_WEIGHTS, *PICKLED_WEIGHTS))


def _make_tokenizer(target: Path, base: str) -> str:
    """Write tokenizer.json from vocab.txt; return what was done, as a sentence for the log."""
    if not (target / "vocab.txt").is_file():
        raise PermanentError(
            f"{FIELD}: {base} has neither {TOKENIZER} nor vocab.txt; save it with a fast tokenizer "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(...))",
            ExitCode.NO_INPUT,
        )
    path = target / "tokenizer_config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    # BERT lowercases by default; a vocabulary with capitals shows that this model does not.
    vocabulary = read_vocabulary(target / "vocab.txt")
    lowercase = not any(
        entry.isascii() and entry.isalpha() and entry != entry.lower() for entry in vocabulary
    )
    write_tokenizer(target, vocabulary, {"do_lower_case": lowercase, **config})
    return f"{TOKENIZER} made from vocab.txt ({len(vocabulary)} entries)"
