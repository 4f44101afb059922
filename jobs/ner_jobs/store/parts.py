"""Transfers of large objects in parts, with bounded memory.

Parts are transferred in parallel, but SHA-256 needs them in order. So each
transfer keeps a window of parts, and all transfers of a store share a number
of slots: memory is at most slots times the part's size, for any number of files.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

MIB = 1 << 20

MOST_PARTS = 10_000
"""S3's limit for one object."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Transfers:
    """How large objects are moved.

    Attributes:
        part: bytes of a part; S3 wants 5 MiB at least. Smaller objects go in one request.
        parallel: parts transferred at once, over all files of a store.
    """

    part: int = 16 * MIB
    parallel: int = 4


def part_size(size: int, smallest: int) -> int:
    """Bytes of a part: the smallest, or whole MiB so that S3's limit of parts is kept."""
    needed = math.ceil(size / MOST_PARTS)
    return smallest if needed <= smallest else math.ceil(needed / MIB) * MIB


def ranges(size: int, part: int) -> Iterator[tuple[int, int]]:
    """(first, last) byte of each part, both inclusive, as HTTP counts."""
    for first in range(0, size, part):
        yield first, min(first + part, size) - 1


class Parallel:
    """Threads and slots that all transfers of a store share.

    Args:
        parallel: threads; there are two more slots, so that the next part is ready when one is done.
    """

    def __init__(self, parallel: int) -> None:
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="s3")
        self._slots = threading.BoundedSemaphore(parallel + 2)

    def in_order(
        self, given: Iterable[Given], work: Callable[[Given], Result]
    ) -> Generator[Result, None, None]:
        """Results of `work`, computed in parallel, in the order of `given`.

        A slot is held from before an item is taken from `given` until its result has been consumed,
        so items and results together stay within the budget. Of each transfer the oldest part always
        holds a slot already, so transfers that share the budget cannot block each other for ever.
        """
        items = iter(given)
        window: deque[Future[Result]] = deque()
        ended = False
        try:
            while True:
                while not ended and self._slots.acquire(blocking=not window):
                    try:
                        item = next(items)
                    except StopIteration:
                        ended = True
                        self._slots.release()
                        break
                    except BaseException:
                        self._slots.release()
                        raise
                    window.append(self._threads.submit(work, item))
                    del item
                if not window:
                    return
                try:
                    yield window[0].result()
                finally:
                    window.popleft()
                    self._slots.release()
        finally:
            for future in window:
                future.cancel()
            for future in window:
                if not future.cancelled():
                    future.exception()
                self._slots.release()
