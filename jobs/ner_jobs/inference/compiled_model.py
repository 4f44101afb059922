"""A compiled model in this process: sentences in, predictions out, in the same order.

Nothing here imports torch or transformers: only the backend's own engine is
loaded, so `nerd predict` answers at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import Session
from ner_jobs.engines.registry import backend
from ner_jobs.host import require_features
from ner_jobs.inference.batching import BATCH_SIZE, BatchLimits, blocks_of, tokens_in
from ner_jobs.inference.passages import Passage
from ner_jobs.inference.predictor import Prediction, Predictor
from ner_jobs.inference.writing import entity_records
from ner_jobs.models.folder import ModelFolder
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task.parameters import Decoding, Segmentation


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """The description of a compiled folder.

    Attributes:
        backend: that compiled it and opens it.
        precision: that was compiled, which may be a fallback.
        required_features: of the processor that runs it.
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
    required_features: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "CompiledModel":
        """Read `variant.json`, `nerd.json` and `config.json`.

        Raises:
            PermanentError: `compile` did not write the folder.
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
            required_features=model.variant.required_features,
        )

    def encoder(self) -> Encoder:
        """Its encoder, with its tokenizer, window length and segmentation."""
        return ModelFolder(self.folder).encoder(self.max_length, self.segmentation)

    def load(self, threads: int = 1) -> Session:
        """Open it with its backend.

        Raises:
            PermanentError: this processor lacks a feature that it needs, or its engine does not run it as
                compiled.
        """
        require_features(self.required_features, f"the {self.precision} model in {self.folder}")
        return backend(self.backend).load(self.folder, threads)

    def predictor(
        self, session: Session, limits: BatchLimits | None = None, keep_logits: bool = False
    ) -> Predictor:
        """A session of this model, with its decoder."""
        decoder = Decoder(self.labels, self.decoding)
        return Predictor(session, decoder, limits, self.padding, keep_logits)


class Pipeline:
    """From text to entities with a compiled model, as `nerd predict` does it.

    Args:
        compiled: the folder that `compile` wrote.
        threads: of the backend.
        batch_size: windows in a batch, at most.
        warn: gets a sentence for each sentence that has a token too long for the model.

    Raises:
        PermanentError: `compile` did not write the folder, or its engine does not run it as compiled.
    """

    def __init__(
        self,
        compiled: Path,
        threads: int = 1,
        batch_size: int = BATCH_SIZE,
        warn: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._warn = warn
        model = CompiledModel.read(compiled)
        self.encoder = model.encoder()
        self._predictor = model.predictor(model.load(threads), BatchLimits(batch_size))

    def predict(self, sentences: Iterable[Sentence]) -> Iterator[Prediction]:
        """Predict a stream, in its order, with one block of it in memory."""
        for block in blocks_of(sentences, tokens_in):
            encoded = self.encoder.encode_batch(block)
            for sentence, item in zip(block, encoded, strict=True):
                if item.too_long:
                    self._warn(f"{self.encoder.about_too_long(sentence, item)}; it is O")
            yield from self._predictor.predict(encoded)

    def find_entities(self, passages: Iterable[Passage]) -> Iterator[tuple[Passage, list[dict[str, object]]]]:
        """Each passage with the records of its entities (`writing.entity_records`), in order.

        Reads all passages before it yields the first: pass as many as are to be predicted together.
        """
        block = list(passages)
        predictions = self.predict(passage.sentence for passage in block)
        for passage, prediction in zip(block, predictions, strict=True):
            yield passage, entity_records(passage, prediction.entities)
