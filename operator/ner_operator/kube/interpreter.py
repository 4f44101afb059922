"""Settings of Python for a process with many threads that parses large answers and keeps little of them.

Python's defaults suit other programs. Their cost was measured with 2,400 and
3,000 Jobs, created by `make bench NAME=scale`.
"""

import ctypes
import gc
import sys

SWITCH = 0.001
"""Seconds that a thread may keep the interpreter while others wait for it. With Python's 5 ms, kopf's loop,
and so each event, would wait 5 ms for every busy worker."""

COLLECT = (10_000, 50, 100)
"""Garbage collection: after how many new containers, and how rarely for older ones. An answer of the server
is thousands of containers without a cycle. Python's (700, 10, 10) took a third of a start's CPU time."""

ARENAS = 2
"""Heaps of glibc's malloc. By default each thread gets its own, up to eight for each processor, and threads
cannot reuse each other's free memory: 17 MiB of 160."""

_M_ARENA_MAX = -8
"""From mallopt(3)."""


def tune() -> None:
    """Apply all settings. Call this before any thread starts."""
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECT)
    # Other C libraries (musl, macOS) have no arenas to bound.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def freeze() -> None:
    """Keep what exists now (modules, cached records) out of all later garbage collections."""
    gc.freeze()
