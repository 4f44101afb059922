"""The controller of NerDeployments: which resources it watches, and what reconciles them."""

import time

from ner_operator.controllers.nerdeployment.apply import Applier
from ner_operator.controllers.nerdeployment.job_records import JobRecord
from ner_operator.controllers.nerdeployment.jobs import DefaultImage
from ner_operator.controllers.nerdeployment.labels import MANAGER, OURS
from ner_operator.controllers.nerdeployment.metrics import NerDeploymentMetrics
from ner_operator.controllers.nerdeployment.observe import Observer
from ner_operator.controllers.nerdeployment.reconcile import NerDeploymentReconciler
from ner_operator.controllers.nerdeployment.runtimes import RuntimeRecord
from ner_operator.controllers.nerdeployment.snapshot import ClusterSettings
from ner_operator.controllers.resources import NERDEPLOYMENTS, NERRUNTIMES
from ner_operator.kube.cache import Cache
from ner_operator.kube.client import Api
from ner_operator.kube.events import EventRecorder
from ner_operator.kube.informers import OwnedInformer, PrimaryInformer, ReferencedInformer
from ner_operator.kube.manager import Controller
from ner_operator.kube.metrics import ControllerMetrics
from ner_operator.kube.objects import JOBS
from ner_operator.kube.reconciler import Reconciler
from ner_operator.kube.version_tracker import VersionTracker
from ner_operator.kube.work_queue import WorkQueue


def nerdeployment_controller(
    api: Api, metrics: ControllerMetrics, settings: ClusterSettings, default_image: DefaultImage
) -> Controller:
    """The controller of NerDeployments.

    Args:
        settings: the operator's settings, without the runtimes.
        default_image: of stages whose runtime names none.
    """
    queue, versions = WorkQueue(), VersionTracker()
    jobs, runtimes = Cache[JobRecord](), Cache[RuntimeRecord]()
    own_metrics = NerDeploymentMetrics(metrics.registry)
    reconciler = NerDeploymentReconciler(
        Observer(api, jobs, runtimes, settings, time.time),
        Applier(api, jobs, EventRecorder(api, MANAGER), default_image),
        own_metrics,
    )
    return Controller(
        informers=(
            ReferencedInformer(NERRUNTIMES, queue, runtimes, RuntimeRecord.of, versions),
            OwnedInformer(JOBS, queue, jobs, JobRecord.of, selector=OURS),
            PrimaryInformer(NERDEPLOYMENTS, queue, versions, own_metrics.removed),
        ),
        reconciler=Reconciler(queue, versions, metrics, reconciler.reconcile),
    )
