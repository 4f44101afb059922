"""A model folder: the one place that reads and writes its small files.

Every stage hands on a Hugging Face folder. `finetune` and `export` add
`nerd.json`, which says how the model reads text; `compile` adds `variant.json`,
which says what was compiled. Opening a folder imports neither torch nor
transformers, because inference opens one in every process.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from tokenizers import Tokenizer

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import Decoding, Segmentation

CONFIG = "config.json"
FACTS = "nerd.json"
TOKENIZER = "tokenizer.json"
VARIANT = "variant.json"
WEIGHTS = "model.safetensors"

TOKENIZER_FILES = (
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
"""Patterns of all files that transformers may need to load the tokenizer."""

SMALL_FILES = (CONFIG, *TOKENIZER_FILES)
"""Patterns of a model's files besides its weights and graphs."""

SAFE_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
PICKLED_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")

REMEDIES = {
    CONFIG: "name the folder of a Hugging Face model",
    TOKENIZER: (
        "save the model with a fast tokenizer (AutoTokenizer.from_pretrained(...).save_pretrained(...))"
    ),
    FACTS: "name a folder that finetune, export or compile wrote",
    VARIANT: "name a folder that compile wrote",
}


class _JsonFile(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class ModelFacts(_JsonFile):
    """`nerd.json`: how the model reads text, and how its logits become tags.

    Attributes:
        labels: IOB2 names in the order of the logits.
        max_length: sub-tokens in a window, specials included.
    """

    labels: tuple[str, ...]
    segmentation: Segmentation
    decoding: Decoding
    max_length: int


class Variant(_JsonFile):
    """`variant.json`: what compile made.

    Attributes:
        backend: opens the folder.
        precision: what was compiled; differs from `requested` if a fallback was taken.
        recipe: that compiled it.
        effective_precision: read back from the engine.
        int8_share: of the weights, which part is multiplied in int8, in 0..1; None if it is not int8.
        isa: of the machine that compiled it.
        required_features: of the processor that runs it; names in `host.CPU_FEATURES`.
    """

    backend: str
    precision: str
    requested: str = ""
    recipe: str = ""
    effective_precision: str = ""
    int8_share: float | None = None
    isa: str = ""
    required_features: tuple[str, ...] = ()


FileT = TypeVar("FileT", bound=_JsonFile)


@dataclass(frozen=True)
class ModelFolder:
    """The model folder at `path`. Each JSON file is read when it is asked for, and once.

    Raises:
        PermanentError: from every read, if the file is missing or invalid.
    """

    path: Path

    @property
    def has_facts(self) -> bool:
        """Whether a stage wrote the folder. A base model has no `nerd.json`."""
        return (self.path / FACTS).is_file()

    @cached_property
    def facts(self) -> ModelFacts:
        """`nerd.json`."""
        return self._read(FACTS, ModelFacts)

    @cached_property
    def variant(self) -> Variant:
        """`variant.json`."""
        return self._read(VARIANT, Variant)

    @cached_property
    def config(self) -> dict[str, Any]:
        """`config.json`."""
        return self._read_object(CONFIG)

    @property
    def labels(self) -> tuple[str, ...]:
        """IOB2 names in the order of the logits, from `nerd.json`."""
        return self.facts.labels

    @property
    def padding(self) -> int:
        """Id of the padding sub-token."""
        return int(self.config.get("pad_token_id") or 0)

    def tokenizer(self) -> Tokenizer:
        """Open `tokenizer.json`, without padding and truncation; special tokens in a text are text."""
        path = self._existing(TOKENIZER)
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            # The library raises bare Exception for every fault of the file.
            raise PermanentError(f"{path} cannot be read: {error}; {REMEDIES[TOKENIZER]}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        return tokenizer

    def encoder(self, max_length: int, segmentation: Segmentation) -> Encoder:
        """Build an encoder with this folder's tokenizer; see `Encoder` and `tokenizer`."""
        return Encoder(self.tokenizer(), max_length, segmentation)

    def names(self, patterns: Sequence[str]) -> list[str]:
        """Sorted names of the folder's own files that match a pattern."""
        return sorted(
            path.name for path in self.path.iterdir() if path.is_file() and matches(path.name, patterns)
        )

    def copy_to(self, target: Path, patterns: Sequence[str] = SMALL_FILES) -> None:
        """Copy the files that match a pattern, byte for byte."""
        for name in self.names(patterns):
            shutil.copyfile(self.path / name, target / name)

    def write(self, facts: ModelFacts, variant: Variant | None = None) -> None:
        """Write `nerd.json`, and `variant.json` of a compiled model."""
        _write(self.path / FACTS, facts)
        if variant is not None:
            _write(self.path / VARIANT, variant)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write `config.json`, sorted by name."""
        text = json.dumps(config, ensure_ascii=False, indent=1, sort_keys=True)
        (self.path / CONFIG).write_text(text + "\n", encoding="utf-8")

    def _read(self, name: str, kind: type[FileT]) -> FileT:
        content = self._read_object(name)
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            raise PermanentError(f"{self.path / name} is invalid: {error}; {REMEDIES[name]}") from error

    def _read_object(self, name: str) -> dict[str, Any]:
        path = self._existing(name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise PermanentError(f"{path} is not JSON: {error}; {REMEDIES[name]}") from error
        if not isinstance(content, dict):
            raise PermanentError(f"{path} is not a JSON object; {REMEDIES[name]}")
        return content

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise PermanentError(f"{self.path} has no {name}; {REMEDIES[name]}", ExitCode.NO_INPUT)
        return path


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a relative path is a file of the folder itself and matches a pattern."""
    return "/" not in name and any(fnmatch(name, pattern) for pattern in patterns)


def _write(path: Path, content: _JsonFile) -> None:
    text = json.dumps(content.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
