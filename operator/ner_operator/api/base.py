"""What every model of the kinds has in common: names, strictness, and obeying the rules.

The models are as strict as the API server: no coercion ("3" is no integer),
no unknown field, and the rules across fields (`rule.py`) see exactly what
CEL sees: the fields that were written, under their names on the wire, without
any default.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel, to_snake
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from ner_operator.api.rule import Rule, broken

RULE_ERROR = "rule"
"""The pydantic error type of a rule across fields."""

Item = TypeVar("Item")

Items = Annotated[tuple[Item, ...], Field(strict=False)]
"""A list on the wire, a tuple here; the container alone is lenient."""

LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"


@dataclass(frozen=True, slots=True)
class Repetition:
    """An item that stands in a list a second time.

    Attributes:
        field: of the list, on the wire.
        index: of the later item.
        message: what it repeats, and what to write.
    """

    field: str
    index: int
    message: str


SET: JsonDict = {LIST_TYPE: "set"}
"""For a list whose items may not repeat; the server refuses duplicates by itself."""


def map_by(key: str) -> JsonDict:
    """For a list of objects of which no two have the same `key`."""
    return {LIST_TYPE: "map", LIST_MAP_KEYS: [key]}


class ApiModel(BaseModel):
    """A part of a kind: camelCase on the wire, strict, frozen, no unknown fields.

    Attributes:
        rules: across this object's fields; they stand in the CRD as CEL.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """A field without a value is pruned, as the server does it."""
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value

    @model_validator(mode="after")
    def _obeys_rules(self) -> Self:
        """Raise the messages of all broken rules and of all repeated items as one error."""
        if not self.rules and not self._has_repetitions():
            return self
        written = self.written()
        messages = [rule.message for rule in broken(self.rules, written)]
        for name, key in self.unique_lists().items():
            messages += [repetition.message for repetition in repetitions(name, key, written.get(name, ()))]
        if messages:
            raise PydanticCustomError(RULE_ERROR, "{messages}", {"messages": "; ".join(messages)})
        return self

    def written(self) -> dict[str, Any]:
        """What was written, as on the wire: no defaults, camelCase, JSON values."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    def _has_repetitions(self) -> bool:
        """Whether an item stands twice in a list that has each once; quick, since it is asked of all."""
        return any(
            len({getattr(item, key) if key else item for item in items}) < len(items)
            for name, key in _unique_fields(type(self))
            if (items := getattr(self, name))
        )

    @classmethod
    def unique_lists(cls) -> dict[str, str | None]:
        """The lists of this object whose items may not repeat: the items' key, or None for plain items."""
        lists: dict[str, str | None] = {}
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and LIST_TYPE in extra:
                keys = extra.get(LIST_MAP_KEYS)
                lists[field.alias or name] = str(keys[0]) if isinstance(keys, list) else None
        return lists


@functools.cache
def _unique_fields(model: type[ApiModel]) -> tuple[tuple[str, str | None], ...]:
    """The lists whose items may not repeat, and what tells the items apart, by their names in Python."""
    fields = {field.alias or name: name for name, field in model.model_fields.items()}
    return tuple((fields[name], to_snake(key) if key else None) for name, key in model.unique_lists().items())


def repetitions(field: str, key: str | None, items: Sequence[Any]) -> list[Repetition]:
    """The items of a list that repeat an earlier one.

    Args:
        field: name of the list, for the message.
        key: what tells the items apart, or None where they are plain values.
        items: as written; what has no key is passed over.
    """
    seen: dict[object, int] = {}
    found: list[Repetition] = []
    for index, item in enumerate(items):
        value = item.get(key) if key is not None and isinstance(item, dict) else item
        if not isinstance(value, str):
            continue
        if value in seen:
            what = f"{key} {value!r}" if key else repr(value)
            message = f"{what} stands at {field}[{seen[value]}] already: each item stands once"
            found.append(Repetition(field, index, message))
        else:
            seen[value] = index
    return found
