"""How many candidates has this test snapshot judged?

A test set that has chosen among many candidates is no longer a fresh one: the
best of fifty looks better than it is. Nothing forbids it, so the report says
the number. It is counted from the evaluations in the store, by the digest of
the data that they read.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from ner_jobs.store.protocol import Store
from ner_jobs.task import Manifest, Stage

DATA = "data"


def evaluations_of(store: Store, test: str) -> Iterator[Manifest]:
    """Manifests of all evaluations of a test snapshot, in any order.

    Args:
        store: where artifacts are.
        test: digest of the snapshot.
    """
    for stored in store.list(f"{Stage.EVALUATE}/"):
        if stored.key.count("/") != 2 or not stored.key.endswith("/manifest.json"):
            continue
        found = store.get(stored.key)
        if found is None:
            continue
        try:
            manifest = Manifest.model_validate_json(found[0])
        except ValidationError:
            continue  # of another version, or damaged: whoever reads that artifact says so
        if DATA in manifest.inputs and manifest.inputs[DATA].digest == test:
            yield manifest


def count_judged(store: Store, test: str, key: str) -> int:
    """Evaluations of a test snapshot so far, the one with this key included.

    Args:
        store: where artifacts are.
        test: digest of the snapshot.
        key: of the evaluation that asks; its own manifest need not be there yet.
    """
    return len({manifest.key for manifest in evaluations_of(store, test)} | {key})
