"""The cost of padding in training: one epoch with the defaults, against fp32 padded to 256.

Both train the shared finetuned encoder for one more epoch on the first 320
training sentences at a low learning rate, with three seeds. They alternate, so
that both see the same state of the machine. The seconds of the training steps
are compared; F1 is measured on the first 600 validation sentences.
"""

from pathlib import Path
from statistics import mean

from benchmarks import harness

TRAIN, VALIDATION = 320, 600
SEEDS = (1, 2, 3)


def run(options: harness.Options) -> dict[str, object]:
    """Keys: ratio, f1_difference."""
    seeds = SEEDS[:1] if options.quick else SEEDS
    data = options.work / "data"
    data.mkdir(exist_ok=True)
    corpus = options.shared / "data" / "peoples_daily"
    _head(corpus / "example.train", data / "train.txt", TRAIN)
    _head(corpus / "example.dev", data / "validation.txt", VALIDATION)
    rows = []
    for seed in seeds:
        ours = _epoch(options, seed, {})
        padded = _epoch(options, seed, {"lengthGrouping": False, "precision": "fp32"})
        rows.append((seed, padded[0], ours[0], padded[0] / ours[0], padded[1], ours[1]))
    print(harness.versions("torch", "transformers"))
    harness.table(
        f"one epoch on {TRAIN} sentences, seconds of its steps; F1 on {VALIDATION} validation sentences",
        ("seed", "padded s", "ours s", "ratio", "padded F1", "ours F1"),
        rows,
    )
    return {
        "ratio": round(sum(row[1] for row in rows) / sum(row[2] for row in rows), 2),
        "f1_difference": round(100 * (mean(row[5] for row in rows) - mean(row[4] for row in rows)), 3),
    }


def _epoch(options: harness.Options, seed: int, changes: dict[str, object]) -> tuple[float, float]:
    """Seconds of the training steps and validation F1 of a new run."""
    base = options.shared / "models" / "e5-small-zh-peoples-daily"
    data = options.work / "data"
    spec = {
        "model": {"base": base.as_uri(), "maxLength": 256},
        "data": {
            "format": "conll",
            "train": {"uri": (data / "train.txt").as_uri()},
            "validation": {"uri": (data / "validation.txt").as_uri()},
            "test": {"uri": (data / "validation.txt").as_uri()},
        },
        "finetune": {
            "epochs": 1,
            "batchSize": 16,
            "learningRate": 2e-5,
            "headLearningRate": 2e-5,
            "seed": seed,
            **changes,
        },
        "variants": [{"name": "fp32", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}],
    }
    harness.run_spec(spec, options.work / "epoch.json", "--rerun", "finetune")
    metrics = harness.manifests(options.work / "store", "finetune")[-1]["metrics"]
    return float(metrics["stepSeconds"]), float(metrics["f1Validation"])


def _head(source: Path, target: Path, sentences: int) -> None:
    """The first sentences of a CoNLL file."""
    kept: list[str] = []
    with source.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            kept.append(line)
            sentences -= not line.strip(" \t\r\n")
            if not sentences:
                break
    target.write_text("".join(kept), encoding="utf-8")
