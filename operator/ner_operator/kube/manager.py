"""The manager: runs controllers in one process, with one resync, one set of watches and one set of probes."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ner_operator.kube import interpreter
from ner_operator.kube.client import Api, ApiError, missing_resources
from ner_operator.kube.informers import Informer
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.metrics import ControllerMetrics
from ner_operator.kube.reconciler import Reconciler
from ner_operator.kube.resync import Resync

logger = logging.getLogger(__name__)

FIRST_READ_INTERVAL = 1.0
"""Seconds between attempts to read the cluster at the start."""

STOP_SECONDS = 20.0
"""Seconds that a thread may take to end."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The controller of one kind.

    Attributes:
        informers: what it watches, in the order in which they are read at the start.
        reconciler: reconciles its objects.
    """

    informers: Sequence[Informer]
    reconciler: Reconciler


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """How a manager runs.

    Attributes:
        namespaces: to serve; empty for the whole cluster.
        workers: threads of each controller.
        resync: seconds between two comparisons with the whole cluster.
        watch_timeout: seconds without any event after which a watch is restarted.
    """

    namespaces: tuple[str, ...] = ()
    workers: int = 16
    resync: float = 120.0
    watch_timeout: float = 70.0


class Manager:
    """Runs controllers.

    Args:
        metrics: the same that the controllers' reconcilers count in.
    """

    def __init__(
        self,
        api: Api,
        controllers: Sequence[Controller],
        metrics: ControllerMetrics,
        settings: ManagerSettings,
    ) -> None:
        self._api = api
        self._settings = settings
        self._reconcilers = [controller.reconciler for controller in controllers]
        self._informers = [each for controller in controllers for each in controller.informers]
        self._stopping = threading.Event()
        queues = [reconciler.queue for reconciler in self._reconcilers]
        self.liveness = Liveness(queues, settings.resync)
        self.registry = metrics.registry
        metrics.expose(queues, self.liveness)
        namespaces = settings.namespaces or (None,)
        self._resync = Resync(api, self._informers, namespaces, metrics, self.liveness)

    @property
    def idle(self) -> bool:
        """Whether no key is due and no worker holds one."""
        return all(reconciler.queue.idle for reconciler in self._reconcilers)

    def read_cluster(self) -> str:
        """Read everything for the first time. Retries for as long as the server does not answer.

        Returns:
            Why the operator cannot work with this cluster; empty if it can.
        """
        resources = [informer.resource for informer in self._informers]
        while True:
            try:
                if missing := missing_resources(self._api, resources):
                    return (
                        f"the cluster does not serve {' and '.join(missing)}: "
                        "install the CRDs (kubectl apply -f crds/)"
                    )
                self._resync.read()
            except ApiError as error:
                if error.status in (401, 403):
                    return str(error)
                logger.warning("the cluster cannot be read yet: %s", error)
                time.sleep(FIRST_READ_INTERVAL)
            else:
                due = sum(reconciler.queue.depth for reconciler in self._reconcilers)
                logger.info("the cluster is read", extra={"objects_due": due})
                return ""

    def run_once(self) -> None:
        """Reconcile everything that is due, and what becomes due at once by that."""
        threads = self._start_workers()
        while not self.idle:
            time.sleep(0.05)
        self._stop(threads)

    def run(self) -> None:
        """Work until SIGTERM.

        Raises:
            Exception: a watch has failed for good.
        """
        resync = threading.Thread(
            target=self._resync.run, args=(self._settings.resync, self._stopping), name="resync", daemon=True
        )
        resync.start()
        threads = [*self._start_workers(), resync]
        try:
            # Imported here: kopf is half of this process' memory, and `run_once` does not need it.
            from ner_operator.kube.watches import watch

            interpreter.freeze()
            asyncio.run(
                watch(
                    self._informers,
                    self._api.configuration,
                    self._settings.namespaces,
                    self._settings.watch_timeout,
                    lambda: self.idle,
                )
            )
        finally:
            self._stop(threads)

    def _start_workers(self) -> list[threading.Thread]:
        workers = self._settings.workers
        return [thread for reconciler in self._reconcilers for thread in reconciler.start(workers)]

    def _stop(self, threads: Sequence[threading.Thread]) -> None:
        """Let the reconciles in progress end, and begin no other."""
        self._stopping.set()
        for reconciler in self._reconcilers:
            reconciler.queue.shut_down()
        for thread in threads:
            thread.join(timeout=STOP_SECONDS)
