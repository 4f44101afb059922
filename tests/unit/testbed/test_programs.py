"""Where a program is found: the first of four places that has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import programs
from testbed.programs import ProgramMissingError, find_program


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of the places is this machine's."""
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for name, folder in (("SHARED", "shared"), ("UNPACKED", "unpacked"), ("DOWNLOADED", "downloaded")):
        monkeypatch.setattr(programs, name, tmp_path / folder)
    find_program.cache_clear()
    yield
    find_program.cache_clear()


def put(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_the_folder_that_the_user_named_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    on_path = put(tmp_path / "path", "etcd")
    assert find_program("etcd") == on_path, "a folder without the program is no obstacle"
    find_program.cache_clear()
    in_assets = put(tmp_path / "assets", "etcd")
    assert find_program("etcd") == in_assets


def test_shared_material_is_unpacked_before_path_is_searched(tmp_path: Path) -> None:
    put(tmp_path / "path", "kubelet")
    put(tmp_path / "shared" / "bin", "kube.xz")
    unpack = put(tmp_path / "shared", "unpack")
    unpack.write_text('#!/bin/sh\n/bin/mkdir -p "$1"; echo > "$1/$2"; /bin/chmod +x "$1/$2"\n')
    assert find_program("kubelet") == tmp_path / "unpacked" / "kubelet"


def test_path_comes_before_the_cache(tmp_path: Path) -> None:
    put(tmp_path / "downloaded", "kwok")
    assert find_program("kwok") == tmp_path / "downloaded" / "kwok"
    find_program.cache_clear()
    there = put(tmp_path / "path", "kwok")
    assert find_program("kwok") == there


def test_nowhere_names_the_command_that_brings_it() -> None:
    with pytest.raises(ProgramMissingError, match="python -m testbed download"):
        find_program("no-such-program")


def test_what_may_not_be_run_is_not_a_program(tmp_path: Path) -> None:
    put(tmp_path / "downloaded", "etcd").chmod(0o644)
    with pytest.raises(ProgramMissingError, match="needs etcd"):
        find_program("etcd")
