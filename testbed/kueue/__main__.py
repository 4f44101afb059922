"""`python -m testbed.kueue KUBECONFIG`: play Kueue for all Jobs that name a queue, until it is stopped.

It lists everything several times a second and does what is due: level-based, so
it may be stopped and started at any time.
"""

import hashlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.utils.quantity import parse_quantity

from testbed.kueue.admission import Quota, Request, admit

GROUP, VERSION = "kueue.x-k8s.io", "v1beta1"
QUEUE = f"{GROUP}/queue-name"
PRIORITY = f"{GROUP}/priority-class"
JOB_UID = f"{GROUP}/job-uid"
SELECTORS = f"{GROUP}/stand-in-node-selector"
"""The Job's own node selector, to restore after an eviction. Kueue reads it from the Workload."""

EVERY = 0.1
"""Seconds between two looks."""

MERGE_PATCH = "application/merge-patch+json"

Json = dict[str, Any]

logger = logging.getLogger("kueue-stand-in")


class StandIn:
    """Reconciles Jobs, Workloads and queues.

    Args:
        api: with the rights of an administrator.
    """

    def __init__(self, api: client.ApiClient) -> None:
        self._batch = client.BatchV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._api = api

    def reconcile(self) -> None:
        """Do what is due now."""
        jobs = {job["metadata"]["uid"]: job for job in self._jobs()}
        workloads = {_owner(each): each for each in self._list("workloads")}
        for uid, job in jobs.items():
            if uid not in workloads:
                workloads[uid] = self._create_workload(job)
        active = {
            uid: workload
            for uid, workload in workloads.items()
            if uid in jobs and not self._finish(workload, jobs[uid])
        }
        self._admit(active, jobs)

    def _admit(self, workloads: Mapping[str, Json], jobs: Mapping[str, Json]) -> None:
        queues = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each
            for each in self._list("localqueues")
        }
        quotas = {each["metadata"]["name"]: _quota(each) for each in self._list("clusterqueues")}
        requests: dict[str, list[Request]] = {name: [] for name in quotas}
        for uid, workload in workloads.items():
            queue = workload["metadata"]["namespace"], workload["spec"]["queueName"]
            cluster_queue = queues[queue]["spec"]["clusterQueue"] if queue in queues else ""
            if queue not in queues:
                self._wait(workload, "Inadmissible", f"LocalQueue {queue[1]} doesn't exist")
            elif cluster_queue not in quotas:
                self._wait(workload, "Inadmissible", f"ClusterQueue {cluster_queue} doesn't exist")
            elif not workload["spec"].get("active", True):
                self._evict(workload, jobs[uid], "Deactivated", "The workload is deactivated")
            else:
                requests[cluster_queue].append(_request(uid, workload))
        flavors = {each["metadata"]["name"]: each.get("spec") or {} for each in self._list("resourceflavors")}
        for cluster_queue, asked in requests.items():
            plan = admit(quotas[cluster_queue], asked)
            for uid, flavor in plan.admit.items():
                self._reserve(workloads[uid], cluster_queue, flavor)
            for uid, winner in plan.evict.items():
                taker = workloads[winner]["metadata"]["uid"]
                message = (
                    f"Preempted to accommodate a workload (UID: {taker}, JobUID: {winner}) due to "
                    "prioritization in the ClusterQueue"
                )
                self._evict(workloads[uid], jobs[uid], "Preempted", message)
            for uid, why in plan.wait.items():
                self._wait(workloads[uid], "Pending", why)
            for request in asked:
                if request.flavor and request.name not in plan.evict:
                    self._resume(jobs[request.name], flavors.get(request.flavor, {}))

    def _create_workload(self, job: Json) -> Json:
        meta, labels = job["metadata"], job["metadata"]["labels"]
        template = job["spec"]["template"]
        suffix = hashlib.sha256(meta["uid"].encode()).hexdigest()[:5]
        spec: Json = {
            "active": True,
            "queueName": labels[QUEUE],
            "podSets": [{"name": "main", "count": job["spec"].get("parallelism", 1), "template": template}],
            "priority": 0,
        }
        if labels.get(PRIORITY):
            found = self._objects.get_cluster_custom_object(
                GROUP, VERSION, "workloadpriorityclasses", labels[PRIORITY]
            )
            spec |= {
                "priorityClassName": labels[PRIORITY],
                "priorityClassSource": f"{GROUP}/workloadpriorityclass",
                "priority": found["value"],
            }
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Workload",
            "metadata": {
                "name": f"job-{meta['name'][:50]}-{suffix}",
                "namespace": meta["namespace"],
                "labels": {JOB_UID: meta["uid"]},
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": meta["name"],
                        "uid": meta["uid"],
                        "controller": True,
                    }
                ],
            },
            "spec": spec,
        }
        made: Json = self._objects.create_namespaced_custom_object(
            GROUP, VERSION, meta["namespace"], "workloads", body
        )
        return made

    def _finish(self, workload: Json, job: Json) -> bool:
        """Mark the Workload of a Job that has ended; returns whether it has."""
        for condition in job.get("status", {}).get("conditions") or ():
            if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
                succeeded = condition["type"] == "Complete"
                message = "Job finished successfully" if succeeded else condition.get("message", "Job failed")
                self._set(workload, [("Finished", True, "Succeeded" if succeeded else "Failed", message)])
                return True
        return False

    def _reserve(self, workload: Json, cluster_queue: str, flavor: str) -> None:
        resources = _resources(workload)
        assignment = {
            "name": "main",
            "count": workload["spec"]["podSets"][0]["count"],
            "flavors": dict.fromkeys(resources, flavor),
            "resourceUsage": {name: f"{amount:g}" for name, amount in resources.items()},
        }
        self._set(
            workload,
            [
                ("QuotaReserved", True, "QuotaReserved", f"Quota reserved in ClusterQueue {cluster_queue}"),
                ("Admitted", True, "Admitted", "The workload is admitted"),
                ("Evicted", False, "QuotaReserved", "Previously evicted"),
            ],
            {"admission": {"clusterQueue": cluster_queue, "podSetAssignments": [assignment]}},
        )

    def _wait(self, workload: Json, reason: str, message: str) -> None:
        self._set(workload, [("QuotaReserved", False, reason, message)])

    def _evict(self, workload: Json, job: Json, reason: str, message: str) -> None:
        """Take the quota away: the Job is suspended and looks again as its owner made it."""
        own = job["metadata"].get("annotations", {}).get(SELECTORS)
        patch: Json = {"spec": {"suspend": True}}
        if not job["spec"].get("suspend"):
            self._patch_job(job, patch)
            self._reset_start_time(job)
        if own is not None:
            former = dict(pair.split("=", 1) for pair in own.split(",") if pair)
            there = job["spec"]["template"]["spec"].get("nodeSelector") or {}
            selector = {**dict.fromkeys(there), **former}
            self._patch_job(
                job,
                {
                    "metadata": {"annotations": {SELECTORS: None}},
                    "spec": {"template": {"spec": {"nodeSelector": selector}}},
                },
            )
        self._set(
            workload,
            [
                ("Evicted", True, reason, message),
                ("QuotaReserved", False, "Pending", message),
                ("Admitted", False, "NoReservation", "The workload has no reservation"),
            ],
            {"admission": None},
        )

    def _resume(self, job: Json, flavor: Json) -> None:
        if not job["spec"].get("suspend"):
            return
        own = job["spec"]["template"]["spec"].get("nodeSelector") or {}
        template: Json = {"nodeSelector": {**own, **flavor.get("nodeLabels", {})}}
        if tolerations := flavor.get("tolerations"):
            template["tolerations"] = [
                *(job["spec"]["template"]["spec"].get("tolerations") or []),
                *tolerations,
            ]
        self._patch_job(
            job,
            {
                "metadata": {
                    "annotations": {SELECTORS: ",".join(f"{name}={value}" for name, value in own.items())}
                },
                "spec": {"suspend": False, "template": {"spec": template}},
            },
        )

    def _set(
        self,
        workload: Json,
        conditions: list[tuple[str, bool, str, str]],
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the status if it changes."""
        status = workload.get("status") or {}
        former = {each["type"]: each for each in status.get("conditions") or ()}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        after = dict(former)
        for type_, holds, reason, message in conditions:
            if type_ == "Evicted" and not holds and type_ not in former:
                continue
            written = {"type": type_, "status": str(holds), "reason": reason, "message": message}
            was = former.get(type_, {})
            if {name: was.get(name) for name in written} != written:
                changed = was.get("status") != written["status"]
                after[type_] = {
                    **written,
                    "lastTransitionTime": now if changed else was["lastTransitionTime"],
                }
        if after == former and all(status.get(name) == value for name, value in (more or {}).items()):
            return
        meta = workload["metadata"]
        body = {"status": {"conditions": list(after.values()), **(more or {})}}
        self._objects.patch_namespaced_custom_object_status(
            GROUP, VERSION, meta["namespace"], "workloads", meta["name"], body
        )

    def _patch_job(self, job: Json, patch: Json) -> None:
        meta = job["metadata"]
        self._batch.patch_namespaced_job(meta["name"], meta["namespace"], patch, _content_type=MERGE_PATCH)

    def _reset_start_time(self, job: Json) -> None:
        """A template may only be changed while the Job has no start time; Kueue resets it in the same way."""
        meta, patch = job["metadata"], {"status": {"startTime": None}}
        self._batch.patch_namespaced_job_status(
            meta["name"], meta["namespace"], patch, _content_type=MERGE_PATCH
        )

    def _jobs(self) -> Iterator[Json]:
        found = self._batch.list_job_for_all_namespaces(label_selector=QUEUE).items
        for job in found:
            yield self._api.sanitize_for_serialization(job)

    def _list(self, plural: str) -> list[Json]:
        items: list[Json] = self._objects.list_cluster_custom_object(GROUP, VERSION, plural)["items"]
        return items


def _owner(workload: Json) -> str:
    return str(workload["metadata"]["labels"][JOB_UID])


def _request(uid: str, workload: Json) -> Request:
    meta, admission = workload["metadata"], (workload.get("status") or {}).get("admission")
    flavors = admission["podSetAssignments"][0]["flavors"] if admission else {}
    created = datetime.fromisoformat(meta["creationTimestamp"]).timestamp()
    flavor = next(iter(flavors.values()), "")
    return Request(uid, _resources(workload), workload["spec"]["priority"], created, flavor)


def _resources(workload: Json) -> dict[str, float]:
    """What its pods ask for in all; a limit without a request is one, as Kubernetes has it."""
    [pods] = workload["spec"]["podSets"]
    total: dict[str, float] = {}
    for container in pods["template"]["spec"]["containers"]:
        wanted = container.get("resources") or {}
        for name, amount in {**(wanted.get("limits") or {}), **(wanted.get("requests") or {})}.items():
            total[name] = total.get(name, 0.0) + float(parse_quantity(amount)) * pods["count"]
    return total


def _quota(cluster_queue: Json) -> Quota:
    [group] = cluster_queue["spec"]["resourceGroups"]
    flavors = {
        flavor["name"]: {
            each["name"]: float(parse_quantity(each["nominalQuota"])) for each in flavor["resources"]
        }
        for flavor in group["flavors"]
    }
    preemption = cluster_queue["spec"].get("preemption") or {}
    return Quota(flavors, preemption.get("withinClusterQueue") == "LowerPriority")


def main() -> None:
    """Reconcile until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    stand_in = StandIn(config.new_client_from_config(sys.argv[1]))
    while not stopping.is_set():
        try:
            stand_in.reconcile()
        except ApiException as error:
            # An object has changed, or is gone: the next pass sees it.
            logger.warning("%s: %.200s", error.reason, error.body)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
