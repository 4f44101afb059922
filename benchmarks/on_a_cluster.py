"""What the operator's benchmarks share: a control plane, fake nodes, NerDeployments, the audit log.

The control plane is Kubernetes itself (etcd without fsync), the nodes are
kwok's, and the operator is a process with the rights of its chart. All of it
shares this machine's processors, so a figure includes all of it.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks.harness import Options, versions
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.kube.client import Api
from ner_operator.kube.objects import Json
from ner_operator.planning.graph import steps_of
from ner_operator.planning.resolve import resolve
from testbed.control_plane import ControlPlane, control_plane
from testbed.fake_nodes import add_fake_nodes, start_kwok
from testbed.operator_process import Operator, operator_account
from testbed.outcomes import install_outcomes
from testbed.programs import REPOSITORY

NAMESPACE = "default"

STAGES = 12
"""Of one deployment: prepare, finetune, export, promote, and four for each of two variants."""

QUIET = 2.0
"""Seconds of rest that show the end of a start."""


@contextlib.contextmanager
def cluster(
    options: Options, nodes: int = 20, stage_seconds: float = 1.0, spread: float = 0.0
) -> Iterator[ControlPlane]:
    """A control plane with our CRDs and fake nodes, for the duration of a block.

    Args:
        stage_seconds: time for which a pod runs.
        spread: up to this many seconds more, at random with a fixed seed.
    """
    folder = options.work / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    with control_plane(folder) as plane:
        plane.apply_crds(REPOSITORY / "crds")
        start_kwok(plane, stage_seconds, spread)
        add_fake_nodes(plane, nodes)
        install_outcomes(plane)
        yield plane


@contextlib.contextmanager
def operator(plane: ControlPlane, *arguments: str) -> Iterator[Operator]:
    """An operator for the whole cluster, for the duration of a block; it is not started yet."""
    made = Operator(plane.folder, "operator", operator_account(plane, "nerd"), *arguments)
    try:
        yield made
    finally:
        made.server.stop()


def api_of(plane: ControlPlane) -> Api:
    """A client with the administrator's rights."""
    return Api(plane.api.configuration)


def deployment(name: str, corpus: str) -> Json:
    """A NerDeployment with fp32 and int8, which has twelve stages.

    Args:
        corpus: names its data. Two NerDeployments with the same data have the same keys.
    """
    data = {split: {"uri": f"s3://data/{corpus}.{split}"} for split in ("train", "validation", "test")}
    return {
        "apiVersion": "nerd.dev/v1alpha1",
        "kind": "NerDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": {"base": "s3://models/base", "maxLength": 256},
            "data": {"format": "conll", **data},
            "finetune": {},
            "variants": [
                {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True},
                {"name": "int8", "runtime": "cpu-openvino", "precision": "int8"},
            ],
            "evaluation": {"gates": [{"metric": "f1", "min": 0.85}]},
            "benchmark": {},
            "rollout": {"preference": ["int8", "reference"]},
            "storage": {
                "uri": "s3://ner/models",
                "endpointUrl": "http://s3.storage:9000",
                "credentialsSecret": "s3-credentials",
            },
        },
    }


def create(api: Api, names: Sequence[str]) -> None:
    """Create NerDeployments, each with data of its own."""
    for name in names:
        api.create(NERDEPLOYMENTS, NAMESPACE, deployment(name, corpus=name))


def producers() -> dict[str, tuple[str, ...]]:
    """The steps that each step waits for."""
    resolved = resolve(NerDeployment.model_validate(deployment("any", "any")), {})
    return {step.name: step.producers for step in steps_of(resolved)}


def ready(api: Api) -> int:
    """The number of NerDeployments that are Ready."""
    return sum(_is_ready(item) for item in items(api))


def items(api: Api) -> Iterator[Json]:
    """All NerDeployments."""
    for page in api.pages(NERDEPLOYMENTS, NAMESPACE):
        yield from page["items"]


def wait(what: str, done: Callable[[], bool], limit: float, every: float = 1.0) -> float:
    """Wait until `done` returns True; returns the seconds that it took.

    Raises:
        SystemExit: it took longer than `limit`.
    """
    began = time.perf_counter()
    while not done():
        if time.perf_counter() - began > limit:
            raise SystemExit(f"{what} takes longer than {limit:g} s")
        time.sleep(every)
    return time.perf_counter() - began


def _is_ready(item: Json) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def at_rest(running: Operator, count: int) -> bool:
    """Whether the operator has reconciled this often, and no object is due."""
    running.server.check()
    return running.metric("nerd_reconciles_total") >= count and running.metric("nerd_queue_depth") == 0


def start(running: Operator, count: int) -> tuple[float, float]:
    """Start the operator and wait for the end of its start.

    Its watches begin with a list of everything, after the first reconciles. No metric shows when the list is
    read, but the operator is quiet afterwards.

    Args:
        count: the number of NerDeployments.

    Returns:
        Seconds until each was reconciled, and until the watches had read everything.
    """
    began = time.perf_counter()
    running.start()
    wait("a reconcile of all", lambda: at_rest(running, count), 900.0, every=0.1)
    reconciled = time.perf_counter() - began
    wait("the end of the start", lambda: _quiet(running), 600.0)
    return reconciled, time.perf_counter() - began - QUIET


def _quiet(running: Operator, share: float = 0.1) -> bool:
    """Whether the operator uses less than this share of a core for `QUIET` seconds."""
    before = running.cpu_seconds()
    time.sleep(QUIET)
    return running.cpu_seconds() - before < share * QUIET


def programs(plane: ControlPlane) -> str:
    """The versions behind the figures."""
    version = json.loads(plane.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    return f"Kubernetes {version}, nodes of kwok; {versions('kopf', 'kubernetes')}"
