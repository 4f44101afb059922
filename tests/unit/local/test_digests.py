"""Digests of local files: what changes one, and when a file is read again."""

import os
from pathlib import Path

import pytest

from ner_operator.local.digests import FileDigests

OLD = 1_600_000_000


def settled(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (OLD, OLD))
    return path


@pytest.fixture
def digests(tmp_path: Path) -> FileDigests:
    return FileDigests(tmp_path / "cache" / "digests.json")


def test_the_bytes_decide_and_nothing_else(tmp_path: Path, digests: FileDigests) -> None:
    one, same, other = (settled(tmp_path / name, text) for name, text in (("1", "a"), ("2", "a"), ("3", "b")))
    assert digests.of_data(one) == digests.of_data(same) != digests.of_data(other)


def test_a_folder_is_its_names_and_bytes_without_hidden_files(tmp_path: Path, digests: FileDigests) -> None:
    settled(tmp_path / "set" / "a.arrow", "a")
    before = digests.of_data(tmp_path / "set")
    settled(tmp_path / "set" / ".cache" / "x", "x")
    assert digests.of_data(tmp_path / "set") == before
    settled(tmp_path / "set" / "b.arrow", "b")
    assert digests.of_data(tmp_path / "set") != before


def test_a_model_is_its_config_tokenizer_and_weights(tmp_path: Path, digests: FileDigests) -> None:
    folder = tmp_path / "base"
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        settled(folder / name, name)
    before = digests.of_model(folder)
    settled(folder / "README.md", "words")
    settled(folder / "optimizer.pt", "state")
    assert digests.of_model(folder) == before
    settled(folder / "model.safetensors", "others")
    assert digests.of_model(folder) != before


def test_a_list_is_all_that_it_names(tmp_path: Path, digests: FileDigests) -> None:
    names = settled(tmp_path / "list.txt", "npz/1.npz\nnpz/2.npz\n")
    for number in (1, 2):
        settled(tmp_path / "npz" / f"{number}.npz", str(number))
    before = digests.of_list(names)
    settled(tmp_path / "npz" / "2.npz", "changed")
    assert digests.of_list(names) != before


def test_what_is_not_there_has_no_digest(tmp_path: Path, digests: FileDigests) -> None:
    assert digests.of_data(tmp_path / "absent") is None
    assert digests.of_model(tmp_path / "absent") is None


def test_a_file_is_hashed_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ner_operator.local.digests.SETTLED_SECONDS", -1e9)
    path, cache = settled(tmp_path / "train", "one"), tmp_path / "digests.json"
    first = FileDigests(cache)
    digest = first.of_data(path)
    first.save()
    second = FileDigests(cache)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("it was read again"))
    assert second.of_data(path) == digest
    monkeypatch.undo()
    settled(path, "two")
    assert FileDigests(cache).of_data(path) != digest


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    path, cache = tmp_path / "train", tmp_path / "digests.json"
    path.write_text("one")
    digests = FileDigests(cache)
    digests.of_data(path)
    digests.save()
    assert not cache.exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": [1]}', '{"a": 1}'])
def test_a_broken_cache_is_no_error(tmp_path: Path, content: str) -> None:
    cache = settled(tmp_path / "digests.json", content)
    assert FileDigests(cache).of_data(settled(tmp_path / "train", "x")) is not None
