"""Durations as kubectl prints them: 12s, 3m20s, 65m, 5h20m, 2d3h, 40d."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def short_duration(duration: float) -> str:
    """A duration in seconds, in at most two units. A negative one is 0s."""
    passed = max(0, int(duration))
    if passed < 2 * _MINUTE:
        return f"{passed}s"
    if passed < 10 * _MINUTE:
        return _two(passed, _MINUTE, "m", 1, "s")
    if passed < 3 * _HOUR:
        return f"{passed // _MINUTE}m"
    if passed < 8 * _HOUR:
        return _two(passed, _HOUR, "h", _MINUTE, "m")
    if passed < 2 * _DAY:
        return f"{passed // _HOUR}h"
    if passed < 8 * _DAY:
        return _two(passed, _DAY, "d", _HOUR, "h")
    return f"{passed // _DAY}d"


def _two(passed: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = passed % large // small
    return f"{passed // large}{large_unit}" + (f"{rest}{small_unit}" if rest else "")
