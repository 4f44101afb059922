"""What the images are made of is said once, in pyproject.toml and constraints.txt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ner_operator.planning.keys import PACKAGES


@pytest.fixture
def libraries(repository: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(repository / "images" / "libraries.py"), *arguments]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True)

    return run


def test_the_requirements_of_an_extra_come_after_the_distributions_own(libraries) -> None:
    lines = libraries("requirements", "openvino").stdout.splitlines()
    assert any(line.startswith("pydantic>=") for line in lines)
    assert [line.partition(">=")[0] for line in lines[-2:]] == ["nncf", "openvino"]


def test_the_operators_requirements_have_no_framework(libraries) -> None:
    lines = libraries("requirements", "operator").stdout
    assert "kopf" in lines
    assert "torch" not in lines
    assert "boto3" not in lines


def test_every_library_that_a_key_rests_on_has_its_pinned_version(libraries, repository: Path) -> None:
    versions = json.loads(libraries("versions").stdout)
    assert tuple(versions) == PACKAGES
    pins = (repository / "constraints.txt").read_text().splitlines()
    assert all(f"{name}=={version}" in pins for name, version in versions.items())


def test_a_library_that_is_not_pinned_is_named(libraries, tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    refused = libraries("--constraints", str(tmp_path / "constraints.txt"), "versions")
    assert refused.returncode != 0
    assert "error: constraints.txt does not pin accelerate" in refused.stderr
