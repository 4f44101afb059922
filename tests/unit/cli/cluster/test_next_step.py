"""What to do next: a command for every reason, and the stage that it speaks of."""

import re
import shlex
from typing import Any

import pytest

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.cli.cluster.next_step import BY_REASON, next_step
from ner_operator.cli.main import COMMANDS

OF_EVENTS = {Reason.PLANNED, Reason.STAGE_FINISHED, Reason.COMMAND_REFUSED}
"""Never a condition's."""


def test_every_reason_has_a_next_step() -> None:
    assert set(BY_REASON) == set(Reason) - OF_EVENTS


@pytest.mark.parametrize(
    ("reason", "stages", "command"),
    [
        pytest.param(
            "StagesRunning",
            [{"name": "prepare", "state": "Succeeded"}, {"name": "finetune", "state": "Running"}],
            "kubectl nerd logs tiny finetune -n nlp --follow",
            id="follow what runs",
        ),
        pytest.param("StagesRunning", [], "kubectl nerd logs tiny -n nlp", id="nothing runs yet"),
        pytest.param(
            "OutOfMemory",
            [
                {"name": "compile/fp32", "state": "Failed", "reason": "StageFailed"},
                {"name": "compile/int8", "state": "Failed", "reason": "OutOfMemory"},
            ],
            "kubectl nerd logs tiny compile/int8 -n nlp",
            id="the stage that says the same",
        ),
        pytest.param(
            "DeviceNotFree",
            [{"name": "compile/int8", "state": "Queued", "job": "j-1"}],
            "kubectl describe pod -l batch.kubernetes.io/job-name=j-1 -n nlp",
            id="the pod that does not start",
        ),
        pytest.param("DeviceNotFree", [], "kubectl describe nerdeployment tiny -n nlp", id="without a Job"),
        pytest.param(
            "AwaitingApproval",
            [],
            "kubectl nerd report tiny -n nlp, then kubectl nerd promote tiny -n nlp",
            id="a",
        ),
        pytest.param("Promoted", [], "", id="nothing to do"),
        pytest.param(
            "OfALaterRelease", [], "kubectl describe nerdeployment tiny -n nlp", id="an unknown reason"
        ),
    ],
)
def test_next_step(make: Any, ready: Any, reason: str, stages: list[dict[str, Any]], command: str) -> None:
    assert next_step("tiny", "nlp", make(ready(reason, stages=stages)).status) == command


def test_before_any_operator_looked_the_operator_is_what_to_look_at(make: Any) -> None:
    assert "get pods" in next_step("tiny", "nlp", make().status)


@pytest.mark.parametrize("text", sorted(set(BY_REASON.values())))
def test_commands_of_ours_exist(text: str) -> None:
    for command in re.findall(r"kubectl nerd [^;,]*", text):
        assert shlex.split(command)[2] in COMMANDS
