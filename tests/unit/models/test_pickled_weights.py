"""Pickled weights are read as tensors and nothing else."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.pickled_weights import convert_pickled_weights
from ner_jobs.task import ExitCode, PermanentError


def convert(folder: Path) -> str:
    (folder / "target").mkdir()
    return convert_pickled_weights(ModelFolder(folder), folder / "target", "some/model")


def test_tensors_become_safetensors_tied_ones_too(tmp_path: Path) -> None:
    tied = torch.arange(28.0).reshape(7, 4)
    torch.save({"bert.a": tied, "bert.b": tied, "bert.c": tied.T}, tmp_path / "pytorch_model.bin")
    assert convert(tmp_path) == "pytorch_model.bin read with weights_only and written as model.safetensors"
    tensors = load_file(tmp_path / "target" / "model.safetensors")
    assert np.array_equal(tensors["bert.a"], tied.numpy())
    assert np.array_equal(tensors["bert.b"], tied.numpy())
    assert np.array_equal(tensors["bert.c"], tied.numpy().T)


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def test_pickled_code_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Attack(), protocol=2))
    with pytest.raises(PermanentError, match=r"pytorch_model\.bin is not a set of tensors"):
        convert(tmp_path)
    assert "executed" not in capsys.readouterr().out


def test_a_file_with_something_else_is_named(tmp_path: Path) -> None:
    torch.save([torch.ones(1)], tmp_path / "pytorch_model.bin")
    with pytest.raises(PermanentError, match=r"pytorch_model\.bin holds a list, not tensors by name"):
        convert(tmp_path)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"some/model has no weights.*spec\.model\.config") as refusal:
        convert(tmp_path)
    assert refusal.value.code is ExitCode.NO_INPUT
