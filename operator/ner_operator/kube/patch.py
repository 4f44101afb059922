"""JSON merge patches: write only what changes."""

from collections.abc import Mapping
from typing import Any

from ner_operator.kube.objects import Json


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """The JSON merge patch (RFC 7386) that turns `before` into `after`; empty if they are equal.

    Lists are replaced as a whole. A null in `after` removes the field: a merge patch cannot set a null.
    """
    patch: Json = {name: None for name in before if after.get(name) is None}
    for name, value in after.items():
        former = before.get(name)
        if value is None or former == value:
            continue
        if isinstance(former, dict) and isinstance(value, dict):
            patch[name] = merge_patch(former, value)
        else:
            patch[name] = value
    return patch
