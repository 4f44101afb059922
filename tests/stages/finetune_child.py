"""Runs finetune alone on a tiny model, so that a test can end it.

FOLDER ATTEMPT PARAMETERS STORE [EVENT]: FOLDER holds `inputs/` and the store; EVENT is `stop-at-STEP`
(asks the stage to stop, as SIGTERM does) or `kill-in-validation-of-EPOCH` (SIGKILL).
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ner_jobs.stages.base import StageContext
from ner_jobs.stages.finetune import run
from ner_jobs.store.open import open_store
from ner_jobs.task import Owner, Stage, StageError, StorageSettings, Task
from ner_jobs.training.validation import Validation, ValidationScore


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    parameters = json.loads(sys.argv[3])
    output, scratch = folder / name / "output", folder / name / "scratch"
    output.mkdir(parents=True)
    scratch.mkdir()
    storage = StorageSettings(uri=(folder / sys.argv[4]).as_uri())
    task = Task(
        stage=Stage.FINETUNE,
        key="0" * 64,
        attempt=name,
        parameters=parameters,
        storage=storage,
        owner=Owner(namespace="default", name="tiny"),
        threads=1,
    )
    event, _, number = (sys.argv[5] if len(sys.argv) > 5 else "").rpartition("-")
    stopping = threading.Event()

    def progress(done: float, total: float, what: str) -> None:
        print(f"step {done:.0f}", flush=True)
        if event == "stop-at" and done == int(number):
            stopping.set()

    if event == "kill-in-validation-of":
        kill_in_validation(int(number))
    context = StageContext(
        task=task,
        inputs={path.name: path for path in (folder / "inputs").iterdir()},
        manifests={},
        output=output,
        scratch=scratch,
        store=open_store(storage),
        log=lambda line: print(f"log {line}", flush=True),
        progress=progress,
        stopping=stopping,
        fetch=lambda reference: folder,
    )
    try:
        result = run(context)
    except StageError as error:
        print(error)
        sys.exit(error.code)
    print("result " + json.dumps({"metrics": result.metrics, "provenance": result.provenance}), flush=True)


def kill_in_validation(epoch: int) -> None:
    """Send SIGKILL to this process when it begins to validate an epoch; epochs count from 1."""
    score, calls = Validation.score, 0

    def killing(self: Validation, model: Any) -> ValidationScore:
        nonlocal calls
        calls += 1
        # Each epoch's last weights are scored first, then its averaged ones.
        if calls == 2 * epoch - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return score(self, model)

    Validation.score = killing  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
