"""A wait ends when the answer comes, when it is late, or at once where it cannot come."""

import pytest

from testbed.waiting import WaitAbortedError, WaitTimeoutError, abort_waits_if, until


def test_it_returns_what_it_waited_for() -> None:
    answers = iter(["", "", "here"])
    assert until("an answer", lambda: next(answers), every=0) == "here"


def test_it_ends_at_its_deadline() -> None:
    with pytest.raises(WaitTimeoutError, match="an answer took longer than 0 s"):
        until("an answer", lambda: "", seconds=0)


def test_it_ends_at_once_where_waiting_is_in_vain() -> None:
    with (
        abort_waits_if(lambda: "the disk is full"),
        pytest.raises(WaitAbortedError, match="a pod cannot come: the disk is full"),
    ):
        until("a pod", lambda: "")
    with pytest.raises(WaitTimeoutError):
        until("a pod", lambda: "", seconds=0)


def test_what_is_there_already_is_not_waited_for() -> None:
    with abort_waits_if(lambda: "the disk is full"):
        assert until("a pod", lambda: "there") == "there"
