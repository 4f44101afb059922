"""compile with real engines on a tiny model: what runs is what was asked, or it says what runs instead."""

import dataclasses
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime.quantization
import pytest

from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.engines.registry import backend
from ner_jobs.host import has_bf16
from ner_jobs.inference.compiled_model import CompiledModel, Pipeline
from ner_jobs.stages import compile as compile_stage
from ner_jobs.stages.base import StageContext
from ner_jobs.task import ExitCode, PermanentError, Stage, StageError

MakeContext = Callable[..., StageContext]
IN_HARDWARE = pytest.mark.skipif(not has_bf16(), reason="this processor has no bf16")


@pytest.fixture
def make(
    make_context: MakeContext, letter_inputs: dict[str, Path], exported_letters: Path
) -> Callable[..., StageContext]:
    """A context of compile with these parameters."""

    def context(**parameters: Any) -> StageContext:
        inputs = {**letter_inputs, "exported": exported_letters}
        return make_context(Stage.COMPILE, {"maxLength": 32, **parameters}, inputs)

    return context


@pytest.mark.parametrize(
    ("engine", "precision"),
    [
        ("torchscript", "fp32"),
        ("torchscript", "bf16"),
        ("onnxruntime", "fp32"),
        ("openvino", "fp32"),
        pytest.param("openvino", "bf16", marks=IN_HARDWARE),
    ],
)
def test_what_runs_is_what_was_asked(make: Callable[..., StageContext], engine: str, precision: str) -> None:
    context = make(backend=engine, precision=precision)
    result = compile_stage.run(context)
    assert result.metrics["effectivePrecision"] == precision
    assert sum(result.metrics["products"].values()) > 0
    folder = context.output / "compiled"
    written = json.loads((folder / "variant.json").read_text())
    assert (written["precision"], written["requested"], written["effectivePrecision"]) == (precision,) * 3
    session = backend(engine).load(folder)
    logits = session.run(np.array([[2, 5, 4, 3], [2, 6, 3, 0]]), np.array([[1, 1, 1, 1], [1, 1, 1, 0]]))
    assert logits.shape == (2, 4, 5)
    assert logits.dtype == np.float32
    alone = session.run(np.array([[2, 6, 3]]), np.ones((1, 3), np.int64))
    np.testing.assert_allclose(logits[1, :3], alone[0], atol=0.2 if precision == "bf16" else 1e-4)


def test_the_fixed_shape_is_an_option_of_torchscript(
    make: Callable[..., StageContext], letter_inputs: dict[str, Path]
) -> None:
    found = []
    for shape in ("fixed", "dynamic"):
        context = make(backend="torchscript", precision="fp32", options={"shape": shape})
        compile_stage.run(context)
        session = backend("torchscript").load(context.output / "compiled")
        assert session.fixed_length == (32 if shape == "fixed" else None)
        sentences = read_sentences(letter_inputs["validation"])
        found.append([item.tags for item in Pipeline(context.output / "compiled").predict(sentences)])
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_int8_is_found_by_search_and_really_runs_in_int8(
    make: Callable[..., StageContext], engine: str
) -> None:
    context = make(backend=engine, precision="int8", quantization={"maxDrop": 100})
    result = compile_stage.run(context)
    assert result.metrics["effectivePrecision"] == "int8"
    rows = json.loads((context.output / "recipes.json").read_text())
    # Where anything passes, the first that runs here wins; what does not run here is a row with the reason.
    runs_here = [not backend(engine).unsupported(recipe) for recipe in backend(engine).recipes("int8")]
    first = runs_here.index(True)
    assert [row["verdict"] for row in rows] == ["skipped"] * first + ["passed"]
    assert rows[-1]["name"] == result.metrics["recipe"] == backend(engine).recipes("int8")[first].name


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_each_recipe_compiles_and_runs_in_int8(make: Callable[..., StageContext], engine: str) -> None:
    for recipe in backend(engine).recipes("int8"):
        if backend(engine).unsupported(recipe):
            continue
        context = make(backend=engine, precision="int8", quantization={"recipe": recipe.name, "maxDrop": 0})
        result = compile_stage.run(context)
        assert result.metrics["recipe"] == recipe.name
        assert result.metrics["effectivePrecision"] == "int8"
        assert result.metrics["recipes"][0]["bound"] is not None
        assert result.metrics["recipes"][0]["int8Share"] == result.metrics["int8Share"] > 0.6


@pytest.mark.parametrize(
    ("parameters", "words", "code"),
    [
        pytest.param(
            {"precision": "bf16"},
            "backend openvino cannot compile bf16 here: this processor has no bf16",
            ExitCode.CONFIGURATION,
            id="asked for",
        ),
        pytest.param(
            {"precision": "int8", "quantization": {"recipe": "transformer-bf16"}},
            "none of them could be run: transformer-bf16: this processor has no bf16",
            ExitCode.SOFTWARE,
            id="a recipe by name",
        ),
        pytest.param(
            {"precision": "int8", "quantization": {"recipe": "transformer-bf16", "fallback": "bf16"}},
            "quantization.fallback is bf16, and this processor has no bf16",
            ExitCode.SOFTWARE,
            id="a fallback",
        ),
    ],
)
def test_bf16_that_the_processor_has_not_is_refused_in_words(
    make: Callable[..., StageContext],
    monkeypatch: pytest.MonkeyPatch,
    parameters: dict[str, Any],
    words: str,
    code: ExitCode,
) -> None:
    monkeypatch.setattr("ner_jobs.engines.openvino.has_bf16", lambda: False)
    with pytest.raises(PermanentError, match=words) as refusal:
        compile_stage.run(make(backend="openvino", **parameters))
    assert refusal.value.code is code


@pytest.mark.skipif(has_bf16(), reason="this processor has bf16")
def test_a_processor_without_bf16_is_seen_even_where_nobody_asked_before(
    make: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ner_jobs.engines.openvino.has_bf16", lambda: True)
    with pytest.raises(PermanentError, match="runs in the hint f32 instead of bf16 on this host"):
        compile_stage.run(make(backend="openvino", precision="bf16"))


VNNI, BF16 = frozenset({"avx2", "avx512_vnni"}), frozenset({"avx2", "avx512_vnni", "avx512_bf16"})


@pytest.mark.parametrize(
    ("engine", "recipe", "compiled_on", "needs", "without"),
    [
        pytest.param("onnxruntime", "fp32", VNNI, [], "", id="fp32 runs everywhere"),
        pytest.param(
            "onnxruntime",
            "dynamic-per-channel",
            VNNI,
            ["vnni"],
            "needs a processor with vnni, and this one .*-avx2. has none: sums of int8 products would sat",
            id="weights of 8 bits",
        ),
        pytest.param(
            "onnxruntime", "dynamic-per-channel", {"avx2"}, [], "", id="weights of 7 bits never saturate"
        ),
        pytest.param(
            "openvino", "transformer-bf16", BF16, ["bf16", "vnni"], "needs a processor with bf16", id="bf16"
        ),
    ],
)
def test_a_processor_that_lacks_what_was_compiled_for_is_refused_by_name(
    make: Callable[..., StageContext],
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    recipe: str,
    compiled_on: set[str],
    needs: list[str],
    without: str,
) -> None:
    if "bf16" in needs and not has_bf16():
        pytest.skip("this processor has no bf16")
    precision = "fp32" if recipe == "fp32" else "int8"
    monkeypatch.setattr("ner_jobs.host._cpu_flags", lambda: frozenset(compiled_on))
    quantization = {} if precision == "fp32" else {"quantization": {"recipe": recipe}}
    context = make(backend=engine, precision=precision, **quantization)
    compile_stage.run(context)
    folder = context.output / "compiled"
    assert json.loads((folder / "variant.json").read_text())["requiredFeatures"] == needs
    CompiledModel.read(folder).load()
    monkeypatch.setattr("ner_jobs.host._cpu_flags", lambda: frozenset({"avx2"}))
    if not without:
        CompiledModel.read(folder).load()
        return
    with pytest.raises(PermanentError, match=without) as refusal:
        CompiledModel.read(folder).load()
    assert refusal.value.code is ExitCode.CONFIGURATION


def test_bf16_of_torchscript_is_bf16_on_every_processor(
    make: Callable[..., StageContext], letter_inputs: dict[str, Path]
) -> None:
    logits = {}
    for precision in ("fp32", "bf16"):
        context = make(backend="torchscript", precision=precision)
        compile_stage.run(context)
        session = backend("torchscript").load(context.output / "compiled")
        logits[precision] = session.run(np.array([[2, 5, 4, 6, 7, 8, 3]]), np.ones((1, 7), np.int64))
    # A bf16 number is a float32 whose lower half is nothing.
    assert not (logits["bf16"].view(np.uint32) & 0xFFFF).any()
    assert (logits["fp32"].view(np.uint32) & 0xFFFF).any()
    difference = np.abs(logits["bf16"] - logits["fp32"]).max()
    assert 1e-4 < difference < 0.2


def broken(*arguments: object, **named: object) -> None:
    raise RuntimeError("the engine\nhas no such operator")


@pytest.fixture
def no_recipe_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that cannot quantize this model."""
    for name in ("quantize_dynamic", "quantize_static"):
        monkeypatch.setattr(onnxruntime.quantization, name, broken)


@pytest.mark.usefixtures("no_recipe_runs")
def test_where_no_recipe_passes_the_fallback_is_compiled_and_said(make: Callable[..., StageContext]) -> None:
    lines: list[str] = []
    context = make(backend="onnxruntime", precision="int8", quantization={"fallback": "fp32"})
    result = compile_stage.run(dataclasses.replace(context, log=lines.append))
    written = json.loads((context.output / "compiled" / "variant.json").read_text())
    assert (written["requested"], written["precision"]) == ("int8", "fp32")
    assert written["effectivePrecision"] == "fp32"
    tried = result.metrics["recipes"]
    assert {row["verdict"] for row in tried} == {"failed"}
    assert all("the engine has no such operator" in row["error"] for row in tried)
    assert any("compiling fp32 instead, as quantization.fallback says" in line for line in lines)


@pytest.mark.usefixtures("no_recipe_runs")
def test_without_a_fallback_it_fails_with_what_was_tried(make: Callable[..., StageContext]) -> None:
    with pytest.raises(
        PermanentError, match=r"none of them could be run.*give a quantization\.fallback"
    ) as end:
        compile_stage.run(make(backend="onnxruntime", precision="int8"))
    assert end.value.code is ExitCode.SOFTWARE


def test_sigterm_ends_the_search(make: Callable[..., StageContext]) -> None:
    told = threading.Event()
    told.set()
    context = dataclasses.replace(make(backend="onnxruntime", precision="int8"), stopping=told)
    with pytest.raises(StageError) as end:
        compile_stage.run(context)
    assert end.value.code is ExitCode.TERMINATED


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        pytest.param(
            {"backend": "torchscript", "precision": "int8"}, "it has fp32, bf16", id="no such precision"
        ),
        pytest.param(
            {"backend": "openvino", "precision": "fp16"}, "it has fp32, bf16, int8", id="fp16 would be bf16"
        ),
        pytest.param(
            {"backend": "onnxruntime", "precision": "int8", "quantization": {"recipe": "magic"}},
            "no recipe 'magic'; it has dynamic-per-channel",
            id="no such recipe",
        ),
        pytest.param(
            {"backend": "onnxruntime", "precision": "int8", "quantization": {"fallback": "bf16"}},
            "quantization.fallback is bf16; backend onnxruntime has fp32",
            id="no such fallback, said before the search",
        ),
        pytest.param(
            {"backend": "onnxruntime", "precision": "fp32", "options": {"turbo": "1"}},
            "no option turbo",
            id="no such option",
        ),
        pytest.param(
            {"backend": "torchscript", "precision": "fp32", "options": {"shape": "round"}},
            "write dynamic or fixed",
            id="no such value of an option",
        ),
    ],
)
def test_what_a_backend_does_not_have_is_named(
    make: Callable[..., StageContext], parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(PermanentError, match=words) as refusal:
        compile_stage.run(make(**parameters))
    assert refusal.value.code is ExitCode.USAGE


def test_a_compiled_folder_that_is_not_what_it_says_is_refused(
    make: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make(backend="openvino", precision="fp32")
    compile_stage.run(context)
    folder = shutil.copytree(context.output / "compiled", tmp_path / "lying")
    (folder / "openvino.json").write_text(json.dumps({"precision": "int8", "rest": "fp32"}))
    with pytest.raises(PermanentError, match="runs in fp32 on this host, int8 was compiled"):
        backend("openvino").load(folder)


@pytest.mark.parametrize(
    ("engine", "graph", "precision"),
    [("onnxruntime", "model.onnx", "int8"), ("torchscript", "model.torchscript.pt", "bf16")],
)
def test_another_graph_than_was_compiled_is_refused_whatever_is_written_beside_it(
    make: Callable[..., StageContext], tmp_path: Path, engine: str, graph: str, precision: str
) -> None:
    folders = {}
    for each in ("fp32", precision):
        # The search is not the subject here: the tiny validation set shows too little for a tight bound.
        context = make(backend=engine, precision=each, quantization={"maxDrop": 100})
        compile_stage.run(context)
        folders[each] = context.output / "compiled"
    folder = shutil.copytree(folders[precision], tmp_path / "swapped")
    shutil.copyfile(folders["fp32"] / graph, folder / graph)
    with pytest.raises(PermanentError, match=f"in fp32, {precision} was compiled") as refusal:
        backend(engine).load(folder)
    assert refusal.value.code is ExitCode.SOFTWARE
