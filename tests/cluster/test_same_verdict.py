"""The API server and `nerd validate` give the same verdict on the same specs.

A row is a good spec (`good_specs/`) with one thing changed. Where a rule across fields is
broken, both say the same sentence about the same field. The server answers in
rounds (unknown fields, then types and bounds, then rules), so each row is
wrong in one way; that all mistakes are told at once is a unit test's matter.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_operator.api.base import ApiModel
from ner_operator.api.rule import Rule
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntime, pod_rules, rules
from ner_operator.schema.mistakes import Mistake
from ner_operator.schema.paths import child_model, kubectl_path, names_of
from ner_operator.schema.validation import check, load
from ner_operator.schema.yaml import Document

GONE = object()
"""In a change: the field is left out."""

GOOD: dict[str, dict[str, Any]] = {
    file.stem.replace("-", " "): yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted(Path(__file__).with_name("good_specs").glob("*.yaml"))
}
FINETUNED, SERVED, FROM_NOTHING = GOOD["finetuned"], GOOD["served"], GOOD["from nothing"]
RUNTIME = GOOD["runtime"]

TEMPLATE = "scheduling.podTemplate.spec"
STAGE_CONTAINER = f"{TEMPLATE}.containers.0"


def changed(good: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """The good spec with the values at dotted paths replaced (a number is a list position)."""
    spec = copy.deepcopy(good)
    for path, value in changes:
        *above, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = spec["spec"]
        for step in above:
            place = place[step]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return spec


def row(name: str, good: dict[str, Any], *changes: tuple[str, Any]) -> Any:
    return pytest.param(changed(good, *changes), id=name)


VARIANT = {"name": "other", "runtime": "cpu-openvino", "precision": "fp32"}

BROKEN_RULES = [
    row("a base and a config", FROM_NOTHING, ("model.base", "x")),
    row("neither base nor config", SERVED, ("model", {})),
    row("a revision of a folder", FINETUNED, ("model.base", "./folder")),
    row("a revision of a bucket", FINETUNED, ("model.base", "s3://bucket/model")),
    row("a base on another cloud", SERVED, ("model.base", "gs://bucket/model")),
    row("heads that do not divide", FROM_NOTHING, ("model.config.numAttentionHeads", 3)),
    row("heads that do not divide the default", FROM_NOTHING, ("model.config", {"numAttentionHeads": 3})),
    row("windows longer than positions", FROM_NOTHING, ("model.maxLength", 512)),
    row("labels without O", FINETUNED, ("model.labels", ["B-PER", "I-PER"])),
    row("data over http", FINETUNED, ("data.train.uri", "http://host/train")),
    row("labels of a text file", FINETUNED, ("data.test.labelUri", "labels.txt"), ("data.npzLabels", ["O"])),
    row("arrays of a text file", FINETUNED, ("data.test.npzInputs", 3)),
    row("a pinned folder", SERVED, ("data.test.sha256", "0" * 64)),
    row("a sample and a set", SERVED, ("data.calibration.size", 3)),
    row("calibration over ftp", SERVED, ("data.calibration.uri", "ftp://x")),
    row("a format of a sample", FINETUNED, ("data.calibration.format", "jsonl")),
    row("train without text", FINETUNED, ("data.train.format", "npz"), ("data.train.sha256", GONE)),
    row("validation without text", SERVED, ("data.validation.format", "npz")),
    row("everything npz", SERVED, ("data.format", "npz")),
    row("a test set without gold", SERVED, ("data.test.labelUri", GONE)),
    row("a fraction and a file", FINETUNED, ("data.validation", {"uri": "dev"})),
    row("tag numbers without names", SERVED, ("data.npzLabels", GONE)),
    row("quantization of bf16", FINETUNED, ("variants.1.precision", "bf16")),
    row("int8 falls back to int8", FINETUNED, ("variants.1.quantization.fallback", "int8")),
    row(
        "torchscript has no int8",
        FINETUNED,
        ("variants.1", {**VARIANT, "runtime": "cpu-torchscript", "precision": "int8"}),
        ("rollout", GONE),
    ),
    row(
        "onnxruntime has no bf16",
        FINETUNED,
        ("variants.0.runtime", "cpu-onnxruntime"),
        ("variants.0.precision", "bf16"),
    ),
    row("openvino has no fp16", FINETUNED, ("variants.0.precision", "fp16")),
    row("openvino falls back to fp16", FINETUNED, ("variants.1.quantization.fallback", "fp16")),
    row("onnxruntime falls back to bf16", FINETUNED, ("variants.1.runtime", "cpu-onnxruntime")),
    row(
        "torchscript falls back to fp16",
        FINETUNED,
        ("variants.1.runtime", "cpu-torchscript"),
        ("variants.1.quantization.fallback", "fp16"),
    ),
    row("a gate that asks nothing", FINETUNED, ("evaluation.gates.0", {"metric": "recall"})),
    row("a drop against nothing", FINETUNED, ("evaluation.gates.0", {"maxDrop": 1})),
    row("a minimum against something", FINETUNED, ("evaluation.gates.0.against", "current")),
    row("accuracy of a type", FINETUNED, ("evaluation.gates.1.metric", "accuracy")),
    row("a minimum above 1", FINETUNED, ("evaluation.gates.0.min", 20)),
    row("a maximum of F1", FINETUNED, ("evaluation.gates.0", {"max": 0.9})),
    row("a minimum of a latency", FINETUNED, ("evaluation.gates.0", {"metric": "p99Ms", "min": 0.5})),
    row(
        "a maximum of a throughput",
        FINETUNED,
        ("evaluation.gates.0", {"metric": "sentencesPerSecond", "max": 9}),
    ),
    row(
        "a confidence of a latency",
        FINETUNED,
        ("evaluation.gates.0", {"metric": "p99Ms", "max": 20, "confidence": 0.9}),
    ),
    row("more processes than instances", FINETUNED, ("benchmark.instances", 1)),
    row("two processes, one instance by default", FINETUNED, ("benchmark.instances", GONE)),
    row("synthetic and real", SERVED, ("benchmark.syntheticLength", 3)),
    row("a key without kms", FINETUNED, ("storage.serverSideEncryption.algorithm", "AES256")),
    row("storage over http", FINETUNED, ("storage.uri", "http://minio/bucket")),
    row(
        "finetune without train",
        FINETUNED,
        ("data.train", GONE),
        ("variants", [{**VARIANT, "reference": True}]),
        ("rollout", GONE),
    ),
    row("a model from nothing, untrained", FROM_NOTHING, ("finetune", GONE)),
    row("no reference", FINETUNED, ("variants.0.reference", GONE)),
    row("a reference that is false", FINETUNED, ("variants.0.reference", False)),
    row("two references", FINETUNED, ("variants.1.reference", True)),
    row("preference of nobody", FINETUNED, ("rollout.preference", ["int8", "nobody"])),
    row("int8 without validation", SERVED, ("data.validation", GONE)),
    row("int8 without calibration", SERVED, ("data.calibration", GONE)),
    row("a value and a source", FINETUNED, (f"{STAGE_CONTAINER}.env.1.value", "x")),
    row("neither value nor source", FINETUNED, (f"{STAGE_CONTAINER}.env.0.value", GONE)),
    row("no source of a value", FINETUNED, (f"{STAGE_CONTAINER}.env.1.valueFrom", {})),
    row(
        "two sources of a value",
        FINETUNED,
        (f"{STAGE_CONTAINER}.env.1.valueFrom.configMapKeyRef", {"name": "a", "key": "b"}),
    ),
    row("a variable of the operator", FINETUNED, (f"{STAGE_CONTAINER}.env.0.name", "NERD_TASK")),
    row("the home of the operator", FINETUNED, (f"{STAGE_CONTAINER}.env.0.name", "HOME")),
    row("a runtime's variable of the operator", RUNTIME, ("env.0.name", "TMPDIR")),
    row("a volume of nothing", FINETUNED, (f"{TEMPLATE}.volumes.3", {"name": "scratch"})),
    row("a volume of two kinds", FINETUNED, (f"{TEMPLATE}.volumes.3.configMap", {"name": "x"})),
    row("a mount of no volume", FINETUNED, (f"{TEMPLATE}.volumes", GONE)),
    row("a mount of another volume", FINETUNED, (f"{STAGE_CONTAINER}.volumeMounts.0.name", "nothing")),
    pytest.param({**RUNTIME, "metadata": {"name": "cpu-openvino"}}, id="a built-in runtime redefined"),
]

REFUSED = [
    row("no test data", FINETUNED, ("data.test", GONE)),
    row("no variants", FINETUNED, ("variants", []), ("rollout", GONE)),
    row("no storage", FINETUNED, ("storage", GONE)),
    row("an unknown section", FINETUNED, ("paused", True)),
    row("an unknown field", FINETUNED, ("finetune.epoch", 3)),
    row("a snake-case field", FROM_NOTHING, ("finetune.batch_size", 3)),
    row("an unknown field in a list", FINETUNED, ("variants.0.prefered", True)),
    row("an unknown stage to run again", FINETUNED, ("rerun.train", "x")),
    row("two variants of a name", FINETUNED, ("variants.1.name", "reference")),
    row("two inferences of a name", FINETUNED, ("inference", [{"name": "a", "data": {"uri": "a"}}] * 2)),
    row("a label twice", FINETUNED, ("model.labels", ["O", "B-A", "O"])),
    row("a variant preferred twice", FINETUNED, ("rollout.preference", ["int8", "int8"])),
    row("a null in a list", FINETUNED, ("model.labels", ["O", None])),
    row("a null among the variants", FINETUNED, ("variants.1", None), ("rollout", GONE)),
    row(
        "33 variants",
        SERVED,
        ("variants", [SERVED["spec"]["variants"][0]] + [{**VARIANT, "name": f"v{i}"} for i in range(32)]),
    ),
    row("33 gates", FINETUNED, ("evaluation.gates", [{"min": 0.5}] * 33)),
    row("a security context", FINETUNED, (f"{TEMPLATE}.securityContext", {"runAsUser": 0})),
    row("a security context of the stage", FINETUNED, (f"{STAGE_CONTAINER}.securityContext", {})),
    row("a folder of the node", FINETUNED, (f"{TEMPLATE}.volumes.3.hostPath", {"path": "/"})),
    row("another container", FINETUNED, (f"{STAGE_CONTAINER}.name", "sidecar")),
    row("an image of one's own", FINETUNED, (f"{STAGE_CONTAINER}.image", "mine")),
    row("half a processor as a number", FINETUNED, ("scheduling.resources.limits.cpu", 0.5)),
    row("less than no memory", FINETUNED, ("scheduling.resources.limits.memory", "-1Gi")),
    row("memory in words", FINETUNED, ("scheduling.resources.limits.memory", "16 GB")),
    row("two volumes of a name", FINETUNED, (f"{TEMPLATE}.volumes.1.name", "ca")),
    row("two mounts of a path", FINETUNED, (f"{STAGE_CONTAINER}.volumeMounts.1.mountPath", "/etc/ca")),
    row("17 options", FINETUNED, ("variants.0.options", {f"o{i}": "x" for i in range(17)})),
    row("an option that is a number", FINETUNED, ("variants.0.options", {"threads": 1})),
    row("a section that is a list", FINETUNED, ("finetune", [])),
    row("a list that is a mapping", FINETUNED, ("variants", {"a": 1}), ("rollout", GONE)),
    pytest.param({**RUNTIME, "spec": {}}, id="a runtime without a backend"),
    pytest.param({**RUNTIME, "spec": {"backend": "vacc"}}, id="a backend that is not there"),
    pytest.param({**RUNTIME, "status": {}}, id="a runtime has no status"),
    pytest.param({**SERVED, "metadata": {"name": "Capital"}}, id="a capital letter in the name"),
    pytest.param({**SERVED, "metadata": {"name": "x", "lables": {}}}, id="an unknown field in metadata"),
    pytest.param({**SERVED, "metadata": {"name": "x", "labels": {"a": 1}}}, id="a label that is a number"),
    pytest.param({**SERVED, "extra": {}}, id="an unknown field at the top"),
    pytest.param(
        {"apiVersion": "nerd.dev/v1alpha1", "kind": "NerDeployment", "metadata": {"name": "x"}}, id="no spec"
    ),
]


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in GOOD.items()])
def test_a_good_spec_is_accepted_by_both(cluster: Any, value: dict[str, Any]) -> None:
    assert mistakes_of(value) == []
    assert causes(cluster, value) == set()


@pytest.mark.parametrize("value", BROKEN_RULES)
def test_a_broken_rule_is_told_in_the_same_words(cluster: Any, value: dict[str, Any]) -> None:
    # Of metadata the server names no field.
    ours = {(re.sub(r"^metadata.*", "<nil>", it.path), it.message) for it in mistakes_of(value)}
    assert ours
    assert causes(cluster, value) == ours


def test_every_rule_has_a_row() -> None:
    told = {mistake.message for row in BROKEN_RULES for mistake in mistakes_of(row.values[0])}
    declared = {rule.message for several in declared_rules() for rule in several}
    assert declared - told == set()


def test_every_declared_rule_belongs_to_a_model() -> None:
    used = {id(model.rules) for model in models(NerDeployment) | models(NerRuntime)}
    assert [several for several in declared_rules() if id(several) not in used] == []


@pytest.mark.parametrize("value", REFUSED)
def test_a_bad_spec_is_refused_by_both(cluster: Any, value: dict[str, Any]) -> None:
    assert causes(cluster, value)
    assert mistakes_of(value)


def test_a_field_without_a_value_is_absent_to_both(cluster: Any) -> None:
    spec = changed(SERVED, ("finetune", None), ("data.calibration.npzInputs", None), ("inference", None))
    assert mistakes_of(spec) == []
    assert cluster.create(spec)["spec"] == {
        **SERVED["spec"],
        "data": {**SERVED["spec"]["data"], "calibration": {"uri": "calibration", "format": "npz"}},
    }


def test_whatever_stands_in_a_field_both_say_the_same(cluster: Any) -> None:
    """Each field of the kinds in turn holds each of many values."""
    differences = []
    for good, path, value in replaced_fields():
        spec = copy.deepcopy(good)
        put(spec["spec"], path, value)
        ours, theirs = mistakes_of(spec), causes(cluster, spec)
        if bool(ours) != bool(theirs):
            place = f"{good['metadata']['name']}: {kubectl_path(path)} = {value!r:.40}"
            differences.append(
                f"{place}: nerd says {[str(mistake) for mistake in ours]}, the server {theirs}"
            )
    assert not differences, "\n".join(differences)


def test_every_example_is_accepted(cluster: Any, repository: Path) -> None:
    for example in sorted((repository / "examples").glob("*.yaml")):
        checked = load(example)
        assert (checked.mistakes, checked.warnings) == ((), ())
        for document in checked.documents:
            # Its namespace is the user's; this server has only its own.
            here = {**document.written, "metadata": {"name": document.object.metadata.name}}
            assert causes(cluster, here) == set(), example


def mistakes_of(value: Mapping[str, Any]) -> list[Mistake]:
    """What `nerd validate` says of an object."""
    return check(Document(dict(value), line=1))


def causes(cluster: Any, value: dict[str, Any]) -> set[tuple[str, str]]:
    """What the server says: (field, message), without its own preamble; empty where it accepts."""
    answer = cluster.create(value)
    if answer["kind"] != "Status":
        return set()
    told = answer.get("details", {}).get("causes") or [{"message": answer["message"]}]
    return {(cause.get("field", ""), _bare(cause["message"])) for cause in told}


def _bare(message: str) -> str:
    """The rule's message, without "Invalid value:" and the value that the server repeats."""
    every = {rule.message for several in declared_rules() for rule in several}
    return next((known for known in every if message.endswith(f": {known}")), message)


def declared_rules() -> list[tuple[Rule, ...]]:
    values = [*vars(rules).values(), *vars(pod_rules).values()]
    return [value for value in values if isinstance(value, tuple) and value and isinstance(value[0], Rule)]


def models(model: type[ApiModel]) -> set[type[ApiModel]]:
    below = (child_model(model, name) for name in names_of(model))
    return {model}.union(*(models(child) for child in below if child is not None))


ODD: tuple[Any, ...] = (None, True, -1, 2.5, "", "数 据", "x" * 2049, [], {})
ODD_NUMBERS: tuple[Any, ...] = (0, 1, 2**63 - 1, "1")
ODD_LISTS: tuple[Any, ...] = (["x", None], ["x", "x"])


def replaced_fields() -> Iterator[tuple[dict[str, Any], tuple[str | int, ...], Any]]:
    """Each field once, in the first good spec that has it, with each odd value."""
    seen: set[tuple[str, ...]] = set()
    for good in GOOD.values():
        for path, value in paths(good["spec"]):
            field = (good["kind"], *("[]" if isinstance(step, int) else step for step in path))
            if field not in seen:
                seen.add(field)
                more = (
                    ODD_LISTS
                    if isinstance(value, list)
                    else ODD_NUMBERS
                    if type(value) in (int, float)
                    else ()
                )
                yield from ((good, path, odd) for odd in (*ODD, *more))


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in items:
        yield from paths(below, (*path, step))


def put(spec: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        spec = spec[step]
    spec[path[-1]] = value
