"""The base model, snapshotted as the data is: what a run starts from cannot change under it.

From a folder, an `s3://` prefix or the Hugging Face hub, and only the files
that a model needs: config, tokenizer, weights. No code comes along, and a
pickled `.bin` is opened for its tensors alone and written as safetensors.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.corpus.fetching import Fetcher, files_under, sha256_of
from ner_jobs.models.checkpoint_config import Checkpoint, load_checkpoint
from ner_jobs.models.folder import CONFIG, SMALL_FILES, TOKENIZER, ModelFolder, matches
from ner_jobs.models.vocabulary import read_vocabulary, vocabulary_of, write_tokenizer
from ner_jobs.task import ExitCode, PermanentError, RetryableError, canonical_digest
from ner_jobs.task.parameters import PrepareParameters

FIELD = "spec.model.base"
SAFE_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
PICKLED_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$", re.ASCII)

DEFAULT_CONFIG: dict[str, float | int | str | bool] = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
"""Of a model from nothing, where the spec says nothing else: trains in a minute on a laptop."""

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
    """Bring the base model into `target`, with a fast tokenizer, safe weights and its true type.

    Raises:
        PermanentError: there is no such model, or it lacks config, tokenizer or weights, or is too short
            for `max_length`.
        RetryableError: the hub or the store does not answer.
    """
    base = parameters.base
    revision = None
    if "://" in base or Path(base).is_absolute():
        source = fetcher.folder(base, FIELD, _is_wanted).path
    elif HUB_ID.match(base):
        source, revision = _from_hub(base, parameters.revision, fetcher.scratch / "hub")
    else:
        raise PermanentError(
            f"{FIELD}: {base!r} is no URI, no absolute path and no id of the Hugging Face hub", ExitCode.USAGE
        )
    if not (source / CONFIG).is_file():
        raise PermanentError(
            f"{FIELD}: {base} has no config.json; name the folder of a Hugging Face model", ExitCode.NO_INPUT
        )
    target.mkdir(parents=True)
    found = ModelFolder(source)
    found.copy_to(target, (*SMALL_FILES, *SAFE_WEIGHTS))
    if not found.names(("model*.safetensors",)):
        _convert_pickled(found, target, base, log)
    _complete_tokenizer(target, base, log)
    checkpoint = load_checkpoint(target)
    for sentence in checkpoint.corrections:
        log(sentence)
    if checkpoint.corrections:
        _write_json(target / CONFIG, checkpoint.config)
    _check_lengths(checkpoint, target, parameters.max_length)
    return BaseModel(checkpoint, _identity(target), revision)


def make_base(parameters: PrepareParameters, tokens: Mapping[str, int], target: Path) -> BaseModel:
    """A small model from nothing: a config, and a tokenizer of train's characters; no weights yet.

    Args:
        parameters: `config` holds the fields of a BERT-type config, in Hugging Face's names or in camelCase.
        tokens: of train, counted.
        target: a folder that does not exist yet.

    Raises:
        PermanentError: the config is too short for `max_length`, or its heads do not divide its width.
    """
    asked = {_snake(name): value for name, value in (parameters.config or {}).items()}
    vocabulary = vocabulary_of(tokens, parameters.segmentation)
    config: dict[str, Any] = {
        "architectures": ["BertForTokenClassification"],
        "model_type": "bert",
        **DEFAULT_CONFIG,
        **asked,
        "vocab_size": len(vocabulary),
    }
    if config["hidden_size"] % config["num_attention_heads"]:
        raise PermanentError(
            f"spec.model.config: hiddenSize {config['hidden_size']} is no multiple of numAttentionHeads "
            f"{config['num_attention_heads']}",
            ExitCode.USAGE,
        )
    target.mkdir(parents=True)
    _write_json(target / CONFIG, config)
    write_tokenizer(target, vocabulary, {"model_max_length": config["max_position_embeddings"]})
    checkpoint = load_checkpoint(target)
    _check_lengths(checkpoint, target, parameters.max_length)
    return BaseModel(checkpoint, _identity(target))


def _is_wanted(name: str) -> bool:
    return matches(name, (*SMALL_FILES, *SAFE_WEIGHTS, *PICKLED_WEIGHTS))


def _from_hub(base: str, revision: str | None, cache: Path) -> tuple[Path, str | None]:
    """(folder, commit). Only data files are asked for; nothing of them is executed."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{base} at {revision}" if revision else base
    elsewhere = "or put the model into a folder or an s3:// prefix and write that URI"
    try:
        listed = [str(name) for name in HfApi().list_repo_files(base, revision=revision)]
        safe = any(matches(name, SAFE_WEIGHTS) for name in listed)
        patterns = [*SMALL_FILES, *(SAFE_WEIGHTS if safe else PICKLED_WEIGHTS)]
        folder = Path(
            snapshot_download(
                base, revision=revision, allow_patterns=patterns, cache_dir=cache, max_workers=4
            )
        )
    except GatedRepoError as error:
        raise PermanentError(
            f"{FIELD}: {at} is gated; accept its terms and set HF_TOKEN, {elsewhere}", ExitCode.NO_INPUT
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise PermanentError(
            f"{FIELD}: the Hugging Face hub has no {at} (or it is private: set HF_TOKEN); check the name, "
            f"{elsewhere}",
            ExitCode.NO_INPUT,
        ) from error
    except OfflineModeIsEnabled as error:
        raise PermanentError(
            f"{FIELD}: {base} is no folder here, so it is of the Hugging Face hub, and HF_HUB_OFFLINE "
            f"forbids to ask; unset it, {elsewhere}",
            ExitCode.CONFIGURATION,
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _unreachable(base, at, elsewhere, error) from error
    except Exception as error:
        # The HTTP client raises errors of its own, and which client the hub library uses changes.
        if not type(error).__module__.startswith(("httpx", "httpcore")):
            raise
        raise _unreachable(base, at, elsewhere, error) from error
    return folder, folder.name


def _unreachable(base: str, at: str, elsewhere: str, error: Exception) -> RetryableError:
    return RetryableError(
        f"{FIELD}: {base} is no folder here, and the Hugging Face hub cannot be reached for {at} "
        f"({_first_line(error)}); check the network and HF_ENDPOINT, {elsewhere}"
    )


def _convert_pickled(source: ModelFolder, target: Path, base: str, log: Log) -> None:
    """Write the tensors of `.bin` files as one safetensors file; pickled code is never run."""
    files = [source.path / name for name in source.names(("pytorch_model*.bin",))]
    if not files:
        raise PermanentError(
            f"{FIELD}: {base} has no weights (model.safetensors or pytorch_model.bin); "
            "for a model from nothing write spec.model.config",
            ExitCode.NO_INPUT,
        )
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            # Unpickling raises what it likes; each means that the file is no plain set of tensors.
            raise PermanentError(
                f"{FIELD}: {path.name} is no set of tensors (it is read with weights_only): "
                f"{_first_line(error)}"
            ) from error
        if not isinstance(content, dict):
            raise PermanentError(
                f"{FIELD}: {path.name} holds a {type(content).__name__}, not tensors by name"
            )
        # Tied weights share memory, which safetensors refuses: each gets its own.
        tensors |= {
            str(name): value.detach().clone().contiguous()
            for name, value in content.items()
            if isinstance(value, torch.Tensor)
        }
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    log(f"{', '.join(path.name for path in files)} read with weights_only and written as model.safetensors")


def _complete_tokenizer(target: Path, base: str, log: Log) -> None:
    if (target / TOKENIZER).is_file():
        return
    if not (target / "vocab.txt").is_file():
        raise PermanentError(
            f"{FIELD}: {base} has neither tokenizer.json nor vocab.txt; save it with a fast tokenizer "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(...))",
            ExitCode.NO_INPUT,
        )
    path = target / "tokenizer_config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    # BERT's own default, which a vocabulary with capitals contradicts.
    vocabulary = read_vocabulary(target / "vocab.txt")
    lowercase = not any(
        entry.isascii() and entry.isalpha() and entry != entry.lower() for entry in vocabulary
    )
    write_tokenizer(target, vocabulary, {"do_lower_case": lowercase, **config})
    log(f"tokenizer.json made from vocab.txt ({len(vocabulary)} entries)")


def _check_lengths(checkpoint: Checkpoint, target: Path, max_length: int) -> None:
    longest = checkpoint.longest_window
    if longest is not None and max_length > longest:
        raise PermanentError(
            f"spec.model.maxLength is {max_length}, the base has positions for {longest}; write at most that",
            ExitCode.USAGE,
        )
    size = checkpoint.config.get("vocab_size")
    tokenizer = ModelFolder(target).tokenizer()
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    if isinstance(size, int) and largest >= size:
        raise PermanentError(
            f"{FIELD}: its tokenizer has ids up to {largest}, its config a vocabulary of {size}: they do not "
            "belong together"
        )


def _identity(folder: Path) -> str:
    return canonical_digest([(name, sha256_of(path)) for name, path in files_under(folder)])


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
