"""The API server answers with errors, loses answers, expires versions, falls silent, and is away."""

import time
from collections import Counter
from typing import Any

import pytest

from testbed.api_faults import (
    CREATES_A_JOB,
    CREATES_AN_EVENT,
    DELETES_A_JOB,
    LISTS_PODS,
    READS_A_DEPLOYMENT,
    WATCHES,
    WRITES_A_STATUS,
    Fault,
    answer_lost,
    answers,
    request_lost,
    watch_fails,
)
from testbed.outcomes import runs_for_ever

ONE_VARIANT = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
SMALL: dict[str, Any] = {"variants": ONE_VARIANT, "rollout": {}}

WRITES = (CREATES_A_JOB, WRITES_A_STATUS, DELETES_A_JOB, CREATES_AN_EVENT)
READS = (READS_A_DEPLOYMENT, LISTS_PODS, WATCHES)


def assert_done_once(scene: Any) -> None:
    """Each stage succeeded in its first Job, as it does without faults."""
    stages = scene.stages()
    assert {stage["state"] for stage in stages.values()} == {"Succeeded"}
    assert scene.attempts() == Counter(dict.fromkeys(stages, 1))
    assert Counter(pod.metadata.annotations["nerd.dev/step"] for pod in scene.pods()) == scene.attempts()


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        pytest.param(answers(409), WRITES, id="409 Conflict"),
        pytest.param(answers(409, "AlreadyExists"), (CREATES_A_JOB,), id="409 AlreadyExists"),
        pytest.param(answers(429, retry_after=1), (*WRITES, *READS), id="429"),
        pytest.param(answers(500), (*WRITES, *READS), id="500"),
        pytest.param(request_lost, (*WRITES, *READS), id="no answer, and no effect"),
        pytest.param(answer_lost, WRITES, id="no answer to what took effect"),
    ],
)
def test_each_kind_of_request_fails_twice_and_nothing_is_done_twice(
    faulty_scene: Any, fault: Fault, requests: tuple[str, ...]
) -> None:
    with faulty_scene("--resync=5") as scene:
        held = scene.script(runs_for_ever(), step="finetune")
        rules = [scene.server.let(pattern, fault, times=2) for pattern in requests]
        scene.server.cut_watches()
        scene.apply(**SMALL)
        former = scene.until_running("finetune")
        held()
        scene.apply(**SMALL, finetune={"epochs": 7})
        scene.until_ready()
        assert former not in [job["metadata"]["name"] for job in scene.jobs()]
        assert_done_once(scene)
        unmet = [rule.pattern.pattern for rule in rules if rule.met == 0]
        assert unmet == []


@pytest.mark.parametrize(
    "gone", [pytest.param(watch_fails(410), id="an ERROR event"), pytest.param(answers(410), id="410 Gone")]
)
def test_a_job_that_is_deleted_while_the_watch_is_expired_is_noticed(faulty_scene: Any, gone: Fault) -> None:
    with faulty_scene("--resync=2", "--watch-timeout=600") as scene:
        held = scene.script(runs_for_ever(), step="finetune")
        scene.apply(**SMALL)
        lost = scene.until_running("finetune")
        scene.until_state("finetune", "Queued", "Running")
        held()
        scene.until("all watches", lambda: scene.server.watches >= 3)
        scene.server.stall_watches()
        scene.cluster.kubectl("-n", scene.namespace, "delete", "job", lost, "--timeout=30s")
        rule = scene.server.let(WATCHES, gone, times=3)
        scene.server.cut_watches()
        scene.until("the expired watches", lambda: rule.left == 0)
        scene.until_ready()
        attempts = {name: stage["attempt"] for name, stage in scene.stages().items()}
        assert attempts.pop("finetune") == 2
        assert set(attempts.values()) == {1}


def test_the_server_is_away_for_a_minute(faulty_scene: Any) -> None:
    with faulty_scene() as scene:
        held = scene.script(runs_for_ever(), step="export")
        scene.apply(**SMALL)
        scene.until_running("export")
        held()
        scene.cluster.api_server.stop()
        away = time.monotonic()
        scene.until("a minute", lambda: time.monotonic() - away > 60)
        scene.cluster.api_server.start()
        scene.cluster.wait_until_ready()
        for pod in scene.pods():
            if pod.status.phase == "Running":
                scene.cluster.core.delete_namespaced_pod(pod.metadata.name, scene.namespace)
        scene.until_ready()
        attempts = {name: stage["attempt"] for name, stage in scene.stages().items()}
        assert attempts.pop("export") <= 2
        assert set(attempts.values()) == {1}


def test_a_silent_watch_is_restarted(faulty_scene: Any) -> None:
    with faulty_scene("--watch-timeout=2", "--resync=600") as scene:
        held = scene.script(runs_for_ever(), step="finetune")
        scene.apply(**SMALL)
        scene.until_running("finetune")
        assert scene.server.stall_watches() > 0
        held()
        scene.apply(**SMALL, finetune={"epochs": 7})
        scene.until_ready()
        assert_done_once(scene)
        assert scene.operator.starts == 1


def test_a_silent_watch_is_noticed_by_the_resync_and_fails_the_probe(faulty_scene: Any) -> None:
    with faulty_scene("--watch-timeout=600", "--resync=1") as scene:
        scene.until("all watches", lambda: scene.server.watches >= 3)
        scene.server.stall_watches()
        scene.apply(**SMALL)
        scene.until("the probe to fail", lambda: scene.operator.ask("healthz")[0] == 503, seconds=60)
        assert "no watch has reported" in scene.operator.ask("healthz")[1]
        scene.until_ready()
        assert_done_once(scene)


def test_a_watch_that_fails_for_good_ends_the_process_and_the_next_one_continues(faulty_scene: Any) -> None:
    with faulty_scene() as scene:
        # The others stay open: if one fails while others connect, kopf sometimes hangs instead of ending.
        scene.until("all watches", lambda: scene.server.watches >= 3)
        scene.server.let(WATCHES, watch_fails(500))
        assert scene.server.cut_watches(most=1) == 1
        scene.apply(**SMALL)
        scene.until_ready()
        assert_done_once(scene)
        assert scene.operator.starts == 2
