"""Opens a model folder as a token classifier in fp32, ready to be traced.

A graph freezes its weights, so nothing is guessed: an untrained classifier and
missing weights are refused, and labels are matched by name.
"""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoConfig, PreTrainedModel

from ner_jobs.corpus.labels import decide_labels_as_they_are, labels_of_config
from ner_jobs.models.checkpoint_config import Checkpoint, load_checkpoint
from ner_jobs.models.weights import Log, load_classifier
from ner_jobs.task import ExitCode, PermanentError

REMEDY = "add spec.finetune, or choose a finetuned base and save it again with save_pretrained"


def open_checkpoint(
    folder: Path, wanted: Sequence[str], max_length: int, log: Log
) -> tuple[PreTrainedModel, list[str]]:
    """Open a checkpoint in fp32 with eager attention, as the type that its tensors have.

    Args:
        folder: a Hugging Face folder.
        wanted: the labels of the data; they match the checkpoint's by name.
        max_length: sub-tokens in a window, specials included.
        log: gets a sentence about weights that are renamed or not used.

    Returns:
        The model in evaluation mode, and its labels in the order of its logits.

    Raises:
        PermanentError: it is not a token classifier whose labels, by name, cover the wanted ones; a weight
            is missing or has another shape; its positions do not reach `max_length`.
    """
    checkpoint = load_checkpoint(folder)
    _check_length(checkpoint, max_length)
    labels = labels_of_logits(checkpoint, wanted)
    config = dict(checkpoint.config)
    config["id2label"] = dict(enumerate(labels))
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    model_type = config.pop("model_type", None)
    try:
        model, loading = load_classifier(
            folder, AutoConfig.for_model(model_type, **config), log, attention="eager"
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PermanentError(
            f"the checkpoint ({model_type}) cannot be opened as a token classifier: {error}", ExitCode.DATA
        ) from error
    loading.refuse(REMEDY)
    return model.eval(), list(labels)


def labels_of_logits(checkpoint: Checkpoint, wanted: Sequence[str]) -> tuple[str, ...]:
    """The checkpoint's own labels if it has names; the wanted ones if it only has numbers.

    Raises:
        PermanentError: its own do not cover the wanted ones, or their counts differ.
    """
    own = labels_of_config(checkpoint.config)
    count = checkpoint.label_count
    if own is not None and count not in (None, len(own)):
        own = None
    asked = wanted if own is None else None
    return decide_labels_as_they_are(asked, own, count, wanted).labels


def _check_length(checkpoint: Checkpoint, max_length: int) -> None:
    longest = checkpoint.longest_window
    if longest is not None and max_length > longest:
        raise PermanentError(
            f"spec.model.maxLength is {max_length}, the checkpoint has positions for {longest}; "
            "write at most that",
            ExitCode.USAGE,
        )
