"""What is garbage? A function of a listing, of what is in use, and of the time. Pure.

An entry is deleted if nothing in use leads to it and all of it is older than
the grace period. A younger one is kept, because the stage that computes it may
not be in any status yet. In an entry that is kept, the artifact is kept and
everything else under its key is deleted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ner_jobs.garbage.inventory import Address, Entry
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import Manifest, Stage


@dataclass(frozen=True, slots=True)
class Link:
    """What the collector needs of a manifest.

    Attributes:
        inputs: that it was made from.
        test: digest of the test set, if it is an evaluation; else empty.
    """

    attempt: str
    inputs: frozenset[Address]
    test: str = ""


Read = Callable[[Iterable[Address]], Mapping[Address, Link | None]]
"""Links of some addresses; None if there is no manifest."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to delete.

    Attributes:
        dead: entries to delete; results come before their inputs, so that an interruption leaves no
            result without its inputs.
        leftovers: objects to delete in entries that are kept.
        young: entries that are not in use and younger than the grace period.
        reached: number of entries in use.
    """

    dead: tuple[Entry, ...]
    leftovers: tuple[StoredObject, ...]
    young: tuple[Entry, ...]
    reached: int

    @property
    def size(self) -> int:
        """Bytes to delete."""
        return sum(entry.size for entry in self.dead) + sum(item.size for item in self.leftovers)


def link_of(manifest: Manifest) -> Link:
    """The links of a manifest."""
    stages = {stage.value: stage for stage in Stage}
    data = manifest.inputs.get("data")
    return Link(
        attempt=manifest.attempt,
        inputs=frozenset(
            (stages[reference.stage], reference.key)
            for reference in manifest.inputs.values()
            if reference.stage in stages
        ),
        test=data.digest if data and manifest.stage == Stage.EVALUATE else "",
    )


def reach(keys: frozenset[str], entries: Mapping[Address, Entry], read: Read) -> dict[Address, Link | None]:
    """Everything that the keys lead to, through the inputs of manifests.

    Args:
        keys: in use, of any stage.
        entries: of the store.
        read: reads the links of manifests.
    """
    reached: dict[Address, Link | None] = {}
    frontier = {address for address in entries if address[1] in keys}
    while frontier:
        found = read(frontier)
        reached.update(found)
        frontier = {address for link in found.values() if link for address in link.inputs} - reached.keys()
    return reached


def evaluations_on_same_tests(
    reached: Mapping[Address, Link | None], entries: Mapping[Address, Entry], read: Read
) -> dict[Address, Link | None]:
    """Evaluations on a test set of an evaluation in use.

    They are kept because the report counts how many candidates a test set has judged. Their inputs
    may be deleted.
    """
    tests = {link.test for link in reached.values() if link} - {""}
    others = {
        address
        for address, entry in entries.items()
        if address[0] is Stage.EVALUATE and entry.manifest and address not in reached
    }
    found = read(others) if tests else {}
    return {address: link for address, link in found.items() if link and link.test in tests}


def decide(
    entries: Mapping[Address, Entry], reached: Mapping[Address, Link | None], now: float, grace: float
) -> Decision:
    """What to delete and what to keep.

    Args:
        entries: of the store.
        reached: entries in use, with their links.
        now: by the store's clock, as are the entries' times.
        grace: seconds; younger objects are kept.
    """
    old = {address for address, entry in entries.items() if now - entry.newest > grace}
    unreached = entries.keys() - reached.keys()
    return Decision(
        dead=_in_order(entries[address] for address in unreached & old),
        leftovers=tuple(
            item
            for address, link in sorted(reached.items())
            if link and address in old
            for item in _leftovers(entries[address], link)
        ),
        young=_in_order(entries[address] for address in unreached - old),
        reached=len(entries.keys() & reached.keys()),
    )


def _in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    stages = list(Stage)
    return tuple(sorted(entries, key=lambda entry: (-stages.index(entry.stage), entry.key)))


def _leftovers(entry: Entry, link: Link) -> Iterable[StoredObject]:
    """Objects of an entry that do not belong to its artifact."""
    artifact = f"{entry.prefix}{link.attempt}/"
    return (item for item in entry.others if not item.key.startswith(artifact))
