"""The second reading: sentences are normalised to IOB2, counted, and written as snapshots."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.corpus.statistics import SplitStatistics, SubTokenCounter
from ner_jobs.corpus.tags import InvalidTags, Scheme, normalise

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class SplitWriter:
    """Reads splits again and writes them.

    Attributes:
        output: gets a folder for each split.
        read: the sentences of a split as its file has them, from the start.
        scheme: of their tags.
        max_length: sub-tokens in a window, specials included.
        counter: of sub-tokens.
        statistics: by split, of what was counted so far.
    """

    output: Path
    read: Callable[[str], Iterator[RawSentence]]
    scheme: Scheme
    max_length: int
    counter: SubTokenCounter
    statistics: dict[str, SplitStatistics] = field(default_factory=dict)

    def normalised(self, split: str) -> Iterator[Sentence]:
        """Read a split; a sentence without tokens is noted and left out."""
        statistics = self._of(split)
        for ordinal, raw in enumerate(self.read(split), 1):
            if not raw.tokens and raw.input_ids is None:
                statistics.skip(raw)
                continue
            if statistics.invalid is not None:
                statistics.invalid.add(raw)
            yield normalise(raw, self.scheme, split, ordinal)

    def counted(self, split: str, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Count sentences in the split's statistics as they pass.

        Raises:
            PermanentError: see `SplitStatistics.add`.
        """
        statistics = self._of(split)
        for sentence in sentences:
            statistics.add(sentence)
            yield sentence

    def write(self, split: str, sentences: Iterable[Sentence]) -> None:
        """Count sentences and write them as the split's snapshot."""
        write_sentences(self.output / split, self.counted(split, sentences))

    def _of(self, split: str) -> SplitStatistics:
        if split not in self.statistics:
            self.statistics[split] = SplitStatistics(self.max_length, self.counter, InvalidTags(self.scheme))
        return self.statistics[split]

    @property
    def present(self) -> dict[str, SplitStatistics]:
        """Statistics of train, validation and test, as far as they have sentences."""
        return {
            split: self.statistics[split]
            for split in SPLITS
            if split in self.statistics and len(self.statistics[split].tokens)
        }
