"""Tag schemes: found from the tags, and normalised to IOB2.

Five schemes are in use for the same spans. One rule finds the scheme of a
corpus: of the schemes that have all the prefixes in it, the one under which the
fewest tags are invalid; on a tie the first of IOB2, IOB1, BIOES, BMES, BILOU.
(If a file has only single-token entities in B-, all schemes read the same
spans.) Whether a tag is valid depends only on its neighbours, so counted pairs
of neighbouring tags are all that the rule needs.

Gold is never repaired. An IOB2 corpus is kept tag by tag, valid or not. From
the other schemes the spans are kept, and invalid tags are counted and shown
with file and line.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from ner_jobs.corpus.sentence import Entity, RawSentence, Sentence
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import TagScheme

Scheme = Literal["IOB1", "IOB2", "BIOES", "BMES", "BILOU"]
OUTSIDE = "O"
EXAMPLES_KEPT = 5


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """The prefixes of a scheme, by what they mark."""

    begin: str
    inside: str
    end: str
    single: str

    @property
    def prefixes(self) -> frozenset[str]:
        return frozenset((self.begin, self.inside, self.end, self.single))

    def opens(self, prefix: str) -> bool:
        """Whether an entity always continues after this prefix."""
        return self.begin != self.single and prefix in (self.begin, self.inside)


ALPHABETS: dict[Scheme, _Alphabet] = {
    "IOB2": _Alphabet("B", "I", "I", "B"),
    "IOB1": _Alphabet("B", "I", "I", "B"),
    "BIOES": _Alphabet("B", "I", "E", "S"),
    "BMES": _Alphabet("B", "M", "E", "S"),
    "BILOU": _Alphabet("B", "I", "L", "U"),
}
SCHEMES: tuple[Scheme, ...] = ("IOB2", "IOB1", "BIOES", "BMES", "BILOU")
PREFIXES = frozenset("BIESMLU")


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """(prefix, type) of a tag; ("O", "") outside. The type may hold hyphens itself.

    Raises:
        ValueError: no scheme has such a tag; the message says what to write.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, hyphen, name = tag.partition("-")
    if prefix in PREFIXES and hyphen and name:
        return prefix, name
    if prefix in PREFIXES and (hyphen or not name):
        raise ValueError(f"tag {tag!r} has no entity type; write {prefix}-TYPE, such as {prefix}-PER")
    if len(tag) > 2 and tag[0] in PREFIXES and not tag[1].isalnum():
        raise ValueError(f"tag {tag!r} has no hyphen after its prefix; write {tag[0]}-{tag[2:]}")
    if tag.upper() == OUTSIDE or (hyphen and prefix.upper() in PREFIXES):
        raise ValueError(f"tag {tag!r} has a small prefix; write {prefix.upper()}{hyphen}{name}")
    ending = tag.rpartition("-")
    if ending[1] and ending[2] in PREFIXES:
        raise ValueError(f"tag {tag!r} has its prefix at the end; write {ending[2]}-{ending[0]}")
    raise ValueError(f"{tag!r} is not a tag; write O, or a prefix, a hyphen and a type, such as B-PER")


def is_valid(scheme: Scheme, before: str, tag: str) -> bool:
    """May `tag` follow `before` (O at both ends of a sentence)?"""
    first, first_type = split_tag(before)
    second, second_type = split_tag(tag)
    alphabet = ALPHABETS[scheme]
    if scheme == "IOB2":
        return second != "I" or (first in ("B", "I") and first_type == second_type)
    if scheme == "IOB1":
        return second != "B" or (first in ("B", "I") and first_type == second_type)
    goes_on = second in (alphabet.inside, alphabet.end)
    if alphabet.opens(first):
        return goes_on and first_type == second_type
    return not goes_on


@dataclass(slots=True)
class TagCensus:
    """Counts of a corpus' tags: enough to find the scheme.

    Attributes:
        pairs: how often a tag follows another; a sentence is counted with an O at each end.
        first_seen: the place of each tag's first occurrence.
        sentences: all of them, with tags or without.
    """

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_seen: dict[str, str] = field(default_factory=dict)
    sentences: int = 0

    def add(self, sentence: RawSentence) -> None:
        """Count a sentence, and its tags unless they were made from spans.

        Raises:
            PermanentError: no scheme has such a tag; with file and line.
        """
        self.sentences += 1
        tags = sentence.tags
        if tags is None or sentence.tags_are_iob2:
            return
        if not self.first_seen.keys() >= set(tags):
            self._note_new(sentence, tags)
        self.pairs.update(zip((OUTSIDE, *tags), (*tags, OUTSIDE), strict=True))

    def _note_new(self, sentence: RawSentence, tags: Sequence[str]) -> None:
        for at, tag in enumerate(tags):
            if tag not in self.first_seen:
                try:
                    split_tag(tag)
                except ValueError as error:
                    raise PermanentError(f"{sentence.where(at)}: {error}") from error
                self.first_seen[tag] = sentence.where(at)

    def invalid(self, scheme: Scheme) -> int:
        """Count the tags that the scheme does not allow after their predecessors."""
        return sum(count for pair, count in self.pairs.items() if not is_valid(scheme, *pair))


def find_scheme(censuses: Iterable[TagCensus], asked: TagScheme = "auto") -> Scheme:
    """Find the one scheme of all splits by the rule above, or check the one that was asked for.

    Raises:
        PermanentError: no scheme has all the prefixes, or the one that was asked for has not.
    """
    every = list(censuses)
    seen: dict[str, str] = {}
    for census in every:
        for tag, where in census.first_seen.items():
            seen.setdefault(split_tag(tag)[0], f"{tag} at {where}")
    seen.pop(OUTSIDE, None)
    allowed = SCHEMES if asked == "auto" else (asked,)
    candidates = [scheme for scheme in allowed if seen.keys() <= ALPHABETS[scheme].prefixes]
    if candidates:
        return min(candidates, key=lambda scheme: sum(census.invalid(scheme) for census in every))
    if asked == "auto":
        places = "; ".join(f"{prefix}-: {where}" for prefix, where in sorted(seen.items()))
        raise PermanentError(
            f"no tag scheme has all of the prefixes {', '.join(sorted(seen))} ({places}); "
            "write every file in one of IOB1, IOB2, BIOES, BMES, BILOU"
        )
    wrong = next(prefix for prefix in sorted(seen) if prefix not in ALPHABETS[asked].prefixes)
    raise PermanentError(
        f"{seen[wrong]} is not a tag of {asked}, which spec.data.scheme asks for; "
        "leave spec.data.scheme out to have it found, or correct the file"
    )


@dataclass(slots=True)
class InvalidTags:
    """Tags that their scheme does not allow after their predecessors: a count and the first few."""

    scheme: Scheme
    count: int = 0
    sentences: int = 0
    examples: list[str] = field(default_factory=list)
    _bad: set[tuple[str, str]] = field(default_factory=set)
    _good: set[tuple[str, str]] = field(default_factory=set)

    def add(self, sentence: RawSentence) -> None:
        """Check a sentence's tags as they were written."""
        if sentence.tags is None or sentence.tags_are_iob2:
            return
        pairs = tuple(zip((OUTSIDE, *sentence.tags), (*sentence.tags, OUTSIDE), strict=True))
        if self._good.issuperset(pairs):
            return
        found = [at for at, pair in enumerate(pairs) if not self._is_good(pair)]
        self.count += len(found)
        self.sentences += bool(found)
        for at in found[: max(0, EXAMPLES_KEPT - len(self.examples))]:
            before, tag = pairs[at]
            at_end = at == len(sentence.tags)
            where = sentence.where(min(at, len(sentence.tags) - 1))
            after = "at the start of a sentence" if at == 0 else f"after {before}"
            self.examples.append(
                f"{where}: {before} at the end of a sentence" if at_end else f"{where}: {tag} {after}"
            )

    def _is_good(self, pair: tuple[str, str]) -> bool:
        if pair in self._good:
            return True
        if pair not in self._bad:
            good = is_valid(self.scheme, *pair)
            (self._good if good else self._bad).add(pair)
            return good
        return False


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """The same spans in IOB2.

    IOB2 is returned unchanged, invalid or not. In the other schemes an inside
    or end that continues nothing becomes an I-, which is as invalid in IOB2.
    But if it follows an entity of its own type that has ended, it becomes a B-,
    because an I- would join two spans.
    """
    if scheme == "IOB2":
        return tuple(tags)
    alphabet = ALPHABETS[scheme]
    result: list[str] = []
    before, before_type = OUTSIDE, ""
    for tag in tags:
        prefix, name = split_tag(tag)
        if prefix == OUTSIDE:
            result.append(OUTSIDE)
        elif prefix in (alphabet.begin, alphabet.single):
            result.append(_tag("B", name))
        elif scheme == "IOB1":
            result.append(_tag("I" if before != OUTSIDE and before_type == name else "B", name))
        else:
            ended = before_type == name and before in (alphabet.end, alphabet.single)
            result.append(_tag("B" if ended else "I", name))
        before, before_type = prefix, name
    return tuple(result)


def tags_of(entities: Sequence[Entity], length: int, scheme: Scheme = "IOB2") -> tuple[str, ...]:
    """Tags of spans that do not overlap.

    Args:
        entities: token positions, within `length`.
        length: tokens of the sentence.
        scheme: to write.
    """
    alphabet = ALPHABETS[scheme]
    tags = [OUTSIDE] * length
    touching: dict[int, str] = {entity.end: entity.type for entity in entities}
    for entity in entities:
        last = entity.end - 1
        tags[entity.start : entity.end] = [_tag(alphabet.inside, entity.type)] * (entity.end - entity.start)
        if scheme == "IOB1":
            first = "B" if touching.get(entity.start) == entity.type else "I"
            tags[entity.start] = _tag(first, entity.type)
            continue
        tags[last] = _tag(alphabet.end, entity.type)
        tags[entity.start] = _tag(alphabet.single if last == entity.start else alphabet.begin, entity.type)
    return tuple(tags)


def normalise(sentence: RawSentence, scheme: Scheme, split: str, ordinal: int) -> Sentence:
    """The sentence as the product keeps it.

    Args:
        sentence: as read.
        scheme: of its tags.
        split: `train`, `validation`, `test`, …: part of the id if the user gave none.
        ordinal: from 1, in the file.
    """
    tags = sentence.tags
    if tags is not None and not sentence.tags_are_iob2:
        tags = to_iob2(tags, scheme)
    return Sentence(
        sentence.id if sentence.id is not None else f"{split}:{ordinal}",
        sentence.tokens,
        tags,
        sentence.input_ids,
        sentence.where(),
        sentence.document,
    )


@lru_cache(maxsize=4096)
def _tag(prefix: str, name: str) -> str:
    return f"{prefix}-{name}"
