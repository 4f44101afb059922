"""Makes WordPiece tokenizers as `tokenizer.json`, without transformers.

A model from nothing gets a vocabulary of its training data's characters. A
checkpoint that has only `vocab.txt` gets the fast tokenizer that it was trained
with. (transformers 5's `BertTokenizerFast(vocab_file=...)` silently makes one
with five tokens.)
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Segmentation

PADDING, UNKNOWN, CLASSIFIER, SEPARATOR, MASK = SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"
LARGEST_VOCABULARY = 30_000
LEAST_COUNT_OF_A_WORD = 2


def vocabulary_of(tokens: Mapping[str, int], segmentation: Segmentation) -> tuple[str, ...]:
    """The vocabulary of a model from nothing; the order of the counts does not change it.

    Specials first, then characters by count. With `whitespace`, then each
    character as a continuation, and words that occur more than once.

    Args:
        tokens: of train, counted.
        segmentation: `whitespace` adds continuations and words.
    """
    characters: Counter[str] = Counter()
    for token, count in tokens.items():
        for character in token:
            if not character.isspace():
                characters[character] += count
    entries = [*SPECIALS, *_by_count(characters)]
    if segmentation == "whitespace":
        entries += [CONTINUATION + character for character in _by_count(characters)]
        words = {
            token: count
            for token, count in tokens.items()
            if len(token) > 1 and count >= LEAST_COUNT_OF_A_WORD and token.isalnum()
        }
        entries += _by_count(words)
    return tuple(dict.fromkeys(entries))[:LARGEST_VOCABULARY]


def write_tokenizer(folder: Path, vocabulary: tuple[str, ...], tokenizer_config: Mapping[str, Any]) -> None:
    """Write tokenizer.json and tokenizer_config.json of a WordPiece tokenizer, as BERT has it.

    Args:
        folder: of the model.
        vocabulary: in the order of ids; holds the five specials.
        tokenizer_config: of the model's own file (`do_lower_case`, `strip_accents`), or empty.

    Raises:
        PermanentError: a special is missing in the vocabulary.
    """
    numbers = {entry: number for number, entry in enumerate(vocabulary)}
    missing = [special for special in SPECIALS if special not in numbers]
    if missing:
        raise PermanentError(
            f"spec.model.base: vocab.txt lacks {', '.join(missing)}; it is not a BERT vocabulary"
        )
    tokenizer = Tokenizer(
        WordPiece(
            numbers, unk_token=UNKNOWN, continuing_subword_prefix=CONTINUATION, max_input_chars_per_word=100
        )
    )
    tokenizer.normalizer = BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(tokenizer_config.get("tokenize_chinese_chars", True)),
        strip_accents=tokenizer_config.get("strip_accents"),
        lowercase=bool(tokenizer_config.get("do_lower_case", False)),
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder(prefix=CONTINUATION)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{CLASSIFIER} $A {SEPARATOR}",
        pair=f"{CLASSIFIER} $A {SEPARATOR} $B:1 {SEPARATOR}:1",
        special_tokens=[(CLASSIFIER, numbers[CLASSIFIER]), (SEPARATOR, numbers[SEPARATOR])],
    )
    tokenizer.add_special_tokens(list(SPECIALS))
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
    content = {
        **tokenizer_config,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PADDING,
        "unk_token": UNKNOWN,
        "cls_token": CLASSIFIER,
        "sep_token": SEPARATOR,
        "mask_token": MASK,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Read a `vocab.txt`: an entry a line."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    return tuple(line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1]))


def _by_count(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda entry: (-counts[entry], entry))
