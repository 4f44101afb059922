"""Of two attempts at one key, the second waits: it saves work, and nothing rests on it.

The holder rewrites a small object now and then. A waiter trusts no clock but
its own: it looks whether the object changes. A holder that was killed leaves
an object that changes no more; on the same host its process is seen to be
gone at once.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

from ner_jobs.store.protocol import Store
from ner_jobs.task import StageError

HEARTBEAT_SECONDS = 5.0
EXPIRY_SECONDS = 30.0
"""A lease that has not changed for so long is nobody's."""

POLL_SECONDS = 1.0


@contextlib.contextmanager
def lease(
    store: Store,
    stage: str,
    key: str,
    attempt: str,
    finished: Callable[[], bool],
    stopping: threading.Event,
    log: Callable[[str], None],
    expiry: float = EXPIRY_SECONDS,
) -> Iterator[bool]:
    """Hold the lease of a key while the block runs, waiting for its present holder first.

    Args:
        finished: whether the key's result is there by now.
        stopping: ends the wait.
        expiry: seconds without a change after which a holder is taken for dead.

    Yields:
        True where the caller should go on; False where the result appeared while waiting, or the
        wait was stopped.
    """
    name = f"{stage}/{key}/lease.json"
    if not _wait(store, name, attempt, finished, stopping, log, expiry):
        yield False
        return
    done = threading.Event()

    def beat() -> None:
        count = 0
        while not done.wait(HEARTBEAT_SECONDS):
            count += 1
            # A store that does not answer now may answer the next time; nothing rests on it.
            with contextlib.suppress(StageError):
                store.put(name, _holder(attempt, count))

    with contextlib.suppress(StageError):
        store.put(name, _holder(attempt, 0))
    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield True
    finally:
        done.set()
        heart.join()
        with contextlib.suppress(StageError):
            found = store.get(name)
            if found and _read(found[0]).get("attempt") == attempt:
                store.delete(name)


def _wait(
    store: Store,
    name: str,
    attempt: str,
    finished: Callable[[], bool],
    stopping: threading.Event,
    log: Callable[[str], None],
    expiry: float,
) -> bool:
    seen, since, told = "", time.monotonic(), False
    while True:
        found = store.get(name)
        if finished():
            return False
        if found is None:
            return True
        holder = _read(found[0])
        if holder.get("attempt") == attempt or _is_gone(holder):
            return True
        if found[1] != seen:
            seen, since = found[1], time.monotonic()
        elif time.monotonic() - since >= expiry:
            log(f"attempt {holder.get('attempt')} on {holder.get('host')} has gone silent; taking over")
            return True
        if not told:
            log(
                f"attempt {holder.get('attempt')} on {holder.get('host')} works on the same key; waiting for it"
            )
            told = True
        if stopping.wait(POLL_SECONDS):
            return False


def _holder(attempt: str, count: int) -> bytes:
    return json.dumps(
        {
            "attempt": attempt,
            "host": socket.gethostname(),
            "boot": _boot(),
            "pid": os.getpid(),
            "count": count,
        }
    ).encode()


def _read(data: bytes) -> dict[str, object]:
    with contextlib.suppress(ValueError):
        value = json.loads(data)
        if isinstance(value, dict):
            return value
    return {}


def _is_gone(holder: dict[str, object]) -> bool:
    """Whether the holder ran on this very host, in this boot, and its process is no more."""
    if holder.get("host") != socket.gethostname() or holder.get("boot") != _boot():
        return False
    pid = holder.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _boot() -> str:
    """Names this boot and process-id namespace; pids mean nothing beyond."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
        return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""
