"""`nerd-operator`: puts the parts together, and ends the process when they have ended.

Exit codes: 0 after SIGTERM, or after `--once`; 1 where the process must be
started again (a watch failed for good, the CRDs are not there yet).
"""

import argparse
import asyncio
import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubernetes.config import ConfigException

from ner_operator import interpreter, logs
from ner_operator.api.v1alpha1 import NerRuntimeSpec
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.controllers.nerdeployment import reconcile
from ner_operator.controllers.nerdeployment.apply import Applier
from ner_operator.controllers.nerdeployment.decide import decide
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.job_index import JobIndex
from ner_operator.controllers.nerdeployment.jobs import JobSettings, job_manifest
from ner_operator.controllers.nerdeployment.metrics import Metrics
from ner_operator.controllers.nerdeployment.observe import Observer, Sight
from ner_operator.controllers.nerdeployment.runtimes import Runtimes
from ner_operator.controllers.nerdeployment.snapshot import Surroundings
from ner_operator.controllers.nerdeployment.watch import Watch
from ner_operator.kube import probes
from ner_operator.kube.client import Api, ApiError, Json, configure
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.resync import Resync, check_kinds
from ner_operator.kube.versions import Ledger
from ner_operator.kube.work_queue import Queue

logger = logging.getLogger(__name__)

FIRST_TRY = 1.0
"""Seconds between tries to reach the server at the start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator is told on its command line; see `parser`."""

    jobs: JobSettings
    namespaces: tuple[str, ...]
    versions: Mapping[str, str]
    cpu_class: str
    service_accounts: tuple[str, ...]
    metrics_port: int
    workers: int
    resync: float
    watch_timeout: float
    once: bool


def parser() -> argparse.ArgumentParser:
    """The flags, as `nerd-operator --help` shows them."""
    made = argparse.ArgumentParser(prog="nerd-operator", description="Runs NerDeployments as Jobs.")
    add = made.add_argument
    add("--image", required=True, help="image of stages whose NerRuntime names none")
    add("--image-pull-policy", default="", help="for that image; empty leaves it to the API server")
    add("--image-pull-secrets", default="", help="Secrets for it, in the NerDeployments' namespaces: a,b")
    add("--namespace", action="append", default=[], help="serve this namespace only; may be repeated")
    add("--versions", type=Path, help="JSON file: versions of the libraries in the image, by name")
    add("--cpu-class", default="x86_64", help="class of the cluster's processors; it is part of keys")
    add("--service-accounts", default="", help="accounts that pods may run under besides default: a,b")
    add("--metrics-port", type=int, default=8080, help="serves /metrics, /healthz and /readyz; 0 takes any")
    add("--workers", type=int, default=16, help="NerDeployments that are looked at at once")
    add("--resync", type=float, default=120.0, help="seconds between comparisons of the whole cluster")
    add("--watch-timeout", type=float, default=70.0, help="seconds without events before a watch is renewed")
    add(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="least that is told",
    )
    add("--once", action="store_true", help="look at everything once, then end")
    return made


def options_of(arguments: Sequence[str] | None) -> tuple[Options, str]:
    """The options and the log level; ends the process on wrong usage."""
    given = parser().parse_args(arguments)
    versions = json.loads(given.versions.read_text()) if given.versions else {}
    chosen = Options(
        jobs=JobSettings(
            image=given.image,
            pull_policy=given.image_pull_policy,
            pull_secrets=_names(given.image_pull_secrets),
        ),
        namespaces=tuple(given.namespace),
        versions=versions,
        cpu_class=given.cpu_class,
        service_accounts=_names(given.service_accounts),
        metrics_port=given.metrics_port,
        workers=given.workers,
        resync=given.resync,
        watch_timeout=given.watch_timeout,
        once=given.once,
    )
    return chosen, given.log_level


def _names(written: str) -> tuple[str, ...]:
    return tuple(name for name in written.split(",") if name)


class Operator:
    """All parts, connected."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.configuration = configure()
        self.api = Api(self.configuration, connections=options.workers + 2)
        self.queue = Queue()
        self.liveness = Liveness(self.queue, options.resync)
        self.metrics = Metrics(self.queue, self.liveness)
        self.stopping = threading.Event()
        ledger, jobs, runtimes = Ledger(), JobIndex(), Runtimes()
        self.reconciler = reconcile.Reconciler(
            self.queue,
            ledger,
            Observer(self.api, jobs, runtimes, self.surroundings, time.time),
            Applier(self.api, jobs, self.manifest),
            decide,
            self.metrics,
            self.liveness,
        )
        self.resync = Resync(
            self.api,
            self.queue,
            ledger,
            jobs,
            runtimes,
            self.metrics,
            self.liveness,
            options.namespaces or (None,),
        )
        self.watch = Watch(self.queue, ledger, jobs, runtimes, self.resync.lost)

    def surroundings(self, runtimes: Mapping[str, NerRuntimeSpec]) -> Surroundings:
        """What does not belong to a deployment."""
        return Surroundings(
            runtimes=runtimes,
            image=self.options.jobs.image,
            versions=self.options.versions,
            isa=self.options.cpu_class,
            service_accounts=self.options.service_accounts,
        )

    def manifest(self, order: JobOrder, sight: Sight) -> Json:
        """The Job of an order, as the object to create."""
        known = {**BUILTIN_RUNTIMES, **sight.seen.surroundings.runtimes}
        return job_manifest(order, sight.seen.deployment, known[order.runtime], self.options.jobs)

    def read_cluster(self) -> str:
        """Read everything for the first time, however long the server takes to answer.

        Returns:
            Why the operator cannot work with this cluster; empty where it can.
        """
        while True:
            try:
                unfit = check_kinds(self.api)
                if not unfit:
                    self.resync.read()
                return unfit
            except ApiError as error:
                if error.status in (401, 403):
                    return str(error)
                logger.warning("the cluster cannot be read yet: %s", error)
                time.sleep(FIRST_TRY)

    def once(self) -> None:
        """Look at everything that is due, and at what becomes due by that at once."""
        threads = reconcile.start(self.reconciler, self.options.workers)
        while not self.queue.idle:
            time.sleep(0.05)
        self.stop(threads)

    def serve(self) -> None:
        """Work until SIGTERM.

        Raises:
            Exception: a watch failed for good.
        """
        resync = threading.Thread(
            target=self.resync.run, args=(self.options.resync, self.stopping), name="resync", daemon=True
        )
        resync.start()
        threads = reconcile.start(self.reconciler, self.options.workers)
        try:
            # Only here: it is half of what this process keeps in memory, and --once needs none of it.
            from ner_operator.kube.watches import watch_until_stopped

            interpreter.keep()
            asyncio.run(
                watch_until_stopped(
                    self.watch,
                    self.configuration,
                    self.options.namespaces,
                    self.options.watch_timeout,
                    lambda: self.queue.idle,
                )
            )
        finally:
            self.stop([*threads, resync])

    def stop(self, threads: Sequence[threading.Thread]) -> None:
        """Let looks that run end, and begin no other."""
        self.stopping.set()
        self.queue.close()
        for thread in threads:
            thread.join(timeout=20.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator; returns the exit code."""
    options, level = options_of(arguments)
    interpreter.tune()
    logs.configure(level)
    try:
        operator = Operator(options)
    except ConfigException as error:
        logger.error("there is no cluster to speak with: %s", error)
        return 1
    server = probes.serve(options.metrics_port, operator.metrics.registry, operator.liveness)
    logger.info("serving /metrics, /healthz and /readyz", extra={"port": server.server_port})
    unfit = operator.read_cluster()
    if unfit:
        logger.error("%s", unfit)
        return 1
    logger.info("the cluster is read", extra={"due": operator.queue.depth})
    if options.once:
        operator.once()
        return 0
    try:
        operator.serve()
    except Exception:
        logger.exception("a watch failed for good; this process has to be started again")
        return 1
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
