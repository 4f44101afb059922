"""The runner with stages of a few lines in the place of the real ones, so that a test can kill it."""

import json
import os
import sys
import types
from pathlib import Path

from ner_jobs.runner import main
from ner_jobs.stages import registry
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.lease import Rhythm
from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage, StageError, Task


def letters(context: StageContext) -> StageResult:
    """Writes `letters/count`; what else it does the task says."""
    parameters = context.task.parameters
    context.log(f"counting as {context.task.attempt}")
    context.progress(1, 2, "letters")
    if parameters.get("wait"):
        # The test kills us here, or asks us to stop.
        context.log("waiting")
        while not context.stopping.wait(0.05):
            if (Path(parameters["wait"])).exists():
                break
        else:
            raise StageError("stopped; the checkpoint is saved", ExitCode.TERMINATED)
    match parameters.get("fail"):
        case "permanent":
            raise PermanentError("corpus.txt:3: no tag; write one", ExitCode.DATA)
        case "moved":
            raise RetryableError("the pointer went from generation 1 to 2", {"generation": 2})
        case "unexpected":
            raise RuntimeError("a bug")
        case "memory":
            raise MemoryError
        case "full":
            raise OSError(28, os.strerror(28), "/scratch/x")
        case "library":
            raise RuntimeError("I/O error: No space left on device (os error 28)")
    (context.output / "letters").mkdir()
    counted = sum(len(path.read_text()) for folder in context.inputs.values() for path in folder.iterdir())
    (context.output / "letters" / "count").write_text(str(counted or parameters["count"]))
    (context.output / "record.json").write_text(json.dumps({"attempt": context.task.attempt}))
    (context.scratch / "left").write_text("x")
    return StageResult(
        metrics={"count": {"letters": counted}}, headline={"count": counted}, provenance={"own": 1}
    )


def run(task_file: Path) -> int:
    """One task, with a lease whose seconds are hundredths."""
    stages = types.ModuleType("letter_stages")
    stages.letters = letters  # type: ignore[attr-defined]
    sys.modules["letter_stages"] = stages
    for stage in (Stage.PREPARE, Stage.FINETUNE):
        registry.STAGES[stage] = "letter_stages:letters"
    task = Task.model_validate_json(task_file.read_text())
    return main(task, "plain", Rhythm(beat=0.05, expiry=float(os.environ.get("EXPIRY", "0.5")), poll=0.02))


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
