"""The rules across fields of a deployment and a runtime, each declared once: as CEL and as Python.

CEL and Python are next to each other so that a reader can compare them;
tests/cluster compares them on a real API server. The rules of pods are in
`pod_rules.py`. The rules belong to this version, as they name its fields: the
models refer to them, and `schema/` renders and reports them.

This module knows no model.
"""

from collections.abc import Mapping

from ner_operator.api.rule import Rule


def _known_scheme(field: str, what: str) -> Rule:
    return Rule(
        field=field,
        cel=f"!has(self.{field}) || !self.{field}.contains('://')"
        f" || self.{field}.startsWith('s3://') || self.{field}.startsWith('file://')",
        holds=lambda it: "://" not in (uri := it.get(field, "")) or uri.startswith(("s3://", "file://")),
        message=f"{what} must be s3://bucket/path, file:///path, or a path without a scheme",
    )


MODEL_CONFIG = (
    Rule(
        field="hiddenSize",
        cel="(has(self.hiddenSize) ? self.hiddenSize : 128)"
        " % (has(self.numAttentionHeads) ? self.numAttentionHeads : 2) == 0",
        holds=lambda it: it.get("hiddenSize", 128) % it.get("numAttentionHeads", 2) == 0,
        message="hiddenSize must be a multiple of numAttentionHeads, such as 128 and 2",
        reads=("numAttentionHeads",),
    ),
)

MODEL = (
    Rule(
        field="",
        cel="has(self.base) != has(self.config)",
        holds=lambda it: ("base" in it) != ("config" in it),
        message="write either base (a folder or a hub id) or config (a new model)",
        reads=("base", "config"),
    ),
    Rule(
        field="revision",
        cel="!has(self.revision) || (has(self.base) && !self.base.contains('://')"
        " && !self.base.startsWith('/') && !self.base.startsWith('.'))",
        holds=lambda it: (
            "revision" not in it
            or ("base" in it and "://" not in it["base"] and not it["base"].startswith(("/", ".")))
        ),
        message="revision is a branch, tag or commit of a hub id in base; remove it for a folder or a config",
        reads=("base",),
    ),
    _known_scheme("base", "a base that is not a hub id"),
    Rule(
        field="maxLength",
        cel="!has(self.config) || (has(self.maxLength) ? self.maxLength : 256)"
        " <= (has(self.config.maxPositionEmbeddings) ? self.config.maxPositionEmbeddings : 512)",
        holds=lambda it: (
            "config" not in it or it.get("maxLength", 256) <= it["config"].get("maxPositionEmbeddings", 512)
        ),
        message="maxLength must be at most config.maxPositionEmbeddings (default 512)",
        reads=("config",),
    ),
    Rule(
        field="labels",
        cel="!has(self.labels) || 'O' in self.labels",
        holds=lambda it: "labels" not in it or "O" in it["labels"],
        message="labels must contain O, the tag of a token outside every entity, such as [O, B-PER, I-PER]",
    ),
)

DATA_SOURCE = (
    _known_scheme("uri", "a data set's uri"),
    Rule(
        field="labelUri",
        cel="!has(self.labelUri) || !has(self.format) || self.format == 'npz'",
        holds=lambda it: "labelUri" not in it or it.get("format", "npz") == "npz",
        message="labelUri is for format npz, other formats contain their tags: remove it",
        reads=("format",),
    ),
    Rule(
        field="npzInputs",
        cel="!has(self.npzInputs) || !has(self.format) || self.format == 'npz'",
        holds=lambda it: "npzInputs" not in it or it.get("format", "npz") == "npz",
        message="npzInputs is for format npz: remove it, or write format: npz",
        reads=("format",),
    ),
    Rule(
        field="sha256",
        cel="!has(self.sha256) || !has(self.format) || self.format in ['conll', 'jsonl']",
        holds=lambda it: "sha256" not in it or it.get("format", "conll") in ("conll", "jsonl"),
        message="sha256 is for a single file of format conll or jsonl: remove it",
        reads=("format",),
    ),
)

CALIBRATION = (
    _known_scheme("uri", "a data set's uri"),
    Rule(
        field="",
        cel="!(has(self.size) && has(self.uri))",
        holds=lambda it: not ("size" in it and "uri" in it),
        message="write either size (a sample of train) or uri (another data set)",
        reads=("size", "uri"),
    ),
    Rule(
        field="",
        cel="has(self.uri)"
        " || !(has(self.format) || has(self.sha256) || has(self.encoding) || has(self.npzInputs))",
        holds=lambda it: "uri" in it or not {"format", "sha256", "encoding", "npzInputs"} & set(it),
        message="format, sha256, encoding and npzInputs describe a data set: write its uri, or remove them",
        reads=("uri",),
    ),
)


def _text_only(split: str) -> Rule:
    return Rule(
        field=split,
        cel=f"!has(self.{split}) || (has(self.{split}.format) ? self.{split}.format"
        " : (has(self.format) ? self.format : 'conll')) != 'npz'",
        holds=lambda it: split not in it or it[split].get("format", it.get("format", "conll")) != "npz",
        message=f"{split} needs text, and npz has none (test, calibration and inference accept npz):"
        f" write {split}.format: conll, jsonl or dataset",
        reads=("format",),
    )


DATA = (
    _text_only("train"),
    _text_only("validation"),
    Rule(
        field="test",
        cel="has(self.test.labelUri) || (has(self.test.format) ? self.test.format"
        " : (has(self.format) ? self.format : 'conll')) != 'npz'",
        holds=lambda it: (
            "labelUri" in it["test"] or it["test"].get("format", it.get("format", "conll")) != "npz"
        ),
        message="a test set of format npz needs test.labelUri, the file of its gold tag numbers",
        reads=("format",),
    ),
    Rule(
        field="validationFraction",
        cel="!(has(self.validation) && has(self.validationFraction))",
        holds=lambda it: not ("validation" in it and "validationFraction" in it),
        message="validationFraction takes the validation set from train: remove it, or remove validation",
    ),
)


def _precisions(runtime: str, precisions: tuple[str, ...]) -> tuple[Rule, Rule]:
    listed = ", ".join(f"'{precision}'" for precision in precisions)
    words = f"{', '.join(precisions[:-1])} or {precisions[-1]}"
    return (
        Rule(
            field="precision",
            cel=f"self.runtime != '{runtime}' || self.precision in [{listed}]",
            holds=lambda it: it["runtime"] != runtime or it["precision"] in precisions,
            message=f"{runtime} supports {words}: write one of them, or another runtime",
            reads=("runtime",),
        ),
        Rule(
            field="quantization.fallback",
            cel=f"self.runtime != '{runtime}' || !has(self.quantization) || !has(self.quantization.fallback)"
            f" || self.quantization.fallback in ['int8', {listed}]",
            holds=lambda it: (
                it["runtime"] != runtime
                or it.get("quantization", {}).get("fallback", "int8") in ("int8", *precisions)
            ),
            message=f"{runtime} supports {words}: write one of them as fallback",
            reads=("runtime",),
        ),
    )


BUILTIN_PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "cpu-torchscript": ("fp32", "bf16"),
    "cpu-onnxruntime": ("fp32", "int8"),
    "cpu-openvino": ("fp32", "bf16", "int8"),
}
"""The precisions of each built-in runtime's backend. For other runtimes, compile checks them."""

VARIANT = (
    *(
        rule
        for runtime, precisions in BUILTIN_PRECISIONS.items()
        for rule in _precisions(runtime, precisions)
    ),
    Rule(
        field="quantization",
        cel="!has(self.quantization) || self.precision == 'int8'",
        holds=lambda it: "quantization" not in it or it["precision"] == "int8",
        message="quantization is for precision int8: remove it, or write precision: int8",
        reads=("precision",),
    ),
    Rule(
        field="quantization.fallback",
        cel="!has(self.quantization) || !has(self.quantization.fallback)"
        " || self.quantization.fallback != 'int8'",
        holds=lambda it: it.get("quantization", {}).get("fallback") != "int8",
        message="fallback replaces int8: write fp32, bf16 or fp16",
    ),
)

_WITH_A_MAXIMUM = ["p50Ms", "p99Ms", "sizeMiB"]

GATE = (
    Rule(
        field="",
        cel="has(self.min) || has(self.max) || has(self.maxDrop)",
        holds=lambda it: "min" in it or "max" in it or "maxDrop" in it,
        message="write min (the minimum), maxDrop (the maximum drop in points), or max (latency and size)",
        reads=("min", "max", "maxDrop"),
    ),
    Rule(
        field="min",
        cel="!has(self.min) || (has(self.metric) && self.metric == 'sentencesPerSecond')"
        f" || (self.min <= 1.0 && !(has(self.metric) && self.metric in {_WITH_A_MAXIMUM}))",
        holds=lambda it: (
            "min" not in it
            or it.get("metric") == "sentencesPerSecond"
            or (it["min"] <= 1 and it.get("metric") not in _WITH_A_MAXIMUM)
        ),
        message="min is in 0..1, or sentences per second; p50Ms, p99Ms and sizeMiB have a max instead",
        reads=("metric",),
    ),
    Rule(
        field="max",
        cel=f"!has(self.max) || (has(self.metric) && self.metric in {_WITH_A_MAXIMUM})",
        holds=lambda it: "max" not in it or it.get("metric") in _WITH_A_MAXIMUM,
        message="max is for p50Ms, p99Ms and sizeMiB: write min or maxDrop",
        reads=("metric",),
    ),
    Rule(
        field="metric",
        cel=f"!has(self.metric) || !(self.metric in {[*_WITH_A_MAXIMUM, 'sentencesPerSecond']})"
        " || !(has(self.maxDrop) || has(self.entityType) || has(self.confidence))",
        holds=lambda it: (
            it.get("metric") not in (*_WITH_A_MAXIMUM, "sentencesPerSecond")
            or not {"maxDrop", "entityType", "confidence"} & it.keys()
        ),
        message="p50Ms, p99Ms, sentencesPerSecond and sizeMiB take no maxDrop, entityType or confidence",
        reads=("maxDrop", "entityType", "confidence"),
    ),
    Rule(
        field="against",
        cel="has(self.maxDrop) == has(self.against)",
        holds=lambda it: ("maxDrop" in it) == ("against" in it),
        message="write maxDrop and against together; against is reference or current",
        reads=("maxDrop",),
    ),
    Rule(
        field="entityType",
        cel="!has(self.entityType) || !has(self.metric) || self.metric != 'accuracy'",
        holds=lambda it: "entityType" not in it or it.get("metric") != "accuracy",
        message="accuracy counts tokens of all types: remove entityType, or write metric: f1",
        reads=("metric",),
    ),
)

BENCHMARK = (
    Rule(
        field="processes",
        cel="(has(self.processes) ? self.processes : 1) <= (has(self.instances) ? self.instances : 1)",
        holds=lambda it: it.get("processes", 1) <= it.get("instances", 1),
        message="processes share the instances: write at most as many processes as instances",
        reads=("instances",),
    ),
    Rule(
        field="",
        cel="!(has(self.syntheticLength) && has(self.dataset))",
        holds=lambda it: not ("syntheticLength" in it and "dataset" in it),
        message="write either syntheticLength (generated sentences) or dataset (real ones)",
        reads=("syntheticLength", "dataset"),
    ),
)

SERVER_SIDE_ENCRYPTION = (
    Rule(
        field="kmsKeyId",
        cel="!has(self.kmsKeyId) || self.algorithm == 'aws:kms'",
        holds=lambda it: "kmsKeyId" not in it or it["algorithm"] == "aws:kms",
        message="kmsKeyId is for algorithm aws:kms: remove it, or write algorithm: aws:kms",
        reads=("algorithm",),
    ),
)

STORAGE = (_known_scheme("uri", "storage.uri"),)

SPEC = (
    Rule(
        field="data.train",
        cel="!has(self.finetune) || has(self.data.train)",
        holds=lambda it: "finetune" not in it or "train" in it["data"],
        message="finetune needs data.train: write it, or remove finetune",
    ),
    Rule(
        field="finetune",
        cel="!has(self.model.config) || has(self.finetune)",
        holds=lambda it: "config" not in it["model"] or "finetune" in it,
        message="a new model (model.config) must be trained: write finetune: {}",
        reads=("model.config",),
    ),
    Rule(
        field="variants",
        cel="self.variants.filter(v, has(v.reference) && v.reference).size() == 1",
        holds=lambda it: sum(variant.get("reference", False) for variant in it["variants"]) == 1,
        message="write reference: true on exactly one variant, which the others are compared with",
    ),
    Rule(
        field="rollout.preference",
        cel="!has(self.rollout) || !has(self.rollout.preference)"
        " || self.rollout.preference.all(p, self.variants.exists(v, v.name == p))",
        holds=lambda it: (
            {*it.get("rollout", {}).get("preference", ())} <= {variant["name"] for variant in it["variants"]}
        ),
        message="preference must name variants of spec.variants",
        reads=("variants",),
    ),
    Rule(
        field="data",
        cel="!self.variants.exists(v, v.precision == 'int8') || has(self.data.train)"
        " || (has(self.data.validation) && has(self.data.calibration) && has(self.data.calibration.uri))",
        holds=lambda it: (
            all(variant["precision"] != "int8" for variant in it["variants"])
            or "train" in it["data"]
            or ("validation" in it["data"] and "uri" in it["data"].get("calibration", {}))
        ),
        message="int8 needs data for calibration and selection: write data.train, or both data.validation and"
        " data.calibration.uri",
        reads=("variants",),
    ),
    Rule(
        field="data.npzLabels",
        cel="!has(self.data.test.labelUri) || has(self.data.npzLabels) || has(self.model.labels)",
        holds=lambda it: (
            "labelUri" not in it["data"]["test"] or "npzLabels" in it["data"] or "labels" in it["model"]
        ),
        message="the tag numbers of npz data need names: write data.npzLabels, such as [O, B-LOC, I-LOC]",
        reads=("data.test", "model.labels"),
    ),
)

_BUILTIN_NAMES = ", ".join(f"'{name}'" for name in BUILTIN_PRECISIONS)

RUNTIME = (
    Rule(
        field="metadata.name",
        cel=f"!(self.metadata.name in [{_BUILTIN_NAMES}])",
        holds=lambda it: it["metadata"].get("name") not in BUILTIN_PRECISIONS,
        message="cpu-torchscript, cpu-onnxruntime and cpu-openvino are built in: choose another name",
    ),
)
