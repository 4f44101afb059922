"""Bring the stand-in for Kueue to a control plane: its kinds, admission policy, process and queues."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import client

from testbed.cluster import restricted_pod_spec
from testbed.control_plane import ControlPlane
from testbed.processes import Server
from testbed.waiting import until

HERE = Path(__file__).parent


def start_kueue_stand_in(plane: ControlPlane) -> Server:
    """Start it; Jobs that name a queue wait for it from now on."""
    plane.apply_crds(HERE / "crds.yaml")
    plane.kubectl("apply", "--server-side", "-f", str(HERE / "suspend.yaml"))
    until("the admission policy to be obeyed", lambda: _is_suspended_on_creation(plane))
    return plane.run("kueue", sys.executable, "-m", "testbed.kueue", str(plane.kubeconfig))


def add_queue(
    plane: ControlPlane,
    namespace: str,
    name: str,
    quota: Mapping[str, str],
    node_labels: Mapping[str, str] | None = None,
    preempts: bool = False,
) -> None:
    """Add a LocalQueue with a ClusterQueue and a flavor of its own, all of the same name.

    Args:
        quota: by resource.
        node_labels: of the flavor's nodes; a Job that is admitted runs only there.
        preempts: whether higher priority evicts lower priority.
    """
    covered = [{"name": resource, "nominalQuota": amount} for resource, amount in quota.items()]
    group = {"coveredResources": list(quota), "flavors": [{"name": name, "resources": covered}]}
    preemption = {"withinClusterQueue": "LowerPriority" if preempts else "Never"}
    plane.apply(
        [
            _object("ResourceFlavor", name, {"nodeLabels": dict(node_labels or {})}),
            _object(
                "ClusterQueue",
                name,
                {"resourceGroups": [group], "preemption": preemption, "namespaceSelector": {}},
            ),
            {
                **_object("LocalQueue", name, {"clusterQueue": name}),
                "metadata": {"name": name, "namespace": namespace},
            },
        ]
    )


def add_priority(plane: ControlPlane, name: str, value: int) -> None:
    """Add a WorkloadPriorityClass."""
    plane.apply(
        [
            {
                "apiVersion": "kueue.x-k8s.io/v1beta1",
                "kind": "WorkloadPriorityClass",
                "metadata": {"name": name},
                "value": value,
            }
        ]
    )


def _is_suspended_on_creation(plane: ControlPlane) -> bool:
    template = {"spec": restricted_pod_spec("none")}
    body = {
        "metadata": {"name": "asked", "labels": {"kueue.x-k8s.io/queue-name": "any"}},
        "spec": {"template": template},
    }
    made = client.BatchV1Api(plane.api).create_namespaced_job("default", body, dry_run="All")
    return bool(made.spec.suspend)


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }
