"""A real node for as long as the tests of this folder run, or the cluster that NERD_TEST_KUBECONFIG names.

On this machine it takes root and Debian's containerd (testbed/real_node.py);
in a cluster of the user's, the images of the tests must be known: those of the
product by the chart's names, the shell's by NERD_TEST_BUSYBOX.
"""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.helm import Helm
from testbed.images import pack_busybox
from testbed.product_images import build_image, image_name, missing_build_tools
from testbed.programs import CONTROL_PLANE
from testbed.real_node import RealNode, missing_node_tools, real_cluster
from testbed.s3 import start_s3
from testbed.s3_servers import S3Server
from testbed.waiting import raise_if_aborted

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
    missing = missing_node_tools()
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


@pytest.fixture(scope="session")
def built(require: Callable[[bool, str], None]) -> Callable[[str], Path]:
    """`built("operator")`: makes the archive of one of the product's images, as the checkout is now."""

    def built(part: str) -> Path:
        missing = missing_build_tools()
        require(not missing, missing)
        return build_image(part)

    return built


@pytest.fixture(scope="session")
def known_image(request: pytest.FixtureRequest, built: Callable[[str], Path]) -> Callable[[str], str]:
    """`known_image("operator")`: its name, for pods; the node has it."""

    @functools.cache
    def known(part: str) -> str:
        if not os.environ.get(GIVEN):
            started: RealNode = request.getfixturevalue("node")
            archive = built(part)
            started.import_image(archive)
            # The node has it now, and the builder's layers make it again in a moment.
            archive.unlink()
        return image_name(part)

    return known


@pytest.fixture(scope="session")
def emulator_image(known_image: Callable[[str], str]) -> str:
    return known_image("device-emulator")


@pytest.fixture(scope="session")
def operator_image(known_image: Callable[[str], str]) -> str:
    return known_image("operator")


@pytest.fixture(scope="session")
def jobs_image(known_image: Callable[[str], str]) -> str:
    return known_image("jobs")


@pytest.fixture(scope="session")
def s3(node: RealNode) -> S3Server:
    """An S3 server on this machine, which pods reach too."""
    return start_s3(node.plane)


@pytest.fixture(scope="session")
def helm(real: Cluster, programs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    programs("helm")
    return Helm(tmp_path_factory.mktemp("helm"), real.kubeconfig)


@pytest.fixture(autouse=True)
def room() -> None:
    """Fail where the node takes no pods, rather than in a test whose pods are late."""
    raise_if_aborted("a pod")


@pytest.fixture
def namespace(real: Cluster) -> Iterator[str]:
    """A namespace of the test's own, under the restricted Pod Security Standard."""
    with real.namespace() as name:
        yield name
