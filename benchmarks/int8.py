"""F1 by precision: one finetuned model in fp32, bf16, int8 by the search, and int8 by the naive recipe.

`nerd run` exports, compiles, runs and evaluates the shared finetuned encoder
on all 4,636 test sentences. OpenVINO supports bf16 only if the processor does.
Otherwise TorchScript computes that variant in bf16 in software: slower, with
the same rounding.
"""

from typing import Any

from benchmarks import harness
from ner_jobs import host


def variants_of(quick: bool) -> list[dict[str, Any]]:
    """The variants to compare; --quick has too few sentences to show a small drop."""
    searched = {"maxDrop": 100 if quick else 0.5}
    bf16 = "cpu-openvino" if host.has_bf16() else "cpu-torchscript"
    return [
        {"name": "fp32", "runtime": "cpu-openvino", "precision": "fp32", "reference": True},
        {"name": "bf16", "runtime": bf16, "precision": "bf16"},
        {"name": "int8", "runtime": "cpu-openvino", "precision": "int8", "quantization": searched},
        {
            "name": "naive",
            "runtime": "cpu-openvino",
            "precision": "int8",
            "quantization": {"recipe": "naive"},
        },
    ]


def run(options: harness.Options) -> dict[str, object]:
    """Keys: f1_fp32, f1_bf16, f1_int8, drop_points, drop_upper, f1_naive, recipe."""
    spec = {
        "model": {
            "base": (options.shared / "models" / "e5-small-zh-peoples-daily").as_uri(),
            "maxLength": 256,
        },
        "data": harness.peoples_daily(options),
        "variants": variants_of(options.quick),
        "evaluation": {
            "gates": [{"metric": "f1", "maxDrop": 0.5, "against": "reference", "confidence": 0.95}]
        },
        "rollout": {"mode": "Automatic", "preference": ["naive", "int8", "bf16", "fp32"]},
    }
    result = harness.run_spec(spec, options.work / "int8.json")
    variants = harness.by_name(result)
    print(harness.versions("openvino", "nncf", "torch", "transformers"))
    sentences = variants["fp32"]["evaluation"]["sentences"]
    rows = []
    for name, variant in variants.items():
        reference = variant["evaluation"]["reference"]
        rows.append(
            (
                name,
                variant["backend"],
                variant["effective"],
                variant["recipe"],
                round(variant["evaluation"]["f1"]["point"], 4),
                round(reference["drop"]["point"], 2) if reference else "",
                round(reference["drop"]["upper"], 2) if reference else "",
                f"{variant['size'] / 2**20:.0f} MiB",
                variant["verdict"]["message"] if variant["verdict"] else "",
            )
        )
    harness.table(
        f"e5-small-zh-peoples-daily on {sentences:,} test sentences of People's Daily",
        ("variant", "backend", "runs in", "recipe", "F1", "drop", "at most (95%)", "size", "verdict"),
        rows,
    )

    def f1(name: str) -> float:
        return round(variants[name]["evaluation"]["f1"]["point"], 4)

    drop = variants["int8"]["evaluation"]["reference"]
    return {
        "f1_fp32": f1("fp32"),
        "f1_bf16": f1("bf16"),
        "f1_int8": f1("int8"),
        "drop_points": round(drop["drop"]["point"], 3),
        "drop_upper": round(drop["drop"]["upper"], 3),
        "f1_naive": f1("naive"),
        "recipe": variants["int8"]["recipe"],
    }
