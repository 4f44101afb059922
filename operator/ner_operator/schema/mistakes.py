"""A mistake in a spec, explained: where it is, what was found, what to write.

Pydantic's errors become such messages: there are few kinds of mistakes, and
each has its own next step (quote it, rename it, remove it).
"""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import PATTERN_DESCRIPTIONS
from ner_operator.schema.paths import Path, child_model, field_named, is_list, kubectl_path, names_of
from ner_operator.schema.yaml import Document

MAX_SHOWN = 60
"""Characters of a value that a message shows."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a file.

    Attributes:
        file: as the user named it; `-` is standard input.
        line: 1-based.
        path: as kubectl writes it (`spec.variants[0].name`); empty for the file itself.
        message: what is wrong and what to write.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        """In the form of a compiler message, which editors can follow."""
        return f"{self.file}:{self.line}: {self.path + ': ' if self.path else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in a document, before its file and line are known."""

    path: Path
    message: str


class Explainer:
    """Explains the mistakes of one document."""

    def __init__(self, model: type[ApiModel], document: Document) -> None:
        self._model = model
        self._document = document
        self._explain: Mapping[str, Callable[[Path, ErrorDetails], str]] = {
            "missing": self._missing,
            "extra_forbidden": self._unknown,
            "literal_error": self._choice,
            "string_pattern_mismatch": self._pattern,
            "string_type": self._text,
            "string_too_long": lambda _, e: f"is longer than {e['ctx']['max_length']} characters: shorten it",
            "string_too_short": lambda _, e: _too_short(e["ctx"]["min_length"]),
            "too_long": lambda _, e: f"has too many entries: write at most {e['ctx']['max_length']}",
            "too_short": lambda _, e: "has no entry: write one, or remove it",
            "int_type": lambda path, e: self._as_number(path, e, "a whole number"),
            "float_type": lambda path, e: self._as_number(path, e, "a number"),
            "bool_type": lambda _, e: f"{found(e['input'])} is not a boolean: write true or false, unquoted",
            "tuple_type": lambda _, e: f"{found(e['input'])} is not a list: begin each entry with a dash",
            "dict_type": lambda _, e: f"{found(e['input'])} is not a mapping: write name: value pairs",
            "model_type": self._mapping,
        }

    def explain(self, error: ErrorDetails) -> Finding:
        """Explain one error of pydantic."""
        path: Path = tuple(error["loc"])
        explain = self._explain.get(error["type"])
        if explain is not None:
            return Finding(path, explain(path, error))
        if bounds := _bounds(error):
            return Finding(path, f"{found(error['input'])} is out of bounds: write a number {bounds}")
        return Finding(path, f"{found(error['input'])}: {error['msg']}")

    def empty(self, path: Path) -> str:
        """The warning for a field without a value, which counts as absent."""
        model = self._model_at(path)
        if model is None or self._is_list(path):
            return "has no value and counts as absent: write one, or remove it"
        if required := [name for name, field in _fields(model) if field.is_required()]:
            return f"has no value and counts as absent: write {', '.join(required)} below it, or remove it"
        return "has no value and counts as absent: write {} for all defaults, or remove it"

    def _missing(self, path: Path, error: ErrorDetails) -> str:
        description = self._description(path).rstrip(".")
        return f"is missing: {_lower_first(description)}" if description else "is missing"

    def _unknown(self, path: Path, error: ErrorDetails) -> str:
        name = str(path[-1])
        model = self._model_at(path[:-1])
        siblings = names_of(model) if model else []
        if guess := _closest(name, siblings):
            return f"there is no such field: did you mean {guess}?"
        elsewhere = sorted({kubectl_path(place) for place in _places_named(self._model, name) if place})
        if elsewhere:
            return f"there is no such field here: did you mean {' or '.join(elsewhere[:3])}?"
        return f"there is no such field: {_listed(siblings)}" if siblings else "there is no such field"

    def _choice(self, path: Path, error: ErrorDetails) -> str:
        choices = [choice.strip("'") for choice in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        value = error["input"]
        if isinstance(value, bool) and (text := self._plain_text(path)):
            return f'YAML reads {text} as a boolean: quote it ("{text}"), or write {one_of(choices)}'
        guess = _closest(value, choices) if isinstance(value, str) else None
        if guess:
            return f"{found(value)} is not known: did you mean {guess}? (of {', '.join(choices)})"
        return f"{found(value)} is not known: write {one_of(choices)}"

    def _pattern(self, path: Path, error: ErrorDetails) -> str:
        pattern = error["ctx"]["pattern"]
        wanted = PATTERN_DESCRIPTIONS.get(pattern, f"what matches {pattern}")
        return f"{found(error['input'])} is refused: write {wanted}"

    def _text(self, path: Path, error: ErrorDetails) -> str:
        value = error["input"]
        text = self._plain_text(path)
        if isinstance(value, bool) and text:
            return f'YAML reads {text} as a boolean: quote it, "{text}"'
        if isinstance(value, int | float) and text:
            return f'YAML reads {text} as a number: quote it, "{text}"'
        if value is None:
            return f'is empty: write text, or quote it ("{text or ""}")'
        return f"{found(value)} is not text: write a string"

    def _as_number(self, path: Path, error: ErrorDetails, what: str) -> str:
        value = error["input"]
        if isinstance(value, str) and _is_number(value):
            return f"{found(value)} is text: remove the quotes"
        return f"{found(value)} is not {what}: write {what}, such as {self._example(path)}"

    def _mapping(self, path: Path, error: ErrorDetails) -> str:
        model = self._model_at(path)
        names = names_of(model) if model else []
        return f"{found(error['input'])} is not a mapping: {_listed(names)}"

    def _example(self, path: Path) -> object:
        field = self._field(path)
        if field is not None and isinstance(field.default, int | float):
            return field.default
        return 1

    def _plain_text(self, path: Path) -> str | None:
        place = self._document.places.get(path)
        return place.text if place else None

    def _description(self, path: Path) -> str:
        field = self._field(path)
        return " ".join((field.description or "").split()) if field else ""

    def _field(self, path: Path) -> Any:
        model = self._model_at(path[:-1])
        return field_named(model, str(path[-1])) if model and path else None

    def _is_list(self, path: Path) -> bool:
        field = self._field(path)
        return field is not None and is_list(field)

    def _model_at(self, path: Path) -> type[ApiModel] | None:
        model: type[ApiModel] | None = self._model
        for step in path:
            if isinstance(step, str) and model is not None:
                model = child_model(model, step)
        return model


def found(value: object) -> str:
    """A value as a message shows it: JSON, truncated."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _fields(model: type[ApiModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _places_named(model: type[ApiModel], name: str, path: Path = ()) -> Iterator[Path]:
    """The paths of all fields with this name, without those of status and metadata."""
    for wire, _ in _fields(model):
        if not path and wire in ("status", "metadata"):
            continue
        if wire == name:
            yield (*path, wire)
        child = child_model(model, wire)
        if child is not None:
            yield from _places_named(child, name, (*path, wire))


_SYNONYMS: Mapping[str, str] = {
    "numtrainepochs": "epochs",
    "numepochs": "epochs",
    "lr": "learningRate",
    "perdevicetrainbatchsize": "batchSize",
    "maxgradnorm": "maxGradientNorm",
    "groupbylength": "lengthGrouping",
    "maxseqlength": "maxLength",
    "modelnameorpath": "base",
    "model": "base",
    "url": "uri",
    "path": "uri",
    "dev": "validation",
    "valid": "validation",
    "type": "precision",
    "dtype": "precision",
    "device": "runtime",
    "quantisation": "quantization",
    "bucket": "uri",
    "endpoint": "endpointUrl",
}
"""Names in other tools, in lower case without separators, and our names."""


def _closest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant: another case or separator, another tool's name, or a typo."""
    plain = _plain(name)
    by_plain = {_plain(candidate): candidate for candidate in names}
    if plain in by_plain:
        return by_plain[plain]
    if (synonym := _SYNONYMS.get(plain)) in names:
        return synonym
    close = difflib.get_close_matches(plain, list(by_plain), n=1, cutoff=0.7)
    return by_plain[close[0]] if close else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _bounds(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    return next((f"{phrase} {context[name]:g}" for name, phrase in words.items() if name in context), "")


def _too_short(least: int) -> str:
    return "is empty: write something, or remove it" if least == 1 else f"needs at least {least} characters"


def one_of(choices: Sequence[str]) -> str:
    """The choices as a sentence lists them: `a, b or c`."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _listed(names: Sequence[str]) -> str:
    return f"the fields here are {', '.join(names)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
