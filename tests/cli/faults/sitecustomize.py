"""What every Python process reads first, with this folder on PYTHONPATH: a stage goes wrong as a test asks.

NERD_TEST_FAULT is FAULT:STAGE. `killed-at-work` is SIGKILL as soon as the stage
tells how far it is, or has all its files; `killed-before-the-manifest` is
SIGKILL when all of them are in the store. Whoever is not that stage goes on as
always.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any


def install(fault: str, stage: str) -> None:
    """Lay the fault into this process, if it is the stage's."""
    from ner_jobs.task import Task

    task = Task.model_validate_json(Path(sys.orig_argv[sys.orig_argv.index("--task") + 1]).read_text())
    if task.stage != stage:
        return
    from ner_jobs import reporting
    from ner_jobs.store import artifacts

    match fault:
        case "killed-at-work":
            reporting.Reporter.progress = die  # type: ignore[method-assign]
            artifacts.publish = die
        case "killed-before-the-manifest":
            upload = artifacts.upload_folder
            artifacts.upload_folder = lambda *given, **named: die(upload(*given, **named))
        case _:
            raise ValueError(fault)


def die(*given: Any, **named: Any) -> Any:
    """End as a process does that the kernel kills for its memory."""
    os.kill(os.getpid(), signal.SIGKILL)


if os.environ.get("NERD_TEST_FAULT") and sys.orig_argv[1:3] == ["-m", "ner_jobs"]:
    install(*os.environ["NERD_TEST_FAULT"].split(":"))
