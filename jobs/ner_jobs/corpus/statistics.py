"""Statistics of a corpus: counts, lengths, and what may make a score misleading.

Sentences are counted one at a time. Nothing is corrected: what a person should
know becomes a warning, a sentence in the log.
"""

import json
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ner_jobs.corpus.labels import types_of
from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.tags import OUTSIDE, InvalidTags, split_tag
from ner_jobs.task import PermanentError

EXAMPLES_KEPT = 5
MANY_UNKNOWN = 0.05
"""If the share of unknown tokens is above this, the tokenizer hardly fits the text."""


class SubTokenCounter(dict[str, int]):
    """Sub-tokens of a token, each distinct token tokenised once.

    Args:
        tokenizer: of the base model, without padding and truncation.

    Attributes:
        specials: sub-tokens that every window has in addition.
        unknown: distinct tokens that became the unknown token, in whole or in part.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self.specials: int = tokenizer.num_special_tokens_to_add(False)
        name = getattr(tokenizer.model, "unk_token", None)
        self._unknown_id = None if name is None else tokenizer.token_to_id(name)
        self.unknown: set[str] = set()

    def __missing__(self, token: str) -> int:
        ids = self._tokenizer.encode([token], is_pretokenized=True, add_special_tokens=False).ids
        if self._unknown_id is not None and self._unknown_id in ids:
            self.unknown.add(token)
        self[token] = len(ids)
        return len(ids)


@dataclass(slots=True)
class SplitStatistics:
    """One split, sentence by sentence.

    Attributes:
        max_length: sub-tokens in a window, specials included.
        counter: None if the split has no text.
        invalid: tags that their scheme does not allow; None if no raw tags were read.
        empty: places of sentences without a token, which are left out.
    """

    max_length: int
    counter: SubTokenCounter | None
    invalid: InvalidTags | None = None
    tokens: "array[int]" = field(default_factory=lambda: array("l"))
    sub_tokens: "array[int]" = field(default_factory=lambda: array("l"))
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: set[int] = field(default_factory=set)
    duplicates: int = 0
    without_sub_tokens: int = 0
    unknown: int = 0
    empty: list[str] = field(default_factory=list)

    def add(self, sentence: Sentence) -> None:
        """Count a sentence.

        Raises:
            PermanentError: a token alone, or a window of an npz set, is longer than the model's window.
        """
        text = text_digest(sentence)
        if text in self.texts:
            self.duplicates += 1
        self.texts.add(text)
        if sentence.input_ids is not None:
            if len(sentence.input_ids) > self.max_length:
                raise PermanentError(
                    f"{sentence.source}: {len(sentence.input_ids)} sub-tokens, the model's window holds "
                    f"{self.max_length}; raise spec.model.maxLength"
                )
            self.tokens.append(max(len(sentence.input_ids) - 2, 0))
            self.sub_tokens.append(len(sentence.input_ids))
        else:
            self.tokens.append(len(sentence.tokens))
            if self.counter is not None:
                self._add_sub_tokens(sentence, self.counter)
        if sentence.tags is not None:
            self.pairs.update(zip((OUTSIDE, *sentence.tags), (*sentence.tags, OUTSIDE), strict=True))

    def _add_sub_tokens(self, sentence: Sentence, counter: SubTokenCounter) -> None:
        counts = [counter[token] for token in sentence.tokens]
        room = self.max_length - counter.specials
        if counts and max(counts) > room:
            at = counts.index(max(counts))
            raise PermanentError(
                f"{sentence.source}: token {at + 1} ({sentence.tokens[at][:20]!r}…) alone has {counts[at]} "
                f"sub-tokens, a window holds {room}; raise spec.model.maxLength, or split the token"
            )
        self.sub_tokens.append(sum(counts) + counter.specials)
        self.without_sub_tokens += counts.count(0)
        if counter.unknown:
            self.unknown += sum(token in counter.unknown for token in sentence.tokens)

    def skip(self, sentence: RawSentence) -> None:
        """Note a sentence without tokens."""
        self.empty.append(sentence.where())

    @property
    def tags(self) -> frozenset[str]:
        """IOB2 tags that the split has."""
        return frozenset(tag for _, tag in self.pairs)

    @property
    def entities(self) -> dict[str, int]:
        """Entities by type, as they are scored: an I- that continues nothing begins one."""
        counts: Counter[str] = Counter()
        for (before, tag), count in self.pairs.items():
            prefix, name = split_tag(tag)
            if prefix == "B" or (prefix == "I" and split_tag(before)[1] != name):
                counts[name] += count
        return dict(sorted(counts.items()))

    def figures(self) -> dict[str, Any]:
        """All figures, for the record and the metrics."""
        tokens = sum(self.tokens)
        figures: dict[str, Any] = {
            "sentences": len(self.tokens),
            "tokens": tokens,
            "entities": self.entities,
            "lengths": {"tokens": lengths(self.tokens), "subTokens": lengths(self.sub_tokens)},
            "longerThanWindow": sum(length > self.max_length for length in self.sub_tokens),
            "tokensWithoutSubTokens": self.without_sub_tokens,
            "unknownTokens": self.unknown,
            "duplicates": self.duplicates,
            "emptySentences": len(self.empty),
        }
        if self.invalid is not None:
            figures["invalidTags"] = {
                "count": self.invalid.count,
                "sentences": self.invalid.sentences,
                "examples": self.invalid.examples,
            }
        return figures

    def warnings(self, split: str) -> list[str]:
        """What a person should look at, a sentence each."""
        found: list[str] = []
        if self.invalid is not None and self.invalid.count:
            found.append(
                f"{split}: tags that are invalid in {self.invalid.scheme}, kept as they read: "
                f"{self.invalid.count}, in {self.invalid.sentences} sentences; the first: "
                f"{'; '.join(self.invalid.examples)}"
            )
        if self.duplicates:
            found.append(f"{split}: repeated sentences: {self.duplicates}")
        if self.empty:
            found.append(
                f"{split}: sentences without a token, left out: {len(self.empty)}, the first at "
                f"{'; '.join(self.empty[:EXAMPLES_KEPT])}"
            )
        total = sum(self.tokens)
        if total and self.unknown / total > MANY_UNKNOWN:
            found.append(
                f"{split}: {self.unknown} of {total} tokens are unknown to the tokenizer; "
                "is it the base model's own?"
            )
        return found


def text_digest(sentence: Sentence) -> int:
    """A number that is equal for equal texts, within this process."""
    return hash(sentence.tokens if sentence.input_ids is None else sentence.input_ids)


def lengths(values: Sequence[int]) -> dict[str, int]:
    """p50, p95 and the largest; values that occur, not means of two."""
    if not len(values):
        return {"p50": 0, "p95": 0, "max": 0}
    p50, p95 = np.percentile(np.asarray(values), [50, 95], method="inverted_cdf")
    return {"p50": int(p50), "p95": int(p95), "max": int(max(values))}


def shared_sentences(splits: Mapping[str, SplitStatistics]) -> dict[str, int]:
    """Distinct sentences that two splits share, by `train/test` and so on; leakage if one is test."""
    names = list(splits)
    return {
        f"{one}/{other}": len(splits[one].texts & splits[other].texts)
        for at, one in enumerate(names)
        for other in names[at + 1 :]
    }


def types_not_everywhere(splits: Mapping[str, SplitStatistics]) -> dict[str, list[str]]:
    """Entity types that some split lacks, with the splits that have them."""
    having: dict[str, list[str]] = {}
    for split, statistics in splits.items():
        for name in types_of(statistics.tags):
            having.setdefault(name, []).append(split)
    return {name: found for name, found in sorted(having.items()) if len(found) < len(splits)}


def overlap_warnings(shared: Mapping[str, int], partly: Mapping[str, Sequence[str]]) -> list[str]:
    """What a person should look at, a sentence each.

    Args:
        shared: see `shared_sentences`.
        partly: see `types_not_everywhere`.
    """
    return [
        f"{pair.replace('/', ' and ')} share sentences, {count} of them distinct"
        for pair, count in shared.items()
        if count
    ] + [f"entity type {name} is in {' and '.join(splits)} alone" for name, splits in partly.items()]


def write_statistics(path: Path, content: Mapping[str, Any]) -> None:
    """Write the record `statistics.json`."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
