"""The backends by name: what each says of itself, without a model."""

import subprocess
import sys

import pytest

from ner_jobs.engines.registry import BACKENDS, backend
from ner_jobs.task import ExitCode, PermanentError


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_fp32_and_names_each_recipe_once(name: str) -> None:
    engine = backend(name)
    assert engine.name == name
    assert engine.recipes("fp32")
    assert not engine.recipes("fp16")
    assert engine.versions()
    for precision in ("fp32", "bf16", "int8"):
        recipes = engine.recipes(precision)
        assert {recipe.precision for recipe in recipes} <= {precision}
        assert len({recipe.name for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_the_naive_recipe_is_there_by_name_only(name: str) -> None:
    (naive,) = [recipe for recipe in backend(name).recipes("int8") if not recipe.searched]
    assert naive.name == "naive"


def test_an_unknown_backend_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        PermanentError, match="no backend 'tensorrt'; there are torchscript, onnxruntime, openvino"
    ):
        backend("tensorrt")


def test_a_backend_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "ner_jobs.engines.onnxruntime", raising=False)
    with pytest.raises(PermanentError, match=r"install nerdeployment\[onnxruntime\]") as refusal:
        backend("onnxruntime")
    assert refusal.value.code is ExitCode.CONFIGURATION


def test_openvino_is_opened_without_its_telemetry() -> None:
    # In a process of its own: another test may have opened the engine by itself.
    code = "from ner_jobs.engines.registry import backend; backend('openvino'); import openvino_telemetry"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "ModuleNotFoundError: import of openvino_telemetry halted" in ended.stderr
