"""Metrics of a controller for Prometheus. Their names never change: dashboards and alerts use them."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ner_operator.kube.liveness import Liveness
from ner_operator.kube.work_queue import WorkQueue

RECONCILE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ControllerMetrics:
    """What the reconcilers and the resync count.

    Args:
        prefix: first part of each metric's name.
    """

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self.registry = registry
        self._prefix = prefix
        self._reconciles = Counter(
            f"{prefix}_reconciles", "Reconciles, by result.", ["result"], registry=registry
        )
        self._seconds = Histogram(
            f"{prefix}_reconcile_seconds",
            "Duration of a reconcile, including its writes.",
            buckets=RECONCILE_SECONDS,
            registry=registry,
        )
        self._errors = Counter(f"{prefix}_errors", "Errors, by operation.", ["operation"], registry=registry)
        self._missed = Counter(
            f"{prefix}_watch_missed",
            "Changes that the resync found and no watch had reported.",
            registry=registry,
        )

    def reconciled(self, result: str, seconds: float) -> None:
        """A reconcile has ended: `unchanged`, `written`, `gone`, `conflict` or `error`."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def error(self, operation: str) -> None:
        """Something failed: `reconcile` or `resync`."""
        self._errors.labels(operation).inc()

    def missed(self, count: int) -> None:
        """The resync found this many changes that no watch had reported."""
        self._missed.inc(count)

    def expose(self, queues: Sequence[WorkQueue], liveness: Liveness) -> None:
        """Add the gauges of the queues, the last reconcile and the last resync."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "queue_depth": (
                "Objects that are due for a reconcile.",
                lambda: sum(queue.depth for queue in queues),
            ),
            "queue_oldest_seconds": (
                "Time for which the oldest of them has been due.",
                lambda: max(queue.oldest() for queue in queues),
            ),
            "last_reconcile_age_seconds": (
                "Time since the last successful reconcile.",
                lambda: min(queue.since_done() for queue in queues),
            ),
            "last_resync_age_seconds": (
                "Time since the whole cluster was last compared.",
                liveness.resync_age,
            ),
        }
        for name, (help, value) in gauges.items():
            Gauge(f"{self._prefix}_{name}", help, registry=self.registry).set_function(value)
