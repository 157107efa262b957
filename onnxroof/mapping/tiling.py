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

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind, LoopNest
from onnxroof.mapping.footprint import Indices, OperandTable, TileTables, tile_tables
from onnxroof.mapping.orders import Order, loop_orders

__all__ = ["Front", "moved_elements", "operand_bytes", "pareto_front", "tile_sizes"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

POINTS_PER_ORDER = 1 << 20
"""Above this the tile sizes of the longest loops are thinned geometrically, 1 and the extent always kept. Convolutions
of batch 256 and matrix products of any size stay below. Measured on such convolutions with a quarter of the points
that all sizes would take: 2 % more bytes in the mean over the steps, 12 % at the worst step."""

FEW = 6
"""Fewer tile sizes than this are not thinned."""

MOST_SIZES = 1024
"""A loop of more than a million iterations has more trip counts than this up to its root; they are then sampled at
equal ratios, at most 2 % apart for any extent that a file can state."""

SHORT = 8
"""A loop of a sliding window with at most so many iterations is cut in every way: with gaps between the taps, or in
the padding, a tile that is not the smallest of its trip count can touch less. Longer ones lose little: 28 outputs with
taps 4 apart need 0.2 % more bytes in the mean over the steps, 4 % at the worst step."""

TAPS = range(6, 17)
"""But a reduction loop of a sliding window with so many iterations is cut into single taps, into as many as the
window steps by or twice that, or not at all."""


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


def tile_sizes(extent: int) -> IntArray:
    """The smallest tile size of each trip count, ascending from 1 to `extent`; of a huge extent a sample of them."""
    root = math.isqrt(extent) + 1
    if root > MOST_SIZES:
        small = np.unique(np.geomspace(1, root, MOST_SIZES).astype(np.int64))
    else:
        small = np.arange(1, root + 1, dtype=np.int64)
    trips = np.concatenate((small, -(-extent // small)))
    return np.unique(-(-extent // trips))


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
    result: list[tuple[FloatArray, FloatArray]] = []
    for number, operand in enumerate(tables.operands):
        moved = moved_elements(tables, order, number, index)
        bits = operand.access.bits
        if operand.access.is_write:
            again = (moved - operand.distinct) * (max(operand.access.partial_bits, bits) / 8)
            result.append((again, again + operand.distinct * (bits / 8)))
            continue
        sweeps = tables.nest.sweeps if order.is_swept and operand.loops & tables.nest.swept else 1
        result.append((moved * (sweeps * bits / 8), np.zeros(())))
    return result


def pareto_front(nest: LoopNest) -> Front:
    """The front of a canonical nest. The last step moves the compulsory bytes, the first is the smallest tile."""
    tables = tile_tables(nest, [_sizes(nest, number) for number in range(len(nest.loops))])
    orders = loop_orders(tables)
    filter_ = _Filter()
    found: list[tuple[int, FloatArray, list[IntArray]]] = []
    for number, order in enumerate(orders):
        choices = _thinned([_choices(tables, order, loop) for loop in range(len(nest.loops))])
        index = _mesh(choices)
        shape = tuple(len(choice) for choice in choices)
        footprint = np.broadcast_to(tables.footprint_bytes(index), shape).ravel()
        moved = np.zeros(())
        for read, write in operand_bytes(tables, order, index):
            moved = moved + read + write
        kept = filter_.keep(footprint, np.broadcast_to(moved, shape).ravel())
        picked = np.unravel_index(kept, (1, *shape))[1:]  # a nest may have no loops
        found.append((number, footprint[kept], [choice[i] for choice, i in zip(choices, picked, strict=True)]))
    return _front(tables, orders, found)


class _Filter:
    """Drops most points that cannot be on the front, without sorting: by the least bytes in classes of footprints.

    A class is the exponent and the first bits of the mantissa of the footprint.
    """

    SHIFT = 46  # of 52 mantissa bits: 64 classes an octave

    def __init__(self) -> None:
        self._least = np.full(64 * 64, np.inf)

    def keep(self, footprint: FloatArray, moved: FloatArray) -> IntArray:
        """Positions of the points that move less than every point seen in a lower class."""
        lowest = np.float64(2.0**-3).view(np.int64) >> self.SHIFT
        bucket = np.clip((footprint.view(np.int64) >> self.SHIFT) - lowest, 0, len(self._least) - 1)
        np.minimum.at(self._least, bucket, moved)
        bound = np.concatenate(([np.inf], np.minimum.accumulate(self._least)[:-1]))
        return np.flatnonzero(moved < bound[bucket])


def _front(
    tables: TileTables, orders: Sequence[Order], found: Sequence[tuple[int, FloatArray, list[IntArray]]]
) -> Front:
    """The exact front of the points that are left, in whole bytes."""
    loops, operands = len(tables.nest.loops), len(tables.operands)
    points = sum(len(footprint) for _, footprint, _ in found)
    capacity = np.concatenate([footprint for _, footprint, _ in found])
    read, write = np.zeros((points, operands)), np.zeros((points, operands))
    tiles = np.ones((points, loops), dtype=np.int64)
    begin = 0
    for number, footprint, index in found:
        rows = slice(begin, begin + len(footprint))
        begin += len(footprint)
        for operand, moved in enumerate(operand_bytes(tables, orders[number], index)):
            # Elements narrower than a byte are packed.
            read[rows, operand], write[rows, operand] = np.ceil(moved[0]), np.ceil(moved[1])
        for loop in range(loops):
            tiles[rows, loop] = tables.sizes[loop][index[loop]]
    total = read.sum(axis=1) + write.sum(axis=1)
    by_size = np.lexsort((total, capacity))
    least = np.minimum.accumulate(total[by_size])
    is_step = np.concatenate(([True], total[by_size][1:] < least[:-1]))
    steps = by_size[is_step]
    return Front(capacity[steps], read[steps], write[steps], tiles[steps])


def _sizes(nest: LoopNest, number: int) -> IntArray:
    """Tile sizes of a loop to choose from, ascending from 1 to its extent."""
    loop = nest.loops[number]
    if loop.kind is LoopKind.SEQUENTIAL:
        return np.array([1, loop.extent])
    windows = [axis for a in nest.accesses for axis in a.axes if len(axis.terms) > 1]
    strides = {
        t.stride for axis in windows if number in {t.loop for t in axis.terms} for t in axis.terms if t.loop != number
    }
    is_tap = bool(strides) and loop.kind is LoopKind.REDUCTION
    if is_tap and loop.extent in TAPS:
        return np.unique([1, loop.extent, *(min(n * stride, loop.extent) for stride in strides for n in (1, 2))])
    return np.arange(1, loop.extent + 1) if strides and loop.extent <= SHORT else tile_sizes(loop.extent)


def _choices(tables: TileTables, order: Order, loop: int) -> IntArray:
    """Positions of the sizes of a loop that can be best in this order."""
    last = len(tables.sizes[loop]) - 1
    if loop in order.held:
        return np.array([last])
    if tables.nest.loops[loop].kind is LoopKind.SEQUENTIAL:
        return np.array([0])
    if any(_depends(operand, number, order, loop) for number, operand in enumerate(tables.operands)):
        return np.arange(last + 1)
    # The traffic is the same for all sizes: the smallest, or the whole loop where that narrows partial sums.
    narrows = any(operand.widens and loop in operand.unfinished for operand in tables.operands)
    return np.array([0, last]) if narrows else np.array([0])


def _depends(operand: OperandTable, number: int, order: Order, loop: int) -> bool:
    if loop not in operand.loops:
        return loop not in order.free[number]
    return any(window.depends(loop, order.slide[number]) for window in operand.windows)


def _thinned(choices: list[IntArray]) -> list[IntArray]:
    """The choices with those of the longest loops spaced geometrically until their product is bounded."""
    choices = list(choices)
    while math.prod(len(choice) for choice in choices) > POINTS_PER_ORDER:
        longest = max(range(len(choices)), key=lambda loop: len(choices[loop]))
        choice = choices[longest]
        if len(choice) <= FEW:
            break
        # Sizes are one by one at the low end and extent/n at the high end: dense at both ends, sparse in the middle.
        half = np.geomspace(1, (len(choice) + 1) // 2, len(choice) // 3).astype(np.int64) - 1
        choices[longest] = np.unique(choice[np.concatenate((half, len(choice) - 1 - half))])
    return choices


def _mesh(choices: Sequence[IntArray]) -> list[IntArray]:
    """The choices as arrays that broadcast to their product."""
    return [
        choice.reshape([-1 if axis == loop else 1 for axis in range(len(choices))])
        for loop, choice in enumerate(choices)
    ]
