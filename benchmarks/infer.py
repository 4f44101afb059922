"""The whole infer stage against the reference path and transformers.pipeline, by wall-clock time.

Each competitor is a process that loads its model, then reads, runs and writes
all test sentences. One process with two threads is the default of a user; two
processes with one thread each are faster, so both are shown. Ours is the stage
as a pod runs it: `python -m ner_jobs`, from a store and into a store, with
verification. Both backends with int8 search for a recipe, and the one that was
faster on validation is measured, as that depends on the processor.
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
"""The backends that support int8."""

THREADS = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Sentences a second by the wall clock."""

    what: str
    two_threads: float | None
    two_processes: float


class Stages:
    """Runs stages as pods do, with a folder as store; existing results are kept."""

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
        """The reference of an output, for another stage."""
        return InputReference(
            stage=manifest.stage, key=manifest.key, output=name, digest=manifest.outputs[name]
        )

    def path(self, manifest: Manifest, name: str) -> Path:
        """The path of an output."""
        return self.folder / manifest.stage / manifest.key / manifest.attempt / name


def run(options: Options) -> dict[str, object]:
    """Compile int8, then measure all competitors on the same sentences."""
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
    """The results of prepare and export; kept between runs."""
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
    """The result of the search for int8; it takes minutes and is kept between runs."""
    # With --quick validation is too small to show a drop below half a point: take the first recipe.
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
    """Sentences a second of the infer stage, and the number of predictions that it wrote."""
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
        part: the two processes together run one PARTth of the sentences, to save time.
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
    """The environment with the sources on PYTHONPATH, and with thread variables if a number is given."""
    path = os.pathsep.join(str(REPOSITORY / part) for part in ("jobs", "operator", "."))
    threaded = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {**os.environ, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false", **threaded}


def _sets(options: Options) -> dict[str, dict[str, str]]:
    """The data sets of the corpus, as parameters of prepare."""
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
