"""A lease: of two attempts at one key, the second waits. It saves work, and no result depends on it.

The holder rewrites a small object every few seconds. A waiter uses only its own
clock: it checks whether the object changes. If the holder is killed, the object
stops changing; on the same host, the waiter also sees that the process is gone.
Taking and renewing the lease are conditional writes, so only one of many
waiters gets it. If two attempts compute anyway, the first manifest wins.
"""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ner_jobs.store.protocol import Store
from ner_jobs.task import StageError


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Intervals in seconds.

    Attributes:
        beat: between two renewals.
        expiry: without a renewal, after which the lease may be taken over.
        poll: between two reads of a waiter.
    """

    beat: float = 5.0
    expiry: float = 30.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that works on a key.

    Attributes:
        nonce: of this lease; no two are equal.
        boot: id of the boot and of the process-id namespace in which `pid` is valid.
        born: start of the process, in the kernel's ticks, because a pid is reused.
    """

    attempt: str = ""
    host: str = ""
    nonce: str = ""
    boot: str = ""
    pid: int = 0
    born: str = ""
    count: int = field(default=0, compare=False)

    @classmethod
    def this_process(cls, attempt: str) -> "Holder":
        """This process as a holder, with a new nonce."""
        return cls(
            attempt=attempt,
            host=socket.gethostname(),
            nonce=secrets.token_hex(8),
            boot=_boot(),
            pid=os.getpid(),
            born=_born(os.getpid()),
        )

    @classmethod
    def parse(cls, data: bytes) -> "Holder":
        """The holder in a lease's object; its fields are empty if it cannot be read."""
        with contextlib.suppress(ValueError, TypeError):
            return cls(**json.loads(data))
        return cls()

    def to_bytes(self, count: int) -> bytes:
        """The bytes of the object; a new count changes its version."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__ if name != "count"} | {"count": count}
        ).encode()

    def is_gone(self) -> bool:
        """Whether it ran in this boot and its process has exited."""
        return bool(self.boot) and self.boot == _boot() and _born(self.pid) != self.born


def lease_key(stage: str, key: str) -> str:
    """Key of the lease's object."""
    return f"{stage}/{key}/lease.json"


@contextlib.contextmanager
def lease(
    store: Store,
    name: str,
    attempt: str,
    finished: Callable[[], bool],
    stopping: threading.Event,
    log: Callable[[str], None],
    rhythm: Rhythm | None = None,
) -> Iterator[bool]:
    """Wait for a lease and hold it while the block runs.

    Args:
        store: that has it.
        name: of the lease's object (`lease_key`).
        attempt: of the task, for logs.
        finished: whether the key's result exists.
        stopping: ends the wait.
        log: gets a line about the holder that we wait for.
        rhythm: intervals; the default is for real stores.

    Yields:
        True if the caller holds the lease; False if the result appeared while waiting, or the
        wait was stopped.
    """
    rhythm = rhythm or Rhythm()
    us = Holder.this_process(attempt)
    version = _take(store, name, us, finished, stopping, log, rhythm)
    if version is None:
        yield False
        return
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(store, name, us, version, done, log, rhythm), daemon=True)
    heart.start()
    try:
        yield True
    finally:
        done.set()
        heart.join(rhythm.beat)
        with contextlib.suppress(StageError):
            found = store.get(name)
            if found and Holder.parse(found[0]) == us:
                store.delete(name)


def _take(
    store: Store,
    name: str,
    us: Holder,
    finished: Callable[[], bool],
    stopping: threading.Event,
    log: Callable[[str], None],
    rhythm: Rhythm,
) -> str | None:
    """Wait for the lease and take it; returns its version, or None if there is nothing to do."""
    seen, since, logged = "", time.monotonic(), ""
    data = us.to_bytes(0)
    while True:
        found = store.get(name)
        if finished():
            return None
        if found is None:
            if store.create(name, data):
                return _version_of(store, name)
            continue
        holder = Holder.parse(found[0])
        if found[1] != seen:
            seen, since = found[1], time.monotonic()
        silent = time.monotonic() - since >= rhythm.expiry
        if holder.is_gone() or silent:
            how = "gone silent" if silent else "died"
            log(f"attempt {holder.attempt} on {holder.host} has {how}; taking over")
            if store.replace(name, data, found[1]):
                return _version_of(store, name)
            continue
        if logged != holder.nonce:
            log(f"attempt {holder.attempt} on {holder.host} works on the same key; waiting for it")
            logged = holder.nonce
        if stopping.wait(rhythm.poll):
            return None


def _beat(
    store: Store,
    name: str,
    us: Holder,
    version: str,
    done: threading.Event,
    log: Callable[[str], None],
    rhythm: Rhythm,
) -> None:
    count = 0
    while not done.wait(rhythm.beat):
        count += 1
        # A store that does not answer now may answer at the next beat.
        with contextlib.suppress(StageError):
            if not version or not store.replace(name, us.to_bytes(count), version):
                found = store.get(name)
                if found is None or Holder.parse(found[0]) != us:
                    log("another attempt has taken this key over; the first manifest will win")
                    return
            version = _version_of(store, name)


def _version_of(store: Store, name: str) -> str:
    found = store.get(name)
    return found[1] if found else ""


def _boot() -> str:
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _born(pid: int) -> str:
    """Start of the process; empty if it does not run (a zombie does not)."""
    with contextlib.suppress(OSError, IndexError):
        # The command in parentheses may contain anything; the fields after it have fixed positions.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    return ""
