"""Five thousand finished NerDeployments at rest: what does the operator use?

One NerDeployment runs to its end. The others have the same spec, so the same
keys, and get its status: they are finished too. Then the operator starts,
reconciles each of them once, and has nothing more to do.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness import Options, table
from benchmarks.on_a_cluster import (
    NAMESPACE,
    api_of,
    cluster,
    deployment,
    operator,
    programs,
    ready,
    start,
    wait,
)
from ner_operator.controllers.nerdeployment.labels import OURS
from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.kube.client import Api
from ner_operator.kube.objects import JOBS, Json
from testbed.audit import writes_by

NUMBER = 5000
REST = 300.0
CORPUS = "idle"
WRITERS = 8


def run(options: Options) -> dict[str, object]:
    """Keys: `core_percent`, `writes` and `rss_mib`, over the minutes of rest."""
    count, rest = (50, 10.0) if options.quick else (NUMBER, REST)
    with cluster(options) as plane, operator(plane) as running:
        api = api_of(plane)
        running.start()
        api.create(NERDEPLOYMENTS, NAMESPACE, deployment("idle-0", CORPUS))
        wait("the promotion of the first", lambda: ready(api) == 1, 600.0)
        running.server.stop()
        _finish(api, [f"idle-{number}" for number in range(1, count)])
        reconciled, started = start(running, count)
        writes, cpu = len(writes_by(plane.audit_log, running.account.user)), running.cpu_seconds()
        time.sleep(rest)
        used = (running.cpu_seconds() - cpu) / rest
        written = len(writes_by(plane.audit_log, running.account.user)) - writes
        resident, peak = running.resident_mib(), running.resident_mib(peak=True)
        title = f"{count} finished deployments at rest for {rest:.0f} s ({programs(plane)})"
    table(
        title,
        ("", "value"),
        [
            ("seconds until each was reconciled", reconciled),
            ("seconds until the watches had read everything", started),
            ("percent of a core at rest", 100 * used),
            ("writes at rest", written),
            ("resident MiB at rest", resident),
            ("resident MiB at most", peak),
        ],
    )
    return {"core_percent": round(100 * used, 3), "writes": written, "rss_mib": round(max(resident, peak), 1)}


def _finish(api: Api, names: list[str]) -> None:
    """Create finished NerDeployments: with the status of the first, and without Jobs, as after their TTL."""
    status = api.get(NERDEPLOYMENTS, NAMESPACE, "idle-0")["status"]
    for page in api.pages(JOBS, NAMESPACE, labels=OURS):
        for job in page["items"]:
            api.delete(JOBS, NAMESPACE, job["metadata"]["name"], job["metadata"]["uid"])

    def make(name: str) -> Json:
        api.create(NERDEPLOYMENTS, NAMESPACE, deployment(name, CORPUS))
        return api.patch_status(NERDEPLOYMENTS, NAMESPACE, name, {"status": status})

    with ThreadPoolExecutor(WRITERS) as writers:
        for _ in writers.map(make, names):
            pass
