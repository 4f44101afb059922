"""Compare the cluster with what is known, periodically: this finds what a watch has missed."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.informers import Informer, Namespaces
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.metrics import ControllerMetrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resync:
    """Lists the objects of each informer and compares them.

    Attributes:
        informers: read and compared in this order.
    """

    api: Api
    informers: Sequence[Informer]
    namespaces: Namespaces
    metrics: ControllerMetrics
    liveness: Liveness

    def run(self, interval: float, stopping: threading.Event) -> None:
        """Compare every `interval` seconds until `stopping` is set. After an error, try again next time."""
        while not stopping.wait(interval):
            self.liveness.resync_started()
            try:
                self.compare()
            except ApiError as error:
                self.metrics.error("resync")
                logger.warning("the resync ends early: %s", error)

    def read(self) -> None:
        """Read everything for the first time, and request a reconcile of every object.

        Raises:
            ApiError: the server does not answer, or does not serve a resource.
        """
        for informer in self.informers:
            informer.read(self.api, self.namespaces)
        self.liveness.resynced(missed=0)

    def compare(self) -> None:
        """Compare everything with what is known.

        Raises:
            ApiError: the server does not answer. What was compared before stays valid.
        """
        results = [informer.compare(self.api, self.namespaces) for informer in self.informers]
        missed = sum(result.missed for result in results)
        if missed:
            self.metrics.missed(missed)
            logger.warning("the resync found %d changes that no watch has reported", missed)
        self.liveness.resynced(missed, sum(result.suspected for result in results))
