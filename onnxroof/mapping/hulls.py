"""How long is what tiles of counters span inside an axis, from the first element to the last: in all, and at most?

Tiles of two counters are not walked where there are many: their full tiles start at the points of a lattice.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.lattice import Lattice

__all__ = ["hulls"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOGETHER = 1 << 10
"""Starts of tiles at which no more are added to those that are looked at together: bounds what memory it takes."""

WALKED = 1 << 8
"""Up to so many tiles of one of two counters, of all sizes, are looked at one by one."""

MOST_WALKED = 1 << 12
"""The same on an axis that is too long for exact sums otherwise."""

CASES = 1 << 14
"""So many pairs of sizes are looked at together otherwise."""

LONGEST = 1 << 31
"""Counters that reach so far have sums over all of their tiles that fit in 64 bits, twice."""


def hulls(
    terms: Sequence[tuple[int, int]], offset: int, extent: int, sizes: Sequence[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Sum over the tiles, and the greatest, of the span from first to last touched element inside [0, extent)."""
    long = max(range(len(terms)), key=lambda number: terms[number][0])
    if len(terms) == 2:
        walked = sum(-(-terms[1 - long][0] // size) for size in sizes[1 - long].tolist())
        if walked > (MOST_WALKED if _is_long(terms, offset, extent) else WALKED):
            return _by_lattice(terms, offset, extent, sizes)
    others = [number for number in range(len(terms)) if number != long]
    shape = tuple(len(size) for size in sizes)
    total, peak = np.empty(shape), np.empty(shape)
    every = list(itertools.product(*(range(len(sizes[number])) for number in others)))
    begin = 0
    while begin < len(every):
        starts, reaches, first = [], [], [0]
        for picked in every[begin:]:
            start, reach = _tiles_of(
                terms, [(number, int(sizes[number][n])) for number, n in zip(others, picked, strict=True)]
            )
            starts.append(offset + start)
            reaches.append(reach + 1)
            first.append(first[-1] + len(start))
            if first[-1] >= TOGETHER:
                break
        sums, most = _spans(
            terms[long], sizes[long], np.concatenate(starts), np.concatenate(reaches), extent, first[:-1]
        )
        for column, picked in enumerate(every[begin : begin + len(starts)]):
            where = tuple(slice(None) if n == long else picked[others.index(n)] for n in range(len(terms)))
            total[where], peak[where] = sums[:, column], most[:, column]
        begin += len(starts)
    return total, peak


def _tiles_of(terms: Sequence[tuple[int, int]], sizes: Sequence[tuple[int, int]]) -> tuple[IntArray, IntArray]:
    """Where the tiles of some loops (number and tile size) start, one combination after the other, and their reach."""
    starts, reaches = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for number, size in sizes:
        count, stride = terms[number]
        first = np.arange(0, count, size)
        starts = np.add.outer(starts, stride * first).ravel()
        reaches = np.add.outer(reaches, stride * (np.minimum(size, count - first) - 1)).ravel()
    return starts, reaches


def _spans(
    term: tuple[int, int], sizes: IntArray, starts: IntArray, lengths: IntArray, extent: int, groups: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """As `hulls`, over the tiles of one loop and the (start, length) that the tiles of the others give.

    `groups` are the first of each run of starts that belong together: the second axis of what is returned.

    The starts of the full tiles are an arithmetic progression, so their clipped sum has a closed form.
    """
    count, stride = term
    size = sizes[:, None]
    full = -(-count // size) - 1
    step = stride * size
    total, peak = _progression(starts, step, full, stride * (size - 1) + lengths, extent)
    last = starts + step * full
    last_span = stride * (count - size * full - 1) + lengths
    last_length = _clipped(last + last_span, extent) - _clipped(last, extent)
    sums = np.add.reduceat(total + last_length, groups, axis=1)
    most = np.maximum.reduceat(np.maximum(peak, last_length), groups, axis=1)
    return sums.astype(float), most.astype(float)


def _is_long(terms: Sequence[tuple[int, int]], offset: int, extent: int) -> bool:
    return sum(count * stride for count, stride in terms) > LONGEST or extent + abs(offset) > LONGEST << 29


def _by_lattice(
    terms: Sequence[tuple[int, int]], offset: int, extent: int, sizes: Sequence[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """As `hulls`, of two loops of any length; of an axis that is too long as if no tile reached out of it."""
    (count, stride), (other, apart) = terms
    is_long = _is_long(terms, offset, extent)
    rows, columns = (np.repeat(sizes[0], len(sizes[1])), np.tile(sizes[1], len(sizes[0])))
    total, peak = np.empty(len(rows)), np.empty(len(rows))
    for begin in range(0, len(rows), CASES):
        some = slice(begin, begin + CASES)
        wide, high = rows[some], columns[some]
        parts = []  # full tiles of both loops, and last ones of either or both
        full, more = -(-count // wide) - 1, -(-other // high) - 1
        for is_last, is_end in itertools.product((False, True), repeat=2):
            across, along = count - wide * full if is_last else wide, other - high * more if is_end else high
            span = stride * (across - 1) + apart * (along - 1) + 1
            start: IntArray = offset + stride * wide * full * is_last + apart * high * more * is_end
            if is_long:
                number = (1.0 if is_last else full.astype(float)) * (1.0 if is_end else more)
                parts.append((number * np.minimum(span, extent), np.where(number, np.minimum(span, extent), 0)))
            elif is_last:
                parts.append(_progression(start, apart * high, np.ones_like(high) if is_end else more, span, extent))
            elif is_end:
                parts.append(_progression(start, stride * wide, full, span, extent))
            else:
                begins = Lattice(start, (stride * wide, apart * high), (full, more))
                parts.append(_of_lattice(begins, span, extent))
        total[some] = sum(part for part, _ in parts)
        peak[some] = np.max([part for _, part in parts], axis=0)
    shape = (len(sizes[0]), len(sizes[1]))
    return total.reshape(shape), peak.reshape(shape)


def _of_lattice(begins: Lattice, span: IntArray, extent: int) -> tuple[IntArray, IntArray]:
    """Sum over tiles of one span that begin at the points of a lattice, and the greatest, of what is inside."""
    zero = np.zeros_like(span)
    twice = begins.twice_above(zero - span) - begins.twice_above(extent - span)
    twice += begins.twice_above(zero + extent) - begins.twice_above(zero)
    # The length inside rises and falls with the place: what matters is how far from the plateau the nearest tile is.
    low, high = np.minimum(0, extent - span), np.maximum(0, extent - span)
    beside = np.minimum(begins.next_above(low), begins.mirrored.next_above(-high)) - (high - low)
    return twice // 2, np.maximum(np.minimum(span, extent) - np.maximum(beside, 0), 0)


def _progression(
    starts: IntArray, step: IntArray, count: IntArray, span: IntArray, extent: int
) -> tuple[IntArray, IntArray]:
    """As `_of_lattice`, of tiles that begin step after step."""
    total = _clipped_sum(starts + span, step, count, extent) - _clipped_sum(starts, step, count, extent)
    # The length inside rises and falls with the start: the longest tile is beside the plateau.
    nearest = -((starts - np.minimum(0, extent - span)) // step)
    peak, most = np.zeros_like(total), np.maximum(count - 1, 0)
    for tile in (nearest - 1, nearest):
        start = starts + step * _clipped(tile, most)
        length = _clipped(start + span, extent) - _clipped(start, extent)
        peak = np.maximum(peak, np.where(count > 0, length, 0))
    return total, peak


def _clipped_sum(start: IntArray, step: IntArray, count: IntArray, extent: int) -> IntArray:
    """Sum of min(max(start + step * j, 0), extent) for j in range(count)."""
    below = _clipped(-(start // step), count)
    inside = np.minimum(np.maximum(-((start - extent) // step), below), count)
    progression = (inside - below) * start + step * (inside * (inside - 1) - below * (below - 1)) // 2
    total: IntArray = progression + extent * (count - inside)
    return total


def _clipped(values: IntArray, most: int | IntArray) -> IntArray:
    """The values where they lie in [0, most], else its nearest end: two plain operations take less than `np.clip`."""
    least: IntArray = np.minimum(np.maximum(values, 0), most)
    return least
