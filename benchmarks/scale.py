"""A thousand NerDeployments until all are Ready, then a restart of the operator.

Writes are those of the operator's service account in the API server's audit
log. Memory is the peak of the process (VmHWM), including its libraries.
"""

import time

from benchmarks.harness import Options, table
from benchmarks.on_a_cluster import (
    STAGES,
    api_of,
    at_rest,
    cluster,
    create,
    operator,
    programs,
    ready,
    start,
    wait,
)
from testbed.audit import Request, writes_by

DEPLOYMENTS = 1000
LIMIT = 4 * 3600.0


def run(options: Options) -> dict[str, object]:
    """Keys: `stages`, `writes_per_stage`, `peak_mib`, `cpu_s`; of a restart `restart_s`, `restart_writes`.

    A restart ends when each was reconciled and the watches have read everything.
    """
    count = 10 if options.quick else DEPLOYMENTS
    stages = count * STAGES
    with cluster(options) as plane, operator(plane) as running:
        api = api_of(plane)
        running.start()
        began = time.perf_counter()
        create(api, [f"scale-{number}" for number in range(count)])
        wait("the promotion of all", lambda: ready(api) == count, LIMIT, every=10.0)
        took = time.perf_counter() - began
        wait("rest", lambda: at_rest(running, count), 300.0)
        peak, cpu = running.resident_mib(peak=True), running.cpu_seconds()
        running.server.stop()
        writes = writes_by(plane.audit_log, running.account.user)
        reconciled, started = start(running, count)
        # A reconcile that requeues its object soon shows within this time.
        time.sleep(30.0)
        running.server.check()
        after = writes_by(plane.audit_log, running.account.user)[len(writes) :]
        title = f"{count} deployments, {stages} stages in {took:.0f} s ({programs(plane)})"
    table(title, ("writes of the operator", "number", "a stage"), [*_counted(writes, stages)])
    table(
        "the restart",
        ("", "seconds"),
        [("until each was reconciled", reconciled), ("until the watches had read everything", started)],
    )
    if after:
        table(
            "after the restart", ("writes of the operator", "number", "a stage"), [*_counted(after, stages)]
        )
    return {
        "stages": stages,
        "writes_per_stage": round(len(writes) / stages, 3),
        "peak_mib": round(peak, 1),
        "cpu_s": round(cpu, 1),
        "restart_s": round(started, 1),
        "restart_writes": len(after),
    }


def _counted(writes: list[Request], stages: int) -> list[tuple[str, int, float]]:
    counts: dict[str, int] = {}
    for write in writes:
        what = f"{write.verb} {write.resource} {write.code}"
        counts[what] = counts.get(what, 0) + 1
    rows = [(what, number, number / stages) for what, number in sorted(counts.items())]
    return [*rows, ("all", len(writes), len(writes) / stages)]
