"""Verdicts: what no score can change, the first refusal, and the first variant that passes."""

import pytest

from ner_jobs.promotion.gates import Finding, Reason
from ner_jobs.promotion.verdict import Candidate, VariantVerdict, admission, choose, judge


@pytest.mark.parametrize(
    ("candidate", "allowed", "reasons"),
    [
        pytest.param(Candidate("int8", "abc"), False, [], id="a real device needs no word"),
        pytest.param(
            Candidate("int8", "abc", emulated=True), False, ["Emulated"], id="a stand-in is refused"
        ),
        pytest.param(
            Candidate("int8", "abc", emulated=True), True, ["Passed"], id="unless the spec allows it"
        ),
        pytest.param(
            Candidate("int8", "abc", held=True), True, ["RolledBack"], id="what was taken back stays"
        ),
    ],
)
def test_admission(candidate: Candidate, allowed: bool, reasons: list[str]) -> None:
    assert [finding.reason for finding in admission(candidate, allowed)] == reasons


def finding(reason: Reason, message: str = "") -> Finding:
    return Finding(gate="f1 >= 0.8", reason=reason, message=message)


def test_the_first_refusal_is_the_answer_and_all_findings_are_kept() -> None:
    verdict = judge(
        "int8",
        [
            finding(Reason.PASSED),
            finding(Reason.INSUFFICIENT_DATA, "first"),
            finding(Reason.DROP_TOO_LARGE, "second"),
        ],
    )
    assert (verdict.passed, verdict.reason, verdict.message) == (False, "InsufficientData", "first")
    assert len(verdict.findings) == 3


def test_without_gates_everything_passes() -> None:
    assert judge("int8", []).passed


def test_the_first_in_preference_that_passes_is_chosen() -> None:
    refused = judge("int8", [finding(Reason.DROP_TOO_LARGE)])
    passed = judge("bf16", [finding(Reason.PASSED)])
    also = judge("fp32", [finding(Reason.NOT_APPLICABLE)])
    assert choose([refused, passed, also]) is passed
    assert choose([refused]) is None


def test_a_verdict_survives_json() -> None:
    verdict = judge("int8", [finding(Reason.DROP_TOO_LARGE, "5.70 points below")])
    assert VariantVerdict.model_validate_json(verdict.model_dump_json(by_alias=True)) == verdict
