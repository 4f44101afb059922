"""A tokenizer of five letters, and the model whose answer to each of them is known (`letters`)."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.models.folder import ModelFolder

# Also the path of the worker processes of test_streaming, which import `letters` without pytest.
sys.path.append(str(Path(__file__).parent))

from letters import VOCABULARY, LetterSession


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = Tokenizer(
        models.WordPiece({token: number for number, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder = tmp_path_factory.mktemp("letters")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def encoder(tokenizer_folder: Path) -> Callable[[int], Encoder]:
    return lambda max_length: ModelFolder(tokenizer_folder).encoder(max_length, "characters")


@pytest.fixture(scope="session")
def letter_session() -> Callable[..., LetterSession]:
    return LetterSession
