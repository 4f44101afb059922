"""Random histories: Jobs fail, writes are lost, messages are forged, operators restart and run twice.

After the faults the deployment always ends as it does without any fault, and
no result was counted twice.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ner_operator.controllers.nerdeployment.decide import decide
from ner_operator.controllers.nerdeployment.decision import Decision
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, Snapshot
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage

PLAIN: dict[str, Any] = {}
FULL: dict[str, Any] = {
    "benchmark": {},
    "inference": [{"name": "archive", "data": {"uri": "s3://data/archive.jsonl"}}],
    "scheduling": {"queueName": "team-a", "queueDeadlineSeconds": 30},
}

FAULTS = (
    "reconcile",
    "reconcile and die",
    "reconcile a former snapshot",
    "start",
    "end well",
    "end well without a message",
    "end well with a forged message",
    "try again",
    "stopped",
    "vanish from the store",
    "deleted by hand",
    "removed by its TTL",
    "status lost",
    "hindered",
    "seen by a watch that is behind",
    "time goes by",
)


class History:
    """Plays faults on a cluster; every choice is drawn."""

    def __init__(self, cluster: Any, data: st.DataObject) -> None:
        self.cluster = cluster
        self.draw = data.draw
        self.former: list[Snapshot] = []
        self.successes: Counter[tuple[str, str]] = Counter()
        self.discarded: set[str] = set()

    def play(self, fault: str) -> None:
        getattr(self, "play_" + fault.lower().replace(" ", "_"))()

    def play_reconcile(self) -> None:
        self.former.append(self.cluster.snapshot())
        self.write(self.cluster.decide(), 10_000)

    def play_reconcile_and_die(self) -> None:
        decision = self.cluster.decide()
        writes = len(decision.delete) + len(decision.create) + 1
        self.write(decision, self.draw(st.integers(0, writes)))

    def play_reconcile_a_former_snapshot(self) -> None:
        """Another operator has an older snapshot: its Jobs are created, but its status is refused."""
        if self.former:
            seen = self.draw(st.sampled_from(self.former))
            decision = decide(seen, self.cluster.now)
            self.write(decision, len(decision.delete) + len(decision.create))

    def write(self, decision: Decision, most: int) -> None:
        """Write in the order of the operator, until it is killed."""
        writes = [
            *(lambda job=job: self.cluster.jobs.pop(job.name, None) for job in decision.delete),
            *(lambda order=order: self.cluster.create(order) for order in decision.create),
            lambda: self.put(decision),
        ]
        for write in writes[:most]:
            write()

    def put(self, decision: Decision) -> None:
        before = {stage.name: stage for stage in self.cluster.status.stages}
        self.cluster.write(decision)
        for stage in self.cluster.status.stages:
            former = before.get(stage.name)
            if stage.state == "Succeeded" and (former is None or former.result != stage.result):
                self.successes[stage.name, stage.key] += 1
        ready = self.cluster.condition("Ready")
        progress = [name for name in ("Reconciling", "Stalled") if self.cluster.condition(name)]
        assert len(progress) == (0 if ready and ready[0] == "True" else 1)

    def some(self, *phases: JobPhase) -> str | None:
        """A step whose latest Job is in one of these phases."""
        steps = sorted(
            {
                job.step
                for job in self.cluster.jobs.values()
                if job.phase in phases and self.cluster.job(job.step) == job
            }
        )
        return self.draw(st.sampled_from(steps)) if steps else None

    def play_start(self) -> None:
        if step := self.some(JobPhase.QUEUED):
            self.cluster.start(step)

    def play_end_well(self) -> None:
        if step := self.some(JobPhase.QUEUED, JobPhase.RUNNING):
            self.cluster.finish(step)

    def play_end_well_without_a_message(self) -> None:
        if step := self.some(JobPhase.QUEUED, JobPhase.RUNNING):
            self.cluster.finish(step)
            if self.cluster.job(step).phase is JobPhase.SUCCEEDED:
                self.cluster.end(step, None)

    def play_end_well_with_a_forged_message(self) -> None:
        if step := self.some(JobPhase.QUEUED, JobPhase.RUNNING):
            forged = TerminationMessage(key="f" * 64, manifest_digest="f" * 64, outputs={"model": "f" * 64})
            self.cluster.end(step, forged)

    def play_try_again(self) -> None:
        if step := self.some(JobPhase.QUEUED, JobPhase.RUNNING):
            self.cluster.fail(step, 75, "nothing answers at http://minio:9000")

    def play_stopped(self) -> None:
        if step := self.some(JobPhase.QUEUED, JobPhase.RUNNING):
            self.cluster.fail(step, 143)

    def play_vanish_from_the_store(self) -> None:
        """A stage's result is lost, but not promote's: it is as safe as the pointer itself."""
        there = sorted(address for address in self.cluster.store if address[0] != "promote")
        if there:
            address = self.draw(st.sampled_from(there))
            del self.cluster.store[address]
            self.discarded.add(address[1])

    def play_deleted_by_hand(self) -> None:
        if names := sorted(self.cluster.jobs):
            name = self.draw(st.sampled_from(names))
            if self.draw(st.booleans()):
                del self.cluster.jobs[name]
            else:
                self.cluster.jobs[name] = replace(self.cluster.jobs[name], phase=JobPhase.DELETING)

    def play_removed_by_its_ttl(self) -> None:
        over = sorted(
            name
            for name, job in self.cluster.jobs.items()
            if job.phase in (JobPhase.SUCCEEDED, JobPhase.FAILED)
        )
        if over:
            del self.cluster.jobs[self.draw(st.sampled_from(over))]

    def play_status_lost(self) -> None:
        """A backup without statuses is restored."""
        self.cluster.status = type(self.cluster.status)()
        self.successes.clear()

    def play_hindered(self) -> None:
        if step := self.some(JobPhase.QUEUED):
            reason = self.draw(st.sampled_from(["Suspended", "Unschedulable", "CreateContainerConfigError"]))
            self.cluster.hinder(step, reason, "insufficient vastaitech.com/va")

    def play_seen_by_a_watch_that_is_behind(self) -> None:
        """A Job that was just created is not in the watch yet: nothing may be created twice."""
        cluster = self.cluster
        jobs = dict(cluster.jobs)
        hidden = jobs[self.draw(st.sampled_from(sorted(jobs)))] if jobs else None
        if hidden:
            del cluster.jobs[hidden.name]
        cluster.listed = False
        decision = cluster.decide()
        cluster.listed, cluster.jobs = True, jobs
        entry = cluster.status.stage(hidden.step) if hidden else None
        if hidden and entry and entry.job == hidden.name and entry.state in ("Queued", "Running"):
            assert decision.status.stage(hidden.step).attempt == entry.attempt
            assert decision.status.stage(hidden.step).failures == entry.failures
        if not decision.verify_with_list:
            self.write(decision, 10_000)

    def play_time_goes_by(self) -> None:
        self.cluster.now += self.draw(st.sampled_from([1.0, 7.0, 60.0, 1000.0]))


@pytest.mark.parametrize("spec", [pytest.param(PLAIN, id="plain"), pytest.param(FULL, id="full")])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data(), faults=st.lists(st.sampled_from(FAULTS), max_size=40))
def test_faults_change_nothing_in_the_end(cluster, spec: dict[str, Any], data: st.DataObject, faults) -> None:
    calm, stormy = type(cluster)(), type(cluster)()
    for each in (calm, stormy):
        each.spec = {**each.spec, **spec}
    calm.run()
    history = History(stormy, data)
    for fault in faults:
        note(fault)
        history.play(fault)
        stormy.now += 1.0
    stormy.run()
    # A result that a person deletes is found missing only when the next stage needs it.
    assert stormy.outcome() == calm.outcome()
    assert max(stormy.runs.values()) == 1 or history.discarded
    assert all(count == 1 for (_, key), count in history.successes.items() if key not in history.discarded)
    assert stormy.decide().status == stormy.status
    assert stormy.decide().requeue_after is None
