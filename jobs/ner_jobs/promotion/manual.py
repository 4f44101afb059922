"""Promotion by hand: a person chooses, and the gates judge all the same. Pure."""

from collections.abc import Mapping, Sequence

from ner_jobs.promotion.gates import Reason
from ner_jobs.promotion.verdict import Candidate, VariantVerdict, admission
from ner_jobs.task import ExitCode, PermanentError

SOMEBODY = "a person"
"""Who moved the pointer, if the command does not say it."""


def chosen_by_hand(
    verdicts: Mapping[str, VariantVerdict],
    variants: Sequence[str],
    preference: Sequence[str],
    variant: str | None,
    force: str,
) -> str:
    """The variant that a promote command leads to.

    Args:
        verdicts: of the gates, by variant: of those in preference and of the named one.
        variants: the names that there are.
        preference: the order in which variants are promoted.
        variant: the named one; None takes the first in preference that passed every gate.
        force: the reason to promote although a gate refuses; empty obeys the gates.

    Raises:
        PermanentError: there is no such variant, or a gate refuses it.
    """
    if variant is not None and variant not in variants:
        raise PermanentError(
            f"there is no variant {variant}; there are {', '.join(variants)}", ExitCode.USAGE
        )
    if force:
        return variant or preference[0]
    if variant is None:
        passed = [name for name in preference if verdicts[name].passed]
        variant = passed[0] if passed else preference[0]
    judged = verdicts[variant]
    if not judged.passed:
        raise PermanentError(
            f"{variant} is refused ({judged.outcome}, {judged.reason}): {judged.message}; "
            "--force REASON promotes it anyway",
            ExitCode.SOFTWARE,
        )
    return variant


def require_real(candidate: Candidate, allow_emulated: bool) -> None:
    """Refuse a candidate that was made on an emulated device, unless the spec allows it.

    Raises:
        PermanentError: it was; --force does not change that.
    """
    for finding in admission(candidate, allow_emulated):
        if finding.reason is Reason.EMULATED:
            raise PermanentError(f"{finding.message}; --force does not change that", ExitCode.SOFTWARE)


def message_by_hand(passed: bool, force: str) -> str:
    """Why it was promoted, for the pointer's history."""
    return "passed every gate, promoted by hand" if passed else f"forced: {force}"
