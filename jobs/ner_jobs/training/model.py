"""The token classifier to train, from a base model or from a config alone; its optimizer and precision."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from ner_jobs.corpus.labels import labels_of_config
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.weights import Log, load_classifier
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import FinetuneParameters

WIDE_ENOUGH_FOR_BF16 = 768
"""The hidden size from which AVX-512 BF16 without AMX is faster than fp32."""


REMEDY = (
    "only the head of a model that is trained may be new: save the base again with save_pretrained, or "
    "choose another"
)


def open_base(base: Path, labels: Sequence[str], log: Log) -> PreTrainedModel:
    """The base as a token classifier of these labels, in float32.

    A base that is a classifier gives its head's rows to the labels of the same names; other rows are new.

    Args:
        base: the `base` output of prepare; without weights in it, all weights are random.
        labels: IOB2 names in the order of the logits.
        log: gets a sentence about weights that are renamed, new or not used.

    Raises:
        PermanentError: transformers cannot load the folder, or a weight of the encoder is missing or has
            another shape.
    """
    own = ModelFolder(base).config
    try:
        config = AutoConfig.from_pretrained(
            base,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
        )
        if not any(base.glob("*.safetensors")) and not any(base.glob("*.bin")):
            return AutoModelForTokenClassification.from_config(config).float()
        model, loading = load_classifier(base, config, log, new_head=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PermanentError(
            f"spec.model.base cannot be opened as a token classifier: {error}", ExitCode.DATA
        ) from error
    loading.refuse(REMEDY, allowed=loading.head)
    log(take_head_by_name(model, loading.head_in_checkpoint, labels, labels_of_config(own) or ()))
    return model


def take_head_by_name(
    model: PreTrainedModel,
    head: Mapping[str, torch.Tensor],
    labels: Sequence[str],
    own: Sequence[str],
) -> str:
    """Copy the rows of a base's head to the labels of the same names.

    Args:
        model: with a new head; it keeps the new rows of labels that the base does not have.
        head: the base's tensors, by the model's names; each has a row a label.
        labels: of the model, in the order of its logits.
        own: the base's labels, in the order of its logits; empty if it has no names.

    Returns:
        What was done, as a sentence for the log.
    """
    kept = [label for label in labels if label in own]
    weights = dict(model.named_parameters())
    fits = bool(head) and all(
        len(value) == len(own) and value.shape[1:] == weights[name].shape[1:] for name, value in head.items()
    )
    if not kept or not fits:
        return "the head is new"
    rows = [labels.index(label) for label in kept]
    with torch.no_grad():
        for name, value in head.items():
            weights[name][rows] = value[[own.index(label) for label in kept]].to(weights[name].dtype)
    new = [label for label in labels if label not in own]
    dropped = [label for label in own if label not in labels]
    sentence = f"the head's rows of {', '.join(kept)} are those of the base, by name"
    sentence += f"; new: {', '.join(new)}" if new else ""
    return sentence + (f"; dropped: {', '.join(dropped)}" if dropped else "")


def optimizer_of(model: PreTrainedModel, parameters: FinetuneParameters) -> AdamW:
    """AdamW with two learning rates: the new head learns faster. Biases and norms have no weight decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, value in model.named_parameters():
        encoder = name.startswith(model.base_model_prefix + ".")
        rate = parameters.learning_rate if encoder else parameters.head_learning_rate
        decay = parameters.weight_decay if value.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(value)
    return AdamW(
        [{"params": values, "lr": rate, "weight_decay": decay} for (rate, decay), values in groups.items()],
        fused=True,
    )


def computes_in_bf16(parameters: FinetuneParameters, hidden_size: int) -> bool:
    """Whether training runs under bf16 autocast: if the spec says so, or `auto` and it is faster.

    `auto` is a rule, not a measurement, so that every attempt at a key computes the same. bf16 is faster
    on a GPU that has it and on a CPU with AMX. With AVX-512 BF16 alone it halves the time of 768-wide
    models, but a step of a 384-wide one takes 1.5 times as long (1.05 s instead of 0.71 s in fp32).
    """
    if parameters.precision != "auto":
        return parameters.precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    features = torch.cpu.get_capabilities()
    if features.get("amx_bf16", False):
        return True
    return bool(features.get("avx512_bf16", False)) and hidden_size >= WIDE_ENOUGH_FOR_BF16
