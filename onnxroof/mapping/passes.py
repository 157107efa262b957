"""What does a way to run a group move and hold, over all its tiles?

What must fit is the most of all operators in turn: the values that are alive, what is kept, and a slice of what streams
past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.regions import Span, hull
from onnxroof.mapping.stacks import Operand, Stack, Use
from onnxroof.mapping.tiles import Tiles
from onnxroof.mapping.ways import SOME_MEMBERS, Way

__all__ = ["Evaluation", "Grid", "Part"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Spans = tuple[Span, ...]

MOST_PREFIXES = 3
"""So many sets of operands that stay for good are tried."""

STATISTICS_BYTES = 8
"""A row that is normalised while it is walked has a maximum and a sum, 4 bytes each."""


class Grid:
    """Tiles of a stack with the same sums cut, and what all ways to walk them share.

    T tiles, A operands, M members, V values.

    Args:
        stack: The group.
        tiles: All tiles.
        fixed: Sizes of dimensions that are cut in one size only.
        cut: Sums that are cut.
    """

    def __init__(self, stack: Stack, tiles: Tiles, fixed: dict[int, int], cut: frozenset[int]) -> None:
        self.stack, self.tiles, self.fixed, self.cut = stack, tiles, fixed, cut
        self._fixed = tuple(fixed.items())  # what `tiles` remembers is of all stacks that have them
        # By use of each operand the dimensions that it depends on, and those of them with a halo.
        self.uses = [[_Dims.of([axis.span for axis in use.axes]) for use in one.uses] for one in stack.operands]
        self.members = [_Dims(tuple(one.dims), _halos(one.spans)) for one in stack.members]
        # Values that are read in a loop of the tile in which they may not be made anew, with who reads them there.
        self.wider = [
            (number, value.maker, reader)
            for number, value in enumerate(stack.values)
            for reader in stack.members[value.maker].readers
            if not stack.members[reader].dims <= stack.members[value.maker].dims
        ]
        self._trips: dict[tuple[int, ...], FloatArray | float] = {(): 1.0}
        self._held: dict[frozenset[int], FloatArray] = {}
        self._caches: dict[tuple[frozenset[int], tuple[int, ...]], FloatArray] = {}
        self._kept: dict[tuple[int, frozenset[int], tuple[int, ...]], FloatArray | float] = {}
        self._passing: dict[frozenset[int], tuple[FloatArray, FloatArray]] = {}
        self._alive: dict[frozenset[int], FloatArray] = {}

    def trips(self, dims: tuple[int, ...]) -> FloatArray | float:
        """Iterations of some dimensions."""
        found = self._trips.get(dims)
        if found is None:
            found = self.trips(dims[:-1]) * self.tiles.trips(dims[-1], self.stack.extents[dims[-1]], self.fixed)
            self._trips[dims] = found
        return found

    def size(self, dim: int) -> IntArray | int:
        """(T,) sizes of the tiles along a dimension, its extent where it is not cut."""
        if dim in self.tiles.sizes:
            return np.array(self.tiles.sizes[dim])[self.tiles.places[dim]]
        return self.fixed.get(dim, self.stack.extents[dim])

    # What is held

    def held(self, cached: frozenset[int]) -> FloatArray:
        """(V, T) elements of the tiles of the values, less those that lie in the caches of halos."""
        found = self._held.get(cached)
        if found is None:
            found = self._held[cached] = np.empty((len(self.stack.values), self.tiles.count))
            for number, value in enumerate(self.stack.values):
                found[number] = self.elements(value.spans, cached)
        return found

    def elements(self, spans: Spans, cached: frozenset[int]) -> FloatArray | float:
        """Elements of a tile, less those that lie in the cache of a halo."""
        rows, key = self.tiles.rows, (spans, cached, self._fixed)
        found = rows.get(key)
        if found is None:
            found = 1.0
            for span in spans:
                found = found * (self.tiles.fresh if span.dim in cached else self.tiles.peak)(span, self.fixed)
            rows[key] = found
        return found

    def caches(self, cached: frozenset[int], order: tuple[int, ...]) -> FloatArray:
        """(V, T) elements of the halos of the values that are kept from tile to tile."""
        found = self._caches.get((cached, order))
        if found is None:
            found = self._caches[cached, order] = np.empty((len(self.stack.values), self.tiles.count))
            for number, value in enumerate(self.stack.values):
                found[number] = self.cache(value.spans, cached, order)
        return found

    def cache(self, spans: Spans, cached: frozenset[int], order: tuple[int, ...]) -> FloatArray | float:
        """Elements of halos that are kept: rows behind the tile, over the full length of the dimensions inside."""
        if not any(span.of is not None and span.dim in cached for span in spans):
            return 0.0
        rows, key = self.tiles.rows, (spans, cached, order, self._fixed)
        known = rows.get(key)
        if known is not None:
            return known
        found: FloatArray | float = 0.0
        for own in spans:
            if own.of is None or own.dim not in cached:
                continue
            elements, inside = self.tiles.lag(own, self.fixed), order[order.index(own.dim) + 1 :]
            for span in spans:
                if span is own:
                    continue
                if span.dim in inside:
                    elements = elements * float(span.extent)
                else:
                    elements = elements * (self.tiles.fresh if span.dim in cached else self.tiles.peak)(
                        span, self.fixed
                    )
            found = found + elements
        rows[key] = found
        return found

    def kept(self, number: int, cached: frozenset[int], order: tuple[int, ...]) -> FloatArray | float:
        """Bytes of an operand that stays over some dimensions."""
        found = self._kept.get((number, cached, order))
        if found is None:
            operand = self.stack.operands[number]
            spans = tuple([axis.span for axis in operand.uses[0].axes])
            for use in operand.uses[1:]:
                if len(use.axes) == len(spans):
                    spans = tuple([hull(span, axis.span) for span, axis in zip(spans, use.axes, strict=True)])
            width = operand.element_bytes
            if operand.is_written and self.stack.members[operand.uses[0].member].sums & self.cut:
                width = operand.partial_bytes
            found = (self.elements(spans, cached) + self.cache(spans, cached, order)) * width
            self._kept[number, cached, order] = found
        return found

    def rows(self, cached: frozenset[int]) -> FloatArray | float:
        """Bytes of the statistics of rows that are normalised while they are walked."""
        found: FloatArray | float = 0.0
        for member in self.stack.members:
            if member.rows is not None and member.dims & self.cut:
                found = found + self.elements(member.rows, cached) * STATISTICS_BYTES
        return found

    def passing(self, staying: frozenset[int]) -> tuple[FloatArray, FloatArray]:
        """(V,) bytes of an element of each value, and (M, T) bytes of slices of what streams past each member.

        Args:
            staying: Operands that do not stream past.
        """
        found = self._passing.get(staying)
        if found is not None:
            return found
        members = self.stack.members
        streams: list[list[tuple[Operand, Use]]] = [[] for _ in members]
        reads = [0] * len(members)
        for number, operand in enumerate(self.stack.operands):
            if number not in staying and operand.value < 0:
                for use in operand.uses:
                    streams[use.member].append((operand, use))
                    reads[use.member] += not operand.is_written
        # Sums over what streams past, or is cut, are partial until the end.
        widths = [
            value.partial_bytes
            if reads[value.maker] > 1 or members[value.maker].sums & self.cut
            else value.element_bytes
            for value in self.stack.values
        ]
        slices = np.zeros((len(members), self.tiles.count))
        for place, some in enumerate(streams):
            if some:
                slices[place] = self._slices(some)
        found = self._passing[staying] = (np.array(widths), slices)
        return found

    def _slices(self, streams: Sequence[tuple[Operand, Use]]) -> FloatArray | float:
        """The least room for what streams past one operator: all of it walked along one loop, a slice at a time."""
        if len(streams) == 1:
            return streams[0][0].element_bytes
        rows, key = self.tiles.rows, (tuple([(one.element_bytes, use.axes) for one, use in streams]), self._fixed)
        found = rows.get(key)
        if found is None:
            loops = {axis.loop for _, use in streams for axis in use.axes if axis.loop >= 0}
            for loop in loops or {-1}:
                total: FloatArray | float = 0.0
                for operand, use in streams:
                    elements: FloatArray | float = operand.element_bytes
                    for axis in use.axes:
                        if axis.loop != loop or loop < 0:
                            elements = elements * self.tiles.peak(axis.span, self.fixed)
                    total = total + elements
                found = total if found is None else np.minimum(found, total)
            assert found is not None
            rows[key] = found
        return found

    # When it is held

    def alive(self, lasting: frozenset[int]) -> FloatArray:
        """(M, V) which values are there while a member runs, but for those that are there for all of the group."""
        found = self._alive.get(lasting)
        if found is None:
            found = self._alive[lasting] = self._turns(lasting)
        return found

    def _turns(self, lasting: frozenset[int]) -> FloatArray:
        values = self.stack.values
        alive = np.zeros((len(self.stack.members), len(values)))
        ends: list[int] = []
        for number, value in enumerate(values):
            if number in lasting:
                ends.append(len(self.stack.members))
                continue
            first, last = value.maker, value.last
            for begin, end in self._intervals:
                # What the loop of a sum does not make anew is there for all of it.
                if first <= end and last >= begin and not any(span.dim in self.cut for span in value.spans):
                    first, last = min(first, begin), max(last, end)
            ends.append(last)
            alive[first : last + 1, number] = 1.0
            before = values[value.replaced] if value.replaced >= 0 else None
            if before is not None and ends[value.replaced] == value.maker and before.spans == value.spans:
                # It is written in the place of what it is made of, which is counted.
                is_wider = value.element_bytes > before.element_bytes or value.partial_bytes > before.element_bytes
                alive[value.maker, number] = float(is_wider)
        return alive

    @cached_property
    def _intervals(self) -> list[tuple[int, int]]:
        """First and last members of the loops of sums that are cut."""
        found = []
        for dim in self.cut:
            inside = [place for place, member in enumerate(self.stack.members) if dim in member.dims]
            if inside:
                found.append((inside[0], inside[-1]))
        merged: list[tuple[int, int]] = []
        for first, last in sorted(found):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return merged


@dataclass(frozen=True, slots=True, eq=False)
class _Dims:
    """Tiled dimensions that something depends on, and its spans that neighbouring tiles have in common."""

    dims: tuple[int, ...]
    halos: Spans

    @staticmethod
    def of(spans: Sequence[Span]) -> _Dims:
        return _Dims(tuple({span.dim for span in spans if span.dim >= 0}), _halos(spans))


def _halos(spans: Sequence[Span]) -> Spans:
    return tuple([span for span in spans if span.of is not None])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """All tiles of one way with some operands that stay for good; figures are arrays of (T,), or all equal."""

    evaluation: Evaluation
    resident: frozenset[int]
    footprint: FloatArray | float
    moved: FloatArray | float
    work: FloatArray | float

    @property
    def way(self) -> Way:
        """With what stays."""
        return replace(self.evaluation.way, resident=self.resident)


class Evaluation:
    """One way over all tiles of a grid.

    Args:
        grid: The tiles.
        way: How they are walked; what stays for good in it does not count.

    Attributes:
        works: (M, T) how often each member does its work.
        reads: (A, T) bytes in by operand; of one that leaves the partial sums that are read again.
    """

    def __init__(self, grid: Grid, way: Way) -> None:
        self.grid, self.way = grid, way
        # Sets of dimensions as bits, from the outermost on.
        self._bits = {dim: 1 << place for place, dim in enumerate(way.order)}
        cut = self._set(tuple(way.cut))
        self._outer = -1 if cut & 1 else ~cut
        around = {dims: self._around(self._set(dims)) for dims in {one.dims for one in grid.members}}
        self._loops = [around[one.dims] for one in grid.members]
        self._mine = [[self._set(use.dims) for use in uses] for uses in grid.uses]
        self._dims: dict[int, tuple[int, ...]] = {}
        self.works = np.ones((len(grid.members), grid.tiles.count))
        for number, one in enumerate(grid.members):
            outside = self._loops[number] & ~self._set(one.dims)
            if outside:
                self.works[number] = self._trips(outside)
            for span in one.halos:
                if span.dim not in way.cached:
                    self.works[number] *= grid.tiles.made(span, grid.fixed)
        self.reads = np.zeros((len(grid.stack.operands), grid.tiles.count))
        for number, operand in enumerate(grid.stack.operands):
            self.reads[number] = self._sums(number, operand) if operand.is_written else self._fetched(number, operand)

    def _set(self, dims: tuple[int, ...]) -> int:
        found = 0
        for dim in dims:
            found |= self._bits.get(dim, 0)
        return found

    def _around(self, own: int) -> int:
        """The loops that a member runs in: its own, and those of the tile outside of them."""
        return own | ((1 << own.bit_length()) - 1) & self._outer

    def _trips(self, loops: int) -> FloatArray | float:
        """Iterations of some loops."""
        dims = self._dims.get(loops)
        if dims is None:
            dims = self._dims[loops] = tuple([dim for dim, bit in self._bits.items() if loops & bit])
        return self.grid.trips(dims)

    # What crosses

    def _factor(self, number: int, place: int, *, is_kept: bool) -> FloatArray | float:
        """How often each element of an operand comes in for one of its readers."""
        use = self.grid.uses[number][place]
        mine = self._mine[number][place]
        again = self._loops[self.grid.stack.operands[number].uses[place].member] & ~mine
        if is_kept:
            again &= (1 << mine.bit_length()) - 1
        found = self._trips(again)
        for span in use.halos:
            if not (is_kept and span.dim in self.way.cached):
                found = found * self.grid.tiles.again(span, self.grid.fixed)
        return found

    def _fetched(self, number: int, operand: Operand) -> FloatArray | float:
        """Bytes in of an operand."""
        is_kept = number in self.way.kept
        times = self._factor(number, 0, is_kept=is_kept)
        for place in range(1, len(operand.uses)):
            other = self._factor(number, place, is_kept=is_kept)
            times = np.maximum(times, other) if is_kept else times + other
        return operand.bytes * times

    def _sums(self, number: int, operand: Operand) -> FloatArray | float:
        """Bytes of partial sums of a result that leave before they are whole, and are read again."""
        sums = self.grid.stack.members[operand.uses[0].member].sums & self.way.cut
        if not sums or operand.value >= 0 or number in self.way.kept:
            return 0.0
        again = self.grid.trips(tuple(sorted(sums))) - 1
        return again * (operand.bytes * operand.partial_bytes / operand.element_bytes)

    def moved(self, numbers: Sequence[int]) -> FloatArray:
        """(T,) bytes in both directions of some operands that do not stay for good."""
        found = np.zeros(self.grid.tiles.count)
        for number in numbers:
            found += self.reads[number]
            if self.grid.stack.operands[number].is_written:
                found += self.reads[number] + self.grid.stack.operands[number].bytes
        return found

    def _returns(self, number: int) -> bool:
        """Whether an operand comes in more than once."""
        operand = self.grid.stack.operands[number]
        if operand.is_written or number in self.way.kept:
            return False
        return len(operand.uses) > 1 or bool(self._loops[operand.uses[0].member] & ~self._mine[number][0])

    # What must fit

    def footprint(self, resident: frozenset[int]) -> FloatArray:
        """(T,) bytes of a tile, without the operands that stay for good."""
        grid, way = self.grid, self.way
        widths, slices = grid.passing(way.kept | resident)
        lasting = frozenset(
            [
                number
                for number, maker, reader in grid.wider
                if self._loops[reader] & ~self._loops[maker] & ~self._set(tuple(way.cut))
            ]
        )
        held = grid.held(way.cached)
        needed = (grid.alive(lasting) * widths) @ held
        needed += slices
        found: FloatArray = needed.max(axis=0)
        if lasting:
            rows = sorted(lasting)
            found = found + widths[rows] @ held[rows]
        if way.cached:
            found = found + widths @ grid.caches(way.cached, way.order)
        for number in way.kept:
            found = found + grid.kept(number, way.cached, way.order)
        return found + grid.rows(way.cached) if way.cut else found

    def parts(self) -> Iterator[Part]:
        """The way with sets of operands that stay for good, smallest first."""
        stack = self.grid.stack
        ops = np.array([member.ops for member in stack.members], dtype=float)
        work = ops @ self.works / float(ops.sum()) if ops.any() else 1.0
        moved = self.moved(range(len(stack.operands)))
        staying = [number for number in range(len(stack.operands)) if self._returns(number)]
        staying.sort(key=lambda number: stack.operands[number].bytes)
        some = self.footprint(frozenset())
        before, room = 0, 0.0
        for count in _prefixes(len(staying)):
            resident = frozenset(staying[:count])
            for number in staying[before:count]:
                moved = moved + (stack.operands[number].bytes - self.reads[number])
                room += stack.operands[number].bytes
            before = count
            # What does not stream past needs no slice; in a large group that makes little difference.
            is_less = count and count == len(staying) and len(stack.members) <= SOME_MEMBERS
            footprint = self.footprint(resident) if is_less else some
            yield Part(self, resident, footprint + room, moved, work)


def _prefixes(count: int) -> Sequence[int]:
    if count < MOST_PREFIXES:
        return range(count + 1)
    return sorted({round(count * part / (MOST_PREFIXES - 1)) for part in range(MOST_PREFIXES)})
