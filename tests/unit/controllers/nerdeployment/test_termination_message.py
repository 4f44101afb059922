"""Termination messages: an invalid one is ignored, and another attempt verifies the result."""

from dataclasses import replace

import pytest

from ner_jobs.task import Stage
from ner_operator.controllers.nerdeployment.attempts import FIRST_BACKOFF
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage

OTHER_KEY = "f" * 64


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda good: None, id="missing, or no JSON"),
        pytest.param(lambda good: replace(good, key=OTHER_KEY), id="of another key"),
        pytest.param(lambda good: replace(good, outputs={}), id="without its outputs"),
        pytest.param(lambda good: replace(good, manifest_digest=""), id="without its manifest"),
    ],
)
def test_an_invalid_message_starts_a_verifying_attempt(cluster, change) -> None:
    cluster.step()
    cluster.finish("prepare")
    good = cluster.job("prepare").termination_message
    cluster.end("prepare", change(good))
    cluster.step()
    stage = cluster.stage("prepare")
    assert (stage.state, stage.reason, stage.result) == ("Retrying", "TerminationMessageLost", None)
    cluster.wait(FIRST_BACKOFF + 1)
    assert cluster.job("prepare").attempt == 2
    cluster.run()
    assert cluster.runs[Stage.PREPARE, good.key] == 1
    assert cluster.condition("Ready") == ("True", "Promoted")


def test_a_message_that_is_lost_each_time_fails_the_stage(cluster) -> None:
    cluster.step()
    for _ in range(20):
        for job in cluster.working():
            cluster.end(job.step, None)
        decision = cluster.step()
        cluster.now += decision.requeue_after or 0
    stage = cluster.stage("prepare")
    assert (stage.state, stage.reason, stage.attempt) == ("Failed", "TerminationMessageLost", 5)
    assert "5 times" in stage.message
    assert cluster.condition("Stalled") == ("True", "TerminationMessageLost")


def test_figures_that_no_json_holds_are_left_out(cluster) -> None:
    cluster.step()
    cluster.finish("prepare")
    good = cluster.job("prepare").termination_message
    figures = {
        "sentences": 20864,
        "bad": float("nan"),
        "worse": float("inf"),
        "text": "x" * 500,
        "none": None,
    }
    cluster.end("prepare", replace(good, headline=figures))
    cluster.step()
    assert cluster.stage("prepare").result.headline == {"sentences": 20864}


def test_a_message_about_another_key_is_ignored(cluster) -> None:
    cluster.step()
    cluster.fail("prepare", 65)
    job = cluster.job("prepare")
    forged = TerminationMessage(key=OTHER_KEY, code=65, message="send money")
    cluster.jobs[job.name] = replace(job, termination_message=forged)
    cluster.step()
    assert "money" not in cluster.stage("prepare").message
