"""How many candidates has this test snapshot judged?

A test set that has chosen among many candidates is no longer fresh: the best
of fifty looks better than it is. Nothing forbids it, so the report states the
number. It is counted from the evaluations in the store.
"""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from ner_jobs.store.protocol import Store
from ner_jobs.task import Manifest, Stage


def count_candidates(store: Store, test: str, keys: Iterable[str]) -> int:
    """Number of evaluations of a test snapshot.

    Args:
        store: where artifacts are.
        test: digest of the snapshot.
        keys: of evaluations that count although their manifest may not be written yet.
    """
    return len({*_evaluations_on(store, test), *keys})


def _evaluations_on(store: Store, test: str) -> Iterator[str]:
    for stored in store.list(f"{Stage.EVALUATE}/"):
        if stored.key.count("/") != 2 or not stored.key.endswith("/manifest.json"):
            continue
        found = store.get(stored.key)
        if found is None:
            continue
        try:
            manifest = Manifest.model_validate_json(found[0])
        except ValidationError:
            continue  # Of another version, or damaged; the stage that reads this artifact reports it.
        if "data" in manifest.inputs and manifest.inputs["data"].digest == test:
            yield manifest.key
