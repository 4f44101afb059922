"""Who is alive: what a cluster and a store say, and when they say too little to delete by."""

import json
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.garbage.roots import (
    DeploymentKeys,
    StoredKeys,
    keys_in_use,
    keys_of_deployments,
    read_stored,
    record_keys,
    recorded_keys,
)
from ner_jobs.promotion.pointer import Action, Promotion, move_pointer, promoted
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, Owner, PermanentError, RetryableError, Stage, StageError
from ner_operator.local.record import remember
from ner_operator.planning.keys import Ingredients

URI = "s3://ner/peoples-daily"
KEY, OTHER = "ab" * 32, "cd" * 32


def deployment(name: str = "peoples-daily", uri: str = URI, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "nlp", "name": name, "generation": 3},
        "spec": {"storage": {"uri": uri}},
        "status": {"observedGeneration": 3, "stages": [{"name": "prepare", "key": KEY}], **status},
    }


def test_a_key_counts_wherever_the_status_has_it() -> None:
    status = {"promotion": {"compileKey": OTHER}, "stages": [{"key": KEY, "message": f"after {'ef' * 32}."}]}
    assert keys_of_deployments([deployment(**status)], URI).keys == {KEY, OTHER, "ef" * 32}


def test_what_is_longer_or_shorter_than_a_key_is_none() -> None:
    status = {"stages": [{"key": KEY, "message": f"{OTHER}0 {OTHER[:-1]} {OTHER.upper()}"}]}
    assert keys_of_deployments([deployment(**status)], URI).keys == {KEY}


@pytest.mark.parametrize(
    ("value", "unplanned"),
    [
        pytest.param(deployment(), False, id="planned as it stands"),
        pytest.param(deployment(observedGeneration=2), True, id="changed since it was planned"),
        pytest.param(deployment(observedGeneration=-1, stages=[]), True, id="never planned"),
        pytest.param(deployment(stages=[]), True, id="planned, and names no key"),
        pytest.param({**deployment(), "status": {}}, True, id="restored from a backup without its status"),
        pytest.param(deployment(uri=URI + "/", observedGeneration=2), True, id="the same storage, a slash"),
        pytest.param(deployment(uri="s3://ner/other", stages=[]), False, id="of another storage"),
    ],
)
def test_whose_keys_are_not_known_yet(value: dict[str, Any], unplanned: bool) -> None:
    assert keys_of_deployments([value], URI).unplanned == (("nlp/peoples-daily",) if unplanned else ())


def test_keys_of_other_storages_count_too() -> None:
    found = keys_of_deployments([deployment(uri="s3://the-same-bucket-by-another-name/peoples-daily")], URI)
    assert found.keys == {KEY}


@pytest.mark.parametrize(
    ("deployments", "allow_empty", "error", "said"),
    [
        pytest.param(
            DeploymentKeys(frozenset(), (), ()), False, PermanentError, "--allow-empty", id="an empty cluster"
        ),
        pytest.param(
            DeploymentKeys(frozenset({KEY}), ("nlp/a", "nlp/b"), ("nlp/b",)),
            False,
            RetryableError,
            "the operator has not planned the present spec of nlp/b",
            id="one is not planned",
        ),
        pytest.param(
            DeploymentKeys(frozenset(), ("nlp/b",), ("nlp/b",)),
            True,
            RetryableError,
            "nlp/b",
            id="allow_empty, they say, and it is not",
        ),
    ],
)
def test_a_list_that_says_too_little_deletes_nothing(
    deployments: DeploymentKeys, allow_empty: bool, error: type[StageError], said: str
) -> None:
    with pytest.raises(error, match=said):
        keys_in_use(deployments, URI, allow_empty)


def test_a_whole_list_says_its_keys() -> None:
    assert keys_in_use(DeploymentKeys(frozenset({KEY}), ("nlp/a",), ()), URI, allow_empty=False) == {KEY}
    assert keys_in_use(DeploymentKeys(frozenset(), (), ()), URI, allow_empty=True) == frozenset()


def test_of_many_names_the_first_are_said() -> None:
    names = tuple(f"nlp/{number}" for number in range(9))
    with pytest.raises(RetryableError, match="nlp/0, nlp/1, nlp/2 and 6 more"):
        keys_in_use(DeploymentKeys(frozenset({KEY}), names, names), URI, allow_empty=False)


def position(number: int) -> Promotion:
    return Promotion(
        generation=0,
        revision=f"{number:x}{'0' * 62}a",
        variant="int8",
        compile_key=f"{number:x}{'0' * 62}b",
        manifest_digest=f"{number:x}{'0' * 62}c",
        evaluation_key=f"{number:x}{'0' * 62}d",
        promote_key=f"{number:x}{'0' * 62}e",
        promoted_at=1.0,
        by="promote",
        action=Action.PROMOTE,
    )


def test_a_pointer_keeps_what_it_names_now_and_named_before(tmp_path: Path) -> None:
    store, owner = DirectoryStore(tmp_path), Owner(namespace="nlp", name="a", uid="u-1")
    first = promoted(None, position(1), owner)
    second = promoted(first, position(2), owner)
    assert move_pointer(store, first, None)
    assert move_pointer(store, second, first)
    stored = read_stored(store)
    for number in (1, 2):
        named = position(number)
        assert {named.compile_key, named.evaluation_key, named.promote_key} <= stored.keys
    assert stored.of_cluster == ("promoted/nlp/a",)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param("promoted/nlp/a", "is no pointer", id="a pointer that cannot be read"),
        pytest.param(
            "promoted/notes.txt", "is in the folder of pointers and is no pointer", id="no pointer at all"
        ),
        pytest.param(
            "promoted/nlp/a/b", "is in the folder of pointers and is no pointer", id="one folder too deep"
        ),
        pytest.param("plans/nlp/a.json", "is no record of a plan", id="a record that cannot be read"),
    ],
)
def test_what_cannot_be_read_deletes_nothing(tmp_path: Path, key: str, said: str) -> None:
    store = DirectoryStore(tmp_path)
    store.put(key, b"{}")
    with pytest.raises(PermanentError, match=said):
        read_stored(store)


def test_a_local_plan_keeps_the_keys_of_its_last_run(tmp_path: Path) -> None:
    ingredients = Ingredients(
        stage=Stage.FINETUNE,
        version=2,
        parameters={"epochs": 3, "learningRate": 2e-4},
        rerun="",
        inputs={"train": "d" * 64},
        versions={"torch": "2.9"},
        device="avx2",
        image="",
    )
    store = DirectoryStore(tmp_path)
    remember(store, Owner(namespace="default", name="a"), {"finetune": ingredients.record()})
    stored = read_stored(store)
    assert stored.keys == {ingredients.key()}
    assert stored.records == 1
    assert recorded_keys(stored, URI) == {ingredients.key()}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"ingredients": [1]}', b'{"rerun": {}}', b"\xff"])
def test_no_record(body: bytes) -> None:
    with pytest.raises(PermanentError, match="s3://b/plans/x is no record of a plan"):
        record_keys(body, "s3://b/plans/x")


def test_a_record_of_nothing_keeps_nothing() -> None:
    assert record_keys(json.dumps({"ingredients": {}}).encode(), "x") == frozenset()


@pytest.mark.parametrize(
    ("stored", "code", "said"),
    [
        pytest.param(
            StoredKeys(frozenset({KEY}), 2, ("promoted/nlp/a",)),
            ExitCode.USAGE,
            "a cluster uses",
            id="a cluster's",
        ),
        pytest.param(StoredKeys(frozenset(), 0, ()), ExitCode.NO_INPUT, "no record of a plan", id="nobody's"),
    ],
)
def test_a_store_that_is_not_ours_alone_is_left_alone(stored: StoredKeys, code: ExitCode, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as refused:
        recorded_keys(stored, URI)
    assert refused.value.code is code
