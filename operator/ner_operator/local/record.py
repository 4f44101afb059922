"""The plan's record: `<storage>/plans/<namespace>/<name>.json`.

It holds two things that no artifact can hold: the ingredients of each step's
last key, so that the next plan can say which of them changed, and the tokens
of requested reruns, since they are part of a key. No correctness depends on
it: without the record a plan has other reasons and no rerun tokens.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ner_jobs.store.protocol import Store
from ner_jobs.task import Owner, RetryableError

ATTEMPTS = 8
"""Tries of a read-modify-write. Another run of the same spec writes seldom."""


@dataclass(frozen=True, slots=True)
class Record:
    """The last ingredients and the requested reruns.

    Attributes:
        ingredients: of each step's last result, by the step's name.
        rerun: tokens by stage or step.
        promotion_requested_generation: the pointer's generation when promote was last requested again.
    """

    ingredients: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rerun: Mapping[str, str] = field(default_factory=dict)
    promotion_requested_generation: int | None = None


def record_key(owner: Owner) -> str:
    """The record's key, relative to the storage."""
    return f"plans/{owner.namespace}/{owner.name}.json"


def read_record(store: Store, owner: Owner) -> Record:
    """The record; an empty one if there is none, or it cannot be read."""
    found = store.get(record_key(owner))
    return _parse(found[0]) if found else Record()


def remember(store: Store, owner: Owner, ingredients: Mapping[str, Mapping[str, object]]) -> None:
    """Record the ingredients of finished steps."""
    _change(store, owner, lambda record: replace(record, ingredients={**record.ingredients, **ingredients}))


def request_rerun(store: Store, owner: Owner, tokens: Mapping[str, str], generation: int) -> Record:
    """Record rerun tokens; returns the new record.

    Args:
        store: of the deployment.
        owner: of the record.
        tokens: a new token by stage or step, so that the step gets a key that never was.
        generation: the pointer's generation now, for promote.
    """

    def change(record: Record) -> Record:
        requested = generation if "promote" in tokens else record.promotion_requested_generation
        return replace(record, rerun={**record.rerun, **tokens}, promotion_requested_generation=requested)

    return _change(store, owner, change)


def _change(store: Store, owner: Owner, change: Callable[[Record], Record]) -> Record:
    key = record_key(owner)
    for _ in range(ATTEMPTS):
        found = store.get(key)
        former = _parse(found[0]) if found else Record()
        changed = change(former)
        if found and changed == former:
            return former
        data = _bytes(changed)
        if store.replace(key, data, found[1]) if found else store.create(key, data):
            return changed
    raise RetryableError(f"{store.uri}/{key} is written by others all the time; run it again")


def _bytes(record: Record) -> bytes:
    body: dict[str, Any] = {
        "format": 1,
        "ingredients": dict(record.ingredients),
        "rerun": dict(record.rerun),
        "promotionRequestedGeneration": record.promotion_requested_generation,
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _parse(data: bytes) -> Record:
    try:
        body = json.loads(data)
        return Record(body["ingredients"], body["rerun"], body.get("promotionRequestedGeneration"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Record()
