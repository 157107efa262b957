"""What do sums over the points `start + step * i + other * j` come to, and which lies next to a place, without a walk?

The points are where tiles of two counters start. All functions take arrays, one entry a case, and need as many steps
as Euclid's algorithm. Sums are exact as long as twice the result fits in 64 bits: what is greater on the way cancels,
since 64-bit arithmetic is exact up to multiples of 2^64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lattice", "least_remainder"]

IntArray = npt.NDArray[np.int64]

NONE = 1 << 62
"""A distance where there is no point."""


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Points `start + steps[0] * i + steps[1] * j` for i < counts[0] and j < counts[1].

    Attributes:
        start: (C,) any number.
        steps: (C,) each, above 0.
        counts: (C,) each, not negative.
    """

    start: IntArray
    steps: tuple[IntArray, IntArray]
    counts: tuple[IntArray, IntArray]

    @property
    def last(self) -> IntArray:
        """The greatest point."""
        (step, other), (count, more) = self.steps, self.counts
        end: IntArray = self.start + step * (count - 1) + other * (more - 1)
        return end

    def twice_above(self, place: IntArray) -> IntArray:
        """Twice the sum of how far points lie above a place, modulo 2^64."""
        (step, other), (count, more) = self.steps, self.counts
        # From the greatest point down: `some` values of j have points above, of the first `every` all points are.
        top = self.last - place
        some = _clipped(-(-top // other), more)
        every = _clipped((top - step * count) // other + 1, some)
        found = 2 * every * count * top - other * count * every * (every - 1) - step * every * count * (count - 1)
        # Of the others a part, the least first: floor((least + other * t) / step) + 1 points in steps below.
        rest, least = some - every, top - other * (some - 1)
        floors, by_place, squares = _floor_sums(rest, other, least, step)
        found += 2 * least * (floors + rest) + other * (by_place + rest * (rest - 1)) - step * (squares + floors)
        return np.where((count > 0) & (some > 0), found, 0)

    def next_above(self, place: IntArray) -> IntArray:
        """How far above a place the next point is, 0 for one at it, `NONE` where there is none."""
        (step, other), (count, more) = self.steps, self.counts
        first = self.start - place
        beyond = np.maximum(-(first // other), 0)  # from this j on all points are at or above it
        found = np.where(beyond < more, first + other * beyond, NONE)
        begin = np.maximum(-((first + step * (count - 1)) // other), 0)
        several = np.minimum(beyond, more) - begin
        there = (several > 0).nonzero()[0]
        found[there] = np.minimum(
            found[there],
            least_remainder(several[there], other[there], (first + other * begin)[there], step[there]),
        )
        return np.where((count > 0) & (more > 0), found, NONE)

    @property
    def mirrored(self) -> Lattice:
        """The points on the other side of 0."""
        return Lattice(-self.last, self.steps, self.counts)


def least_remainder(count: IntArray, factor: IntArray, start: IntArray, divisor: IntArray) -> IntArray:
    """(C,) the least (factor * t + start) mod divisor for t < count, which is at least 1.

    Remainders rise by the factor until they wrap. So the least is the first, or the first behind a wrap: these are
    below the factor, and again a line modulo the factor. Walked backwards if that makes the factor less than half.
    """
    best = np.full(len(count), NONE)
    there = np.arange(len(count))
    while len(there):
        factor, start = factor % divisor, start % divisor
        is_steep = 2 * factor > divisor
        start = np.where(is_steep, (factor * (count - 1) + start) % divisor, start)
        factor = np.where(is_steep, divisor - factor, factor)
        best[there] = np.minimum(best[there], start)
        wraps = (factor * (count - 1) + start) // divisor
        goes_on = wraps > 0
        there, count, factor, start, divisor = (part[goes_on] for part in (there, wraps, factor, start, divisor))
        factor, start, divisor = -divisor % factor, (start - divisor) % factor, factor
    return best


def _floor_sums(
    count: IntArray, factor: IntArray, start: IntArray, divisor: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """With q = (factor * t + start) // divisor: sums of q, of 2 * t * q and of q * q over t < count, modulo 2^64.

    `start` is not negative. Whole parts are taken out; what is left counts points under a line, the same as those
    beside it with the axes exchanged (Graham, Knuth, Patashnik: Concrete Mathematics, 3.5).
    """
    slope, height = factor // divisor, start // divisor
    factor, start = factor % divisor, start % divisor
    last = count - 1
    most = np.where(count > 0, (factor * last + start) // divisor, 0)
    floors, by_place, squares = np.zeros((3, len(count)), dtype=np.int64)
    there = (most > 0).nonzero()[0]
    if len(there):
        few, end = most[there], last[there]
        beside, by_few, squared = _floor_sums(few, divisor[there], (divisor - start - 1)[there], factor[there])
        floors[there] = end * few - beside
        by_place[there] = few * end * (end + 1) - squared - beside
        squares[there] = end * few * (few + 1) - by_few - 2 * beside - floors[there]
    # Sums of 2 t and of t * t, the latter divided by 6 before it can leave 64 bits.
    twice = count * last
    third = np.where(count % 3 == 0, count // 3 * last, np.where(last % 3 == 0, last // 3 * count, twice))
    squared = third // 2 * np.where(third == twice, (2 * count - 1) // 3, 2 * count - 1)
    squares += slope * slope * squared + height * height * count + slope * height * twice
    squares += 2 * height * floors + slope * by_place
    by_place += 2 * slope * squared + height * twice
    floors += slope * (twice // 2) + height * count
    return floors, by_place, squares


def _clipped(values: IntArray, most: IntArray) -> IntArray:
    least: IntArray = np.minimum(np.maximum(values, 0), most)
    return least
