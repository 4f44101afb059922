"""Every state of DESIGN's table of conditions, as Flux (kstatus) and Argo CD (health.lua) see it.

The states are files, gitops/argocd/testdata, and the operator's own: a test
holds each equal to what `conditions.conditions_of` writes.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.conditions import Readiness, Summary, conditions_of
from testbed.programs import ProgramMissingError, find_program

ARGOCD = Path(__file__).resolve().parents[3] / "gitops" / "argocd"
HEALTH = ARGOCD / "health.lua"
EXPECTED = {
    Path(test["inputPath"]).stem: test["healthStatus"]
    for test in yaml.safe_load((ARGOCD / "health_test.yaml").read_text(encoding="utf-8"))["tests"]
}

STATES = {
    "just-created": (None, "InProgress", "Progressing"),
    "spec-just-changed": (None, "InProgress", "Progressing"),
    "working": (Readiness.WORKING, "InProgress", "Progressing"),
    "working-on-the-next-revision": (Readiness.WORKING, "InProgress", "Progressing"),
    "queued": (Readiness.WORKING, "InProgress", "Progressing"),
    "awaiting-approval": (Readiness.WORKING, "InProgress", "Suspended"),
    "suspended": (Readiness.WORKING, "InProgress", "Suspended"),
    "missing": (Readiness.MISSING, "InProgress", "Progressing"),
    "missing-for-long": (Readiness.STALLED, "Failed", "Degraded"),
    "gates-failed": (Readiness.STALLED, "Failed", "Degraded"),
    "permanent-error": (Readiness.STALLED, "Failed", "Degraded"),
    "promoted": (Readiness.READY, "Current", "Healthy"),
    "held": (Readiness.READY, "Current", "Healthy"),
    "being-deleted": (None, "Terminating", "Progressing"),
}
"""By file: the row of DESIGN's table (None: not the operator's words), kstatus, Argo CD's health."""


def state(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ARGOCD / "testdata" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def judge(require: Callable[[bool, str], None]) -> Callable[..., list[str]]:
    """Runs a program of ../shared/kube on files; its answer is a word and a message."""

    def run(program: str, *files: Path) -> list[str]:
        try:
            path = find_program(program)
        except ProgramMissingError as error:
            require(False, str(error))
        done = subprocess.run([path, *files], capture_output=True, text=True, check=True)
        return done.stdout.strip().split("\t", 1)

    return run


def test_every_state_is_in_each_table() -> None:
    files = {file.stem for file in (ARGOCD / "testdata").glob("*.yaml")}
    assert files == set(STATES) == set(EXPECTED)


@pytest.mark.parametrize("name", [name for name, (readiness, _, _) in STATES.items() if readiness])
def test_a_state_is_what_the_operator_writes(name: str) -> None:
    written = state(name)
    status = NerDeploymentStatus.of(written["status"])
    ready, readiness = status.condition("Ready"), STATES[name][0]
    assert ready is not None
    assert readiness is not None
    generation = written["metadata"]["generation"]
    summary = Summary(readiness, Reason(ready.reason), ready.message)
    assert status.conditions == conditions_of(summary, status, status.promotion, generation, 0.0)


@pytest.mark.parametrize("name", STATES)
def test_flux_reads_it_right(name: str, judge: Callable[..., list[str]]) -> None:
    word, message = judge("kstatus", ARGOCD / "testdata" / f"{name}.yaml")
    _, expected, _ = STATES[name]
    assert word == expected
    if word == "Failed":
        ready = NerDeploymentStatus.of(state(name)["status"]).condition("Ready")
        assert ready is not None
        assert message == ready.message, "the message says why"


@pytest.mark.parametrize("name", STATES)
def test_argo_cd_reads_it_right(name: str, judge: Callable[..., list[str]]) -> None:
    answer = judge("argocd-health", HEALTH, ARGOCD / "testdata" / f"{name}.yaml")
    assert answer == [EXPECTED[name]["status"], EXPECTED[name]["message"]]


@pytest.mark.parametrize("name", STATES)
def test_the_script_says_so_in_any_lua(name: str) -> None:
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(state(name), recursive=True)
    health = lua.execute(HEALTH.read_text(encoding="utf-8"))
    assert {"status": health.status, "message": health.message} == EXPECTED[name]
    assert health.status == STATES[name][2]
