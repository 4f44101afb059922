"""Weights above 2 GB are files beside the graph: they come through compile, and nothing is left behind."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from ner_jobs.engines import onnx_models
from ner_jobs.engines.base import FloatArray, Recipe, Session
from ner_jobs.engines.onnxruntime import RECIPES, OnnxRuntimeBackend, open_exported
from ner_jobs.engines.registry import backend

WINDOWS = [np.arange(1, length + 1) for length in (4, 9, 16)]


@pytest.fixture
def exported(albert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph with external data, in two files; a kilobyte is already too much for one."""
    monkeypatch.setattr(onnx_models, "ONE_FILE", 1024)
    folder = tmp_path / "exported"
    folder.mkdir()
    model = onnx.load(albert / "dynamic.onnx")
    onnx.save_model(model, folder / "dynamic.onnx", save_as_external_data=True, location="weights")
    return folder


def logits(session: Session) -> FloatArray:
    return session.run(WINDOWS[2][None], np.ones((1, 16), np.int64))


@pytest.mark.parametrize("recipe", [*RECIPES["fp32"], *RECIPES["int8"]], ids=lambda recipe: str(recipe.name))
def test_a_compiled_folder_has_all_of_its_weights(
    albert: Path, exported: Path, tmp_path: Path, recipe: Recipe
) -> None:
    compiled = tmp_path / "compiled"
    compiled.mkdir()
    OnnxRuntimeBackend().compile(exported, recipe, WINDOWS, compiled, {})
    assert {path.name for path in compiled.iterdir()} == {
        "model.onnx",
        "model.onnx.data",
        "onnxruntime.json",
    }
    moved = shutil.move(compiled, tmp_path / "moved")
    shutil.rmtree(exported)
    found = logits(OnnxRuntimeBackend().load(moved))
    difference = np.abs(found - logits(open_exported(albert / "dynamic.onnx"))).max()
    assert difference < (1e-5 if recipe.precision == "fp32" else 0.5)


def test_openvino_reads_it_too(albert: Path, exported: Path, tmp_path: Path) -> None:
    engine = backend("openvino")
    engine.compile(exported, engine.recipes("fp32")[0], (), tmp_path, {})
    shutil.rmtree(exported)
    np.testing.assert_allclose(
        logits(engine.load(tmp_path)), logits(open_exported(albert / "dynamic.onnx")), atol=1e-4
    )
