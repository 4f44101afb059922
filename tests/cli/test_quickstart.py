"""What a newcomer does, on `examples/quickstart.yaml`: run, look, predict, go back."""

import getpass
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ner_jobs.task import ExitCode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_it_ends_with_a_promoted_int8_model(quickstart: Any) -> None:
    result = quickstart.run.json
    assert result["failures"] == []
    assert result["inService"]["variant"] == "int8"
    assert result["verdict"]["outcome"] == "Promoted"
    assert [variant["compiled"] for variant in result["variants"]] == ["fp32", "int8", "int8"]
    assert "<html" in Path(result["report"]).read_text(encoding="utf-8")


def test_the_second_run_finds_everything(quickstart: Any) -> None:
    again = quickstart("run")
    assert again.code == 0
    assert "  run  " not in again.err
    assert "int8 passed every gate" in again.out
    plan = quickstart("plan", "-o", "json").json
    assert {step["state"] for step in plan["steps"]} == {"cached"}
    assert plan["revision"] == quickstart.run.json["revision"]


def test_a_plan_says_what_a_change_would_run(quickstart: Any) -> None:
    plan = quickstart("plan", "--set", "finetune.epochs=5", "-o", "json").json
    states = {step["step"]: (step["state"], step["why"]) for step in plan["steps"]}
    assert states["prepare"] == ("cached", [])
    assert states["finetune"] == ("run", ["epochs: 4 -> 5"])
    assert states["export"] == ("known after", ["finetune"])
    shown = quickstart("plan", "--set", "finetune.epochs=5").out
    assert "epochs: 4 -> 5" in shown


def test_a_plan_says_which_gate_changed(quickstart: Any) -> None:
    plan = quickstart("plan", "--set", "evaluation.gates[0].min=0.95", "-o", "json").json
    running = {step["step"]: step["why"] for step in plan["steps"] if step["state"] != "cached"}
    assert running == {"promote": ["gates changed: f1 min 0.9 -> 0.95"]}


def test_predict_shows_the_entities_in_the_sentence(quickstart: Any) -> None:
    shown = quickstart("predict", "记者李娜从金山镇报道：当地连日降雨，道路已经恢复通行。")
    assert shown.code == 0, shown.err
    assert "[李娜 PER" in shown.out
    assert "[金山镇 LOC" in shown.out


def test_predict_reads_lines_and_writes_json(quickstart: Any, tmp_path: Path) -> None:
    texts = ["记者李娜从金山镇报道：当地连日降雨，道路已经恢复通行。", "", "天气转凉😀，市民纷纷添置冬衣。"]
    piped = quickstart("predict", "-o", "json", given="\n".join(texts) + "\n")
    lines = [json.loads(line) for line in piped.out.splitlines()]
    assert [line["text"] for line in lines] == texts
    for entity in lines[0]["entities"]:
        assert lines[0]["text"][entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["score"] <= 1
    file = tmp_path / "texts.jsonl"
    file.write_text(
        "".join(json.dumps({"id": f"n{at}", "text": text}) + "\n" for at, text in enumerate(texts))
    )
    read = quickstart("predict", "--file", file, "-o", "json", "--variant", "reference")
    assert [json.loads(line)["id"] for line in read.out.splitlines()] == ["n0", "n1", "n2"]


def test_report_compares_the_variants(quickstart: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = quickstart("report", "--html", page)
    assert shown.code == 0
    assert all(name in shown.out for name in ("reference", "int8", "int8-onnxruntime", str(page)))
    assert "int8-onnxruntime" in page.read_text(encoding="utf-8")


def test_logs_of_a_stage(quickstart: Any) -> None:
    assert "tag scheme" in quickstart("logs", "prepare").out
    assert {entry["step"] for entry in quickstart("logs", "compile", "-o", "json").json} == {
        "compile/reference",
        "compile/int8",
        "compile/int8-onnxruntime",
    }
    assert quickstart("logs", "compil").code == ExitCode.USAGE


def test_verify_names_the_corrupt_file_and_a_rerun_mends_it(quickstart: Any, tmp_path: Path) -> None:
    mine = quickstart.copy(tmp_path)
    assert mine("verify").code == 0
    victim = next(mine.storage.glob("evaluate/*/*/counts/counts.npz"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.chmod(0o644)
    victim.write_bytes(data)
    found = mine("verify")
    assert found.code == ExitCode.DATA
    assert str(victim.relative_to(mine.storage)) in found.out
    step = next(entry["step"] for entry in mine("verify", "-o", "json").json if entry["damage"])
    assert mine("run", "--rerun", step, "--set", "benchmark=null").code == 0
    assert mine("verify", "--set", "benchmark=null").code == 0


def test_promote_rollback_and_history(quickstart: Any, tmp_path: Path) -> None:
    mine = quickstart.copy(tmp_path)
    assert mine("rollback").code == ExitCode.USAGE
    again = mine("promote")
    assert again.code == ExitCode.USAGE
    assert "in service already" in again.err
    assert mine("promote", "--variant", "reference").code == 0
    assert "put into service by hand" in mine("run").out
    back = mine("rollback", "--reason", "too slow", "-o", "json")
    assert back.json["variant"] == "int8"
    positions = mine("history", "-o", "json").json["positions"]
    assert [(each["variant"], each["action"]) for each in positions] == [
        ("int8", "Rollback"),
        ("reference", "Manual"),
        ("int8", "Promote"),
    ]
    assert [each["generation"] for each in positions] == [3, 2, 1]
    assert "too slow" in mine("history").out
    assert [each["by"] for each in positions] == [getpass.getuser()] * 2 + ["promote"]
    wrong = mine("rollback", "--to", "abcdef")
    assert wrong.code == ExitCode.USAGE
    assert "no revision abcdef" in wrong.err


def test_a_model_that_is_not_whole_is_not_put_back(quickstart: Any, tmp_path: Path) -> None:
    mine = quickstart.copy(tmp_path)
    assert mine("promote", "--variant", "reference").code == 0
    former = mine("history", "-o", "json").json["positions"][1]
    shutil.rmtree(next((mine.storage / "compile" / former["compileKey"]).glob("*/")))
    refused = mine("rollback")
    assert refused.code == ExitCode.NO_INPUT
    assert "is not whole any more" in refused.err
    assert mine("history", "-o", "json").json["positions"][0]["variant"] == "reference"


def test_gates_that_change_only_judge_again(quickstart: Any, tmp_path: Path) -> None:
    mine = quickstart.copy(tmp_path)
    strict = ("--set", "evaluation.gates[0].min=1")
    unjudged = mine("promote", *strict, "--variant", "reference", "--force", "a demonstration")
    assert unjudged.code == ExitCode.USAGE
    assert "nerd run" in unjudged.err
    refused = mine("run", *strict, "-o", "json", "--require-promoted")
    assert refused.json["ran"] == ["promote"]
    assert refused.json["verdict"]["outcome"] == "Refused"
    assert refused.json["inService"]["variant"] == "int8"
    assert mine("run", *strict).code == 0
    assert mine("promote", *strict, "--variant", "reference").code == ExitCode.SOFTWARE
    forced = mine("promote", *strict, "--variant", "reference", "--force", "a demonstration", "-o", "json")
    assert "a demonstration" in forced.json["message"]


def test_a_split_is_written_as_the_reference_workflow_reads_it(quickstart: Any, tmp_path: Path) -> None:
    target = tmp_path / "set"
    written = quickstart("npz", target, "--inputs", "6", "-o", "json")
    assert written.code == 0, written.err
    files = written.json["files"]
    assert len((target / "npz_datalist.txt").read_text().splitlines()) == files
    with np.load(target / "test_0.npz") as arrays:
        assert [array.shape for array in arrays.values()] == [(1, 128)] * 6
    assert (target / "labels.txt").read_text().splitlines() == written.json["labels"]
    again = quickstart("npz", target)
    assert again.code == ExitCode.CANNOT_CREATE
    assert "is not empty" in again.err
