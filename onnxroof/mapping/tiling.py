"""Which tiles of a loop nest are worth having? All tile sizes and loop orders, reduced to the Pareto front.

Traffic of an operand for a tile and an order of the loops outside it = what its distinct tiles fetch, times the trips
of the loops that are irrelevant to it and not free. An output is visited as often: the first visit of an element reads
nothing, all but the last write a partial sum. The algebra is that of Orojenesis (Huang et al., ISCA 2024), with tile
sizes that need not divide the extents; exactly one operand of a matrix product can stay, and this falls out.

Only the smallest tile of each trip count matters, about 2*sqrt(N) sizes for a loop of N iterations. In a given order
the traffic does not depend on the size of many loops at all: there the smallest tile is best. This keeps the
enumeration of a convolution at some 10,000 points for each order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import AxisMap, LoopKind, LoopNest
from onnxroof.mapping.boundary import Boundary, whole_boundary
from onnxroof.mapping.factors import Block, OrderFactors, order_factors, transfer_loops
from onnxroof.mapping.footprint import Indices, OperandTable, TileTables, tile_tables
from onnxroof.mapping.orders import Order, loop_orders, without_mirrored
from onnxroof.mapping.skeleton import skeleton

__all__ = ["Front", "moved_elements", "operand_bytes", "orders_bytes", "pareto_front", "tile_sizes"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TILES = 1 << 20
"""So many tiles of an order are all evaluated; of more, first boxes of tiles are bounded."""

BOXES = 1 << 14
"""The search then begins with at most so many boxes."""

PIECE = 1 << 15
"""About so many tiles or boxes are looked at together: what is worked out of them stays in a cache."""

SAMPLED, SAMPLE = 16, 64
"""Of more tiles than a sample takes one in so many is looked at first."""

BATCH = 1 << 17
"""So many boxes are looked at together: bounds what memory it takes."""

RAGGED = 256
"""In a longer one what a last tile with gaps saves is too little to look for."""

PADDING = 8
"""A good part is more than one in so many."""

MOST_SIZES = 1024
"""A loop of more than a million iterations has more trip counts than this up to its root; they are then sampled at
equal ratios, at most 2 % apart for any extent that a file can state."""

SHORT = 8
"""A loop of a sliding window with at most so many iterations is cut in every way."""

PADDED = 64
"""So is one with at most so many where a good part of what the windows reach is padding: a tile that lies in it touches
less, whatever its size."""


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Tiles of which none needs more room and moves as many bytes as another, by ascending footprint.

    Attributes:
        capacity_bytes: (S,) footprint of all operands' tiles.
        read_bytes: (S, operands) bytes that come in, partial sums that are read again among them.
        write_bytes: (S, operands) bytes that go out, partial sums among them.
        tiles: (S, loops) tile sizes.
    """

    capacity_bytes: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    tiles: IntArray


@lru_cache(maxsize=4096)
def tile_sizes(extent: int) -> IntArray:
    """The smallest tile size of each trip count, ascending from 1 to `extent`; of a huge extent a sample of them."""
    root = math.isqrt(extent) + 1
    if root > MOST_SIZES:
        small = np.unique(np.geomspace(1, root, MOST_SIZES).astype(np.int64))
    else:
        small = np.arange(1, root + 1, dtype=np.int64)
    trips = np.concatenate((small, -(-extent // small)))
    sizes = np.unique(-(-extent // trips))
    sizes.setflags(write=False)
    return sizes


def moved_elements(tables: TileTables, order: Order, number: int, index: Indices) -> FloatArray:
    """Elements of operand `number` that come into the buffer for the tiles of `index`, each as often as it does."""
    operand = tables.operands[number]
    moved = tables.fetched_elements(operand, order.slide[number], index)
    for loop in range(len(tables.nest.loops)):
        if loop not in operand.loops and loop not in order.free[number]:
            moved = moved * tables.trips[loop][index[loop]]
    return moved


def operand_bytes(tables: TileTables, order: Order, index: Indices) -> list[tuple[FloatArray, FloatArray]]:
    """Bytes read and written for each operand by the tiles of `index` in one order."""
    found = []
    for number, operand in enumerate(tables.operands):
        moved = moved_elements(tables, order, number, index)
        found.append(_access_bytes(operand, moved, order.sweeps_of(operand, tables.nest)))
    return found


def _access_bytes(operand: OperandTable, moved: FloatArray, sweeps: int) -> tuple[FloatArray, FloatArray]:
    """Bytes read and written for elements that come in, each as often as it does in a sweep."""
    bits = operand.access.bits
    if operand.access.is_write:
        again = (moved - operand.distinct) * (max(operand.access.partial_bits, bits) / 8)
        return again, again + operand.distinct * (bits / 8)
    return moved * (sweeps * bits / 8), np.zeros(())


def orders_bytes(
    tables: TileTables, orders: Sequence[Order], index: Indices
) -> list[tuple[list[int], list[FloatArray], list[FloatArray]]]:
    """As `operand_bytes`, for many orders, each way in which they treat an operand once: orders differ in little.

    Returns:
        For each operand and order the way that it treats it, and by way the bytes read and written.
    """
    trips = [count[row] for count, row in zip(tables.trips, index, strict=True)]
    found = []
    for number, operand in enumerate(tables.operands):
        ways: dict[tuple[int | None, frozenset[int], int], int] = {}
        keys = [(order.slide[number], order.free[number], order.sweeps_of(operand, tables.nest)) for order in orders]
        way_of = [ways.setdefault(key, len(ways)) for key in keys]
        fetched = {slide: tables.fetched_elements(operand, slide, index) for slide in {slide for slide, _, _ in ways}}
        irrelevant = [loop for loop in range(len(trips)) if loop not in operand.loops]
        reads, writes = [], []
        for slide, free, sweeps in ways:
            moved = fetched[slide]
            for loop in irrelevant:
                if loop not in free:
                    moved = moved * trips[loop]
            read, write = _access_bytes(operand, moved, sweeps)
            reads.append(read)
            writes.append(write)
        found.append((way_of, reads, writes))
    return found


def pareto_front(nest: LoopNest, boundary: Boundary | None = None) -> Front:
    """The front of a canonical nest. The last step moves the compulsory bytes, the first is the smallest tile.

    Args:
        nest: In canonical form.
        boundary: Which operands are held and counted, None for all at any width.
    """
    boundary = boundary or whole_boundary(nest)
    bare = _bare(skeleton(nest))
    tables, orders = bare.tables.of(nest), bare.orders
    loops = [loop for block in bare.blocks for loop in block]
    filter_ = _Filter()
    every = order_factors(tables, orders, bare.blocks, boundary, bare.known)
    found = [(factors, _search(factors, filter_)) for factors in every]
    footprint = np.concatenate([part.footprint for _, parts in found for part in parts])
    moved = np.concatenate([part.moved for _, parts in found for part in parts])
    # In whole bytes, as on the front, each operand may move up to two more.
    by_size = np.lexsort((moved, footprint))
    least = np.minimum.accumulate(moved[by_size])
    is_near = np.empty(len(moved), dtype=bool)
    is_near[by_size] = moved[by_size] <= np.concatenate(([np.inf], least[:-1])) + 2 * len(boundary.counted)
    kept, begin = [], 0
    for order, (factors, parts) in zip(orders, found, strict=True):
        numbers = np.concatenate([part.number for part in parts])
        end = begin + len(numbers)
        numbers, begin = numbers[is_near[begin:end]], end
        if len(numbers):
            place = np.unravel_index(numbers, factors.counts(0))
            picks = np.concatenate([block.picks[:, row] for block, row in zip(factors.blocks, place, strict=True)])
            kept.append((order, [picks[loops.index(loop)] for loop in range(len(loops))]))
    return _front(tables, kept, boundary)


@dataclass(frozen=True, slots=True, eq=False)
class _Bare:
    """What a search takes of a nest but for the widths of its elements.

    Attributes:
        tables: Over all tile sizes to choose from.
        orders: To try.
        blocks: Of loops, whose tiles combine freely.
        known: Candidates of blocks that were asked for.
    """

    tables: TileTables
    orders: tuple[Order, ...]
    blocks: list[tuple[int, ...]]
    known: dict[Hashable, Block]


@lru_cache(maxsize=256)
def _bare(nest: LoopNest) -> _Bare:
    tables = tile_tables(nest, _sizes(nest))
    return _Bare(tables, without_mirrored(nest, loop_orders(tables)), _blocks(tables), {})


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Tiles that may be on the front: what they need and move, and their number among all of the order."""

    footprint: FloatArray
    moved: FloatArray
    number: IntArray


def _blocks(tables: TileTables) -> list[tuple[int, ...]]:
    """Loops whose counters meet in an index belong together."""
    blocks = [{loop} for loop in range(len(tables.nest.loops))]
    for operand in tables.operands:
        for window in operand.windows:
            met = [block for block in blocks if block & set(window.loops)]
            blocks = [block for block in blocks if block not in met] + [set().union(*met)]
    return [tuple(sorted(block)) for block in blocks] or [()]


def _search(factors: OrderFactors, filter_: _Filter) -> list[_Found]:
    """The tiles of one order that may be on the front: branch and bound over boxes of tiles, from coarse to fine."""
    level = 0
    if math.prod(factors.counts(0)) > TILES:
        level = next(n for n in itertools.count(1) if math.prod(factors.counts(n)) <= BOXES)
    found, stack = [], []
    for begin, footprint, moved in factors.pieces(level, PIECE):
        kept = filter_.promising(footprint, moved, is_seen=level == 0)
        if level == 0:
            found.append(_Found(footprint[kept], moved[kept], begin + kept))
        else:
            place = np.array(np.unravel_index(begin + kept, factors.counts(level)))
            stack.append((level, place, footprint[kept], moved[kept]))
    stack.reverse()
    while stack:
        level, place, footprint, moved = stack.pop()
        if level == 0:
            found.append(_Found(footprint, moved, np.ravel_multi_index(tuple(place), factors.counts(0))))
            continue
        filter_.promising(*factors.least(0, list(factors.middles(level, place))), is_seen=True)
        finer = factors.halves(level, place[:, filter_.promising(footprint, moved)])
        for begin in range(0, finer.shape[1], BATCH):
            part = finer[:, begin : begin + BATCH]
            footprint, moved = factors.least(level - 1, list(part))
            kept = filter_.promising(footprint, moved, is_seen=level == 1)
            stack.append((level - 1, part[:, kept], footprint[kept], moved[kept]))
    return found


class _Filter:
    """Drops most points that cannot be on the front, without sorting: by the least bytes in classes of footprints.

    A class is the exponent and the first bits of the mantissa of the footprint.
    """

    SHIFT = 46  # of 52 mantissa bits: 64 classes an octave
    FIRST = int(np.float64(2.0**-3).view(np.int64)) >> SHIFT
    COUNT = (int(np.float64(2.0**61).view(np.int64)) >> SHIFT) - FIRST  # footprints beyond are in the last one

    def __init__(self) -> None:
        self._least = np.full(self.COUNT, np.inf)
        self._bound = np.full(self.COUNT, np.inf)

    def promising(self, footprint: FloatArray, moved: FloatArray, *, is_seen: bool = False) -> IntArray:
        """Positions of what moves less than every tile that was seen in a lower class; `is_seen`: these are tiles."""
        classes = (footprint.view(np.int64) >> self.SHIFT) - self.FIRST
        if is_seen and len(moved) > SAMPLED * SAMPLE:  # a few tiles keep most of the others from being looked at again
            self._see(classes[::SAMPLED], moved[::SAMPLED])
        kept: IntArray = (moved < self._bound.take(classes, mode="clip")).nonzero()[0]
        if not is_seen:
            return kept
        classes, moved = classes[kept], moved[kept]
        self._see(classes, moved)
        return kept[moved < self._bound.take(classes, mode="clip")]

    def _see(self, classes: IntArray, moved: FloatArray) -> None:
        np.minimum.at(self._least, np.minimum(np.maximum(classes, 0), self.COUNT - 1), moved)
        np.minimum.accumulate(self._least[:-1], out=self._bound[1:])


def _front(tables: TileTables, found: Sequence[tuple[Order, list[IntArray]]], boundary: Boundary) -> Front:
    """The exact front of the tiles that are left of each order, in whole bytes."""
    loops, operands = len(tables.nest.loops), len(tables.operands)
    capacity, reads, writes, tiles = [], [], [], []
    for order, index in found:
        footprint = np.broadcast_to(tables.footprint_bytes(index, boundary.held), index[0].shape if index else (1,))
        read, write = np.zeros((len(footprint), operands)), np.zeros((len(footprint), operands))
        moves = operand_bytes(tables, order, index)
        if boundary.access_bytes:
            moves = _whole_accesses(tables, order, index, moves, boundary.access_bytes)
        for operand in boundary.counted:
            moved = moves[operand]
            # Elements narrower than a byte are packed.
            read[:, operand], write[:, operand] = np.ceil(moved[0]), np.ceil(moved[1])
        tile = np.ones((len(footprint), loops), dtype=np.int64)
        for loop in range(loops):
            tile[:, loop] = tables.sizes[loop][index[loop]]
        capacity.append(footprint)
        reads.append(read)
        writes.append(write)
        tiles.append(tile)
    footprints, read, write = np.concatenate(capacity), np.concatenate(reads), np.concatenate(writes)
    total = read.sum(axis=1) + write.sum(axis=1)
    by_size = np.lexsort((total, footprints))
    least = np.minimum.accumulate(total[by_size])
    is_step = np.concatenate(([True], total[by_size][1:] < least[:-1]))
    steps = by_size[is_step]
    return Front(footprints[steps], read[steps], write[steps], np.concatenate(tiles)[steps])


def _whole_accesses(
    tables: TileTables,
    order: Order,
    index: Indices,
    moves: Sequence[tuple[FloatArray, FloatArray]],
    access_bytes: float,
) -> list[tuple[FloatArray, FloatArray]]:
    """Bytes read and written by operand, at least one access for each transfer of a tile that moves anything."""
    result = []
    for number, (operand, (read, write)) in enumerate(zip(tables.operands, moves, strict=True)):
        once, again = np.asarray(access_bytes), np.ones(())
        fetching = transfer_loops(operand, order.slide[number])
        for loop, trips in enumerate(tables.trips):
            if loop in fetching:
                once = once * trips[index[loop]]
            elif loop not in operand.loops | order.free[number]:
                again = again * trips[index[loop]]
        once = np.where(read + write > 0, once, 0.0)  # of an operand that is padding alone nothing comes in
        if operand.access.is_write:
            result.append((np.maximum(read, once * (again - 1)), np.maximum(write, once * again)))
        else:
            times = again * order.sweeps_of(operand, tables.nest)
            result.append((np.maximum(read, once * times), np.zeros(())))
    return result


def _sizes(nest: LoopNest) -> list[IntArray]:
    """Tile sizes of each loop to choose from, ascending from 1 to its extent."""
    windows = dict.fromkeys(axis for access in nest.accesses for axis in access.axes if len(axis.terms) > 1)
    found = []
    for number, loop in enumerate(nest.loops):
        if loop.kind is LoopKind.SEQUENTIAL:
            found.append(np.array([1, loop.extent]))
            continue
        sizes = tile_sizes(loop.extent)
        more: set[int] = set()
        for axis in windows:
            own = [term.stride for term in axis.terms if term.loop == number]
            if own:
                more.update(_window_sizes(nest, axis, number, own[0]).tolist())
        found.append(np.array(sorted(more.union(sizes.tolist()))) if more else sizes)
    return found


def _window_sizes(nest: LoopNest, axis: AxisMap, number: int, own: int) -> IntArray:
    """Further tile sizes of a loop of a sliding window.

    Tiles of `size` counters touch consecutive elements from as many on as another counter steps over. Smaller ones have
    gaps and touch less, which a last tile can do where the others do not.
    """
    extent = nest.loops[number].extent
    reach = 1 + sum(term.stride * (nest.loops[term.loop].extent - 1) for term in axis.terms)
    solid = max(term.stride // math.gcd(term.stride, own) for term in axis.terms if term.loop != number)
    few = np.array([n for n in (solid, 2 * solid) if n < extent], dtype=np.int64)
    if extent > RAGGED:
        return few
    sizes = np.arange(1, extent + 1)
    if extent <= SHORT or (extent <= PADDED and PADDING * (reach - axis.extent) > reach):
        return sizes
    return np.concatenate((few, sizes[(extent - 1) % sizes + 1 < solid]))
