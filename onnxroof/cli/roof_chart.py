"""What do the two roofs of a target look like in a terminal?

Lines are drawn in dots of braille letters, two by four a letter, both axes logarithmic. Under the axis stands each
level at its ridge point: where its slope meets the peak in time, and where it takes as much energy as the compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from onnxroof.roofline.model import (
    attainable_ops_per_s,
    efficiency_ops_per_j,
    energy_ridge_ops_per_byte,
    ridge_ops_per_byte,
)
from onnxroof.roofline.terms import bandwidth_bytes_per_s, least_energy_j_per_byte
from onnxroof.targets.model import Engine, Peak, Target
from onnxroof.units import format_si

__all__ = ["Roof", "chart", "fastest_peak", "roofs"]

_ROWS = 8
_LABEL = 12
_MOST_DECADES = 6
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille letter, by row and column
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Roof:
    """A roof of one peak under all levels of which it is known.

    Attributes:
        title: What it shows.
        unit: Of its height.
        top: Its greatest height.
        curves: Height over intensity, by level.
        ridges: Intensity of the ridge point, by level.
    """

    title: str
    unit: str
    top: float
    curves: Mapping[str, Callable[[float], float]]
    ridges: Mapping[str, float]


def fastest_peak(target: Target) -> tuple[Engine, Peak] | None:
    """The fastest peak of the engines that run MACs, or of all where none does; the first of equals."""
    for engines in ([engine for engine in target.engines if "mac" in engine.runs], target.engines):
        known = [(engine, peak) for engine in engines for peak in engine.peaks if peak.rate]
        if known:
            return max(known, key=lambda pair: pair[1].rate.value if pair[1].rate else 0.0)
    return None


def roofs(target: Target) -> Iterator[Roof]:
    """The roof in time and that in energy of the fastest peak, as far as they are known."""
    found = fastest_peak(target)
    if found is None or found[1].rate is None:
        return
    engine, peak = found
    kind = f"{peak.input.name} on {engine.name}"
    rate = found[1].rate.value
    slopes = {level.name: (bandwidth_bytes_per_s(level), level.instances) for level in target.levels}
    bandwidths = {name: one * count for name, (one, count) in slopes.items() if one}
    if bandwidths:
        yield Roof(
            title=f"Roof in time, {kind}: OP/s over OP/B",
            unit="OP/s",
            top=rate,
            curves={name: _time_curve(rate, bandwidth) for name, bandwidth in bandwidths.items()},
            ridges={name: ridge_ops_per_byte(rate, bandwidth) for name, bandwidth in bandwidths.items()},
        )
    prices = {level.name: least_energy_j_per_byte(level) for level in target.levels}
    energies = {name: price for name, price in prices.items() if price}
    if energies and peak.energy is not None and peak.energy.value:
        compute = peak.energy.value
        yield Roof(
            title=f"Roof in energy, {kind}: OP/J over OP/B, static power left out",
            unit="OP/J",
            top=1 / compute,
            curves={name: _energy_curve(compute, energy) for name, energy in energies.items()},
            ridges={name: energy_ridge_ops_per_byte(compute, energy) for name, energy in energies.items()},
        )


def _time_curve(peak: float, bandwidth: float) -> Callable[[float], float]:
    return lambda intensity: attainable_ops_per_s(peak, {"level": bandwidth}, {"level": intensity})[0]


def _energy_curve(compute: float, energy: float) -> Callable[[float], float]:
    return lambda intensity: efficiency_ops_per_j(compute, {"level": energy}, {"level": intensity})


def chart(roof: Roof, width: int) -> list[str]:
    """A roof as lines of text, none wider than `width`."""
    columns = max(20, width - _LABEL - 1)
    last = math.ceil(math.log10(max(roof.ridges.values())) + 0.5)
    first = max(math.floor(math.log10(min(roof.ridges.values())) - 0.5), last - _MOST_DECADES)
    step = (last - first) / (2 * columns - 1)
    top = math.log10(roof.top) + 0.1
    heights = [math.log10(curve(10.0**first)) for curve in roof.curves.values()]
    bottom = max(min(heights), top - _MOST_DECADES)
    cells = [[0] * columns for _ in range(_ROWS)]
    dots = 4 * _ROWS - 1
    for curve in roof.curves.values():
        previous: int | None = None
        for x in range(2 * columns):
            height = (math.log10(curve(10.0 ** (first + x * step))) - bottom) / (top - bottom)
            y = dots - round(height * dots)
            if y <= dots:
                above = y if previous is None else min(max(previous - 1, y), dots)
                for dot in range(y, above + 1):  # a steep line leaves no gap
                    cells[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
            previous = y
    labels = {0: format_si(roof.top, roof.unit), _ROWS - 1: format_si(10.0**bottom, roof.unit)}
    lines = [roof.title]
    lines += [
        f"{labels.get(row, ''):>{_LABEL}}│" + "".join(chr(_BLANK + cell) for cell in cells[row]).rstrip(chr(_BLANK))
        for row in range(_ROWS)
    ]
    places = {name: round((math.log10(ridge) - first) / (2 * step)) for name, ridge in roof.ridges.items()}
    ticks = set(places.values())
    lines.append(" " * _LABEL + "└" + "".join("┴" if column in ticks else "─" for column in range(columns)))
    lines += [" " * (_LABEL + 1) + row for row in _names(places, roof.ridges, columns)]
    ends = (format_si(10.0**first, "OP/B"), format_si(10.0**last, "OP/B"))
    lines.append(" " * (_LABEL + 1) + ends[0] + ends[1].rjust(columns - len(ends[0])))
    return lines


def _names(places: Mapping[str, int], ridges: Mapping[str, float], columns: int) -> list[str]:
    """Names of levels with their ridge points under their ticks, in as many rows as they need side by side."""
    rows: list[str] = []
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        text = f"{name} {format_si(ridges[name], '').strip()}"[:columns]
        start = min(max(place - len(text) // 2, 0), columns - len(text))
        for index, row in enumerate(rows):
            if len(row) + 2 <= start:
                rows[index] = row.ljust(start) + text
                break
        else:
            rows.append(" " * start + text)
    return rows
