"""Artifacts over every store: all or nothing, one result a key, damage found and named."""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store import artifacts
from ner_jobs.store.protocol import Store
from ner_jobs.task import FileEntry, InputReference, Manifest, PermanentError, RetryableError
from ner_jobs.task.manifest import outputs_of

KEY = "ab" * 32


@dataclass
class Maker:
    """Makes artifacts of one key in a store."""

    store: Store
    root: Path

    def folder(self, name: str, **files: bytes) -> Path:
        folder = self.root / name
        for path, data in files.items():
            target = folder / path.replace("__", "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return folder

    def describe(self, attempt: str) -> Callable[[tuple[FileEntry, ...]], Manifest]:
        def manifest(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                stage="export",
                key=KEY,
                attempt=attempt,
                files=files,
                outputs=outputs_of(files),
                parameters={},
                inputs={},
                started=0,
                finished=1,
            )

        return manifest

    def publish(self, attempt: str, replacing: Any = None, **files: bytes) -> Manifest:
        folder = self.folder(attempt, **(files or {"model__weights": b"w" * 100, "log.txt": b"line\n"}))
        describe = self.describe(attempt)
        return artifacts.publish(self.store, "export", KEY, attempt, folder, describe, replacing=replacing)[0]

    def keys(self) -> set[str]:
        return {stored.key.removeprefix(f"export/{KEY}/") for stored in self.store.list("export/")}


@pytest.fixture
def maker(store: Store, tmp_path: Path) -> Maker:
    return Maker(store, tmp_path)


def reference(output: str = "model", digest: str = "") -> InputReference:
    return InputReference(stage="export", key=KEY, output=output, digest=digest)


def test_what_is_published_is_fetched(maker: Maker, tmp_path: Path) -> None:
    files = {"model__a": b"a", "model__deep__b": b"b" * 1000, "other__c": b"", "log.txt": b"said\n"}
    made = maker.publish("first", **files)
    assert artifacts.read_manifest(maker.store, "export", KEY) == (made, made.digest())
    assert artifacts.complete(maker.store, made) == []
    assert artifacts.find_damage(maker.store, made) == ()
    assert artifacts.read_log(maker.store, "export", KEY) == "said\n"
    folder = artifacts.fetch(maker.store, reference(digest=made.outputs["model"]), tmp_path / "cache")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a", "deep/b"}
    assert (folder / "deep" / "b").read_bytes() == b"b" * 1000
    whole = artifacts.fetch(maker.store, reference(""), tmp_path / "cache")
    assert (whole / "log.txt").read_bytes() == b"said\n"


def test_what_was_fetched_is_hashed_again_and_not_brought_again(maker: Maker, tmp_path: Path) -> None:
    maker.publish("first")
    folder = artifacts.fetch(maker.store, reference(), tmp_path / "cache")
    if maker.store.local_path("x") is None:
        (folder / "weights").write_bytes(b"x" * 100)
    again = artifacts.fetch(maker.store, reference(), tmp_path / "cache")
    assert (again / "weights").read_bytes() == b"w" * 100


def test_a_flipped_byte_is_found_and_named(maker: Maker, tmp_path: Path) -> None:
    made = maker.publish("first")
    key = artifacts.file_key(made, "model/weights")
    maker.store.put(key, b"w" * 50 + b"v" + b"w" * 49)
    assert artifacts.complete(maker.store, made) == [], "sizes alone cannot tell"
    with pytest.raises(PermanentError, match=r"model/weights is corrupt: its SHA-256 is .*--rerun"):
        artifacts.fetch(maker.store, reference(), tmp_path / "cache")
    with pytest.raises(PermanentError, match=r"model/weights is corrupt"):
        artifacts.verify(maker.store, made)
    damage = artifacts.find_damage(maker.store, made)
    assert [(each.key, each.vanished) for each in damage] == [(key, False)]


def test_a_vanished_file_is_named_with_its_key(maker: Maker, tmp_path: Path) -> None:
    made = maker.publish("first")
    key = artifacts.file_key(made, "model/weights")
    maker.store.delete(key)
    assert artifacts.complete(maker.store, made) == [key]
    with pytest.raises(RetryableError, match=f"weights has vanished: input artifact export {KEY}"):
        artifacts.fetch(maker.store, reference(), tmp_path / "cache")
    with pytest.raises(RetryableError, match="has vanished"):
        artifacts.verify(maker.store, made)


def test_a_vanished_artifact_is_named_by_its_key(maker: Maker, tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match=f"input artifact export {KEY} has vanished"):
        artifacts.fetch(maker.store, reference(), tmp_path / "cache")


def test_an_output_that_is_not_what_was_planned_with_is_refused(maker: Maker, tmp_path: Path) -> None:
    maker.publish("first")
    with pytest.raises(RetryableError, match="computed again since; plan again"):
        artifacts.fetch(maker.store, reference(digest="0" * 64), tmp_path / "cache")
    with pytest.raises(PermanentError, match="has no output 'weights'; it has model"):
        artifacts.fetch(maker.store, reference("weights"), tmp_path / "cache")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: {**body, "key": "cd" * 32}, id="another key's"),
        pytest.param(
            lambda body: {**body, "outputs": {"model": "0" * 64}}, id="digests that are not its files'"
        ),
        pytest.param(lambda body: {"files": body["files"]}, id="half of it"),
        pytest.param(lambda body: {**body, "attempt": "../../../first"}, id="an attempt outside the key"),
        pytest.param(
            lambda body: {**body, "files": [{**body["files"][0], "path": "../../../../x"}]},
            id="a file outside the attempt",
        ),
        pytest.param(
            lambda body: {**body, "files": [{**body["files"][0], "path": "/x"}]}, id="an absolute path"
        ),
    ],
)
def test_a_forged_manifest_is_refused(maker: Maker, change: Callable[[Any], Any]) -> None:
    made = maker.publish("first")
    name = artifacts.manifest_key("export", KEY)
    maker.store.put(name, json.dumps(change(json.loads(made.to_bytes()))).encode())
    with pytest.raises(PermanentError, match=r"manifest\.json is corrupt: it is no manifest of this key"):
        artifacts.read_manifest(maker.store, "export", KEY)


def test_a_path_is_checked_again_where_it_is_joined(maker: Maker, tmp_path: Path) -> None:
    made = maker.publish("first")
    forged = made.model_copy(update={"attempt": ".."})
    for path in ("../x", "/x", "model//weights"):
        with pytest.raises(PermanentError, match=rf"{KEY}/manifest\.json is corrupt"):
            artifacts.file_key(made, path)
    with pytest.raises(PermanentError, match=rf"{KEY}/manifest\.json is corrupt"):
        artifacts.find_damage(maker.store, forged)


def test_the_second_attempt_adopts_the_first_result(maker: Maker) -> None:
    first = maker.publish("first")
    second = maker.publish("second", model__weights=b"others")
    assert second == first
    assert artifacts.remove_other_attempts(maker.store, second) == 1
    assert maker.keys() == {"manifest.json", "first/model/weights", "first/log.txt"}


def test_of_attempts_at_once_one_wins_and_nothing_else_stays(racing_store: Store, tmp_path: Path) -> None:
    maker = Maker(racing_store, tmp_path)
    start = threading.Barrier(6)

    def attempt(number: int) -> Manifest:
        start.wait()
        made = maker.publish(f"try-{number}", model__weights=b"%d" % number, log=b"x")
        artifacts.remove_other_attempts(racing_store, made)
        return made

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(attempt, range(6)))
    assert len({each.digest() for each in made}) == 1
    assert artifacts.find_damage(racing_store, made[0]) == ()
    assert maker.keys() == {"manifest.json", f"{made[0].attempt}/model/weights", f"{made[0].attempt}/log"}


def test_where_files_have_vanished_a_new_result_takes_the_place(maker: Maker) -> None:
    first = maker.publish("first")
    maker.store.delete(artifacts.file_key(first, "model/weights"))
    found = artifacts.find_manifest(maker.store, "export", KEY)
    second = maker.publish("second", found, model__weights=b"again")
    assert second.attempt == "second"
    third = maker.publish("third", found, model__weights=b"late")
    assert third == second, "of two that mend, the first wins"
    artifacts.remove_other_attempts(maker.store, second)
    assert maker.keys() == {"manifest.json", "second/model/weights"}


def test_leftovers_under_the_key_go_and_neighbours_stay(maker: Maker) -> None:
    other = "cd" * 32
    for key in (f"export/{KEY}/checkpoints/1/x", f"export/{KEY}/lease.json", f"export/{other}/a/x"):
        maker.store.put(key, b"")
    made = maker.publish("first")
    assert artifacts.remove_other_attempts(maker.store, made) == 2
    assert maker.store.size(f"export/{other}/a/x") == 0
    assert artifacts.find_damage(maker.store, made) == ()


def test_the_log_of_the_newest_attempt_is_read_where_none_succeeded(maker: Maker) -> None:
    assert artifacts.read_log(maker.store, "export", KEY) is None
    maker.store.put(f"export/{KEY}/try-1/log.txt", "坏".encode())
    assert artifacts.read_log(maker.store, "export", KEY) == "坏"


def test_all_manifests_are_found(maker: Maker) -> None:
    made = maker.publish("first")
    maker.store.put(f"export/{KEY}/checkpoints/manifest.json", b"")
    assert list(artifacts.manifests_of(maker.store)) == [made]


def test_an_upload_that_fails_leaves_no_manifest_and_no_files(maker: Maker) -> None:
    folder = maker.folder("broken", model__a=os.urandom(10), model__b=os.urandom(10))

    def stop(_: int) -> None:
        raise PermanentError("stopped")

    with pytest.raises(PermanentError, match="stopped"):
        artifacts.publish(maker.store, "export", KEY, "broken", folder, maker.describe("broken"), stop)
    assert maker.keys() == set()
