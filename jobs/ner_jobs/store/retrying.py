"""Retries: how often, how long in between, and until when.

They are not botocore's, because a conditional write has to know whether an
earlier try was sent and its answer lost: only then may our own write be the
reason of a refusal. Clock, sleep and random numbers are parameters, so that
tests do not wait.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential backoff with full jitter, bounded by a deadline.

    Attributes:
        deadline: seconds after the start of the first try in which another try may start.
        first: upper bound of the first wait, in seconds; it doubles with each try.
        longest: no wait is longer, in seconds.
    """

    deadline: float = 120.0
    first: float = 0.2
    longest: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = field(default=random.random)

    def wait_before(self, attempt: int) -> float:
        """Seconds to wait before a try.

        Args:
            attempt: 1 for the first try again.

        Returns:
            Between half of the bound and the bound, so that clients do not retry at the same time.
        """
        bound = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        return bound * (0.5 + 0.5 * self.chance())

    def run(self, send: Callable[[int], Result], is_transient: Callable[[Exception], bool]) -> Result:
        """Send until the answer is final.

        Args:
            send: gets the number of the try, from 0.
            is_transient: whether the same request may succeed later.

        Raises:
            Exception: the first error that is not transient, or the last one before the deadline.
        """
        began = self.clock()
        attempt = 0
        while True:
            try:
                return send(attempt)
            except Exception as error:
                attempt += 1
                wait = self.wait_before(attempt)
                if not is_transient(error) or self.clock() + wait - began > self.deadline:
                    raise
            self.sleep(wait)
