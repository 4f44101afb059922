"""Promotion by a person: the same gates, another hand.

Pure: which variant a wish leads to, or why to none. The command line decides
with it on a laptop, the promote stage in a cluster, so both say the same
sentence.
"""

from collections.abc import Mapping, Sequence

from ner_jobs.promotion.gates import Candidate, Reason, VariantVerdict, admission
from ner_jobs.task import ExitCode, PermanentError

SOMEBODY = "a person"


def chosen_by_hand(
    verdicts: Mapping[str, VariantVerdict],
    variants: Sequence[str],
    preference: Sequence[str],
    variant: str | None,
    force: str,
) -> str:
    """The variant that a person's wish leads to.

    Args:
        verdicts: by variant, of those that the gates have judged.
        variants: all that there are.
        preference: the order in which they are promoted.
        variant: that the person named; None is the first in preference that passed every gate.
        force: why, although a gate refused it; empty obeys the gates.

    Raises:
        PermanentError: there is no such variant, or a gate refused it, or none has judged it.
    """
    if variant is not None and variant not in variants:
        raise PermanentError(
            f"there is no variant {variant}; there are {', '.join(variants)}", ExitCode.USAGE
        )
    if force:
        return variant or preference[0]
    if variant is None:
        passed = [name for name in preference if name in verdicts and verdicts[name].passed]
        if passed:
            return passed[0]
        variant = preference[0]
    if variant not in verdicts:
        raise PermanentError(
            f"no gate has judged variant {variant} of this revision; nerd run does, "
            "or say why with --force REASON",
            ExitCode.USAGE,
        )
    judged = verdicts[variant]
    if not judged.passed:
        raise PermanentError(
            f"{variant} is refused, {judged.reason}: {judged.message}; --force REASON promotes it anyway",
            ExitCode.SOFTWARE,
        )
    return variant


def require_real(candidate: Candidate, allow_emulated: bool) -> None:
    """Refuse what was made on a stand-in for its device: no reason makes its figures true.

    Raises:
        PermanentError: it was, and the spec does not allow it.
    """
    for finding in admission(candidate, allow_emulated):
        if finding.reason is Reason.EMULATED:
            raise PermanentError(f"{finding.message}; --force does not change that", ExitCode.SOFTWARE)


def words_by_hand(passed: bool, force: str) -> str:
    """Why it was promoted, for the pointer's history."""
    return "passed every gate, promoted by hand" if passed else f"forced: {force}"
