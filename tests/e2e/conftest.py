"""A real node for as long as the tests of this folder run, or the cluster that NERD_TEST_KUBECONFIG names.

On this machine it takes root and Debian's containerd (testbed/real_node.py);
in a cluster of the user's, the images of the tests must be known: their names
are in NERD_TEST_BUSYBOX and its like.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.images import pack_busybox
from testbed.programs import CONTROL_PLANE
from testbed.real_node import RealNode, real_cluster, what_is_missing

GIVEN = "NERD_TEST_KUBECONFIG"
BUSYBOX = "NERD_TEST_BUSYBOX"


@pytest.fixture(scope="session")
def node(
    require: Callable[[bool, str], None],
    programs: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealNode]:
    """A node of our own: to restart its kubelet, to cut its power, to import images."""
    if os.environ.get(GIVEN):
        pytest.skip(f"needs a node of its own; unset {GIVEN}")
    programs(*CONTROL_PLANE, "kubectl")
    missing = what_is_missing()
    require(not missing, missing)
    with real_cluster(tmp_path_factory.mktemp("cluster") / "state") as running:
        yield running


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A cluster with a real node, whosever it is."""
    if given := os.environ.get(GIVEN):
        return Cluster(Path(given), tmp_path_factory.mktemp("cluster"))
    started: RealNode = request.getfixturevalue("node")
    return started.plane


@pytest.fixture(scope="session")
def busybox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with a shell, which the node has."""
    if os.environ.get(GIVEN):
        return os.environ.get(BUSYBOX, "busybox:stable")
    name = "localhost/nerd-busybox:test"
    archive = tmp_path_factory.mktemp("images") / "busybox.tar"
    pack_busybox(archive, name, ["sh"])
    started: RealNode = request.getfixturevalue("node")
    started.import_image(archive)
    return name


@pytest.fixture
def namespace(real: Cluster) -> Iterator[str]:
    """A namespace of the test's own, under the restricted Pod Security Standard."""
    with real.namespace() as name:
        yield name
