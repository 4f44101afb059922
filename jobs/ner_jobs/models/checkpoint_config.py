"""Corrects a checkpoint's type by the names of its tensors.

Chinese BERT checkpoints are called RoBERTa, and some say so in config.json.
Loaded as RoBERTa, their position embeddings are shifted by two and their
weights are taken for new. So the names of the tensors decide. Only safetensors
headers are read, without a framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ner_jobs.models.folder import ModelFolder
from ner_jobs.task import PermanentError

PREFIX_OF_TYPE = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta"}
"""The part of tensor names that names the encoder, by type, of the types that are mistaken for each other."""

CLASS_OF_TYPE = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model folder's corrected config, and the shapes of its tensors.

    Attributes:
        config: of config.json, corrected.
        corrections: what was corrected and why, a sentence each.
        shapes: of the tensors, by name; empty without safetensors.
    """

    config: dict[str, Any]
    corrections: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def is_token_classifier(self) -> bool:
        """Whether it was saved with a classifier of tokens."""
        return any(name.endswith("ForTokenClassification") for name in self.config.get("architectures") or ())

    @property
    def label_count(self) -> int | None:
        """Rows of the classifier, or None without one."""
        shape = self.shapes.get("classifier.weight")
        return shape[0] if shape and self.is_token_classifier else None

    @property
    def longest_window(self) -> int | None:
        """Sub-tokens for which there are positions, or None if the config does not bound them."""
        positions = self.config.get("max_position_embeddings")
        if not isinstance(positions, int):
            return None
        if PREFIX_OF_TYPE.get(str(self.config.get("model_type"))) == "roberta":
            # RoBERTa counts positions from the one after the padding id.
            return positions - int(self.config.get("pad_token_id") or 0) - 1
        return positions


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read config.json and the headers of the weights.

    Raises:
        PermanentError: config.json is missing or not a JSON object, or a weights file is not safetensors.
    """
    config = ModelFolder(folder).config
    shapes: dict[str, tuple[int, ...]] = {}
    for weights in sorted(folder.glob("*.safetensors")):
        shapes |= tensor_shapes(weights)
    return _corrected(config, shapes)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of a safetensors file's tensors by name, from its header alone.

    Raises:
        PermanentError: it is not a safetensors file, or shorter than its header says.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in sorted(file.keys())}
    except (SafetensorError, OSError) as error:
        raise PermanentError(
            f"spec.model.base: {path} is not a complete safetensors file ({error}); copy it again"
        ) from error


def _corrected(config: dict[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Checkpoint:
    said = str(config.get("model_type", ""))
    # Not the first part alone: a wrapped model's names begin with module. or the like.
    prefixes = {part for name in shapes for part in name.split(".")} & set(PREFIX_OF_TYPE.values())
    if len(prefixes) != 1 or PREFIX_OF_TYPE.get(said, said) in prefixes:
        return Checkpoint(config, (), shapes)
    if said not in PREFIX_OF_TYPE and said:
        return Checkpoint(config, (), shapes)
    prefix = prefixes.pop()
    true_type = next(name for name, own in PREFIX_OF_TYPE.items() if own == prefix)
    old, new = CLASS_OF_TYPE.get(said, ""), CLASS_OF_TYPE[true_type]
    architectures = [
        new + name.removeprefix(old) if old and name.startswith(old) else name
        for name in config.get("architectures") or ()
    ]
    corrected = {**config, "model_type": true_type, "architectures": architectures}
    sentence = (
        f"config.json of the base says model_type {said or 'nothing'}, its tensors are named "
        f"{prefix}.*: it is read as {true_type}"
    )
    return Checkpoint(corrected, (sentence,), shapes)
