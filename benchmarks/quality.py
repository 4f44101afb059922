"""The quality of a trained model: examples/peoples-daily.yaml in full, on the real corpus.

Validation alone selects the model; F1 is on all 4,636 test sentences, in fp32.
The same weights are also decoded by argmax, as in the reference scripts. A
stopped run resumes from its checkpoint; the minutes of all attempts are summed.
"""

from pathlib import Path

from benchmarks import harness

EXAMPLE = harness.REPOSITORY / "examples" / "peoples-daily.yaml"


def run(options: harness.Options) -> dict[str, object]:
    """Keys: f1_fp32, f1_argmax, f1_validation, minutes, epochs, seed."""
    store = options.work / "store"
    result = harness.run_file(EXAMPLE, "--storage", store.as_uri())
    reference = next(variant for variant in result["variants"] if variant["reference"])
    trained = harness.manifests(store, "finetune")[-1]
    argmax = _decoded_by_argmax(options, _folder(store, trained))
    print(harness.versions("torch", "transformers", "openvino"))
    metrics, parameters = trained["metrics"], trained["parameters"]
    found = {
        "f1_fp32": round(reference["evaluation"]["f1"]["point"], 4),
        "f1_argmax": round(argmax, 4),
        "f1_validation": round(metrics["f1Validation"], 4),
        "minutes": round(metrics["seconds"] / 60, 1),
        "epochs": parameters["epochs"],
        "seed": parameters["seed"],
    }
    harness.table(
        "e5-small-zh finetuned on the 20,864 training sentences of People's Daily",
        ("figure", "value"),
        list(found.items()),
    )
    return found


def _folder(store: Path, manifest: dict[str, object]) -> Path:
    return store / "finetune" / str(manifest["key"]) / str(manifest["attempt"]) / "model"


def _decoded_by_argmax(options: harness.Options, model: Path) -> float:
    spec = {
        "model": {"base": model.as_uri(), "maxLength": 256},
        "data": harness.peoples_daily(options),
        "variants": [{"name": "fp32", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}],
        "evaluation": {"decoding": "argmax"},
    }
    result = harness.run_spec(spec, options.work / "argmax.json")
    return float(harness.by_name(result)["fp32"]["evaluation"]["f1"]["point"])
