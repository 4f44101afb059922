"""Shared by the benchmarks: options, tables, versions, and child processes with their CPU time."""

import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Options:
    """Options of every benchmark.

    Attributes:
        shared: folder with the corpus and the models.
        work: folder for the benchmark's files; kept between runs.
        quick: a small size, to check that it works; the results have no meaning.
    """

    shared: Path
    work: Path
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A child process that has ended: its wall-clock and CPU seconds (with its children), and its output."""

    wall_s: float
    cpu_s: float
    output: str


def run_child(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path = REPOSITORY
) -> Finished:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; its output is shown.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Finished(wall, cpu, done.stdout)


def nerd(*arguments: str) -> list[str]:
    """The command line that runs `nerd` in this environment."""
    return [sys.executable, "-m", "ner_operator.cli.main", *arguments]


def versions(*packages: str) -> str:
    """Versions of Python and of these packages, and the processor, in one line."""
    named = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *named, processor()])


def processor() -> str:
    """Name of the processor, and the number of processors that this process may use."""
    name = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = " ".join(line.partition(":")[2].split())
            break
    return f"{name}, {len(os.sched_getaffinity(0))} processors"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table for people."""
    shown = Table(title=title, title_justify="left")
    for at, column in enumerate(columns):
        shown.add_column(column, justify="left" if at == 0 else "right")
    for row in rows:
        shown.add_row(*[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row])
    Console(width=120).print(shown)


def run_spec(spec: Mapping[str, object], file: Path, *arguments: str) -> dict[str, Any]:
    """Write a NerDeployment, run it with `nerd run`, and return its JSON output.

    Args:
        spec: the `spec` of the NerDeployment; URIs in it are absolute.
        file: to write; the store is in its folder.
        arguments: more arguments of `nerd run`.

    Raises:
        SystemExit: a stage failed.
    """
    document = {
        "apiVersion": "nerd.dev/v1alpha1",
        "kind": "NerDeployment",
        "metadata": {"name": file.stem},
        "spec": {**spec, "storage": {"uri": (file.parent / "store").as_uri()}},
    }
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1))
    return run_file(file, *arguments)


def run_file(file: Path, *arguments: str) -> dict[str, Any]:
    """Run `nerd run` on a file; progress goes to standard error.

    Raises:
        SystemExit: a stage failed.
    """
    done = subprocess.run(
        nerd("run", "-f", str(file), "-o", "json", *arguments), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"nerd run -f {file} ended with {done.returncode}")
    return dict(json.loads(done.stdout))


def by_name(result: Mapping[str, Any]) -> dict[str, Any]:
    """The variants of a run's report, by name."""
    return {variant["name"]: variant for variant in result["variants"]}


def manifests(store: Path, stage: str) -> list[dict[str, Any]]:
    """All manifests of a stage in a folder store, oldest first."""
    found = [json.loads(path.read_text()) for path in store.glob(f"{stage}/*/manifest.json")]
    return sorted(found, key=lambda manifest: manifest["finished"])


QUICK_SENTENCES = 120
"""Sentences of each split with --quick."""


def peoples_daily(options: Options) -> dict[str, object]:
    """`spec.data` for the People's Daily corpus; with --quick for the beginning of each split."""
    folder = corpus(options)
    return {
        "format": "conll",
        "train": {"uri": (folder / "example.train").as_uri()},
        "validation": {"uri": (folder / "example.dev").as_uri()},
        "test": {"uri": (folder / "example.test").as_uri()},
        "calibration": {"size": 60 if options.quick else 300},
    }


def corpus(options: Options) -> Path:
    """The folder of the corpus; with --quick a copy with the beginning of each split."""
    source = options.shared / "data" / "peoples_daily"
    if not options.quick:
        return source
    target = options.work / "data"
    target.mkdir(exist_ok=True)
    for name in ("example.train", "example.dev", "example.test"):
        sentences = (source / name).read_text(encoding="utf-8").split("\n\n")[:QUICK_SENTENCES]
        (target / name).write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return target
