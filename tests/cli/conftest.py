"""The command line as a person uses it: a process, its output and its exit code."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Nerd:
    """Runs `nerd` with a cache of its own; a traceback on standard error fails the test."""

    cache: Path

    def __call__(self, *arguments: str | Path, given: str | None = None, cwd: Path | None = None) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "ner_operator.cli.main", *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "XDG_CACHE_HOME": str(self.cache), "COLUMNS": "160"},
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def nerd(tmp_path_factory: pytest.TempPathFactory) -> Nerd:
    return Nerd(tmp_path_factory.mktemp("cache"))


@dataclass(frozen=True)
class Deployed:
    """A spec that has been run, and the command line on it."""

    nerd: Nerd
    spec: Path
    storage: Path
    run: Said

    def __call__(self, command: str, *arguments: str | Path, given: str | None = None) -> Said:
        return self.nerd(command, "-f", self.spec, "--storage", self.storage, *arguments, given=given)

    def copy(self, folder: Path) -> "Deployed":
        """The same with a store of its own, for a test that changes it."""
        shutil.copytree(self.storage, folder / "store")
        return Deployed(self.nerd, self.spec, folder / "store", self.run)


@pytest.fixture(scope="session")
def quickstart(nerd: Nerd, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """`examples/quickstart.yaml`, run in full."""
    storage = tmp_path_factory.mktemp("quickstart") / "store"
    spec = EXAMPLES / "quickstart.yaml"
    run = nerd("run", "-f", spec, "--storage", storage, "-o", "json")
    assert run.code == 0, run.err
    return Deployed(nerd, spec, storage, run)
