"""The command line without any model: help, mistakes, and the words they end with."""

import re
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode
from ner_operator.cli.main import COMMANDS

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
QUICKSTART = EXAMPLES / "quickstart.yaml"


def test_help_lists_every_command(nerd: Any) -> None:
    shown = nerd("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(nerd: Any, command: str) -> None:
    shown = nerd(command, "--help")
    assert shown.code == 0
    assert f"nerd {command}" in shown.out


def test_help_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.argv = ['nerd', '--help']\n"
        "from ner_operator.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "known = 'torch boto3 numpy transformers openvino kubernetes kopf pydantic'\n"
        "heavy = set(known.split()) & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["frobnicate"], ExitCode.USAGE, "no such command", id="no such command"),
        pytest.param(["run", "--frob"], ExitCode.USAGE, "no such option", id="no such option"),
        pytest.param(["run"], ExitCode.USAGE, "-f", id="no spec"),
        pytest.param(["run", "-f", "absent.yaml"], ExitCode.NO_INPUT, "nerd init", id="no such file"),
        pytest.param(["plan", "-f", QUICKSTART, "-o", "xml"], ExitCode.USAGE, "xml", id="no such format"),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--set", "finetune.epochs=many"],
            ExitCode.DATA,
            "spec.finetune.epochs",
            id="a wrong override is named by its path",
        ),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--set", "variants[int8].runtime=va16"],
            ExitCode.DATA,
            "va16",
            id="a runtime that is not there",
        ),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--rerun", "tune"], ExitCode.USAGE, "finetune", id="no such stage"
        ),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--name", "x"], ExitCode.USAGE, "quickstart", id="no such name"
        ),
    ],
)
def test_a_mistake_is_one_sentence(
    nerd: Any, tmp_path: Path, arguments: list[Any], code: int, words: str
) -> None:
    said = nerd(*arguments, *(["--storage", tmp_path] if QUICKSTART in arguments else []))
    assert said.code == code
    assert words in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", ["predict", "rollback", "report", "logs", "promote"])
def test_before_the_first_run_there_is_nothing(nerd: Any, tmp_path: Path, command: str) -> None:
    said = nerd(command, "-f", QUICKSTART, "--storage", tmp_path, given="")
    assert said.code in (ExitCode.USAGE, ExitCode.NO_INPUT)
    assert re.search(r"nerd run|nothing was ever promoted|nerd plan", said.err)


def test_a_plan_of_a_new_spec_writes_nothing(nerd: Any, tmp_path: Path) -> None:
    planned = nerd("plan", "-f", QUICKSTART, "--storage", tmp_path / "store", "-o", "json").json
    states = {step["step"]: step["state"] for step in planned["steps"]}
    assert states["prepare"] == "run"
    assert states["promote"] == "known after"
    assert not (tmp_path / "store").exists()


def test_a_spec_from_standard_input_is_relative_to_the_working_directory(nerd: Any, tmp_path: Path) -> None:
    said = nerd("plan", "-f", "-", "--storage", tmp_path, given=QUICKSTART.read_text(), cwd=EXAMPLES)
    assert said.code == 0, said.err


def test_the_example_is_what_the_demo_writes(nerd: Any, tmp_path: Path) -> None:
    assert nerd("demo", tmp_path, "--only-write").code == 0
    names = [
        "quickstart.yaml",
        *(f"quickstart-data/{split}.txt" for split in ("train", "validation", "test")),
    ]
    for name in names:
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes(), name


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_valid(nerd: Any, example: Path) -> None:
    assert nerd("validate", "-f", example).code == 0
