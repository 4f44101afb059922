"""What Prometheus is told. Names are for ever: dashboards and alerts rest on them."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.job_index import seconds
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.work_queue import Key, Queue

LOOK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 72 * 3600)

OVER = ("Succeeded", "Failed")


class Metrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self, queue: Queue, liveness: Liveness) -> None:
        self.registry = CollectorRegistry()
        self._looks = Counter(
            "nerd_reconciles",
            "Looks at a NerDeployment, by how they ended.",
            ["result"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "nerd_reconcile_seconds",
            "How long a look takes, writes included.",
            buckets=LOOK_SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "nerd_errors", "What went wrong, by what was being done.", ["operation"], registry=self.registry
        )
        self._missed = Counter(
            "nerd_watch_missed",
            "Changes that the resync found and no watch had told of.",
            registry=self.registry,
        )
        self._stages = Counter(
            "nerd_stages", "Stages that ended.", ["stage", "outcome"], registry=self.registry
        )
        self._stage_seconds = Histogram(
            "nerd_stage_seconds",
            "How long a stage ran, from its Job's start to its end.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self.registry,
        )
        self._present = _Present(queue, liveness)
        self.registry.register(self._present)

    def looked(self, result: str, seconds: float) -> None:
        """A look ended: `unchanged`, `written`, `gone`, `conflict` or `error`."""
        self._looks.labels(result).inc()
        self._seconds.observe(seconds)

    def error(self, where: str) -> None:
        """Something went wrong."""
        self._errors.labels(where).inc()

    def missed(self, count: int) -> None:
        """The resync found so many changes that no watch had told of."""
        self._missed.inc(count)

    def wrote(
        self, namespace: str, name: str, before: NerDeploymentStatus, after: NerDeploymentStatus
    ) -> None:
        """A status was written over another: count the stages that ended between them."""
        former = {stage.name: (stage.state, stage.job) for stage in before.stages}
        for stage in after.stages:
            if stage.state not in OVER or former.get(stage.name) == (stage.state, stage.job):
                continue
            kind = stage.name.partition("/")[0]
            self._stages.labels(kind, stage.state).inc()
            began, ended = seconds(stage.start_time), seconds(stage.finish_time)
            if began is not None and ended is not None:
                self._stage_seconds.labels(kind).observe(max(0.0, ended - began))
        self.shows(namespace, name, after)

    def shows(self, namespace: str, name: str, status: NerDeploymentStatus) -> None:
        """What is in service, and whether all is well."""
        ready, stalled = status.condition("Ready"), status.condition("Stalled")
        self._present.deployments[namespace, name] = Shown(
            f1=status.f1,
            reason=ready.reason if ready else "",
            ready=bool(ready and ready.status == "True"),
            stalled=bool(stalled and stalled.status == "True"),
        )

    def gone(self, namespace: str, name: str) -> None:
        """A deployment is deleted."""
        self._present.deployments.pop((namespace, name), None)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told of one deployment for as long as it is there."""

    f1: float | None
    reason: str
    ready: bool
    stalled: bool


class _Present(Collector):
    """What is so at the moment; it is gathered when it is asked for."""

    def __init__(self, queue: Queue, liveness: Liveness) -> None:
        self._queue = queue
        self._liveness = liveness
        self.deployments: dict[Key, Shown] = {}

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "nerd_queue_depth", "NerDeployments that are due for a look.", self._queue.depth
        )
        yield GaugeMetricFamily(
            "nerd_queue_oldest_seconds", "For how long the one that waits longest has.", self._queue.oldest()
        )
        yield GaugeMetricFamily(
            "nerd_last_reconcile_age_seconds",
            "Since the last look that ended well.",
            self._liveness.look_age(),
        )
        yield GaugeMetricFamily(
            "nerd_last_resync_age_seconds",
            "Since the lists of the whole cluster were last compared.",
            self._liveness.resync_age(),
        )
        f1 = GaugeMetricFamily(
            "nerd_promoted_f1",
            "Entity F1 of the model in service, on its test set, in 0..1.",
            labels=["namespace", "name"],
        )
        ready = GaugeMetricFamily(
            "nerd_ready",
            "Whether Ready is True (1) or not (0), and why.",
            labels=["namespace", "name", "reason"],
        )
        stalled = GaugeMetricFamily(
            "nerd_stalled",
            "Whether Stalled is True (1), so that a person is needed, or not (0).",
            labels=["namespace", "name"],
        )
        for (namespace, name), shown in list(self.deployments.items()):
            if shown.f1 is not None:
                f1.add_metric([namespace, name], shown.f1)
            ready.add_metric([namespace, name, shown.reason], float(shown.ready))
            stalled.add_metric([namespace, name], float(shown.stalled))
        yield f1
        yield ready
        yield stalled
