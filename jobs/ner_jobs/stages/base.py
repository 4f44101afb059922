"""The input and the result of a stage function.

A stage is a function of a `StageContext`: it reads the folders of its inputs,
fills the folder of its output, and returns figures. The attempt
(`ner_jobs.attempt`) fetches, leases, uploads and writes the manifest.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ner_jobs.store.protocol import Store
from ner_jobs.task import InputReference, Manifest, Task


class Progress(Protocol):
    """Reports a stage's progress: a bar on a terminal, lines in a pod's log."""

    def __call__(self, done: float, total: float, what: str) -> None:
        """`done` of `total` units of `what` (a noun phrase: "steps, epoch 2 of 3, loss 0.03")."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """Everything that a stage may use.

    Attributes:
        inputs: by role, a folder that holds that output's files, verified; read only.
        manifests: by role, the manifest of the artifact that the input belongs to.
        output: an empty folder on scratch: each top-level folder in it becomes an output.
        scratch: for temporary files; removed afterwards.
        log: writes a line to the artifact's log and the pod's.
        stopping: set by SIGTERM; a long stage saves what it has and raises
            `StageError(..., ExitCode.TERMINATED)`.
    """

    task: Task
    inputs: Mapping[str, Path]
    manifests: Mapping[str, Manifest]
    output: Path
    scratch: Path
    store: Store
    log: Callable[[str], None]
    progress: Progress
    stopping: threading.Event
    fetch: Callable[[InputReference], Path]
    """Fetches another artifact's output by reference (promote reads the current model's)."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """A stage's part of the manifest, besides the files.

    Attributes:
        metrics: all figures, nested; JSON values.
        headline: the few that a table or a termination message shows.
        provenance: in addition to the runner's (library versions of its backend, CPU features).
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    headline: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)


StageFunction = Callable[[StageContext], StageResult]
