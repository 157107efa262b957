"""How many bytes must cross into a buffer to run a group of operators tile by tile, and what is computed again for it?

A way to run a group is an order of the tiled dimensions, and which of their halos are kept from tile to tile (the
others are computed, or fetched, again); operands from outside come in again for every tile, stay over the dimensions
that they do not depend on, or stay for good. What must fit is the most of all operators in turn: the values that are
alive, what is kept, and a slice of what streams past. For two matrix products this is the algebra of Orojenesis (Huang
et al., ISCA 2024) and FlashAttention, for stacks of convolutions that of DeFiNES (Mei et al., HPCA 2023).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.regions import Span, SpanTable, dim_of, hull, span_table
from onnxroof.mapping.stacks import Member, Operand, Stack, Use, Value
from onnxroof.mapping.tiling import tile_sizes

__all__ = ["FusedCurve", "Way", "fused_curve"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_TILES = (64, 1024, 1728, 2401)
"""Tiles that are tried for one dimension, for two, three, four and more."""

FEW_MEMBERS = 2
FEW_TILES = 4096
"""So many are tried for a group of so few operators."""

MOST_TRIPS = 4096
"""A dimension with a halo is cut into so many tiles at most."""

MOST_PREFIXES = 8
"""So many sets of operands that stay for good are tried."""

WORK_LIMITS = (1.0, 1.02, 1.1, 1.3, 2.0, math.inf)
"""A front is kept for each of these multiples of the work."""

STATISTICS_BYTES = 8
"""A row that is normalised while it is walked has a maximum and a sum, 4 bytes each."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a group is run.

    Attributes:
        order: Dimensions from the outermost to the innermost.
        cached: Dimensions along which halos are kept.
        cut: Sums that are cut.
        kept: Operands that stay over the dimensions that they do not depend on.
        resident: Operands that stay for good.
    """

    order: tuple[int, ...]
    cached: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()
    resident: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False, kw_only=True)
class FusedCurve:
    """Tiles and ways of a group that may be best, by ascending capacity; S steps, A operands, U units, D dimensions.

    Attributes:
        capacity_bytes: (S,) what a step needs.
        read_bytes, write_bytes: (S, A) what it moves, by operand of the stack.
        work: (S, U) how often the work of each unit is done, 1 where nothing is computed again.
        again_ops: (S,) operations that are done again.
        tiles: (S, D) sizes.
        ways: How each step runs.
    """

    capacity_bytes: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    work: FloatArray
    again_ops: FloatArray
    tiles: IntArray
    ways: tuple[Way, ...]

    @property
    def total_bytes(self) -> FloatArray:
        """(S,) bytes in both directions."""
        return self.read_bytes.sum(axis=1) + self.write_bytes.sum(axis=1)


@lru_cache(maxsize=16384)
def fused_curve(stack: Stack) -> FusedCurve:
    """The curve of a group."""
    used = {dim_of(span) for value in stack.values for span in value.spans} - {-1}
    halos = _halos(stack)
    parts: list[_Part] = []
    for cut in _cuts(stack, used):
        dims = _tiled(stack, used, halos, cut)
        grid = _Grid(stack, _sizes(stack, dims, halos), cut)
        for way in _ways(stack, dims, halos, cut):
            parts += grid.parts(way)
    return _front(stack, parts)


def _halos(stack: Stack) -> frozenset[int]:
    """Dimensions along which neighbouring tiles of something overlap."""
    found = set()
    for span in {s for v in stack.values for s in v.spans} | {a.span for o in stack.operands for u in o.uses for a in u.axes}:
        dim = dim_of(span)
        if dim >= 0 and dim not in found:
            extent = stack.extents[dim]
            if span_table(span, _tried(extent, 8, MOST_TRIPS)).overlap.any():
                found.add(dim)
    return frozenset(found)


def _cuts(stack: Stack, used: set[int]) -> Iterator[frozenset[int]]:
    """Sets of sums to cut: none; from the last on, and from the first on, all of which none lies inside another."""
    yield frozenset()
    sums = [dim for dim in range(stack.tiled, len(stack.extents)) if dim in used]
    found = set()
    for order in (sums, sums[::-1]):
        cut: set[int] = set()
        for dim in order:
            if not any(len(member.dims & (cut | {dim})) > 1 for member in stack.members):
                cut.add(dim)
        found.add(frozenset(cut))
    yield from (cut for cut in found if cut)


def _tiled(stack: Stack, used: set[int], halos: frozenset[int], cut: frozenset[int]) -> tuple[int, ...]:
    """At most three dimensions of the result that are tiled, and the sums that are cut."""
    own = [dim for dim in range(stack.tiled) if dim in used]
    own.sort(key=lambda dim: (dim not in halos, -stack.extents[dim]))
    return (*sorted(own[:3]), *sorted(cut))


@lru_cache(maxsize=4096)
def _tried(extent: int, most: int, trips: int) -> tuple[int, ...]:
    """The smallest sizes of at most so many trip counts at about equal ratios, none above `trips`."""
    sizes = [size for size in tile_sizes(extent).tolist() if -(-extent // size) <= trips]
    if len(sizes) > most:
        counts = np.unique(np.round(np.geomspace(1, -(-extent // sizes[0]), most)))
        sizes = sorted({-(-extent // int(count)) for count in counts})
    return tuple(sizes)


def _sizes(stack: Stack, dims: Sequence[int], halos: frozenset[int]) -> tuple[tuple[int, ...], ...]:
    """Sizes to try of each dimension."""
    several = sum(dim >= stack.tiled for dim in dims)
    free = len(dims) - several if several > 1 else len(dims)
    most = MOST_TILES[min(max(free, 1), len(MOST_TILES)) - 1]
    if len(stack.members) <= FEW_MEMBERS:
        most = max(most, FEW_TILES)
    each = max(2, round(most ** (1 / max(free, 1))))
    found = []
    for dim, extent in enumerate(stack.extents):
        if dim not in dims:
            found.append((extent,))
        elif dim >= stack.tiled and several > 1:
            found.append(tuple(sorted({1, min(extent, 32)})) if several == 2 else (min(extent, 16),))
        else:
            found.append(_tried(extent, each, MOST_TRIPS if dim in halos else extent))
    return tuple(found)


def _ways(stack: Stack, dims: Sequence[int], halos: frozenset[int], cut: frozenset[int]) -> Iterator[Way]:
    """Orders, kept halos and kept operands."""
    uses = [[dim_of(axis.span) for use in o.uses for axis in use.axes] for o in stack.operands]
    plain = [dim for dim in dims if dim not in halos and dim < stack.tiled]
    # What more operands depend on is further out: those that do not stay over the inner dimensions.
    plain.sort(key=lambda dim: -sum(dim in found for found in uses))
    sliding = [dim for dim in dims if dim in halos and dim < stack.tiled]
    inner = tuple(dim for dim in dims if dim >= stack.tiled)
    for count in range(len(sliding) + 1):
        for cached in itertools.combinations(sliding, count):
            rest = tuple(dim for dim in sliding if dim not in cached)
            for order in itertools.permutations(cached):
                yield from _keeping(stack, Way((*plain, *rest, *order, *inner), frozenset(cached), cut))
    if len(inner) == 1 and len(plain) == len(dims) - 1 and _may_be_outer(stack, inner[0]):
        yield from _keeping(stack, Way((*inner, *plain), frozenset(), cut))


def _may_be_outer(stack: Stack, dim: int) -> bool:
    """Whether the sum over a dimension is the last that is done, so that partial sums can leave."""
    summing = [number for number, member in enumerate(stack.members) if dim in member.sums]
    return summing == [len(stack.members) - 1] and all(dim in member.dims for member in stack.members)


def _keeping(stack: Stack, way: Way) -> Iterator[Way]:
    """The way with sets of operands that stay over some dimensions."""
    gaining = [n for n, operand in enumerate(stack.operands) if _stays(stack, operand, way)]
    if len(gaining) <= 3:
        for count in range(len(gaining) + 1):
            for kept in itertools.combinations(gaining, count):
                yield Way(way.order, way.cached, way.cut, frozenset(kept))
        return
    yield way
    yield Way(way.order, way.cached, way.cut, frozenset(gaining))


def _stays(stack: Stack, operand: Operand, way: Way) -> bool:
    """Whether it makes a difference that an operand stays over the dimensions that it does not depend on."""
    if operand.is_written:
        member = stack.members[operand.uses[0].member]
        return operand.value < 0 and bool(member.sums & way.cut) and way.order[-1] in way.cut
    if len(operand.uses) > 1:
        return True
    for use in operand.uses:
        mine = {dim_of(axis.span) for axis in use.axes} & set(way.order)
        loops = [dim for dim in way.order if dim in stack.members[use.member].dims]
        if mine & way.cached:
            return True
        if mine and any(dim not in mine for dim in loops[max(loops.index(dim) for dim in mine) :]):
            return True
    return False


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """All tiles of one way; arrays have one entry a tile."""

    way: Way
    sizes: tuple[tuple[int, ...], ...]
    grid: _Grid
    footprint: FloatArray
    moved: FloatArray
    work: FloatArray


@dataclass(eq=False)
class _Grid:
    """Tiles of a stack: one axis of all arrays for each dimension."""

    stack: Stack
    sizes: tuple[tuple[int, ...], ...]
    cut: frozenset[int]
    places: tuple[IntArray, ...] | None = None
    _peaks: dict[object, FloatArray] = field(default_factory=dict)

    def table(self, span: Span) -> SpanTable:
        dim = dim_of(span)
        return span_table(span, self.sizes[dim] if dim >= 0 else (1,))

    def spread(self, values: FloatArray, dim: int) -> FloatArray:
        """A figure by size of a dimension, as an array over the tiles."""
        if dim < 0:
            return values[0]
        if self.places is not None:
            return values[self.places[dim]]
        if len(values) == 1:
            return values[0]
        shape = [1] * len(self.sizes)
        shape[dim] = len(values)
        return values.reshape(shape)

    def peak(self, span: Span) -> FloatArray:
        if span not in self._peaks:
            self._peaks[span] = self.spread(self.table(span).peak, dim_of(span))
        return self._peaks[span]

    def trips(self, dim: int) -> FloatArray:
        key = ("trips", dim)
        if key not in self._peaks:
            extent = self.stack.extents[dim]
            self._peaks[key] = self.spread(np.array([-(-extent // size) for size in self.sizes[dim]], dtype=float), dim)
        return self._peaks[key]

    def again(self, span: Span) -> FloatArray:
        """How often an index of a span is touched when its overlaps are."""
        key = ("again", span)
        if key not in self._peaks:
            table = self.table(span)
            self._peaks[key] = self.spread(np.maximum(table.total / np.maximum(table.covered, 1), 1.0), dim_of(span))
        return self._peaks[key]

    def made(self, span: Span) -> FloatArray:
        """How often an index of a dimension is made."""
        key = ("made", span)
        if key not in self._peaks:
            table = self.table(span)
            self._peaks[key] = self.spread(np.maximum(table.total / span.extent, 1.0), dim_of(span))
        return self._peaks[key]

    def held(self, spans: Sequence[Span], way: Way) -> FloatArray:
        """Elements of a tile, less those that lie in the cache of a halo."""
        found = np.ones(())
        for span in spans:
            size = self.peak(span)
            if dim_of(span) in way.cached:
                size = size - self.spread(self.table(span).overlap, dim_of(span))
            found = found * size
        return found

    def cache(self, spans: Sequence[Span], way: Way) -> FloatArray:
        """Elements of halos that are kept from tile to tile."""
        total = np.zeros(())
        for dim in way.cached:
            own = [span for span in spans if dim_of(span) == dim]
            if not own:
                continue
            elements = self.spread(self.table(own[0]).overlap, dim)
            for span in spans:
                other = dim_of(span)
                if other == dim:
                    continue
                is_inner = other in way.order and (other in way.cut or way.order.index(other) > way.order.index(dim))
                if is_inner:
                    elements = elements * float(span.extent)
                elif other in way.cached:
                    elements = elements * (self.peak(span) - self.spread(self.table(span).overlap, other))
                else:
                    elements = elements * self.peak(span)
            total = total + elements
        return total

    # What runs how often

    def loops(self, member: Member, way: Way) -> tuple[int, ...]:
        """Dimensions in whose loops a member runs: its own and those outside of them."""
        own = [place for place, dim in enumerate(way.order) if dim in member.dims]
        if not own:
            return ()
        last = max(own)
        return tuple(
            dim
            for place, dim in enumerate(way.order)
            if dim in member.dims or (place < last and (dim not in way.cut or way.order[0] in way.cut))
        )

    def work(self, member: Member, way: Way) -> FloatArray:
        """How often a member does its work."""
        found = np.ones(())
        for span in member.spans:
            dim = dim_of(span)
            if dim >= 0 and dim not in way.cached:
                found = np.maximum(found, self.made(span)) if dim < 0 else found * self.made(span)
        for dim in self.loops(member, way):
            if dim not in member.dims:
                found = found * self.trips(dim)
        return found

    # What crosses

    def factor(self, use: Use, way: Way, *, is_kept: bool) -> FloatArray:
        """How often each element of an operand comes in for one of its readers."""
        loops = self.loops(self.stack.members[use.member], way)
        mine = {dim_of(axis.span) for axis in use.axes}
        last = max((place for place, dim in enumerate(loops) if dim in mine), default=-1)
        found = np.ones(())
        for place, dim in enumerate(loops):
            if dim not in mine and (not is_kept or place < last):
                found = found * self.trips(dim)
        for axis in use.axes:
            dim = dim_of(axis.span)
            if dim >= 0 and not (is_kept and dim in way.cached):
                found = found * self.again(axis.span)
        return found

    def moved(self, number: int, way: Way) -> tuple[FloatArray, FloatArray]:
        """Bytes of an operand in and out."""
        operand = self.stack.operands[number]
        base = float(operand.bytes)
        if operand.is_written:
            member = self.stack.members[operand.uses[0].member]
            times = np.ones(())
            if operand.value < 0 and number not in way.kept:
                for dim in member.sums & way.cut:
                    times = times * self.trips(dim)
            partial = (times - 1) * (base * operand.partial_bytes / operand.element_bytes)
            return partial, partial + base
        if number in way.resident:
            return np.asarray(base), np.zeros(())
        if number in way.kept:
            found = np.zeros(())
            for use in operand.uses:
                found = np.maximum(found, self.factor(use, way, is_kept=True))
            return base * found, np.zeros(())
        total = np.zeros(())
        for use in operand.uses:
            total = total + base * self.factor(use, way, is_kept=False)
        return total, np.zeros(())

    # What must fit

    def footprint(self, way: Way, *, is_all_resident: bool) -> FloatArray:
        """Bytes of a tile, without the operands that stay for good."""
        stack = self.stack
        streams = self._streams(way, is_all_resident=is_all_resident)
        fixed = np.zeros(())
        alive: list[list[FloatArray]] = [[] for _ in stack.members]
        sizes = []
        for value in stack.values:
            element = self._element(value, way, streams)
            size = self.held(value.spans, way) * element
            fixed = fixed + self.cache(value.spans, way) * element
            sizes.append(size)
        spans = self._intervals(way)
        for value, size in zip(stack.values, sizes, strict=True):
            first, last = value.maker, value.last
            own = self.loops(stack.members[value.maker], way)
            readers = [self.loops(stack.members[r], way) for r in stack.members[value.maker].readers]
            if any(set(loops) - set(own) - way.cut for loops in readers):
                fixed = fixed + size
                continue
            for place in range(first, last + 1):
                alive[place].append(size)
        for number, value in enumerate(stack.values):
            # The operator that writes in the place of what it reads needs no room for both.
            if value.replaced >= 0 and any(size is sizes[value.replaced] for size in alive[value.maker]):
                both = [size for size in alive[value.maker] if size is not sizes[value.replaced] and size is not sizes[number]]
                if len(both) + 2 == len(alive[value.maker]):
                    alive[value.maker] = [*both, np.maximum(sizes[value.replaced], sizes[number])]
        for number in way.kept:
            fixed = fixed + self._kept(stack.operands[number], way)
        for member in stack.members:
            if member.rows is not None and member.dims & way.cut:
                fixed = fixed + self.held(member.rows, way) * STATISTICS_BYTES
        phases: list[FloatArray] = []
        for first, last in spans:
            together: dict[int, FloatArray] = {id(size): size for place in range(first, last + 1) for size in alive[place]}
            slices = np.zeros(())
            for place in range(first, last + 1):
                slices = np.maximum(slices, self._slices(streams[place]))
            phases.append(sum(together.values(), np.zeros(())) + slices)
        found = np.zeros(())
        for phase in phases:
            found = np.maximum(found, phase)
        return found + fixed

    def _element(self, value: Value, way: Way, streams: Sequence[Sequence[tuple[Operand, Use]]]) -> float:
        """Bytes of an element: of a partial sum where something that is summed up streams past or is cut."""
        member = self.stack.members[value.maker]
        is_partial = bool(member.sums & way.cut) or any(not o.is_written for o, _ in streams[value.maker][1:])
        return value.partial_bytes if is_partial else value.element_bytes

    def _kept(self, operand: Operand, way: Way) -> FloatArray:
        spans = [axis.span for axis in operand.uses[0].axes]
        for use in operand.uses[1:]:
            if len(use.axes) == len(spans):
                spans = [hull(span, axis.span) for span, axis in zip(spans, use.axes, strict=True)]
        width = operand.element_bytes
        if operand.is_written and self.stack.members[operand.uses[0].member].sums & way.cut:
            width = operand.partial_bytes
        return (self.held(spans, way) + self.cache(spans, way)) * width

    def _streams(self, way: Way, *, is_all_resident: bool) -> list[list[tuple[Operand, Use]]]:
        """By member what of outside passes by without a place of its own."""
        found: list[list[tuple[Operand, Use]]] = [[] for _ in self.stack.members]
        for number, operand in enumerate(self.stack.operands):
            if number in way.kept or operand.value >= 0 or (number in way.resident and is_all_resident):
                continue
            for use in operand.uses:
                found[use.member].append((operand, use))
        return found

    def _slices(self, streams: Sequence[tuple[Operand, Use]]) -> FloatArray:
        """The least room for what streams past one operator: all of it walked along one loop, a slice at a time."""
        if not streams:
            return np.zeros(())
        if len(streams) == 1:
            return np.asarray(streams[0][0].element_bytes)
        key = ("slices", tuple(id(use) for _, use in streams))
        if key not in self._peaks:
            loops = {axis.loop for _, use in streams for axis in use.axes if axis.loop >= 0}
            best = None
            for loop in (-1, *sorted(loops)):
                total = np.zeros(())
                for operand, use in streams:
                    elements = np.asarray(operand.element_bytes)
                    for axis in use.axes:
                        if axis.loop != loop or loop < 0:
                            elements = elements * self.peak(axis.span)
                    total = total + elements
                best = total if best is None else np.minimum(best, total)
            assert best is not None
            self._peaks[key] = best
        return self._peaks[key]

    def _intervals(self, way: Way) -> list[tuple[int, int]]:
        """Members that run in turn: one by one, or in the loop of a sum that is cut."""
        found = [[place, place] for place in range(len(self.stack.members))]
        for dim in way.cut:
            inside = [place for place, member in enumerate(self.stack.members) if dim in member.dims]
            if inside:
                found.append([inside[0], inside[-1]])
        found.sort()
        merged: list[list[int]] = []
        for first, last in found:
            if merged and first <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], last)
            else:
                merged.append([first, last])
        return [(first, last) for first, last in merged]

    def parts(self, way: Way) -> Iterator[_Part]:
        """The way with sets of operands that stay for good, smallest first."""
        stack = self.stack
        ops = float(max(1, sum(member.ops for member in stack.members)))
        work = np.zeros(())
        for member in stack.members:
            work = work + self.work(member, way) * (member.ops / ops)
        staying = [
            number
            for number, operand in enumerate(stack.operands)
            if not operand.is_written and number not in way.kept and self._returns(operand, way)
        ]
        staying.sort(key=lambda number: stack.operands[number].bytes)
        base = np.zeros(())
        for number in range(len(stack.operands)):
            read, write = self.moved(number, way)
            base = base + read + write
        some = self.footprint(way, is_all_resident=False)
        for count in _prefixes(len(staying)):
            resident = frozenset(staying[:count])
            chosen = Way(way.order, way.cached, way.cut, way.kept, resident)
            moved, room = base, 0.0
            for number in resident:
                moved = moved - self.moved(number, way)[0] + stack.operands[number].bytes
                room += stack.operands[number].bytes
            footprint = some if not count or count < len(staying) else self.footprint(chosen, is_all_resident=True)
            yield _Part(chosen, self.sizes, self, footprint + room, moved, work)

    def _returns(self, operand: Operand, way: Way) -> bool:
        for use in operand.uses:
            mine = {dim_of(axis.span) for axis in use.axes}
            if len(operand.uses) > 1 or set(self.loops(self.stack.members[use.member], way)) - mine:
                return True
        return False


def _prefixes(count: int) -> Iterable[int]:
    if count < MOST_PREFIXES:
        return range(count + 1)
    return sorted({round(count * part / (MOST_PREFIXES - 1)) for part in range(MOST_PREFIXES)})


def _front(stack: Stack, parts: Sequence[_Part]) -> FusedCurve:
    """The steps that may be best: a front of capacity and bytes for each limit to the work."""
    footprint, moved, work, origin, place = [], [], [], [], []
    for number, part in enumerate(parts):
        shape = tuple(len(sizes) for sizes in part.sizes)
        footprint.append(np.broadcast_to(part.footprint, shape).ravel())
        moved.append(np.broadcast_to(part.moved, shape).ravel())
        work.append(np.broadcast_to(part.work, shape).ravel())
        count = math.prod(shape)
        origin.append(np.full(count, number))
        place.append(np.arange(count))
    held, total, done = np.concatenate(footprint), np.concatenate(moved), np.concatenate(work)
    order = np.lexsort((done, total, held))
    held, total, done = held[order], total[order], done[order]
    kept: set[int] = set()
    least_work = float(done.min()) if len(done) else 1.0
    for limit in WORK_LIMITS:
        allowed = np.flatnonzero(done <= least_work * limit * (1 + 1e-12))
        if not len(allowed):
            continue
        least = np.minimum.accumulate(total[allowed])
        steps = np.concatenate(([True], total[allowed][1:] < least[:-1]))
        kept |= set(allowed[steps].tolist())
    chosen = sorted(kept)
    origins, places = np.concatenate(origin)[order], np.concatenate(place)[order]
    return _curve(stack, parts, [(int(origins[n]), int(places[n])) for n in chosen])


def _curve(stack: Stack, parts: Sequence[_Part], chosen: Sequence[tuple[int, int]]) -> FusedCurve:
    """The figures of some tiles in full."""
    count, operands, units = len(chosen), len(stack.operands), max(member.unit for member in stack.members) + 1
    capacity, again = np.zeros(count), np.zeros(count)
    reads, writes = np.zeros((count, operands)), np.zeros((count, operands))
    work, tiles = np.ones((count, units)), np.zeros((count, len(stack.extents)), dtype=np.int64)
    by_part: dict[int, list[int]] = {}
    for step, (part, _) in enumerate(chosen):
        by_part.setdefault(part, []).append(step)
    for number, steps in by_part.items():
        part = parts[number]
        shape = tuple(len(sizes) for sizes in part.sizes)
        places = np.unravel_index(np.array([chosen[step][1] for step in steps]), shape)
        points = _Grid(stack, part.sizes, part.way.cut, places)
        rows = np.array(steps)
        capacity[rows] = np.broadcast_to(part.footprint, shape)[places]
        for operand in range(operands):
            read, write = points.moved(operand, part.way)
            reads[rows, operand], writes[rows, operand] = np.ceil(read - 1e-6), np.ceil(write - 1e-6)
        for member in stack.members:
            times = points.work(member, part.way)
            again[rows] += (times - 1) * member.ops
            work[rows, member.unit] = np.maximum(work[rows, member.unit], times)
        for dim, sizes in enumerate(part.sizes):
            tiles[rows, dim] = np.array(sizes)[places[dim]]
    return FusedCurve(
        capacity_bytes=np.ceil(capacity - 1e-6), read_bytes=reads, write_bytes=writes, work=work, again_ops=np.round(again),
        tiles=tiles, ways=tuple(parts[part].way for part, _ in chosen),
    )  # fmt: skip


