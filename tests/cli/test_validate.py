"""`nerd validate`: the exit code, the lines of text, and the JSON."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ner_operator.cli.validate import validate

app = typer.Typer()
app.command()(validate)

GOOD = """\
apiVersion: nerd.dev/v1alpha1
kind: NerDeployment
metadata: {name: small, namespace: nlp}
spec:
  model: {base: m}
  data: {test: {uri: b}}
  variants:
  - {name: reference, runtime: cpu-openvino, precision: fp32, reference: true}
  storage: {uri: runs}
"""
RUNTIME = """\
apiVersion: nerd.dev/v1alpha1
kind: NerRuntime
metadata: {name: va16}
spec: {backend: onnxruntime}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text(f"{GOOD}---\n{RUNTIME}")
    Path("bad.yaml").write_text(GOOD.replace("precision: fp32", "precision: int4, x: 1"))
    return tmp_path


def test_valid_documents_are_named(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-f", "good.yaml"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "good.yaml:1: NerDeployment nlp/small is valid",
        "good.yaml:11: NerRuntime va16 is valid",
    ]


def test_mistakes_end_with_65(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-f", "good.yaml", "-f", "bad.yaml"])
    assert result.exit_code == 65
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        ["bad.yaml:8", "spec.variants[0].precision"],
        ["bad.yaml:8", "spec.variants[0].x"],
        ["2 mistakes"],
    ]


def test_a_folder_stands_for_its_files(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-f", ".", "-o", "json"])
    assert result.exit_code == 65
    told = json.loads(result.stdout)
    assert told["valid"] is False
    assert [(file["file"], len(file["documents"]), len(file["mistakes"])) for file in told["files"]] == [
        ("bad.yaml", 0, 2),
        ("good.yaml", 2, 0),
    ]


def test_standard_input(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-f", "-"], input=GOOD)
    assert result.exit_code == 0
    assert result.stdout == "-:1: NerDeployment nlp/small is valid\n"


def test_a_warning_is_no_mistake(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-f", "-"], input=GOOD + "  finetune:\n")
    assert result.exit_code == 0
    assert "has no value and counts as absent" in result.stderr


def test_an_unknown_form_of_output(folder: Path) -> None:
    assert CliRunner().invoke(app, ["-f", "good.yaml", "-o", "xml"]).exit_code == 2
