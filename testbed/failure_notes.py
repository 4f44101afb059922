"""Adds to a failed test what a person would ask kubectl: conditions, pods, Events and logs."""

import contextlib
from collections.abc import Iterator, Sequence

from testbed.cluster import Cluster

LINES = 40
"""Shown of each log."""

CONDITIONS = (
    '{range .items[*]}{.metadata.name}{":\\n"}'
    '{range .status.conditions[*]}  {.type} {.status} {.reason}: {.message}{"\\n"}{end}'
    '{range .status.stages[*]}  {.name} {.state} {.reason} {.message}{"\\n"}{end}{end}'
)


@contextlib.contextmanager
def explain_failures(cluster: Cluster, *namespaces: str) -> Iterator[None]:
    """Add the state of these namespaces to an assertion that fails in the block."""
    try:
        yield
    except AssertionError as failure:
        for namespace in namespaces:
            failure.add_note(describe(cluster, namespace))
        raise


def describe(cluster: Cluster, namespace: str) -> str:
    """NerDeployments, pods, Events, and the last log lines of pods that have not succeeded."""
    questions = [
        ("get", "nerdeployments", f"--output=jsonpath={CONDITIONS}"),
        ("get", "pods", "--output=wide"),
        ("get", "events", "--sort-by=.metadata.creationTimestamp"),
        *(
            ("logs", pod.metadata.name, "--all-containers", "--prefix", f"--tail={LINES}")
            for pod in cluster.core.list_namespaced_pod(namespace).items
            if pod.status.phase != "Succeeded"
        ),
    ]
    return "\n".join(_answer(cluster, namespace, question) for question in questions)


def _answer(cluster: Cluster, namespace: str, question: Sequence[str]) -> str:
    try:
        output = cluster.kubectl("--namespace", namespace, *question)
    except AssertionError as error:
        output = str(error)
    return f"--- {namespace}: {' '.join(question[:2])}\n{output}"
