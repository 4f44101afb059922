"""Loads a base's weights into a token classifier, and says what became of every one of them.

transformers makes up a weight that a checkpoint lacks, or has in another shape,
and drops a weight that the model does not have. Both are one line of a report
that nobody reads. Here, only the classifier's head may be new; every other such
weight is refused by name. A weight that is not used is named in the log.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from ner_jobs.task import ExitCode, PermanentError

Log = Callable[[str], None]
Shape = tuple[int, ...]

SHOWN = 5
"""Names of weights in a message."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What loading made of each weight.

    Attributes:
        missing: weights of the model that the checkpoint lacks.
        mismatched: name, shape in the checkpoint, shape by the config.
        unused: weights of the checkpoint that the model does not have.
        head: names of the model's weights that are not the encoder's.
        head_in_checkpoint: the checkpoint's tensors of these names.
    """

    missing: tuple[str, ...]
    mismatched: tuple[tuple[str, Shape, Shape], ...]
    unused: tuple[str, ...]
    head: frozenset[str]
    head_in_checkpoint: Mapping[str, torch.Tensor]

    @property
    def new(self) -> frozenset[str]:
        """The weights that are random."""
        return frozenset(self.missing) | {name for name, _, _ in self.mismatched}

    def refuse(self, remedy: str, allowed: Collection[str] = ()) -> None:
        """Refuse random weights.

        Args:
            remedy: what to do, for the message.
            allowed: names of weights that may be random.

        Raises:
            PermanentError: another weight is random; names and shapes are in the message.
        """
        missing = sorted(set(self.missing) - set(allowed))
        mismatched = [
            f"{name} is {_shape(found)} in the checkpoint and {_shape(wanted)} by config.json"
            for name, found, wanted in sorted(self.mismatched)
            if name not in allowed
        ]
        if not missing and not mismatched:
            return
        faults = [f"it lacks {_shown(missing)}"] if missing else []
        faults += [_shown(mismatched, "; ")] if mismatched else []
        strangers = self.unused if missing else ()
        unused = f"; it has {_shown(strangers)}, which the model does not have" if strangers else ""
        raise PermanentError(
            f"spec.model.base: its weights are not those of its config.json: {'; '.join(faults)}{unused}. "
            f"Such weights would be random; {remedy}",
            ExitCode.DATA,
        )


def load_classifier(
    folder: Path, config: PretrainedConfig, log: Log, *, new_head: bool = False, attention: str | None = None
) -> tuple[PreTrainedModel, Loading]:
    """Load the folder's safetensors into a token classifier in float32.

    Args:
        folder: of the base.
        config: of the model to make; its number of labels decides the head's rows.
        log: gets a sentence about a prefix that is taken off, and one about weights that are not used.
        new_head: leaves the head random, although the checkpoint may have one.
        attention: the implementation, in transformers' names; None is its default.

    Returns:
        The model, and what became of the weights.

    Raises:
        PermanentError: this type of model has no token classifier, or the names fit under two prefixes.
        OSError, ValueError, RuntimeError: transformers cannot read the weights.
    """
    kind = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING.get(type(config), None)
    if kind is None:
        raise PermanentError(
            f"spec.model.base: transformers has no token classifier of model_type {config.model_type}",
            ExitCode.DATA,
        )
    with torch.device("meta"):
        outline = kind(config)
    prefix = outline.base_model_prefix + "."
    expected = set(outline.state_dict())
    tensors: dict[str, torch.Tensor] = {}
    for weights in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(weights)
    taken = common_prefix(tensors, expected | {name.removeprefix(prefix) for name in expected})
    if taken:
        log(f"the base's weights are named {taken}*: the prefix {taken} is taken off")
        tensors = {name.removeprefix(taken): value for name, value in tensors.items()}
    head = frozenset(name for name in expected if not name.startswith(prefix))
    head_in_checkpoint = {name: tensors[name] for name in head if name in tensors}
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, info = kind.from_pretrained(
            None,
            config=config,
            state_dict={name: value for name, value in tensors.items() if not (new_head and name in head)},
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **({"attn_implementation": attention} if attention else {}),
        )
    finally:
        logging.set_verbosity(level)
    loading = Loading(
        missing=tuple(sorted(info["missing_keys"])),
        mismatched=tuple(
            (name, tuple(found), tuple(wanted)) for name, found, wanted in sorted(info["mismatched_keys"])
        ),
        unused=tuple(sorted(info["unexpected_keys"])),
        head=head,
        head_in_checkpoint=head_in_checkpoint,
    )
    if loading.unused:
        # A pretrained base always has a head of its pretraining. A classifier's further weights decided tags.
        warning = "warning: " if set(head_in_checkpoint) == head else ""
        log(
            f"{warning}the base has weights that a token classifier of type {config.model_type} does not "
            f"use: {_groups(loading.unused)}"
        )
    return model, loading


def common_prefix(names: Iterable[str], expected: Collection[str]) -> str:
    """The prefix to take off the names so that most of them are expected; empty if that is best.

    `torch.save` of a wrapped model puts `module.` before every name, and training
    frameworks put the name of their attribute there.

    Raises:
        PermanentError: two prefixes fit equally well: the file holds two models.
    """
    found: Counter[str] = Counter()
    for name in names:
        starts = (0, *(at + 1 for at, character in enumerate(name) if character == "."))
        found.update(name[:at] for at in starts if _modern(name[at:]) in expected)
    if not found or found[""] == max(found.values()):
        return ""
    best = max(found.values())
    fitting = sorted((prefix for prefix, count in found.items() if count == best), key=len)
    shortest = fitting[0]
    others = [prefix for prefix in fitting if not prefix.startswith(shortest)]
    if others:
        raise PermanentError(
            f"spec.model.base: its weights hold more than one model ({shortest}*, {others[0]}*); save the "
            "one that you mean with save_pretrained",
            ExitCode.DATA,
        )
    return shortest


def _modern(name: str) -> str:
    """Checkpoints of old transformers call the weight and bias of a norm gamma and beta."""
    return name.replace(".gamma", ".weight").replace(".beta", ".bias")


def _groups(names: Sequence[str]) -> str:
    """Names by their first part: `crf.* (2)`."""
    counts = Counter(name.partition(".")[0] for name in names)
    return ", ".join(f"{first}.* ({count})" for first, count in sorted(counts.items()))


def _shown(names: Sequence[str], glue: str = ", ") -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return glue.join(names[:SHOWN]) + more


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a single number"
