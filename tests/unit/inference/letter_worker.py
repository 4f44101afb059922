"""A worker whose model is the letter session, and which goes wrong as the environment says.

`LETTER_WORKER_FAULT` is `kill`, `exit`, `raise`, `refuse`, `twice` or `other`, and
happens in the first job that has the letter d; without it nothing goes wrong.
"""

import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

from letters import LABELS, LetterSession

from ner_jobs.corpus.encoding import Encoded
from ner_jobs.inference.decisions import Decider, Decision
from ner_jobs.inference.messages import Done, WorkerSettings
from ner_jobs.inference.worker import serve
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task import PermanentError

LETTER_D = 7
connection = Connection(int(sys.argv[1]))


def go_wrong(fault: str) -> None:
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
        connection.send(Done(10_000, ()))


def load(settings: WorkerSettings) -> "type[object]":
    decider = Decider(LetterSession(), Decoder(LABELS, settings.decoding))

    def decide(encoded: Sequence[Encoded]) -> Sequence[Decision]:
        if any(LETTER_D in window.input_ids for item in encoded for window in item.windows):
            go_wrong(os.environ.get("LETTER_WORKER_FAULT", ""))
        return decider.decide_and_keep_logits(encoded) if settings.keep_logits else decider.decide(encoded)

    return decide  # type: ignore[return-value]


if __name__ == "__main__":
    serve(connection, load)  # type: ignore[arg-type]
