"""Find the garbage of a store and remove it: the only part that deletes.

The store is listed first, and only listed objects are deleted. So an object
that is created while the collector asks what is in use is safe.

Manifests are deleted first. A process that reads the key afterwards computes
it again; a process that read it before has written the key into a status or a
pointer by now. So the collector asks a second time what is in use, restores
the manifests of keys that are in use again, and only then deletes files. If it
is killed, the next run finds the rest.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pydantic import ValidationError

from ner_jobs.garbage.decision import Decision, Link, decide, evaluations_on_same_tests, link_of, reach
from ner_jobs.garbage.inventory import Address, Entry, inventory
from ner_jobs.store.artifacts import manifest_key, read_manifest
from ner_jobs.store.probing import PROBE_FOLDER
from ner_jobs.store.protocol import Store, StoredObject
from ner_jobs.task import Manifest, PermanentError, RetryableError, Stage

AT_ONCE = 8
"""Manifests read and objects deleted in parallel: on S3 each is a round trip."""

InUse = Callable[[], frozenset[str]]
"""Asks for the keys in use; raises if the answer would be incomplete."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store at one moment, and what of it is garbage.

    Attributes:
        entries: all that were listed.
        keys: in use then.
    """

    entries: Mapping[Address, Entry]
    keys: frozenset[str]
    decision: Decision


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted.

    Attributes:
        entries: deleted.
        leftovers: number of objects deleted in entries that are kept.
        kept: entries that came into use, or were written to, after the snapshot.
    """

    entries: tuple[Entry, ...]
    leftovers: int
    kept: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes of the deleted entries."""
        return sum(entry.size for entry in self.entries)


def find_garbage(store: Store, in_use: InUse, grace: float) -> Snapshot:
    """Find what is garbage; deletes nothing.

    Args:
        store: to list.
        in_use: called only if there are artifacts.
        grace: seconds.

    Raises:
        StageError: what is in use is not known, or a manifest in use cannot be read.
    """
    entries = inventory(item for stage in Stage for item in store.list(f"{stage}/"))
    if not entries:
        return Snapshot({}, frozenset(), decide({}, {}, 0.0, grace))
    keys = in_use()
    reached = _Manifests(store).reached(keys, entries)
    return Snapshot(entries, keys, decide(entries, reached, _now(store), grace))


def remove(store: Store, snapshot: Snapshot, in_use: InUse) -> Removed:
    """Remove what was garbage in a snapshot and still is.

    Raises:
        StageError: the store does not answer, or what is in use is not known any more; the manifests that
            were deleted until then are restored.
    """
    manifests = _Manifests(store)
    dead = snapshot.decision.dead
    try:
        for entry in dead:
            manifests.withdraw(entry)
        reached = manifests.reached(snapshot.keys | in_use(), snapshot.entries)
    except BaseException:
        manifests.restore(manifests.withdrawn)
        raise
    manifests.restore(manifests.withdrawn.keys() & reached.keys())
    gone = {entry for entry in dead if entry.address not in reached and _remove_files(store, entry)}
    _delete(store, snapshot.decision.leftovers)
    return Removed(
        entries=tuple(entry for entry in dead if entry in gone),
        leftovers=len(snapshot.decision.leftovers),
        kept=tuple(entry for entry in dead if entry not in gone),
    )


@dataclass(slots=True)
class _Manifests:
    """The manifests of a store, including those that were just deleted from it.

    Attributes:
        withdrawn: bytes of the deleted ones, by address.
    """

    store: Store
    withdrawn: dict[Address, bytes] = field(default_factory=dict)

    def reached(self, keys: frozenset[str], entries: Mapping[Address, Entry]) -> dict[Address, Link | None]:
        """What these keys lead to, and the evaluations that are kept for the count."""
        reached = reach(keys, entries, self._links)
        return reached | evaluations_on_same_tests(reached, entries, self._readable_links)

    def withdraw(self, entry: Entry) -> None:
        """Delete a manifest, so that no process starts to use its artifact."""
        if entry.manifest and (found := self.store.get(entry.manifest.key)):
            self.withdrawn[entry.address] = found[0]
            self.store.delete(entry.manifest.key)

    def restore(self, addresses: Iterable[Address]) -> None:
        """Write manifests again; a result that was computed meanwhile is kept."""
        for address in addresses:
            self.store.create(manifest_key(*address), self.withdrawn[address])

    def _links(self, addresses: Iterable[Address]) -> Mapping[Address, Link | None]:
        return self._mapped(self._link, addresses)

    def _readable_links(self, addresses: Iterable[Address]) -> Mapping[Address, Link | None]:
        return self._mapped(self._readable_link, addresses)

    def _mapped(
        self, link: Callable[[Address], Link | None], addresses: Iterable[Address]
    ) -> Mapping[Address, Link | None]:
        wanted = list(addresses)
        with ThreadPoolExecutor(AT_ONCE) as readers:
            return dict(zip(wanted, readers.map(link, wanted), strict=True))

    def _link(self, address: Address) -> Link | None:
        if data := self.withdrawn.get(address):
            return link_of(Manifest.model_validate_json(data))
        found = read_manifest(self.store, *address)
        return link_of(found[0]) if found else None

    def _readable_link(self, address: Address) -> Link | None:
        with contextlib.suppress(PermanentError, ValidationError):
            return self._link(address)
        return None  # Of another version, or damaged: it is not counted.


def _remove_files(store: Store, entry: Entry) -> bool:
    """Delete an entry's listed files; False if the key was written to since."""
    listed = {item.key: item for item in entry.objects}
    if any(_is_new(item, listed) for item in store.list(entry.prefix)):
        return False
    store.forget_unfinished(entry.prefix)
    _delete(store, entry.others)
    return True


def _delete(store: Store, objects: Iterable[StoredObject]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as deletions:
        list(deletions.map(store.delete, (item.key for item in objects)))


def _is_new(item: StoredObject, listed: Mapping[str, StoredObject]) -> bool:
    return item.key not in listed or item.modified > listed[item.key].modified


def _now(store: Store) -> float:
    """The time of the store's clock, which dates its objects."""
    key = f"{PROBE_FOLDER}/{secrets.token_hex(16)}"
    store.put(key, b"what time is it?")
    try:
        dated = next((item.modified for item in store.list(key)), None)
    finally:
        store.delete(key)
    if dated is None:
        raise RetryableError(f"{store.uri} does not list an object that was just written; nothing is removed")
    return dated
