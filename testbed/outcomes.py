"""What a test says of the pods that are to come: how each of them shall end.

An outcome is for a step (`compile/int8`), a key, an attempt, a deployment, or
several of these; without any it is for every pod of its namespace. It is
written on the pod as the API server admits it (`outcomes.yaml`), so the
operator's Jobs stay as the operator makes them, and kwok plays it
(`fake-pods.yaml`).
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
        message: its last words; None is what a stage writes that ends so, `` is none at all.
        container_reason: `OOMKilled`, for one.
        pod_reason, pod_message: of the pod's own status, as an eviction leaves them.
        disrupted: reason of the condition DisruptionTarget, if it has one.
        waiting, waiting_message: why it never starts, if it does not.
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
        """As `fake-pods.yaml` reads them."""
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
    """As by itself, in another time."""
    return Outcome(seconds=seconds)


def runs_for_ever() -> Outcome:
    """Until somebody deletes it."""
    return Outcome(seconds=7 * 24 * 3600)


def succeeds_with_message(words: Mapping[str, Any]) -> Outcome:
    """A success with other last words than those of its step."""
    return Outcome(message=json.dumps(words, ensure_ascii=False, separators=(",", ":")))


def ends_with_message(text: str, exit_code: int = 0) -> Outcome:
    """Last words that may be anything: nothing at all, no JSON, too long, of another key."""
    return Outcome(exit_code=exit_code, message=text)


def fails(exit_code: int) -> Outcome:
    """With a stage's exit code and the words of a stage that fails."""
    return Outcome(exit_code=exit_code)


def out_of_memory() -> Outcome:
    """The kernel killed it: no last words."""
    return Outcome(exit_code=KILLED, message="", container_reason="OOMKilled")


def evicted(
    message: str = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
) -> Outcome:
    """The kubelet ended it for what it used itself: no disruption."""
    return Outcome(exit_code=KILLED, message="", pod_reason="Evicted", pod_message=message)


def preempted() -> Outcome:
    """A pod with a higher priority took its place."""
    return Outcome(exit_code=143, disrupted="PreemptionByScheduler")


def never_starts(reason: str, message: str) -> Outcome:
    """Its container waits: `ImagePullBackOff`, `CreateContainerConfigError`."""
    return Outcome(waiting=reason, waiting_message=message)


def install_outcomes(cluster: Cluster) -> None:
    """Make the API server write outcomes on pods, and wait until it does."""
    cluster.kubectl("apply", "--server-side", "-f", str(POLICY))
    with cluster.namespace("outcomes") as namespace:
        script(cluster, namespace, fails(1))


def script(cluster: Cluster, namespace: str, outcome: Outcome, **pods: str) -> str:
    """From now on the pods of a namespace that are meant end so; it is sure when this returns.

    Args:
        cluster: with `install_outcomes`.
        namespace: of the pods.
        outcome: of each of them.
        pods: which: any of `step`, `key`, `attempt` and `deployment`; two outcomes for one pod have no order.

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
    """Pods that come from now on end as by themselves; it is sure when this returns."""
    pods = cluster.core.read_namespaced_config_map(name, namespace).metadata.annotations or {}
    cluster.core.delete_namespaced_config_map(name, namespace)
    until(f"{name} to be forgotten", lambda: name not in _written(cluster, namespace, pods))


def _written(cluster: Cluster, namespace: str, pods: Mapping[str, str]) -> set[str]:
    """What the API server would write on such a pod: it takes a moment to know of a change."""
    annotations = {"nerd.dev/step": "any", **{f"nerd.dev/{name}": value for name, value in pods.items()}}
    pod = {"metadata": {"name": "asked", "annotations": annotations}, "spec": restricted_pod_spec("none")}
    made = cluster.core.create_namespaced_pod(namespace, pod, dry_run="All")
    return set(made.metadata.annotations)
