"""What the pool and its workers say to each other. Light: a worker reads it before it pins itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ner_jobs.corpus.encoding import Encoded
    from ner_jobs.inference.decisions import Decision
    from ner_jobs.task.parameters import Decoding


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told first.

    Attributes:
        compiled: the compiled folder.
        processors: to pin itself to; empty leaves it free.
        batch_size: windows in a batch, at most.
        decoding: of logits to tags.
        keep_logits: results carry each window's logits.
    """

    compiled: Path
    processors: tuple[int, ...]
    batch_size: int
    decoding: "Decoding"
    keep_logits: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A group of sentences that goes through the model together; `number` names it."""

    number: int
    encoded: tuple["Encoded", ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What a job gave: a decision a sentence, in the job's order."""

    number: int
    decisions: tuple["Decision", ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker's last words; `code` is an exit code where a person can act on the end."""

    message: str
    code: int | None
