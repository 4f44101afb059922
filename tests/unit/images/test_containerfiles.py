"""What holds for every image, read from its Containerfile; how it runs is for tests/e2e/test_images.py."""

import re
from pathlib import Path

import pytest

IMAGES = ("operator", "jobs", "device-emulator")
LABELS = ("title", "description", "licenses", "version", "revision", "created")


@pytest.fixture(params=IMAGES)
def stages(request: pytest.FixtureRequest, repository: Path) -> list[str]:
    """The stages' instructions, in order."""
    text = (repository / "images" / request.param / "Containerfile").read_text()
    return re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]


def test_there_is_a_containerfile_for_each_image(repository: Path) -> None:
    assert {file.parent.name for file in (repository / "images").glob("*/Containerfile")} == set(IMAGES)


def test_the_base_is_an_argument_and_nothing_else_is_fetched(stages: list[str]) -> None:
    names = {line.split()[2] for line in (stage.splitlines()[0] for stage in stages) if " AS " in line}
    for stage in stages:
        assert stage.split()[0] in {"${BASE}", *names}


def test_the_image_grows_on_its_libraries_and_runs_nothing_more(stages: list[str]) -> None:
    """Copied, the libraries would be a second layer of their size on the builder's disk."""
    final = [line.split()[0] for line in stages[-1].splitlines()[1:] if re.match(r"[A-Z]+ ", line)]
    assert stages[-1].startswith("libraries\n")
    assert "COPY" in final
    assert "RUN" not in final


def test_pip_leaves_nothing_beside_the_libraries(stages: list[str]) -> None:
    [installs] = [stage for stage in stages if " AS libraries" in stage]
    assert "--no-cache-dir" in installs


def test_its_labels_are_those_of_the_commit(stages: list[str]) -> None:
    for label in LABELS:
        assert f"org.opencontainers.image.{label}=" in stages[-1]


@pytest.mark.parametrize("name", ["operator", "jobs"])
def test_it_runs_as_nobodys_root_by_number(repository: Path, name: str) -> None:
    """A kubelet believes only numbers when it looks whether a pod is root."""
    assert "\nUSER 65532:65532\n" in (repository / "images" / name / "Containerfile").read_text()
