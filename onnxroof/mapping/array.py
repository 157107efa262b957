"""How well does a loop nest fill a spatial array, and what must the array be fed with?

One step of an array of m x n x k units does a tile of the nest: output dimensions are unrolled over m and n, summed
ones over k.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind, LoopNest
from onnxroof.mapping.boundary import accesses_of
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.footprint import Indices, TileTables, tile_tables
from onnxroof.mapping.orders import Order, loop_orders
from onnxroof.mapping.skeleton import skeleton
from onnxroof.mapping.tiling import moved_elements, orders_bytes
from onnxroof.targets.model import Array

__all__ = [
    "array_operand_traffic",
    "array_tiles",
    "array_traffic",
    "spatial_utilization",
    "stationary_orders",
    "unrolled_traffic",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@lru_cache(maxsize=4096)
def spatial_utilization(nest: LoopNest, array: Array) -> float:
    """Share of the array's units that do useful work, for the best assignment of loops to its axes.

    Every parallel loop goes to m or to n and every reduction to k; loops of extents with product p on an axis of u
    units take ceil(p / u) steps. Sequential loops are walked in time.
    """
    if nest.points == 0:
        return 1.0
    steps = min(_steps(nest, array).values())
    points = math.prod(loop.extent for loop in nest.loops if loop.kind is not LoopKind.SEQUENTIAL)
    return points / (steps * array.m * array.n * array.k)


@lru_cache(maxsize=4096)
def array_traffic(nest: LoopNest, array: Array) -> tuple[float, float]:
    """Bytes (into the array, out of it) when its units keep what they can from one step to the next.

    The tile is what the array unrolls, under the assignment of best utilization that moves the fewest bytes, and the
    steps are in the best order: the operand that is irrelevant to the innermost loops stays in the array, and sums
    that stay leave once.
    """
    moves = array_operand_traffic(nest, array)
    return sum(read for read, _ in moves), sum(write for _, write in moves)


@lru_cache(maxsize=4096)
def array_operand_traffic(nest: LoopNest, array: Array) -> tuple[tuple[float, float], ...]:
    """As `array_traffic`, by access.

    Where the array's tile cannot be walked in an order that its dataflow asks for, since a recurrence is walked outside
    of all else, it does what it can.
    """
    if nest.points == 0:
        return ((0.0, 0.0),) * len(nest.accesses)
    tables, index = _unrolled(nest, array)
    orders = loop_orders(tables)
    wanted = stationary_orders(tables, orders, array.stationary)
    found = _least(tables, [orders[number] for number in wanted], index)
    return found if found is not None else _least(tables, orders, index) or ()


def _least(tables: TileTables, orders: Sequence[Order], index: Indices) -> tuple[tuple[float, float], ...] | None:
    """Bytes read and written by operand for the tile and order that move the least; None where no order is legal."""
    moves = orders_bytes(tables, orders, index)
    both = [[read + write for read, write in zip(reads, writes, strict=True)] for _, reads, writes in moves]
    least, best, known = np.inf, None, set()
    for order, ways in zip(orders, zip(*(ways for ways, _, _ in moves), strict=True), strict=True):
        if (ways, order.held) in known:
            continue
        known.add((ways, order.held))
        total = np.asarray(sum(rows[way] for rows, way in zip(both, ways, strict=True)))
        for loop in order.held:
            total = np.where(tables.trips[loop][index[loop]] == 1, total, np.inf)
        tile = int(total.argmin())
        if total.flat[tile] < least:
            least, best = total.flat[tile], (ways, tile)
    if best is None:
        return None
    ways, tile = best

    def at(values: FloatArray) -> float:
        return float(values[tile]) if values.ndim else float(values)

    return tuple((at(reads[way]), at(writes[way])) for way, (_, reads, writes) in zip(ways, moves, strict=True))


def stationary_orders(tables: TileTables, orders: Sequence[Order], stationary: str) -> list[int]:
    """Numbers of the orders in which an operand stays: no loop that it does not depend on fetches it again.

    A row of weights stays while the window slides along the last dimension of the input.
    """
    every = list(range(len(orders)))
    if not stationary:
        return every
    everything = frozenset(range(len(tables.nest.loops)))
    if stationary == "row":
        rows = [window.loops for operand in tables.operands for window in operand.windows if len(window.loops) > 1]
        along = {loop for row in rows[-1:] for loop in row if tables.nest.loops[loop].kind is LoopKind.PARALLEL}
        return [number for number in every if along & set(orders[number].slide)] or every
    staying = accesses_of(tables.nest, (stationary,))
    # Small operands beside the main one (a bias) do not decide: the one with the most elements does.
    main = max(staying, key=lambda number: tables.operands[number].distinct, default=None)
    if main is None:
        return every
    free = everything - tables.operands[main].loops
    return [number for number in every if free <= orders[number].free[main] | orders[number].held] or every


def unrolled_traffic(nest: LoopNest, unrolling: Sequence[int], stays: int | None = None) -> tuple[float, float]:
    """Bytes (into an array, out of it) when each step is one instruction D = A*B + C on a given tile.

    Every step then takes all its operands in, partial sums included, and gives its sums back, but for the access
    number `stays`: that one is kept while the loops that it does not depend on are walked.

    Args:
        nest: With iterations.
        unrolling: Iterations of each loop that one step does.
        stays: Number of an access, None to keep nothing.

    Returns:
        For a matrix product with m, n, k unrolled, nothing kept and elements of equal width: 2mnk operations for
        mk + kn + 2mn elements a step.
    """
    plain = canonical(nest, merge=False)
    tile = [unrolling[member] for (member,) in plain.members]
    sizes = [np.unique([1, size, loop.extent]) for size, loop in zip(tile, plain.nest.loops, strict=True)]
    tables = tile_tables(plain.nest, sizes)
    index = [np.searchsorted(choices, [size]) for choices, size in zip(sizes, tile, strict=True)]
    everything = frozenset(range(len(tile)))
    order = Order(
        free=tuple(everything - a.loops if n == stays else frozenset() for n, a in enumerate(plain.nest.accesses)),
        slide=(None,) * len(nest.accesses),
    )
    read = write = 0.0
    for number, operand in enumerate(tables.operands):
        access = operand.access
        moved = float(moved_elements(tables, order, number, index).sum()) * max(access.partial_bits, access.bits) / 8
        read += moved
        write += moved if access.is_write else 0.0
    return read, write


def _parallel(nest: LoopNest) -> tuple[int, ...]:
    """Parallel loops of more than one iteration."""
    return tuple(n for n, loop in enumerate(nest.loops) if loop.kind is LoopKind.PARALLEL and loop.extent > 1)


@lru_cache(maxsize=4096)
def _steps(nest: LoopNest, array: Array) -> Mapping[tuple[int, ...], int]:
    """Steps with each set of parallel loops on m and the others on n."""
    extents, loops = [loop.extent for loop in nest.loops], _parallel(nest)
    times = -(-math.prod(extents[number] for number in nest.reductions) // array.k)
    parallel = math.prod(extents[number] for number in loops)
    rows: dict[tuple[int, ...], int] = {(): 1}
    found = {}
    for count in range(len(loops) + 1):
        for to_m in itertools.combinations(loops, count):
            if to_m:
                rows[to_m] = rows[to_m[:-1]] * extents[to_m[-1]]
            found[to_m] = times * -(-rows[to_m] // array.m) * -(-(parallel // rows[to_m]) // array.n)
    return found


@lru_cache(maxsize=4096)
def array_tiles(plain: LoopNest, array: Array) -> IntArray:
    """(loops, U): iterations of each loop of a canonical nest that one step does, at the best utilization."""
    steps, parallel, summed = _steps(plain, array), _parallel(plain), tuple(sorted(plain.reductions))
    fewest = min(steps.values())
    fills: dict[tuple[int, tuple[int, ...]], tuple[_Fill, ...]] = {}
    tiles: dict[tuple[int, ...], None] = {}
    for to_m, count in steps.items():
        if count > fewest:
            continue
        to_n = tuple(number for number in parallel if number not in to_m)
        axes = ((array.m, to_m), (array.n, to_n), (array.k, summed))
        for axis in axes:
            if axis not in fills:
                fills[axis] = tuple(dict.fromkeys(_fills(plain, *axis)))
        for parts in itertools.product(*(fills[axis] for axis in axes)):
            tile = [1] * len(plain.loops)
            for part in parts:
                for loop, size in part:
                    tile[loop] = size
            tiles[tuple(tile)] = None
    return np.array(list(tiles), dtype=np.int64).reshape(len(tiles), len(plain.loops)).T


def _unrolled(nest: LoopNest, array: Array) -> tuple[TileTables, list[IntArray]]:
    """Tables with the tiles that the array can do in a step at the best utilization, and their positions there."""
    plain = canonical(nest, merge=False).nest
    tables, index = _bare_unrolled(skeleton(plain), array)
    return tables.of(plain), index


@lru_cache(maxsize=1024)
def _bare_unrolled(plain: LoopNest, array: Array) -> tuple[TileTables, list[IntArray]]:
    sizes_of, index = [], []
    for column, loop in zip(array_tiles(plain, array).tolist(), plain.loops, strict=True):
        sizes = sorted({*column, 1, loop.extent})
        place = {size: number for number, size in enumerate(sizes)}
        sizes_of.append(np.array(sizes))
        index.append(np.array([place[size] for size in column]))
    return tile_tables(plain, sizes_of), index


_Fill: TypeAlias = tuple[tuple[int, int], ...]
"""Loops and how many iterations of each lie along an axis; of the others one does."""


def _fills(nest: LoopNest, units: int, loops: Sequence[int]) -> Iterator[_Fill]:
    """Ways to fill an axis: one loop first, then the others from the innermost, as far as the units go."""
    for first in loops or [-1]:
        rest = units
        sizes: dict[int, int] = {}
        for number in sorted(loops, key=lambda n: (n != first, -n)):
            if rest == 1:
                break
            sizes[number] = min(nest.loops[number].extent, rest)
            rest //= sizes[number]
        yield tuple(sorted(sizes.items()))
