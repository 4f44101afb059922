"""Puts results back into the order of the input, in bounded memory.

Workers finish in any order, so inputs are numbered. A number that comes twice
or never is an error of the program. It is always raised, because a predictions
file with a gap or a shift looks like a good one.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OrderError(RuntimeError):
    """A result came twice, has an unknown number, or never came."""


class Ordered(Generic[T]):
    """Numbers the inputs, and hands out the results by number.

    Args:
        capacity: how many inputs may be open: announced, and their results not yet handed out.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._expected = 0
        self._next = 0
        self._waiting: dict[int, T] = {}

    @property
    def open(self) -> int:
        """How many inputs were announced whose results are not yet handed out."""
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
            OrderError: its number was not announced, or came before.
        """
        if number >= self._expected:
            raise OrderError(f"result {number} came unasked; {self._expected} inputs were read")
        if number < self._next or number in self._waiting:
            raise OrderError(f"result {number} came twice")
        self._waiting[number] = result

    def ready(self) -> Iterator[T]:
        """Hand out the next results, up to the first that is missing."""
        while self._next in self._waiting:
            result = self._waiting.pop(self._next)
            self._next += 1
            yield result

    def end(self) -> None:
        """Check that every result was handed out; called when no more will come.

        Raises:
            OrderError: some never came.
        """
        if self.open:
            missing = self.open - len(self._waiting)
            raise OrderError(f"result {self._next} never came; {missing} of {self._expected} are missing")
