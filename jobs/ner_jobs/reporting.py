"""Lines and progress of a running stage, and its termination message.

Lines go to standard output (plain for a pod's log, JSON for a program that
draws bars) and into the artifact's log. Kubernetes cuts a termination message
at 4,096 bytes, so it is shortened here, where it stays valid JSON.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

PROGRESS_VARIABLE = "NERD_PROGRESS"
"""`json`: standard output is a JSON object a line."""

TERMINATION_VARIABLE = "NERD_TERMINATION_LOG"
TERMINATION_FILE = Path("/dev/termination-log")
TERMINATION_BYTES = 4096

SECONDS_BETWEEN_LINES = {"plain": 10.0, "json": 0.2}


class Reporter:
    """Writes lines and progress; thread-safe.

    Args:
        log: the file that becomes the artifact's log.
        mode: `plain` or `json`.
    """

    def __init__(self, log: Path, mode: str, out: TextIO = sys.stdout) -> None:
        self._file = log.open("a", encoding="utf-8", buffering=1)
        self._mode = "json" if mode == "json" else "plain"
        self._out = out
        self._lock = threading.Lock()
        self._last = 0.0

    def line(self, text: str) -> None:
        """Write a line to standard output and to the log."""
        with self._lock:
            # A full disk must not hide the error that is being reported.
            with contextlib.suppress(OSError):
                self._file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
            self._print({"log": text} if self._mode == "json" else text)

    def progress(self, done: float, total: float, what: str) -> None:
        """Print progress every few seconds, and at the end. A total of 0 is unknown."""
        with self._lock:
            now = time.monotonic()
            if (done < total or not total) and now - self._last < SECONDS_BETWEEN_LINES[self._mode]:
                return
            self._last = now
            if self._mode == "json":
                self._print({"progress": {"done": done, "total": total, "what": what}})
            else:
                self._print(f"{how_far(done, total)} {what}")

    def traceback(self, text: str) -> None:
        """Write a traceback to the artifact's log alone."""
        with self._lock, contextlib.suppress(OSError):
            self._file.write(text)
            self._file.flush()

    def _print(self, value: str | Mapping[str, Any]) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        # The reader may have gone; the work goes on.
        with contextlib.suppress(OSError, ValueError):
            print(text, file=self._out, flush=True)


def how_far(done: float, total: float) -> str:
    """Progress as text; a total of 0 is unknown."""
    return f"{done:,.0f} of {total:,.0f}" if total else f"{done:,.0f}"


def describe_validation_error(error: ValidationError) -> str:
    """All that pydantic found, in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )


def write_termination_message(body: Mapping[str, Any]) -> None:
    """Write the termination message where the kubelet, or the local runner, reads it."""
    named = os.environ.get(TERMINATION_VARIABLE)
    path = Path(named) if named else TERMINATION_FILE
    if not named and not path.exists():
        return
    with contextlib.suppress(OSError):
        path.write_bytes(termination_bytes(body))


def termination_bytes(body: Mapping[str, Any]) -> bytes:
    """JSON of at most 4,096 bytes: the headline is dropped first, then the message is cut.

    Args:
        body: `key`, `manifestDigest`, `outputs`, `emulated`, `headline`, or `code` and `message`.
    """
    data = _json(body)
    if len(data) <= TERMINATION_BYTES:
        return data
    short = {name: value for name, value in body.items() if name != "headline"}
    data = _json(short)
    message = str(short.get("message", ""))
    while len(data) > TERMINATION_BYTES and message:
        # A character is at most 4 bytes, or 6 as a JSON escape: this many characters are surely too many.
        message = message[: max(0, len(message) - max(1, (len(data) - TERMINATION_BYTES) // 6))]
        data = _json({**short, "message": message + "…"})
    return data


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
