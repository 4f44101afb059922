"""One worker of the pool: a process of its own, one thread, one loaded model.

It is a fresh interpreter (`python -m ner_jobs.inference.worker`), never a
fork: OpenVINO and torch keep threads and locks that a fork would copy in any
state. Its parent sets the thread variables before it starts; it pins itself
before it imports anything that counts processors. It ends when its parent
does: the pipe closes.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ner_jobs.inference.messages import Done, Failed, Job, WorkerSettings
from ner_jobs.inference.processes import pin

if TYPE_CHECKING:
    from ner_jobs.corpus.encoding import Encoded
    from ner_jobs.inference.decisions import Decision

    Decide = Callable[[Sequence[Encoded]], Sequence[Decision]]


def serve(connection: "Connection[Any, Any]", load: "Callable[[WorkerSettings], Decide]") -> None:
    """Take settings, load, then take jobs and send results until the parent closes the pipe.

    Jobs are received on a thread, so that the parent never waits in a send for
    a worker that computes, nor both wait for each other with full pipes.
    """
    settings: WorkerSettings = connection.recv()
    pin(settings.processors)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    try:
        decide = load(settings)
        while True:
            job = jobs.get()
            connection.send(Done(job.number, tuple(decide(job.encoded))))
    except BrokenPipeError:
        return
    except Exception as error:
        code = getattr(error, "code", None)
        connection.send(Failed(str(error) or repr(error), code))
        if code is None:
            raise


def load_decider(settings: WorkerSettings) -> "Decide":
    """Import what computes, and open the model."""
    from ner_jobs.inference.batching import BatchLimits
    from ner_jobs.inference.engine import CompiledModel

    model = replace(CompiledModel.read(settings.compiled), decoding=settings.decoding)
    decider = model.decider(BatchLimits(settings.batch_size))
    return decider.decide_and_keep_logits if settings.keep_logits else decider.decide


def main() -> None:
    """Serve on the file descriptor that the command line names."""
    # Ctrl-C reaches the whole group of a terminal; what then happens is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])), load_decider)


def _receive(connection: "Connection[Any, Any]", jobs: "queue.SimpleQueue[Job]") -> None:
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        # Nobody is left to read a result: the work at hand is not worth finishing.
        os._exit(0)


if __name__ == "__main__":
    main()
