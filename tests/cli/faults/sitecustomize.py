"""What every Python process reads first, with this folder on PYTHONPATH: a stage goes wrong as a test asks.

NERD_TEST_FAULT is FAULT:STAGE. `killed-at-work` is SIGKILL as soon as the stage
tells how far it is, or has all its files; `killed-before-the-manifest` is
SIGKILL when all of them are in the store; `full` fills the disk under TMPDIR
before the stage begins. Whoever is not that stage goes on as always.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

BALLAST = "ballast"
BLOCK = bytes(1 << 20)


def install(fault: str, stage: str) -> None:
    """Lay the fault into this process, if it is the stage's."""
    if json.loads(os.environ["NERD_TASK"])["stage"] != stage:
        return
    from ner_jobs import reporting, runner
    from ner_jobs.store import artifacts

    match fault:
        case "killed-at-work":
            reporting.Reporter.progress = die  # type: ignore[method-assign]
            artifacts.publish = die
        case "killed-before-the-manifest":
            upload = artifacts.upload_folder
            artifacts.upload_folder = lambda *given, **named: die(upload(*given, **named))
        case "full":
            find: Callable[[str], Any] = runner.function_of
            runner.function_of = lambda name: fill_disk() or find(name)
        case _:
            raise ValueError(fault)


def die(*given: Any, **named: Any) -> Any:
    """End as a process does that the kernel kills for its memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk() -> None:
    """Take what is left of the disk, to the last page."""
    with (Path(tempfile.gettempdir()) / BALLAST).open("wb", 0) as file, contextlib.suppress(OSError):
        while file.write(BLOCK):
            pass


if os.environ.get("NERD_TEST_FAULT") and sys.orig_argv[1:3] == ["-m", "ner_jobs"]:
    install(*os.environ["NERD_TEST_FAULT"].split(":"))
