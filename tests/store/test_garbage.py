"""The collector over every store: what goes, in which order, and what it spares while others work."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.garbage import collect
from ner_jobs.garbage.collect import find_garbage, remove
from ner_jobs.garbage.inventory import Address
from ner_jobs.garbage.roots import read_stored
from ner_jobs.promotion.pointer import Action, Promotion, move_pointer, promoted, read_pointer
from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.protocol import Store, StoredObject
from ner_jobs.task import FileEntry, InputReference, Manifest, Owner, PermanentError, RetryableError, Stage
from ner_jobs.task.manifest import outputs_of

ALL_IS_OLD = -10.0
"""A grace period that even what is written next is older than."""
DAY = 86_400.0


def key(number: int) -> str:
    return f"{number:064x}"


PREPARE, FINETUNE, EXPORT = (Stage.PREPARE, key(1)), (Stage.FINETUNE, key(2)), (Stage.EXPORT, key(3))
COMPILE, INFER, EVALUATE = (Stage.COMPILE, key(4)), (Stage.INFER, key(5)), (Stage.EVALUATE, key(6))
MADE_FROM: dict[Address, tuple[Address, ...]] = {
    PREPARE: (),
    FINETUNE: (PREPARE,),
    EXPORT: (FINETUNE,),
    COMPILE: (EXPORT,),
    INFER: (COMPILE,),
    EVALUATE: (INFER,),
}


@dataclass
class Filler:
    """Fills a store with artifacts that are made from each other."""

    store: Store
    root: Path

    def artifact(self, address: Address, *inputs: Address, attempt: str = "1-a", data: str = "") -> Manifest:
        stage, name = address
        folder = self.root / f"{stage}-{name}-{attempt}"
        (folder / "out").mkdir(parents=True)
        (folder / "out" / "file").write_bytes(attempt.encode() * 100)
        roles = {each: InputReference(stage=each[0], key=each[1]) for each in inputs}
        references = {each[0].value: reference for each, reference in roles.items()}
        if data:
            references["data"] = InputReference(stage="prepare", key=PREPARE[1], output="test", digest=data)

        def describe(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                stage=stage,
                key=name,
                attempt=attempt,
                files=files,
                outputs=outputs_of(files),
                parameters={},
                inputs=references,
                started=0,
                finished=1,
            )

        return artifacts.publish(self.store, stage, name, attempt, folder, describe)[0]

    def chain(self) -> None:
        for address, inputs in MADE_FROM.items():
            self.artifact(address, *inputs)

    def promote(self, number: int) -> None:
        """Put COMPILE (4) or another compiled model into service."""
        owner = Owner(namespace="nlp", name="a", uid="u")
        position = Promotion(
            generation=0,
            revision=key(900 + number),
            variant="int8",
            compile_key=key(number),
            manifest_digest=key(800 + number),
            promoted_at=1.0,
            by="promote",
            action=Action.PROMOTE,
        )
        current = read_pointer(self.store, owner)
        assert move_pointer(self.store, promoted(current, position, owner), current)

    def whole(self) -> set[Address]:
        """What has a manifest whose files are all there."""
        found = artifacts.manifests_of(self.store)
        return {(Stage(each.stage), each.key) for each in found if not artifacts.complete(self.store, each)}


@pytest.fixture
def filler(store: Store, tmp_path: Path) -> Filler:
    return Filler(store, tmp_path)


def living(*addresses: Address) -> Callable[[], frozenset[str]]:
    return lambda: frozenset(name for _, name in addresses)


def collected(
    store: Store, alive: Callable[[], frozenset[str]], grace: float = ALL_IS_OLD
) -> collect.Removed:
    return remove(store, find_garbage(store, alive, grace), alive)


def test_what_a_living_key_leads_to_stays_and_the_rest_goes(filler: Filler) -> None:
    filler.chain()
    removed = collected(filler.store, living(COMPILE))
    assert filler.whole() == {COMPILE, EXPORT, FINETUNE, PREPARE}
    assert [entry.address for entry in removed.entries] == [EVALUATE, INFER]
    left = {item.key.partition("/")[0] for item in filler.store.list("")}
    assert left == {"compile", "export", "finetune", "prepare"}, "no trace of the others, and none of ours"


def test_without_the_optional_rights_garbage_goes_all_the_same(
    any_server: Any, proxy: Any, fault: Any, s3: Any, tmp_path: Path
) -> None:
    filler = Filler(s3(proxy.endpoint, any_server.new_bucket()), tmp_path)
    filler.chain()
    proxy.faults.append(fault("deny", "GET", "?uploads", times=-1))
    collected(filler.store, living(PREPARE))
    assert filler.whole() == {PREPARE}
    assert {item.key.split("/")[0] for item in filler.store.list("")} == {"prepare"}


def test_a_look_removes_nothing(filler: Filler) -> None:
    filler.chain()
    before = sorted(item.key for item in filler.store.list(""))
    seen = find_garbage(filler.store, living(), ALL_IS_OLD)
    assert len(seen.decision.dead) == len(MADE_FROM)
    assert sorted(item.key for item in filler.store.list("")) == before


def test_what_is_young_stays(filler: Filler) -> None:
    filler.chain()
    seen = find_garbage(filler.store, living(), DAY)
    assert seen.decision.dead == ()
    assert len(seen.decision.young) == len(MADE_FROM)


def test_pointers_and_their_histories_keep_what_they_name(filler: Filler) -> None:
    filler.chain()
    former, unwanted = (Stage.COMPILE, key(41)), (Stage.COMPILE, key(42))
    filler.artifact(former, EXPORT)
    filler.artifact(unwanted, EXPORT)
    filler.promote(41)
    filler.promote(4)
    collected(filler.store, lambda: read_stored(filler.store).keys)
    assert filler.whole() == {COMPILE, former, EXPORT, FINETUNE, PREPARE}


def test_evaluations_of_a_living_test_set_stay_for_their_count(filler: Filler) -> None:
    alive, same, other = ((Stage.EVALUATE, key(number)) for number in (61, 62, 63))
    predictions = (Stage.INFER, key(52))
    filler.artifact(PREPARE)
    filler.artifact(predictions, PREPARE)
    filler.artifact(alive, data="the test set")
    filler.artifact(same, predictions, data="the test set")
    filler.artifact(other, data="another test set")
    filler.store.put(f"evaluate/{key(64)}/manifest.json", b"damaged")
    collected(filler.store, living(alive))
    assert filler.whole() == {PREPARE, alive, same}


def test_leftovers_beside_an_artifact_go_and_it_stays(filler: Filler) -> None:
    filler.artifact(FINETUNE)
    beside = (f"finetune/{FINETUNE[1]}/2-b/log.txt", f"finetune/{FINETUNE[1]}/checkpoints/1/model")
    for name in beside:
        filler.store.put(name, b"left")
    removed = collected(filler.store, living(FINETUNE))
    assert removed.leftovers == 2
    assert filler.whole() == {FINETUNE}
    assert {item.key for item in filler.store.list("finetune/")}.isdisjoint(beside)


def test_what_never_finished_goes_unless_it_lives(filler: Filler) -> None:
    for number in (2, 7):
        filler.store.put(f"finetune/{key(number)}/checkpoints/1/model", b"half of it")
    removed = collected(filler.store, living((Stage.FINETUNE, key(2))))
    assert [entry.key for entry in removed.entries] == [key(7)]
    assert [item.key for item in filler.store.list("")] == [f"finetune/{key(2)}/checkpoints/1/model"]


def test_an_empty_store_asks_nobody(store: Store) -> None:
    def nobody() -> frozenset[str]:
        raise AssertionError("there is nothing to ask for")

    store.put("promoted/nlp/a", b"whatever it is")
    assert find_garbage(store, nobody, ALL_IS_OLD).entries == {}


def test_where_life_is_not_known_nothing_goes(filler: Filler) -> None:
    filler.chain()

    def unknown() -> frozenset[str]:
        raise RetryableError("half a list")

    with pytest.raises(RetryableError, match="half a list"):
        find_garbage(filler.store, unknown, ALL_IS_OLD)
    assert filler.whole() == MADE_FROM.keys()


def test_a_manifest_that_cannot_be_read_and_is_needed_stops_it(filler: Filler) -> None:
    filler.chain()
    filler.store.put(artifacts.manifest_key(*EXPORT), b"damaged")
    with pytest.raises(PermanentError, match=f"export/{EXPORT[1]}/manifest.json is corrupt"):
        find_garbage(filler.store, living(COMPILE), ALL_IS_OLD)


def test_one_that_nobody_needs_does_not(filler: Filler) -> None:
    filler.chain()
    filler.store.put(artifacts.manifest_key(*EVALUATE), b"damaged")
    collected(filler.store, living(COMPILE))
    assert EVALUATE not in filler.whole()
    assert list(filler.store.list(f"evaluate/{EVALUATE[1]}/")) == []


@dataclass
class InBetween:
    """Something that others do between our first and our second question for what lives."""

    happens: Callable[[], frozenset[str]]
    first: frozenset[str] = frozenset()
    asked: list[int] = field(default_factory=list)

    def __call__(self) -> frozenset[str]:
        self.asked.append(1)
        return self.first if len(self.asked) == 1 else self.happens()


def test_what_comes_back_to_life_has_its_manifest_again(filler: Filler) -> None:
    filler.chain()
    before = artifacts.read_manifest(filler.store, *INFER)

    def reverted() -> frozenset[str]:
        assert filler.whole() == {PREPARE}, "from now on nobody finds the others"
        return frozenset({INFER[1]})

    removed = collected(filler.store, InBetween(reverted, frozenset({PREPARE[1]})))
    assert [entry.address for entry in removed.entries] == [EVALUATE]
    assert {entry.address for entry in removed.kept} == {INFER, COMPILE, EXPORT, FINETUNE}
    assert filler.whole() == MADE_FROM.keys() - {EVALUATE}
    assert artifacts.read_manifest(filler.store, *INFER) == before


@pytest.mark.parametrize("error", [RetryableError("the server is away"), KeyboardInterrupt()])
def test_where_life_is_no_longer_known_everything_is_as_it_was(filler: Filler, error: BaseException) -> None:
    filler.chain()

    def unknown() -> frozenset[str]:
        raise error

    with pytest.raises(type(error)):
        collected(filler.store, InBetween(unknown))
    assert filler.whole() == MADE_FROM.keys()


def test_an_artifact_that_is_published_in_between_is_whole(filler: Filler) -> None:
    filler.artifact(PREPARE)
    filler.store.put(f"compile/{COMPILE[1]}/1-a/log.txt", b"failed long ago")

    def published() -> frozenset[str]:
        filler.artifact(COMPILE, PREPARE, attempt="2-b")
        return frozenset()

    removed = collected(filler.store, InBetween(published, frozenset({PREPARE[1]})))
    assert [entry.address for entry in removed.kept] == [COMPILE]
    assert filler.whole() == {PREPARE, COMPILE}


def test_a_key_that_is_computed_anew_in_between_keeps_the_new_result(filler: Filler) -> None:
    filler.artifact(COMPILE)

    def computed() -> frozenset[str]:
        filler.artifact(COMPILE, attempt="2-b")
        return frozenset({COMPILE[1]})

    collected(filler.store, InBetween(computed))
    there = artifacts.read_manifest(filler.store, *COMPILE)
    assert there
    assert there[0].attempt == "2-b"
    assert filler.whole() == {COMPILE}


def test_a_lease_that_is_taken_in_between_spares_the_key(filler: Filler) -> None:
    filler.store.put(f"finetune/{FINETUNE[1]}/checkpoints/1/model", b"half of it")

    def taken() -> frozenset[str]:
        filler.store.put(f"finetune/{FINETUNE[1]}/lease.json", b"ours")
        return frozenset()

    removed = collected(filler.store, InBetween(taken))
    assert [entry.address for entry in removed.kept] == [FINETUNE]
    assert filler.store.get(f"finetune/{FINETUNE[1]}/checkpoints/1/model") is not None


class Dying:
    """A store whose process is killed at its nth deletion."""

    def __init__(self, store: Store, after: int) -> None:
        self._store, self._left = store, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def delete(self, key: str) -> None:
        if key.startswith(".nerd-probe"):
            self._store.delete(key)
            return
        self._left -= 1
        if self._left < 0:
            os._exit(9)
        self._store.delete(key)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5])
def test_killed_at_any_deletion_the_next_collection_ends_it(tmp_path: Path, after: int) -> None:
    filler = Filler(DirectoryStore(tmp_path / "store"), tmp_path / "made")
    filler.chain()
    alive = living(COMPILE)
    child = os.fork()
    if child == 0:
        dying = Dying(filler.store, after)
        seen = find_garbage(filler.store, alive, ALL_IS_OLD)
        remove(dying, seen, alive)  # type: ignore[arg-type]
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (9 if after < 4 else 0)
    for each in artifacts.manifests_of(filler.store):
        assert artifacts.complete(filler.store, each) == [], "no manifest whose files are gone"
    collected(filler.store, alive)
    assert filler.whole() == {COMPILE, EXPORT, FINETUNE, PREPARE}
    assert not any(item.key.startswith(("infer/", "evaluate/")) for item in filler.store.list(""))


def test_the_stores_clock_decides_not_ours(tmp_path: Path) -> None:
    class Tomorrow(DirectoryStore):
        """Dates everything a day later than this machine does."""

        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            for item in super().list(prefix):
                yield StoredObject(item.key, item.size, item.modified + DAY)

    filler = Filler(Tomorrow(tmp_path / "store"), tmp_path / "made")
    filler.chain()
    assert find_garbage(filler.store, living(), DAY / 2).decision.dead == ()
    assert len(find_garbage(filler.store, living(), ALL_IS_OLD).decision.dead) == len(MADE_FROM)
