"""Why a test on a cluster failed: what a person would ask kubectl for, behind the failure's own message."""

import contextlib
from collections.abc import Iterator, Sequence

from testbed.cluster import Cluster

LINES = 40
"""Of each log."""

CONDITIONS = (
    '{range .items[*]}{.metadata.name}{":\\n"}'
    '{range .status.conditions[*]}  {.type} {.status} {.reason}: {.message}{"\\n"}{end}'
    '{range .status.stages[*]}  {.name} {.state} {.reason} {.message}{"\\n"}{end}{end}'
)


@contextlib.contextmanager
def telling(cluster: Cluster, *namespaces: str) -> Iterator[None]:
    """Let a failure in this block tell what is going on in these namespaces."""
    try:
        yield
    except AssertionError as failure:
        for namespace in namespaces:
            failure.add_note(story_of(cluster, namespace))
        raise


def story_of(cluster: Cluster, namespace: str) -> str:
    """NerDeployments, pods, Events, and the ends of the logs of pods that have not succeeded."""
    asked = [
        ("get", "nerdeployments", f"--output=jsonpath={CONDITIONS}"),
        ("get", "pods", "--output=wide"),
        ("get", "events", "--sort-by=.metadata.creationTimestamp"),
        *(
            ("logs", pod.metadata.name, "--all-containers", "--prefix", f"--tail={LINES}")
            for pod in cluster.core.list_namespaced_pod(namespace).items
            if pod.status.phase != "Succeeded"
        ),
    ]
    return "\n".join(_said(cluster, namespace, each) for each in asked)


def _said(cluster: Cluster, namespace: str, asked: Sequence[str]) -> str:
    try:
        said = cluster.kubectl("--namespace", namespace, *asked)
    except AssertionError as refusal:
        said = str(refusal)
    return f"--- {namespace}: {' '.join(asked[:2])}\n{said}"
