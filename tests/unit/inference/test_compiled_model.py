"""A compiled folder: what is refused, and what the message names."""

import json
from pathlib import Path

import pytest

from ner_jobs.inference.compiled_model import CompiledModel
from ner_jobs.task import ExitCode, PermanentError


def test_a_folder_that_is_no_compiled_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"has no variant\.json") as caught:
        CompiledModel.read(tmp_path)
    assert caught.value.code is ExitCode.NO_INPUT


def test_a_broken_description_is_named(tmp_path: Path) -> None:
    (tmp_path / "variant.json").write_text(json.dumps({"backend": "openvino", "precision": "fp32"}))
    (tmp_path / "nerd.json").write_text(json.dumps({"labels": ["O"]}))
    with pytest.raises(PermanentError, match=r"nerd\.json is invalid"):
        CompiledModel.read(tmp_path)
