"""Paths in a document, and the models that describe them.

Validation and the CRD generator walk the models by camelCase names. Only this
module knows how pydantic annotates an optional field, a list or a map.
"""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ner_operator.api.base import ApiModel

Path = tuple[str | int, ...]
"""camelCase names and list positions, from the root of the document."""


def field_named(model: type[ApiModel], name: str) -> FieldInfo | None:
    """The field with this camelCase name."""
    for python_name, field in model.model_fields.items():
        if name == (field.alias or python_name):
            return field
    return None


def names_of(model: type[ApiModel]) -> list[str]:
    """The camelCase names of all fields, in order."""
    return [field.alias or name for name, field in model.model_fields.items()]


def child_model(model: type[ApiModel], name: str) -> type[ApiModel] | None:
    """The model of a field's value, or of its items; None for plain values and maps."""
    field = field_named(model, name)
    return None if field is None else _model_in(field.annotation)


def is_list(field: FieldInfo) -> bool:
    """Whether the field holds a list."""
    return _has_origin(field.annotation, tuple)


def _model_in(annotation: Any) -> type[ApiModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return annotation
    if get_origin(annotation) in (Annotated, Union, UnionType, tuple):
        found = (_model_in(argument) for argument in get_args(annotation))
        return next((model for model in found if model is not None), None)
    return None


def _has_origin(annotation: Any, wanted: type) -> bool:
    if get_origin(annotation) is wanted:
        return True
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return any(_has_origin(argument, wanted) for argument in get_args(annotation))
    return False


def kubectl_path(path: Path) -> str:
    """The path as kubectl writes it: spec.variants[0].name."""
    text = ""
    for step in path:
        if isinstance(step, int) or "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
