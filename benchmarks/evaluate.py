"""evaluate: CPU seconds on the real test set, and peak memory on a million sentences.

The whole stage runs, as the runner calls it: it reads data and predictions,
counts, checks with seqeval, computes the bootstrap, and writes counts, lists
and the page. `cpu_s` excludes the imports. Predictions are gold with seeded
errors, so that no model is needed.
"""

import json
import random
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import Options, run_child, table, versions

MILLION = 1_000_000
QUICK = 20_000
ERRORS = {"reference": 0.10, "predictions": 0.11}
"""Share of entities that each of the two variants predicts wrongly."""


def run(options: Options) -> dict[str, object]:
    """Measure both sizes, each in its own process."""
    corpus = options.shared / "data" / "peoples_daily" / "example.test"
    real = options.work / "test-set"
    written = _write_set(real, corpus, copies=1, limit=None)
    small = _child(real)
    large_size = QUICK if options.quick else MILLION
    large = options.work / f"sentences-{large_size}"
    _write_set(large, corpus, copies=-(-large_size // written), limit=large_size)
    big = _child(large)
    table(
        "evaluate, against a reference variant, 2,000 resamples",
        ("sentences", "CPU s beyond imports", "CPU s of imports", "wall s", "peak MiB"),
        [
            (
                f"{int(figures['sentences']):,}",
                *[figures[name] for name in ("cpu_s", "import_s", "wall_s", "peak_mib")],
            )
            for figures in (small, big)
        ],
    )
    print(versions("numpy", "seqeval", "jinja2", "pydantic"))
    return {
        "cpu_s": round(small["cpu_s"], 3),
        "million_peak_mib": round(big["peak_mib"], 1),
        "sentences": int(small["sentences"]),
        "million_sentences": int(big["sentences"]),
        "million_cpu_s": round(big["cpu_s"], 1),
    }


def _child(folder: Path) -> dict[str, float]:
    finished = run_child([sys.executable, "-m", "benchmarks.evaluate", str(folder)])
    figures: dict[str, float] = json.loads(finished.output.splitlines()[-1])
    return figures


def _write_set(folder: Path, corpus: Path, copies: int, limit: int | None) -> int:
    """Write data, labels and the predictions of two variants; the corpus is repeated if it is too short.

    Returns:
        The number of sentences.
    """
    from ner_jobs.corpus.labels import labels_of_types
    from ner_jobs.corpus.sentence import Sentence
    from ner_jobs.corpus.snapshot import write_sentences

    read = list(_read(corpus))
    source = random.Random(42)
    outputs = {}
    for name in ERRORS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        outputs[name] = (folder / name / "predictions.jsonl").open("w", encoding="utf-8", newline="\n")
    count = 0

    def sentences() -> Iterator[Sentence]:
        nonlocal count
        for _ in range(copies):
            for tokens, tags in read:
                if limit is not None and count == limit:
                    return
                count += 1
                sentence = Sentence(f"test:{count}", tokens, tags)
                for name, rate in ERRORS.items():
                    outputs[name].write(_predicted(sentence.id, tags, rate, source))
                yield sentence

    write_sentences(folder / "data", sentences())
    for file in outputs.values():
        file.close()
    (folder / "labels").mkdir(exist_ok=True)
    labels = labels_of_types(["LOC", "ORG", "PER"])
    (folder / "labels" / "labels.json").write_text(json.dumps({"labels": labels}))
    return count


def _read(corpus: Path) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    rows: list[list[str]] = []
    for line in [*corpus.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip():
            rows.append(line.split())
        elif rows:
            yield tuple(row[0] for row in rows), tuple(row[-1] for row in rows)
            rows = []


def _predicted(name: str, tags: Sequence[str], rate: float, source: random.Random) -> str:
    """One line of a predictions file: gold, with some entities missing, of another type, or cut."""
    from ner_jobs.scoring.spans import spans_of

    own = list(tags)
    for entity in spans_of(tags):
        chance = source.random() / rate
        if chance < 0.4:
            own[entity.start : entity.end] = ["O"] * (entity.end - entity.start)
        elif chance < 0.7:
            kind = source.choice(["LOC", "ORG", "PER"])
            own[entity.start] = f"B-{kind}"
            own[entity.start + 1 : entity.end] = [f"I-{kind}"] * (entity.end - entity.start - 1)
        elif chance < 1 and entity.end - entity.start > 1:
            own[entity.end - 1] = "O"
    entities = [
        {"start": entity.start, "end": entity.end, "type": entity.type, "score": 0.9}
        for entity in spans_of(own)
    ]
    return json.dumps({"id": name, "tags": own, "entities": entities}) + "\n"


def measure(folder: Path) -> dict[str, float]:
    """Run the stage once in this process and measure it."""
    from ner_jobs.stages import evaluate
    from ner_jobs.stages.base import StageContext
    from ner_jobs.store.directory import DirectoryStore
    from ner_jobs.task import InputReference, Manifest, Owner, Stage, StorageSettings, Task

    output = folder / "output"
    output.mkdir(exist_ok=True)
    store = DirectoryStore(folder / "store")
    data = InputReference(stage="prepare", key="1" * 64, output="test", digest="d" * 64)
    empty = {"files": (), "outputs": {}, "parameters": {}, "inputs": {}, "started": 0.0, "finished": 0.0}
    context = StageContext(
        task=Task(
            stage=Stage.EVALUATE,
            key="e" * 64,
            attempt="bench",
            variant="int8",
            parameters={},
            inputs={"data": data},
            storage=StorageSettings(uri=store.uri),
            owner=Owner(namespace="bench", name="evaluate"),
        ),
        inputs={name: folder / name for name in ("data", "labels", "predictions", "reference")},
        manifests={
            "reference": Manifest(stage="infer", key="2" * 64, attempt="bench", variant="fp32", **empty)
        },
        output=output,
        scratch=folder,
        store=store,
        log=print,
        progress=lambda done, total, what: None,
        stopping=threading.Event(),
        fetch=lambda reference: folder,
    )
    import_s = time.process_time()
    began = time.perf_counter()
    result = evaluate.run(context)
    return {
        "sentences": float(result.metrics["sentences"]),
        "cpu_s": time.process_time() - import_s,
        "import_s": import_s,
        "wall_s": time.perf_counter() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
