"""The operator is killed before and after each of its writes, and two operators run at once by mistake."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.api_faults import (
    CREATES_A_JOB,
    CREATES_AN_EVENT,
    DELETES_A_JOB,
    FOR_EVER,
    WRITES_A_STATUS,
    Answer,
    Forward,
    Request,
)
from testbed.operator_process import Operator
from testbed.outcomes import runs_for_ever

ONE_VARIANT = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
SMALL: dict[str, Any] = {"variants": ONE_VARIANT, "rollout": {}}


class Killer:
    """A fault: the operator is killed before a write, then after it, and so on with the next.

    Attributes:
        killed: number of kills before and after a write.
    """

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.killed: Counter[str] = Counter()

    def __call__(self, request: Request, forward: Forward) -> Answer | None:
        if self.killed["before"] == self.killed["after"]:
            self.killed["before"] += 1
        else:
            forward()
            self.killed["after"] += 1
        self.operator.kill()
        return None


def change_while_training(scene: Any) -> None:
    """Change the spec during the training. This takes every kind of write."""
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    scene.until_running("finetune")
    held()
    scene.apply(**SMALL, finetune={"epochs": 7})


def assert_done_once(scene: Any) -> None:
    """Each key's Job was created once and ran once, and the status has it."""
    stages = scene.stages()
    assert scene.attempts() == Counter(dict.fromkeys(stages, 1))
    assert Counter(pod.metadata.annotations["nerd.dev/step"] for pod in scene.pods()) == scene.attempts()
    assert {stage["state"] for stage in stages.values()} == {"Succeeded"}
    names = {job["metadata"]["annotations"]["nerd.dev/step"]: job["metadata"]["name"] for job in scene.jobs()}
    assert {name: stage["job"] for name, stage in stages.items()} == names
    made = Counter(job for job, code in scene.jobs_made() if code == 201)
    assert set(made.values()) == {1}, "no Job was created twice, not even after it was deleted"
    assert len(made) == len(stages) + 1, "one for the training that was stopped"


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(CREATES_A_JOB, id="Jobs created"),
        pytest.param(WRITES_A_STATUS, id="statuses"),
        pytest.param(DELETES_A_JOB, id="Jobs deleted"),
        pytest.param(CREATES_AN_EVENT, id="Events"),
    ],
)
def test_killed_before_and_after_each_write_it_does_everything_once(faulty_scene: Any, write: str) -> None:
    with faulty_scene("--resync=5") as scene:
        killer = Killer(scene.operator)
        scene.server.let(write, killer, FOR_EVER)
        change_while_training(scene)
        scene.until_ready()
        assert_done_once(scene)
        assert killer.killed["after"] >= (1 if write == DELETES_A_JOB else len(scene.stages()) // 2)
        assert scene.operator.starts >= killer.killed["after"] + killer.killed["before"]


@pytest.fixture
def second() -> Iterator[Callable[[Any], Operator]]:
    """Starts a second operator, which nobody should do."""
    started: list[Operator] = []

    def start(scene: Any) -> Operator:
        operator = Operator(scene.cluster.folder, f"second-{scene.namespace}", scene.operator.account)
        started.append(operator)
        operator.start()
        return operator

    yield start
    for operator in started:
        operator.server.stop()


def test_two_operators_at_once_do_everything_once(scene: Any, second: Callable[[Any], Operator]) -> None:
    other = second(scene)
    change_while_training(scene)
    scene.until_ready()
    assert_done_once(scene)
    assert {write.code for write in scene.writes()} <= {200, 201, 404, 409}
    assert other.metric("nerd_reconciles_total") > 0
    assert scene.operator.metric("nerd_reconciles_total") > 0
