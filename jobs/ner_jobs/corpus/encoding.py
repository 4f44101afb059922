"""From text to a model's input: the same in training and in every variant.

Tokens become sub-tokens, sub-tokens become windows that fit the model, and the
windows' logits become one row a token again. A window never cuts a token.
Windows overlap, and a token is decided by the window in which it is furthest
from a cut. Training and inference use the same windows, so a long sentence is
neither truncated nor learned twice.

This module needs the `tokenizers` library but not transformers, so inference
starts quickly.
"""

import itertools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ner_jobs.corpus.padding import IntArray
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.tags import OUTSIDE
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import Segmentation

FloatArray = npt.NDArray[np.float32]

OUTSIDE_LOGIT = 100.0
"""Logit of O where the model reads nothing: certain, and finite, so that softmax stays defined."""

TOKENS_IN_CACHE = 65_536
"""Distinct tokens whose sub-tokens are remembered; text has few distinct characters."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a sentence that fits the model.

    Attributes:
        input_ids: int64 (length,), specials included, without padding.
        tokens: int64 (decided,), the tokens of the sentence that this window decides.
        positions: int64 (decided,), the index in `input_ids` of each one's first sub-token.
    """

    input_ids: IntArray
    tokens: IntArray
    positions: IntArray


@dataclass(frozen=True, slots=True)
class Encoded:
    """A sentence as windows; every token that has a sub-token and fits is decided by exactly one of them.

    Attributes:
        windows: in the order of the sentence.
        token_count: of the sentence.
        too_long: tokens with more sub-tokens than a window holds. The model does not read them: they are O.
    """

    windows: tuple[Window, ...]
    token_count: int
    too_long: tuple[int, ...] = ()

    @property
    def decided(self) -> IntArray:
        """int64, ascending: the tokens that have a sub-token."""
        too_long = np.array(self.too_long, np.int64)
        return np.sort(np.concatenate([too_long, *(window.tokens for window in self.windows)]))

    def rows(self, logits: Sequence[FloatArray], outside: int) -> FloatArray:
        """Join the windows' logits into one row for each token of `decided`.

        Args:
            logits: a window each: float32 (at least its length, labels).
            outside: index of the label O, for tokens that are too long.

        Returns:
            float32 (decided tokens, labels).
        """
        read = np.concatenate(
            [values[window.positions] for window, values in zip(self.windows, logits, strict=True)]
        )
        if not self.too_long:
            return read
        decided = self.decided
        rows = np.zeros((len(decided), read.shape[-1]), np.float32)
        rows[:, outside] = OUTSIDE_LOGIT
        rows[~np.isin(decided, self.too_long)] = read
        return rows

    def fill_in(self, tags: Sequence[str]) -> tuple[str, ...]:
        """The tags of all tokens: a token that is not decided belongs to the entity around it, if any.

        A zero-width space, a soft hyphen or a byte order mark has no sub-token. The model reads the text
        without them, so they must not end an entity either.

        Args:
            tags: IOB2, one for each token of `decided`.
        """
        if len(tags) == self.token_count:
            return tuple(tags)
        filled = [OUTSIDE] * self.token_count
        last, before = -1, OUTSIDE
        for at, tag in zip(self.decided.tolist(), tags, strict=True):
            if tag.startswith("I-") and before[2:] == tag[2:]:
                filled[last + 1 : at] = [tag] * (at - last - 1)
            filled[at] = tag
            last, before = at, tag
        return tuple(filled)


def segment(text: str, segmentation: Segmentation) -> tuple[tuple[str, int, int], ...]:
    """Cut raw text into tokens as the training data was.

    Args:
        text: any text.
        segmentation: `characters` takes each code point that is no white space; `whitespace` splits at it.

    Returns:
        (token, start, end) each; offsets are code points of `text`, end exclusive.
    """
    if segmentation == "characters":
        return tuple((character, at, at + 1) for at, character in enumerate(text) if not character.isspace())
    tokens: list[tuple[str, int, int]] = []
    start = None
    for at, character in enumerate(text):
        if character.isspace():
            if start is not None:
                tokens.append((text[start:at], start, at))
                start = None
        elif start is None:
            start = at
    if start is not None:
        tokens.append((text[start:], start, len(text)))
    return tuple(tokens)


def join_tokens(tokens: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The text of tokens, and where each token starts in it.

    If all tokens are single characters nothing separates them, else a space.
    """
    glue = "" if all(len(token) <= 1 for token in tokens) else " "
    starts: list[int] = []
    at = 0
    for token in tokens:
        starts.append(at)
        at += len(token) + len(glue)
    return glue.join(tokens), tuple(starts)


class Encoder:
    """Encodes sentences with the tokenizer of a model.

    Args:
        tokenizer: of a model folder, without padding and truncation.
        max_length: sub-tokens in a window, specials included.
        segmentation: how raw text becomes tokens.

    Raises:
        PermanentError: `max_length` leaves no room for text between the tokenizer's specials.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, segmentation: Segmentation) -> None:
        self.segmentation: Segmentation = segmentation
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._prefix, self._suffix = self._specials()
        self._room = max_length - len(self._prefix) - len(self._suffix)
        if self._room < 1:
            raise PermanentError(f"maxLength {max_length} leaves no room for text", ExitCode.USAGE)
        self._special_ids = frozenset(
            number for number, added in tokenizer.get_added_tokens_decoder().items() if added.special
        )
        self._pieces = lru_cache(maxsize=TOKENS_IN_CACHE)(self._tokenize)

    def tokens_of(self, text: str) -> tuple[tuple[str, int, int], ...]:
        """Raw text as tokens with code-point offsets, by this encoder's segmentation."""
        return segment(text, self.segmentation)

    def encode(self, sentence: Sentence) -> Encoded:
        """Cut a sentence into windows; an npz sentence (`input_ids`) is one window already.

        Raises:
            PermanentError: an npz sentence is longer than the model's window.
        """
        if sentence.input_ids is not None:
            return self._encode_ready(sentence)
        pieces = [self._pieces(token) for token in sentence.tokens]
        too_long = tuple(at for at, piece in enumerate(pieces) if len(piece) > self._room)
        for at in too_long:
            pieces[at] = ()
        windows = [
            self._window(pieces, first, last, decided)
            for first, last, decided in self._spans([len(piece) for piece in pieces])
        ]
        return Encoded(tuple(windows), len(sentence.tokens), too_long)

    def about_too_long(self, sentence: Sentence, encoded: Encoded) -> str:
        """Name the first token of the sentence that is too long, and the way out."""
        at = encoded.too_long[0]
        token = sentence.tokens[at]
        return (
            f"{sentence.source or sentence.id}: token {at + 1} ({_shown(token)}) alone has "
            f"{len(self._pieces(token))} sub-tokens, a window holds {self._room}; raise "
            "spec.model.maxLength, or split the token"
        )

    def encode_batch(self, sentences: Iterable[Sentence]) -> list[Encoded]:
        """`encode` of each, in order."""
        return [self.encode(sentence) for sentence in sentences]

    def _encode_ready(self, sentence: Sentence) -> Encoded:
        """An npz set's window: its first and last real sub-tokens are specials, each other one a token."""
        ids = np.asarray(sentence.input_ids, np.int64)
        if len(ids) > self.max_length:
            raise PermanentError(
                f"{sentence.source or sentence.id}: {len(ids)} sub-tokens, the model takes {self.max_length}"
            )
        count = max(len(ids) - 2, 0)
        window = Window(ids, np.arange(count, dtype=np.int64), np.arange(1, count + 1, dtype=np.int64))
        return Encoded((window,) if count else (), count)

    def _specials(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What the tokenizer puts before and after a text, found by encoding a letter."""
        bare = self._tokenizer.encode("a", add_special_tokens=False).ids
        full = self._tokenizer.encode("a", add_special_tokens=True).ids
        for at in range(len(full) - len(bare) + 1):
            if full[at : at + len(bare)] == bare:
                return tuple(full[:at]), tuple(full[at + len(bare) :])
        return (), ()

    def _tokenize(self, token: str) -> tuple[int, ...]:
        ids = self._tokenizer.encode([token], is_pretokenized=True, add_special_tokens=False).ids
        if not self._special_ids.isdisjoint(ids):
            ids = [
                text
                for number in ids
                for text in (self._unknown if number in self._special_ids else [number])
            ]
        return tuple(ids)

    @cached_property
    def _unknown(self) -> list[int]:
        """The id of unknown text, or nothing if the tokenizer has none.

        It stands for a special token that a text names: the tokenizer splits special tokens, but a Unigram or
        word vocabulary may have one as a word too.
        """
        model = json.loads(self._tokenizer.to_str())["model"]
        number = model.get("unk_id", self._tokenizer.token_to_id(model.get("unk_token") or ""))
        return [] if number is None else [int(number)]

    def _spans(self, lengths: Sequence[int]) -> list[tuple[int, int, range]]:
        """Windows as (first token, past the last token, decided tokens).

        Every window but the last is filled from its first token; the next one
        starts half a window later, so that each token has context on both sides
        in one of them. The border between two neighbours lies in the middle of
        their overlap, measured in sub-tokens.
        """
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        total = int(ends[-1])
        if total == 0:
            return []
        count = len(lengths)
        if total <= self._room:
            return [(0, count, range(count))]
        bounds: list[tuple[int, int]] = []
        first = 0
        while True:
            last = int(np.searchsorted(ends, ends[first] + self._room, side="right")) - 1
            bounds.append((first, last))
            if last == count:
                break
            middle = ends[first] + self._room // 2
            following = int(np.searchsorted(ends, middle, side="left"))
            # Never skip a token and always advance, however unequal the tokens are.
            first = max(first + 1, min(following, last))
        cuts = [0]
        for (_, end), (start, _) in itertools.pairwise(bounds):
            centre = (ends[start] + ends[end]) / 2
            cut = int(np.searchsorted(ends, centre, side="left"))
            cuts.append(min(max(cut, start, cuts[-1]), end))
        cuts.append(count)
        return [
            (start, end, range(low, high))
            for (start, end), low, high in zip(bounds, cuts[:-1], cuts[1:], strict=True)
            if high > low
        ]

    def _window(self, pieces: Sequence[tuple[int, ...]], first: int, last: int, decided: range) -> Window:
        ids: list[int] = list(self._prefix)
        tokens: list[int] = []
        positions: list[int] = []
        for at in range(first, last):
            piece = pieces[at]
            if piece and at in decided:
                tokens.append(at)
                positions.append(len(ids))
            ids.extend(piece)
        ids.extend(self._suffix)
        return Window(np.array(ids, np.int64), np.array(tokens, np.int64), np.array(positions, np.int64))


def _shown(token: str) -> str:
    """A token as a message can show it: quoted, shortened, control characters named."""
    short = token if len(token) <= 20 else token[:20] + "…"
    if any(unicodedata.category(character).startswith("C") for character in short):
        return ascii(short)
    return f"{short!r}"
