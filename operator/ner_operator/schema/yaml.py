"""Reads YAML as kubectl does, and keeps the line of every value.

kubectl turns YAML into JSON with sigs.k8s.io/yaml (go-yaml version 2), which
reads plain scalars differently from PyYAML: `2e-4` is a number, `12:30` and
dates are strings, `0o17` and `017` are 15, `3.0` is the integer 3, `NO` and
`on` are booleans. Here PyYAML scans and composes, and the rules of go-yaml
decide the type of a scalar. The line of each path and the text of each scalar
are kept, so that a message can name the line, and say that `NO` was read as a
boolean.

It is stricter than kubectl in one point: a duplicate key is a mistake.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from ner_operator.schema.paths import Path, kubectl_path

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAXIMUM_VALUES = 100_000
"""Maximum values in a document, with aliases expanded; more is an alias bomb."""

_TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_CONSTANTS: Mapping[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}


class YamlError(ValueError):
    """The text is not YAML; nothing after this line can be read.

    Attributes:
        line: 1-based.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Place:
    """The line of a value, and the text of a plain scalar.

    Attributes:
        line: 1-based, of the key or of the list item.
        text: of a plain (unquoted) scalar; None for all other values.
    """

    line: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in well-formed YAML: a duplicate key, or a value that JSON cannot represent."""

    path: Path
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document, as JSON.

    Attributes:
        places: by path.
        problems: of the YAML itself.
    """

    value: Json
    line: int
    places: Mapping[Path, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line_of(self, path: Path) -> int:
        """The line of this path, or of its nearest parent in the text."""
        for length in range(len(path), -1, -1):
            if place := self.places.get(path[:length]):
                return place.line
        return self.line


def read_documents(text: str) -> Iterator[Document]:
    """All non-empty documents of a text.

    Raises:
        YamlError: the text is not YAML from some line on; the documents before it were yielded.
    """
    try:
        composer = _Composer(text)
        while composer.check_node():
            node = composer.get_node()
            if node is None or (isinstance(node, ScalarNode) and node.style is None and not node.value):
                continue
            yield _Reader(node).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"a character that YAML forbids (U+{ord(text[error.position]):04X})", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_sentence(error), mark.line + 1 if mark else 1) from None
    except RecursionError:
        raise YamlError("nested too deeply", 1) from None


def scalar(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar, as go-yaml reads it; NaN and infinities are floats."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        value = _integer(match.group(2)) * (-1 if match.group(1) == "-" else 1)
        if -(2**63) <= value < 2**64 and not (value >= 2**63 and match.group(1)):
            return value
    return _finite(plain) if _FLOAT.fullmatch(plain) else text


def _integer(digits: str) -> int:
    prefix = digits[:2].lower()
    for name, base in (("0x", 16), ("0b", 2), ("0o", 8)):
        if prefix == name:
            return int(digits[2:], base)
    return int(digits, 8 if digits[0] == "0" and len(digits) > 1 else 10)


def _finite(text: str) -> int | float | str:
    value = float(text)
    if math.isinf(value):
        return text
    # Go writes no 3.0 in JSON: a whole number below 1e21 is an integer.
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to its nodes; a plain scalar gets a tag of its own, and `scalar` reads it later."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)

    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        """Resolve nothing by path."""

    def ascend_resolver(self) -> None:
        """Resolve nothing by path."""

    def resolve(self, kind: type[Node], value: str | None, implicit: object) -> str:
        """The tag of a node without one."""
        if kind is ScalarNode:
            plain = isinstance(implicit, tuple) and implicit[0]
            return _TAG + ("plain" if plain else "str")
        return _TAG + ("seq" if kind is SequenceNode else "map")


class _Reader:
    """Turns nodes into JSON values, and collects places and problems."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._places: dict[Path, Place] = {}
        self._problems: list[Problem] = []
        self._open: set[int] = set()
        self._count = 0

    def document(self) -> Document:
        line = _line(self._root)
        value = self._value(self._root, (), line)
        return Document(value, line, self._places, tuple(self._problems))

    def _value(self, node: Node, path: Path, line: int) -> Json:
        self._count += 1
        if self._count > MAXIMUM_VALUES:
            raise YamlError(f"more than {MAXIMUM_VALUES} values in one document; is an alias repeated?", line)
        if id(node) in self._open:
            raise YamlError("an anchor that contains itself", line)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, line)
        self._places[path] = Place(line)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                items: list[Json] = []
                for index, item in enumerate(node.value):
                    items.append(self._value(item, (*path, index), _line(item)))
                return items
            assert isinstance(node, MappingNode)
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: ScalarNode, path: Path, line: int) -> Json:
        tag = node.tag.removeprefix(_TAG)
        plain = tag == "plain"
        self._places[path] = Place(line, node.value if plain else None)
        if tag == "binary":
            try:
                return base64.b64decode(node.value).decode()
            except (binascii.Error, UnicodeDecodeError):
                self._problem(path, line, "!!binary is not base64 of UTF-8 text")
                return str(node.value)
        if tag not in ("plain", "int", "float", "bool", "null"):
            return str(node.value)
        value = scalar(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(
                path, line, f"{node.value} is a number that JSON cannot represent: write a finite one"
            )
            return None
        if not plain and isinstance(value, str):
            self._problem(path, line, f"{node.value!r} does not match its tag !!{tag}")
        return value

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Json]:
        # As in go-yaml a later key overwrites an earlier one, keys from << included.
        value: dict[str, Json] = {}
        written: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            if _is_merge(key_node):
                merged = self._merged(value_node, path, line)
                for key in merged.keys() & written.keys():
                    self._problem(
                        (*path, key), line, f"<< replaces {key} of line {written[key]}: write << first"
                    )
                value |= merged
                continue
            key = self._key(key_node, path, line)
            if key in written:
                self._problem((*path, key), line, f"is in line {written[key]} already: remove one of them")
                continue
            written[key] = line
            value[key] = self._value(value_node, (*path, key), line)
        return value

    def _merged(self, node: Node, path: Path, line: int) -> dict[str, Json]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Json] = {}
        for source in sources:
            if not isinstance(source, MappingNode):
                raise YamlError(
                    f"<< in {kubectl_path(path) or 'the document'} needs a mapping to merge", line
                )
            value = self._value(source, path, line)
            assert isinstance(value, dict)
            for name, item in value.items():
                merged.setdefault(name, item)
        return merged

    def _key(self, node: Node, path: Path, line: int) -> str:
        if not isinstance(node, ScalarNode):
            raise YamlError(f"a key in {kubectl_path(path) or 'the document'} is a list or a mapping", line)
        value = scalar(node.value) if node.tag == _TAG + "plain" else node.value
        if isinstance(value, str):
            return value
        if value is None:
            self._problem(path, line, f"a key is empty ({node.value!r}): write a name, or quote it")
            return str(node.value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _problem(self, path: Path, line: int, message: str) -> None:
        self._problems.append(Problem(path, line, message))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _TAG + "plain" and node.value == "<<"


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    sentence = ": ".join(parts) or "not valid YAML"
    if "\\t" in sentence:
        sentence += "; indent with spaces, YAML allows no tabs"
    elif "<block end>" in sentence:
        sentence += "; check the indentation of this line against those above"
    elif "mapping values are not allowed" in sentence:
        sentence += "; quote a value that contains a colon and a space"
    elif "undefined alias" in sentence:
        sentence += "; quote a value that begins with *"
    return sentence
