"""The charts of the pages; each is a function from figures to inline SVG.

A chart answers one question, which is its title. Its figures are in a table of
the page or in its description.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ner_jobs.report.svg import WIDTH, Scale, box, chart, element, group, line, text, whisker
from ner_jobs.scoring.estimate import Estimate
from ner_jobs.scoring.summary import Distribution, LengthFigures, TypeFigures

HUES = (212, 28, 158, 322, 262, 48, 188, 95)
"""Hues of the entity types, in their order; red marks errors."""


def hue(number: int) -> int:
    """Hue of the entity type with this number, in degrees; neighbours differ clearly."""
    return HUES[number] if number < len(HUES) else round(number * 137.5) % 360


OFF_THE_SCALE = 0.05
"""In F1. A variant that is further below the best is named and not drawn, so that the others keep apart."""


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """A variant in `intervals`; the chosen one is emphasized."""

    label: str
    value: Estimate
    chosen: bool = False


def intervals(title: str, rows: Sequence[IntervalRow]) -> Markup:
    """Values with their intervals on one scale."""
    left, right, step, top = 10.0, WIDTH - 10.0, 46, 8
    best = max(row.value.point for row in rows)
    near = [row.value for row in rows if row.value.point > best - OFF_THE_SCALE]
    low, high = min(value.low for value in near), max(value.high for value in near)
    room = max((high - low) * 0.12, 0.002)
    scale = Scale(max(0.0, low - room), min(1.0, high + room), left, right)
    bottom = top + step * len(rows)
    parts = [*_axis(scale, top, bottom, 4)]
    for number, row in enumerate(rows):
        y = top + step * number + 30
        x = scale(row.value.point)
        strength = "chosen" if row.chosen else "other"
        parts += [
            text(left, y - 14, row.label, f"label halo {strength}"),
            text(right, y - 14, f"{row.value.point:.4f}", f"figure halo {strength}", "end"),
        ]
        if row.value.point <= best - OFF_THE_SCALE:
            parts.append(text(left, y + 4, "◂ far below the scale", "small off halo"))
            continue
        parts += [
            whisker(scale(row.value.low), scale(row.value.high), y, f"whisker {strength}", 5),
            element("circle", cx=x, cy=y, r=5.5, class_=f"dot {strength}"),
        ]
    said = "; ".join(
        f"{row.label} {row.value.point:.4f}, {row.value.low:.4f} to {row.value.high:.4f}" for row in rows
    )
    return chart(title, said, bottom + 24, parts)


def type_bars(title: str, types: Sequence[TypeFigures]) -> Markup:
    """F1 of each entity type from 0 to 1, with its interval."""
    left, right, step, top = 10.0, WIDTH - 10.0, 44, 4
    scale = Scale(0, 1, left, right)
    bottom = top + step * len(types)
    parts = [*_axis(scale, top, bottom, 5)]
    for number, figures in enumerate(types):
        y = top + step * number
        parts += [
            text(left, y + 14, figures.name, "label"),
            text(right, y + 14, f"{figures.f1.point:.3f}", "figure", "end"),
            text(right - 52, y + 14, f"{figures.gold:,} in gold", "faint", "end"),
            box(left, y + 20, right - left, 14, "track"),
            box(left, y + 20, scale(figures.f1.point) - left, 14, "typed", f"--hue:{hue(number)}"),
            whisker(scale(figures.f1.low), scale(figures.f1.high), y + 27),
        ]
    said = "; ".join(f"{figures.name} {figures.f1.point:.3f}" for figures in types)
    return chart(title, said, bottom + 24, parts)


def heat_map(title: str, types: Sequence[str], matrix: Sequence[Sequence[int]]) -> Markup:
    """Gold type by predicted type; shades show the share of the row, or of the largest error.

    Args:
        title: what it shows.
        types: names of rows and columns.
        matrix: (types + 1, types + 1), the last column missed, the last row spurious.
    """
    count = len(types) + 1
    width = max(float(WIDTH), 96.0 + 44 * count)
    left, top = 92.0, 44.0
    cell = (width - left - 2) / count
    height = min(cell, 60.0)
    last = count - 1
    most_wrong = max(matrix[row][column] for row in range(count) for column in range(count) if row != column)
    columns = [*types, "missed"]
    rows = [*types, "spurious"]
    parts = [text(left, 12, "predicted →", "faint"), text(left - 10, 12, "gold ↓", "faint", "end")]
    for at, name in enumerate(columns):
        parts.append(text(left + cell * (at + 0.5), 34, _clip(name, cell / 7.2), "label", "middle"))
    for row, name in enumerate(rows):
        y = top + height * row
        total = sum(matrix[row]) or 1
        parts.append(text(left - 10, y + height / 2 + 4, _clip(name, 11), "label", "end"))
        for column in range(count):
            number = matrix[row][column]
            if row == column == last:
                continue
            right = row == column
            share = number / total if right else 0.5 * number / max(most_wrong, 1)
            kind = "right" if right else "wrong"
            label = f"{name} predicted as {columns[column]}: {number}"
            strong = " strong" if share > 0.55 else ""
            parts.append(
                element(
                    "g",
                    group(
                        [
                            element("title", label),
                            box(
                                left + cell * column + 1.5,
                                y + 1.5,
                                cell - 3,
                                height - 3,
                                f"cell {kind}",
                                f"--share:{share:.3f}",
                                5,
                            ),
                            text(
                                left + cell * (column + 0.5),
                                y + height / 2 + 4,
                                f"{number:,}" if number else "·",
                                f"figure{strong}" if number else "faint",
                                "middle",
                            ),
                        ]
                    ),
                )
            )
    said = "; ".join(
        f"{rows[row]} as {columns[column]} {matrix[row][column]}"
        for row in range(count)
        for column in range(count)
        if matrix[row][column]
    )
    return chart(title, said, top + height * count + 4, parts, width)


def lengths(title: str, groups: Sequence[LengthFigures]) -> Markup:
    """Share of the sentences with an error, by their length."""
    left, right, top, bottom = 42.0, WIDTH - 6.0, 22.0, 172.0
    shares = [figures.wrong / figures.sentences for figures in groups]
    scale = Scale(0, max(max(shares, default=0) * 1.12, 0.05), bottom, top)
    parts: list[Markup] = []
    for tick in scale.ticks(4):
        y = scale(tick)
        parts += [line(left, y, right, y, "grid"), text(left - 6, y + 4, f"{tick:.0%}", "faint", "end")]
    step = (right - left) / max(len(groups), 1)
    for number, (figures, share) in enumerate(zip(groups, shares, strict=True)):
        x = left + step * number
        y = scale(share)
        parts += [
            box(x + step * 0.16, y, step * 0.68, bottom - y, "bar"),
            text(x + step / 2, y - 5, f"{share:.0%}", "figure small", "middle"),
            text(x + step / 2, bottom + 16, _lengths_label(figures), "label small", "middle"),
            text(x + step / 2, bottom + 31, f"{figures.sentences:,}", "faint small", "middle"),
        ]
    parts += [
        line(left, bottom, right, bottom, "axis"),
        text(2, bottom + 48, "tokens in the sentence, and how many sentences there are", "faint small"),
    ]
    said = "; ".join(
        f"{_lengths_label(figures)} tokens: {share:.0%} of {figures.sentences}"
        for figures, share in zip(groups, shares, strict=True)
    )
    return chart(title, said, bottom + 54, parts)


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line in `histogram`."""

    at: float
    label: str
    kind: str


def histogram(title: str, distribution: Distribution, marks: Sequence[Mark]) -> Markup:
    """The bootstrap distribution of a figure."""
    left, right, bottom = 10.0, WIDTH - 10.0, 190.0
    top = 18.0 + 16 * len(marks)
    low = min([distribution.low, *(mark.at for mark in marks)])
    high = max([distribution.high, *(mark.at for mark in marks)])
    room = (high - low) * 0.04 or 0.01
    scale = Scale(low - room, high + room, left, right)
    tallest = max(distribution.counts)
    parts: list[Markup] = [*_axis(scale, top, bottom, 5)]
    bins = len(distribution.counts)
    step = (distribution.high - distribution.low) / bins
    for number, counted in enumerate(distribution.counts):
        x = scale(distribution.low + step * number)
        wide = scale(distribution.low + step * (number + 1)) - x if step else 6.0
        tall = (bottom - top - 6) * counted / tallest
        parts.append(box(x + 0.4, bottom - tall, wide - 0.8, tall, "bar", None, 1))
    middle = (scale.low + scale.high) / 2
    # Labels point inwards and the outermost is the highest, so that no line crosses a label.
    ordered = sorted(marks, key=lambda mark: -abs(mark.at - middle))
    for number, mark in enumerate(ordered):
        x, y = scale(mark.at), 14 + 16 * number
        near_end = mark.at > middle
        parts += [
            line(x, y - 9, x, bottom, f"mark {mark.kind}"),
            text(
                x - 6 if near_end else x + 6,
                y,
                mark.label,
                "label small halo",
                "end" if near_end else "start",
            ),
        ]
    said = f"{distribution.what} from {distribution.low:.4f} to {distribution.high:.4f}; " + "; ".join(
        mark.label for mark in marks
    )
    return chart(title, said, bottom + 24, parts)


@dataclass(frozen=True, slots=True)
class TradePoint:
    """A variant in `trade`: F1 in 0..1 and sentences a second; `passed` is None if it was not judged."""

    label: str
    f1: float
    per_second: float
    passed: bool | None = None


def trade(title: str, points: Sequence[TradePoint]) -> Markup:
    """Quality by speed: up is better, right is faster."""
    left, right, top, bottom = 48.0, WIDTH - 14.0, 34.0, 226.0
    best = max(point.f1 for point in points)
    worst = min(point.f1 for point in points if point.f1 > best - OFF_THE_SCALE)
    room = max((best - worst) * 0.25, 0.0012)
    across = Scale(0, max(point.per_second for point in points) * 1.12, left, right)
    up = Scale(max(0, worst - room), min(1, best + room), bottom - 20, top)
    digits = up.tick_digits(4)
    parts: list[Markup] = [
        text(6, 12, "F1", "faint"),
        text(right, bottom + 34, "sentences a second", "faint", "end"),
    ]
    for tick in up.ticks(4):
        parts += [
            line(left, up(tick), right, up(tick), "grid"),
            text(left - 6, up(tick) + 4, f"{tick:.{digits}f}", "faint", "end"),
        ]
    for tick in across.ticks(4):
        parts.append(text(across(tick), bottom + 17, f"{tick:,.0f}", "faint", "middle"))
    parts.append(line(left, bottom, right, bottom, "axis"))
    taken: list[tuple[float, float, float]] = []
    for point in sorted(points, key=lambda each: -each.f1):
        off = point.f1 <= best - OFF_THE_SCALE
        label = f"{point.label} ▾ {point.f1:.2f}" if off else point.label
        x, y = across(point.per_second), bottom - 6 if off else up(point.f1)
        kind = {True: "good", False: "bad", None: "other"}[point.passed]
        half = 3.6 * len(label)
        at = min(max(x, left + half), right - half)
        label_y = y - 12
        while any(
            abs(label_y - there) < 13 and abs(at - where) < half + wide for where, there, wide in taken
        ):
            label_y -= 13
        taken.append((at, label_y, half))
        parts += [
            element("circle", cx=x, cy=y, r=6.5, class_=f"dot {kind}"),
            text(at, label_y, label, f"label halo{' off' if off else ''}", "middle"),
        ]
    said = "; ".join(f"{point.label}: F1 {point.f1:.4f}, {point.per_second:.0f} a second" for point in points)
    return chart(title, said, bottom + 42, parts)


def _axis(scale: Scale, top: float, bottom: float, about: int) -> list[Markup]:
    digits = scale.tick_digits(about)
    parts: list[Markup] = []
    for tick in scale.ticks(about):
        x = scale(tick)
        end = "start" if x < 16 else "end" if x > WIDTH - 16 else "middle"
        parts += [
            line(x, top, x, bottom, "grid"),
            text(x, bottom + 16, f"{tick:.{digits}f}", "faint small", end),
        ]
    return parts


def _lengths_label(figures: LengthFigures) -> str:
    return f"{figures.shortest}+" if figures.longest is None else f"{figures.shortest}–{figures.longest}"


def _clip(name: str, characters: float) -> str:
    room = max(3, int(characters))
    return name if len(name) <= room else name[: room - 1] + "…"
