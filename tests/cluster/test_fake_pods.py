"""Pods on fake nodes end as a stage of ours would, or as a test says; Jobs see it as on real nodes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from kubernetes import client

from ner_jobs.task import Stage
from testbed.cluster import restricted_pod_spec
from testbed.control_plane import ControlPlane
from testbed.fake_nodes import ACCELERATORS
from testbed.outcomes import (
    Outcome,
    ends_with_message,
    evicted,
    fails,
    never_starts,
    out_of_memory,
    preempted,
    runs_for_ever,
    script,
    succeeds,
    succeeds_with_message,
    unscript,
)
from testbed.waiting import until

KEY = "0123456789abcdef" * 4
OUTPUTS: Mapping[str, set[str]] = {
    "prepare": {"base", "labels", "train", "validation", "test", "calibration"},
    "finetune": {"model"},
    "export": {"model"},
    "compile": {"compiled"},
    "infer": {"predictions"},
    "evaluate": {"counts"},
    "benchmark": {"benchmark"},
    "promote": {"model", "verdict"},
}


@pytest.fixture
def start(fake_cluster: ControlPlane, namespace: str) -> Callable[..., str]:
    """Creates a Job as the operator does, as far as a fake node looks at it, and returns its name."""

    def start(step: str, parameters: Mapping[str, Any] | None = None, key: str = KEY) -> str:
        annotations = {"nerd.dev/step": step, "nerd.dev/key": key, "nerd.dev/attempt": "1"}
        spec = restricted_pod_spec("none")
        task = {"parameters": dict(parameters or {})}
        spec["containers"][0]["env"] = [{"name": "NERD_TASK", "value": json.dumps(task)}]
        spec["containers"][0]["resources"] = {"limits": dict.fromkeys(ACCELERATORS, "1")}
        rules = [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": "stage", "operator": "In", "values": [65]},
            },
        ]
        job = {
            "metadata": {"generateName": "job-", "annotations": annotations},
            "spec": {
                "backoffLimit": 0,
                "podFailurePolicy": {"rules": rules},
                "template": {"metadata": {"annotations": annotations}, "spec": spec},
            },
        }
        made = client.BatchV1Api(fake_cluster.api).create_namespaced_job(namespace, job)
        return str(made.metadata.name)

    return start


@pytest.fixture
def pod_of(fake_cluster: ControlPlane, namespace: str) -> Callable[[str], Any]:
    """The newest pod of a Job, once it is in one of these phases."""

    def pod_of(job: str, *phases: str) -> Any:
        def found() -> Any:
            fake_cluster.check()
            pods = fake_cluster.core.list_namespaced_pod(namespace, label_selector=f"job-name={job}").items
            pods.sort(key=lambda pod: pod.metadata.creation_timestamp)
            return pods[-1] if pods and pods[-1].status.phase in phases else None

        return until(f"a pod of {job} in {' or '.join(phases)}", found)

    return pod_of


@pytest.fixture
def verdict_of(fake_cluster: ControlPlane, namespace: str) -> Callable[[str], tuple[str, str]]:
    """How a Job ended: the type and the reason of its last condition."""

    def verdict_of(job: str) -> tuple[str, str]:
        def ended() -> Any:
            found = client.BatchV1Api(fake_cluster.api).read_namespaced_job_status(job, namespace)
            return [each for each in found.status.conditions or [] if each.type in ("Complete", "Failed")]

        [condition] = until(f"the end of {job}", ended)
        return condition.type, condition.reason

    return verdict_of


def words(pod: Any) -> dict[str, Any]:
    spoken: dict[str, Any] = json.loads(pod.status.container_statuses[0].state.terminated.message)
    return spoken


def test_every_stage_succeeds_with_the_words_that_the_runner_writes(
    start: Callable[..., str], pod_of: Callable[..., Any]
) -> None:
    assert OUTPUTS.keys() == {str(stage) for stage in Stage}
    jobs = {
        stage: start(
            stage, {"precision": "int8", "preference": ["int8", "reference"], "currentGeneration": 3}
        )
        for stage in OUTPUTS
    }
    said = {stage: words(pod_of(job, "Succeeded", "Failed")) for stage, job in jobs.items()}
    assert {stage: set(each["outputs"]) for stage, each in said.items()} == OUTPUTS
    assert {each["key"] for each in said.values()} == {KEY}
    assert all(len(digest) == 64 for each in said.values() for digest in each["outputs"].values())
    promoted = {"verdict": "Promoted", "variant": "int8", "f1": 0.9467, "drop": 0.04, "generation": 4}
    assert said["promote"]["headline"].items() >= promoted.items()
    assert said["compile"]["headline"]["requested"] == "int8"


def test_outputs_differ_by_key(start: Callable[..., str], pod_of: Callable[..., Any]) -> None:
    one, other = (words(pod_of(start("export", key=key), "Succeeded")) for key in (KEY, KEY[::-1]))
    assert one["outputs"]["model"] != other["outputs"]["model"]
    assert one["manifestDigest"] != other["manifestDigest"]


@pytest.mark.parametrize(
    ("outcome", "verdict", "code", "message"),
    [
        pytest.param(
            succeeds(0.5), ("Complete", "CompletionsReached"), 0, None, id="success after half a second"
        ),
        pytest.param(
            succeeds_with_message({"key": "another"}),
            ("Complete", "CompletionsReached"),
            0,
            '{"key":"another"}',
            id="words of another key",
        ),
        pytest.param(ends_with_message(""), ("Complete", "CompletionsReached"), 0, "", id="no message"),
        pytest.param(
            ends_with_message('}{ "数据"\n{{ .x }}'),
            ("Complete", "CompletionsReached"),
            0,
            '}{ "数据"\n{{ .x }}',
            id="garbled",
        ),
        pytest.param(fails(65), ("Failed", "PodFailurePolicy"), 65, None, id="a permanent error"),
        pytest.param(fails(1), ("Failed", "BackoffLimitExceeded"), 1, None, id="an unforeseen error"),
        pytest.param(out_of_memory(), ("Failed", "BackoffLimitExceeded"), 137, "", id="out of memory"),
        pytest.param(evicted(), ("Failed", "BackoffLimitExceeded"), 137, "", id="evicted for its own use"),
    ],
)
def test_a_pod_ends_as_the_test_says(
    outcome: Outcome,
    verdict: tuple[str, str],
    code: int,
    message: str | None,
    fake_cluster: ControlPlane,
    namespace: str,
    start: Callable[..., str],
    pod_of: Callable[..., Any],
    verdict_of: Callable[[str], tuple[str, str]],
) -> None:
    script(fake_cluster, namespace, outcome, step="compile/int8", key=KEY)
    job = start("compile/int8", {"precision": "int8"})
    pod = pod_of(job, "Succeeded", "Failed")
    terminated = pod.status.container_statuses[0].state.terminated
    assert terminated.exit_code == code
    if message is None:
        assert words(pod)["key"] == KEY
    else:
        assert (terminated.message or "") == message
    assert terminated.reason == (outcome.container_reason or ("Error" if code else "Completed"))
    assert (pod.status.reason or "") == outcome.pod_reason
    assert verdict_of(job) == verdict


def test_only_the_pods_that_are_meant_get_an_outcome(
    fake_cluster: ControlPlane, namespace: str, start: Callable[..., str], pod_of: Callable[..., Any]
) -> None:
    script(fake_cluster, namespace, fails(65), step="infer/int8", key=KEY)
    others = [start("infer/reference"), start("infer/int8", key=KEY[::-1])]
    assert pod_of(start("infer/int8"), "Succeeded", "Failed").status.phase == "Failed"
    assert {pod_of(job, "Succeeded", "Failed").status.phase for job in others} == {"Succeeded"}


def test_a_preempted_pod_is_replaced_and_counts_for_nothing(
    fake_cluster: ControlPlane,
    namespace: str,
    start: Callable[..., str],
    pod_of: Callable[..., Any],
    verdict_of: Callable[[str], tuple[str, str]],
) -> None:
    outcome = script(fake_cluster, namespace, preempted(), step="finetune")
    job = start("finetune")
    conditions = {each.type: each for each in pod_of(job, "Failed").status.conditions}
    assert conditions["DisruptionTarget"].reason == "PreemptionByScheduler"
    unscript(fake_cluster, namespace, outcome)
    assert verdict_of(job) == ("Complete", "CompletionsReached")


def test_a_pod_that_never_starts_says_why(
    fake_cluster: ControlPlane, namespace: str, start: Callable[..., str], pod_of: Callable[..., Any]
) -> None:
    told = 'secret "s3-credentials" not found'
    script(fake_cluster, namespace, never_starts("CreateContainerConfigError", told), step="prepare")

    def waiting(job: str) -> Any:
        statuses = pod_of(job, "Pending").status.container_statuses
        return statuses[0].state.waiting if statuses else None

    job = start("prepare")
    state = until("the pod's container to wait", lambda: waiting(job))
    assert (state.reason, state.message) == ("CreateContainerConfigError", told)


def test_a_deleted_job_takes_its_running_pod_along(
    fake_cluster: ControlPlane, namespace: str, start: Callable[..., str], pod_of: Callable[..., Any]
) -> None:
    script(fake_cluster, namespace, runs_for_ever(), step="finetune")
    job = start("finetune")
    pod = pod_of(job, "Running").metadata.name
    client.BatchV1Api(fake_cluster.api).delete_namespaced_job(job, namespace, propagation_policy="Background")
    until("the end of the pod", lambda: pod not in _pods(fake_cluster, namespace))


def test_a_node_has_no_more_accelerators_than_it_says(
    fake_cluster: ControlPlane, namespace: str, start: Callable[..., str], pod_of: Callable[..., Any]
) -> None:
    script(fake_cluster, namespace, runs_for_ever(), step="benchmark/x")
    # Each asks for one of every kind: the scarcest decides.
    nodes = len(fake_cluster.ready_nodes())
    room = nodes * min(ACCELERATORS.values())
    for _ in range(room + 1):
        start("benchmark/x")

    def phases() -> Any:
        found = [pod.status.phase for pod in fake_cluster.core.list_namespaced_pod(namespace).items]
        return found if len(found) == room + 1 and found.count("Running") >= room else None

    assert sorted(until("pods on every accelerator", phases)) == ["Pending", *["Running"] * room]


def _pods(cluster: ControlPlane, namespace: str) -> set[str]:
    return {pod.metadata.name for pod in cluster.core.list_namespaced_pod(namespace).items}
