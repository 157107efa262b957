"""Which part of a tensor does a tile of a later result need? Intervals by dimension, derived from access maps alone.

A span is an interval of one dimension as a function of a tile: the tile itself, all of the dimension, or what an
affine index makes of another span (stride, dilation, halo, padding). Spans know no operator. A dimension depends on one
tiled dimension at most; where two meet in one index, all of it is needed.

All tiles of all tile sizes are evaluated at once: the bounds of the intervals are carried through the maps, and clipped
to each tensor in turn, so that the padding of every operator counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import Access, LoopNest

__all__ = [
    "Span", "SpanTable", "access_spans", "covers", "hull", "loop_spans", "scaled", "span_table", "through_view", "tile",
    "whole",
]  # fmt: skip

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """An interval of one dimension. Equal spans are one object: made by the functions of this module only.

    Attributes:
        extent: Of the dimension.
        dim: Number of the tiled dimension that it depends on, -1 for none: then it is the whole dimension.
        of: The span that it comes from, None for the tile itself.
        other: A second one: it is the least interval that holds both.
        stride, reach, offset: Else its indices are `stride * i + offset + 0 ... reach` for i in `of`, as far as they
            lie in the dimension,
        by: or, where this is not 0, `i // by`: the outer one of two dimensions that a view made one.
    """

    extent: int
    dim: int = -1
    of: Span | None = None
    other: Span | None = None
    stride: int = 1
    reach: int = 0
    offset: int = 0
    by: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole dimension, whatever the tile."""
        return self.dim < 0

    @property
    def is_tile(self) -> bool:
        """Whether it is the tile itself."""
        return self.dim >= 0 and self.of is None

    @property
    def tile_extent(self) -> int:
        """Extent of the tiled dimension."""
        span = self
        while span.of is not None:
            span = span.of
        return span.extent


_KEPT = 1 << 18


@lru_cache(maxsize=_KEPT)
def whole(extent: int) -> Span:
    """All of a dimension."""
    return Span(extent)


@lru_cache(maxsize=_KEPT)
def tile(dim: int, extent: int) -> Span:
    """The tile of dimension number `dim` of a group of operators."""
    return Span(extent, dim)


@lru_cache(maxsize=_KEPT)
def _window(of: Span, stride: int, reach: int, offset: int, extent: int) -> Span:
    if of.is_whole:
        return whole(extent)
    if (stride, reach, offset) == (1, 0, 0) and of.extent == extent:
        return of
    return Span(extent, of.dim, of, None, stride, reach, offset)


@lru_cache(maxsize=_KEPT)
def _divided(of: Span, by: int, extent: int) -> Span:
    return Span(extent, of.dim, of, by=by)


@lru_cache(maxsize=_KEPT)
def hull(one: Span, other: Span) -> Span:
    """What two readers of a dimension need together.

    All of it where they depend on different tiled dimensions, or where one goes back to what the other is done with:
    tiles would not slide over it.
    """
    if one is other:
        return one
    if one.dim != other.dim or one.is_whole:
        return whole(one.extent)
    both = Span(one.extent, one.dim, one, other)
    starts, ends = _bounds(both, (_smallest(both),))
    is_needed = ends > starts
    slides = all((np.diff(bounds[is_needed]) >= 0).all() for bounds in (starts, ends))
    return both if slides else whole(one.extent)


def scaled(span: Span, times: int) -> Span:
    """The same part of a dimension that is so many times as long."""
    return _window(span, times, times - 1, 0, span.extent * times)


def access_spans(nest: LoopNest, access: Access, loops: Sequence[Span]) -> tuple[Span, ...]:
    """What an operand's dimensions are touched at, from the spans of the loops."""
    found: list[Span] = []
    for axis in access.axes:
        if len(axis.terms) == 1 and axis.terms[0].stride == 1 and axis.offset == 0:
            span = loops[axis.terms[0].loop]
            if span.extent == axis.extent:
                found.append(span)
                continue
        reach, offset = 0, axis.offset
        tiled: list[tuple[Span, int]] = []
        for term in axis.terms:
            extent = nest.loops[term.loop].extent
            if term.stride < 0:
                offset += term.stride * (extent - 1)
            if loops[term.loop].is_whole:
                reach += abs(term.stride) * (extent - 1)
            else:
                tiled.append((loops[term.loop], term.stride))
        if len(tiled) == 1 and tiled[0][1] > 0:
            found.append(_window(tiled[0][0], tiled[0][1], reach, offset, axis.extent))
        else:
            found.append(whole(axis.extent))
    return tuple(found)


def loop_spans(nest: LoopNest, wanted: Iterable[tuple[Access, Sequence[Span]]]) -> list[Span]:
    """What of each loop must run for parts of results, each given with its access; loops of sums run whole.

    A loop is cut where it alone walks a dimension of a result one by one. A loop that is walked again and again
    (`swept`) is never cut: each of its results needs all of it.
    """
    found: list[Span | None] = [None] * len(nest.loops)
    for access, spans in wanted:
        for axis, span in zip(access.axes, spans, strict=True):
            terms = [term for term in axis.terms if nest.loops[term.loop].extent > 1]
            for term in terms:
                extent = nest.loops[term.loop].extent
                part = whole(extent)
                if len(terms) == 1 and term.stride == 1:
                    part = _window(span, 1, 0, -axis.offset, extent)
                before = found[term.loop]
                found[term.loop] = part if before is None else hull(before, part)
    return [
        whole(loop.extent) if span is None or (nest.sweeps > 1 and number in nest.swept) else span
        for number, (loop, span) in enumerate(zip(nest.loops, found, strict=True))
    ]


def through_view(spans: Sequence[Span], view: Sequence[int], shape: Sequence[int]) -> tuple[Span, ...]:
    """Spans of a tensor of `shape`, from those of another name of its bytes with the shape `view`."""
    if tuple(view) == tuple(shape):
        return tuple(spans)
    everything = tuple(whole(extent) for extent in shape)
    found: list[Span] = list(everything)
    inner = [(span, extent) for span, extent in zip(spans, view, strict=True) if extent != 1]
    outer = [(axis, extent) for axis, extent in enumerate(shape) if extent != 1]
    while inner and outer:
        some, others = [inner.pop(0)], [outer.pop(0)]
        one, other = some[0][1], others[0][1]
        while one != other:
            if one < other:
                if not inner:
                    return everything
                some.append(inner.pop(0))
                one *= some[-1][1]
            else:
                if not outer:
                    return everything
                others.append(outer.pop(0))
                other *= others[-1][1]
        if any(not span.is_whole for span, _ in some[1:]):
            continue  # runs with gaps: all of it is taken
        lead, rest = some[0][0], one // some[0][1]
        flat = _window(lead, rest, rest - 1, 0, one)
        axis, extent = others[0]
        found[axis] = flat if len(others) == 1 or flat.is_whole else _divided(flat, one // extent, extent)
    return everything if inner or outer else tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """A span over all tiles, for S tile sizes of the dimension that it depends on.

    Attributes:
        peak: (S,) the longest interval.
        total: (S,) sum of the lengths over the tiles.
        covered: (S,) what they touch together, each index once.
        overlap: (S,) most that a tile touches of what the tile before it touched.
        fresh: (S,) most that a tile touches which no tile before it did, the first aside: what of it is there in the
            beginning can come in as many steps.
        lag: (S,) most of what came before that is still needed, if all that is made from it is made once: what a
            window reaches back of the new part of its result, and not of all of it.
    """

    peak: FloatArray
    total: FloatArray
    covered: FloatArray
    overlap: FloatArray
    fresh: FloatArray
    lag: FloatArray


@lru_cache(maxsize=16384)
def span_table(span: Span, sizes: tuple[int, ...]) -> SpanTable:
    """The table of a span for tile sizes of its dimension; sizes do not matter to one that depends on none."""
    if span.is_whole:
        everything, nothing = np.full(len(sizes), float(span.extent)), np.zeros(len(sizes))
        return SpanTable(everything, everything, everything, nothing, everything, nothing)
    if span.is_tile:
        everything, nothing, size = np.full(len(sizes), float(span.extent)), np.zeros(len(sizes)), np.array(sizes) + 0.0
        return SpanTable(size, everything, everything, nothing, size, nothing)
    extent = span.tile_extent
    if (taken := _taken(span)) is not None:
        return _cut_table(*taken, extent, np.array(sizes))
    starts, ends = _bounds(span, sizes)
    counts = np.array([-(-extent // size) for size in sizes])
    begins = np.concatenate(([0], np.cumsum(counts)[:-1]))
    lengths = ends - starts
    before = np.concatenate(([0], ends[:-1]))
    before[begins] = starts[begins]
    # Bounds never fall from tile to tile, so what came before ends where the last tile does.
    overlap = np.clip(before - starts, 0, lengths)
    overlap[begins] = 0
    total = np.add.reduceat(lengths, begins).astype(float)
    again = np.add.reduceat(overlap, begins).astype(float)
    fresh = lengths - overlap
    fresh[begins] = np.where(counts == 1, lengths[begins], 0)
    lag = np.clip(before - _needed(span, sizes, begins), 0, None)
    lag[begins] = 0
    return SpanTable(
        np.maximum.reduceat(lengths, begins).astype(float),
        total,
        total - again,
        np.maximum.reduceat(overlap, begins).astype(float),
        np.maximum.reduceat(fresh, begins).astype(float),
        np.maximum.reduceat(lag, begins).astype(float),
    )


def _taken(span: Span) -> tuple[int, int] | None:
    """First index, and the one behind the last, of the tiled dimension of which it is made index by index.

    None where anything but a part is taken of it on the way.
    """
    extent = span.tile_extent
    low, high, shift = 0, span.extent, 0  # of the index that the walk has come to, counted as it was at the end
    while span.of is not None:
        if span.other is not None or span.by or span.reach or span.stride != 1:
            return None
        shift += span.offset
        span = span.of
        low, high = max(low, shift), min(high, shift + span.extent)
    first = min(max(low - shift, 0), extent)
    return first, max(first, min(high - shift, extent))


def _cut_table(first: int, behind: int, extent: int, size: IntArray) -> SpanTable:
    """The table of a part of the tiled dimension: tiles share nothing, and all but the outer ones are whole."""
    begin, end, last = first // size, (behind - 1) // size, -(-extent // size) - 1
    peak, fresh = np.zeros(len(size)), np.zeros(len(size))
    for tile in (begin, begin + 1, end):  # one of the first two and the last is the longest
        for most, least in ((peak, 0), (fresh, np.minimum(1, last))):
            place = np.clip(tile, least, last)
            length = np.minimum(np.minimum((place + 1) * size, extent), behind) - np.maximum(place * size, first)
            np.maximum(most, length, out=most)
    everything, nothing = np.full(len(size), float(behind - first)), np.zeros(len(size))
    return SpanTable(peak, everything, everything, nothing, fresh, nothing)


def _needed(span: Span, sizes: tuple[int, ...], begins: IntArray) -> IntArray:
    """First index that each tile needs if of what is made of it only the new part is made."""
    if span.of is None:
        return _bounds(span, sizes)[0]
    if span.other is not None:
        return np.minimum(_needed(span.of, sizes, begins), _needed(span.other, sizes, begins))
    first, behind = _bounds(span.of, sizes)
    new = np.maximum(first, np.concatenate(([0], behind[:-1])))
    new[begins] = first[begins]
    if span.by:
        return new // span.by
    found: IntArray = np.clip(span.stride * new + span.offset, 0, span.extent)
    return found


def covers(span: Span) -> bool:
    """Whether the tiles touch the whole dimension together, whatever their size."""
    if span.is_whole or span.is_tile:
        return True
    return bool(span_table(span, (_smallest(span),)).covered[0] == span.extent)


def _smallest(span: Span) -> int:
    """A tile so small that what does not hold for it holds for none."""
    return max(1, span.tile_extent // 4096)


@lru_cache(maxsize=256)
def _bounds(span: Span, sizes: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """First index, and the one behind the last, of each tile of each size, one size after the other."""
    if span.of is None:
        starts = np.concatenate([np.arange(0, span.extent, size) for size in sizes])
        lengths = np.repeat(sizes, [-(-span.extent // size) for size in sizes])
        return starts, np.minimum(starts + lengths, span.extent)
    first, behind = _bounds(span.of, sizes)
    if span.other is not None:
        (a, b), (c, d) = (first, behind), _bounds(span.other, sizes)
        starts = np.where(b <= a, c, np.where(d <= c, a, np.minimum(a, c)))
        return starts, np.maximum(starts, np.maximum(np.where(b > a, b, 0), np.where(d > c, d, 0)))
    if span.by:
        starts = first // span.by
        return starts, np.where(behind > first, -(-behind // span.by), starts)
    starts = np.clip(span.stride * first + span.offset, 0, span.extent)
    ends = np.clip(span.stride * (behind - 1) + span.reach + span.offset + 1, 0, span.extent)
    return starts, np.where(behind > first, np.maximum(ends, starts), starts)
