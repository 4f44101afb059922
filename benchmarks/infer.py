"""The infer stage whole, against the reference path and transformers.pipeline, by the wall clock.

Each competitor is a process that is started, loads its model, reads, runs and
writes all test sentences. Two threads in one process is what a user gets by
default; two single-threaded processes are shown too, since that is better for
everyone. Ours is the stage as a pod runs it: `python -m ner_jobs`, from a
store and into one, verification included. int8 is searched for in both
backends that have it; the one that was faster on validation is measured,
since which one that is depends on the processor.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import REPOSITORY, Options, corpus, run_child, table, versions
from ner_jobs.corpus.snapshot import count_sentences
from ner_jobs.store import artifacts
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import InputReference, Manifest, Owner, Stage, StorageSettings, Task, canonical_digest

MODEL = "models/e5-small-zh-peoples-daily"
DATA = "data/peoples_daily"
BACKENDS = ("openvino", "onnxruntime")
"""Those that have int8."""

THREADS = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Sentences a second by the wall clock."""

    what: str
    two_threads: float | None
    two_processes: float


class Stages:
    """Runs stages one after another into a folder store, as pods would; what is there is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = DirectoryStore(folder)

    def run(
        self,
        stage: Stage,
        parameters: Mapping[str, Any],
        inputs: Mapping[str, InputReference],
        token: str = "",
        threads: int = THREADS,
    ) -> tuple[Manifest, float]:
        """Run a task; returns its manifest and the wall-clock seconds of its process."""
        described = {name: reference.model_dump() for name, reference in inputs.items()}
        key = canonical_digest([stage, dict(parameters), described, token])
        task = Task(
            stage=stage,
            key=key,
            attempt=f"bench-{time.time_ns()}",
            parameters=dict(parameters),
            inputs=dict(inputs),
            storage=StorageSettings(uri=self.folder.as_uri()),
            owner=Owner(namespace="benchmarks", name="infer"),
            threads=threads,
        )
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(task.model_dump_json(by_alias=True))
            file.flush()
            finished = run_child([sys.executable, "-m", "ner_jobs", "--task", file.name], _environment())
        found = artifacts.read_manifest(self.store, stage, key)
        assert found is not None, "the stage ended well, so it left its manifest"
        return found[0], finished.wall_s

    def output(self, manifest: Manifest, name: str) -> InputReference:
        """How another stage names an output."""
        return InputReference(
            stage=manifest.stage, key=manifest.key, output=name, digest=manifest.outputs[name]
        )

    def path(self, manifest: Manifest, name: str) -> Path:
        """Where an output lies."""
        return self.folder / manifest.stage / manifest.key / manifest.attempt / name


def run(options: Options) -> dict[str, object]:
    """Compile int8, then measure everyone on the same sentences."""
    stages = Stages(_folder(options.work / "store"))
    prepared, exported = _exported(stages, options)
    with ThreadPoolExecutor(len(BACKENDS)) as side_by_side:
        compiling = {
            name: side_by_side.submit(_compiled, stages, options, name, prepared, exported)
            for name in BACKENDS
        }
    searched = {name: future.result() for name, future in compiling.items()}
    backend = max(searched, key=lambda name: _speed(searched[name]))
    compiled = searched[backend]
    data = stages.path(prepared, "test")
    count = count_sentences(data)
    exported_model = stages.path(exported, "model")
    ours, written = _ours(stages, prepared, compiled)
    if written != count:
        raise SystemExit(f"{written} predictions for {count} sentences")
    results = [
        Measured(
            "reference path: TorchScript fp32, batch 1, padded to 256 (two processes: a quarter of them)",
            *_baseline("reference", exported_model, data, count, options.work, part=4),
        ),
        Measured(
            'transformers.pipeline("token-classification"), batch 1',
            *_baseline("pipeline", options.shared / MODEL, data, count, options.work),
        ),
        Measured(f"infer stage, int8 ({backend}, {compiled.metrics['recipe']})", None, ours),
    ]
    print(versions("torch", "transformers", "tokenizers", "onnxruntime", "openvino", "numpy"))
    table(
        "int8 by the search, the model alone on the validation sentences",
        ("backend", "recipe", "F1 on validation", "sentences/s"),
        [
            (name, found.metrics["recipe"], _taken(found)["f1"], _speed(found))
            for name, found in searched.items()
        ],
    )
    table(
        f"infer: {count} sentences of {DATA}, {options.shared / MODEL}, whole processes by the wall clock",
        ("", "two threads, sentences/s", "two processes, sentences/s"),
        [(one.what, one.two_threads if one.two_threads else "-", one.two_processes) for one in results],
    )
    by_reference, by_pipeline = results[0], results[1]
    assert by_reference.two_threads is not None
    assert by_pipeline.two_threads is not None
    return {
        "reference_per_s": round(by_reference.two_threads, 3),
        "pipeline_per_s": round(by_pipeline.two_threads, 3),
        "ours_per_s": round(ours, 3),
        "ratio_reference": round(ours / by_reference.two_threads, 2),
        "ratio_pipeline": round(ours / by_pipeline.two_threads, 2),
        "ratio_reference_two_processes": round(ours / by_reference.two_processes, 2),
        "ratio_pipeline_two_processes": round(ours / by_pipeline.two_processes, 2),
        "sentences": count,
        "backend": backend,
        "recipe": compiled.metrics["recipe"],
    }


def _exported(stages: Stages, options: Options) -> tuple[Manifest, Manifest]:
    """What prepare and export leave; kept between runs."""
    sets = _sets(options)
    base = options.shared / MODEL
    prepared, _ = stages.run(
        Stage.PREPARE,
        {
            "base": base.as_uri(),
            "baseContent": _digest(sorted(base.iterdir())),
            "train": sets["train"],
            "validation": sets["dev"],
            "test": sets["test"],
            "finetuned": False,
            "calibrationSize": 60 if options.quick else 300,
        },
        {},
    )
    outputs = {name: stages.output(prepared, name) for name in prepared.outputs}
    exported, _ = stages.run(
        Stage.EXPORT,
        {},
        {"model": outputs["base"], "labels": outputs["labels"], "calibration": outputs["calibration"]},
    )
    return prepared, exported


def _compiled(
    stages: Stages, options: Options, backend: str, prepared: Manifest, exported: Manifest
) -> Manifest:
    """The search for int8, which takes minutes, and is kept between runs."""
    # A tenth of validation cannot show non-inferiority within half a point; then take the first recipe.
    quantization = {"maxDrop": 100} if options.quick else {}
    compiled, _ = stages.run(
        Stage.COMPILE,
        {"backend": backend, "precision": "int8", "quantization": quantization},
        {
            "exported": stages.output(exported, "model"),
            "calibration": stages.output(prepared, "calibration"),
            "validation": stages.output(prepared, "validation"),
        },
        threads=1,
    )
    return compiled


def _taken(compiled: Manifest) -> Mapping[str, Any]:
    """The row of the recipe that was compiled."""
    rows: list[Mapping[str, Any]] = compiled.metrics["recipes"]
    return rows[-1]


def _speed(compiled: Manifest) -> float:
    return float(_taken(compiled)["sentencesPerSecond"])


def _ours(stages: Stages, prepared: Manifest, compiled: Manifest) -> tuple[float, int]:
    """Sentences a second of the infer stage's process, and how many predictions it wrote."""
    manifest, seconds = stages.run(
        Stage.INFER,
        {"batchSize": 16, "instances": THREADS},
        {"compiled": stages.output(compiled, "compiled"), "data": stages.output(prepared, "test")},
        token=str(time.time_ns()),
    )
    predictions = stages.path(manifest, "predictions") / "predictions.jsonl"
    with predictions.open("rb") as lines:
        count = sum(1 for _ in lines)
    return count / seconds, count


def _baseline(
    way: str, model: Path, data: Path, count: int, work: Path, part: int = 1
) -> tuple[float, float]:
    """Sentences a second: one process with two threads, and two processes with one thread each.

    Args:
        part: the two processes take each PARTth sentence only; for what takes as long for each of them.
    """
    output = _folder(work / way, empty=True)
    one = _command(way, model, data, output, THREADS, "0/1")
    together = run_child(one, _environment(THREADS)).wall_s
    output = _folder(work / way, empty=True)
    began = time.perf_counter()
    commands = [_command(way, model, data, output, 1, f"{at}/{THREADS * part}") for at in range(THREADS)]
    running = [
        subprocess.Popen(command, cwd=REPOSITORY, env=_environment(1), stdout=subprocess.DEVNULL)
        for command in commands
    ]
    for process in running:
        if process.wait():
            raise SystemExit(f"{way} ended with {process.returncode}")
    return count / together, count / part / (time.perf_counter() - began)


def _command(way: str, model: Path, data: Path, output: Path, threads: int, shard: str) -> list[str]:
    program = [sys.executable, "-m", "benchmarks.infer_baselines", way, str(model), str(data), str(output)]
    return [*program, "--threads", str(threads), "--shard", shard]


def _environment(threads: int | None = None) -> dict[str, str]:
    """The sources on the path, and thread variables where a program is told how many."""
    path = os.pathsep.join(str(REPOSITORY / part) for part in ("jobs", "operator", "."))
    threaded = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {**os.environ, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false", **threaded}


def _sets(options: Options) -> dict[str, dict[str, str]]:
    """The corpus' files, described as a task does."""
    folder = corpus(options)
    paths = {name: folder / f"example.{name}" for name in ("train", "dev", "test")}
    return {
        name: {"uri": path.as_uri(), "format": "conll", "content": _digest([path])}
        for name, path in paths.items()
    }


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _folder(path: Path, empty: bool = False) -> Path:
    if empty:
        shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, exist_ok=True)
    return path
