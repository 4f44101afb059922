"""The images as they run: nobody's root, unable to write themselves, with no tool to build with."""

import json
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client

from ner_operator.planning.keys import PACKAGES
from testbed.cluster import Cluster, restricted_pod_spec
from testbed.product_images import missing_build_tools
from testbed.waiting import until

MEGABYTE = 1_000_000

OPERATOR_MEGABYTES = 150
"""What the operator's image may hold beyond its base, unpacked."""

TOOLS = ("pip", "pip3", "gcc", "cc", "make", "git", "apt", "apt-get")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(real: Cluster, namespace: str) -> Run:
    """Run a command in an image, as the user that the image names; returns exit code and output."""

    def run(image: str, *command: str) -> tuple[int, str]:
        spec = restricted_pod_spec(image, *command)
        del spec["securityContext"]["runAsUser"]
        spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = True
        pod = real.core.create_namespaced_pod(namespace, {"metadata": {"generateName": "run-"}, "spec": spec})
        name = pod.metadata.name

        def ended() -> client.V1ContainerStateTerminated | None:
            statuses = real.core.read_namespaced_pod(name, namespace).status.container_statuses
            return statuses[0].state.terminated if statuses else None

        code = until(f"the end of {command}", ended).exit_code
        return code, real.kubectl("--namespace", namespace, "logs", name)

    return run


@pytest.fixture(params=["operator_image", "jobs_image"])
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue(request.param)
    return name


def test_an_image_is_nobodys_root_and_cannot_write_itself(image: str, run: Run) -> None:
    _, said = run(image, "sh", "-c", "id -u; touch /opt/x 2>&1; touch /x 2>&1")
    user, *refusals = said.splitlines()
    assert user == "65532"
    assert len(refusals) == 2
    assert all("Read-only file system" in line for line in refusals)


def test_an_image_has_no_tools_to_build_with(image: str, run: Run) -> None:
    looked = f"for tool in {' '.join(TOOLS)}; do command -v $tool; done; python -m pip"
    code, said = run(image, "sh", "-c", looked)
    assert code == 1
    assert said.strip() == "/opt/libraries/bin/python: No module named pip"


def test_the_operators_image_is_small(operator_image: str, built: Callable[[str], Path]) -> None:
    with tarfile.open(built("operator")) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        [described] = json.load(manifest)
        base, *layers = (archive.getmember(name) for name in described["Layers"])
        sizes = [(archive.getmember(each.linkname) if each.issym() else each).size for each in layers]
    assert base.size or base.issym()
    assert 0 < sum(sizes) < OPERATOR_MEGABYTES * MEGABYTE


def test_the_operators_image_has_no_framework(operator_image: str, run: Run) -> None:
    frameworks = ("torch", "transformers", "onnxruntime", "openvino", "numpy", "boto3")
    asked = f"import importlib.util as i; print([n for n in {frameworks} if i.find_spec(n)])"
    assert run(operator_image, "python", "-c", asked) == (0, "[]\n")


def test_the_operator_plans_with_the_versions_that_the_stages_have(
    operator_image: str, jobs_image: str, run: Run
) -> None:
    _, said = run(operator_image, "cat", "/opt/versions.json")
    planned = json.loads(said)
    asked = (
        f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {PACKAGES}}}))"
    )
    code, said = run(jobs_image, "python", "-c", asked)
    assert code == 0, said
    # A local version (torch's +cpu) names a build of the same release.
    assert {name: version.partition("+")[0] for name, version in json.loads(said).items()} == planned


def test_a_stage_without_a_task_says_so(jobs_image: str, run: Run) -> None:
    code, said = run(jobs_image, "python3", "-m", "ner_jobs")
    assert code == 64
    assert said == "error: no task: set $NERD_TASK, or give --task FILE\n"


def test_a_disk_that_is_too_full_is_told_before_anything_is_built(
    require: Callable[[bool, str], None], repository: Path
) -> None:
    missing = missing_build_tools()
    require(not missing, missing)
    cache = repository / ".cache" / "images"
    cache.mkdir(parents=True, exist_ok=True)
    # A disk of 50 MB, which nobody sees but the build.
    smaller = f'mount -t tmpfs -o size=50m tmpfs "{cache}" && exec images/build operator'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", smaller], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 73
    assert re.search(rf"needs about \d+\.\d GB free at {re.escape(str(cache))}, which has 0\.0;", done.stderr)
