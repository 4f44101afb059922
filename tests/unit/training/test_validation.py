"""Validation's F1, on a model whose answers are known."""

from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.training.validation import Validation

LABELS = ("O", "B-X", "I-X")
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "o", "b", "i")


class Letters(nn.Module):
    """Reads o as O, b as B-X, and i as I-X, or else as O."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(len(VOCABULARY), len(LABELS)))
        with torch.no_grad():
            self.table[4:] = torch.tensor([[4.0, 0, 0], [0, 4.0, 0], [1.0, 0, 4.0]])

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        assert not self.training
        assert input_ids.shape == attention_mask.shape
        return SimpleNamespace(logits=self.table[input_ids])


@pytest.fixture
def encoder() -> Encoder:
    tokenizer = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return Encoder(tokenizer, max_length=8, segmentation="characters")


def sentence(text: str, gold: str) -> Sentence:
    """A token a letter; o, b and i in `gold` are its tags."""
    return Sentence(text + gold, tuple(text), tuple({"o": "O", "b": "B-X", "i": "I-X"}[tag] for tag in gold))


@pytest.mark.parametrize(
    ("sentences", "constrained", "argmax"),
    [
        pytest.param([("bio", "bio"), ("ob", "ob")], 1.0, 1.0, id="all right"),
        pytest.param([("bio", "bio"), ("ob", "oo")], 2 / 3, 2 / 3, id="one invented of two"),
        pytest.param([("bio", "bob")], 0.0, 0.0, id="none right"),
        pytest.param([("ooo", "ooo")], 0.0, 0.0, id="no entity at all is 0, as in seqeval"),
        pytest.param([("ooi", "ooi")], 0.0, 1.0, id="an I that begins an entity is possible by argmax alone"),
        pytest.param([("obiobiobiobi", "obiobiobiobi"), ("b", "b")], 1.0, 1.0, id="more than one window"),
    ],
)
def test_f1(encoder: Encoder, sentences: list[tuple[str, str]], constrained: float, argmax: float) -> None:
    model = Letters()
    model.train()
    score = Validation([sentence(*each) for each in sentences], encoder, LABELS, padding=0).score(model)
    assert (score.by("constrained"), score.by("argmax")) == pytest.approx((constrained, argmax))
    assert model.training, "it is left as it was"
