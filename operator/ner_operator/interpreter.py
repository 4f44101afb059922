"""How Python is set up for a process of many threads that reads large answers and keeps little of them.

Its defaults are made for something else. What they cost was measured with
2,400 and 3,000 Jobs, as `make bench NAME=scale` makes them.
"""

import ctypes
import gc
import sys

SWITCH = 0.001
"""Seconds that a thread may keep the interpreter while others want it. Python's 5 ms, times all threads that
look, is what kopf's loop would wait for its turn, and each event of the watch with it."""

COLLECT = (10_000, 50, 100)
"""When cycles of garbage are looked for: after so many new containers, and how seldom among older ones.
What the server answers is thousands of containers without a cycle; Python's own (700, 10, 10) took a
third of the processor time of a start."""

ARENAS = 2
"""Heaps of glibc's malloc. By itself it gives each thread its own, up to eight for each processor, and what
one has freed another cannot use: 17 MiB of 160."""

_M_ARENA_MAX = -8
"""Of mallopt(3)."""


def tune() -> None:
    """Set all of it, before there are threads."""
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECT)
    # Another C library (musl, macOS) has no arenas to bound.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def keep() -> None:
    """What is there now stays (modules, records of what was read): never look through it for garbage."""
    gc.freeze()
