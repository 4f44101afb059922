"""Look at a store, and remove what is garbage: the only part that deletes.

The store is listed before anybody is asked what lives: what comes to be in
between is in no list of ours, and only what was listed is ever deleted.

Manifests go first. Whoever looks at a key from then on computes it again;
whoever looked before has said so by now, in a status or a pointer. So life is
asked for once more, what has come back gets its manifest again, and only then
do files go. Killed at any point, the rest is found the next time.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pydantic import ValidationError

from ner_jobs.garbage.decision import Link, Verdict, beside, decide, link_of, reach
from ner_jobs.garbage.inventory import Address, Entry, inventory
from ner_jobs.store.artifacts import manifest_key, read_manifest
from ner_jobs.store.probing import PROBE_FOLDER
from ner_jobs.store.protocol import Store, StoredObject
from ner_jobs.task import Manifest, PermanentError, RetryableError, Stage

AT_ONCE = 8
"""Manifests read, and objects deleted, at once: on S3 each is a round trip."""

Living = Callable[[], frozenset[str]]
"""Asks for the keys that something living names; raises where the answer would not be whole."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at a store.

    Attributes:
        entries: all that was listed.
        keys: that lived then.
    """

    entries: Mapping[Address, Entry]
    keys: frozenset[str]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Removed:
    """What was done.

    Attributes:
        entries: gone whole.
        leftovers: objects gone beside artifacts that stay.
        spared: somebody began to work on them, or to live by them, in between.
    """

    entries: tuple[Entry, ...]
    leftovers: int
    spared: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes of the entries that are gone."""
        return sum(entry.size for entry in self.entries)


def look(store: Store, living: Living, grace: float) -> Seen:
    """Find what is garbage; deletes nothing.

    Args:
        store: to look at.
        living: asked only where there are artifacts.
        grace: seconds.

    Raises:
        StageError: what lives is not known, or a manifest that it leads to cannot be read.
    """
    entries = inventory(item for stage in Stage for item in store.list(f"{stage}/"))
    if not entries:
        return Seen({}, frozenset(), decide({}, {}, 0.0, grace))
    keys = living()
    reached = _Manifests(store).reached(keys, entries)
    return Seen(entries, keys, decide(entries, reached, _now(store), grace))


def remove(store: Store, seen: Seen, living: Living) -> Removed:
    """Remove what a look has found to be garbage, as far as it still is.

    Raises:
        StageError: the store does not answer, or what lives is not known any more; what was withdrawn
            until then has its manifest again.
    """
    manifests = _Manifests(store)
    try:
        for entry in seen.verdict.dead:
            manifests.withdraw(entry)
        reached = manifests.reached(seen.keys | living(), seen.entries)
    except BaseException:
        manifests.restore(manifests.withdrawn)
        raise
    manifests.restore(manifests.withdrawn.keys() & reached.keys())
    dead = seen.verdict.dead
    gone = {entry for entry in dead if entry.address not in reached and _remove_files(store, entry)}
    _delete(store, seen.verdict.leftovers)
    return Removed(
        entries=tuple(entry for entry in dead if entry in gone),
        leftovers=len(seen.verdict.leftovers),
        spared=tuple(entry for entry in dead if entry not in gone),
    )


@dataclass(slots=True)
class _Manifests:
    """The manifests of a store, those included that were just taken out of it.

    Attributes:
        withdrawn: bytes of the latter, by address.
    """

    store: Store
    withdrawn: dict[Address, bytes] = field(default_factory=dict)

    def reached(self, keys: frozenset[str], entries: Mapping[Address, Entry]) -> dict[Address, Link | None]:
        """What these keys lead to, and what is counted with it."""
        reached = reach(keys, entries, self._links)
        return reached | beside(reached, entries, self._readable_links)

    def withdraw(self, entry: Entry) -> None:
        """Take a manifest out of the store, so that nobody begins to use its artifact."""
        if entry.manifest and (found := self.store.get(entry.manifest.key)):
            self.withdrawn[entry.address] = found[0]
            self.store.delete(entry.manifest.key)

    def restore(self, addresses: Iterable[Address]) -> None:
        """Put manifests back; where somebody has computed the key anew, that result stays."""
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
        return None  # of another version, or damaged: nobody counts it


def _remove_files(store: Store, entry: Entry) -> bool:
    """Remove an entry's files as they were listed; False where somebody has begun to work on the key."""
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
    """The time by the store's own clock, by which its objects are dated."""
    key = f"{PROBE_FOLDER}/{secrets.token_hex(16)}"
    store.put(key, b"what time is it?")
    try:
        dated = next((item.modified for item in store.list(key)), None)
    finally:
        store.delete(key)
    if dated is None:
        raise RetryableError(
            f"{store.uri} does not list what has just been written to it; nothing is removed"
        )
    return dated
