"""Which tiles are worth trying at a level, and over which loops can a nest be spread over cores?

A level's candidates are the last steps of the nest's reuse curve that fit it, and the best tiles of a coarser grid
that do: these waste some of the capacity, which a level further in may need. All are positions in one set of tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind, LoopNest
from onnxroof.mapping.array import array_tiles, stationary_orders
from onnxroof.mapping.chain import Walks
from onnxroof.mapping.curve import Curve
from onnxroof.mapping.footprint import tile_tables
from onnxroof.mapping.holders import held_curve
from onnxroof.mapping.orders import Order, loop_orders
from onnxroof.mapping.tiling import operand_bytes, orders_bytes, tile_sizes
from onnxroof.targets.model import Array

__all__ = ["Grid", "Room", "array_steps", "grid", "spreads"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

GRID_TILES = 8192
"""Tiles of the grid at most."""

RATIOS = (1.0, 1.1, 1.2, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 8.0, 64.0, math.inf)
"""Between neighbouring sizes of the grid; the first with which there are few enough tiles is taken."""

TIE = 1e-3
"""What moves less counts for so much where the slowest boundary is as slow."""

STEPS = 8
"""Steps of the curve that are tried below the last that fits."""

TAPS = 5
"""A loop over so many taps of a window is cut in every way, but in the grid it is not cut or cut into single taps."""

LONG_TAPS = 16
"""A loop over so many is not cut or cut into single taps."""

EVEN = 0.95
"""Ways to spread a nest that keep so much of the best one's cores busy are tried."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Tiles of a nest in tables that hold all sizes that matter; G tiles, O orders.

    Attributes:
        walks: Tables and orders.
        curve: Of the nest; all figures are of the operands that a level holds.
        held: Numbers of these operands.
        mesh: By loop positions of sizes; the arrays broadcast to all combinations, the tiles.
        footprint_bytes: (G,) of a tile.
        moved_bytes: (G,) over the boundary outside such a tile, in its best order.
        passed_bytes: (G,) what all tiles take, nothing kept from one to the next: a level further in that cuts a
            tile has to be given all of it, whatever it does.
    """

    walks: Walks
    curve: Curve
    held: frozenset[int]
    mesh: tuple[IntArray, ...]
    footprint_bytes: FloatArray
    moved_bytes: FloatArray
    passed_bytes: FloatArray

    def best(self, room: Room, inner_s: float, parts: Sequence[int], count: int) -> IntArray:
        """(D, C) the most promising tiles that fit, and the smallest.

        Args:
            room: For the tile.
            inner_s: Time a byte takes at the slowest level further in, in units of that at the boundary outside.
            parts: Over how many cores each loop is spread: a core holds its part of a tile.
            count: How many of the grid; 0 for the smallest alone.
        """
        is_spread = any(part > 1 for part in parts)
        smallest = self._spread_smallest(parts) if is_spread else self._smallest
        if not count:
            return smallest
        last = int(np.searchsorted(self.curve.capacity_bytes, room.all_bytes, side="right"))
        some = slice(max(0, last - STEPS), last)
        held, steps, taken = self.footprint_bytes, self._steps[0][:, some], self._steps[1][some]
        if is_spread:
            held = _each(self.walks.tables.footprint_bytes(self._part(self.mesh, parts), self.held), self.mesh)
            taken = self.walks.footprint_bytes(self.part(steps, parts), self.held)
        fits = (held <= room.instance_bytes).nonzero()[0]
        moved, passed = self.moved_bytes.take(fits), self.passed_bytes.take(fits) * inner_s
        promise = np.maximum(moved, passed) * (1 + TIE) + (moved + passed) * TIE
        if len(fits) > count:
            fits = fits[np.argpartition(promise, count)[:count]]
        return np.concatenate((self._tiles(fits), steps[:, taken <= room.instance_bytes], smallest), axis=1)

    def _tiles(self, numbers: IntArray) -> IntArray:
        """(D, C) positions of some tiles."""
        places = np.unravel_index(numbers, [row.size for row in self.mesh])
        return np.array([row.ravel()[place] for row, place in zip(self.mesh, places, strict=True)])

    def part(self, index: IntArray, parts: Sequence[int]) -> IntArray:
        """Positions of the least sizes that hold one core's part of tiles."""
        return np.array(self._part(index, parts))

    def _part(self, rows: Iterable[IntArray], parts: Sequence[int]) -> list[IntArray]:
        return [
            np.searchsorted(sizes, -(-sizes[row] // part)) if part > 1 else row
            for row, sizes, part in zip(rows, self.walks.tables.sizes, parts, strict=True)
        ]

    @cached_property
    def _smallest(self) -> IntArray:
        """(D, 2) the tile that takes least room, twice."""
        return self._spread_smallest((1,) * len(self.mesh))

    def _spread_smallest(self, parts: Sequence[int]) -> IntArray:
        """(D, 2) the tile that takes least room, and one of which each core's part is that."""
        tile = self.curve.tiles[0]
        found = []
        for size, one, part in zip(self.walks.tables.sizes, tile.tolist(), parts, strict=True):
            single = np.searchsorted(size, one, side="right") - 1
            found.append([single, np.searchsorted(size, min(int(size[single]) * part, int(size[-1])))])
        return np.array(found)

    @cached_property
    def _steps(self) -> tuple[IntArray, FloatArray]:
        """(D, S) positions of the tiles of the curve, rounded down, and the bytes that they take."""
        pairs = zip(self.walks.tables.sizes, self.curve.tiles.T, strict=True)
        index = np.array([np.searchsorted(sizes, tiles, side="right") - 1 for sizes, tiles in pairs])
        return index, self.walks.footprint_bytes(index, self.held)


def _each(values: FloatArray, mesh: Sequence[IntArray]) -> FloatArray:
    """(G,) values of all tiles of a mesh in a row."""
    return np.broadcast_to(values, [row.size for row in mesh]).ravel()


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a tile may take: of one instance of a level, and of all that hold a tile together."""

    instance_bytes: float
    all_bytes: float


@lru_cache(maxsize=1024)
def grid(nest: LoopNest, held: frozenset[int] | None = None) -> Grid:
    """The grid of a canonical nest with at least one loop, for a level that holds some operands; None for all."""
    operands = held if held is not None else frozenset(range(len(nest.accesses)))
    if len(operands) < len(nest.accesses):
        whole = grid(nest)
        walks, mesh = whole.walks, whole.mesh
        tables = walks.tables
    else:
        sizes = [_sizes(nest, loop) for loop in range(len(nest.loops))]
        tables = tile_tables(nest, sizes)
        walks, mesh = Walks(tables, loop_orders(tables)), np.ix_(*_thinned(nest, sizes))
    every = orders_bytes(tables, walks.orders, mesh)
    moves = [
        (ways, [read + write for read, write in zip(reads, writes, strict=True)])
        for number, (ways, reads, writes) in enumerate(every)
        if number in operands
    ]
    best = np.full([row.size for row in mesh], np.inf)
    for number, order in enumerate(walks.orders):
        moved: FloatArray = sum((both[ways[number]] for ways, both in moves), start=np.zeros(()))
        for loop in order.held:
            moved = np.where(tables.trips[loop][mesh[loop]] == 1, moved, np.inf)
        np.minimum(best, moved, out=best)
    nothing = (frozenset[int](),) * len(tables.operands)
    again = operand_bytes(tables, Order(nothing, (None,) * len(nothing)), mesh)
    passed: FloatArray = sum(
        (read + write for number, (read, write) in enumerate(again) if number in operands), start=np.zeros(())
    )
    footprints = tables.footprint_bytes(mesh, operands)
    return Grid(
        walks, held_curve(nest, operands), operands, mesh, _each(footprints, mesh), best.ravel(), _each(passed, mesh)
    )


def _sizes(nest: LoopNest, number: int) -> IntArray:
    """Tile sizes of a loop, some of those that the reuse curve chooses from."""
    loop = nest.loops[number]
    if loop.kind is LoopKind.SEQUENTIAL:
        return np.array([1, loop.extent])
    if not _is_tap(nest, number):
        return tile_sizes(loop.extent)
    return np.arange(1, loop.extent + 1) if loop.extent <= TAPS else np.array([1, loop.extent])


def _is_tap(nest: LoopNest, number: int) -> bool:
    """Whether a loop sums over a window of few elements."""
    loop = nest.loops[number]
    windows = [axis for a in nest.accesses for axis in a.axes if len(axis.terms) > 1]
    is_windowed = any(number in {term.loop for term in axis.terms} for axis in windows)
    return is_windowed and loop.kind is LoopKind.REDUCTION and loop.extent <= LONG_TAPS


def _thinned(nest: LoopNest, sizes: Sequence[IntArray]) -> list[IntArray]:
    """Positions of sizes so far apart, by one ratio, that their product is bounded."""
    fixed = [
        [0] if loop.kind is LoopKind.SEQUENTIAL
        else sorted({0, len(size) - 1}) if _is_tap(nest, number) else None
        for number, (loop, size) in enumerate(zip(nest.loops, sizes, strict=True))
    ]  # fmt: skip
    listed = [size.tolist() for size in sizes]
    for ratio in RATIOS:
        choices = [_apart(size, ratio) if one is None else one for one, size in zip(fixed, listed, strict=True)]
        if math.prod(map(len, choices)) <= GRID_TILES:
            break
    return [np.array(choice) for choice in choices]


def _apart(sizes: Sequence[int], ratio: float) -> list[int]:
    """Positions of the last size, of each that is so much smaller than the one kept before, and of the first."""
    kept, least = [len(sizes) - 1], sizes[-1]
    for place in range(len(sizes) - 2, -1, -1):
        if place == 0 or sizes[place] * ratio <= least:
            kept.append(place)
            least = sizes[place]
    return kept[::-1]


@lru_cache(maxsize=4096)
def array_steps(nest: LoopNest, array: Array) -> tuple[IntArray, BoolArray | None]:
    """(D, C) tiles of the grid's tables that an array does in a step, and (O,) the orders that its dataflow allows.

    The sizes at hand are the smallest of each number of trips: rounding down keeps the number of steps. Where a
    window's tile does not divide the one outside, one step takes one place. None for any order.
    """
    walks, steps = grid(nest).walks, array_tiles(nest, array)
    sizes = walks.tables.sizes
    tiles = np.array([np.searchsorted(size, row, side="right") - 1 for size, row in zip(sizes, steps, strict=True)])
    single = tiles.copy()
    single[walks.windowed] = 0
    tiles = np.array(sorted({*zip(*tiles.tolist(), strict=True), *zip(*single.tolist(), strict=True)})).T
    if not array.stationary:
        return tiles, None
    allowed = np.zeros(len(walks.orders), dtype=bool)
    allowed[stationary_orders(walks.tables, walks.orders, array.stationary)] = True
    return tiles, allowed


@lru_cache(maxsize=4096)
def spreads(nest: LoopNest, cores: int, count: int = 2) -> tuple[tuple[int, ...], ...]:
    """Ways to cut loops over cores: for each loop into how many parts. Those that keep the most cores busy.

    One or two loops are cut; sums that are cut are added up on their way out. At most `count` ways, those that cut two
    loops alike before those that cut one, parallel loops before sums.
    """
    if cores == 1:
        return ((1,) * len(nest.loops),)
    loops = [n for n, loop in enumerate(nest.loops) if loop.kind is not LoopKind.SEQUENTIAL]
    halves = sorted({cores // part for part in range(1, math.isqrt(cores) + 1)} | set(range(1, math.isqrt(cores) + 1)))
    found: dict[tuple[int, ...], tuple[float, int, int]] = {}
    for first, second in itertools.product(loops, repeat=2):
        for part in halves if first != second else [cores]:
            parts = [1] * len(nest.loops)
            parts[first] = min(part, nest.loops[first].extent)
            if first != second:
                parts[second] = min(cores // parts[first], nest.loops[second].extent)
            sums = sum(parts[n] > 1 for n in nest.reductions)
            found[tuple(parts)] = (_busy(nest, parts, cores), -sums, min(parts[first], parts[second]))
    if not found:
        return ((1,) * len(nest.loops),)
    most = max(busy for busy, _, _ in found.values())
    even = [parts for parts, (busy, _, _) in found.items() if busy >= EVEN * most]
    chosen = sorted(even, key=lambda parts: (found[parts][1], found[parts][2]), reverse=True)
    return tuple(dict.fromkeys((max(even, key=lambda parts: found[parts]), *chosen)))[:count]


def _busy(nest: LoopNest, parts: Sequence[int], cores: int) -> float:
    """Share of the cores that work, when each takes the largest part."""
    share = 1 / cores
    for loop, part in zip(nest.loops, parts, strict=True):
        share *= loop.extent / -(-loop.extent // part)
    return share
