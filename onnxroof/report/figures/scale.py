"""Logarithmic axes: where a value lies, and which ticks to show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LogScale", "spanning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScale:
    """Maps [low, high] (both above 0) to [start, end] on a logarithmic axis; `end` may lie before `start`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value above 0 lies."""
        part = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + part * (self.end - self.start)

    @property
    def length_per_decade(self) -> float:
        """How far a factor of ten reaches, at least 0."""
        return abs(self.end - self.start) / (math.log10(self.high) - math.log10(self.low))

    def majors(self, most: int = 9) -> tuple[float, ...]:
        """Powers of ten inside the axis, evenly thinned to at most `most`."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(math.ceil((last - first + 1) / most), 1)
        return tuple(10.0**power for power in range(first, last + 1) if power % step == 0)

    def ticks(self, most: int = 9) -> tuple[float, ...]:
        """Powers of ten as `majors`; where fewer than three lie inside the axis, twice and five times these as well."""
        majors = self.majors(most)
        if len(majors) >= 3:
            return majors
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        ticks = (digit * 10.0**power for power in range(first, last) for digit in (1, 2, 5))
        return tuple(tick for tick in ticks if self.low < tick < self.high)

    def minors(self) -> tuple[float, ...]:
        """Two to nine times each power of ten inside the axis; none where a decade is too short to tell them apart."""
        if self.length_per_decade < 40:
            return ()
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        ticks = (digit * 10.0**power for power in range(first, last) for digit in range(2, 10))
        return tuple(tick for tick in ticks if self.low < tick < self.high)


def spanning(
    values: Iterable[float], *, start: float, end: float, margin: float = 2.0, decades: float = 2.0
) -> LogScale:
    """The scale that shows all values with a factor of `margin` or a tenth of its length on both sides.

    It is at least `decades` long. Without values it lies around 10.
    """
    known = [value for value in values if value > 0 and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (10.0, 10.0)
    margin = max(margin, (high / low) ** 0.1)
    low, high = low / margin, high * margin
    missing = decades - math.log10(high / low)
    if missing > 0:
        low, high = low / 10 ** (missing / 2), high * 10 ** (missing / 2)
    return LogScale(low=low, high=high, start=start, end=end)
