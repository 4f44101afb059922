"""Logs as JSON lines, each with the namespace and name of its object, so that they can be searched."""

import json
import logging
import sys
import time
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""What every record has. The rest was passed as `extra`."""

_OF_KOPF = frozenset({"k8s_ref", "k8s_skip", "settings"})


class JsonLines(logging.Formatter):
    """One line of JSON for each record: time, level, message, the object, and what was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
        }
        added = {name: value for name, value in vars(record).items() if name not in _STANDARD | _OF_KOPF}
        if key := added.pop("object", None):
            line["namespace"], line["name"] = key
        elif reference := getattr(record, "k8s_ref", None):
            line |= {"namespace": reference.get("namespace"), "name": reference.get("name")}
        line |= {name: value for name, value in added.items() if value not in ("", [], {}, None)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Write all logs of this process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It logs each connection that it opens.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
