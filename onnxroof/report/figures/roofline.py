"""The throughput roofline and the energy roofline, one under the other over a shared axis of operational intensity.

Throughput: `P = min(peak, bandwidth_l x AI_l)`, one slope a memory level. Energy: `eta = 1 / (e_c + e_l / AI_l +
static power / P)`, a smooth curve a level; without static power at half its height where both parts are equal. No dot
lies above the outermost of these lines: the slopes end at the peak of the mix of work with the highest, and there is a
curve for the mix with the cheapest operations. The idea of two rooflines: Verhelst, Benini and Verma, IEEE JSSC
60(6), 2025.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from onnxroof.report.figures.scale import LogScale, spanning
from onnxroof.report.figures.svg import Svg, element, joined, number
from onnxroof.report.numbers import count, intensity, quantity
from onnxroof.report.words import shortened
from onnxroof.roofline.ceilings import power_roof_ops_per_s

__all__ = ["MOST_CIRCLES", "Ceiling", "Dot", "Roof", "Rooflines", "Shift", "rooflines_figure"]

MOST_CIRCLES = 500  # above it a level's dots become one path a size: thousands of elements make a page slow

_WIDTH, _LEFT, _RIGHT = 760.0, 62.0, 744.0
_THROUGHPUT_TOP, _THROUGHPUT_BOTTOM = 26.0, 296.0
_STRIP_TOP, _STRIP_HEIGHT = 306.0, 17.0
_ENERGY_TOP, _ENERGY_BOTTOM = 376.0, 576.0
_CURVE_POINTS = 64
_SHORTEST_ARROW = 3.0
_LABEL_HEIGHT = 16.0  # of a label with its distance from its line
_SAME_LINE = 4.0  # ceilings closer than that look like one, and the first gives it its label


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """One memory level.

    Attributes:
        name: Of the level.
        bandwidth: Bytes/s, all instances.
        energy_per_byte: J.
        ridge, energy_ridge: ops/byte.
        overlaps: Whether its transfers hide behind compute; else time is the sum of both.
    """

    name: str
    bandwidth: float | None
    energy_per_byte: float | None
    ridge: float | None
    energy_ridge: float | None
    overlaps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A height that some work cannot exceed, ops/s: the peak of an engine, or one lowered by a part-filled array."""

    label: str
    ops_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One group at one level.

    Attributes:
        group: Rank of its kind in the page's data.
        groups: How many groups it stands for.
        level: Number of the level.
        intensity: ops/byte there.
        height: ops/s, or ops/J in the lower chart.
        share: Of the plan's time, or energy, all its groups together.
        title: What a pointer that rests on it is told without a script, or "".
    """

    group: int
    level: int
    intensity: float
    height: float
    share: float
    groups: int = 1
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What fusion does to the whole model: from one (ops/byte, height) to another, with words for a pointer."""

    start: tuple[float, float]
    end: tuple[float, float]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooflines:
    """What both charts show.

    Attributes:
        name: Of the target.
        roofs: Memory levels, outermost first.
        peak: Of the engine that runs most of the model.
        lower_peaks: Of the other engines.
        mix: The highest that a mix of work on several engines comes, where that is above the peak.
        is_open: Whether a group has work of which no rate is known: no peak bounds it, only the slopes do.
        precisions: Peaks of the same engine in other types.
        array_ceilings: The peak lowered by the part of the array that some groups fill.
        energy_per_op: J at the peak, None where unknown.
        cheapest_op: J of an operation in the mix of work with the cheapest, where that is below `energy_per_op`.
        static_power: W that flow whatever the chip does, 0 where unknown.
        power_cap: W, None where there is none or it is unknown.
        time_dots: Of the upper chart.
        energy_dots: Of the lower one.
        time_shift: What fusion does, in the upper chart, at the outermost level.
        energy_shift: The same in the lower one.
    """

    name: str
    roofs: tuple[Roof, ...]
    peak: Ceiling | None
    lower_peaks: tuple[Ceiling, ...]
    mix: Ceiling | None = None
    is_open: bool = False
    precisions: tuple[Ceiling, ...] = ()
    array_ceilings: tuple[Ceiling, ...] = ()
    energy_per_op: float | None = None
    cheapest_op: float | None = None
    static_power: float = 0.0
    power_cap: float | None = None
    time_dots: tuple[Dot, ...] = ()
    energy_dots: tuple[Dot, ...] = ()
    time_shift: Shift | None = None
    energy_shift: Shift | None = None

    @property
    def has_energy(self) -> bool:
        """Whether anything is known that the lower chart could show."""
        return bool(self.energy_dots) or any(self.efficiency(roof, 1.0) for roof in self.roofs)

    @property
    def top(self) -> float | None:
        """The level part of the throughput roof, ops/s; None where nothing known bounds all work."""
        if self.peak is None or self.is_open:
            return None
        return max(self.peak.ops_per_s, self.mix.ops_per_s if self.mix else 0.0)

    def attainable(self, roof: Roof, at: float) -> float:
        """Height of a level's throughput roof at an intensity, ops/s; infinite where nothing is known to bound it."""
        top = math.inf if self.top is None else self.top
        slope = math.inf if roof.bandwidth is None else roof.bandwidth * at
        if roof.overlaps or not top or not slope:
            return min(top, slope)
        time = 1 / top + 1 / slope
        return 1 / time if time else math.inf

    def efficiency(self, roof: Roof, at: float, *, with_static: bool = True, of_cheapest: bool = False) -> float | None:
        """Height of a level's energy roof at an intensity, ops/J: 1 / (e_c + e_l / AI + static power / P).

        `e_c` is that of the peak or, `of_cheapest`, that of the mix of work with the cheapest operations, whose roof no
        dot lies above.
        """
        if self.energy_per_op is None or roof.energy_per_byte is None:
            return None
        compute = self.cheapest_op if of_cheapest and self.cheapest_op is not None else self.energy_per_op
        energy = compute + roof.energy_per_byte / at
        if with_static and self.static_power:
            energy += self.static_power / self.attainable(roof, at)
        return 1 / energy if energy > 0 else None

    def capped(self, roof: Roof, at: float) -> float | None:
        """What the power cap leaves at an intensity, ops/s, if only compute and this level drew power."""
        if self.power_cap is None or self.energy_per_op is None or roof.energy_per_byte is None:
            return None
        if self.energy_per_op + roof.energy_per_byte <= 0:
            return None
        return power_roof_ops_per_s(self.power_cap, self.static_power, self.energy_per_op, roof.energy_per_byte, at)


def rooflines_figure(chart: Rooflines) -> Svg:
    """Both charts as one SVG; only the upper one where nothing is known of energy."""
    x = spanning(_intensities(chart), start=_LEFT, end=_RIGHT)
    bottom = _ENERGY_BOTTOM if chart.has_energy else _STRIP_TOP + _STRIP_HEIGHT * 2
    parts = [
        element("title", f"Throughput and energy roofline of {chart.name}"),
        _throughput(chart, x),
        *(_regimes(chart, x, level) for level in range(len(chart.roofs))),
    ]
    if chart.has_energy:
        parts.append(_energy(chart, x))
    parts.append(_x_axis(x, bottom))
    return element(
        "svg",
        *parts,
        class_="rooflines",
        viewBox=f"0 0 {_WIDTH:.0f} {bottom + 46:.0f}",
        role="img",
        aria_label=f"Throughput and energy roofline of {chart.name}",
    )


def _throughput(chart: Rooflines, x: LogScale) -> Svg:
    named = [(name, ceiling) for name, ceiling in (("peak", chart.peak), ("mix", chart.mix)) if ceiling]
    named += [("lower", ceiling) for ceiling in chart.lower_peaks]
    named += [("precision", ceiling) for ceiling in chart.precisions]
    named += [("array", ceiling) for ceiling in chart.array_ceilings]
    heights = [dot.height for dot in chart.time_dots] + [ceiling.ops_per_s for _, ceiling in named]
    heights += _shift_heights(chart.time_shift)
    if not named:
        heights += [roof.bandwidth * x.high for roof in chart.roofs if roof.bandwidth]
    y = spanning(heights, start=_THROUGHPUT_BOTTOM, end=_THROUGHPUT_TOP, margin=2.2)
    top = y.high if chart.top is None else chart.top
    parts = [_panel(x, y, "Throughput, ops/s")]
    parts += [_slope(level, roof, top, x, y) for level, roof in enumerate(chart.roofs) if roof.bandwidth]
    parts += [_serial(chart, level, roof, x, y) for level, roof in enumerate(chart.roofs) if not roof.overlaps]
    parts += [_power(chart, level, roof, x, y) for level, roof in enumerate(chart.roofs)]
    parts += _ceilings(named, max((roof.bandwidth or 0.0 for roof in chart.roofs), default=0.0), x, y)
    if chart.peak:
        parts += [
            _ridge(level, roof.name, (roof.ridge, chart.peak.ops_per_s), x, y)
            for level, roof in enumerate(chart.roofs)
            if roof.ridge
        ]
    parts.append(element("path", d=f"M{_LEFT:.0f} 0H{_RIGHT:.0f}", class_="ceiling own", hidden="hidden"))
    parts += [_dots(chart.time_dots, level, x, y) for level in range(len(chart.roofs))]
    parts.append(_arrow(chart.time_shift, x, y))
    scale = f"{y.low!r} {y.high!r} {y.start} {y.end}"  # by which the script draws the ceiling of a single group
    return element("g", *parts, class_="throughput", data_unit="ops/s", data_y=scale)


def _energy(chart: Rooflines, x: LogScale) -> Svg:
    best = 1 / chart.energy_per_op if chart.energy_per_op else None
    ridges = [
        height
        for roof in chart.roofs
        if roof.energy_ridge and (height := chart.efficiency(roof, roof.energy_ridge)) is not None
    ]
    heights = [dot.height for dot in chart.energy_dots] + ridges + ([best] if best else [])
    heights += [1 / chart.cheapest_op] if chart.cheapest_op else []
    heights += _shift_heights(chart.energy_shift)
    y = spanning(heights, start=_ENERGY_BOTTOM, end=_ENERGY_TOP, margin=2.0)
    parts = [_panel(x, y, "Energy efficiency, ops/J")]
    named = [] if best is None else [("peak", Ceiling(label=f"compute alone {quantity(best, 'OP/J')}", ops_per_s=best))]
    if chart.cheapest_op:
        words = f"the cheapest mix of work {quantity(1 / chart.cheapest_op, 'OP/J')}"
        named.append(("mix", Ceiling(label=words, ops_per_s=1 / chart.cheapest_op)))
    parts += _ceilings(named, 0.0, x, y)
    for level, roof in enumerate(chart.roofs):
        parts.append(_curve(chart, level, roof, x, y))
        if roof.energy_ridge and (height := chart.efficiency(roof, roof.energy_ridge)) is not None:
            parts.append(_ridge(level, roof.name, (roof.energy_ridge, height), x, y))
    parts += [_dots(chart.energy_dots, level, x, y) for level in range(len(chart.roofs))]
    parts.append(_arrow(chart.energy_shift, x, y))
    return element("g", *parts, class_="energy", data_unit="ops/J")


def _intensities(chart: Rooflines) -> Iterable[float]:
    yield from (dot.intensity for dot in (*chart.time_dots, *chart.energy_dots))
    for shift in (chart.time_shift, chart.energy_shift):
        yield from (shift.start[0], shift.end[0]) if shift else ()
    for roof in chart.roofs:
        yield from (value for value in (roof.ridge, roof.energy_ridge) if value)


def _panel(x: LogScale, y: LogScale, title: str) -> Svg:
    """Frame, grid, labels of the vertical axis, and the title above it."""
    grid = "".join(f"M{_LEFT:.0f} {number(y(tick))}H{_RIGHT:.0f}" for tick in y.majors(6))
    grid += "".join(f"M{number(x(tick))} {y.end:.0f}V{y.start:.0f}" for tick in x.majors())
    fine = "".join(f"M{number(x(tick))} {y.end:.0f}V{y.start:.0f}" for tick in x.minors())
    labels = [
        element("text", count(tick), x=_LEFT - 8, y=y(tick) + 4, class_="tick", text_anchor="end")
        for tick in y.majors(6)
    ]
    frame = element("rect", x=_LEFT, y=y.end, width=_RIGHT - _LEFT, height=y.start - y.end, class_="frame")
    lines = [element("path", d=d, class_=name) for d, name in ((fine, "grid fine"), (grid, "grid")) if d]
    return joined(frame, *lines, *labels, element("text", title, x=_LEFT, y=y.end - 9, class_="axis-title"))


def _x_axis(x: LogScale, top: float) -> Svg:
    labels = [
        element("text", intensity(tick), x=x(tick), y=top + 17, class_="tick", text_anchor="middle")
        for tick in x.majors()
    ]
    middle = (_LEFT + _RIGHT) / 2
    title = "Operational intensity at the memory level, ops/byte"
    return joined(*labels, element("text", title, x=middle, y=top + 37, class_="axis-title", text_anchor="middle"))


def _slope(level: int, roof: Roof, top: float, x: LogScale, y: LogScale) -> Svg:
    """`bandwidth x intensity` from where it enters the chart to its ridge, with its name along it."""
    bandwidth = roof.bandwidth or 0.0
    first, last = max(x.low, y.low / bandwidth), min(x.high, top / bandwidth)
    if first >= last:
        return Svg("")
    d = f"M{number(x(first))} {number(y(first * bandwidth))}L{number(x(last))} {number(y(last * bandwidth))}"
    parts = [element("path", d=d, class_="roof")]
    across, up = x(last) - x(first), y(first * bandwidth) - y(last * bandwidth)
    if math.hypot(across, up) > 120:
        left, angle = x(first) + 8, math.degrees(math.atan2(-up, across))
        base = y(first * bandwidth) - 8 * up / across - 6
        label = f"{shortened(roof.name, 14)} {quantity(bandwidth, 'B/s')}"
        turn = f"rotate({number(angle)} {number(left)} {number(base)})"
        parts.append(element("text", label, x=left, y=base, class_="roof-label", transform=turn))
    return element("g", *parts, class_=f"s{level % 6}", data_level=level)


def _curve(chart: Rooflines, level: int, roof: Roof, x: LogScale, y: LogScale) -> Svg:
    """A level's energy roof; dashed what it would be without static power, thin that of cheaper operations."""
    curves = {"roof": partial(chart.efficiency, roof)}
    if chart.static_power:
        curves["roof bare"] = partial(chart.efficiency, roof, with_static=False)
    if chart.cheapest_op:
        curves["roof cheap"] = partial(chart.efficiency, roof, of_cheapest=True)
    drawn = {name: _sampled(curve, x, y) for name, curve in curves.items()}
    parts = [element("path", d=d, class_=name) for name, d in drawn.items() if d]
    return element("g", *parts, class_=f"s{level % 6}", data_level=level) if parts else Svg("")


def _serial(chart: Rooflines, level: int, roof: Roof, x: LogScale, y: LogScale) -> Svg:
    """The rounded corner of a level whose transfers do not hide behind compute: half of the corner at the ridge."""
    if roof.bandwidth is None or chart.top is None:
        return Svg("")
    d = _sampled(lambda at: chart.attainable(roof, at), x, y)
    title = element("title", f"{shortened(roof.name, 40)} does not work beside compute: both times add up")
    return element("path", title, d=d, class_=f"ceiling serial s{level % 6}", data_level=level) if d else Svg("")


def _power(chart: Rooflines, level: int, roof: Roof, x: LogScale, y: LogScale) -> Svg:
    """What a power cap leaves, where that is below the roof."""

    def below(at: float) -> float | None:
        height = chart.capped(roof, at)
        return height if height is not None and height < chart.attainable(roof, at) else None

    d = _sampled(below, x, y)
    if not d:
        return Svg("")
    words = f"power cap {quantity(chart.power_cap, 'W')}, if only compute and {shortened(roof.name, 40)} drew power"
    hidden = "" if level == 0 else " unselected"
    path = element("path", element("title", words), d=d, class_="ceiling cap")
    return element("g", path, class_=f"power s{level % 6}{hidden}", data_level=level)


def _sampled(height_at: Callable[[float], float | None], x: LogScale, y: LogScale) -> str:
    """A curve's path, sampled evenly over the axis, where it is inside the chart; "" for less than two points."""
    ratio = x.high / x.low
    points = []
    for step in range(_CURVE_POINTS + 1):
        at = x.low * ratio ** (step / _CURVE_POINTS)
        height = height_at(at)
        if height is not None and y.low <= height <= y.high:
            points.append(f"{number(x(at))} {number(y(height))}")
    return "M" + "L".join(points) if len(points) > 1 else ""


def _ceilings(named: Sequence[tuple[str, Ceiling]], bandwidth: float, x: LogScale, y: LogScale) -> Iterable[Svg]:
    """Level lines with their labels, from where the steepest roof meets them; a label that finds no room is left out.

    Args:
        named: Class and ceiling, the most important first.
        bandwidth: Of the steepest roof, bytes/s; 0 where none is known.
        x: Horizontal axis.
        y: Vertical axis.
    """
    taken: list[float] = []
    labelled: list[float] = []
    lines = [y(ceiling.ops_per_s) for _, ceiling in named]
    for name, ceiling in named:
        height = y(ceiling.ops_per_s)
        start = x(ceiling.ops_per_s / bandwidth) if bandwidth else _LEFT
        start = min(max(start, _LEFT), _RIGHT)
        yield element(
            "path",
            element("title", ceiling.label),
            d=f"M{number(start)} {number(height)}H{_RIGHT:.0f}",
            class_=f"ceiling {name}",
        )
        sides = {-1: height - 6, 1: height + 13}  # of the baseline of a label, above and below
        free = {side: at for side, at in sides.items() if all(abs(at - other) > 12 for other in taken)}
        # Beyond another line it would be taken for that one's. The peak has a label in any case.
        own = [
            at
            for side, at in free.items()
            if not any(_SAME_LINE < side * (other - height) < _LABEL_HEIGHT for other in lines)
        ]
        base = next(iter(own or (free.values() if name == "peak" else ())), None)
        if base is not None and all(abs(height - other) > _SAME_LINE for other in labelled):
            labelled.append(height)
            taken.append(base)
            words = f"ceiling-label {name}"
            yield element("text", ceiling.label, x=_RIGHT - 6, y=base, class_=words, text_anchor="end")


def _ridge(level: int, name: str, point: tuple[float, float], x: LogScale, y: LogScale) -> Svg:
    """The ridge point, a diamond with a line down to the axis."""
    at, height = point
    cx, cy = number(x(at)), number(y(height))
    line = element("path", d=f"M{cx} {cy}V{y.start:.0f}", class_="ridge-line")
    title = element("title", f"ridge point of {shortened(name, 40)}: {intensity(at)} ops/byte")
    diamond = element("path", title, d=f"M{cx} {cy}m0 -5l5 5l-5 5l-5 -5z", class_="ridge")
    return element("g", line, diamond, class_=f"s{level % 6}", data_level=level)


def _regimes(chart: Rooflines, x: LogScale, level: int) -> Svg:
    """Two bands between the charts: what limits time and what takes energy, left and right of a level's ridges."""
    roof = chart.roofs[level]
    rows = (
        ("time", roof.ridge, "memory-bound", "compute-bound"),
        ("energy", roof.energy_ridge, "memory energy leads", "compute energy leads"),
    )
    parts: list[Svg] = []
    for row, (what, ridge, left_words, right_words) in enumerate(rows):
        if ridge is None:
            continue
        top = _STRIP_TOP + row * _STRIP_HEIGHT
        split = min(max(x(ridge), _LEFT), _RIGHT)
        parts.append(element("text", what, x=_LEFT - 8, y=top + 12, class_="tick", text_anchor="end"))
        for start, end, words, side in ((_LEFT, split, left_words, "memory"), (split, _RIGHT, right_words, "compute")):
            if end - start < 1:
                continue
            parts.append(
                element("rect", x=start, y=top, width=end - start, height=_STRIP_HEIGHT - 3, class_=f"regime {side}")
            )
            if end - start > 7.0 * len(words):
                middle = (start + end) / 2
                parts.append(
                    element("text", words, x=middle, y=top + 10.6, class_="regime-label", text_anchor="middle")
                )
    hidden = "" if level == 0 else " unselected"
    return element("g", *parts, class_=f"regimes s{level % 6}{hidden}", data_level=level) if parts else Svg("")


def _dots(dots: Sequence[Dot], level: int, x: LogScale, y: LogScale) -> Svg:
    """A level's dots; groups that share a point are one dot, as large as their shares together."""
    places: dict[tuple[str, str], list[Dot]] = {}
    for dot in dots:
        if dot.level == level:
            places.setdefault((number(x(dot.intensity)), number(y(dot.height))), []).append(dot)
    if not places:
        return Svg("")
    ordered = sorted(places.items(), key=lambda place: -_radius(place[1]))  # small dots lie on top of large ones
    draw = _circles if len(ordered) <= MOST_CIRCLES else _paths
    faint = "" if level == 0 else " unselected"
    return element("g", *draw(ordered), class_=f"dots s{level % 6}{faint}", data_level=level)


def _shift_heights(shift: Shift | None) -> list[float]:
    return [shift.start[1], shift.end[1]] if shift else []


def _arrow(shift: Shift | None, x: LogScale, y: LogScale) -> Svg:
    """From where the model lies without fusion to where it lies with it; nothing where that is the same place."""
    if shift is None:
        return Svg("")
    (x0, y0), (x1, y1) = ((x(at), y(height)) for at, height in (shift.start, shift.end))
    length = math.hypot(x1 - x0, y1 - y0)
    if length < _SHORTEST_ARROW:
        return Svg("")
    along, across = (x1 - x0) / length, (y1 - y0) / length
    sides = [(x1 - 7 * along + side * 3.5 * across, y1 - 7 * across - side * 3.5 * along) for side in (1, -1)]
    wings = "L".join(f"{number(left)} {number(top)}" for left, top in (sides[0], (x1, y1), sides[1]))
    d = f"M{number(x0)} {number(y0)}L{number(x1)} {number(y1)}M{wings}"
    return element("path", element("title", shift.title), d=d, class_="shift")


def _circles(places: Sequence[tuple[tuple[str, str], list[Dot]]]) -> Iterable[Svg]:
    for (cx, cy), dots in places:
        title = [element("title", dots[0].title)] if dots[0].title else []
        others = _others(dots) or None
        yield element("circle", *title, cx=cx, cy=cy, r=_radius(dots), data_g=dots[0].group, data_more=others)


def _paths(places: Sequence[tuple[tuple[str, str], list[Dot]]]) -> Iterable[Svg]:
    """Each size as one path of zero-length strokes with round ends."""
    sizes: dict[int, list[tuple[tuple[str, str], list[Dot]]]] = {}
    for place in places:
        sizes.setdefault(round(2 * _radius(place[1])), []).append(place)
    for size, members in sizes.items():
        d = "".join(f"M{cx} {cy}h0" for (cx, cy), _ in members)
        groups = " ".join(str(dots[0].group) for _, dots in members)
        others = " ".join(str(_others(dots)) for _, dots in members)
        yield element("path", d=d, class_="many", stroke_width=size, data_g=groups, data_more=others)


def _others(dots: Sequence[Dot]) -> int:
    """Groups at a point that are not alike to its first."""
    return sum(dot.groups for dot in dots[1:])


def _radius(dots: Sequence[Dot]) -> float:
    """Area by share of time or energy, but never too small to see nor so large that it hides the chart."""
    return min(max(24 * math.sqrt(sum(dot.share for dot in dots)), 2.5), 15.0)
