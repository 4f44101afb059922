"""`kubectl nerd plan` on real objects: what is left, and what another spec would run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

OUTPUTS = {
    "prepare": ("base", "labels", "train", "validation", "test", "calibration"),
    "finetune": ("model",),
    "export": ("model",),
}


JUDGED = {
    **OUTPUTS,
    **{
        f"{stage}/{variant}": (output,)
        for stage, output in (("compile", "compiled"), ("infer", "predictions"), ("evaluate", "counts"))
        for variant in ("fp32", "int8")
    },
    "promote": ("verdict", "model"),
}


def done(outputs: dict[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Stages of a status: these have succeeded."""
    return [
        {
            "name": name,
            "state": "Succeeded",
            "key": f"{at:064d}",
            "result": {"key": f"{at:064d}", "outputs": {each: f"{each:x<64}" for each in left}},
        }
        for at, (name, left) in enumerate(outputs.items())
    ]


@pytest.fixture
def exported(person: Any) -> Any:
    """`tiny` is finetuned and exported, as far as its status says."""
    person.apply("tiny")
    person.tell("tiny", "False", "StagesRunning", "3 of 10 stages are done", stages=done(OUTPUTS))
    return person


@pytest.fixture
def refused(person: Any) -> Any:
    """The gates of `tiny` have refused every variant."""
    person.apply("tiny", evaluation={"gates": [{"metric": "f1", "min": 0.9}]})
    person.tell("tiny", "False", "GatesFailed", "no variant passes", stages=done(JUDGED))
    return person


def written(person: Any, folder: Path, **spec: Any) -> str:
    """A file with the spec of `tiny`, these parts changed."""
    found = person.read("tiny")
    document = {name: found[name] for name in ("apiVersion", "kind", "metadata")}
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump({**document, "spec": {**found["spec"], **spec}}))
    return str(file)


def steps(said: Any) -> dict[str, tuple[str, list[str]]]:
    assert said.code == 0, said.err
    return {step["step"]: (step["state"], step["why"]) for step in said.json["steps"]}


def test_what_is_left(exported: Any) -> None:
    told = steps(exported("plan", "tiny", "-o", "json"))
    assert told["export"][0] == "cached"
    assert told["compile/int8"] == ("run", ["it has not run yet"])
    assert told["promote"][0] == "known after"
    said = exported("plan", "tiny").out
    assert "KEY" not in said.splitlines()[0]
    assert said.splitlines()[-1] == "3 cached, 2 run, 5 known after"


def test_what_a_changed_spec_would_run(exported: Any, tmp_path: Path) -> None:
    file = written(exported, tmp_path, finetune={"epochs": 7})
    told = steps(exported("plan", "tiny", "-f", file, "-o", "json"))
    assert told["prepare"][0] == "cached"
    assert told["finetune"] == ("run", ["epochs: 3 -> 7"])
    assert told["export"][0] == "known after"
    assert exported.read("tiny")["spec"]["finetune"] == {}, "nothing is written"


def test_of_other_gates_it_says_which(refused: Any, tmp_path: Path) -> None:
    file = written(refused, tmp_path, evaluation={"gates": [{"metric": "f1", "min": 0.85}]})
    told = steps(refused("plan", "tiny", "-f", file, "-o", "json"))
    assert {name: why for name, (state, why) in told.items() if state != "cached"} == {
        "promote": ["gates changed: f1 min 0.9 -> 0.85"]
    }


def test_a_variant_whose_runtime_is_missing_is_blocked(exported: Any, tmp_path: Path) -> None:
    reference, int8 = exported.read("tiny")["spec"]["variants"]
    file = written(exported, tmp_path, variants=[reference, {**int8, "runtime": "not-there"}])
    previewed = steps(exported("plan", "tiny", "-f", file, "-o", "json"))
    state, (why,) = previewed["compile/int8"]
    assert state == "blocked"
    assert "there is no NerRuntime not-there" in why
    assert previewed["evaluate/int8"] == ("known after", ["infer/int8, infer/fp32"])
    assert previewed["compile/fp32"][0] == "run"
    assert " blocked" in exported("plan", "tiny", "-f", file).out.splitlines()[-1]


def test_a_stage_as_if_it_were_asked_for_again(exported: Any) -> None:
    told = steps(exported("plan", "tiny", "--rerun", "export", "-o", "json"))
    assert told["finetune"][0] == "cached"
    assert told["export"] == ("run", ["asked for again"])


def test_before_the_operator_has_looked_there_is_nothing_to_plan_on(person: Any) -> None:
    person.apply("tiny")
    said = person("plan", "tiny")
    assert said.code == 66
    assert "no operator has reconciled generation 1 of tiny yet" in said.err
