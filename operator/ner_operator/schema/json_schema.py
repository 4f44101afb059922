"""Pydantic's JSON schema, read one field at a time: the CRDs and the reference page are both made from it."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def flat(schema: Mapping[str, Any], definitions: Mapping[str, Schema], path: str = "") -> Schema:
    """A field's schema without $ref, and without the anyOf of an optional field.

    What the field says itself (its description) wins over the definition that it refers to.

    Args:
        definitions: `$defs` of the schema that the field is from.
        path: of the field, for the message.

    Raises:
        ValueError: the field has a choice of several types.
    """
    own = {name: value for name, value in schema.items() if name not in ("$ref", "anyOf", "title")}
    if "$ref" in schema:
        target = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return flat({**target, **own}, definitions, path)
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"{path}: a structural schema has no anyOf of several types")
        return flat({**choices[0], **own}, definitions, path)
    return own


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())
