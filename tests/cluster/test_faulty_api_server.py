"""The proxy in front of the API server: it changes nothing until a test injects a fault."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.objects import Resource
from testbed.api_faults import (
    WATCHES,
    Fault,
    after,
    answer_lost,
    answers,
    before,
    meanwhile,
    request_lost,
    watch_fails,
)
from testbed.audit import writes_by
from testbed.cluster import user_name
from testbed.control_plane import ControlPlane
from testbed.faulty_api_server import FaultyApiServer, faulty_api_server
from testbed.waiting import until

MAPS = Resource("", "v1", "configmaps", "ConfigMap")
MADE = r"^POST \S+/configmaps "


@dataclass(frozen=True)
class Client:
    """A client that may write ConfigMaps of one namespace, through the proxy."""

    plane: ControlPlane
    namespace: str
    server: FaultyApiServer
    api: Api

    def make(self, name: str) -> None:
        self.api.create(MAPS, self.namespace, {"metadata": {"name": name}})

    def names(self) -> set[str]:
        found = self.plane.core.list_namespaced_config_map(self.namespace).items
        return {each.metadata.name for each in found} - {"kube-root-ca.crt"}

    def watch(self, seconds: float = 30) -> http.client.HTTPResponse:
        said = yaml.safe_load(self.server.kubeconfig.read_text())
        _, _, address = said["clusters"][0]["cluster"]["server"].rpartition("/")
        connection = http.client.HTTPConnection(address, timeout=seconds)
        token = said["users"][0]["user"]["token"]
        path = f"/api/v1/namespaces/{self.namespace}/configmaps?watch=true"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse()


@pytest.fixture
def writer(control_plane: ControlPlane, namespace: str) -> Iterator[Client]:
    account = control_plane.service_account(namespace, "writer")
    granted = ("rolebinding", "writer", "--clusterrole=edit", f"--serviceaccount={namespace}:writer")
    control_plane.kubectl("-n", namespace, "create", *granted)
    with faulty_api_server(control_plane, account) as server:
        configuration = client.Configuration()
        config.load_kube_config(str(server.kubeconfig), client_configuration=configuration)
        yield Client(control_plane, namespace, server, Api(configuration))


def reports(watch: http.client.HTTPResponse, name: str) -> bool:
    """Read a watch until it reports an object; False if it ends."""
    while line := watch.readline():
        if json.loads(line)["object"]["metadata"]["name"] == name:
            return True
    return False


def test_without_faults_everything_goes_through_under_the_clients_own_name(writer: Any) -> None:
    writer.make("one")
    assert writer.names() == {"one"}
    assert writer.api.get(MAPS, writer.namespace, "one")["metadata"]["name"] == "one"
    log, user = writer.plane.audit_log, user_name(writer.namespace, "writer")
    [request] = until("the log of the request", lambda: writes_by(log, user))
    assert (request.verb, request.name, request.code) == ("create", "one", 201)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"), (500, "InternalError")],
)
def test_a_fault_happens_the_given_number_of_times(writer: Any, code: int, reason: str) -> None:
    rule = writer.server.let(MADE, answers(code, retry_after=7), times=2)
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            writer.make("one")
        assert (refused.value.status, refused.value.reason, refused.value.retry_after) == (code, reason, 7)
    assert writer.names() == set()
    writer.make("one")
    assert (rule.met, rule.left) == (2, 0)


@pytest.mark.parametrize(
    ("fault", "there"),
    [
        pytest.param(request_lost, set(), id="the request is lost"),
        pytest.param(answer_lost, {"one"}, id="its answer is lost"),
    ],
)
def test_without_an_answer_the_write_may_or_may_not_have_happened(
    writer: Any, fault: Fault, there: set[str]
) -> None:
    writer.server.let(MADE, fault)
    with pytest.raises(ApiError) as silent:
        writer.make("one")
    assert silent.value.status == 0
    assert writer.names() == there


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        pytest.param(before, set(), id="before"),
        pytest.param(meanwhile, set(), id="meanwhile"),
        pytest.param(after, {"one"}, id="after"),
    ],
)
def test_a_fault_can_call_the_test_before_and_after_a_write(writer: Any, fault: Any, seen: set[str]) -> None:
    saw: list[set[str]] = []
    writer.server.let(MADE, fault(lambda: saw.append(writer.names())))
    try:
        writer.make("one")
    except ApiError:
        assert fault is not meanwhile
    assert saw == [seen]
    assert writer.names() == (set() if fault is before else {"one"})


def test_a_fault_that_is_removed_happens_no_more(writer: Any) -> None:
    kept = writer.server.let(r"/configmaps/two", answers(500), times=9)
    gone = writer.server.let(MADE, answers(500), times=9)
    writer.server.clear(gone)
    writer.make("two")
    with pytest.raises(ApiError):
        writer.api.get(MAPS, writer.namespace, "two")
    writer.server.clear()
    writer.api.get(MAPS, writer.namespace, "two")
    assert (kept.met, gone.met) == (1, 0)


def test_a_stalled_watch_is_silent_and_the_next_one_is_not(writer: Any) -> None:
    stalled = writer.watch(seconds=1)
    writer.make("one")
    assert reports(stalled, "one")
    assert writer.server.stall_watches() == 1
    writer.make("two")
    assert reports(writer.watch(), "two")
    with pytest.raises(TimeoutError):
        reports(stalled, "two")


def test_a_watch_that_is_cut_ends(writer: Any) -> None:
    said = writer.watch()
    assert writer.server.cut_watches() == 1
    with pytest.raises((http.client.HTTPException, OSError)):
        said.read()


def test_a_watch_can_get_an_error_event(writer: Any) -> None:
    writer.server.let(WATCHES, watch_fails(410))
    event = json.loads(writer.watch().read())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_a_server_that_is_away_refuses_connections_and_comes_back(writer: Any) -> None:
    with writer.server.away(), pytest.raises(ApiError, match="refused") as silent:
        writer.make("one")
    assert silent.value.status == 0
    writer.make("one")
    assert writer.names() == {"one"}
