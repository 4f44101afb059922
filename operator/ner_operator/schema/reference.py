"""Generates docs/reference.md from the models; `--check` fails if it differs.

A kind is one table of its fields, in their order, each object before its own
fields. Below are the rules across fields, with the message that `nerd
validate` and the API server give. Types, defaults and bounds come from the
same schema as the CRDs. If a kind has several versions, the page shows the
stored one.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import PydanticUndefined

from ner_operator.api.base import LIST_MAP_KEYS, LIST_TYPE, ApiModel
from ner_operator.api.field_types import PATTERN_DESCRIPTIONS
from ner_operator.api.kind import Kind
from ner_operator.api.v1alpha1.rules import BUILTIN_PRECISIONS
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.schema.generated import write_or_check
from ner_operator.schema.json_schema import Schema, flat, one_line
from ner_operator.schema.kinds import KINDS
from ner_operator.schema.paths import child_model, field_named, is_list

PAGE = Path("docs/reference.md")

HEADER = f"""<!-- Generated from ner_operator/api by `python -m ner_operator.schema.reference --write`.
     Change the models, not this page. -->
# Reference: every field

The kinds of `{KINDS[0].stored.api_version}`. `[]` is an item of a list. A field whose default is *required*
must be written. A field without a default may be left out; its description says what happens then. Defaults
are applied when the spec is read and are never written into it. `nerd validate` checks a file against all of
this. How to use the fields: [data-formats](data-formats.md), [runtimes-and-int8](runtimes-and-int8.md),
[gates-and-rollouts](gates-and-rollouts.md) and [storage](storage.md).
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One field, as the table shows it.

    Attributes:
        path: dotted, as for `kubectl explain`, with `[]` for the items of a list.
        default: as YAML writes it; `required` if the field must be written; empty if the description says
            what absence means.
        bounds: constraints of the value besides its type.
    """

    path: str
    type: str
    default: str
    bounds: str
    description: str


def rendered() -> str:
    """The text of the page."""
    return "\n".join([HEADER, *(_section(kind) for kind in KINDS), _builtin_runtimes()])


def rows(model: type[ApiModel], path: str = "") -> Iterator[Row]:
    """Every field of an object and of the objects below it, each object before its own fields.

    Args:
        model: of the object.
        path: of the object; empty for the top of a kind.
    """
    generated = model.model_json_schema(by_alias=True, mode="validation")
    definitions = generated.get("$defs", {})
    required = set(generated.get("required", ()))
    for name, written in generated["properties"].items():
        if not path and name in ("apiVersion", "kind", "metadata", "status"):
            continue
        field = field_named(model, name)
        assert field is not None
        here = f"{path}.{name}" if path else name
        schema = flat(written, definitions)
        child = child_model(model, name)
        yield Row(
            here,
            _type(schema, definitions, child),
            "required" if name in required else _default(field.get_default(call_default_factory=True)),
            _bounds(schema, definitions, child),
            one_line(str(written.get("description") or schema.get("description", ""))),
        )
        if child is not None:
            yield from rows(child, here + "[]" * is_list(field))


def rules(model: type[ApiModel], path: str = "") -> Iterator[tuple[str, str]]:
    """(path, message) of each rule of an object and of the objects below it."""
    for rule in model.rules:
        where = ".".join(part for part in (path, rule.field) if part)
        yield where or "the object", rule.message
    for name in (field.alias or name for name, field in model.model_fields.items()):
        child, field = child_model(model, name), field_named(model, name)
        if child is not None and field is not None and (path or name not in ("metadata", "status")):
            here = f"{path}.{name}" if path else name
            yield from rules(child, here + "[]" * is_list(field))


def _section(kind: Kind) -> str:
    scope = "in a namespace" if kind.scope == "Namespaced" else "one for the whole cluster"
    lines = [
        f"## {kind.name}",
        "",
        f"{one_line(kind.stored.model.__doc__ or '')} Short name `{kind.short}`; {scope}.",
    ]
    lines += ["", "| field | type | default | bounds | description |", "|---|---|---|---|---|"]
    for row in rows(kind.stored.model):
        default = f"*{row.default}*" if row.default == "required" else row.default and f"`{row.default}`"
        cells = (f"`{row.path}`", row.type, default, row.bounds, row.description)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    lines += ["", f"### Rules across fields of {kind.name}", "", "| field | what to write |", "|---|---|"]
    # Data sets occur at several paths, with the same rules.
    places: dict[str, list[str]] = {}
    for path, message in rules(kind.stored.model):
        places.setdefault(message, []).append(f"`{path}`")
    lines += [f"| {', '.join(paths)} | {_cell(message)} |" for message, paths in places.items()]
    return "\n".join([*lines, ""])


def _builtin_runtimes() -> str:
    lines = ["## Built-in runtimes", "", "| name | backend | precisions |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {runtime.backend} | {', '.join(BUILTIN_PRECISIONS[name])} |"
        for name, runtime in BUILTIN_RUNTIMES.items()
    ]
    return "\n".join([*lines, ""])


def _type(schema: Schema, definitions: Mapping[str, Schema], child: type[ApiModel] | None) -> str:
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(flat(schema['items'], definitions), definitions, child)}"
    if kind == "object" and child is None:
        values = schema.get("additionalProperties")
        if not isinstance(values, dict):
            return "map"
        return f"map to {_type(flat(values, definitions), definitions, None)}"
    if "x-kubernetes-int-or-string" in schema:
        return "quantity"
    return str(kind) or "integer"


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or isinstance(value, ApiModel) or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: int | float) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else f"{value:.0f}"


def _bounds(schema: Schema, definitions: Mapping[str, Schema], child: type[ApiModel] | None) -> str:
    """The constraints of a value as text; for a list first its own, then those of its items."""
    found: list[str] = []
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        found.append(", ".join(f"`{choice}`" for choice in choices))
    found += [
        f"{sign} {_number(schema[name])}"
        for name, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if name in schema
    ]
    if "pattern" in schema:
        found.append(PATTERN_DESCRIPTIONS[schema["pattern"]])
    if "maxLength" in schema:
        found.append(_between(schema.get("minLength", 0), schema["maxLength"], "characters"))
    if schema.get("type") == "array":
        found.append(_between(schema.get("minItems", 0), schema.get("maxItems"), "items"))
        if schema.get(LIST_TYPE) == "map":
            found.append(f"no two with the same {schema[LIST_MAP_KEYS][0]}")
        elif schema.get(LIST_TYPE) == "set":
            found.append("no item twice")
        if child is None and (of_items := _bounds(flat(schema["items"], definitions), definitions, None)):
            found.append(f"each: {of_items}")
    if "maxProperties" in schema:
        found.append(f"at most {schema['maxProperties']} keys")
        values = schema.get("additionalProperties")
        if isinstance(values, dict) and (of_values := _bounds(flat(values, definitions), definitions, None)):
            found.append(f"each: {of_values}")
    return "; ".join(found)


def _between(least: int, most: int | None, of: str) -> str:
    if most is None:
        return f"at least {least} {of}"
    if least == most:
        return f"{most} {of}"
    return f"{least} to {most} {of}" if least else f"at most {most} {of}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `--check` (exit 1 on a difference) or `--write`."""
    return write_or_check("ner_operator.schema.reference", {PAGE: rendered()}, arguments)


if __name__ == "__main__":
    sys.exit(main())
