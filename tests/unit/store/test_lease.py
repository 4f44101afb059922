"""Whose process is gone: told only where a process id means what it says."""

import os
from dataclasses import replace

import pytest

from ner_jobs.store.lease import Holder


def test_we_are_not_gone() -> None:
    assert not Holder.this_process("a").is_gone()


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        pytest.param({"pid": 2**22 + 1}, True, id="no such process in this boot"),
        pytest.param({"born": "1"}, True, id="its number has been used again"),
        pytest.param({"boot": "another", "pid": 2**22 + 1}, False, id="on another machine nobody can tell"),
        pytest.param({"boot": ""}, False, id="without a boot's name nobody can tell"),
    ],
)
def test_a_holder_of_this_boot_can_be_seen_to_be_gone(change: dict[str, object], gone: bool) -> None:
    holder = Holder.this_process("a")
    assert holder.boot, "this kernel names its boot"
    assert replace(holder, **change).is_gone() is gone  # type: ignore[arg-type]


def test_a_lease_survives_its_bytes_and_each_beat_is_another_object() -> None:
    holder = Holder.this_process("a")
    assert Holder.parse(holder.to_bytes(1)) == holder
    assert holder.to_bytes(1) != holder.to_bytes(2)
    assert Holder.parse(holder.to_bytes(1)).pid == os.getpid()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"unknown": 1}'])
def test_what_is_no_lease_is_nobodys(data: bytes) -> None:
    assert Holder.parse(data) == Holder()
    assert not Holder().is_gone()


def test_two_leases_of_one_process_are_two() -> None:
    assert Holder.this_process("a") != Holder.this_process("a")
