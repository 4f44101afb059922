"""From a stage's Job finishing to the next one's creation, over many deployments at once, from the audit log.

The objects' own times have whole seconds, so the API server's audit log is
read: from the answer to the status write that makes the last of a step's
producers Complete, to the receipt of the POST that makes the step's Job.
"""

import statistics

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
from ner_operator.cluster.client import JOBS, Api
from ner_operator.cluster.jobs import JobRecord
from ner_operator.cluster.labels import OURS
from testbed.audit import read_requests
from testbed.control_plane import ControlPlane

DEPLOYMENTS = 50
LIMIT = 900.0


def run(options: Options) -> dict[str, object]:
    """Keys: `median_s` and `p99_s` of the time between two stages."""
    count = 5 if options.quick else DEPLOYMENTS
    with cluster(options) as plane, operator(plane) as running:
        api = api_of(plane)
        running.start()
        create(api, [f"overhead-{number}" for number in range(count)])
        took = wait("the promotion of all", lambda: ready(api) == count, LIMIT)
        running.server.check()
        gaps = gaps_of(plane, api)
        title = f"{count} deployments of {STAGES} stages in {took:.0f} s ({programs(plane)})"
    by_step: dict[str, list[float]] = {}
    for step, gap in gaps:
        by_step.setdefault(step.partition("/")[0], []).append(gap)
    everything = sorted(gap for _, gap in gaps)
    table(
        title,
        ("seconds from Complete to POST", "stages", "median", "p99", "slowest"),
        [
            (stage, len(found), statistics.median(found), percentile(found, 0.99), max(found))
            for stage, found in [*by_step.items(), ("all", everything)]
        ],
    )
    return {
        "median_s": round(statistics.median(everything), 3),
        "p99_s": round(percentile(everything, 0.99), 3),
    }


def gaps_of(plane: ControlPlane, api: Api) -> list[tuple[str, float]]:
    """Step and seconds of every Job but the first of each deployment.

    Raises:
        SystemExit: a Job was made before what it waits for was complete.
    """
    jobs = [
        record
        for page in api.pages(JOBS, NAMESPACE, labels=OURS)
        for job in page["items"]
        if (record := JobRecord.of(job))
    ]
    made: dict[str, float] = {}
    complete: dict[str, float] = {}
    for request in read_requests(plane.audit_log):
        if request.verb == "create" and request.resource == "jobs" and request.code < 300:
            made[request.name] = request.received
        elif request.adds_complete:
            complete.setdefault(request.name, request.answered)
    names = {(record.owner, record.step): record.name for record in jobs}
    waits_for = producers()
    gaps = []
    for record in jobs:
        before = [complete[names[record.owner, step]] for step in waits_for[record.step]]
        if before:
            gap = made[record.name] - max(before)
            if gap < 0:
                raise SystemExit(f"{record.step} was made {-gap:.3f} s before what it waits for was complete")
            gaps.append((record.step, gap))
    return gaps


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
