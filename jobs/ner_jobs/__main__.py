"""`python -m ner_jobs`: run one task from a file or from the environment.

Thread counts and similar variables are set here, before the libraries that
read them are imported.
"""

import argparse
import faulthandler
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from ner_jobs import host
from ner_jobs.reporting import PROGRESS_VARIABLE, describe_validation_error, write_termination_message
from ner_jobs.task import TASK_ENVIRONMENT_VARIABLE, THREAD_VARIABLES, ExitCode, Task


def main() -> int:
    """Read the task, prepare the process, run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ner_jobs", description="Run one task to one artifact.")
    parser.add_argument(
        "--task", type=Path, metavar="FILE", help=f"the task's JSON; else ${TASK_ENVIRONMENT_VARIABLE}"
    )
    given = parser.parse_args()
    try:
        text = given.task.read_text() if given.task else os.environ[TASK_ENVIRONMENT_VARIABLE]
        task = Task.model_validate_json(text)
    except KeyError:
        return _refuse(f"no task: set ${TASK_ENVIRONMENT_VARIABLE}, or give --task FILE")
    except (OSError, UnicodeDecodeError) as error:
        return _refuse(f"the task cannot be read: {error}")
    except ValidationError as error:
        return _refuse(f"the task is wrong: {describe_validation_error(error)}")
    faulthandler.enable()
    _prepare_process(task.threads or host.processors())
    # Imported late: the libraries behind it read these variables when they are imported.
    from ner_jobs.runner import main as run

    return run(task, os.environ.get(PROGRESS_VARIABLE, "plain"))


def _prepare_process(threads: int) -> None:
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)  # noqa: T201
    write_termination_message({"message": message})
    return ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main())
