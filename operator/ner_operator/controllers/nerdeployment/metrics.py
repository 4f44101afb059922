"""Metrics of NerDeployments for Prometheus. Their names never change: dashboards and alerts use them."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.kube.objects import Key, seconds

STAGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 72 * 3600)

ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class _Gauges:
    """The gauges of one NerDeployment."""

    f1: float | None
    reason: str
    ready: bool
    stalled: bool


class NerDeploymentMetrics(Collector):
    """Counts stages, and shows the state of each NerDeployment."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Counter("nerd_stages", "Stages that ended.", ["stage", "outcome"], registry=registry)
        self._stage_seconds = Histogram(
            "nerd_stage_seconds",
            "Duration of a stage, from its Job's start to its end.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._gauges: dict[Key, _Gauges] = {}
        registry.register(self)

    def written(self, key: Key, before: NerDeploymentStatus, after: NerDeploymentStatus) -> None:
        """A status was written: count the stages that have ended since the former one."""
        former = {stage.name: (stage.state, stage.job) for stage in before.stages}
        for stage in after.stages:
            if stage.state not in ENDED or former.get(stage.name) == (stage.state, stage.job):
                continue
            name = stage.name.partition("/")[0]
            self._stages.labels(name, stage.state).inc()
            began, ended = seconds(stage.start_time), seconds(stage.finish_time)
            if began is not None and ended is not None:
                self._stage_seconds.labels(name).observe(max(0.0, ended - began))
        ready, stalled = after.condition("Ready"), after.condition("Stalled")
        self._gauges[key] = _Gauges(
            f1=after.f1,
            reason=ready.reason if ready else "",
            ready=bool(ready and ready.status == "True"),
            stalled=bool(stalled and stalled.status == "True"),
        )

    def removed(self, key: Key) -> None:
        """A NerDeployment is deleted."""
        self._gauges.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """The gauges as they are now."""
        f1 = GaugeMetricFamily(
            "nerd_promoted_f1",
            "Entity F1 of the model in service on its test set, 0 to 1.",
            labels=["namespace", "name"],
        )
        ready = GaugeMetricFamily(
            "nerd_ready",
            "1 if Ready is True, else 0, and the reason.",
            labels=["namespace", "name", "reason"],
        )
        stalled = GaugeMetricFamily(
            "nerd_stalled",
            "1 if Stalled is True and a person is needed, else 0.",
            labels=["namespace", "name"],
        )
        for (namespace, name), gauges in list(self._gauges.items()):
            if gauges.f1 is not None:
                f1.add_metric([namespace, name], gauges.f1)
            ready.add_metric([namespace, name, gauges.reason], float(gauges.ready))
            stalled.add_metric([namespace, name], float(gauges.stalled))
        yield f1
        yield ready
        yield stalled
