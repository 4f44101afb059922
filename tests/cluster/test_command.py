"""`make cluster` leaves a cluster to play with, and `make cluster-down` leaves nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.processes import marked
from testbed.programs import CONTROL_PLANE


@pytest.fixture
def testbed(programs: Callable[..., None], repository: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs `python -m testbed` for a folder of the test's own; what it prints is the answer."""
    programs(*CONTROL_PLANE, "kwok", "kubectl")

    def run(command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "testbed", command, "--folder", str(tmp_path / "cluster")],
            capture_output=True,
            text=True,
            cwd=repository,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_cluster_to_play_with_until_it_is_ended(testbed: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    try:
        printed = testbed("up")
        kubeconfig = Path(printed.strip().removeprefix("export KUBECONFIG="))
        cluster = Cluster(kubeconfig, tmp_path)
        assert cluster.kubectl("get", "nerd,nrt", "--all-namespaces") == ""
        assert cluster.ready_nodes() == {"fake-0", "fake-1", "fake-2", "fake-3"}
        running = marked(folder)
        assert testbed("up") == printed, "started again, it is the same"
        assert marked(folder) == running
    finally:
        testbed("down")
    assert not folder.exists()
    assert not marked(folder)
