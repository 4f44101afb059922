"""The command line as a person uses it: a process, its output and its exit code."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from filelock import FileLock

from ner_operator.cli.demo_corpus import conll, sentences

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
FAULTS = Path(__file__).resolve().parent / "faults"


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
    """Runs `nerd` with a cache of its own; a traceback on standard error fails the test.

    Attributes:
        environment: besides that of this process.
    """

    cache: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def given(self, **environment: str) -> "Nerd":
        """The same with more in its environment."""
        return replace(self, environment={**self.environment, **environment})

    def __call__(self, *arguments: str | Path, given: str | None = None, cwd: Path | None = None) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "ner_operator.cli.main", *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(self.cache),
                "COLUMNS": "160",
                **self.environment,
            },
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
    """`examples/quickstart.yaml`, run in full: once, also where pytest-xdist has several workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "quickstart"
    spec, made, said = EXAMPLES / "quickstart.yaml", folder / "store", folder / "said.json"
    mine = tmp_path_factory.mktemp("quickstart") / "store"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not said.exists():
            done = nerd("run", "-f", spec, "--storage", made, "-o", "json")
            said.write_text(json.dumps(asdict(done)), encoding="utf-8")
        run = Said(**json.loads(said.read_text(encoding="utf-8")))
        assert run.code == 0, run.err
        shutil.copytree(made, mine)
    return Deployed(nerd, spec, mine, run)


TINY = """
apiVersion: nerd.dev/v1alpha1
kind: NerDeployment
metadata: {name: tiny}
spec:
  model:
    config: {hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16}
    maxLength: 64
  data:
    format: conll
    train: {uri: train.txt}
    validation: {uri: validation.txt}
    test: {uri: test.txt}
    calibration: {size: 8}
  finetune: {epochs: 1, batchSize: 8, maxSteps: 4}
  variants: [{name: reference, runtime: cpu-onnxruntime, precision: fp32, reference: true}]
  benchmark: {instances: 2, processes: 2, seconds: 0.2, warmupSeconds: 0}
  storage: {uri: store}
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec of all stages, each of which takes a moment: what it trains knows nothing."""
    folder = tmp_path_factory.mktemp("tiny")
    drawn = sentences(Random(1))
    for split, count in {"train": 60, "validation": 20, "test": 20}.items():
        text = "\n".join(conll(sentence) for sentence in islice(drawn, count))
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    (folder / "tiny.yaml").write_text(TINY)
    return folder / "tiny.yaml"


@pytest.fixture(scope="session")
def tiny_run(nerd: Nerd, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """`tiny`, run in full."""
    storage = tmp_path_factory.mktemp("tiny-store") / "store"
    run = nerd("run", "-f", tiny, "--storage", storage, "-o", "json")
    assert run.code == 0, run.err
    return Deployed(nerd, tiny, storage, run)


@pytest.fixture(scope="session")
def faulty() -> Callable[[Deployed, str], Deployed]:
    """`faulty(deployed, "FAULT:STAGE")`: the same where a stage goes wrong; faults/ has what there is."""

    def lay(deployed: Deployed, fault: str) -> Deployed:
        path = os.pathsep.join(filter(None, [str(FAULTS), os.environ.get("PYTHONPATH", "")]))
        return replace(deployed, nerd=deployed.nerd.given(NERD_TEST_FAULT=fault, PYTHONPATH=path))

    return lay
