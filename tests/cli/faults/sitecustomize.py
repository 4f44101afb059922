"""Every Python process with this folder on PYTHONPATH reads this file first: it lets a stage fail for a test.

NERD_TEST_FAULT is FAULT:STAGE. `killed-at-work` is SIGKILL as soon as the stage
reports progress, or has all its files; `killed-before-the-manifest` is SIGKILL
when all its files are in the store; `full` fills the disk under TMPDIR before
the stage begins. Other stages are not affected.
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
    from ner_jobs import attempt, reporting
    from ner_jobs.store import artifacts

    match fault:
        case "killed-at-work":
            reporting.Reporter.progress = die  # type: ignore[method-assign]
            artifacts.publish = die
        case "killed-before-the-manifest":
            artifacts.upload_folder = dying_after(artifacts.upload_folder)
        case "full":
            find: Callable[[str], Any] = attempt.function_of
            attempt.function_of = lambda name: fill_disk() or find(name)
        case _:
            raise ValueError(fault)


def die(*given: Any, **named: Any) -> Any:
    """End as a process does that the kernel kills for its memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(upload: Callable[..., Any]) -> Callable[..., Any]:
    """The upload of a folder, and then the end; checkpoints of the training are uploaded as always."""

    def uploaded(store: Any, prefix: str, *given: Any, **named: Any) -> Any:
        files = upload(store, prefix, *given, **named)
        return files if "/checkpoints/" in prefix else die()

    return uploaded


def fill_disk() -> None:
    """Take what is left of the disk, to the last page."""
    with (Path(tempfile.gettempdir()) / BALLAST).open("wb", 0) as file, contextlib.suppress(OSError):
        while file.write(BLOCK):
            pass


if os.environ.get("NERD_TEST_FAULT") and sys.orig_argv[1:3] == ["-m", "ner_jobs"]:
    install(*os.environ["NERD_TEST_FAULT"].split(":"))
