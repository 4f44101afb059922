"""What befalls pods and nodes, by itself or by an administrator's hand, done through the API server."""

import contextlib
from collections.abc import Iterator

from testbed.cluster import Cluster
from testbed.waiting import until

DRAINED = {"key": "testbed/drained", "value": "", "effect": "NoExecute"}


def evict(cluster: Cluster, namespace: str, pod: str) -> None:
    """As `kubectl drain` asks: the pod is disrupted, gets SIGTERM, and goes."""
    cluster.core.create_namespaced_pod_eviction(pod, namespace, {"metadata": {"name": pod}})


@contextlib.contextmanager
def drained(cluster: Cluster, node: str) -> Iterator[None]:
    """A node whose pods are sent away, and that takes none for the duration of a block."""
    before = cluster.core.read_node(node).spec.taints or []
    cluster.core.patch_node(node, {"spec": {"taints": [*before, DRAINED]}})
    try:
        yield
    finally:
        cluster.core.patch_node(node, {"spec": {"taints": before or None}})


@contextlib.contextmanager
def lost(cluster: Cluster, node: str) -> Iterator[None]:
    """A node that is no more, for the duration of a block.

    Its pods stay as they were for up to 80 seconds: so long the controller waits before it believes it.
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
