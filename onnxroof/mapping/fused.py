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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.regions import Span, SpanTable, hull, span_table
from onnxroof.mapping.stacks import Member, Operand, Stack, Use
from onnxroof.mapping.tiling import tile_sizes

__all__ = ["WORK_LIMITS", "FusedCurve", "Way", "fused_curve", "fused_step"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEW_MEMBERS = 2
"""A group of so few operators has every tile size and every set of operands that stay tried."""

MOST_TILES = (16, 49, 64, 81)
"""Of a larger one so many tiles are tried for one tiled dimension, for two, three, four and more."""

EVEN_TILES = (64, 400, 512, 625)
"""The same of a group without halos, which can be run in fewer ways."""

MOST_TRIPS = 4096
"""A dimension with a halo is cut into so many tiles at most."""

BLOCKS = (1, 16)
"""Sizes that are tried where several sums are cut at once."""

MOST_CUT = 6
"""In a group of more operators no sum is cut whose result has halos."""

MOST_PREFIXES = 3
"""So many sets of operands that stay for good are tried."""

WORK_LIMITS = (1.0, 1.1, 1.5, math.inf)
"""A front is kept for each of these multiples of the work."""

WORTH = 0.95
"""A step of a large group has to move less than this part of the one before it."""

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
        total: FloatArray = self.read_bytes.sum(axis=1) + self.write_bytes.sum(axis=1)
        return total


@lru_cache(maxsize=16384)
def fused_curve(stack: Stack) -> FusedCurve:
    """The curve of a group."""
    used = {span.dim for value in stack.values for span in value.spans} - {-1}
    halos = _halos(stack)
    parts: list[_Part] = []
    for cut in _cuts(stack, used, halos):
        dims = _tiled(stack, used, halos, cut)
        tiles = _tiles(tuple((dim, sizes) for dim, sizes in _sizes(stack, dims, halos) if len(sizes) > 1))
        fixed = {dim: sizes[0] for dim, sizes in _sizes(stack, dims, halos) if len(sizes) == 1}
        shared: dict[object, FloatArray | float] = {}
        for way in _ways(stack, dims, halos, cut):
            parts += _Evaluation(stack, tiles, way, fixed, shared).parts()
    return _front(stack, parts)


def fused_step(stack: Stack, tile: Mapping[int, int], way: Way) -> FusedCurve:
    """The one step of a tile and a way that are given.

    Args:
        stack: A group.
        tile: Size by dimension; the others are not tiled.
        way: How it is run; its order has the dimensions of `tile`.
    """
    evaluation = _Evaluation(stack, _tiles(()), way, dict(tile), {})
    room = sum(stack.operands[number].bytes for number in way.resident)
    part = _Part(evaluation, evaluation.footprint(way.resident) + room, 0.0, 0.0)
    footprint = np.broadcast_to(np.asarray(part.footprint, dtype=float), (1,))
    return _curve(stack, [part], np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), footprint)


def _halos(stack: Stack) -> frozenset[int]:
    """Dimensions along which neighbouring tiles of something overlap."""
    found: set[int] = set()
    spans = {span for value in stack.values for span in value.spans}
    spans |= {axis.span for operand in stack.operands for use in operand.uses for axis in use.axes}
    for span in spans:
        if span.of is not None and span.dim not in found:
            sizes = _tried(span.tile_extent, 8, MOST_TRIPS)
            if span_table(span, sizes).overlap.any():
                found.add(span.dim)
    return frozenset(found)


def _cuts(stack: Stack, used: set[int], halos: frozenset[int]) -> Iterator[frozenset[int]]:
    """Sets of sums to cut: none; from the last on, and from the first on, all of which none lies inside another."""
    yield frozenset()
    if halos and len(stack.members) > MOST_CUT:
        return
    sums = [dim for dim in range(stack.tiled, len(stack.extents)) if dim in used]
    found: dict[frozenset[int], None] = {}
    for order in (sums, sums[::-1]) if len(stack.members) <= FEW_MEMBERS else (sums,):
        cut: set[int] = set()
        for dim in order:
            if not any(len(member.dims & (cut | {dim})) > 1 for member in stack.members):
                cut.add(dim)
        found[frozenset(cut)] = None
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


def _sizes(stack: Stack, dims: Sequence[int], halos: frozenset[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sizes to try of each tiled dimension."""
    several = sum(dim >= stack.tiled for dim in dims)
    free = max(1, len(dims) - several if several > 1 else len(dims))
    most = (MOST_TILES if halos else EVEN_TILES)[min(free, len(MOST_TILES)) - 1]
    each = max(2, round(most ** (1 / free)))
    if len(stack.members) <= FEW_MEMBERS and free <= 2:
        each = 64
    for dim in dims:
        extent = stack.extents[dim]
        if dim >= stack.tiled and several > 1:
            yield dim, tuple(sorted({min(extent, size) for size in (BLOCKS if several == 2 else BLOCKS[-1:])}))
        else:
            yield dim, _tried(extent, each, MOST_TRIPS if dim in halos else extent)


def _ways(stack: Stack, dims: Sequence[int], halos: frozenset[int], cut: frozenset[int]) -> Iterator[Way]:
    """Orders, kept halos and kept operands."""
    uses = [[axis.span.dim for use in o.uses for axis in use.axes] for o in stack.operands]
    plain = [dim for dim in dims if dim not in halos and dim < stack.tiled]
    # What more operands depend on is further out: the others stay over the inner dimensions.
    plain.sort(key=lambda dim: -sum(dim in found for found in uses))
    sliding = [dim for dim in dims if dim in halos and dim < stack.tiled]
    inner = tuple(dim for dim in dims if dim >= stack.tiled)
    is_square = len(sliding) == 2 and _is_mirrored(stack, *sliding)
    for count in range(len(sliding) + 1):
        for cached in itertools.combinations(sliding, count):
            rest = tuple(dim for dim in sliding if dim not in cached)
            for order in itertools.permutations(cached):
                if is_square and cached and order[-1] != sliding[-1]:
                    continue  # the tile turned round is tried in the other order
                yield from _keeping(stack, Way((*plain, *rest, *order, *inner), frozenset(cached), cut))
    if len(inner) == 1 and len(plain) == len(dims) - 1 and _may_be_outer(stack, inner[0]):
        yield from _keeping(stack, Way((*inner, *plain), frozenset(), cut))


@lru_cache(maxsize=65536)
def _form(span: Span | None) -> object:
    """A span without the number of the dimension that it depends on."""
    if span is None:
        return None
    return (span.extent, _form(span.of), _form(span.other), span.stride, span.reach, span.offset, span.by)


def _is_mirrored(stack: Stack, one: int, other: int) -> bool:
    """Whether two dimensions may change places: rows and columns of a square image."""
    if stack.extents[one] != stack.extents[other]:
        return False
    lists = [value.spans for value in stack.values]
    lists += [tuple(axis.span for axis in use.axes) for operand in stack.operands for use in operand.uses]
    return all(
        [_form(span) for span in spans if span.dim == one] == [_form(span) for span in spans if span.dim == other]
        for spans in lists
    )


def _may_be_outer(stack: Stack, dim: int) -> bool:
    """Whether the sum over a dimension is the last that is done, so that partial sums can leave."""
    summing = [number for number, member in enumerate(stack.members) if dim in member.sums]
    return summing == [len(stack.members) - 1] and all(dim in member.dims for member in stack.members)


def _keeping(stack: Stack, way: Way) -> Iterator[Way]:
    """The way with sets of operands that stay over some dimensions."""
    gaining = [n for n, operand in enumerate(stack.operands) if _stays(stack, operand, way)]
    if len(gaining) <= 1 or (len(stack.members) <= FEW_MEMBERS and len(gaining) <= 3):
        for count in range(len(gaining) + 1):
            for kept in itertools.combinations(gaining, count):
                yield replace(way, kept=frozenset(kept))
        return
    if not way.cached:
        yield way
    yield replace(way, kept=frozenset(gaining))


def _stays(stack: Stack, operand: Operand, way: Way) -> bool:
    """Whether it makes a difference that an operand stays over the dimensions that it does not depend on."""
    if operand.is_written:
        member = stack.members[operand.uses[0].member]
        return operand.value < 0 and bool(member.sums & way.cut) and way.order[-1] in way.cut
    for use in operand.uses:
        mine = {axis.span.dim for axis in use.axes} & set(way.order)
        if mine and len(operand.uses) > 1:
            return True
        loops = [dim for dim in way.order if dim in stack.members[use.member].dims]
        if mine & way.cached and any(axis.span.of is not None for axis in use.axes):
            return True
        if mine and any(dim not in mine for dim in loops[max(loops.index(dim) for dim in mine) :]):
            return True
    return False


@dataclass(frozen=True, eq=False)
class _Tiles:
    """All tiles of some sizes, T of them; figures are arrays over them, or numbers where they are all equal.

    Attributes:
        sizes: By dimension.
        places: (T,) by dimension the position of a tile's size.
        count: T.
    """

    sizes: dict[int, tuple[int, ...]]
    places: dict[int, IntArray]
    count: int
    _rows: dict[object, FloatArray | float] = field(default_factory=dict)

    def _spread(self, span: Span, of: SpanTable, name: str) -> FloatArray | float:
        values: FloatArray = getattr(of, name)
        return values[self.places[span.dim]] if span.dim in self.places else float(values[0])

    def _ratio(self, span: Span, values: FloatArray) -> FloatArray | float:
        return values[self.places[span.dim]] if span.dim in self.places else float(values[0])

    def _table(self, span: Span, fixed: dict[int, int]) -> SpanTable:
        sizes = self.sizes.get(span.dim)
        if sizes is None:
            sizes = (fixed.get(span.dim, span.tile_extent),)
        return span_table(span, sizes)

    def peak(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """Longest interval of a tile."""
        if span.dim < 0:
            return float(span.extent)
        key = (span, "peak", fixed.get(span.dim))
        if key not in self._rows:
            self._rows[key] = self._spread(span, self._table(span, fixed), "peak")
        return self._rows[key]

    def fresh(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """What of a tile is new."""
        if span.dim < 0:
            return float(span.extent)
        key = (span, "fresh", fixed.get(span.dim))
        if key not in self._rows:
            self._rows[key] = self._spread(span, self._table(span, fixed), "fresh")
        return self._rows[key]

    def lag(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """What of the tiles before is still needed."""
        if span.dim < 0 or span.of is None:
            return 0.0
        key = (span, "lag", fixed.get(span.dim))
        if key not in self._rows:
            self._rows[key] = self._spread(span, self._table(span, fixed), "lag")
        return self._rows[key]

    def again(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """How often an index is touched that the tiles touch."""
        if span.dim < 0 or span.of is None:
            return 1.0
        key = (span, "again", fixed.get(span.dim))
        if key not in self._rows:
            table = self._table(span, fixed)
            self._rows[key] = self._ratio(span, np.maximum(table.total / np.maximum(table.covered, 1.0), 1.0))
        return self._rows[key]

    def made(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """How often an index of the dimension is made."""
        if span.dim < 0 or span.of is None:
            return 1.0
        key = (span, "made", fixed.get(span.dim))
        if key not in self._rows:
            self._rows[key] = self._ratio(span, np.maximum(self._table(span, fixed).total / span.extent, 1.0))
        return self._rows[key]

    def trips(self, dim: int, extent: int, fixed: dict[int, int]) -> FloatArray | float:
        """Tiles of a dimension."""
        if dim not in self.places:
            return float(-(-extent // fixed.get(dim, extent)))
        key = (dim, "trips", extent)
        if key not in self._rows:
            counts = np.array([-(-extent // size) for size in self.sizes[dim]], dtype=float)
            self._rows[key] = counts[self.places[dim]]
        return self._rows[key]


@lru_cache(maxsize=256)
def _tiles(sizes: tuple[tuple[int, tuple[int, ...]], ...]) -> _Tiles:
    shape = [len(some) for _, some in sizes]
    index = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), dtype=np.int64)
    places = {dim: index[number] for number, (dim, _) in enumerate(sizes)}
    return _Tiles(dict(sizes), places, math.prod(shape))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """All tiles of one way; arrays of (T,)."""

    evaluation: _Evaluation
    footprint: FloatArray | float
    moved: FloatArray | float
    work: FloatArray | float


@dataclass(eq=False)
class _Evaluation:
    """One way over all tiles of a stack.

    Attributes:
        stack: The group.
        tiles: All tiles.
        way: How it is run.
        fixed: Sizes of dimensions that are cut in one size only.
        shared: Figures that all ways with these tiles share.
    """

    stack: Stack
    tiles: _Tiles
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
        """Bytes of an operand in and out."""
        if number in self.way.resident:
            return float(self.stack.operands[number].bytes), 0.0
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
        rows, key = self.tiles._rows, (spans, self.way.cached, *self.fixed.items())
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
        rows, key = self.tiles._rows, (spans, way.cached, way.order, *self.fixed.items())
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

    def parts(self) -> Iterator[_Part]:
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
        for count in _prefixes(len(staying)):
            resident = frozenset(staying[:count])
            chosen = replace(self, way=replace(self.way, resident=resident)) if resident else self
            moved, room = base, 0.0
            for number in staying[:count]:
                moved = moved - reads[number] + stack.operands[number].bytes
                room += stack.operands[number].bytes
            footprint = some if not count or count < len(staying) else self.footprint(resident)
            yield _Part(chosen, footprint + room, moved, work)

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


def _front(stack: Stack, parts: Sequence[_Part]) -> FusedCurve:
    """The steps that may be best: a front of capacity and bytes for each limit to the work."""
    counts = [part.evaluation.tiles.count for part in parts]
    total_count = sum(counts)
    held, total, done = np.empty(total_count), np.empty(total_count), np.empty(total_count)
    begin = 0
    for part, count in zip(parts, counts, strict=True):
        held[begin : begin + count] = part.footprint
        total[begin : begin + count] = part.moved
        done[begin : begin + count] = part.work
        begin += count
    worth = 1.0 if len(stack.members) <= FEW_MEMBERS else WORTH
    order = np.lexsort((done, total, held))
    held, total, done = held[order], total[order], done[order]
    limits = float(done.min()) * np.array(WORK_LIMITS) * (1 + 1e-12)
    kept: set[int] = set()
    for limit in limits:
        allowed = np.flatnonzero(done <= limit)
        moved = total[allowed]
        least = np.minimum.accumulate(moved)
        steps = np.concatenate(([0], np.flatnonzero(moved[1:] < least[:-1]) + 1))
        last = math.inf
        for step, amount in zip(allowed[steps].tolist(), moved[steps].tolist(), strict=True):
            if amount < last * worth or amount == least[-1]:
                kept.add(step)
                last = amount
        if len(allowed) == total_count:
            break
    rows = np.array(sorted(kept))
    capacity, chosen = held[rows], order[rows]
    starts = np.concatenate(([0], np.cumsum(counts)))
    part_of = np.searchsorted(starts, chosen, side="right") - 1
    return _curve(stack, parts, part_of, chosen - starts[part_of], capacity)


def _curve(
    stack: Stack, parts: Sequence[_Part], part_of: IntArray, places: IntArray, capacity: FloatArray
) -> FusedCurve:
    """The figures of some tiles in full."""
    count, operands, units = len(places), len(stack.operands), max(member.unit for member in stack.members) + 1
    again = np.zeros(count)
    reads, writes = np.zeros((count, operands)), np.zeros((count, operands))
    work, tiles = np.ones((count, units)), np.empty((count, len(stack.extents)), dtype=np.int64)
    tiles[:] = stack.extents
    for number in sorted(set(part_of.tolist())):
        rows = np.flatnonzero(part_of == number)
        evaluation, here = parts[number].evaluation, places[rows]
        for operand in range(operands):
            read, write = evaluation.moved(operand)
            reads[rows, operand] = read if isinstance(read, float) else read[here]
            writes[rows, operand] = write if isinstance(write, float) else write[here]
        for member, times in zip(stack.members, evaluation.works(), strict=True):
            if isinstance(times, float) and times == 1.0:
                continue
            done = times if isinstance(times, float) else times[here]
            again[rows] += (done - 1) * member.ops
            work[rows, member.unit] = np.maximum(work[rows, member.unit], done)
        for dim, size in evaluation.fixed.items():
            tiles[rows, dim] = size
        for dim, sizes in evaluation.tiles.sizes.items():
            tiles[rows, dim] = np.array(sizes)[evaluation.tiles.places[dim][here]]
    return FusedCurve(
        capacity_bytes=np.ceil(capacity - 1e-6), read_bytes=np.ceil(reads - 1e-6), write_bytes=np.ceil(writes - 1e-6),
        work=work, again_ops=np.round(again), tiles=tiles,
        ways=tuple(parts[number].evaluation.way for number in part_of.tolist()),
    )  # fmt: skip
