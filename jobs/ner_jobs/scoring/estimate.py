"""A measured value with its bounds: the one form in which scores and drops travel.

Gates, reports and the command line import this module, so it loads no NumPy.
"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

POINT = 0.01
"""One F1 point; F1 itself is in 0..1."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its bounds, all in the unit of the value (F1 in 0..1, drops in points).

    Attributes:
        point: the value on the test set itself.
        low, high: ends of the bootstrap's two-sided interval, for tables and plots.
        lower, upper: the one-sided bounds of the same confidence, as gates use them (`Bounds`).
    """

    point: float
    low: float
    high: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """A measured value with its one-sided bounds: it is above `lower`, and it is below `upper`, each with
    the confidence that was asked for.
    """

    point: float
    lower: float
    upper: float


class StoredFigures(BaseModel):
    """Base of figures in manifests: camelCase in JSON. Fields of later versions are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


def signed(points: float) -> str:
    """Points with their sign; the minus is as wide as the plus."""
    rounded = round(points, 2)
    return f"{rounded:+.2f}".replace("-", "\u2212") if rounded else "0.00"
