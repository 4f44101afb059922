"""`nerd init`: a spec that is valid as it stands, and never lost work."""

from pathlib import Path

import pytest

from ner_jobs.task.exit_codes import PermanentError
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.cli.init import init, specification
from ner_operator.schema.validation import load, load_text


def written(**flags: str | None) -> NerDeployment:
    given: dict[str, str | None] = {
        "name": "my-model",
        "base": "m",
        "train": "train.txt",
        "validation": None,
        "test": "test.txt",
        "data_format": "conll",
        "segmentation": "characters",
        "storage": "runs",
    }
    text = specification(**{**given, **flags})  # type: ignore[arg-type]
    checked = load_text(text)
    assert (checked.mistakes, checked.warnings) == ((), ())
    return checked.deployments[0]


def test_it_is_valid_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    init(Path("spec.yaml"))
    [deployment] = load(Path("spec.yaml")).deployments
    assert deployment.metadata.name == "my-model"
    assert [variant.name for variant in deployment.spec.variants] == ["reference", "int8"]


@pytest.mark.parametrize(
    "odd", ["NO", "1e3", "it's", 'a "b": c', "# no comment", "数据/训练", "- x", "{x}", "a:"]
)
def test_whatever_is_given_arrives(odd: str) -> None:
    spec = written(train=odd, validation=odd, base=odd, storage=odd).spec
    assert spec.data.train is not None
    assert spec.data.validation is not None
    assert {spec.data.train.uri, spec.data.validation.uri, spec.model.base, spec.storage.uri} == {odd}


def test_what_no_spec_can_hold_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"metadata.name: .* lower-case letters"):
        written(name="My Model")


def test_an_existing_file_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("mine")
    with pytest.raises(PermanentError, match="overwrite it with --force"):
        init(file)
    assert file.read_text() == "mine"
    init(file, force=True)
    assert "NerDeployment" in file.read_text()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be written: no such file"):
        init(tmp_path / "no" / "spec.yaml")


def test_it_tells_the_next_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.jsonl").write_text("")
    init(tmp_path / "spec.yaml", train="train.jsonl", test="test.jsonl")
    said = capsys.readouterr().out
    assert "the test data test.jsonl is not there yet" in said
    assert "training data" not in said
    assert f"nerd run -f {tmp_path / 'spec.yaml'}" in said
    [deployment] = load(tmp_path / "spec.yaml").deployments
    assert deployment.spec.data.format == "jsonl"
