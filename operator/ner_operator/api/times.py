"""Points in time as the API server writes them: UTC, whole seconds, RFC 3339."""

import math
from datetime import UTC, datetime


def to_text(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-24T14:40:16Z`; what is between two seconds is the earlier."""
    return datetime.fromtimestamp(math.floor(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_text_not_before(seconds: float) -> str:
    """The same, but what is between two seconds is the later: for what must not come too early."""
    return to_text(math.ceil(seconds))


def to_seconds(text: str) -> float:
    """Seconds since the epoch of such a text, with or without fractions."""
    return datetime.fromisoformat(text).timestamp()
