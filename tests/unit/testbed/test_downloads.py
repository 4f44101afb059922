"""Downloads, without a network: a release is kept only if it is what its project says."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from testbed.downloads import DownloadError, Release, download, releases
from testbed.programs import CONTROL_PLANE

PROGRAM = b"#!/bin/sh\necho a program\n"


def packed(member: str) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as files:
        entry = tarfile.TarInfo(member)
        entry.size = len(PROGRAM)
        files.addfile(entry, io.BytesIO(PROGRAM))
    return archive.getvalue()


ARCHIVE = packed("folder/program")
ALONE = Release("program", "https://example.com/program", sums="https://example.com/program.sha256")
PACKED = Release("program", "https://example.com/p.tar.gz", "folder/program", "https://example.com/SUMS")


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("release", "data", "sums"),
    [
        pytest.param(ALONE, PROGRAM, sum_of(PROGRAM), id="a program with its sum alone"),
        pytest.param(PACKED, ARCHIVE, f"{sum_of(b'')}  q.tar.gz\n{sum_of(ARCHIVE)}  p.tar.gz\n", id="a list"),
        pytest.param(PACKED, ARCHIVE, f"{sum_of(ARCHIVE)} *./p.tar.gz\n", id="a list of binary files"),
    ],
)
def test_a_release_becomes_a_program(release: Release, data: bytes, sums: str, tmp_path: Path) -> None:
    served = {release.url: data, release.sums: sums.encode()}
    program = download(release, tmp_path / "cache", served.__getitem__)
    assert program.read_bytes() == PROGRAM
    assert program.stat().st_mode & 0o111


def test_a_program_that_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(PROGRAM)
    assert download(ALONE, tmp_path, {}.__getitem__) == tmp_path / "program"


def test_what_is_not_as_published_is_not_kept(tmp_path: Path) -> None:
    served = {ALONE.url: b"something else", ALONE.sums: sum_of(PROGRAM).encode()}
    with pytest.raises(DownloadError, match=r"program does not match https://example\.com/program\.sha256"):
        download(ALONE, tmp_path, served.__getitem__)
    assert not list(tmp_path.iterdir())


def test_an_archive_without_the_program_is_named(tmp_path: Path) -> None:
    other = packed("folder/another")
    served = {PACKED.url: other, PACKED.sums: f"{sum_of(other)}  p.tar.gz".encode()}
    with pytest.raises(DownloadError, match="has no file folder/program"):
        download(PACKED, tmp_path, served.__getitem__)


@pytest.mark.parametrize("machine", ["amd64", "arm64"])
def test_every_program_has_a_release(machine: str) -> None:
    names = {release.name for release in releases(machine)}
    assert names >= {*CONTROL_PLANE, "kubelet", "kubectl", "kwok", "helm", "versitygw", "kubeconform"}
    assert all(release.url.startswith("https://") for release in releases(machine))
