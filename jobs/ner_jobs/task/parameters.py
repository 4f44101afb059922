"""The parameters of each stage: its part of a task, and of its key.

The planner fills in the defaults (from the resolved spec), so a default that
changes later changes the key. Where a result is stored is not a parameter.
"""

from typing import Literal

from pydantic import Field

from ner_jobs.task.model import Contract

Segmentation = Literal["characters", "whitespace"]
Decoding = Literal["constrained", "argmax"]
DataFormat = Literal["conll", "jsonl", "dataset", "npz"]
TagScheme = Literal["auto", "IOB1", "IOB2", "BIOES", "BMES", "BILOU"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
BackendName = Literal["torchscript", "onnxruntime", "openvino"]


class Dataset(Contract):
    """One split, or one set to infer.

    Attributes:
        uri: absolute: `s3://…`, `file:///…`.
        sha256: pins the bytes of a single file; None accepts what is there.
        content: digest of the files as the planner read them (a local run), or None.
        encoding: `utf-8` (a BOM is accepted) or `gb18030`.
        label_uri: of an npz set: the file of gold tag numbers, a line a sentence.
        npz_inputs: of an npz set: 3 or 6 arrays a file; 0 finds out.
    """

    uri: str
    format: DataFormat
    sha256: str | None = None
    content: str | None = None
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    label_uri: str | None = None
    npz_inputs: Literal[0, 3, 6] = 0


class PrepareParameters(Contract):
    """Snapshot the data and the base model.

    Attributes:
        base: absolute URI of a model folder, or a hub id, or empty with `config`.
        revision: of a hub id: a commit.
        base_content: digest of the base's files as the planner read them, or None.
        config: of a small model from nothing: a BERT-type config's fields, and no base.
        labels: the label list, in order, if the user fixed it.
        npz_labels: names of the tag numbers of an npz set's label file, in its order.
        validation_fraction: of train, by the hash of the sentence, if no validation is given.
        calibration_size: sentences of train, by seed, every entity type covered.
        max_length: sub-tokens in a window, specials included.
        finetuned: whether finetune follows; if not, the base must be a token classifier whose labels,
            by name, cover the data.
    """

    base: str = ""
    revision: str | None = None
    base_content: str | None = None
    config: dict[str, float | int | str | bool] | None = None
    labels: tuple[str, ...] | None = None
    npz_labels: tuple[str, ...] | None = None
    scheme: TagScheme = "auto"
    segmentation: Segmentation = "characters"
    train: Dataset | None = None
    validation: Dataset | None = None
    test: Dataset
    calibration: Dataset | None = None
    validation_fraction: float = Field(default=0.1, gt=0, lt=1)
    calibration_size: int = Field(default=300, ge=1)
    seed: int = 42
    max_length: int = Field(default=256, ge=8)
    finetuned: bool = True


class FinetuneParameters(Contract):
    """Train a token classifier.

    Attributes:
        learning_rate: peak, of the encoder; `head_learning_rate` of the new classifier.
        warmup_ratio: of all steps, linear; then linear decay to zero.
        loss: `sequence` is the negative log-likelihood of the gold tag sequence among all
            sequences that the tag scheme allows (what constrained decoding maximises);
            `token` is cross-entropy a token.
        weight_averaging: decay a step of an exponential moving average of the weights; 0 is off.
        patience: epochs without a better validation F1 before it stops; 0 never stops early.
        max_steps: bounds the optimizer's steps; 0 is no bound.
        precision: `auto` is bf16 autocast if the CPU has it in hardware, or on a GPU.
        checkpoint_seconds: at most this long between two checkpoints; in no key.
    """

    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    head_learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    max_gradient_norm: float = Field(default=1.0, gt=0)
    loss: Literal["sequence", "token"] = "sequence"
    weight_averaging: float = Field(default=0.0, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    max_steps: int = Field(default=0, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    length_grouping: bool = True
    seed: int = 42
    max_length: int = Field(default=256, ge=8)
    decoding: Decoding = "constrained"
    segmentation: Segmentation = "characters"
    checkpoint_seconds: float = Field(default=600, gt=0)


class ExportParameters(Contract):
    """TorchScript (fixed and dynamic) and ONNX of one checkpoint.

    Attributes:
        tolerance: largest difference of logits allowed against the checkpoint in fp32.
    """

    max_length: int = Field(default=256, ge=8)
    segmentation: Segmentation = "characters"
    tolerance: float = Field(default=1e-3, gt=0)


class QuantizationParameters(Contract):
    """The search for an int8 recipe that loses no more than allowed, on validation.

    Attributes:
        recipe: one recipe by name instead of the search (`naive` shows how int8 fails).
        max_drop: points of F1 against the reference precision, by its one-sided upper bound.
        fallback: a precision of the backend to compile instead when no recipe passes; None fails.
    """

    recipe: str | None = None
    max_drop: float = Field(default=0.5, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    fallback: Precision | None = None


class CompileParameters(Contract):
    """One variant: a backend and a precision, and how int8 is found.

    Attributes:
        options: of the backend, as the spec's `variants[].options` says.
    """

    backend: BackendName
    precision: Precision
    max_length: int = Field(default=256, ge=8)
    segmentation: Segmentation = "characters"
    decoding: Decoding = "constrained"
    quantization: QuantizationParameters = QuantizationParameters()
    options: dict[str, str] = Field(default_factory=dict)


class InferParameters(Contract):
    """A compiled variant over one data set.

    Attributes:
        instances: single-threaded workers; 0 is one a processor. In no key: it changes no result.
        npz: also write the logits as the reference workflow does.
    """

    segmentation: Segmentation = "characters"
    decoding: Decoding = "constrained"
    max_length: int = Field(default=256, ge=8)
    batch_size: int = Field(default=16, ge=1)
    instances: int = Field(default=0, ge=0)
    npz: bool = False
    dataset: Dataset | None = None


class EvaluateParameters(Contract):
    """Scores of one variant, and its distance to the reference variant."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=2000, ge=100)
    seed: int = 42


class BenchmarkParameters(Contract):
    """A closed loop on one variant.

    Attributes:
        instances: concurrent single-threaded workers in all.
        processes: processes over which the instances are spread.
        synthetic_length: tokens of a synthetic sentence; 0 takes the test set.
    """

    instances: int = Field(default=1, ge=1)
    processes: int = Field(default=1, ge=1)
    batch_size: int = Field(default=1, ge=1)
    seconds: float = Field(default=10, gt=0)
    warmup_seconds: float = Field(default=2, ge=0)
    synthetic_length: int = Field(default=0, ge=0)
    segmentation: Segmentation = "characters"
    decoding: Decoding = "constrained"
    max_length: int = Field(default=256, ge=8)
    dataset: Dataset | None = None


GateMetric = Literal[
    "f1", "f1Strict", "precision", "recall", "accuracy", "p50Ms", "p99Ms", "sentencesPerSecond", "sizeMiB"
]

BENCHMARK_METRICS = ("p50Ms", "p99Ms", "sentencesPerSecond")
"""Metrics of gates that a benchmark measures."""

PERFORMANCE_METRICS = (*BENCHMARK_METRICS, "sizeMiB")
"""Metrics of gates that are not counted on the test set."""


class GateParameters(Contract):
    """One gate of `spec.evaluation.gates`, resolved. F1 in 0..1, drops in points (0.01 F1)."""

    metric: GateMetric = "f1"
    entity_type: str | None = None
    min: float | None = Field(default=None, ge=0)
    max: float | None = Field(default=None, ge=0)
    max_drop: float | None = Field(default=None, ge=0, le=100)
    against: Literal["reference", "current"] | None = None
    confidence: float | None = Field(default=None, gt=0.5, lt=1)


class PromoteCommand(Contract):
    """A person's command to put a variant of the candidate revision into service.

    Attributes:
        token: identifies the command; it is carried out once.
        variant: any variant; None is the first in preference that passes.
        revision: the first digits of the revision that the person means; another one is refused. Empty
            takes the candidate.
        force: the reason to promote although a gate refuses it; empty obeys the gates.
        by: the person, if known.
    """

    token: str
    variant: str | None = None
    revision: str = ""
    force: str = ""
    by: str = ""


class RollbackCommand(Contract):
    """A person's command to put a model back into service that was there before.

    Attributes:
        token: identifies the command.
        generation: to go back to; None is the newest whose revision was not itself rolled back.
        leaving: the generation in service when the person asked. If another one is in service by now, the
            command is refused, because "the one before" would be another model. None is never refused.
        reason: why, for the history.
        by: the person.
    """

    token: str
    generation: int | None = Field(default=None, ge=1)
    leaving: int | None = Field(default=None, ge=1)
    reason: str = ""
    by: str = ""


class PromoteParameters(Contract):
    """Judge the candidates and move the pointer.

    Attributes:
        revision: digest of the compile keys; it names what would be promoted.
        preference: variant names; the first that passes every gate is promoted.
        reference: name of the reference variant.
        current_generation: of the pointer as the planner read it; 0 if there is none.
        mode: `Manual` judges, and leaves the pointer for a person to move.
        release_held: a person asked to judge a revision again that was rolled back.
        command: a person's choice, which the gates judge too. It moves the pointer in Manual mode too, and
            to a revision that was rolled back.
    """

    revision: str
    preference: tuple[str, ...]
    reference: str
    gates: tuple[GateParameters, ...] = ()
    current_generation: int = Field(default=0, ge=0)
    mode: Literal["Automatic", "Manual"] = "Automatic"
    allow_emulated: bool = False
    release_held: bool = False
    history_limit: int = Field(default=10, ge=1)
    command: PromoteCommand | None = None


class RollbackParameters(Contract):
    """The promote stage's other task: move the pointer back. It has no inputs and judges nothing.

    Attributes:
        current_generation: of the pointer as the planner read it.
    """

    rollback: RollbackCommand
    current_generation: int = Field(ge=0)
    history_limit: int = Field(default=10, ge=1)


NOT_IN_KEY = frozenset({"instances", "checkpointSeconds"})
"""Parameters that change the speed and not the result, so they are not in the key.

`benchmark` is the exception: there instances are what is measured.
"""
