"""How the operator runs: for the whole cluster or some namespaces, once or until SIGTERM."""

import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.api_faults import CREATES_A_JOB, meanwhile
from testbed.operator_process import Operator, operator_account
from testbed.outcomes import runs_for_ever
from testbed.waiting import until

ONE_VARIANT = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
SMALL: dict[str, Any] = {"variants": ONE_VARIANT, "rollout": {}}


@pytest.fixture
def other_namespace(fake_cluster: Any) -> Iterator[str]:
    with fake_cluster.namespace() as name:
        yield name


@pytest.fixture
def operator_of(fake_cluster: Any, namespace: str) -> Iterator[Callable[..., Operator]]:
    """Starts an operator for these namespaces; without any, for the whole cluster."""
    with contextlib.ExitStack() as stack:

        def make(*namespaces: str) -> Operator:
            account = operator_account(fake_cluster, f"op-{namespace}", namespaces)
            operator = Operator(fake_cluster.folder, f"operator-{namespace}", account)
            stack.callback(operator.server.stop)
            operator.start()
            return operator

        yield make


def applied(fake_cluster: Any, scene: Any, namespace: str) -> None:
    fake_cluster.apply([{**scene.manifest(**SMALL), "metadata": {"name": "tiny", "namespace": namespace}}])


def ready(scene: Any, namespace: str) -> Callable[[], bool]:
    def so() -> bool:
        found = scene.cluster.kubectl(
            "-n", namespace, "get", "nerd", "tiny", "-o=jsonpath={.status.conditions}"
        )
        return '"reason":"Promoted"' in found

    return so


def test_without_namespaces_the_whole_cluster_is_served(
    fake_cluster: Any, scene_of: Any, operator_of: Any, namespace: str, other_namespace: str
) -> None:
    scene = scene_of()
    operator_of()
    for where in (namespace, other_namespace):
        applied(fake_cluster, scene, where)
    for where in (namespace, other_namespace):
        until(f"a promotion in {where}", ready(scene, where), every=0.5)


def test_of_two_namespaces_both_are_served_and_a_third_is_not(
    fake_cluster: Any, scene_of: Any, operator_of: Any, namespace: str, other_namespace: str
) -> None:
    scene = scene_of()
    with fake_cluster.namespace() as third:
        applied(fake_cluster, scene, third)
        operator_of(namespace, other_namespace)
        for where in (namespace, other_namespace):
            applied(fake_cluster, scene, where)
        for where in (namespace, other_namespace):
            until(f"a promotion in {where}", ready(scene, where), every=0.5)
        untouched = fake_cluster.kubectl("-n", third, "get", "nerd", "tiny", "-o=jsonpath={.status}")
        assert untouched == '{"observedGeneration":-1}'
        assert fake_cluster.kubectl("-n", third, "get", "jobs", "-o=name") == ""


def test_once_reconciles_everything_and_ends(scene_of: Any) -> None:
    scene = scene_of("--once")
    scene.apply(**SMALL)

    def run_once() -> None:
        scene.operator.begin()
        until("its end", lambda: scene.operator.exit_code() is not None)
        assert scene.operator.exit_code() == 0

    run_once()
    assert scene.stages()["prepare"]["state"] == "Queued"
    passes = 1
    while scene.ready()["status"] != "True":
        until("the end of the Jobs", lambda: all_over(scene))
        run_once()
        passes += 1
        assert passes < 20
    assert scene.attempts() == Counter(dict.fromkeys(scene.stages(), 1))


def all_over(scene: Any) -> bool:
    return all(
        {"Complete", "Failed"} & {each["type"] for each in job["status"].get("conditions") or ()}
        for job in scene.jobs()
    )


def test_sigterm_lets_the_reconcile_in_progress_end_and_begins_no_other(faulty_scene: Any) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(60)

    with faulty_scene() as scene:
        scene.script(runs_for_ever(), step="prepare")
        scene.server.let(CREATES_A_JOB, meanwhile(hold))
        scene.apply(**SMALL)
        scene.until("a write in progress", asked.is_set)
        stopping = scene.operator.server.process
        stopping.send_signal(signal.SIGTERM)
        go_on.set()
        scene.until("its end", lambda: stopping.poll() is not None)
        assert stopping.returncode == 0
        assert scene.stages()["prepare"]["state"] == "Queued", "the reconcile ended with its status write"
        scene.until("the next one", lambda: scene.operator.starts == 2)
        scene.until_running("prepare")
        assert [code for _, code in scene.jobs_made()] == [201]
