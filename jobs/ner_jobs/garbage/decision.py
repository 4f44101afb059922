"""What is garbage? A function of a listing, of what is reached, and of the time. Pure.

An entry goes where nothing living reaches it and nothing of it is younger than
the grace period; young ones stay, since whoever computes them may not have
said so yet. Of an entry that stays, only what lies beside its artifact goes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ner_jobs.garbage.inventory import Address, Entry
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import Manifest, Stage


@dataclass(frozen=True, slots=True)
class Link:
    """What a manifest says that matters here.

    Attributes:
        inputs: what it was made from.
        test: of an evaluation: digest of the test set; else empty.
    """

    attempt: str
    inputs: frozenset[Address]
    test: str = ""


Read = Callable[[Iterable[Address]], Mapping[Address, Link | None]]
"""Links of some addresses; None where there is no manifest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What goes.

    Attributes:
        dead: entries that go whole; results before what they were made from, so that whatever stops
            in between leaves no result without its inputs.
        leftovers: objects beside artifacts that stay.
        young: entries that nothing reaches and that are too young to go.
        reached: how many entries stay.
    """

    dead: tuple[Entry, ...]
    leftovers: tuple[StoredObject, ...]
    young: tuple[Entry, ...]
    reached: int

    @property
    def size(self) -> int:
        """Bytes that go."""
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
        keys: that something living names, whatever the stage.
        entries: of the store.
        read: manifests' links.
    """
    reached: dict[Address, Link | None] = {}
    frontier = {address for address in entries if address[1] in keys}
    while frontier:
        found = read(frontier)
        reached.update(found)
        frontier = {address for link in found.values() if link for address in link.inputs} - reached.keys()
    return reached


def beside(
    reached: Mapping[Address, Link | None], entries: Mapping[Address, Entry], read: Read
) -> dict[Address, Link | None]:
    """Evaluations on a test set that a living evaluation was judged on.

    The report says how many candidates a test set has judged, and counts them here. What they were made
    from may go.
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
) -> Verdict:
    """What goes and what stays.

    Args:
        entries: of the store.
        reached: with their links.
        now: by the store's clock, as are the entries' times.
        grace: seconds for which nothing that was written goes.
    """
    old = {address for address, entry in entries.items() if now - entry.newest > grace}
    unreached = entries.keys() - reached.keys()
    return Verdict(
        dead=_in_order(entries[address] for address in unreached & old),
        leftovers=tuple(
            item
            for address, link in sorted(reached.items())
            if link and address in old
            for item in _beside(entries[address], link)
        ),
        young=_in_order(entries[address] for address in unreached - old),
        reached=len(entries.keys() & reached.keys()),
    )


def _in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    stages = list(Stage)
    return tuple(sorted(entries, key=lambda entry: (-stages.index(entry.stage), entry.key)))


def _beside(entry: Entry, link: Link) -> Iterable[StoredObject]:
    """Objects of an entry that do not belong to its artifact."""
    artifact = f"{entry.prefix}{link.attempt}/"
    return (item for item in entry.others if not item.key.startswith(artifact))
