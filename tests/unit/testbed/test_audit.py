"""The audit log as a table of requests."""

import json
from pathlib import Path
from typing import Any

from testbed.audit import read_requests, writes_by

OPERATOR = "system:serviceaccount:nerd-system:nerd-operator"


def event(user: str, verb: str, resource: str, **more: Any) -> dict[str, Any]:
    plural, _, below = resource.partition("/")
    about = {"resource": plural, "namespace": "nlp", "name": "x", **({"subresource": below} if below else {})}
    return {
        "user": {"username": user},
        "verb": verb,
        "objectRef": about,
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000250Z",
        "stageTimestamp": "2026-01-02T03:04:05.001000Z",
        **more,
    }


def written(folder: Path, *events: dict[str, Any]) -> Path:
    log = folder / "audit.log"
    log.write_text("".join(json.dumps(each) + "\n" for each in events))
    return log


def test_writes_are_told_from_reads_and_by_user(tmp_path: Path) -> None:
    log = written(
        tmp_path,
        event(OPERATOR, "list", "jobs"),
        event(OPERATOR, "create", "jobs"),
        event("admin", "delete", "jobs"),
        event(OPERATOR, "patch", "nerdeployments/status"),
    )
    assert [(each.verb, each.resource) for each in writes_by(log, OPERATOR)] == [
        ("create", "jobs"),
        ("patch", "nerdeployments/status"),
    ]


def test_times_have_microseconds(tmp_path: Path) -> None:
    [request] = read_requests(written(tmp_path, event(OPERATOR, "create", "jobs")))
    assert round((request.answered - request.received) * 1e6) == 750


def test_the_write_that_completes_a_job_is_known_by_its_body(tmp_path: Path) -> None:
    def status(condition: str) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": condition, "status": "True"}]}}

    log = written(
        tmp_path,
        event("c", "update", "jobs/status", requestObject=status("SuccessCriteriaMet")),
        event("c", "update", "jobs/status", requestObject=status("Complete"), responseStatus={"code": 409}),
        event("c", "update", "jobs/status", requestObject=status("Complete")),
        event("c", "update", "jobs/status", requestObject={"status": {}}),
    )
    assert [request.adds_complete for request in read_requests(log)] == [False, False, True, False]


def test_a_line_that_is_being_written_is_left_for_the_next_reading(tmp_path: Path) -> None:
    log = written(tmp_path, event(OPERATOR, "create", "jobs"))
    with log.open("a") as lines:
        lines.write('{"user": {"userna')
    assert len(list(read_requests(log))) == 1
