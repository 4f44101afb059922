"""The real node itself: a real pod, a kubelet that restarts, a power cut, and nothing left afterwards."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from kubernetes import client

from testbed.cgroups import ROOT, group_of
from testbed.cluster import Cluster, restricted_pod_spec
from testbed.processes import marked
from testbed.real_node import RealNode
from testbed.s3_servers import S3Server
from testbed.waiting import until


def run_job(cluster: Cluster, namespace: str, image: str, command: str) -> str:
    spec = restricted_pod_spec(image, "sh", "-c", command)
    job = {"metadata": {"name": "job"}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
    client.BatchV1Api(cluster.api).create_namespaced_job(namespace, job)
    waiting = ("wait", "--for=condition=Complete", "--timeout=120s", "job/job")
    cluster.kubectl("--namespace", namespace, *waiting, seconds=180)
    return cluster.kubectl("--namespace", namespace, "logs", "job/job")


def pod(cluster: Cluster, namespace: str) -> Any:
    [found] = cluster.core.list_namespaced_pod(namespace).items
    return found


def test_a_real_pod_runs_a_job_to_completion(real: Cluster, namespace: str, busybox: str) -> None:
    said = run_job(real, namespace, busybox, "id -u; echo done > /dev/termination-log")
    assert said == "65532\n"
    state = pod(real, namespace).status.container_statuses[0].state.terminated
    assert (state.exit_code, state.message) == (0, "done\n")


def test_a_pod_reaches_the_s3_server_of_this_machine(
    real: Cluster, s3: S3Server, namespace: str, busybox: str
) -> None:
    said = run_job(real, namespace, busybox, f"wget -q -S -O - {s3.endpoint} 2>&1 | head -1; true")
    # An anonymous request is refused, by the server itself.
    assert "403" in said


def test_a_pod_goes_on_while_kubelet_restarts(node: RealNode, namespace: str, busybox: str) -> None:
    spec = restricted_pod_spec(busybox, "sleep", "600")
    node.plane.core.create_namespaced_pod(namespace, {"metadata": {"name": "sleeper"}, "spec": spec})

    def running() -> Any:
        statuses = pod(node.plane, namespace).status.container_statuses
        return statuses and statuses[0].state.running

    before = until("the pod to run", running)
    node.restart_kubelet()
    assert running() == before


def test_a_node_comes_back_after_a_power_cut(node: RealNode, namespace: str, busybox: str) -> None:
    node.cut_power()
    node.start()
    assert run_job(node.plane, namespace, busybox, "echo back") == "back\n"


STARTER = """
import sys
from pathlib import Path
from testbed.real_node import real_cluster
with real_cluster(Path(sys.argv[1])) as node:
    print(node.network.machine, flush=True)
    sys.stdin.read()
"""


def test_a_second_node_beside_the_first_and_nothing_of_it_left_after_a_kill(
    node: RealNode, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    command = [sys.executable, "-c", STARTER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repository) as starter:
        assert starter.stdout is not None
        address = starter.stdout.readline().decode().strip()
        assert address not in ("", node.network.machine)
        assert address in links()
        starter.kill()
    until("the guard's work", lambda: not marked(folder) and not (folder / "node" / "containerd").exists())
    until("the end of its network", lambda: address not in links())
    assert str(folder) not in Path("/proc/mounts").read_text()
    assert not list(ROOT.glob(f"**/{group_of(folder)}"))
    assert "node-1" in node.plane.ready_nodes()


FILLER = """
import os, subprocess, sys
from pathlib import Path
from testbed.disk import free_bytes
from testbed.real_node import PRESSURE, real_cluster
from testbed.waiting import WaitAbortedError, until
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200m", "tmpfs", disk], check=True)
with real_cluster(disk / "state") as node:
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, free_bytes(disk) - PRESSURE // 2)
    waiting = ("wait", "--for=condition=DiskPressure", "--timeout=120s", "node/node-1")
    node.plane.kubectl(*waiting, seconds=180)
    try:
        until("a pod", lambda: False)
    except WaitAbortedError as error:
        print(error)
    (disk / "filler").unlink()
    until("the node again", lambda: "node-1" in node.plane.ready_nodes())
    print("and takes pods again")
"""


def test_a_node_whose_disk_is_full_says_so_and_nobody_waits_for_its_pods(
    node: RealNode, repository: Path, tmp_path: Path
) -> None:
    # The disk is mounted where only this program and what it starts see it.
    command = ["unshare", "--mount", sys.executable, "-c", FILLER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository)
    assert done.returncode == 0, done.stderr
    told, again = done.stdout.splitlines()
    assert told.startswith(
        "a pod cannot come: node-1 is under disk pressure and takes no pods: it needs 0.5 GB"
    )
    assert again == "and takes pods again"


def links() -> str:
    return subprocess.run(["ip", "address"], capture_output=True, text=True, check=True).stdout
