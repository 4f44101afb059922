"""What the watch makes of news: whom to look at, and whom first."""

from collections.abc import Mapping
from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.attempts import SETTLING
from ner_operator.controllers.nerdeployment.job_index import JobIndex
from ner_operator.controllers.nerdeployment.runtimes import Runtimes
from ner_operator.controllers.nerdeployment.watch import Watch
from ner_operator.kube.versions import Ledger
from ner_operator.kube.work_queue import Key, Queue

TIME = "2026-11-24T10:00:00Z"
RUNS: Mapping[str, Any] = {"active": 1, "ready": 1}


def ended(condition: str) -> dict[str, Any]:
    return {"conditions": [{"type": condition, "status": "True", "lastTransitionTime": TIME}]}


@pytest.fixture
def queue(clock: Any) -> Queue:
    return Queue(clock, jitter=lambda: 1.0)


@pytest.fixture
def lost() -> list[tuple[Key, str]]:
    return []


@pytest.fixture
def watch(queue: Queue, lost: list[tuple[Key, str]]) -> Watch:
    return Watch(queue, Ledger(), JobIndex(), Runtimes(), lambda key, uid: lost.append((key, uid)))


def deployment(name: str, version: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "nlp", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    }


def job(name: str, version: int, status: Mapping[str, Any]) -> dict[str, Any]:
    """The Job of a deployment's only stage."""
    return {
        "metadata": {
            "name": f"nerd-{name}",
            "namespace": "nlp",
            "uid": f"job-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": TIME,
            "labels": {"nerd.dev/deployment-uid": f"uid-{name}"},
            "annotations": {"nerd.dev/step": "prepare", "nerd.dev/deployment": name},
        },
        "status": status,
    }


@pytest.mark.parametrize("condition", ["Complete", "Failed"])
def test_a_job_that_has_ended_goes_before_other_news(
    watch: Watch, queue: Queue, clock: Any, condition: str
) -> None:
    watch.job(False, job("trained", 5, RUNS))
    for number in range(3):
        watch.deployment(False, deployment(f"new-{number}"))
    clock.now += 1.0
    watch.job(False, job("trained", 6, ended(condition)))
    assert queue.take() == ("nlp", "trained")
    assert queue.take() == ("nlp", "new-0")


def test_a_job_that_runs_is_looked_at_once_it_has_settled(watch: Watch, queue: Queue, clock: Any) -> None:
    watch.job(False, job("training", 5, RUNS))
    assert queue.depth == 0
    clock.now += SETTLING
    assert queue.take() == ("nlp", "training")


def test_an_end_that_is_known_is_no_news(watch: Watch, queue: Queue) -> None:
    for _ in range(2):
        watch.job(False, job("trained", 6, ended("Complete")))
    assert queue.take() == ("nlp", "trained")
    queue.done(("nlp", "trained"))
    watch.job(False, job("trained", 6, ended("Complete")))
    assert queue.depth == 0


def test_a_job_that_is_gone_is_news_of_its_deployment(watch: Watch, queue: Queue) -> None:
    waiting = job("waiting", 5, {})
    watch.job(False, waiting)
    assert queue.depth == 0, "somebody has just decided that it shall be there"
    watch.job(True, waiting)
    assert queue.take() == ("nlp", "waiting")


def test_a_deployment_that_is_gone_is_told_of_and_asks_for_no_look(
    watch: Watch, queue: Queue, lost: list[tuple[Key, str]]
) -> None:
    watch.deployment(True, deployment("old"))
    assert lost == [(("nlp", "old"), "uid-old")]
    assert queue.depth == 0


def test_a_job_of_somebody_else_is_nobodys_news(watch: Watch, queue: Queue) -> None:
    foreign = job("theirs", 5, ended("Complete"))
    del foreign["metadata"]["labels"]
    watch.job(False, foreign)
    assert queue.depth == 0
