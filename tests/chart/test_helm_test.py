"""The program that `helm test` runs, against the operator's own endpoints."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import Configuration

from ner_operator.kube.liveness import Liveness
from ner_operator.kube.probes import serve
from ner_operator.main import manager_of, options_of


@pytest.fixture
def operator() -> Iterator[tuple[Liveness, int]]:
    manager = manager_of(options_of(["--image=jobs"])[0], Configuration())
    server = serve(0, manager.registry, manager.liveness)
    yield manager.liveness, server.server_port
    server.shutdown()
    server.server_close()


def run(chart: Any, address: str) -> subprocess.CompletedProcess[str]:
    objects = chart.render({})
    service = next(each["metadata"]["name"] for each in objects if each["kind"] == "Service")
    (container,) = next(each for each in objects if each["kind"] == "Pod")["spec"]["containers"]
    # As the kubelet names it.
    variable = f"{service.upper().replace('-', '_')}_PORT"
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(command, env={**os.environ, variable: address}, capture_output=True, text=True)


def test_it_passes_once_the_operator_has_read_the_cluster(chart: Any, operator: tuple[Liveness, int]) -> None:
    liveness, port = operator
    liveness.resynced(0)
    done = run(chart, f"tcp://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["/readyz", "200"],
        ["/healthz", "200"],
        ["/metrics", "200"],
    ]


def test_it_fails_before(chart: Any, operator: tuple[Liveness, int]) -> None:
    done = run(chart, f"tcp://127.0.0.1:{operator[1]}")
    assert done.returncode == 1
    assert "503" in done.stderr


def test_it_fails_where_nobody_is(chart: Any) -> None:
    done = run(chart, "tcp://127.0.0.1:1")
    assert done.returncode == 1
    assert "refused" in done.stderr
