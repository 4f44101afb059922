"""What is read of an object: also one that a later operator wrote."""

from typing import Any

from ner_operator.cli.cluster.deployed import known_status


def test_what_a_later_operator_adds_is_passed_over() -> None:
    status = known_status(
        {
            "observedGeneration": 3,
            "later": {"a": 1},
            "stages": [{"name": "prepare", "state": "Running", "warmth": 3}],
            "promotion": {"generation": 1, "revision": "r", "variant": "v", "compileKey": "c", "x": 1},
        }
    )
    assert status.observed_generation == 3
    assert status.stages[0].name == "prepare"
    assert status.promotion is not None
    assert status.promotion.variant == "v"


def test_only_what_is_not_handled_is_pending(make: Any) -> None:
    deployed = make(
        {"lastHandledCommands": {"promote": "int8@a", "rerun": "finetune=a"}},
        annotations={"nerd.dev/promote": "int8@a", "nerd.dev/rerun": "finetune=b"},
    )
    assert deployed.pending == ("rerun finetune=b",)
