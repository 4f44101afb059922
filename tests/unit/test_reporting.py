"""Lines and progress of a stage, and a termination message that fits where Kubernetes puts it."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_jobs.reporting import TERMINATION_BYTES, Reporter, termination_bytes, write_termination_message


@settings(max_examples=60, deadline=None)
@given(message=st.text(max_size=6000), key=st.text(alphabet="abcdef", min_size=64, max_size=64))
def test_a_termination_message_fits_and_stays_json(message: str, key: str) -> None:
    body = {"key": key, "code": 65, "message": message}
    data = termination_bytes(body)
    assert len(data) <= TERMINATION_BYTES
    said = json.loads(data)
    assert said["key"] == key
    assert said["code"] == 65
    assert message.startswith(said["message"].removesuffix("…")) or said["message"] == message


@pytest.mark.parametrize("message", ["x" * 100_000, "京" * 100_000, "\n" * 100_000, "😀" * 100_000])
def test_a_long_message_is_cut_by_little_more_than_needed(message: str) -> None:
    data = termination_bytes({"key": "k" * 64, "message": message})
    assert TERMINATION_BYTES - 3000 < len(data) <= TERMINATION_BYTES


def test_the_headline_goes_first_and_digests_stay() -> None:
    headline = {f"f1.{number}": 0.5 for number in range(1000)}
    outputs = dict.fromkeys(("base", "labels", "train", "validation", "test", "calibration"), "d" * 64)
    said = json.loads(termination_bytes({"key": "k", "outputs": outputs, "headline": headline}))
    assert said == {"key": "k", "outputs": outputs}


def test_the_termination_message_goes_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NERD_TERMINATION_LOG", str(tmp_path / "termination"))
    write_termination_message({"message": "为什么"})
    assert json.loads((tmp_path / "termination").read_text(encoding="utf-8")) == {"message": "为什么"}
    monkeypatch.setenv("NERD_TERMINATION_LOG", str(tmp_path / "no folder" / "termination"))
    write_termination_message({"message": "nowhere to go, and no error"})


def test_lines_for_a_program_are_json_a_line(tmp_path: Path) -> None:
    out = io.StringIO()
    reporter = Reporter(tmp_path / "log", "json", out)
    reporter.line("one\ntwo")
    reporter.progress(3, 3, "steps")
    reporter.traceback("Traceback")
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"log": "one\ntwo"},
        {"progress": {"done": 3, "total": 3, "what": "steps"}},
    ]
    log = (tmp_path / "log").read_text()
    assert "one\ntwo" in log
    assert "Traceback" in log


def test_lines_for_a_person_are_plain(tmp_path: Path) -> None:
    out = io.StringIO()
    reporter = Reporter(tmp_path / "log", "plain", out)
    reporter.line("one")
    reporter.progress(1200, 1200, "steps")
    assert out.getvalue() == "one\n1,200 of 1,200 steps\n"


def test_progress_of_unknown_length_is_printed_now_and_then(tmp_path: Path) -> None:
    out = io.StringIO()
    reporter = Reporter(tmp_path / "log", "plain", out)
    for done in range(1200, 1210):
        reporter.progress(done, 0, "sentences")
    assert out.getvalue() == "1,200 sentences\n"


def test_a_reader_that_has_gone_changes_nothing(tmp_path: Path) -> None:
    out = io.StringIO()
    out.close()
    Reporter(tmp_path / "log", "plain", out).line("one")
    assert "one" in (tmp_path / "log").read_text()
