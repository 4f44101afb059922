"""The objects of a store, grouped by key. Pure.

Only `<stage>/<key>/…` counts, with a stage and a key of this product. Other
objects in the bucket are ignored.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ner_jobs.store.artifacts import manifest_key
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import Stage

Address = tuple[Stage, str]
"""A stage and a key."""

KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class Entry:
    """All objects of one key.

    Attributes:
        manifest: of its artifact; None if no attempt has finished.
        others: files of attempts, checkpoints, the lease.
    """

    stage: Stage
    key: str
    manifest: StoredObject | None
    others: tuple[StoredObject, ...]

    @property
    def address(self) -> Address:
        """Stage and key."""
        return self.stage, self.key

    @property
    def prefix(self) -> str:
        """The beginning of its objects' names."""
        return f"{self.stage}/{self.key}/"

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """All of them, the manifest first."""
        return (self.manifest, *self.others) if self.manifest else self.others

    @property
    def newest(self) -> float:
        """Time of the last write; a held lease is rewritten every few seconds."""
        return max(item.modified for item in self.objects)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(item.size for item in self.objects)


def inventory(listing: Iterable[StoredObject]) -> dict[Address, Entry]:
    """The entries of a listing; objects that belong to no key are left out."""
    grouped: defaultdict[Address, list[StoredObject]] = defaultdict(list)
    for item in listing:
        stage, _, rest = item.key.partition("/")
        key, slash, _ = rest.partition("/")
        if stage in _STAGES and slash and KEY.fullmatch(key):
            grouped[_STAGES[stage], key].append(item)
    return {address: _entry(address, items) for address, items in grouped.items()}


def _entry(address: Address, items: list[StoredObject]) -> Entry:
    name = manifest_key(*address)
    return Entry(
        stage=address[0],
        key=address[1],
        manifest=next((item for item in items if item.key == name), None),
        others=tuple(item for item in items if item.key != name),
    )
