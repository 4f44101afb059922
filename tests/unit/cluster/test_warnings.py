"""What Events tell of what does not start, and how seldom they are asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from ner_operator.cluster.pods import Trouble
from ner_operator.cluster.warnings import FRESH, Warnings, latest


def event(uid: str, message: str, kind: str = "Warning", **times: Any) -> dict[str, Any]:
    return {
        "involvedObject": {"uid": uid},
        "type": kind,
        "reason": "FailedCreate",
        "message": message,
        **times,
    }


QUOTA = event("job", "quota", lastTimestamp="2026-11-24T10:01:00Z")
WEBHOOK = event("job", "webhook", eventTime="2026-11-24T10:02:00.1Z")
AGAIN = event("job", "again", lastTimestamp=None, series={"lastObservedTime": "2026-11-24T10:03:00.1Z"})
MADE = event("job", "made", kind="Normal", lastTimestamp="2026-11-24T10:09:00Z")
OTHER = event("other", "its own", lastTimestamp="2026-11-24T10:09:00Z")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        pytest.param([QUOTA, WEBHOOK, OTHER], "webhook", id="the latest"),
        pytest.param([WEBHOOK, QUOTA], "webhook", id="in whatever order"),
        pytest.param([AGAIN, WEBHOOK], "again", id="one that is told again"),
        pytest.param([QUOTA, MADE], "quota", id="no news of what went well"),
        pytest.param([event("job", "without a time")], "without a time", id="one without a time"),
    ],
)
def test_the_last_warning(events: list[dict[str, Any]], told: str) -> None:
    assert latest(events)["job"] == Trouble("FailedCreate", told)


def test_nothing_is_told_of_what_goes_well() -> None:
    assert latest([MADE]) == {}


def test_what_the_cluster_says_is_cut() -> None:
    assert len(latest([event("job", "x" * 5000)])["job"].message) == 1024


class Cluster:
    """Namespaces with Events; counts who asks."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.now = 1000.0

    def read(self, namespace: str) -> Iterator[dict[str, Any]]:
        self.asked.append(namespace)
        yield from self.events.get(namespace, [])


def test_one_list_serves_all_who_ask_within_some_seconds() -> None:
    cluster = Cluster()
    warnings = Warnings(cluster.read, lambda: cluster.now)
    assert warnings.of("nlp", "job") is None
    cluster.events["nlp"] = [QUOTA, OTHER]
    cluster.now += FRESH - 1
    assert warnings.of("nlp", "job") is None
    cluster.now += 1
    assert warnings.of("nlp", "job") == Trouble("FailedCreate", "quota")
    assert warnings.of("nlp", "other") == Trouble("FailedCreate", "its own")
    assert warnings.of("elsewhere", "job") is None
    assert cluster.asked == ["nlp", "nlp", "elsewhere"]


def test_what_failed_is_asked_again() -> None:
    cluster = Cluster()

    def refuse(namespace: str) -> Iterator[dict[str, Any]]:
        cluster.asked.append(namespace)
        raise OSError(namespace)

    warnings = Warnings(refuse, lambda: cluster.now)
    for _ in range(2):
        with pytest.raises(OSError, match="nlp"):
            warnings.of("nlp", "job")
    assert cluster.asked == ["nlp", "nlp"]
