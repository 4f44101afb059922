"""Timestamps as the API server writes them: RFC 3339, UTC, whole seconds."""

import math
from datetime import UTC, datetime


def to_text(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-24T14:40:16Z`, rounded down."""
    return datetime.fromtimestamp(math.floor(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_text_not_before(seconds: float) -> str:
    """The same, rounded up: for a time that must not be too early."""
    return to_text(math.ceil(seconds))


def to_seconds(text: str) -> float:
    """Seconds since the epoch of a timestamp, with or without fractions."""
    return datetime.fromisoformat(text).timestamp()
