"""A small SVG writer: shapes, scales, and the frame of a chart.

A chart is 400 units wide with 12-unit text, so that it is legible on a phone.
Colours are classes of the page's style sheet, which has light and dark. Each
chart has a title and a description for screen readers.
"""

import hashlib
import math
from collections.abc import Iterable

from markupsafe import Markup, escape

WIDTH = 400


def element(name: str, content: object = "", **attributes: object) -> Markup:
    """One element; `class_` is `class`, and `_` in names is `-`.

    Args:
        name: of the element.
        content: markup is kept, anything else is escaped.
        attributes: numbers are shortened; None leaves one out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = escape(content)
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def group(parts: Iterable[Markup]) -> Markup:
    """Parts one after another."""
    return Markup("").join(parts)


def chart(
    title: str, description: str, height: float, parts: Iterable[Markup], width: float = WIDTH
) -> Markup:
    """The frame of a chart, with title and description for screen readers.

    Args:
        title: what it shows.
        description: its figures, for screen readers.
        height: of the drawing, in its own units.
        parts: its elements.
        width: of the drawing, in the same units.
    """
    name = "chart-" + hashlib.sha256(f"{title}\n{description}".encode()).hexdigest()[:10]
    inner = group(
        [
            element("title", title, id=f"{name}-title"),
            element("desc", description, id=f"{name}-desc"),
            *parts,
        ]
    )
    return Markup(
        f'<svg viewBox="0 0 {_short(width)} {_short(height)}" role="img" class="chart" '
        f'aria-labelledby="{name}-title {name}-desc">{inner}</svg>'
    )


def text(x: float, y: float, content: object, class_: str = "", anchor: str = "start") -> Markup:
    """A line of text, its baseline at y."""
    return element("text", content, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(
    x: float, y: float, width: float, height: float, class_: str, style: str | None = None, radius: float = 3
) -> Markup:
    """A rectangle with soft corners."""
    return element(
        "rect", x=x, y=y, width=max(width, 0), height=height, rx=radius, class_=class_, style=style
    )


def whisker(low: float, high: float, y: float, class_: str = "whisker", cap: float = 4) -> Markup:
    """A horizontal interval with caps; x already scaled."""
    return group(
        [
            line(low, y, high, y, class_),
            line(low, y - cap, low, y + cap, class_),
            line(high, y - cap, high, y + cap, class_),
        ]
    )


class Scale:
    """Maps a domain to x (or y).

    Args:
        low, high: ends of the domain; equal ends are widened.
        start, end: their coordinates in the drawing.
    """

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        if high <= low:
            low, high = low - 0.5, high + 0.5
        self.low, self.high = low, high
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        """The coordinate of a value; values outside are moved to the ends."""
        inside = min(max(value, self.low), self.high)
        return self._start + (inside - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self, about: int = 4) -> list[float]:
        """About this many round values inside the domain."""
        step = _round_step((self.high - self.low) / max(about, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def tick_digits(self, about: int = 4) -> int:
        """Decimals that tell neighbouring ticks apart."""
        step = _round_step((self.high - self.low) / max(about, 1))
        return max(0, -math.floor(math.log10(step) + 1e-9))


def _round_step(step: float) -> float:
    magnitude: float = 10.0 ** math.floor(math.log10(step))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if step <= factor * magnitude * (1 + 1e-9))


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
