"""What is garbage, as a table: each row is a store and what of it may go."""

from collections.abc import Iterable, Mapping

import pytest

from ner_jobs.garbage.decision import Link, decide, evaluations_on_same_tests, link_of, reach
from ner_jobs.garbage.inventory import Address, Entry, inventory
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import InputReference, Manifest, Stage

NOW, GRACE = 1_000_000.0, 1000.0
OLD, YOUNG = NOW - 5000, NOW - 500


def key(number: int) -> str:
    return f"{number:064x}"


def stored(path: str, modified: float = OLD) -> StoredObject:
    return StoredObject(path, 100, modified)


def artifact(stage: Stage, number: int, modified: float = OLD) -> list[StoredObject]:
    base = f"{stage}/{key(number)}"
    return [stored(f"{base}/1-a/out/file", modified), stored(f"{base}/manifest.json", modified)]


PREPARE, FINETUNE, EXPORT = (Stage.PREPARE, key(1)), (Stage.FINETUNE, key(2)), (Stage.EXPORT, key(3))
COMPILE, INFER, EVALUATE = (Stage.COMPILE, key(4)), (Stage.INFER, key(5)), (Stage.EVALUATE, key(6))
PROMOTE = (Stage.PROMOTE, key(8))
CHAIN = (PREPARE, FINETUNE, EXPORT, COMPILE, INFER, EVALUATE, PROMOTE)

LINKS: dict[Address, Link] = {
    PREPARE: Link("1-a", frozenset()),
    FINETUNE: Link("1-a", frozenset({PREPARE})),
    EXPORT: Link("1-a", frozenset({FINETUNE})),
    COMPILE: Link("1-a", frozenset({EXPORT, PREPARE})),
    INFER: Link("1-a", frozenset({COMPILE, PREPARE})),
    EVALUATE: Link("1-a", frozenset({INFER, PREPARE}), test="a test set"),
    PROMOTE: Link("1-a", frozenset({EVALUATE, COMPILE, FINETUNE, PREPARE})),
}


def entries_of(addresses: Iterable[Address], modified: float = OLD) -> dict[Address, Entry]:
    return inventory(item for stage, name in addresses for item in artifact(stage, int(name, 16), modified))


def read(addresses: Iterable[Address]) -> Mapping[Address, Link | None]:
    return {address: LINKS.get(address) for address in addresses}


@pytest.mark.parametrize(
    ("named", "reached"),
    [
        pytest.param([], [], id="nothing living reaches nothing"),
        pytest.param([COMPILE], [COMPILE, EXPORT, FINETUNE, PREPARE], id="a compiled model keeps its origin"),
        pytest.param([PREPARE], [PREPARE], id="data keeps nothing that was made of it"),
        pytest.param([PROMOTE], CHAIN, id="a verdict keeps all that it rests on"),
        pytest.param([(Stage.BENCHMARK, key(77))], [], id="a key that is not there yet reaches nothing"),
    ],
)
def test_a_key_reaches_what_its_artifact_was_made_from(named: list[Address], reached: list[Address]) -> None:
    keys = frozenset(name for _, name in named)
    assert reach(keys, entries_of(CHAIN), read).keys() == set(reached)


def test_an_input_that_has_vanished_is_reached_and_is_no_end() -> None:
    there = entries_of(address for address in CHAIN if address != EXPORT)
    found = reach(frozenset({COMPILE[1]}), there, lambda wanted: {**read(wanted), EXPORT: None})
    assert found[EXPORT] is None
    assert PREPARE in found, "through the other input"


def test_an_unfinished_key_that_lives_is_reached() -> None:
    checkpoint = inventory([stored(f"finetune/{FINETUNE[1]}/checkpoints/1/model")])
    assert reach(frozenset({FINETUNE[1]}), checkpoint, lambda wanted: dict.fromkeys(wanted)) == {
        FINETUNE: None
    }


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        pytest.param("a test set", True, id="of a set that something living is judged on: it is counted"),
        pytest.param("another", False, id="of a set that nothing living is judged on"),
    ],
)
def test_an_evaluation_stays_for_the_count_of_judged_candidates(test: str, kept: bool) -> None:
    other, its_predictions = (Stage.EVALUATE, key(16)), (Stage.INFER, key(15))
    links = {**LINKS, other: Link("1-a", frozenset({its_predictions}), test=test)}
    there = entries_of([*CHAIN, other, its_predictions])
    reached = reach(frozenset({PROMOTE[1]}), there, read)
    counted = evaluations_on_same_tests(
        reached, there, lambda wanted: {address: links[address] for address in wanted}
    )
    assert set(counted) == ({other} if kept else set())


def test_links_are_the_inputs_of_the_manifest() -> None:
    manifest = Manifest(
        stage="evaluate",
        key=EVALUATE[1],
        attempt="1-b",
        files=(),
        outputs={},
        parameters={},
        inputs={
            "predictions": InputReference(stage="infer", key=INFER[1], output="predictions", digest="p"),
            "data": InputReference(stage="prepare", key=PREPARE[1], output="test", digest="the test set"),
            "later": InputReference(stage="a stage of tomorrow", key=key(9)),
        },
        started=0,
        finished=1,
    )
    assert link_of(manifest) == Link("1-b", frozenset({INFER, PREPARE}), test="the test set")


STORIES = [
    pytest.param(artifact(Stage.COMPILE, 4), set(), {COMPILE}, id="old, and nobody wants it: it goes"),
    pytest.param(artifact(Stage.COMPILE, 4), {COMPILE}, set(), id="old, and somebody wants it: it stays"),
    pytest.param(artifact(Stage.COMPILE, 4, YOUNG), set(), set(), id="nobody wants it yet: it stays"),
    pytest.param(
        [stored(f"compile/{key(4)}/1-a/log.txt")], set(), {COMPILE}, id="a failed attempt's log of long ago"
    ),
    pytest.param(
        [*artifact(Stage.COMPILE, 4), stored(f"compile/{key(4)}/lease.json", YOUNG)],
        set(),
        set(),
        id="somebody works on it: its lease beats",
    ),
    pytest.param(
        [*artifact(Stage.COMPILE, 4), stored(f"compile/{key(4)}/2-b/out/file", YOUNG)],
        set(),
        set(),
        id="another attempt has begun",
    ),
    pytest.param(
        [stored(f"finetune/{key(2)}/checkpoints/1/model")],
        {FINETUNE},
        set(),
        id="a checkpoint of what is suspended for a month",
    ),
    pytest.param(
        artifact(Stage.COMPILE, 4, NOW + 60), set(), set(), id="written after the look at the clock"
    ),
    pytest.param(artifact(Stage.COMPILE, 4, NOW - GRACE), set(), set(), id="just as old as the grace period"),
]


@pytest.mark.parametrize(("listing", "reached", "dead"), STORIES)
def test_decide(listing: list[StoredObject], reached: set[Address], dead: set[Address]) -> None:
    entries = inventory(listing)
    links = {address: LINKS[address] if entries[address].manifest else None for address in reached}
    decision = decide(entries, links, NOW, GRACE)
    assert {entry.address for entry in decision.dead} == dead
    assert decision.leftovers == ()
    assert decision.reached == len(reached)
    assert len(decision.dead) + len(decision.young) + decision.reached == len(entries)


def test_results_go_before_what_they_were_made_from() -> None:
    decision = decide(entries_of(CHAIN), {}, NOW, GRACE)
    assert [entry.address for entry in decision.dead] == list(reversed(CHAIN))


@pytest.mark.parametrize(
    ("modified", "gone"),
    [
        pytest.param(OLD, ["checkpoints/1/model", "lease.json", "2-b/log.txt"], id="of long ago"),
        pytest.param(YOUNG, [], id="of just now: its attempt may be adopting the result"),
    ],
)
def test_beside_an_artifact_that_stays_only_leftovers_go(modified: float, gone: list[str]) -> None:
    base = f"finetune/{FINETUNE[1]}"
    names = ("checkpoints/1/model", "lease.json", "2-b/log.txt")
    entries = inventory(
        [*artifact(Stage.FINETUNE, 2), *(stored(f"{base}/{name}", modified) for name in names)]
    )
    decision = decide(entries, {FINETUNE: LINKS[FINETUNE]}, NOW, GRACE)
    assert [item.key for item in decision.leftovers] == [f"{base}/{name}" for name in gone]
    assert decision.dead == ()


def test_an_attempt_whose_name_begins_as_the_artifacts_is_another() -> None:
    entries = inventory([*artifact(Stage.FINETUNE, 2), stored(f"finetune/{FINETUNE[1]}/1-a-again/log.txt")])
    decision = decide(entries, {FINETUNE: LINKS[FINETUNE]}, NOW, GRACE)
    assert [item.key for item in decision.leftovers] == [f"finetune/{FINETUNE[1]}/1-a-again/log.txt"]


def test_the_size_is_of_all_that_goes() -> None:
    listing = [
        *artifact(Stage.COMPILE, 4),
        *artifact(Stage.FINETUNE, 2),
        stored(f"finetune/{key(2)}/lease.json"),
    ]
    decision = decide(inventory(listing), {FINETUNE: LINKS[FINETUNE]}, NOW, GRACE)
    assert decision.size == 300
