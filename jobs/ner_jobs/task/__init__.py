"""The contract between the planner of a stage and the process that runs it.

Pure data and no heavy import: the operator, the command line and the stages
share these types. A `Task` says what to compute and where to store it, a
`Manifest` says what was stored, an exit code says what to do next.
"""

from ner_jobs.task.exit_codes import ExitCode, PermanentError, RetryableError, StageError
from ner_jobs.task.manifest import FileEntry, InputReference, Manifest, canonical_digest
from ner_jobs.task.model import (
    TASK_ENVIRONMENT_VARIABLE,
    THREAD_VARIABLES,
    Owner,
    Stage,
    StorageSettings,
    Task,
)

__all__ = [
    "TASK_ENVIRONMENT_VARIABLE",
    "THREAD_VARIABLES",
    "ExitCode",
    "FileEntry",
    "InputReference",
    "Manifest",
    "Owner",
    "PermanentError",
    "RetryableError",
    "Stage",
    "StageError",
    "StorageSettings",
    "Task",
    "canonical_digest",
]
