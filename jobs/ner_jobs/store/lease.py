"""Of two attempts at one key, the second waits: it saves work, and nothing rests on it.

The holder rewrites a small object now and then. A waiter trusts no clock but
its own: it looks whether the object changes. A holder that was killed leaves
an object that changes no more; on the same host its process is seen to be
gone at once. Taking it and keeping it are conditional writes, so that one of
many waiters takes it over. Who has it in error only computes in vain: the
manifest decides.
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
    """Seconds, all of them.

    Attributes:
        beat: between two signs of life.
        expiry: without a sign of life, after which a holder is taken for dead.
        poll: between two looks of a waiter.
    """

    beat: float = 5.0
    expiry: float = 30.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a key.

    Attributes:
        nonce: of this lease; no two are equal.
        boot: names the boot and the process-id namespace: beyond them `pid` means nothing.
        born: the process's start, in the kernel's ticks: a pid alone is used again.
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
        """We ourselves, about to take a lease."""
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
        """The holder in a lease's object; one of empty fields where it cannot be read."""
        with contextlib.suppress(ValueError, TypeError):
            return cls(**json.loads(data))
        return cls()

    def to_bytes(self, count: int) -> bytes:
        """The object, with a number that makes it another each time."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__ if name != "count"} | {"count": count}
        ).encode()

    def is_gone(self) -> bool:
        """Whether it ran in this very boot, and its process is no more."""
        return bool(self.boot) and self.boot == _boot() and _born(self.pid) != self.born


def lease_key(stage: str, key: str) -> str:
    """Where the lease of a key lies."""
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
    """Hold a lease while the block runs, waiting for its present holder first.

    Args:
        store: that has it.
        name: of the lease's object (`lease_key`).
        attempt: of the task, for people.
        finished: whether the key's result is there by now.
        stopping: ends the wait.
        log: told whom we wait for.
        rhythm: of the signs of life; the default is for real stores.

    Yields:
        True where the caller should go on; False where the result appeared while waiting, or the
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
    """Wait for the lease and take it; returns its version, or None where there is nothing left to do."""
    seen, since, told = "", time.monotonic(), ""
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
        if told != holder.nonce:
            log(f"attempt {holder.attempt} on {holder.host} works on the same key; waiting for it")
            told = holder.nonce
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
        # A store that does not answer now may answer the next time; nothing rests on it.
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
    """When the process started, or nothing where there is none (a zombie is none)."""
    with contextlib.suppress(OSError, IndexError):
        # The command in parentheses may hold anything; what follows it has fixed places.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    return ""
