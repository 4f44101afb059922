"""The models: strict as the server, defaults as the stages have them, rules obeyed."""

from typing import Any

import pytest
from pydantic import ValidationError

from ner_jobs.task import Stage
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import (
    BenchmarkParameters,
    EvaluateParameters,
    FinetuneParameters,
    GateParameters,
    InferParameters,
    PrepareParameters,
    PromoteParameters,
    QuantizationParameters,
)
from ner_operator.api.base import ApiModel
from ner_operator.api.v1alpha1 import NerDeploymentSpec
from ner_operator.api.v1alpha1.benchmark import Benchmark
from ner_operator.api.v1alpha1.data import Data
from ner_operator.api.v1alpha1.evaluation import Evaluation, Gate
from ner_operator.api.v1alpha1.finetune import Finetune
from ner_operator.api.v1alpha1.inference import Inference
from ner_operator.api.v1alpha1.rerun import Rerun
from ner_operator.api.v1alpha1.rollout import Rollout
from ner_operator.api.v1alpha1.rules import BUILTIN_PRECISIONS
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.api.v1alpha1.variants import Quantization, Variant

SPEC: dict[str, Any] = {
    "model": {"base": "m"},
    "data": {"test": {"uri": "t"}},
    "variants": [{"name": "a", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}],
    "storage": {"uri": "s"},
}


@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        (Finetune, FinetuneParameters),
        (Data, PrepareParameters),
        (Quantization, QuantizationParameters),
        (Evaluation, EvaluateParameters),
        (Gate, GateParameters),
        (Benchmark, BenchmarkParameters),
        (Inference, InferParameters),
        (Rollout, PromoteParameters),
    ],
)
def test_a_default_is_the_same_in_the_spec_and_in_the_stage(
    written: type[ApiModel], parameters: type[Contract]
) -> None:
    for name, field in written.model_fields.items():
        below = parameters.model_fields.get({"early_stopping_patience": "patience"}.get(name, name))
        both = below is not None and not below.is_required() and not field.is_required()
        if below is not None and both and isinstance(field.default, int | float | str):
            assert field.default == below.default, name


def test_a_token_for_each_stage() -> None:
    assert list(Rerun.model_fields) == [stage.value for stage in Stage]


def test_every_builtin_runtime_has_its_precisions() -> None:
    assert BUILTIN_PRECISIONS.keys() == BUILTIN_RUNTIMES.keys()


@pytest.mark.parametrize("value", ["3", 3.5, True, []])
def test_nothing_is_coerced(value: object) -> None:
    with pytest.raises(ValidationError):
        Finetune.model_validate({"epochs": value})


def test_null_is_absent() -> None:
    assert Finetune.model_validate({"epochs": None}) == Finetune()


def test_a_whole_number_is_a_number() -> None:
    assert Finetune.model_validate({"learningRate": 1}).learning_rate == 1


def test_names_of_both_sides_are_known() -> None:
    assert Finetune(batch_size=3) == Finetune.model_validate({"batchSize": 3})


def test_the_model_itself_obeys_the_rules() -> None:
    with pytest.raises(ValidationError, match="exactly one variant"):
        NerDeploymentSpec.model_validate({**SPEC, "variants": [{**SPEC["variants"][0], "reference": False}]})


def test_the_model_itself_refuses_a_name_twice() -> None:
    twice = [SPEC["variants"][0], {**SPEC["variants"][0], "reference": False}]
    with pytest.raises(ValidationError, match=r"repeats variants\[0\]"):
        NerDeploymentSpec.model_validate({**SPEC, "variants": twice})


def test_what_was_written_has_no_defaults() -> None:
    assert NerDeploymentSpec.model_validate(SPEC).written() == SPEC


def test_a_model_is_frozen() -> None:
    variant = Variant(name="a", runtime="r", precision="fp32")
    with pytest.raises(ValidationError):
        variant.name = "b"  # type: ignore[misc]
