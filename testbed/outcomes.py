"""Outcomes: how pods on fake nodes end, as a test decides it.

An outcome is for a step (`compile/int8`), a key, an attempt, a deployment, or
several of these; without any it is for every pod of its namespace. An
admission policy writes it on the pod (`outcomes.yaml`), so the operator's Jobs
do not change, and kwok simulates it (`fake-pods.yaml`).
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.cluster import Cluster, restricted_pod_spec
from testbed.waiting import until

POLICY = Path(__file__).with_name("outcomes.yaml")
KILLED = 137


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a pod ends.

    Attributes:
        exit_code: of its container.
        seconds: that it runs; None is the cluster's default.
        message: termination message; None is the message of a stage with this exit code, `` is no message.
        container_reason: of the terminated container, such as `OOMKilled`.
        pod_reason, pod_message: of the pod's status, as an eviction sets them.
        disrupted: reason of the condition DisruptionTarget; empty if the pod has none.
        waiting, waiting_message: why the container never starts; empty if it starts.
    """

    exit_code: int = 0
    seconds: float | None = None
    message: str | None = None
    container_reason: str = ""
    pod_reason: str = ""
    pod_message: str = ""
    disrupted: str = ""
    waiting: str = ""
    waiting_message: str = ""

    def annotations(self) -> dict[str, str]:
        """The annotations that `fake-pods.yaml` reads."""
        texts = {
            "exit-code": str(self.exit_code),
            "duration": "" if self.seconds is None else f"{int(self.seconds * 1000)}ms",
            "message": "" if self.message is None else json.dumps(self.message),
            "container-reason": self.container_reason,
            "pod-reason": self.pod_reason,
            "pod-message": self.pod_message,
            "disrupted": self.disrupted,
            "waiting": self.waiting,
            "waiting-message": self.waiting_message,
        }
        return {f"outcome.{name}": text for name, text in texts.items() if text}


def succeeds(seconds: float | None = None) -> Outcome:
    """Succeed after this time."""
    return Outcome(seconds=seconds)


def runs_for_ever() -> Outcome:
    """Run until the pod is deleted."""
    return Outcome(seconds=7 * 24 * 3600)


def succeeds_with_message(message: Mapping[str, Any]) -> Outcome:
    """Succeed with this termination message."""
    return Outcome(message=json.dumps(message, ensure_ascii=False, separators=(",", ":")))


def ends_with_message(text: str, exit_code: int = 0) -> Outcome:
    """End with any termination message: empty, not JSON, too long, or of another key."""
    return Outcome(exit_code=exit_code, message=text)


def fails(exit_code: int) -> Outcome:
    """Fail with this exit code, and the termination message of a failed stage."""
    return Outcome(exit_code=exit_code)


def out_of_memory() -> Outcome:
    """End as after an OOM kill, without a termination message."""
    return Outcome(exit_code=KILLED, message="", container_reason="OOMKilled")


def evicted(
    message: str = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
) -> Outcome:
    """End as after an eviction for its own resource usage, which is not a disruption."""
    return Outcome(exit_code=KILLED, message="", pod_reason="Evicted", pod_message=message)


def preempted() -> Outcome:
    """End as after preemption by a pod of higher priority."""
    return Outcome(exit_code=143, disrupted="PreemptionByScheduler")


def never_starts(reason: str, message: str) -> Outcome:
    """Never start: its container waits with this reason, such as `ImagePullBackOff`."""
    return Outcome(waiting=reason, waiting_message=message)


def install_outcomes(cluster: Cluster) -> None:
    """Install the admission policy, and wait until it works."""
    cluster.kubectl("apply", "--server-side", "-f", str(POLICY))
    with cluster.namespace("outcomes") as namespace:
        script(cluster, namespace, fails(1))


def script(cluster: Cluster, namespace: str, outcome: Outcome, **pods: str) -> str:
    """Set the outcome of new pods; when this returns, every new pod that matches gets it.

    Args:
        cluster: with `install_outcomes`.
        pods: selects them by `step`, `key`, `attempt` and `deployment`; do not set two outcomes for one pod.

    Returns:
        A name for `unscript`.
    """
    name = f"outcome-{secrets.token_hex(4)}"
    cluster.core.create_namespaced_config_map(
        namespace,
        {
            "metadata": {"name": name, "labels": {"testbed": "outcome"}, "annotations": pods},
            "data": {**outcome.annotations(), name: "written"},
        },
    )
    until(f"{name} to be written on pods", lambda: name in _written(cluster, namespace, pods))
    return name


def unscript(cluster: Cluster, namespace: str, name: str) -> None:
    """Remove an outcome; when this returns, new pods no longer get it."""
    pods = cluster.core.read_namespaced_config_map(name, namespace).metadata.annotations or {}
    cluster.core.delete_namespaced_config_map(name, namespace)
    until(f"{name} to be forgotten", lambda: name not in _written(cluster, namespace, pods))


def _written(cluster: Cluster, namespace: str, pods: Mapping[str, str]) -> set[str]:
    """The annotations that the API server would write on such a pod; changes take a moment."""
    annotations = {"nerd.dev/step": "any", **{f"nerd.dev/{name}": value for name, value in pods.items()}}
    pod = {"metadata": {"name": "asked", "annotations": annotations}, "spec": restricted_pod_spec("none")}
    made = cluster.core.create_namespaced_pod(namespace, pod, dry_run="All")
    return set(made.metadata.annotations)
