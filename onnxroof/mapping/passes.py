"""What does a way to run a group move and hold, over all its tiles?

What must fit is the most of all operators in turn: the values that are alive, what is kept, and a slice of what streams
past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.regions import Span, hull
from onnxroof.mapping.stacks import Member, Operand, Stack, Use
from onnxroof.mapping.tiles import Tiles
from onnxroof.mapping.ways import SOME_MEMBERS, Way

__all__ = ["Evaluation", "Part"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_PREFIXES = 3
"""So many sets of operands that stay for good are tried."""

STATISTICS_BYTES = 8
"""A row that is normalised while it is walked has a maximum and a sum, 4 bytes each."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """All tiles of one way with some operands that stay for good; arrays of (T,)."""

    evaluation: Evaluation
    resident: frozenset[int]
    footprint: FloatArray | float
    moved: FloatArray | float
    work: FloatArray | float

    @property
    def way(self) -> Way:
        """With what stays."""
        return replace(self.evaluation.way, resident=self.resident)

    def moved_of(self, number: int) -> tuple[FloatArray | float, FloatArray | float]:
        """Bytes of an operand in and out."""
        if number in self.resident:
            return float(self.evaluation.stack.operands[number].bytes), 0.0
        return self.evaluation.moved(number)


@dataclass(eq=False)
class Evaluation:
    """One way over all tiles of a stack.

    Attributes:
        stack: The group.
        tiles: All tiles.
        way: How it is run.
        fixed: Sizes of dimensions that are cut in one size only.
        shared: Figures that all ways with these tiles share.
    """

    stack: Stack
    tiles: Tiles
    way: Way
    fixed: dict[int, int]
    shared: dict[object, FloatArray | float]
    _loops: dict[frozenset[int], tuple[int, ...]] = field(default_factory=dict)
    _times: dict[object, FloatArray | float] = field(default_factory=dict)
    _moved: dict[int, tuple[FloatArray | float, FloatArray | float]] = field(default_factory=dict)
    _work: list[FloatArray | float] = field(default_factory=list)

    # What runs how often

    def loops(self, member: Member) -> tuple[int, ...]:
        """Dimensions in whose loops a member runs: its own, and those of the tile outside of them."""
        found = self._loops.get(member.dims)
        if found is None:
            order = self.way.order
            last = max((place for place, dim in enumerate(order) if dim in member.dims), default=-1)
            is_outer = bool(order) and order[0] in self.way.cut
            found = self._loops[member.dims] = tuple(
                dim
                for place, dim in enumerate(order)
                if dim in member.dims or (place < last and (is_outer or dim not in self.way.cut))
            )
        return found

    def trips(self, dims: tuple[int, ...]) -> FloatArray | float:
        """Iterations of some dimensions."""
        found = self._times.get(dims)
        if found is None:
            found = 1.0
            for dim in dims:
                found = found * self.tiles.trips(dim, self.stack.extents[dim], self.fixed)
            self._times[dims] = found
        return found

    def works(self) -> list[FloatArray | float]:
        """How often each member does its work."""
        if not self._work:
            self._work += [self._times_of(member) for member in self.stack.members]
        return self._work

    def _times_of(self, member: Member) -> FloatArray | float:
        found: FloatArray | float = 1.0
        for span in member.spans:
            if span.of is not None and span.dim not in self.way.cached:
                found = found * self.tiles.made(span, self.fixed)
        outside = tuple(dim for dim in self.loops(member) if dim not in member.dims)
        return found * self.trips(outside) if outside else found

    def size(self, dim: int) -> IntArray | int:
        """(T,) sizes of the tiles along a dimension, its extent where it is not cut."""
        if dim in self.tiles.sizes:
            return np.array(self.tiles.sizes[dim])[self.tiles.places[dim]]
        return self.fixed.get(dim, self.stack.extents[dim])

    # What crosses

    def factor(self, use: Use, *, is_kept: bool) -> FloatArray | float:
        """How often each element of an operand comes in for one of its readers."""
        loops = self.loops(self.stack.members[use.member])
        mine = {axis.span.dim for axis in use.axes}
        last = max((place for place, dim in enumerate(loops) if dim in mine), default=-1)
        again = tuple(dim for place, dim in enumerate(loops) if dim not in mine and (not is_kept or place < last))
        found = self.trips(again)
        for axis in use.axes:
            if axis.span.of is not None and not (is_kept and axis.span.dim in self.way.cached):
                found = found * self.tiles.again(axis.span, self.fixed)
        return found

    def moved(self, number: int) -> tuple[FloatArray | float, FloatArray | float]:
        """Bytes of an operand in and out, if it does not stay for good."""
        found = self._moved.get(number)
        if found is None:
            found = self._moved[number] = self._crossing(number)
        return found

    def _crossing(self, number: int) -> tuple[FloatArray | float, FloatArray | float]:
        operand, way = self.stack.operands[number], self.way
        base = float(operand.bytes)
        if operand.is_written:
            sums = self.stack.members[operand.uses[0].member].sums & way.cut
            if not sums or operand.value >= 0 or number in way.kept:
                return 0.0, base
            partial = (self.trips(tuple(sorted(sums))) - 1) * (base * operand.partial_bytes / operand.element_bytes)
            return partial, partial + base
        if number in way.kept:
            most = self.factor(operand.uses[0], is_kept=True)
            for use in operand.uses[1:]:
                most = np.maximum(most, self.factor(use, is_kept=True))
            return base * most, 0.0
        total: FloatArray | float = 0.0
        for use in operand.uses:
            total = total + base * self.factor(use, is_kept=False)
        return total, 0.0

    # What must fit

    def held(self, spans: tuple[Span, ...]) -> FloatArray | float:
        """Elements of a tile, less those that lie in the cache of a halo."""
        rows, key = self.tiles.rows, (spans, self.way.cached, *self.fixed.items())
        found = rows.get(key)
        if found is None:
            found = 1.0
            for span in spans:
                is_cached = span.dim in self.way.cached
                found = found * (self.tiles.fresh if is_cached else self.tiles.peak)(span, self.fixed)
            rows[key] = found
        return found

    def cache(self, spans: tuple[Span, ...]) -> FloatArray | float:
        """Elements of halos that are kept from tile to tile."""
        way = self.way
        if not way.cached or not any(span.of is not None and span.dim in way.cached for span in spans):
            return 0.0
        rows, key = self.tiles.rows, (spans, way.cached, way.order, *self.fixed.items())
        found = rows.get(key)
        if found is None:
            found = 0.0
            for dim in way.cached:
                found = found + self._cache(spans, dim)
            rows[key] = found
        return found

    def _cache(self, spans: tuple[Span, ...], dim: int) -> FloatArray | float:
        """Rows behind the tile along one dimension, over the full length of the dimensions inside of it."""
        own = next((span for span in spans if span.dim == dim), None)
        if own is None:
            return 0.0
        elements = self.tiles.lag(own, self.fixed)
        order = self.way.order
        for span in spans:
            if span.dim == dim:
                continue
            if span.dim in order and order.index(span.dim) > order.index(dim):
                elements = elements * float(span.extent)
            elif span.dim in self.way.cached:
                elements = elements * self.tiles.fresh(span, self.fixed)
            else:
                elements = elements * self.tiles.peak(span, self.fixed)
        return elements

    def footprint(self, resident: frozenset[int]) -> FloatArray | float:
        """Bytes of a tile, without the operands that stay for good."""
        stack, way = self.stack, self.way
        streams: list[list[tuple[Operand, Use]]] = [[] for _ in stack.members]
        reads = [0] * len(stack.members)
        for number, operand in enumerate(stack.operands):
            if number not in way.kept and number not in resident and operand.value < 0:
                for use in operand.uses:
                    streams[use.member].append((operand, use))
                    reads[use.member] += not operand.is_written
        # Sums over what streams past, or is cut, are partial until the end.
        widths = np.array(
            [
                value.partial_bytes
                if reads[value.maker] > 1 or stack.members[value.maker].sums & way.cut
                else value.element_bytes
                for value in stack.values
            ]
        )
        key = ("held", way.cached)
        held = self.shared.get(key)
        if held is None:
            held = np.empty((len(stack.values), self.tiles.count))
            for number, value in enumerate(stack.values):
                held[number] = self.held(value.spans)
            self.shared[key] = held
        alive, lasting = self._alive()
        needed = (alive * widths) @ held
        fixed: FloatArray | float = 0.0
        if lasting:
            fixed = widths[lasting] @ np.asarray(held)[lasting]
        if way.cached:
            for value, width in zip(stack.values, widths.tolist(), strict=True):
                fixed = fixed + self.cache(value.spans) * width
        for number in way.kept:
            fixed = fixed + self._kept(number)
        if way.cut:
            for member in stack.members:
                if member.rows is not None and member.dims & way.cut:
                    fixed = fixed + self.held(member.rows) * STATISTICS_BYTES
        for place, passing in enumerate(streams):
            if passing:
                needed[place] += self._slices(passing)
        most: FloatArray = needed.max(axis=0)
        return most + fixed

    def _alive(self) -> tuple[FloatArray, list[int]]:
        """(M, V) which values are there while a member runs; and those that are there for all of the group.

        These are read in a loop of the tile in which they are not made anew. They are in no row of the first.
        """
        lasting = []
        for number, value in enumerate(self.stack.values):
            maker = self.stack.members[value.maker]
            for reader in maker.readers:
                if not self.stack.members[reader].dims <= maker.dims:
                    own = self.loops(maker)
                    loops = self.loops(self.stack.members[reader])
                    if any(dim not in own and dim not in self.way.cut for dim in loops):
                        lasting.append(number)
                        break
        key = ("alive", *lasting)
        found = self.shared.get(key)
        if found is None:
            found = self.shared[key] = self._turns(frozenset(lasting))
        return np.asarray(found), lasting

    def _turns(self, lasting: frozenset[int]) -> FloatArray:
        values, cut = self.stack.values, self.way.cut
        alive = np.zeros((len(self.stack.members), len(values)))
        ends: list[int] = []
        for number, value in enumerate(values):
            if number in lasting:
                ends.append(len(self.stack.members))
                continue
            first, last = value.maker, value.last
            for begin, end in self._intervals():
                # What the loop of a sum does not make anew is there for all of it.
                if first <= end and last >= begin and not any(span.dim in cut for span in value.spans):
                    first, last = min(first, begin), max(last, end)
            ends.append(last)
            alive[first : last + 1, number] = 1.0
            before = values[value.replaced] if value.replaced >= 0 else None
            if before is not None and ends[value.replaced] == value.maker and before.spans == value.spans:
                # It is written in the place of what it is made of, which is counted.
                is_wider = value.element_bytes > before.element_bytes or value.partial_bytes > before.element_bytes
                alive[value.maker, number] = float(is_wider)
        return alive

    def _kept(self, number: int) -> FloatArray | float:
        operand = self.stack.operands[number]
        spans = tuple(axis.span for axis in operand.uses[0].axes)
        for use in operand.uses[1:]:
            if len(use.axes) == len(spans):
                spans = tuple(hull(span, axis.span) for span, axis in zip(spans, use.axes, strict=True))
        width = operand.element_bytes
        if operand.is_written and self.stack.members[operand.uses[0].member].sums & self.way.cut:
            width = operand.partial_bytes
        return (self.held(spans) + self.cache(spans)) * width

    def _slices(self, streams: Sequence[tuple[Operand, Use]]) -> FloatArray | float:
        """The least room for what streams past one operator: all of it walked along one loop, a slice at a time."""
        if len(streams) == 1:
            return streams[0][0].element_bytes
        rows = self.shared
        key = tuple(id(use) for _, use in streams)
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

    def _intervals(self) -> list[tuple[int, int]]:
        """First and last members of the loops of sums that are cut."""
        found = []
        for dim in self.way.cut:
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

    def parts(self) -> Iterator[Part]:
        """The way with sets of operands that stay for good, smallest first."""
        stack = self.stack
        work: FloatArray | float = 1.0
        ops = float(sum(member.ops for member in stack.members))
        for member, times in zip(stack.members, self.works(), strict=True):
            if not isinstance(times, float) or times != 1.0:
                work = work + (times - 1.0) * (member.ops / ops if ops else 0.0)
        base: FloatArray | float = 0.0
        reads: list[FloatArray | float] = []
        for number in range(len(stack.operands)):
            read, write = self.moved(number)
            reads.append(read)
            base = base + read + write
        staying = [number for number, operand in enumerate(stack.operands) if self._returns(number, operand)]
        staying.sort(key=lambda number: stack.operands[number].bytes)
        some = self.footprint(frozenset())
        before, moved, room = 0, base, 0.0
        for count in _prefixes(len(staying)):
            resident = frozenset(staying[:count])
            for number in staying[before:count]:
                moved = moved + (stack.operands[number].bytes - reads[number])
                room += stack.operands[number].bytes
            before = count
            # What does not stream past needs no slice; in a large group that makes little difference.
            is_less = count and count == len(staying) and len(stack.members) <= SOME_MEMBERS
            footprint = self.footprint(resident) if is_less else some
            yield Part(self, resident, footprint + room, moved, work)

    def _returns(self, number: int, operand: Operand) -> bool:
        """Whether an operand comes in more than once."""
        if operand.is_written or number in self.way.kept:
            return False
        if len(operand.uses) > 1:
            return True
        mine = {axis.span.dim for axis in operand.uses[0].axes}
        return bool(set(self.loops(self.stack.members[operand.uses[0].member])) - mine)


def _prefixes(count: int) -> Sequence[int]:
    if count < MOST_PREFIXES:
        return range(count + 1)
    return sorted({round(count * part / (MOST_PREFIXES - 1)) for part in range(MOST_PREFIXES)})
