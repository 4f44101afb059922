"""Verdicts: what no score can change, the first refusal, and the first variant that passes."""

import pytest

from ner_jobs.promotion.gates import Finding, GateOutcome, Reason
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


def finding(outcome: str, reason: Reason, message: str = "") -> Finding:
    return Finding(gate="f1 >= 0.8", outcome=GateOutcome(outcome), reason=reason, message=message)


@pytest.mark.parametrize(
    ("outcomes", "decides"),
    [
        pytest.param(["Successful", "Failed", "Failed"], 1, id="the first failed gate is the answer"),
        pytest.param(["Error", "Inconclusive", "Failed"], 2, id="a failed gate outranks what is not known"),
        pytest.param(["Successful", "Inconclusive", "Error"], 1, id="else the first that is not known"),
    ],
)
def test_one_finding_decides_and_all_are_kept(outcomes: list[str], decides: int) -> None:
    findings = [finding(each, Reason.DROP_TOO_LARGE, str(at)) for at, each in enumerate(outcomes)]
    verdict = judge("int8", findings)
    assert (verdict.passed, verdict.outcome, verdict.message) == (False, outcomes[decides], str(decides))
    assert len(verdict.findings) == len(outcomes)


def test_without_gates_everything_passes() -> None:
    assert judge("int8", []).passed


def test_the_first_in_preference_that_passes_is_chosen() -> None:
    refused = judge("int8", [finding("Failed", Reason.DROP_TOO_LARGE)])
    passed = judge("bf16", [finding("Successful", Reason.PASSED)])
    also = judge("fp32", [finding("Successful", Reason.NOT_APPLICABLE)])
    assert choose([refused, passed, also]) is passed
    assert choose([refused]) is None


def test_a_verdict_survives_json() -> None:
    verdict = judge("int8", [finding("Failed", Reason.DROP_TOO_LARGE, "5.70 points below")])
    assert VariantVerdict.model_validate_json(verdict.model_dump_json(by_alias=True)) == verdict
