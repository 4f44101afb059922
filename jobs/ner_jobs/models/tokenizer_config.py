"""Applies what tokenizer_config.json says to tokenizer.json, as transformers does when it loads the folder.

The two files may disagree: a checkpoint is often published with the
tokenizer.json of another one and its own `do_lower_case`. transformers lets the
config decide. The stages after prepare read tokenizer.json alone, so prepare
makes it agree, once.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NORMALIZER_FIELDS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""Fields of tokenizer_config.json, and what tokenizer.json's BertNormalizer calls them."""

GENERIC_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that take tokenizer.json as it is: they know none of these fields."""


def apply_tokenizer_config(folder: Path) -> list[str]:
    """Rewrite tokenizer.json if tokenizer_config.json says otherwise; return the changes, for the log."""
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return []
    config = json.loads(path.read_text(encoding="utf-8"))
    if not any(name in config for name in (*NORMALIZER_FIELDS, "add_prefix_space")):
        return []
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    configured, changes = configure(tokenizer, config)
    if changes:
        text = json.dumps(configured, ensure_ascii=False, indent=2)
        (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    return changes


def configure(tokenizer: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content of tokenizer.json as the config wants it, and a sentence for each change.

    Args:
        tokenizer: content of tokenizer.json.
        config: content of tokenizer_config.json. Only fields that are written in it count.
    """
    configured = copy.deepcopy(dict(tokenizer))
    changes: list[str] = []
    if config.get("tokenizer_class") in GENERIC_CLASSES:
        return configured, changes
    wanted = [
        (part, field, config[name], name)
        for part in _parts(configured.get("normalizer"), "BertNormalizer")
        for name, field in NORMALIZER_FIELDS.items()
        if name in config
    ]
    if "add_prefix_space" in config:
        prefixed = [
            *_parts(configured.get("pre_tokenizer"), "ByteLevel"),
            *_parts(configured.get("post_processor"), "RobertaProcessing"),
        ]
        wanted += [
            (part, "add_prefix_space", config["add_prefix_space"], "add_prefix_space") for part in prefixed
        ]
    for part, field, value, name in wanted:
        if part.get(field) != value:
            changes.append(
                f"tokenizer.json: {part['type']}.{field} was {json.dumps(part.get(field))}, it is "
                f"{json.dumps(value)} as {name} in tokenizer_config.json says"
            )
            part[field] = value
    return configured, changes


def _parts(content: Any, kind: str) -> Iterator[dict[str, Any]]:
    """The parts of one type, alone or in a sequence."""
    if not isinstance(content, dict):
        return
    if content.get("type") == kind:
        yield content
    for name in ("normalizers", "pretokenizers", "processors"):
        for part in content.get(name) or ():
            yield from _parts(part, kind)
