"""Results back into the order of the input, in bounded memory.

Workers finish in any order. What has been read and not yet written is
numbered; a number that comes twice, or never, is a fault of the program and
is said, since a predictions file with a gap or a shift looks like a good one.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OrderError(RuntimeError):
    """A result came twice, came unasked, or never came."""


class Ordered(Generic[T]):
    """Numbers what is read, and hands results out by number.

    Args:
        capacity: how many may be read and not yet handed out.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._expected = 0
        self._next = 0
        self._waiting: dict[int, T] = {}

    @property
    def open(self) -> int:
        """How many were announced and not yet handed out."""
        return self._expected - self._next

    def expect(self, count: int) -> range:
        """Announce the next `count` inputs.

        Returns:
            Their numbers.

        Raises:
            OrderError: more would be open than the capacity.
        """
        if self.open + count > self.capacity:
            raise OrderError(f"{self.open + count} results would be open, {self.capacity} may be")
        first = self._expected
        self._expected += count
        return range(first, self._expected)

    def add(self, number: int, result: T) -> None:
        """Take a result, in any order.

        Raises:
            OrderError: it was never announced, or is there already.
        """
        if number >= self._expected:
            raise OrderError(f"result {number} came unasked; {self._expected} inputs were read")
        if number < self._next or number in self._waiting:
            raise OrderError(f"result {number} came twice")
        self._waiting[number] = result

    def ready(self) -> Iterator[T]:
        """Hand out what is next, as far as it is there without a gap."""
        while self._next in self._waiting:
            result = self._waiting.pop(self._next)
            self._next += 1
            yield result

    def end(self) -> None:
        """Called when no more results will come.

        Raises:
            OrderError: some never came.
        """
        if self.open:
            missing = self.open - len(self._waiting)
            raise OrderError(f"result {self._next} never came; {missing} of {self._expected} are missing")
