"""What changed: a row is a change of the spec, and the phrase that a person reads."""

from dataclasses import replace
from typing import Any

import pytest

from ner_jobs.task import Stage
from ner_jobs.task.parameters import FinetuneParameters, GateParameters
from ner_operator.planning.differences import differences
from ner_operator.planning.keys import Ingredients, parameters_in_key

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


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        pytest.param(
            replace(BASIS, parameters={**BASIS.parameters, "learningRate": 1e-3}),
            "learningRate: 0.0002 -> 0.001",
            id="a parameter, with both values",
        ),
        pytest.param(
            replace(BASIS, parameters={**BASIS.parameters, "lengthGrouping": False}),
            "lengthGrouping: true -> false",
            id="a switch, as YAML writes it",
        ),
        pytest.param(
            replace(BASIS, inputs={**BASIS.inputs, "train": "c" * 64}), "input train changed", id="an input"
        ),
        pytest.param(replace(BASIS, versions={"torch": "2.14.0"}), "torch 2.13.0 -> 2.14.0", id="a library"),
        pytest.param(replace(BASIS, rerun="t"), "asked for again", id="a rerun"),
        pytest.param(
            replace(BASIS, device="x86_64-avx2"), "device: x86_64-avx512 -> x86_64-avx2", id="a device"
        ),
    ],
)
def test_a_change_has_a_phrase(changed: Ingredients, phrase: str) -> None:
    assert differences(BASIS.record(), changed.record()) == (phrase,)


def test_changed_files_are_named_by_their_field_of_the_spec() -> None:
    before = {"parameters": {"train": {"uri": "file:///a", "content": "1"}, "baseContent": "x"}}
    now = {"parameters": {"train": {"uri": "file:///a", "content": "2"}, "baseContent": "y"}}
    assert differences(before, now) == (
        "the files of the base model changed",
        "the files of data.train changed",
    )


@pytest.mark.parametrize(
    ("before", "now", "phrase"),
    [
        pytest.param(
            {"mode": "Automatic"}, {"mode": "Manual"}, "rollout.mode: Automatic -> Manual", id="the mode"
        ),
        pytest.param(
            {"preference": ["int8", "reference"]},
            {"preference": ["reference", "int8"]},
            "rollout.preference: int8, reference -> reference, int8",
            id="what is preferred",
        ),
        pytest.param(
            {"revision": "4413bb9bf3b5" + "0" * 52},
            {"revision": "5f2a77c05f2a" + "0" * 52},
            "revision: 4413bb9bf3b5 -> 5f2a77c05f2a",
            id="a revision, as short as everywhere",
        ),
        pytest.param(
            {"currentGeneration": 3},
            {"currentGeneration": 4},
            "the model in service is another one (generation 3 -> 4)",
            id="somebody moved the pointer",
        ),
    ],
)
def test_promotes_parameters_are_named_as_in_the_spec(
    before: dict[str, Any], now: dict[str, Any], phrase: str
) -> None:
    assert differences({"parameters": before}, {"parameters": now}) == (phrase,)


MINIMUM = GateParameters(min=0.85)
DROP = GateParameters(max_drop=0.5, against="reference", confidence=0.95)
OF_PLACES = GateParameters(entity_type="LOC", max_drop=1.5, against="reference")


@pytest.mark.parametrize(
    ("before", "now", "phrase"),
    [
        pytest.param([MINIMUM, DROP], [GateParameters(min=0.9), DROP], "f1 min 0.85 -> 0.9", id="a bound"),
        pytest.param(
            [DROP],
            [GateParameters(max_drop=1, against="reference")],
            "f1 against reference maxDrop 0.5 -> 1, confidence 0.95 -> none",
            id="two bounds of one gate",
        ),
        pytest.param(
            [MINIMUM],
            [MINIMUM, OF_PLACES],
            "f1 of LOC against reference maxDrop 1.5 is new",
            id="a gate more",
        ),
        pytest.param([MINIMUM, DROP], [DROP], "f1 min 0.85 is gone", id="a gate less"),
        pytest.param(
            [MINIMUM],
            [GateParameters(metric="f1Strict", min=0.85)],
            "f1Strict min 0.85 is new, f1 min 0.85 is gone",
            id="another metric is another gate",
        ),
        pytest.param(
            [MINIMUM],
            [GateParameters(min=0.8), GateParameters(min=0.7, confidence=0.9)],
            "f1 min 0.8 is new, f1 min 0.7 confidence 0.9 is new, f1 min 0.85 is gone",
            id="one gate became two",
        ),
        pytest.param([MINIMUM, DROP], [DROP, MINIMUM], "their order", id="the order alone"),
    ],
)
def test_gates_are_listed_one_by_one(
    before: list[GateParameters], now: list[GateParameters], phrase: str
) -> None:
    def record(gates: list[GateParameters]) -> dict[str, Any]:
        return {
            "parameters": {
                "gates": [gate.model_dump(mode="json", by_alias=True, exclude_none=True) for gate in gates]
            }
        }

    assert differences(record(before), record(now)) == (f"gates changed: {phrase}",)
