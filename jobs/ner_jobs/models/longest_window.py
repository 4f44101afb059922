"""How many sub-tokens a type of model can read, found by letting it read them.

`max_position_embeddings` means other things in other types: RoBERTa, CamemBERT
and MPNet keep some positions for themselves, and relative positions have no
bound. No list of types is complete. So a model of one layer is made from the
config and reads a window.
"""

from collections.abc import Mapping
from typing import Any

SHORT = 4
"""Sub-tokens that every model can read. If a probe of these fails, the probe says nothing."""

SPARE_IDS = 8
"""Ids behind the padding's in a probe's vocabulary."""


def longest_window(config: Mapping[str, Any], max_length: int) -> int | None:
    """The longest window, at most `max_length`, that a token classifier of this config reads.

    Args:
        config: content of config.json.
        max_length: sub-tokens in a window, specials included.

    Returns:
        None if a model of this config cannot be made or tried here.
    """
    # torch and transformers take seconds to import, and most of prepare needs neither.
    import torch
    from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, AutoConfig

    fields = {name: value for name, value in config.items() if name != "model_type"}
    try:
        small = AutoConfig.for_model(str(config.get("model_type", "")), **fields)
        padding = small.pad_token_id or 0
        small.num_hidden_layers = 1
        small.vocab_size = padding + SPARE_IDS
        model = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING[type(small)](small).eval()
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return None

    def reads(length: int) -> bool:
        ids = torch.full((1, length), padding + 1)
        try:
            with torch.no_grad():
                model(input_ids=ids, attention_mask=torch.ones_like(ids))
        except (IndexError, RuntimeError, ValueError):
            return False
        return True

    if reads(max_length):
        return max_length
    if not reads(SHORT):
        return None
    fits, too_long = SHORT, max_length
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if reads(middle) else (fits, middle)
    return fits
