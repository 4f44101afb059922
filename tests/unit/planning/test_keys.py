"""Keys: golden digests, and a table of what changes one and what does not."""

from dataclasses import replace

import pytest

from ner_jobs.task import Stage
from ner_jobs.task.parameters import (
    BenchmarkParameters,
    CompileParameters,
    FinetuneParameters,
    InferParameters,
)
from ner_operator.planning.keys import (
    Ingredients,
    libraries_of,
    parameters_in_key,
    revision_of,
)

BASIS = Ingredients(
    stage=Stage.FINETUNE,
    version=1,
    parameters=parameters_in_key(Stage.FINETUNE, FinetuneParameters()),
    rerun="",
    inputs={"train": "a" * 64, "labels": "b" * 64},
    versions={"torch": "2.13.0"},
    device="x86_64-avx512",
    image="",
)


def test_the_key_of_known_ingredients_never_changes() -> None:
    """If this fails, every artifact of every user is recomputed: think again, or raise RESULT_VERSIONS."""
    assert BASIS.key() == "6f5db5e5455426f4b7b4db1c8b478db8ade90e76f044dff6b591c18b1ba08425"


def test_the_revision_of_known_keys_never_changes() -> None:
    assert (
        revision_of({"reference": "a" * 64, "int8": "b" * 64})
        == "5990dc63e5c8331688f9d48b7556b1ffdc0edeee95403c686d7c36af0b4890a9"
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(BASIS, stage=Stage.EXPORT), id="another stage"),
        pytest.param(replace(BASIS, version=2), id="a release that computes otherwise"),
        pytest.param(replace(BASIS, rerun="again"), id="asked for again"),
        pytest.param(replace(BASIS, inputs={**BASIS.inputs, "train": "c" * 64}), id="other data"),
        pytest.param(replace(BASIS, versions={"torch": "2.14.0"}), id="another torch"),
        pytest.param(replace(BASIS, device="x86_64-avx2"), id="another class of CPU"),
        pytest.param(replace(BASIS, image="registry/jobs:2"), id="another image"),
        pytest.param(
            replace(BASIS, parameters={**BASIS.parameters, "epochs": 4}),
            id="another parameter",
        ),
    ],
)
def test_what_changes_a_key(other: Ingredients) -> None:
    assert other.key() != BASIS.key()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            replace(BASIS, inputs=dict(reversed(BASIS.inputs.items()))), id="the same inputs in another order"
        ),
        pytest.param(
            replace(BASIS, parameters={**BASIS.parameters, "epochs": 3.0}), id="3 epochs written as 3.0"
        ),
        pytest.param(
            replace(
                BASIS,
                parameters=parameters_in_key(Stage.FINETUNE, FinetuneParameters(checkpoint_seconds=5)),
            ),
            id="checkpoints at other times",
        ),
    ],
)
def test_what_changes_no_key(other: Ingredients) -> None:
    assert other.key() == BASIS.key()


def test_instances_are_in_the_key_where_they_are_measured() -> None:
    assert "instances" not in parameters_in_key(Stage.INFER, InferParameters(instances=6))
    assert parameters_in_key(Stage.BENCHMARK, BenchmarkParameters(instances=6))["instances"] == 6


@pytest.mark.parametrize(
    ("stage", "backend", "libraries"),
    [
        (Stage.PREPARE, "", ()),
        (Stage.FINETUNE, "", ("accelerate", "tokenizers", "torch", "transformers")),
        (Stage.COMPILE, "openvino", ("nncf", "openvino", "tokenizers")),
        (Stage.INFER, "openvino", ("openvino", "tokenizers")),
        (Stage.BENCHMARK, "onnxruntime", ("onnxruntime", "tokenizers")),
        (Stage.EVALUATE, "", ()),
    ],
)
def test_only_what_computes_is_in_the_key(stage: Stage, backend: str, libraries: tuple[str, ...]) -> None:
    assert libraries_of(stage, backend) == libraries


def test_compile_options_are_in_the_key() -> None:
    plain = CompileParameters(backend="openvino", precision="fp32")
    tuned = plain.model_copy(update={"options": {"hint": "latency"}})
    assert parameters_in_key(Stage.COMPILE, plain) != parameters_in_key(Stage.COMPILE, tuned)
