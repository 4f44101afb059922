"""`python -m tests`: all tests, as `make test` runs them; further arguments go to pytest.

Most tests share nothing, and run two files at a time (pytest-xdist); then those
that start a control plane, since they mostly wait and a training beside them
would make them late; then those of the real node, of which there is one, alone.
One line at the end says what came of all.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

TESTS = Path(__file__).resolve().parent
ON_A_CONTROL_PLANE = ("chart", "cluster")
ON_A_NODE = ("e2e",)
TWO_AT_A_TIME = ("--numprocesses=2", "--dist=loadfile")
"""A file's tests stay on one worker, so what they share in the file is made once."""
NOTHING_COLLECTED = 5
INTERRUPTED = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call of pytest."""

    code: int
    passed: int = 0
    skipped: int = 0
    failed: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.code or other.code,
            self.passed + other.passed,
            self.skipped + other.skipped,
            self.failed + other.failed,
        )

    def words(self) -> str:
        counts = {"failed": self.failed, "passed": self.passed, "skipped": self.skipped}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no test ran"


def main() -> int:
    began, chosen = time.monotonic(), sys.argv[1:]
    folders = sorted({path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")})
    others = [name for name in folders if name not in (*ON_A_CONTROL_PLANE, *ON_A_NODE)]
    outcome = Outcome(0)
    for names, options in (
        (others, TWO_AT_A_TIME),
        (ON_A_CONTROL_PLANE, TWO_AT_A_TIME),
        (ON_A_NODE, ()),
    ):
        if outcome.code != INTERRUPTED:
            outcome += run([TESTS / name for name in names], *options, *chosen)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"\nall tests: {outcome.words()}, in {minutes}:{seconds:02d} min", flush=True)
    return outcome.code or int(outcome.passed == 0)


def run(folders: list[Path], *options: str) -> Outcome:
    """One call of pytest, as a process of its own."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *map(str, folders), *options, f"--junitxml={report}"]
        code = subprocess.run(command, check=False, cwd=TESTS.parent).returncode
        if not report.exists():
            return Outcome(code or 1)
        (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    skipped = int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    passed = int(suite.get("tests", 0)) - failed - skipped
    return Outcome(0 if code == NOTHING_COLLECTED else code, passed, skipped, failed)


if __name__ == "__main__":
    sys.exit(main())
