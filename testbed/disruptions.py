"""Disruptions of pods and nodes, made through the API server as Kubernetes or an administrator makes them."""

import contextlib
from collections.abc import Iterator

from testbed.cluster import Cluster
from testbed.waiting import until

DRAINED = {"key": "testbed/drained", "value": "", "effect": "NoExecute"}


def evict(cluster: Cluster, namespace: str, pod: str) -> None:
    """Evict a pod as `kubectl drain` does: it gets SIGTERM, and its condition says that it was disrupted."""
    cluster.core.create_namespaced_pod_eviction(pod, namespace, {"metadata": {"name": pod}})


@contextlib.contextmanager
def drained(cluster: Cluster, node: str) -> Iterator[None]:
    """Evict all pods of a node; until the block ends the node takes no pod."""
    before = cluster.core.read_node(node).spec.taints or []
    cluster.core.patch_node(node, {"spec": {"taints": [*before, DRAINED]}})
    try:
        yield
    finally:
        cluster.core.patch_node(node, {"spec": {"taints": before or None}})


@contextlib.contextmanager
def lost(cluster: Cluster, node: str) -> Iterator[None]:
    """Delete a node, and create it again when the block ends.

    Its pods stay as they were for up to 80 seconds: the controller waits before it deletes them.
    """
    found = cluster.api.sanitize_for_serialization(cluster.core.read_node(node))
    cluster.core.delete_node(node)
    try:
        yield
    finally:
        kept = {name: found["metadata"].get(name) for name in ("name", "labels")}
        room = {name: found["status"][name] for name in ("allocatable", "capacity")}
        cluster.core.create_node({"metadata": kept, "spec": {}, "status": room})
        until(f"{node} again", lambda: node in cluster.ready_nodes())
