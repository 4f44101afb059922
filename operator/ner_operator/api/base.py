"""The base class of all API models: field names, strictness, and rules across fields.

The models are as strict as the API server: no coercion ("3" is not an
integer), no unknown field. Rules across fields (`rule.py`) see what CEL sees:
the fields that were written, under their camelCase names, without defaults.
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
"""A list in YAML, a tuple here. A list is accepted as a tuple; its items are checked strictly."""

LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"


@dataclass(frozen=True, slots=True)
class Repetition:
    """An item that repeats an earlier item of its list.

    Attributes:
        field: camelCase name of the list.
        index: of the later item.
        message: what it repeats, and what to write.
    """

    field: str
    index: int
    message: str


SET: JsonDict = {LIST_TYPE: "set"}
"""For a list without duplicates; the API server refuses duplicates itself."""


def map_by(key: str) -> JsonDict:
    """For a list of objects in which no two have the same `key`."""
    return {LIST_TYPE: "map", LIST_MAP_KEYS: [key]}


class ApiModel(BaseModel):
    """An object of the API: camelCase in YAML, strict, frozen, without unknown fields.

    Attributes:
        rules: across this object's fields; the CRD has them as CEL.
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
        """Remove fields without a value, as the API server does."""
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value

    @model_validator(mode="after")
    def _obeys_rules(self) -> Self:
        """Raise one error with the messages of all broken rules and all repeated items."""
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
        """The fields that were written, as JSON values under camelCase names, without defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    def _has_repetitions(self) -> bool:
        """Whether a list without duplicates has one. It must be fast: every object is checked."""
        return any(
            len({getattr(item, key) if key else item for item in items}) < len(items)
            for name, key in _unique_fields(type(self))
            if (items := getattr(self, name))
        )

    @classmethod
    def unique_lists(cls) -> dict[str, str | None]:
        """The lists without duplicates, each with the key of its items (None for plain values)."""
        lists: dict[str, str | None] = {}
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and LIST_TYPE in extra:
                keys = extra.get(LIST_MAP_KEYS)
                lists[field.alias or name] = str(keys[0]) if isinstance(keys, list) else None
        return lists


@functools.cache
def _unique_fields(model: type[ApiModel]) -> tuple[tuple[str, str | None], ...]:
    """`unique_lists` under Python names."""
    fields = {field.alias or name: name for name, field in model.model_fields.items()}
    return tuple((fields[name], to_snake(key) if key else None) for name, key in model.unique_lists().items())


def repetitions(field: str, key: str | None, items: Sequence[Any]) -> list[Repetition]:
    """The items of a list that repeat an earlier one.

    Args:
        field: name of the list, for the message.
        key: the items' identifying field, or None for plain values.
        items: as written; an item without the key is skipped.
    """
    seen: dict[object, int] = {}
    found: list[Repetition] = []
    for index, item in enumerate(items):
        value = item.get(key) if key is not None and isinstance(item, dict) else item
        if not isinstance(value, str):
            continue
        if value in seen:
            what = f"{key} {value!r}" if key else repr(value)
            message = f"{what} repeats {field}[{seen[value]}]: write each item once"
            found.append(Repetition(field, index, message))
        else:
            seen[value] = index
    return found
