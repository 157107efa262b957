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
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import Access, LoopNest

__all__ = [
    "Divided", "Hull", "Span", "SpanTable", "Tile", "Whole", "Window", "access_spans", "covers", "dim_of", "hull",
    "loop_spans", "span_table", "through_view",
]  # fmt: skip

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a dimension, whatever the tile."""

    extent: int


@dataclass(frozen=True, slots=True)
class Tile:
    """The tile of dimension number `dim` of a group of operators."""

    dim: int
    extent: int


@dataclass(frozen=True, slots=True)
class Window:
    """Indices `stride * i + offset + 0 ... reach` for i in a span, as far as they lie in the dimension."""

    of: Span
    stride: int
    reach: int
    offset: int
    extent: int


@dataclass(frozen=True, slots=True)
class Divided:
    """Indices i // by for i in a span: the outer of the dimensions that a view made one."""

    of: Span
    by: int
    extent: int


@dataclass(frozen=True, slots=True)
class Hull:
    """The least interval that holds two spans of one dimension."""

    one: Span
    other: Span
    extent: int


Span: TypeAlias = Whole | Tile | Window | Divided | Hull


def dim_of(span: Span) -> int:
    """The tiled dimension that a span depends on, -1 for none."""
    while True:
        match span:
            case Whole():
                return -1
            case Tile():
                return span.dim
            case Hull():
                span = span.one
            case _:
                span = span.of


def hull(one: Span, other: Span) -> Span:
    """What two readers of a dimension need together."""
    if one == other:
        return one
    if isinstance(one, Whole) or isinstance(other, Whole) or dim_of(one) != dim_of(other):
        return Whole(one.extent)
    return Hull(one, other, one.extent)


def _window(of: Span, stride: int, reach: int, offset: int, extent: int) -> Span:
    if isinstance(of, Whole):
        return Whole(extent)
    if (stride, reach, offset) == (1, 0, 0) and of.extent == extent:
        return of
    return Window(of, stride, reach, offset, extent)


def access_spans(nest: LoopNest, access: Access, loops: Sequence[Span]) -> tuple[Span, ...]:
    """What an operand's dimensions are touched at, from the spans of the loops."""
    found: list[Span] = []
    for axis in access.axes:
        reach, offset = 0, axis.offset
        tiled: list[tuple[Span, int]] = []
        for term in axis.terms:
            extent = nest.loops[term.loop].extent
            if term.stride < 0:
                offset += term.stride * (extent - 1)
            if isinstance(loops[term.loop], Whole):
                reach += abs(term.stride) * (extent - 1)
            else:
                tiled.append((loops[term.loop], term.stride))
        if len(tiled) == 1 and tiled[0][1] > 0:
            found.append(_window(tiled[0][0], tiled[0][1], reach, offset, axis.extent))
        else:
            found.append(Whole(axis.extent))
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
                part: Span = Whole(extent)
                if len(terms) == 1 and term.stride == 1:
                    part = _window(span, 1, 0, -axis.offset, extent)
                before = found[term.loop]
                found[term.loop] = part if before is None else hull(before, part)
    return [
        Whole(loop.extent) if span is None or (nest.sweeps > 1 and number in nest.swept) else span
        for number, (loop, span) in enumerate(zip(nest.loops, found, strict=True))
    ]


def through_view(spans: Sequence[Span], view: Sequence[int], shape: Sequence[int]) -> tuple[Span, ...]:
    """Spans of a tensor of `shape`, from those of another name of its bytes with the shape `view`."""
    if tuple(view) == tuple(shape):
        return tuple(spans)
    everything = tuple(Whole(extent) for extent in shape)
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
        if any(not isinstance(span, Whole) for span, _ in some[1:]):
            continue  # runs with gaps: all of it is taken
        lead, rest = some[0][0], one // some[0][1]
        flat = _window(lead, rest, rest - 1, 0, one)
        axis, extent = others[0]
        found[axis] = flat if len(others) == 1 or isinstance(flat, Whole) else Divided(flat, one // extent, extent)
    return everything if inner or outer else tuple(Whole(s.extent) if isinstance(s, Whole) else s for s in found)


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """A span over all tiles, for S tile sizes of the dimension that it depends on.

    Attributes:
        peak: (S,) the longest interval.
        total: (S,) sum of the lengths over the tiles.
        covered: (S,) what they touch together, each index once.
        overlap: (S,) most that a tile touches of what the tile before it touched.
    """

    peak: FloatArray
    total: FloatArray
    covered: FloatArray
    overlap: FloatArray


@lru_cache(maxsize=65536)
def span_table(span: Span, sizes: tuple[int, ...]) -> SpanTable:
    """The table of a span for tile sizes of its dimension; sizes do not matter to one that depends on none."""
    if isinstance(span, Whole):
        whole = np.full(len(sizes), float(span.extent))
        return SpanTable(whole, whole, whole, np.zeros(len(sizes)))
    if isinstance(span, Tile):
        whole = np.full(len(sizes), float(span.extent))
        return SpanTable(np.array(sizes, dtype=float), whole, whole, np.zeros(len(sizes)))
    extent = _tile_extent(span)
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
    return SpanTable(
        np.maximum.reduceat(lengths, begins).astype(float),
        total,
        total - again,
        np.maximum.reduceat(overlap, begins).astype(float),
    )


def covers(span: Span) -> bool:
    """Whether the tiles touch the whole dimension together, whatever their size."""
    if isinstance(span, (Whole, Tile)):
        return True
    smallest = max(1, _tile_extent(span) // 4096)
    return bool(span_table(span, (smallest,)).covered[0] == span.extent)


def _tile_extent(span: Span) -> int:
    while not isinstance(span, Tile):
        assert not isinstance(span, Whole)
        span = span.one if isinstance(span, Hull) else span.of
    return span.extent


@lru_cache(maxsize=65536)
def _bounds(span: Span, sizes: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """First index, and the one behind the last, of each tile of each size, one size after the other."""
    match span:
        case Tile():
            starts = np.concatenate([np.arange(0, span.extent, size) for size in sizes])
            lengths = np.repeat(sizes, [-(-span.extent // size) for size in sizes])
            return starts, np.minimum(starts + lengths, span.extent)
        case Window():
            first, behind = _bounds(span.of, sizes)
            starts = np.clip(span.stride * first + span.offset, 0, span.extent)
            ends = np.clip(span.stride * (behind - 1) + span.reach + span.offset + 1, 0, span.extent)
            ends = np.where(behind > first, np.maximum(ends, starts), starts)
            return starts, ends
        case Divided():
            first, behind = _bounds(span.of, sizes)
            starts = first // span.by
            return starts, np.where(behind > first, -(-behind // span.by), starts)
        case Hull():
            (a, b), (c, d) = _bounds(span.one, sizes), _bounds(span.other, sizes)
            starts = np.where(b <= a, c, np.where(d <= c, a, np.minimum(a, c)))
            return starts, np.maximum(starts, np.maximum(np.where(b > a, b, 0), np.where(d > c, d, 0)))
        case Whole():
            raise AssertionError("a whole dimension has no tiles")


def tile_counts(extent: int, sizes: Sequence[int]) -> FloatArray:
    """(S,) trips."""
    return np.array([-(-extent // size) for size in sizes], dtype=float)


