"""Entity F1 of a model in training, on the path that inference takes: same windows, same decoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import FloatArray, IntArray
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.predictor import Predictor, decode
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import count
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task.parameters import Decoding

LIMITS = BatchLimits(windows=32)


@dataclass(frozen=True, slots=True)
class ValidationScore:
    """Entity F1 (micro, seqeval's default mode) by both decodings, in 0..1."""

    constrained: float
    argmax: float

    def by(self, decoding: Decoding) -> float:
        """The F1 of one decoding."""
        return self.constrained if decoding == "constrained" else self.argmax


class TrainingSession:
    """A PyTorch model in training as a `Session`; runs in fp32."""

    effective_precision = "fp32"
    fixed_length: int | None = None
    length_step = 1
    products: Mapping[str, int] = {}
    weights: Mapping[str, int] = {}

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._device = next(model.parameters()).device

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits; see `Session`."""
        ids, mask = (torch.from_numpy(each).to(self._device) for each in (input_ids, attention_mask))
        logits: torch.Tensor = self._model(input_ids=ids, attention_mask=mask).logits
        return logits.float().cpu().numpy()


class Validation:
    """A validation set, encoded once.

    Args:
        sentences: with gold tags.
        encoder: of the base model.
        labels: in the order of the logits.
        padding: id of the padding sub-token.
    """

    def __init__(
        self, sentences: Sequence[Sentence], encoder: Encoder, labels: Sequence[str], padding: int
    ) -> None:
        self._gold = [(sentence.id, sentence.tags or ()) for sentence in sentences]
        self._encoded = encoder.encode_batch(sentences)
        self._constrained = Decoder(labels, "constrained")
        self._argmax = Decoder(labels, "argmax")
        self._padding = padding

    def score(self, model: nn.Module) -> ValidationScore:
        """Score a model; leaves it in the mode (train, eval) in which it was."""
        training = model.training
        model.eval()
        predictor = Predictor(TrainingSession(model), self._constrained, LIMITS, self._padding)
        with torch.inference_mode():
            logits = predictor.logits(self._encoded)
        model.train(training)
        return ValidationScore(self._f1(logits, self._constrained), self._f1(logits, self._argmax))

    def _f1(self, logits: Sequence[Sequence[FloatArray]], decoder: Decoder) -> float:
        predictions = decode(self._encoded, logits, decoder)
        pairs = (
            Pair(name, gold, prediction.tags)
            for (name, gold), prediction in zip(self._gold, predictions, strict=True)
        )
        return count(pairs).default.micro().f1
