"""The time from the end of one stage's Job to the creation of the next, for many NerDeployments at once.

The objects' own times are in whole seconds, so the times come from the API
server's audit log: from the answer to the status write that makes the last of
a step's producers Complete, to the receipt of the POST that creates the step's
Job. A watch may report a write before its writer gets the answer; a POST in
between counts as no time.

A stage takes 5 to 25 seconds, at random with a fixed seed. If all stages ended
within one second, the benchmark would measure how fast a backlog is worked
off. That is one row of its own: the stampede.
"""

import statistics
from dataclasses import dataclass

from benchmarks.harness import Options, table
from benchmarks.on_a_cluster import (
    NAMESPACE,
    STAGES,
    api_of,
    cluster,
    create,
    operator,
    producers,
    programs,
    ready,
    wait,
)
from ner_operator.controllers.nerdeployment.job_records import JobRecord
from ner_operator.controllers.nerdeployment.labels import OURS
from ner_operator.kube.client import Api
from ner_operator.kube.objects import JOBS
from testbed.audit import Request, read_requests
from testbed.control_plane import ControlPlane
from testbed.outcomes import script, succeeds

DEPLOYMENTS = 50
SHORTEST, LONGEST = 5.0, 25.0
"""Seconds for which a stage runs."""

AT_ONCE = 1.0
"""Seconds for which each stage runs in the stampede."""

STAMPEDE = "stampede"
LIMIT = 900.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds between two stages.

    Attributes:
        step: the later one.
    """

    deployment: str
    step: str
    seconds: float


def run(options: Options) -> dict[str, object]:
    """Keys: `median_s` and `p99_s` of the time between two stages."""
    count = 5 if options.quick else DEPLOYMENTS
    with (
        cluster(options, stage_seconds=SHORTEST, spread=LONGEST - SHORTEST) as plane,
        operator(plane) as running,
    ):
        api = api_of(plane)
        running.start()
        create(api, [f"overhead-{number}" for number in range(count)])
        took = wait("the promotion of all", lambda: ready(api) == count, LIMIT)
        script(plane, NAMESPACE, succeeds(AT_ONCE))
        create(api, [f"{STAMPEDE}-{number}" for number in range(count)])
        wait("the promotion of all in the stampede", lambda: ready(api) == 2 * count, LIMIT)
        running.server.check()
        gaps = gaps_of(plane, api)
        title = f"{count} deployments of {STAGES} stages in {took:.0f} s ({programs(plane)})"
    by_step: dict[str, list[float]] = {}
    stampede = []
    for gap in gaps:
        if gap.deployment.startswith(STAMPEDE):
            stampede.append(gap.seconds)
        else:
            by_step.setdefault(gap.step.partition("/")[0], []).append(gap.seconds)
    everything = [seconds for found in by_step.values() for seconds in found]
    table(
        title,
        ("seconds from Complete to POST", "stages", "median", "p99", "slowest"),
        [
            (what, len(found), statistics.median(found), percentile(found, 0.99), max(found))
            for what, found in [
                *by_step.items(),
                ("all", everything),
                (f"{STAMPEDE}: {count} at once", stampede),
            ]
        ],
    )
    return {
        "median_s": round(statistics.median(everything), 3),
        "p99_s": round(percentile(everything, 0.99), 3),
    }


def gaps_of(plane: ControlPlane, api: Api) -> list[Gap]:
    """The gap before every Job but the first of each NerDeployment.

    Raises:
        SystemExit: a Job was created before its producers were Complete.
    """
    jobs = [
        record
        for page in api.pages(JOBS, NAMESPACE, labels=OURS)
        for job in page["items"]
        if (record := JobRecord.of(job))
    ]
    made: dict[str, float] = {}
    complete: dict[str, Request] = {}
    for request in read_requests(plane.audit_log):
        if request.verb == "create" and request.resource == "jobs" and request.code < 300:
            made[request.name] = request.received
        elif request.adds_complete:
            complete.setdefault(request.name, request)
    names = {(record.owner_uid, record.step): record.name for record in jobs}
    waits_for = producers()
    gaps = []
    for record in jobs:
        before = [complete[names[record.owner_uid, step]] for step in waits_for[record.step]]
        if before:
            early = max(write.received for write in before) - made[record.name]
            if early > 0:
                raise SystemExit(
                    f"{record.step} was created {early:.3f} s before its producers were Complete"
                )
            gap = made[record.name] - max(write.answered for write in before)
            gaps.append(Gap(record.owner_name, record.step, max(gap, 0.0)))
    return gaps


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all values is (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
