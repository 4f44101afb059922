"""A compiled model in this process: sentences in, predictions out, in the same order.

The pool spreads the same work over processes; this is the form that a search
over recipes, `nerd predict` and a benchmark's instance use. Nothing here
imports torch or transformers: what starts up is the backend alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner_jobs.corpus.encoding import Encoded, Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import Session
from ner_jobs.engines.registry import backend
from ner_jobs.inference.batching import BATCH_SIZE, BatchLimits, blocks_of, groups_of
from ner_jobs.inference.decisions import Decider, Decision, ScoredEntity
from ner_jobs.models.folder import ModelFolder
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task.parameters import Decoding, Segmentation

__all__ = ["CompiledModel", "Engine", "Prediction", "ScoredEntity", "predict_with_session"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was found in one sentence: a tag a token, and entities in token positions."""

    id: str
    tags: tuple[str, ...]
    entities: tuple[ScoredEntity, ...]


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What a compiled folder says of itself.

    Attributes:
        backend: that opens it.
        precision: that was really compiled.
        padding: id of the padding sub-token.
    """

    folder: Path
    backend: str
    precision: str
    labels: tuple[str, ...]
    segmentation: Segmentation
    decoding: Decoding
    max_length: int
    padding: int

    @classmethod
    def read(cls, folder: Path) -> "CompiledModel":
        """Read `variant.json`, `nerd.json` and `config.json`.

        Raises:
            PermanentError: the folder is not what `compile` leaves.
        """
        model = ModelFolder(folder)
        return cls(
            folder=folder,
            backend=model.variant.backend,
            precision=model.variant.precision,
            labels=model.labels,
            segmentation=model.facts.segmentation,
            decoding=model.facts.decoding,
            max_length=model.facts.max_length,
            padding=model.padding,
        )

    def encoder(self) -> Encoder:
        """How it reads text."""
        return ModelFolder(self.folder).encoder(self.max_length, self.segmentation)

    def load(self, threads: int = 1) -> Session:
        """Open it with its backend."""
        return backend(self.backend).load(self.folder, threads)

    def decider(self, limits: BatchLimits | None = None, threads: int = 1) -> Decider:
        """Open it, with its decoder."""
        return Decider(self.load(threads), Decoder(self.labels, self.decoding), limits, self.padding)


class Engine:
    """A compiled folder, opened.

    Args:
        compiled: what `compile` left.
        threads: of the backend.
        batch_size: windows in a batch, at most.

    Raises:
        PermanentError: the folder is not what `compile` leaves, or its engine does not run it as compiled.
    """

    def __init__(self, compiled: Path, threads: int = 1, batch_size: int = BATCH_SIZE) -> None:
        self.model = CompiledModel.read(compiled)
        self.encoder = self.model.encoder()
        self._decider = self.model.decider(BatchLimits(batch_size), threads)

    def predict(self, sentences: Iterable[Sentence]) -> Iterator[Prediction]:
        """Predict a stream, in its order, a block in memory at a time."""
        for block in blocks_of(sentences, tokens_in):
            yield from _predict_block(self._decider, self.encoder, block)


def predict_with_session(
    session: Session,
    encoder: Encoder,
    decoder: Decoder,
    sentences: Sequence[Sentence],
    batch_size: int = BATCH_SIZE,
    padding: int = 0,
) -> list[Prediction]:
    """Predict with a session that is open already, as a search over recipes does.

    Args:
        session: of any backend.
        encoder: of the model's folder.
        decoder: of the model's labels.
        sentences: any number.
        batch_size: windows in a batch, at most.
        padding: id of the padding sub-token.

    Returns:
        A prediction a sentence, in the same order.
    """
    decider = Decider(session, decoder, BatchLimits(batch_size), padding)
    return [
        prediction
        for block in blocks_of(sentences, tokens_in)
        for prediction in _predict_block(decider, encoder, block)
    ]


def tokens_in(sentence: Sentence) -> int:
    """Tokens of a sentence, or sub-tokens where it is of an npz set."""
    return len(sentence.input_ids) if sentence.input_ids is not None else len(sentence.tokens)


def decide_block(decider: Decider, encoded: Sequence[Encoded]) -> list[Decision]:
    """Decide a block of sentences: grouped by length, put back into order."""
    decisions: dict[int, Decision] = {}
    for group in groups_of(encoded, decider.limits):
        decisions |= zip(group, decider.decide([encoded[at] for at in group]), strict=True)
    empty = [at for at in range(len(encoded)) if at not in decisions]
    decisions |= zip(empty, decider.decide([encoded[at] for at in empty]), strict=True)
    return [decisions[at] for at in range(len(encoded))]


def _predict_block(decider: Decider, encoder: Encoder, block: Sequence[Sentence]) -> Iterator[Prediction]:
    decisions = decide_block(decider, encoder.encode_batch(block))
    for sentence, decision in zip(block, decisions, strict=True):
        yield Prediction(sentence.id, decision.tags, decision.entities)
