"""Waiting for what shall become true, with a deadline; and ports that nobody else has."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Found = TypeVar("Found")

DEADLINE = 240.0
"""Seconds for anything to become ready; it takes about three on two cores that do nothing else."""


class LateError(AssertionError):
    """What was waited for did not come."""


class InVainError(AssertionError):
    """What is waited for cannot come; the message says why."""


_hindrances: list[Callable[[], str]] = []


def until(
    what: str, ready: Callable[[], Found | None], seconds: float = DEADLINE, every: float = 0.05
) -> Found:
    """Ask again and again until the answer is true, and return it.

    Args:
        what: is waited for, for the message.
        ready: asked; whatever it raises ends the wait.
        seconds: to wait at most.
        every: seconds between two questions.

    Raises:
        LateError: it did not come in time.
        InVainError: it cannot come.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := ready()):
        refuse_in_vain(what)
        if time.monotonic() > deadline:
            raise LateError(f"{what} took longer than {seconds:g} s")
        pause.wait(every)
    return found


def refuse_in_vain(what: str) -> None:
    """Do nothing where waiting may help.

    Raises:
        InVainError: nothing that is waited for would come.
    """
    for hindrance in _hindrances:
        if why := hindrance():
            raise InVainError(f"{what} cannot come: {why}")


@contextlib.contextmanager
def in_vain_where(hindrance: Callable[[], str]) -> Iterator[None]:
    """End every wait of this block at once where something hinders all of them.

    Args:
        hindrance: says what, or nothing; asked often.
    """
    _hindrances.append(hindrance)
    try:
        yield
    finally:
        _hindrances.remove(hindrance)


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nothing listens on.

    Below the range out of which outgoing connections take theirs: a busy machine would give the port
    away between this question and the server's start.
    """
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise LateError(f"no free port between 20000 and 32000 on {address}")


def answers(address: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False
