"""Time against energy of several targets: who is fast, who is frugal, and whom no other target beats in both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnxroof.report.figures.scale import LogScale, spanning
from onnxroof.report.figures.svg import Svg, element, joined, number
from onnxroof.report.numbers import quantity

__all__ = ["Point", "pareto_front", "tradeoff_figure"]

_WIDTH, _HEIGHT = 1000.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 984.0, 26.0, 350.0
_CHARACTER, _LINE = 6.4, 13.0  # of the labels, in the figure's units
_RADIUS = 5.0

_Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A target.

    Attributes:
        name: As its label has it.
        href: Fragment of the page that tells more of it, or "".
        latency_s: Least time of its best plan, above 0.
        energy_j: Of that plan, above 0.
        floor_s: What no plan can beat, None where unknown.
        flaw: Why it is out of the contest, "" where it is not.
    """

    name: str
    href: str
    latency_s: float
    energy_j: float
    floor_s: float | None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a label may go: its start, base line and anchor, what it covers, and how much its distance is disliked."""

    x: float
    y: float
    anchor: str
    box: _Box
    cost: float


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Points without a flaw that no other such point beats in one figure without losing in the other.

    In order of falling energy.
    """
    sound = [point for point in points if not point.flaw]
    front: list[Point] = []
    for point in sorted(sound, key=lambda point: (point.latency_s, point.energy_j)):
        if not front or point.energy_j < front[-1].energy_j:
            front.append(point)
    return front


def tradeoff_figure(points: Sequence[Point], name: str) -> Svg:
    """The figure, both axes logarithmic; a line leads from each point left to its floor."""
    floors = [point.floor_s for point in points if point.floor_s]
    x = spanning([*(point.latency_s for point in points), *floors], start=_LEFT, end=_RIGHT, margin=1.6)
    y = spanning([point.energy_j for point in points], start=_BOTTOM, end=_TOP, margin=1.6, decades=1.2)
    front = pareto_front(points)
    labels = _placed_labels(points, front, x, y)
    parts = [
        element("title", f"Time against energy of {len(points)} targets for {name}"),
        _panel(x, y),
        _front_line(front, x, y),
        *(_whisker(point, x, y) for point in points),
        *(_mark(point, labels[point], x, y, is_best=point in front) for point in points),
    ]
    best = "; ".join(
        f"{point.name}: {quantity(point.latency_s, 's')}, {quantity(point.energy_j, 'J')}" for point in front
    )
    return element(
        "svg",
        *parts,
        class_="tradeoff",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_label=f"Least time against energy of {len(points)} targets. Beaten by no other in both: {best}.",
    )


def _panel(x: LogScale, y: LogScale) -> Svg:
    grid = "".join(f"M{_LEFT:.0f} {number(y(tick))}H{_RIGHT:.0f}" for tick in y.ticks(6))
    grid += "".join(f"M{number(x(tick))} {_TOP:.0f}V{_BOTTOM:.0f}" for tick in x.ticks())
    rows = [
        element("text", quantity(tick, "J"), x=_LEFT - 8, y=y(tick) + 4, class_="tick", text_anchor="end")
        for tick in y.ticks(6)
    ]
    columns = [
        element("text", quantity(tick, "s"), x=x(tick), y=_BOTTOM + 17, class_="tick", text_anchor="middle")
        for tick in x.ticks()
    ]
    middle = (_LEFT + _RIGHT) / 2
    return joined(
        element("rect", x=_LEFT, y=_TOP, width=_RIGHT - _LEFT, height=_BOTTOM - _TOP, class_="frame"),
        element("path", d=grid, class_="grid") if grid else "",
        *rows,
        *columns,
        element("text", "Energy of a run", x=_LEFT, y=_TOP - 9, class_="axis-title"),
        element(
            "text", "Least time of the best plan", x=middle, y=_BOTTOM + 38, class_="axis-title", text_anchor="middle"
        ),
    )


def _front_line(front: Sequence[Point], x: LogScale, y: LogScale) -> Svg:
    """Steps from point to point: right and below of it nothing is beaten."""
    if len(front) < 2:
        return Svg("")
    d = f"M{number(x(front[0].latency_s))} {number(y(front[0].energy_j))}"
    d += "".join(f"H{number(x(point.latency_s))}V{number(y(point.energy_j))}" for point in front[1:])
    return element("path", d=d, class_="front")


def _whisker(point: Point, x: LogScale, y: LogScale) -> Svg:
    if not point.floor_s or point.floor_s >= point.latency_s:
        return Svg("")
    at, height = number(x(point.floor_s)), y(point.energy_j)
    d = f"M{at} {number(height - 4)}V{number(height + 4)}M{at} {number(height)}H{number(x(point.latency_s))}"
    return element("path", d=d, class_="whisker")


def _mark(point: Point, label: _Place, x: LogScale, y: LogScale, *, is_best: bool) -> Svg:
    floor = "" if point.floor_s is None else f", floor {quantity(point.floor_s, 's')}"
    flaw = f"; {point.flaw}" if point.flaw else ""
    words = f"{point.name}: {quantity(point.latency_s, 's')}{floor}, {quantity(point.energy_j, 'J')}{flaw}"
    state = "best" if is_best else "flawed" if point.flaw else ""
    inner = (
        element("title", words),
        element("circle", cx=x(point.latency_s), cy=y(point.energy_j), r=_RADIUS),
        element("text", point.name, x=label.x, y=label.y, text_anchor=label.anchor),
    )
    group = element("g", *inner, class_=f"point {state}".rstrip())
    return element("a", group, href=point.href) if point.href else group


def _placed_labels(points: Sequence[Point], front: Sequence[Point], x: LogScale, y: LogScale) -> dict[Point, _Place]:
    """Where each label goes: near its point, hiding little. Those of the front choose first."""
    reach = _RADIUS + 1
    taken: list[_Box] = []
    for point in points:
        cx, cy = x(point.latency_s), y(point.energy_j)
        taken.append((cx - reach, cy - reach, cx + reach, cy + reach))
        if point.floor_s:
            taken.append((x(point.floor_s), cy - 0.5, cx, cy + 0.5))
    placed = {}
    for point in sorted(points, key=lambda point: point not in front):
        width = _CHARACTER * len(point.name)
        places = _candidates(x(point.latency_s), y(point.energy_j), width)
        best = min(
            places,
            key=lambda place: place.cost + _outside(place.box) + sum(_overlap(place.box, box) for box in taken),
        )
        taken.append(best.box)
        placed[point] = best
    return placed


def _candidates(cx: float, cy: float, width: float) -> Iterable[_Place]:
    """Places around a point, the best first."""
    gap = _RADIUS + 4
    for shift, cost in ((0.0, 0.0), (-_LINE, 40.0), (_LINE, 40.0), (-2 * _LINE, 160.0), (2 * _LINE, 160.0)):
        base = cy + 4 + shift
        top, bottom = base - _LINE + 3, base + 3
        yield _Place(cx + gap, base, "start", (cx + gap, top, cx + gap + width, bottom), cost)
        yield _Place(cx - gap, base, "end", (cx - gap - width, top, cx - gap, bottom), cost + 5)
        if shift:
            yield _Place(cx, base, "middle", (cx - width / 2, top, cx + width / 2, bottom), cost)


def _overlap(one: _Box, other: _Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0


def _outside(box: _Box) -> float:
    """Area of a box outside the frame, weighed so that a label rather hides something than leaves the picture."""
    inside = _overlap(box, (_LEFT, _TOP, _RIGHT, _BOTTOM))
    return 10 * ((box[2] - box[0]) * (box[3] - box[1]) - inside)
