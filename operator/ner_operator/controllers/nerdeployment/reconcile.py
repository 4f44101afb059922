"""Reconcile one NerDeployment: observe, decide, apply."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ner_operator.controllers.nerdeployment.apply import Applier, RefusedError
from ner_operator.controllers.nerdeployment.decide import decide
from ner_operator.controllers.nerdeployment.decision import Decision
from ner_operator.controllers.nerdeployment.metrics import NerDeploymentMetrics
from ner_operator.controllers.nerdeployment.observe import Observation, Observer, recheck_after
from ner_operator.kube.objects import Key
from ner_operator.kube.reconciler import Result

logger = logging.getLogger(__name__)

REFUSED_RETRY_SECONDS = 30.0
"""Seconds until a Job that the API server refused is tried again: a quota may have room by then."""


@dataclass(frozen=True, slots=True)
class NerDeploymentReconciler:
    """Reconciles NerDeployments; safe for many threads. `clock` gives seconds since the epoch."""

    observer: Observer
    applier: Applier
    metrics: NerDeploymentMetrics
    clock: Callable[[], float] = time.time

    def reconcile(self, key: Key) -> Result | None:
        """Reconcile once; None if the NerDeployment is gone."""
        observation = self.observer.observe(key)
        decision = decide(observation.snapshot, self.clock()) if observation else None
        if decision and decision.verify_with_list:
            # A Job is missing from the cache, which may be behind. In the server's list, missing means gone.
            observation = self.observer.observe(key, listed=True)
            decision = decide(observation.snapshot, self.clock()) if observation else None
        if observation is None or decision is None:
            self.metrics.removed(key)
            return None
        waits = [recheck_after(observation.waiting)]
        while True:
            try:
                version = self.applier.apply(observation, decision)
                break
            except RefusedError as refused:
                logger.warning("%s", refused, extra={"object": key})
                observation = with_refused_job(observation, refused)
                decision = decide(observation.snapshot, self.clock())
                waits.append(REFUSED_RETRY_SECONDS)
        waits.append(decision.requeue_after)
        self.metrics.written(key, observation.snapshot.status, decision.status)
        written = version != observation.version or bool(decision.create or decision.delete)
        if written:
            _log(key, observation, decision)
        return Result(
            uid=observation.snapshot.deployment.metadata.uid or "",
            version=int(version),
            written=written,
            requeue_after=min((seconds for seconds in waits if seconds is not None), default=None),
            references=observation.runtimes,
        )


def with_refused_job(observation: Observation, refused: RefusedError) -> Observation:
    """The observation with a Job that the API server refused, so that the next decision says why.

    Raises:
        RefusedError: the Job was ordered although the observation has it as refused.
    """
    snapshot, name = observation.snapshot, refused.order.name
    if name in snapshot.refused:
        raise refused
    known = {**snapshot.refused, name: refused.message}
    return replace(observation, snapshot=replace(snapshot, refused=known))


def _log(key: Key, observation: Observation, decision: Decision) -> None:
    former = {stage.name: stage.state for stage in observation.snapshot.status.stages}
    changes = {
        stage.name: stage.state for stage in decision.status.stages if former.get(stage.name) != stage.state
    }
    ready = decision.status.condition("Ready")
    logger.info(
        "%s",
        ready.message if ready else "reconciled",
        extra={
            "object": key,
            "jobs_created": [order.name for order in decision.create],
            "jobs_deleted": [job.name for job in decision.delete],
            "stages": changes,
            "reason": ready.reason if ready else "",
        },
    )
