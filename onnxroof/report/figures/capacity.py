"""Bytes from outside against on-chip capacity: how much memory does a model want, and how much do targets have?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxroof.report.figures.scale import LogScale, spanning
from onnxroof.report.figures.svg import Svg, element, joined, number
from onnxroof.report.numbers import quantity

__all__ = ["Mark", "capacity_figure"]

_WIDTH, _HEIGHT = 1000.0, 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 984.0, 30.0, 306.0
_NEAR, _LINE = 20.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A capacity that some targets have: its number in the legend, their names, and what crosses there (may be 0)."""

    number: int
    names: str
    capacity_bytes: float
    moved_bytes: float


def capacity_figure(
    steps: Sequence[tuple[float, float]], compulsory_bytes: float, marks: Sequence[Mark], name: str
) -> Svg:
    """The step curve, both axes logarithmic, numbered dots where targets are, and a line that nothing goes below.

    A mark at which nothing crosses has no place on a logarithmic axis: it is told in words, and has no dot.

    Args:
        steps: (capacity, bytes) above 0, ascending.
        compulsory_bytes: Inputs, weights and outputs once.
        marks: By ascending capacity.
        name: Of the model.
    """
    x = spanning(
        [*(capacity for capacity, _ in steps), *(mark.capacity_bytes for mark in marks)],
        start=_LEFT, end=_RIGHT, margin=1.3,
    )  # fmt: skip
    heights = [*(moved for _, moved in steps), *(mark.moved_bytes for mark in marks), compulsory_bytes]
    y = spanning(heights, start=_BOTTOM, end=_TOP, margin=1.3, decades=1.0)
    told = "; ".join(f"{quantity(m.capacity_bytes, 'B')}: {quantity(m.moved_bytes, 'B')} ({m.names})" for m in marks)
    return element(
        "svg",
        element("title", f"Bytes from outside against on-chip capacity for {name}"),
        _panel(x, y),
        _floor(compulsory_bytes, y),
        element("path", d=_path(steps, x, y), class_="curve"),
        *_dots([mark for mark in marks if mark.moved_bytes > 0], x, y),
        class_="capacity",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_label=f"Bytes from outside over on-chip capacity. {told}",
    )


def _panel(x: LogScale, y: LogScale) -> Svg:
    rows, columns = y.ticks(6), x.ticks()
    grid = "".join(f"M{_LEFT:.0f} {number(y(tick))}H{_RIGHT:.0f}" for tick in rows)
    grid += "".join(f"M{number(x(tick))} {_TOP:.0f}V{_BOTTOM:.0f}" for tick in columns)
    words = [
        element("text", quantity(tick, "B"), x=_LEFT - 8, y=y(tick) + 4, class_="tick", text_anchor="end")
        for tick in rows
    ]
    words += [
        element("text", quantity(tick, "B"), x=x(tick), y=_BOTTOM + 17, class_="tick", text_anchor="middle")
        for tick in columns
    ]
    middle = (_LEFT + _RIGHT) / 2
    return joined(
        element("rect", x=_LEFT, y=_TOP, width=_RIGHT - _LEFT, height=_BOTTOM - _TOP, class_="frame"),
        element("path", d=grid, class_="grid") if grid else "",
        *words,
        element("text", "Bytes from and to outside, one run", x=_LEFT, y=_TOP - 11, class_="axis-title"),
        element("text", "On-chip capacity", x=middle, y=_BOTTOM + 40, class_="axis-title", text_anchor="middle"),
    )


def _floor(compulsory_bytes: float, y: LogScale) -> Svg:
    if compulsory_bytes <= 0:
        return Svg("")
    height = y(compulsory_bytes)
    words = f"inputs, weights and outputs once: {quantity(compulsory_bytes, 'B')}"
    return joined(
        element("path", d=f"M{_LEFT:.0f} {number(height)}H{_RIGHT:.0f}", class_="least"),
        element("text", words, x=_LEFT + 8, y=height - 6, class_="tick"),
    )


def _path(steps: Sequence[tuple[float, float]], x: LogScale, y: LogScale) -> str:
    """A staircase from the first step to the right edge."""
    if not steps:
        return ""
    first = steps[0]
    d = f"M{number(x(first[0]))} {number(y(first[1]))}"
    d += "".join(f"H{number(x(capacity))}V{number(y(moved))}" for capacity, moved in steps[1:])
    return f"{d}H{_RIGHT:.0f}"


def _dots(marks: Sequence[Mark], x: LogScale, y: LogScale) -> list[Svg]:
    """A numbered dot for each mark; numbers of near ones are stacked."""
    found = []
    before, height = -_NEAR, 0.0
    for mark in marks:
        at, on = x(mark.capacity_bytes), y(mark.moved_bytes)
        height = min(height - _LINE, on - 10) if at - before < _NEAR else on - 10
        before = at
        words = f"{mark.names}: {quantity(mark.capacity_bytes, 'B')}, {quantity(mark.moved_bytes, 'B')} cross"
        parts = (
            element("title", words),
            element("path", d=f"M{number(at)} {_BOTTOM:.0f}V{number(height + 3)}", class_="stem"),
            element("circle", cx=at, cy=on, r=4),
            element("text", str(mark.number), x=at, y=height, text_anchor="middle"),
        )
        found.append(element("g", *parts, class_="point"))
    return found
