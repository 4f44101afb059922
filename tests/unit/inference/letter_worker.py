"""A worker whose model is the letter session, and which goes wrong as the environment says.

`LETTER_WORKER_FAULT` is `kill`, `exit`, `raise`, `refuse`, `twice` or `other`, and
happens in the first group that has the letter d; without it nothing goes wrong.
"""

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from letters import LABELS, LetterSession

from ner_jobs.corpus.encoding import Encoded
from ner_jobs.inference.predictor import Prediction, Predictor
from ner_jobs.inference.worker import Predict, WorkerSettings, serve_with
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task import PermanentError

LETTER_D = 7


def go_wrong(fault: str, connection: "Connection[Any, Any]") -> None:
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "exit":
        sys.stderr.write("the device fell off the bus\n")
        sys.stderr.flush()
        os._exit(3)
    if fault == "raise":
        raise ValueError("a letter too many")
    if fault == "refuse":
        raise PermanentError("the model is broken; compile it again")
    if fault == "other":
        connection.send((10_000, ()))


def load(connection: "Connection[Any, Any]", settings: WorkerSettings) -> Predict:
    decoder = Decoder(LABELS, settings.decoding)
    predictor = Predictor(LetterSession(), decoder, keep_logits=settings.keep_logits)

    def predict(encoded: Sequence[Encoded]) -> Sequence[Prediction]:
        if any(LETTER_D in window.input_ids for item in encoded for window in item.windows):
            go_wrong(os.environ.get("LETTER_WORKER_FAULT", ""), connection)
        return predictor.predict_group(encoded)

    return predict


def serve(connection: "Connection[Any, Any]") -> None:
    serve_with(partial(load, connection), connection)
