"""A wait ends when the answer comes, when it is late, or at once where it cannot come."""

import pytest

from testbed.waiting import InVainError, LateError, in_vain_where, until


def test_it_returns_what_it_waited_for() -> None:
    answers = iter(["", "", "here"])
    assert until("an answer", lambda: next(answers), every=0) == "here"


def test_it_ends_at_its_deadline() -> None:
    with pytest.raises(LateError, match="an answer took longer than 0 s"):
        until("an answer", lambda: "", seconds=0)


def test_it_ends_at_once_where_waiting_is_in_vain() -> None:
    with (
        in_vain_where(lambda: "the disk is full"),
        pytest.raises(InVainError, match="a pod cannot come: the disk is full"),
    ):
        until("a pod", lambda: "")
    with pytest.raises(LateError):
        until("a pod", lambda: "", seconds=0)


def test_what_is_there_already_is_not_waited_for() -> None:
    with in_vain_where(lambda: "the disk is full"):
        assert until("a pod", lambda: "there") == "there"
