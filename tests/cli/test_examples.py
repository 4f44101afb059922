"""Each example runs as it stands; the real corpus with fewer sentences and steps.

`quickstart.yaml` has its own stories, in test_quickstart.py.
"""

import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_another_language(nerd: Any, tmp_path: Path) -> None:
    run = nerd("run", "-f", EXAMPLES / "another-language.yaml", "--storage", tmp_path, "-o", "json")
    assert run.code == 0, run.err
    assert run.json["inService"]["f1"] > 0.8
    evaluation = run.json["variants"][0]["evaluation"]
    assert {found["name"] for found in evaluation["types"]} == {"PERSON", "ORT", "GERÄT", "FEHLER"}
    said = nerd(
        "predict",
        "-f",
        EXAMPLES / "another-language.yaml",
        "--storage",
        tmp_path,
        "Käthe Noll meldet an Fräse B-207 ein Ölleck .",
    )
    assert "[Käthe Noll PERSON" in said.out


def test_its_data_is_what_its_generator_writes(tmp_path: Path) -> None:
    generator = runpy.run_path(str(EXAMPLES / "another-language-data" / "generate.py"))
    generator["main"](tmp_path)
    for split in generator["SPLITS"]:
        name = f"{split}.jsonl"
        assert (tmp_path / name).read_bytes() == (EXAMPLES / "another-language-data" / name).read_bytes()


def test_batch_inference(quickstart: Any, tmp_path: Path) -> None:
    """In the storage of the quickstart, as its first lines say: another deployment, the same model."""
    mine = replace(quickstart.copy(tmp_path), spec=EXAMPLES / "batch-inference.yaml")
    run = mine("run", "-o", "json")
    assert run.code == 0, run.err
    assert set(run.json["ran"]) == {"promote", "inference/letters", "inference/archive"}
    assert run.json["inService"]["variant"] == "reference"
    steps = {step["step"]: step for step in mine("plan", "-o", "json").json["steps"]}
    letters = next(
        mine.storage.glob(f"infer/{steps['inference/letters']['key']}/*/predictions/predictions.jsonl")
    )
    lines = [json.loads(line) for line in letters.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["letter-1", "letter-2", "letter-3", "letter-4"]
    archive = mine.storage / "infer" / steps["inference/archive"]["key"]
    assert any(archive.rglob("*.npz"))


@pytest.mark.shared
def test_peoples_daily_on_500_sentences(nerd: Any, shared: Path, tmp_path: Path) -> None:
    corpus = shared / "data" / "peoples_daily"
    for split, count in (("train", 500), ("dev", 120), ("test", 500)):
        sentences = (corpus / f"example.{split}").read_text(encoding="utf-8").split("\n\n")[:count]
        (tmp_path / split).write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    spec = tmp_path / "peoples-daily.yaml"
    shutil.copyfile(EXAMPLES / "peoples-daily.yaml", spec)
    run = nerd(
        "run",
        *("-f", spec, "-o", "json", "--storage", tmp_path / "store"),
        *("--set", f"model.base={shared / 'models' / 'e5-small-zh'}"),
        *("--set", f"data.train.uri={tmp_path / 'train'}"),
        *("--set", f"data.validation.uri={tmp_path / 'dev'}"),
        *("--set", f"data.test.uri={tmp_path / 'test'}"),
        *("--set", "data.calibration.size=16"),
        *("--set", "finetune.maxSteps=4"),
        # Four steps teach nothing: the machinery is what runs here, so any recipe will do.
        *("--set", "variants[int8].quantization.maxDrop=100"),
        *("--set", "variants[int8-onnxruntime].quantization.maxDrop=100"),
        *("--set", "evaluation.gates=[]"),
        *("--set", "benchmark.seconds=1", "--set", "benchmark.warmupSeconds=0"),
    )
    assert run.code == 0, run.err
    assert run.json["inService"] is not None
    names = {variant["name"] for variant in run.json["variants"]}
    assert names == {"reference", "int8", "int8-onnxruntime", "int8-naive"}
