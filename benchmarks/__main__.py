"""`python -m benchmarks [NAME …]`: run these benchmarks, or all."""

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.harness import REPOSITORY, Options

NAMES = (
    *("cached", "evaluate", "coverage", "store", "int8", "infer", "epoch", "quality"),
    *("overhead", "scale", "idle"),
)


def main() -> None:
    """Run the benchmarks; each prints a table and, as its last line, a JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a small size, to check that it works")
    parser.add_argument("--work", type=Path, default=REPOSITORY / ".cache" / "benchmarks")
    parser.add_argument("--shared", type=Path, default=REPOSITORY.parent / "shared")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in options.names or NAMES:
        work = options.work / name
        work.mkdir(parents=True, exist_ok=True)
        module = importlib.import_module(f"benchmarks.{name}")
        result = module.run(Options(shared=options.shared, work=work, quick=options.quick))
        print(json.dumps(result, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
