"""The tests' cluster itself: identities, restricted namespaces, the audit log, and an end in every case."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from testbed.audit import writes_by
from testbed.cluster import restricted_pod_spec, user_name
from testbed.control_plane import ControlPlane
from testbed.processes import marked
from testbed.programs import CONTROL_PLANE
from testbed.waiting import WaitTimeoutError, until


def test_a_service_account_has_no_right_but_those_given(control_plane: ControlPlane, namespace: str) -> None:
    account = config.new_client_from_config(str(control_plane.service_account(namespace, "operator")))
    who = client.AuthenticationV1Api(account).create_self_subject_review({})
    assert who.status.user_info.username == user_name(namespace, "operator")
    with pytest.raises(ApiException, match="cannot list resource"):
        client.CoreV1Api(account).list_namespaced_pod(namespace)


def test_a_pod_that_is_not_restricted_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    spec = restricted_pod_spec("none")
    control_plane.core.create_namespaced_pod(namespace, {"metadata": {"name": "good"}, "spec": spec})
    spec["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiException, match="violates PodSecurity"):
        control_plane.core.create_namespaced_pod(namespace, {"metadata": {"name": "bad"}, "spec": spec})


def test_the_audit_log_knows_who_wrote_what(control_plane: ControlPlane, namespace: str) -> None:
    account = control_plane.service_account(namespace, "writer")
    made = {"metadata": {"name": "refused"}}
    with pytest.raises(ApiException, match="forbidden"):
        client.CoreV1Api(config.new_client_from_config(str(account))).create_namespaced_config_map(
            namespace, made
        )
    log, user = control_plane.audit_log, user_name(namespace, "writer")
    [request] = until("the log of the request", lambda: writes_by(log, user))
    assert (request.verb, request.resource, request.code) == ("create", "configmaps", 403)
    assert request.received < request.answered < request.received + 60


def test_a_frozen_api_server_answers_nothing_and_goes_on(control_plane: ControlPlane) -> None:
    control_plane.api_server.send(signal.SIGSTOP)
    try:
        with pytest.raises(WaitTimeoutError):
            until("an answer", lambda: _answers(control_plane), seconds=1)
    finally:
        control_plane.api_server.send(signal.SIGCONT)
    assert until("an answer", lambda: _answers(control_plane))


def test_the_api_server_comes_back_with_what_it_had(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.api_server.stop()
    assert not _answers(control_plane)
    control_plane.api_server.start()
    control_plane.wait_until_ready()
    assert control_plane.core.read_namespace(namespace).metadata.name == namespace


STARTER = """
import sys
from pathlib import Path
from testbed.control_plane import control_plane
with control_plane(Path(sys.argv[1])) as plane:
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_starter_leaves_nothing_running(
    programs: Callable[..., None], repository: Path, tmp_path: Path
) -> None:
    programs(*CONTROL_PLANE)
    folder = tmp_path / "state"
    command = [sys.executable, "-c", STARTER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repository) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
        assert len(marked(folder)) == len(CONTROL_PLANE)
        starter.kill()
    until("the guard's work", lambda: not marked(folder) and not (folder / "etcd").exists())


def _answers(plane: ControlPlane) -> bool:
    try:
        plane.core.list_namespace(limit=1, _request_timeout=0.5)
    except Exception:
        return False
    return True
