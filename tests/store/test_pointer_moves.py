"""Moves of the promoted pointer in real stores: none is lost, and another's is left alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ner_jobs.promotion.pointer import (
    Action,
    Promotion,
    move_pointer,
    pointer_key,
    promoted,
    read_pointer,
    rolled_back,
)
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Owner, PermanentError

OWNER = Owner(namespace="nlp", name="peoples-daily", uid="1111")


def promotion(revision: str) -> Promotion:
    return Promotion(
        generation=0,
        revision=revision,
        variant="int8",
        compile_key="c" * 64,
        manifest_digest="d" * 64,
        promoted_at=1.0,
        by="promote",
        action=Action.PROMOTE,
    )


def test_of_racing_moves_each_generation_is_taken_once(racing_store: Store) -> None:
    def move(number: int) -> int:
        while True:
            current = read_pointer(racing_store, OWNER)
            following = promoted(current, promotion(f"r{number}"), OWNER, history_limit=50)
            if move_pointer(racing_store, following, current):
                return following.generation

    with ThreadPoolExecutor(8) as threads:
        generations = list(threads.map(move, range(16)))
    assert sorted(generations) == list(range(1, 17))
    pointer = read_pointer(racing_store, OWNER)
    assert pointer is not None
    assert [former.generation for former in pointer.history] == list(range(1, 16))


def test_a_decision_on_an_old_state_is_refused(store: Store) -> None:
    first = promoted(None, promotion("a"), OWNER)
    assert move_pointer(store, first, None)
    assert not move_pointer(store, promoted(None, promotion("b"), OWNER), None)
    assert move_pointer(store, promoted(first, promotion("b"), OWNER), first)
    assert not move_pointer(store, promoted(first, promotion("c"), OWNER), first)
    assert read_pointer(store, OWNER).revision == "b"  # type: ignore[union-attr]


def test_the_way_there_and_back_is_no_return_to_an_old_state(store: Store) -> None:
    first = promoted(None, promotion("a"), OWNER)
    second = promoted(first, promotion("b"), OWNER)
    back = rolled_back(second, 2.0, "mei")
    for pointer, expected in ((first, None), (second, first), (back, second)):
        assert move_pointer(store, pointer, expected)
    assert (back.revision, back.generation) == ("a", 3)
    assert not move_pointer(store, promoted(first, promotion("c"), OWNER), first)


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(OWNER.model_copy(update={"uid": "2222"}), id="made again under the same name"),
        pytest.param(Owner(namespace="nlp", name="other", uid="1111"), id="another's object in its place"),
    ],
)
def test_another_deployments_pointer_is_refused_by_name(store: Store, reader: Owner) -> None:
    data = promoted(None, promotion("a"), OWNER).model_dump_json(by_alias=True).encode()
    store.put(pointer_key(reader), data)
    with pytest.raises(PermanentError, match=r"belongs to nlp/peoples-daily \(UID 1111\), not to") as refused:
        read_pointer(store, reader)
    assert refused.value.code == ExitCode.CONFIGURATION


def test_a_local_run_has_no_uid_and_takes_none_away(store: Store) -> None:
    first = promoted(None, promotion("a"), OWNER)
    assert move_pointer(store, first, None)
    local = OWNER.model_copy(update={"uid": ""})
    current = read_pointer(store, local)
    assert current == first
    second = promoted(current, promotion("b"), local)
    assert move_pointer(store, second, current)
    assert second.owner == OWNER


def test_a_damaged_pointer_is_named(store: Store) -> None:
    store.put(pointer_key(OWNER), b"{")
    with pytest.raises(PermanentError, match="promoted/nlp/peoples-daily is no pointer"):
        read_pointer(store, OWNER)


def test_nothing_was_ever_promoted(store: Store) -> None:
    assert read_pointer(store, OWNER) is None
