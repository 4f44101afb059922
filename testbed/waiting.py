"""Waiting for a condition, with a deadline; and free ports."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Found = TypeVar("Found")

DEADLINE = 240.0
"""Seconds for anything to become ready; it takes about three on two idle cores."""


class WaitTimeoutError(AssertionError):
    """The condition did not become true in time."""


class WaitAbortedError(AssertionError):
    """The condition cannot become true; the message says why."""


_blockers: list[Callable[[], str]] = []


def until(
    what: str, ready: Callable[[], Found | None], seconds: float = DEADLINE, every: float = 0.05
) -> Found:
    """Call `ready` until its answer is true, and return the answer.

    Args:
        what: is waited for, for the message.
        ready: the condition; an exception that it raises ends the wait.
        seconds: to wait at most.
        every: seconds between two calls.

    Raises:
        WaitTimeoutError: the deadline has passed.
        WaitAbortedError: a blocker of `abort_waits_if` gave a reason.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := ready()):
        raise_if_aborted(what)
        if time.monotonic() > deadline:
            raise WaitTimeoutError(f"{what} took longer than {seconds:g} s")
        pause.wait(every)
    return found


def raise_if_aborted(what: str) -> None:
    """Do nothing if waiting may help.

    Raises:
        WaitAbortedError: a blocker of `abort_waits_if` gave a reason.
    """
    for blocker in _blockers:
        if reason := blocker():
            raise WaitAbortedError(f"{what} cannot come: {reason}")


@contextlib.contextmanager
def abort_waits_if(blocker: Callable[[], str]) -> Iterator[None]:
    """End every wait of this block as soon as `blocker` gives a reason.

    Args:
        blocker: returns why no wait can succeed, or an empty string; called often.
    """
    _blockers.append(blocker)
    try:
        yield
    finally:
        _blockers.remove(blocker)


def free_port(address: str = "127.0.0.1") -> int:
    """A port on which nothing listens.

    It is below the range from which outgoing connections take their ports. Otherwise a busy machine could
    give the port to a connection before the server starts.
    """
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise WaitTimeoutError(f"no free port between 20000 and 32000 on {address}")


def answers(address: str, port: int) -> bool:
    """Whether a server accepts connections at this address."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False
