"""A deployment as a person reads it."""

from typing import Any

import pytest

from ner_operator.cli.cluster.overview import Row, as_json, facts, overview, rows

NOW = 1767323405.0  # 2026-01-02T03:10:05Z, six minutes after all began

PROMOTION = {
    "generation": 3,
    "revision": "5f2a77c0" * 8,
    "variant": "int8",
    "compileKey": "c" * 64,
    "f1": 0.88531,
    "drop": 0.04,
}


def test_overview(make: Any, ready: Any) -> None:
    status = ready(
        "Promoted",
        "True",
        promotion=PROMOTION,
        stages=[{"name": "prepare", "state": "Succeeded"}, {"name": "export", "state": "Running"}],
    )
    line = overview(make(status), NOW)
    assert (line.namespace, line.name, line.ready, line.reason) == ("nlp", "tiny", "True", "Promoted")
    assert (line.revision, line.variant, line.f1, line.drop) == ("5f2a77c05f2a", "int8", "0.8853", "0.04")
    assert (line.stages, line.age) == ("1/2", "6m")


def test_a_spec_that_nobody_has_looked_at_yet_is_unknown(make: Any, ready: Any) -> None:
    line = overview(make({**ready("Promoted", "True"), "observedGeneration": 1}, generation=2), NOW)
    assert (line.ready, line.reason) == ("Unknown", "NotSeen")


@pytest.mark.parametrize(
    ("status", "annotations", "told"),
    [
        pytest.param(
            {},
            {},
            {
                "Name": "tiny (namespace nlp)",
                "Ready": "Unknown, NotSeen: no operator has reconciled generation 1 of the spec yet",
                "In service": "nothing",
            },
            id="just applied",
        ),
        pytest.param(
            {"promotion": {**PROMOTION, "manual": True, "held": ["a" * 64]}, "candidate": "b" * 64},
            {"nerd.dev/rollback": "previous@t"},
            {
                "In service": "int8 of revision 5f2a77c05f2a, generation 3 by hand: F1 0.8853, "
                "0.04 points below the reference",
                "Candidate": "revision bbbbbbbbbbbb",
                "Held": "aaaaaaaaaaaa",
                "Asked": "rollback previous@t",
            },
            id="a model in service, another under way, a command",
        ),
    ],
)
def test_facts(make: Any, status: dict[str, Any], annotations: dict[str, str], told: dict[str, str]) -> None:
    found = dict(facts(make(status, annotations=annotations)))
    assert {name: found.get(name) for name in told} == told


@pytest.mark.parametrize(
    ("stage", "row"),
    [
        pytest.param(
            {"name": "export", "state": "Waiting"}, Row("export", "Waiting", "", "", ""), id="not begun"
        ),
        pytest.param(
            {"name": "export", "state": "Running", "attempt": 1, "startTime": "2026-01-02T03:09:00Z"},
            Row("export", "Running", "65s", "", ""),
            id="under way",
        ),
        pytest.param(
            {
                "name": "export",
                "state": "Succeeded",
                "attempt": 2,
                "startTime": "2026-01-02T03:05:00Z",
                "finishTime": "2026-01-02T03:08:20Z",
                "result": {
                    "key": "a" * 64,
                    "headline": {"f1": 0.5, "compileKey": "x" * 64, "variant": "int8"},
                    "emulated": True,
                },
            },
            Row("export", "Succeeded", "3m20s", "2", "f1 0.5000  variant int8  emulated"),
            id="done, the second time",
        ),
        pytest.param(
            {
                "name": "export",
                "state": "Retrying",
                "reason": "Retrying",
                "message": "the bucket is missing",
                "retryTime": "2026-01-02T03:10:45Z",
            },
            Row("export", "Retrying", "", "", "Retrying: the bucket is missing; again in 40s"),
            id="tried again soon",
        ),
    ],
)
def test_rows(make: Any, stage: dict[str, Any], row: Row) -> None:
    assert rows(make({"stages": [stage]}), NOW) == (row,)


def test_a_program_gets_the_same(make: Any, ready: Any) -> None:
    status = ready("GatesFailed", promotion=PROMOTION, stages=[{"name": "promote", "state": "Succeeded"}])
    told = as_json(make(status))
    assert told["ready"] == {"status": "False", "reason": "GatesFailed", "message": "why"}
    assert told["promotion"] == PROMOTION
    assert told["stages"] == [{"name": "promote", "state": "Succeeded"}]
    assert told["next"] == "kubectl nerd report tiny -n nlp"
