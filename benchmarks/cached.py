"""The cost of `nerd run` with all results cached, and of `nerd --help`.

The deployment is `examples/quickstart.yaml` without its benchmark. It runs once in full. Then the same
command runs several times; the result is the median of its CPU time, child processes included.
"""

import statistics

from benchmarks import harness

REPEATS = 5


def run(options: harness.Options) -> dict[str, object]:
    """Run once in full, then measure."""
    command = harness.nerd(
        "run",
        "-f",
        str(harness.REPOSITORY / "examples" / "quickstart.yaml"),
        "--storage",
        str(options.work / "store"),
        "--set",
        "benchmark=null",
    )
    if options.quick:
        command += ["--set", "finetune.maxSteps=60", "--set", "evaluation.gates=[]"]
    first = harness.run_child(command)
    repeats = 2 if options.quick else REPEATS
    cached = [harness.run_child(command) for _ in range(repeats)]
    if any("  run  " in again.output for again in cached):
        raise SystemExit("a stage ran again whose result should have been cached")
    shown = [harness.run_child(harness.nerd("--help")) for _ in range(repeats)]
    cpu_s = statistics.median(again.cpu_s for again in cached)
    help_cpu_s = statistics.median(again.cpu_s for again in shown)
    harness.table(
        f"cached runs ({harness.versions('typer', 'pydantic')})",
        ("command", "CPU s", "wall s", "must be below"),
        [
            ("nerd run, the first time", first.cpu_s, first.wall_s, ""),
            ("nerd run, everything cached", cpu_s, statistics.median(a.wall_s for a in cached), "2 CPU s"),
            ("nerd --help", help_cpu_s, statistics.median(a.wall_s for a in shown), "0.5 CPU s"),
        ],
    )
    return {"cpu_s": round(cpu_s, 3), "help_cpu_s": round(help_cpu_s, 3)}
