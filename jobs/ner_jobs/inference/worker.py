"""A worker of the pool: a process of its own, one thread, one loaded model.

It ends when its parent does: the pipe closes.
"""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ner_jobs.corpus.encoding import Encoded
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.compiled_model import CompiledModel
from ner_jobs.inference.predictor import Prediction
from ner_jobs.task.parameters import Decoding

Predict = Callable[[Sequence[Encoded]], Sequence[Prediction]]


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The first message to a worker.

    Attributes:
        compiled: the compiled folder.
        batch_size: windows in a batch, at most.
        decoding: how logits become tags.
        keep_logits: whether predictions carry each window's logits.
    """

    compiled: Path
    batch_size: int
    decoding: Decoding
    keep_logits: bool


def serve(connection: "Connection[Any, Any]") -> None:
    """Receive settings, open their model, and predict until the parent closes the pipe."""
    serve_with(open_predictor, connection)


def open_predictor(settings: WorkerSettings) -> Predict:
    """Open the compiled model."""
    model = replace(CompiledModel.read(settings.compiled), decoding=settings.decoding)
    return model.predictor(model.load(), BatchLimits(settings.batch_size), settings.keep_logits).predict_group


def serve_with(load: Callable[[WorkerSettings], Predict], connection: "Connection[Any, Any]") -> None:
    """`serve` with another way to open the model.

    A message is (number of the group, its encoded sentences), the answer is
    (the same number, a prediction a sentence). Groups are received on a thread:
    so the parent never waits in `send` for a worker that computes, and the two
    never wait for each other with full pipes.
    """
    settings: WorkerSettings = connection.recv()
    groups: queue.SimpleQueue[tuple[int, Sequence[Encoded]]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, groups), daemon=True).start()
    predict = load(settings)
    while True:
        number, encoded = groups.get()
        connection.send((number, predict(encoded)))


def _receive(
    connection: "Connection[Any, Any]", groups: "queue.SimpleQueue[tuple[int, Sequence[Encoded]]]"
) -> None:
    try:
        while True:
            groups.put(connection.recv())
    except (EOFError, OSError):
        # The parent is gone, and no one reads the result of the current group.
        os._exit(0)
