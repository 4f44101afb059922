"""200 NerDeployments, each with its own faults, in a cluster with faults: all end like one without faults.

The faults follow from a seed, which is printed. NERD_FAULTS_SEED sets another one, and NERD_FAULTS_SCHEDULES
the number of NerDeployments.
"""

import contextlib
import json
import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes import client

from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.kube.client import Api
from ner_operator.kube.objects import JOBS
from testbed.api_faults import (
    CREATES_A_JOB,
    CREATES_AN_EVENT,
    FOR_EVER,
    READS_A_DEPLOYMENT,
    WATCHES,
    WRITES_A_STATUS,
    Answer,
    Fault,
    Forward,
    Request,
    after,
    answer_lost,
    answers,
    before,
    request_lost,
    watch_fails,
)
from testbed.disruptions import evict
from testbed.faulty_api_server import FaultyApiServer, faulty_api_server
from testbed.operator_process import Operator, operator_account
from testbed.outcomes import Outcome, ends_with_message, fails, script, succeeds
from testbed.waiting import until

SEED = int(os.environ.get("NERD_FAULTS_SEED", "1"))
SCHEDULES = int(os.environ.get("NERD_FAULTS_SCHEDULES", "200"))
IN_A_NAMESPACE = 10

VARIANTS = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
STEPS = (
    *("prepare", "finetune", "export", "compile/reference", "infer/reference", "evaluate/reference"),
    "promote",
)
SPEC: dict[str, Any] = {
    # Equal keys, whatever the deployment's name.
    "data": {split: {"uri": f"s3://data/{split}"} for split in ("train", "validation", "test")},
    "variants": VARIANTS,
    "rollout": {},
}

ENDS = {
    "exit code 75": fails(75),
    "no message": ends_with_message(""),
    "garbled message": ends_with_message('{"key": "0'),
    "forged message": ends_with_message(
        json.dumps({"key": "f" * 64, "manifestDigest": "f" * 64, "outputs": {}})
    ),
}
DEEDS = ("delete its pod", "evict its pod", "delete its Job")
REQUESTS = {
    "its Job's creation": CREATES_A_JOB,
    "its status write": WRITES_A_STATUS,
    "its Event": CREATES_AN_EVENT,
    "its reading": READS_A_DEPLOYMENT,
}
ANSWERS: dict[str, Fault] = {
    "409": answers(409),
    "429": answers(429, retry_after=1),
    "500": answers(500),
    "lost": request_lost,
    "answer lost": answer_lost,
}
KILLS = ("killed before", "killed after")
WAVES = ("stall", "410", "away", "kill", "500")


@dataclass(frozen=True)
class Strike:
    """The n-th request of a kind meets a fault."""

    request: str
    turn: int
    fault: str


@dataclass(frozen=True)
class Schedule:
    """The faults of one NerDeployment.

    Attributes:
        ends: how the first attempt of a step ends.
        deeds: what a person does while a step runs.
    """

    name: str
    strikes: tuple[Strike, ...] = ()
    ends: dict[str, str] = field(default_factory=dict)
    deeds: dict[str, str] = field(default_factory=dict)

    def attempts(self, step: str) -> int:
        """The most attempts that this step may take."""
        return 1 + (step in self.ends) + (step in self.deeds)


def schedule_of(name: str, chance: random.Random) -> Schedule:
    """One to three faults."""
    strikes: list[Strike] = []
    ends: dict[str, str] = {}
    deeds: dict[str, str] = {}
    steps = chance.sample(STEPS, 3)
    for step in steps[: chance.randint(1, 3)]:
        request, turn = chance.choice(list(REQUESTS)), chance.randrange(6)
        match chance.choices(("answer", "kill", "end", "deed"), weights=(53, 2, 25, 20))[0]:
            case "answer":
                strikes.append(Strike(request, turn, chance.choice(list(ANSWERS))))
            case "kill":
                strikes.append(Strike(request, turn, chance.choice(KILLS)))
            case "end":
                ends[step] = chance.choice(list(ENDS))
            case _:
                deeds[step] = chance.choice(DEEDS)
    return Schedule(name, tuple(strikes), ends, deeds)


class Faults:
    """A fault of the proxy that is different for each NerDeployment.

    Attributes:
        met: number of strikes so far, by fault.
    """

    def __init__(self, schedules: list[Schedule], operator: Operator) -> None:
        kills = {"killed before": before(operator.kill), "killed after": after(operator.kill)}
        self._faults = {**ANSWERS, **kills}
        self._left = {each.name: list(each.strikes) for each in schedules}
        self._turns: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.met: Counter[str] = Counter()

    def __call__(self, request: Request, forward: Forward) -> Answer | None:
        fault = self._fault_of(request.text)
        return fault(request, forward) if fault else forward()

    def _fault_of(self, text: str) -> Fault | None:
        name = re.search(r"\bs-\d{3}\b", text)
        kind = next((kind for kind, pattern in REQUESTS.items() if re.search(pattern, text)), None)
        if name is None or kind is None:
            return None
        with self._lock:
            turn = self._turns[name[0], kind]
            self._turns[name[0], kind] += 1
            for strike in self._left.get(name[0], ()):
                if (strike.request, strike.turn) == (kind, turn):
                    self._left[name[0]].remove(strike)
                    self.met[strike.fault] += 1
                    return self._faults[strike.fault]
        return None


@dataclass
class World:
    """A cluster with an operator behind a proxy, and namespaces with NerDeployments."""

    cluster: Any
    api: Api
    operator: Operator
    server: FaultyApiServer
    homes: dict[str, str]
    """Namespaces by NerDeployment."""

    def deployments(self) -> dict[str, Any]:
        return {each["metadata"]["name"]: each for each in self._all(NERDEPLOYMENTS)}

    def jobs(self) -> dict[str, list[Any]]:
        """By deployment."""
        found: dict[str, list[Any]] = {name: [] for name in self.homes}
        for job in self._all(JOBS):
            found[job["metadata"]["annotations"]["nerd.dev/deployment"]].append(job)
        return found

    def _all(self, kind: Any) -> Iterator[Any]:
        for page in self.api.pages(kind, None):
            yield from (each for each in page["items"] if self._mine(each))

    def jobs_made(self) -> int:
        """The number of Jobs, from their metadata: their bodies are megabytes."""
        pages = self.api.pages(JOBS, None, metadata_only=True)
        return sum(1 for page in pages for each in page["items"] if self._mine(each))

    def _mine(self, found: Any) -> bool:
        meta = found["metadata"]
        name = (meta.get("annotations") or {}).get("nerd.dev/deployment", meta["name"])
        return self.homes.get(name) == meta["namespace"]

    def running(self) -> dict[tuple[str, str], Any]:
        """Pods that run, by deployment and step."""
        pods = self.cluster.core.list_pod_for_all_namespaces(field_selector="status.phase=Running").items
        notes = [(pod, pod.metadata.annotations or {}) for pod in pods]
        return {
            (said["nerd.dev/deployment"], said["nerd.dev/step"]): pod
            for pod, said in notes
            if self.homes.get(said.get("nerd.dev/deployment", "")) == pod.metadata.namespace
        }

    def do(self, deed: str, pod: Any) -> None:
        where, name = pod.metadata.namespace, pod.metadata.name
        with contextlib.suppress(client.ApiException):  # It may have ended by now.
            if deed == "delete its pod":
                self.cluster.core.delete_namespaced_pod(name, where)
            elif deed == "evict its pod":
                evict(self.cluster, where, name)
            else:
                job = pod.metadata.labels["job-name"]
                batch = client.BatchV1Api(self.cluster.api)
                batch.delete_namespaced_job(job, where, propagation_policy="Background")

    def come_back(self) -> None:
        """End a fault of a wave that does not end by itself."""
        if not self.server.serves:
            self.server.start()

    def wave(self, kind: str) -> None:
        """A fault of all at once."""
        match kind:
            case "stall":
                self.server.stall_watches()
            case "410":
                self.server.let(WATCHES, watch_fails(410), times=3)
                self.server.cut_watches()
            case "away":
                self.server.stop()
            case "kill":
                self.operator.kill()
            case _:
                self.server.let("", answers(500), times=50)


def result_of(deployment: Any, jobs: list[Any]) -> dict[str, Any]:
    """Everything but times and counts of attempts. It must not depend on the faults."""
    status = deployment["status"]
    return {
        "stages": {
            stage["name"]: [stage.get(each) for each in ("state", "reason", "message", "key", "result")]
            for stage in status["stages"]
        },
        "conditions": {
            each["type"]: [each["status"], each["reason"], each["message"]] for each in status["conditions"]
        },
        "in service": [status.get(each) for each in ("revision", "variant", "f1", "drop", "promotion")],
        "keys": {
            (job["metadata"]["annotations"]["nerd.dev/step"], job["metadata"]["annotations"]["nerd.dev/key"])
            for job in jobs
        },
    }


def settled(deployment: Any) -> bool:
    conditions = {each["type"]: each["status"] for each in deployment["status"].get("conditions") or ()}
    return conditions.get("Ready") == "True" or conditions.get("Stalled") == "True"


@pytest.fixture
def world(fake_cluster: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[list[Schedule]], World]]:
    """Makes a world of schedules and one NerDeployment without faults."""
    with contextlib.ExitStack() as stack:

        def make(schedules: list[Schedule]) -> World:
            names = [each.name for each in schedules]
            groups = [names[at : at + IN_A_NAMESPACE] for at in range(0, len(names), IN_A_NAMESPACE)]
            homes = {
                name: namespace
                for group in (*groups, ["no-faults"])
                for namespace in [stack.enter_context(fake_cluster.namespace("faults"))]
                for name in group
            }
            account = operator_account(fake_cluster, f"op-{homes['no-faults']}")
            server = stack.enter_context(faulty_api_server(fake_cluster, account.kubeconfig))
            # More often than by default: silence has to be noticed within the test.
            flags = ("--resync=5", "--watch-timeout=10")
            operator = Operator(
                fake_cluster.folder, "operator-with-faults", account, *flags, kubeconfig=server.kubeconfig
            )
            stack.callback(operator.server.stop)
            stack.enter_context(operator.kept())
            return World(fake_cluster, Api(fake_cluster.api.configuration), operator, server, homes)

        yield make


def write_outcomes(world: World, schedules: list[Schedule]) -> None:
    """Script how pods end. A pod that a person will delete runs for long enough."""

    def write(item: tuple[str, str, Outcome]) -> None:
        name, step, outcome = item
        script(world.cluster, world.homes[name], outcome, deployment=name, step=step, attempt="1")

    outcomes = [(each.name, step, ENDS[end]) for each in schedules for step, end in each.ends.items()]
    outcomes += [(each.name, step, succeeds(seconds=6)) for each in schedules for step in each.deeds]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, outcomes))


def manifest(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "nerd.dev/v1alpha1",
        "kind": "NerDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"base": "s3://models/base"},
            "finetune": {},
            "evaluation": {"gates": [{"metric": "f1", "min": 0.85}]},
            "storage": {"uri": "s3://ner/models"},
            **SPEC,
        },
    }


def test_with_random_faults_all_end_like_one_without(world: Callable[[list[Schedule]], World]) -> None:
    print(f"NERD_FAULTS_SEED={SEED} NERD_FAULTS_SCHEDULES={SCHEDULES}")
    chance = random.Random(SEED)
    schedules = [schedule_of(f"s-{at:03}", chance) for at in range(SCHEDULES)]
    waves = chance.sample(WAVES * 2, 2 * len(WAVES))
    made = world(schedules)
    write_outcomes(made, schedules)
    faults = Faults(schedules, made.operator)
    made.server.let(r"\bs-\d{3}\b", faults, FOR_EVER)
    made.cluster.apply([manifest("no-faults", made.homes["no-faults"])])
    until("the end of the one without faults", lambda: settled(made.deployments()["no-faults"]), every=0.5)
    expected = result_of(made.deployments()["no-faults"], made.jobs()["no-faults"])
    assert expected["conditions"]["Ready"][0] == "True"

    made.cluster.apply([manifest(each.name, made.homes[each.name]) for each in schedules])
    deeds = {(each.name, step): deed for each in schedules for step, deed in each.deeds.items()}
    of_a_wave = len(STEPS) * SCHEDULES // (len(waves) + 1)

    def so() -> bool:
        """Whether all have settled. This also does what a person does meanwhile."""
        made.cluster.check()
        made.come_back()
        for at, pod in made.running().items():
            if at in deeds:
                made.do(deeds.pop(at), pod)
        if waves and made.jobs_made() > of_a_wave * (2 * len(WAVES) - len(waves) + 1):
            made.wave(waves.pop())
        return not waves and all(settled(each) for each in made.deployments().values())

    until("the end of all", so, seconds=800, every=1.0)
    deployments, jobs = made.deployments(), made.jobs()
    print(f"strikes {dict(faults.met)}, deeds undone {len(deeds)}, starts {made.operator.starts}")
    planned = sum(len(each.strikes) + len(each.deeds) for each in schedules)
    happened = faults.met.total() + sum(len(each.deeds) for each in schedules) - len(deeds)
    assert happened > 0.8 * planned, "most of the planned faults happened"
    for each in schedules:
        assert result_of(deployments[each.name], jobs[each.name]) == expected, each
    too_often = [
        (each, stage["name"], stage["attempt"])
        for each in schedules
        for stage in deployments[each.name]["status"]["stages"]
        if stage["attempt"] > each.attempts(stage["name"])
    ]
    assert too_often == []
