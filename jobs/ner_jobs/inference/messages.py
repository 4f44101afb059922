"""What a parent and its workers say to each other. Light: a worker reads it before it pins itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ner_jobs.corpus.encoding import Encoded
    from ner_jobs.corpus.sentence import Sentence
    from ner_jobs.inference.decisions import Decision
    from ner_jobs.task.parameters import Decoding, Segmentation


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


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What a process is told first.

    Attributes:
        processors: to pin itself to; empty leaves it free.
        instances: threads, each with a session.
        first: number of its first instance among all, so that no two begin with the same sentence.
        sentences: taken in turn, over and over.
    """

    compiled: Path
    processors: tuple[int, ...]
    instances: int
    first: int
    batch_size: int
    segmentation: "Segmentation"
    decoding: "Decoding"
    max_length: int
    warmup_seconds: float
    seconds: float
    sentences: tuple["Sentence", ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Every model of the process is open; it waits for `Go`."""

    load_seconds: float


@dataclass(frozen=True, slots=True)
class Go:
    """Begin: warm up, then measure."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process measured after its warm-up.

    Attributes:
        sentences, tokens: that were finished.
        seconds: of the wall clock, from the end of the warm-up to the end of the last request.
        cpu_seconds: of the process in that time.
        end_to_end, model: seconds of each request, from text to entities and of the model alone.
    """

    sentences: int
    tokens: int
    seconds: float
    cpu_seconds: float
    end_to_end: tuple[float, ...]
    model: tuple[float, ...]
