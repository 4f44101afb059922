"""What the fake nodes play is what a real kubelet does: each outcome once, brought about by a real pod."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from testbed.cluster import Cluster, restricted_pod_spec
from testbed.outcomes import Outcome, evicted, never_starts, out_of_memory
from testbed.waiting import until


@pytest.fixture
def started(real: Cluster, namespace: str, busybox: str) -> Callable[..., None]:
    """Starts the pod `pod` with a shell's command, and with what else its container has."""

    def started(command: str, volumes: Mapping[str, Any] | None = None, **container: Any) -> None:
        spec = restricted_pod_spec(busybox, "sh", "-c", command)
        spec["containers"][0] |= container
        spec["volumes"] = [{"name": name, **source} for name, source in (volumes or {}).items()]
        real.core.create_namespaced_pod(namespace, {"metadata": {"name": "pod"}, "spec": spec})

    return started


def ended(cluster: Cluster, namespace: str) -> Any:
    """The status of a failed pod whose container has ended too: an eviction tells of that later."""

    def found() -> Any:
        status = cluster.core.read_namespaced_pod("pod", namespace).status
        over = status.phase == "Failed" and status.container_statuses[0].state.terminated
        return status if over else None

    return until("the pod to fail", found)


def disruptions(status: Any) -> list[str]:
    return [each.reason for each in status.conditions or [] if each.type == "DisruptionTarget"]


def test_out_of_memory(real: Cluster, namespace: str, started: Callable[..., None]) -> None:
    started("tail /dev/zero", resources={"limits": {"memory": "32Mi"}})
    faked: Outcome = out_of_memory()
    status = ended(real, namespace)
    terminated = status.container_statuses[0].state.terminated
    assert (terminated.exit_code, terminated.reason) == (faked.exit_code, faked.container_reason)
    assert (terminated.message or "", disruptions(status)) == (faked.message, [])


def test_scratch_over_its_limit(real: Cluster, namespace: str, started: Callable[..., None]) -> None:
    started(
        "head -c 9000000 /dev/zero > /scratch/file; sleep 600",
        {"scratch": {"emptyDir": {"sizeLimit": "1Mi"}}},
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
    )
    told = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '
    faked = evicted(told)
    status = ended(real, namespace)
    assert (status.reason, status.message) == (faked.pod_reason, faked.pod_message)
    assert status.container_statuses[0].state.terminated.exit_code == faked.exit_code
    assert disruptions(status) == []


@pytest.mark.parametrize(
    ("container", "faked"),
    [
        pytest.param(
            {"envFrom": [{"secretRef": {"name": "s3-credentials"}}]},
            never_starts("CreateContainerConfigError", 'secret "s3-credentials" not found'),
            id="a Secret is missing",
        ),
        pytest.param(
            {"image": "localhost/none:1", "imagePullPolicy": "Never"},
            never_starts(
                "ErrImageNeverPull",
                'Container image "localhost/none:1" is not present with pull policy of Never',
            ),
            id="an image is missing",
        ),
    ],
)
def test_a_pod_that_never_starts(
    container: Mapping[str, Any],
    faked: Outcome,
    real: Cluster,
    namespace: str,
    started: Callable[..., None],
) -> None:
    started("true", **container)

    def waits() -> Any:
        statuses = real.core.read_namespaced_pod("pod", namespace).status.container_statuses
        waiting = statuses[0].state.waiting if statuses else None
        return waiting if waiting and waiting.reason != "ContainerCreating" else None

    waiting = until("the container to wait", waits)
    assert (waiting.reason, waiting.message) == (faked.waiting, faked.waiting_message)
