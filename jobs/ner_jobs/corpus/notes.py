"""What a reader noticed in a data set and did not refuse: a sentence each, with its count and first place."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReadingNotes:
    """The notes of one reading. A data set is read more than once, so each reading starts them again."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Forget the notes of an earlier reading."""
        self.counts.clear()
        self.first.clear()

    def add(self, what: str, where: str) -> None:
        """Count one occurrence.

        Args:
            what: a short statement, the same for each occurrence.
            where: file and line.
        """
        self.counts[what] += 1
        self.first.setdefault(what, where)

    def warnings(self) -> list[str]:
        """A sentence for each statement."""
        return [f"{what}: {count}, the first at {self.first[what]}" for what, count in self.counts.items()]
