"""helm's own judgement of the chart, and what it and the rest of the repository have to agree on."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.mark.parametrize("name", ["everything", "namespaced", None])
def test_helm_lint_has_no_warning(chart: Any, name: str | None, request: pytest.FixtureRequest) -> None:
    values = request.getfixturevalue(name) if name else {}
    done = chart.attempt("lint", "--strict", str(chart.chart), chart.values_file(values))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


def test_the_chart_has_the_products_version(chart: Any, repository: Path) -> None:
    about = yaml.safe_load((chart.chart / "Chart.yaml").read_text())
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert about["appVersion"] == project["version"]


def test_the_crds_are_those_of_the_repository_but_for_labels(chart: Any, repository: Path) -> None:
    done = chart.attempt("template", "nerd", str(chart.chart), "--show-only=templates/crds.yaml")
    assert done.returncode == 0, done.stderr
    rendered = {each["metadata"]["name"]: each for each in yaml.safe_load_all(done.stdout)}
    written = [yaml.safe_load(file.read_text()) for file in sorted((repository / "crds").glob("*.yaml"))]
    assert len(rendered) == len(written) == 2
    for definition in written:
        ours = rendered[definition["metadata"]["name"]]
        assert ours["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert ours["metadata"].pop("labels")["app.kubernetes.io/instance"] == "nerd"
        assert ours == definition


@pytest.mark.parametrize(
    ("values", "count", "kept"),
    [
        pytest.param({"keep": True}, 2, True, id="an uninstallation leaves them"),
        pytest.param({"keep": False}, 2, False, id="an uninstallation removes them"),
        pytest.param({"enabled": False}, 0, False, id="somebody else brings them"),
    ],
)
def test_crds_are_asked_for_and_kept_by_value(chart: Any, values: Any, count: int, kept: bool) -> None:
    done = chart.attempt("template", "nerd", str(chart.chart), chart.values_file({"crds": values}))
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    found = [each for each in objects if each["kind"] == "CustomResourceDefinition"]
    assert len(found) == count
    for definition in found:
        assert ("annotations" in definition["metadata"]) is kept
