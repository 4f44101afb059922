"""The plan's record: `<storage>/plans/<namespace>/<name>.json`.

Two things that no artifact can hold. The ingredients of each step's last key,
so that the next plan can say which of them changed; and the tokens of people
who asked for a step again, since a key that holds a token must be found again
by whoever runs next. Correctness never rests on it: without the record a plan
is the same but for its reasons, and reruns that were asked for are forgotten.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ner_jobs.store.protocol import Store
from ner_jobs.task import Owner, RetryableError

ATTEMPTS = 8
"""Tries of a read-modify-write: another run of the same spec writes seldom."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was last seen and asked.

    Attributes:
        ingredients: of each step's last result, by the step's name.
        rerun: tokens by stage or step.
        promotion_requested_generation: the pointer's generation when promote was last asked for again.
    """

    ingredients: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rerun: Mapping[str, str] = field(default_factory=dict)
    promotion_requested_generation: int | None = None


def record_key(owner: Owner) -> str:
    """Where the record of this deployment is, relative to its storage."""
    return f"plans/{owner.namespace}/{owner.name}.json"


def read_record(store: Store, owner: Owner) -> Record:
    """The record, or an empty one where there is none that can be read."""
    found = store.get(record_key(owner))
    return _parse(found[0]) if found else Record()


def remember(store: Store, owner: Owner, ingredients: Mapping[str, Mapping[str, object]]) -> None:
    """Keep the ingredients of steps that have just been seen to be over."""
    _change(store, owner, lambda record: replace(record, ingredients={**record.ingredients, **ingredients}))


def ask_again(store: Store, owner: Owner, tokens: Mapping[str, str], generation: int) -> Record:
    """Keep new tokens, by stage or step; returns the record as it is then.

    Args:
        store: that of the deployment.
        owner: the deployment.
        tokens: a new one each, so that the step's key is one that never was.
        generation: of the pointer now, for promote.
    """

    def change(record: Record) -> Record:
        asked = generation if "promote" in tokens else record.promotion_requested_generation
        return replace(record, rerun={**record.rerun, **tokens}, promotion_requested_generation=asked)

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
    raise RetryableError(f"{store.uri}/{key} is being written by others again and again; run it once more")


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
