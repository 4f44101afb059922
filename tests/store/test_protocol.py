"""What every store promises, held against a folder and two real S3 servers."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ner_jobs.store.protocol import Store
from ner_jobs.task import PermanentError, RetryableError

PART = 5 << 20
"""Of the stores in these tests: larger objects go in parts."""


def a_file(folder: Path, size: int) -> tuple[Path, bytes]:
    data = os.urandom(size)
    path = folder / "source.bin"
    path.write_bytes(data)
    return path, data


def test_a_probe_finds_nothing_wrong_and_leaves_nothing(store: Store) -> None:
    store.probe()
    assert list(store.list("")) == []


def test_nothing_is_there_at_first(store: Store, tmp_path: Path) -> None:
    assert store.get("a/b") is None
    assert store.size("a/b") is None
    assert store.fingerprint("a/b") is None
    assert list(store.list("a/")) == []
    store.delete("a/b")
    store.forget_unfinished("a/")
    with pytest.raises(RetryableError, match="does not exist"):
        store.download_unstated("a/b", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_the_first_create_wins(store: Store) -> None:
    assert store.create("a/b", b"first")
    assert not store.create("a/b", b"second")
    assert store.get("a/b") is not None
    assert store.get("a/b")[0] == b"first"  # type: ignore[index]


def test_replace_wants_the_version_that_is_there(store: Store) -> None:
    store.put("a/b", b"one")
    _, version = store.get("a/b") or (b"", "")
    assert store.replace("a/b", b"two", version)
    assert not store.replace("a/b", b"three", version)
    found = store.get("a/b")
    assert found is not None
    assert found[0] == b"two"


def test_nothing_that_is_not_there_is_replaced(store: Store) -> None:
    store.put("a/b", b"one")
    _, version = store.get("a/b") or (b"", "")
    store.delete("a/b")
    assert not store.replace("a/b", b"two", version)
    assert store.get("a/b") is None


def test_put_writes_whatever_is_there(store: Store) -> None:
    store.put("a/b", b"one")
    store.put("a/b", b"")
    found = store.get("a/b")
    assert found is not None
    assert found[0] == b""
    assert store.size("a/b") == 0


def test_keys_may_hold_what_people_write(store: Store) -> None:
    for key in ("人民 日报/a+b&c=d.txt", "with%20percent", "quest?ion#mark", "quote'\"s"):
        store.put(key, key.encode())
        found = store.get(key)
        assert found is not None
        assert found[0] == key.encode()
        assert store.size(key) == len(key.encode())
    assert {stored.key for stored in store.list("")} == {
        "人民 日报/a+b&c=d.txt",
        "with%20percent",
        "quest?ion#mark",
        "quote'\"s",
    }


def test_a_listing_has_what_starts_with_the_prefix(store: Store) -> None:
    for key in ("a/1", "a/2/x", "ab/3", "b/4"):
        store.put(key, b"12345")
    assert sorted(stored.key for stored in store.list("a/")) == ["a/1", "a/2/x"]
    assert sorted(stored.key for stored in store.list("a")) == ["a/1", "a/2/x", "ab/3"]
    assert sorted(stored.key for stored in store.list("")) == ["a/1", "a/2/x", "ab/3", "b/4"]
    assert all(stored.size == 5 and stored.modified > 0 for stored in store.list(""))


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 3 * PART + 17])
def test_a_file_goes_in_and_comes_out(store: Store, tmp_path: Path, size: int) -> None:
    source, data = a_file(tmp_path, size)
    sent: list[int] = []
    found = store.upload(source, "x/y.bin", sent.append)
    assert found == (size, hashlib.sha256(data).hexdigest())
    assert sum(sent) == size
    assert store.size("x/y.bin") == size
    assert store.fingerprint("x/y.bin") == found

    came: list[int] = []
    target = tmp_path / "new folder" / "target.bin"
    store.download("x/y.bin", target, *found, came.append)
    assert target.read_bytes() == data
    assert sum(came) == size
    assert store.download_unstated("x/y.bin", tmp_path / "again") == found
    assert (tmp_path / "again").read_bytes() == data


def test_an_upload_takes_the_place_of_what_was_there(store: Store, tmp_path: Path) -> None:
    source, _ = a_file(tmp_path, 10)
    store.put("x", b"before")
    found = store.upload(source, "x")
    assert store.fingerprint("x") == found


@pytest.mark.parametrize("size", [1000, 2 * PART + 3])
def test_bytes_that_are_not_those_of_the_manifest_never_arrive(
    store: Store, tmp_path: Path, size: int
) -> None:
    source, data = a_file(tmp_path, size)
    _, digest = store.upload(source, "x/y.bin")
    flipped = bytearray(data)
    flipped[size // 2] ^= 1
    source.write_bytes(flipped)
    store.upload(source, "x/y.bin")
    target = tmp_path / "target.bin"
    with pytest.raises(PermanentError, match=r"x/y\.bin is corrupt: its SHA-256 is"):
        store.download("x/y.bin", target, size, digest)
    with pytest.raises(PermanentError, match=r"x/y\.bin is corrupt: it has"):
        store.download("x/y.bin", target, size - 1, digest)
    assert list(tmp_path.glob("*target*")) == []
    assert list(tmp_path.glob(".*")) == []


def test_what_has_vanished_is_named(store: Store, tmp_path: Path) -> None:
    for size in (10, 3 * PART):
        with pytest.raises(RetryableError, match=r"x/gone\.bin does not exist"):
            store.download("x/gone.bin", tmp_path / "target", size, "0" * 64)


def test_many_files_at_once_share_one_budget(store: Store, tmp_path: Path) -> None:
    source, data = a_file(tmp_path, 2 * PART + 5)
    expected = (len(data), hashlib.sha256(data).hexdigest())
    with ThreadPoolExecutor(6) as threads:
        sent = list(threads.map(lambda number: store.upload(source, f"many/{number}"), range(6)))
        assert sent == [expected] * 6
        came = list(threads.map(lambda number: store.fingerprint(f"many/{number}"), range(6)))
    assert came == [expected] * 6


def test_one_of_sixteen_creators_wins(racing_store: Store) -> None:
    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(lambda number: racing_store.create("race", b"%d" % number), range(16)))
    assert won.count(True) == 1
    found = racing_store.get("race")
    assert found is not None
    assert found[0] == b"%d" % won.index(True)


def test_one_of_sixteen_moves_wins(racing_store: Store) -> None:
    racing_store.put("race", b"start")
    _, version = racing_store.get("race") or (b"", "")
    with ThreadPoolExecutor(16) as threads:
        won = list(
            threads.map(lambda number: racing_store.replace("race", b"%d" % number, version), range(16))
        )
    assert won.count(True) == 1
    found = racing_store.get("race")
    assert found is not None
    assert found[0] == b"%d" % won.index(True)


def test_a_counter_loses_no_increment(racing_store: Store) -> None:
    racing_store.put("counter", b"0")

    def increment(_: int) -> None:
        while True:
            found = racing_store.get("counter")
            assert found is not None
            if racing_store.replace("counter", b"%d" % (int(found[0]) + 1), found[1]):
                return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, range(24)))
    found = racing_store.get("counter")
    assert found is not None
    assert found[0] == b"24"


@pytest.mark.parametrize("key", ["../outside", "a/../../b", "", "/absolute", "a//b"])
def test_a_folder_has_no_keys_outside(tmp_path: Path, key: str) -> None:
    from ner_jobs.store.directory import DirectoryStore

    with pytest.raises(PermanentError, match="is no key"):
        DirectoryStore(tmp_path / "store").put(key, b"")
