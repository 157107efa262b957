"""Footprint and traffic of a tile as products of factors, one factor for each block of loops.

A block is a loop, or loops whose counters meet in the index of some operand. In a given order of the loops outside the
tile the elements that an operand's tile holds, and those that it fetches, are products over the blocks. So tiles are
evaluated by looking up factors, and the product of the least factors bounds a whole box of tiles from below.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind
from onnxroof.mapping.boundary import Boundary
from onnxroof.mapping.footprint import OperandTable, TileTables
from onnxroof.mapping.orders import Order

__all__ = ["Block", "OrderFactors", "order_factors", "transfer_loops"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


COMPARED = 256
"""Of at most so many candidates each is compared with each."""


@dataclass(frozen=True, eq=False)
class Block:
    """Tiles of some loops that can be best in an order, A operands, N candidates.

    Attributes:
        picks: (loops, N) positions of their sizes.
        columns: (3 or 5, A, N) factors, 1 where they make no difference, in this order:
            held: of the elements that a tile holds,
            moved: of the elements that come in,
            widened: how much wider an element of the tile is for being a partial sum: the widest block's counts,
            and where transfers are counted
            tiles: of the transfers that bring each tile once,
            again: of how often it comes.
    """

    picks: IntArray
    columns: FloatArray
    _levels: dict[int, _Runs] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Candidates."""
        return int(self.picks.shape[1])

    def least(self, level: int) -> _Runs:
        """The least factors of runs of 2**level candidates."""
        if level not in self._levels:
            self._levels[level] = _runs(self.columns, 1 << level)
        return self._levels[level]

    def take(self, rows: IntArray | BoolArray) -> Block:
        """Some of the candidates."""
        return Block(self.picks[:, rows], self.columns[:, :, rows])


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The least factors of runs of candidates by operand; None where all are 1."""

    held: tuple[FloatArray | None, ...]
    moved: tuple[FloatArray | None, ...]
    widened: tuple[FloatArray | None, ...]
    tiles: tuple[FloatArray | None, ...]
    again: tuple[FloatArray | None, ...]


@dataclass(frozen=True, eq=False)
class OrderFactors:
    """All that can be best in one order. A box of tiles spans runs of 2**level candidates of each block.

    Attributes:
        blocks: Whose candidates combine freely.
        held: By operand the bytes that an element of the blocks' product takes in the buffer.
        moved: By operand the bytes that one moves.
        constant: By operand the bytes that move besides.
        results: By operand the bytes of what is written in the end.
        counted: Operands whose bytes count.
        sweeps: By operand how often it is read over and over, 0 for outputs.
        access_bytes: Least bytes of a transfer, 0 for any.
    """

    blocks: tuple[Block, ...]
    held: tuple[float, ...]
    moved: tuple[float, ...]
    constant: tuple[float, ...]
    results: tuple[float, ...]
    counted: frozenset[int]
    sweeps: tuple[int, ...]
    access_bytes: float

    def counts(self, level: int) -> list[int]:
        """Runs of each block."""
        return [-(-block.count // (1 << level)) for block in self.blocks]

    def least(self, level: int, place: Sequence[IntArray]) -> tuple[FloatArray, FloatArray]:
        """Bytes that any tile of a box holds and moves at least; at level 0 what the tile holds and moves.

        Args:
            level: Of the boxes.
            place: By block which run they span; the arrays broadcast against each other.
        """
        blocks = [(index, block.least(level)) for index, block in zip(place, self.blocks, strict=True)]
        # Into place: these arrays are large, and to get more memory takes longer than to fill it.
        shape = np.broadcast_shapes(*(index.shape for index in place))
        held, moved = np.zeros(shape), np.zeros(shape)
        for number, (weight, cost) in enumerate(zip(self.held, self.moved, strict=True)):
            if weight:
                elements = _product(weight, [(runs.held[number], index) for index, runs in blocks])
                columns = [(runs.widened[number], index) for index, runs in blocks]
                wider = [column[index] for column, index in columns if column is not None]
                held += elements * functools.reduce(np.maximum, wider) if wider else elements
            if number in self.counted:
                fetched = _product(cost, [(runs.moved[number], index) for index, runs in blocks])
                if self.constant[number]:
                    fetched = np.add(fetched, self.constant[number], out=fetched)
                if self.access_bytes:
                    once = _product(self.access_bytes, [(runs.tiles[number], index) for index, runs in blocks])
                    again = _product(1.0, [(runs.again[number], index) for index, runs in blocks])
                    if self.sweeps[number]:
                        fetched = np.maximum(fetched, once * again * self.sweeps[number])
                    else:
                        read = np.maximum((fetched - self.results[number]) / 2, once * (again - 1))
                        fetched = read + np.maximum((fetched + self.results[number]) / 2, once * again)
                moved += fetched
        return held.ravel(), moved.ravel()

    def mesh(self, level: int) -> list[IntArray]:
        """All boxes of a level, as arrays that broadcast to them."""
        counts = self.counts(level)
        return [
            np.arange(count).reshape([-1 if axis == block else 1 for axis in range(len(counts))])
            for block, count in enumerate(counts)
        ]

    def halves(self, level: int, place: IntArray) -> IntArray:
        """The boxes of the next finer level of which those at `place`, (blocks, X), consist."""
        counts = self.counts(level - 1)
        splits = [min(count, 2) for count in counts]
        offsets = np.indices(splits).reshape(len(splits), math.prod(splits))
        finer: IntArray = (2 * place[:, :, None] + offsets[:, None, :]).reshape(len(splits), -1)
        exists = np.ones(finer.shape[1], dtype=bool)
        for row, count in zip(finer, counts, strict=True):
            exists &= row < count
        return finer[:, exists]

    def middles(self, level: int, place: IntArray) -> IntArray:
        """A tile of each box."""
        last = np.array(self.counts(0))[:, None] - 1
        tiles: IntArray = np.minimum((place << level) + ((1 << level) >> 1), last)
        return tiles


def _product(value: float, factors: Iterable[tuple[FloatArray | None, IntArray]]) -> FloatArray:
    product = np.array(value)
    for factor, index in factors:
        if factor is not None:
            product = np.asarray(product * factor[index])
    return product


def order_factors(
    tables: TileTables, orders: Sequence[Order], blocks: Sequence[tuple[int, ...]], boundary: Boundary
) -> list[OrderFactors]:
    """The candidates of each order, by block of loops."""
    held, full, constant, results = [], [], [], []
    for number, operand in enumerate(tables.operands):
        access = operand.access
        bits, partial = access.bits / 8, max(access.partial_bits, access.bits) / 8
        elements = operand.whole * math.prod(float(tables.nest.loops[loop].extent) for loop in operand.dense)
        # An output moves a partial sum out and in for each element that comes in but the first time, and its results.
        full.append(elements * (2 * partial if access.is_write else bits))
        constant.append(operand.distinct * (bits - 2 * partial) if access.is_write else 0.0)
        results.append(operand.distinct * bits if access.is_write else 0.0)
        held.append(operand.whole * bits if number in boundary.held else 0.0)
    known: dict[Hashable, Block] = {}
    found = []
    for order in orders:
        sweeps = tuple(
            0 if operand.access.is_write else order.sweeps_of(operand, tables.nest) for operand in tables.operands
        )
        chosen = []
        for block in blocks:
            # All that a block's factors depend on: orders differ in little.
            inside = frozenset(block)
            slides = tuple(loop if loop in inside else None for loop in order.slide)
            key = (block, inside & order.held, tuple(free & inside for free in order.free), slides)
            if key not in known:
                known[key] = _block(tables, order, block, counts_transfers=boundary.access_bytes > 0)
            chosen.append(known[key])
        moved = tuple(cost * (times or 1) for cost, times in zip(full, sweeps, strict=True))
        found.append(
            OrderFactors(
                tuple(chosen), tuple(held), moved, tuple(constant),
                tuple(results), boundary.counted, sweeps,
                boundary.access_bytes,
            )
        )  # fmt: skip
    return found


def _block(tables: TileTables, order: Order, block: tuple[int, ...], *, counts_transfers: bool) -> Block:
    ranges = [_range(tables, order, loop) for loop in block]
    if len(block) == 1:
        picks = np.arange(*ranges[0])[None]
        is_first = np.zeros(picks.shape[1] - 1, dtype=bool)
    else:
        # The longest loop runs fastest, so that neighbours differ little.
        by_length = sorted(range(len(block)), key=lambda place: ranges[place][1] - ranges[place][0])
        shape = [ranges[place][1] - ranges[place][0] for place in by_length]
        grid = np.indices(shape).reshape(len(block), math.prod(shape))
        picks = np.empty_like(grid)
        for row, place in zip(grid, by_length, strict=True):
            picks[place] = row + ranges[place][0]
        is_first = grid[-1, 1:] == 0 if block else np.zeros(0, dtype=bool)
    found = _factors(tables, order, block, picks, counts_transfers=counts_transfers)
    if found.count == 1:
        return found
    # A candidate that holds as much as the one before it and moves as much cannot be better.
    is_better = is_first | (found.columns[:, :, 1:] < found.columns[:, :, :-1]).any(axis=(0, 1))
    if not is_better.all():
        found = found.take(np.concatenate(([True], is_better)))
    return _undominated(found) if len(block) > 1 and found.count <= COMPARED else found


def _undominated(block: Block) -> Block:
    """The block without candidates of which no factor is less than another's; one of those that are all equal."""
    columns = block.columns.reshape(-1, block.count)
    columns = columns[(columns != columns[:, :1]).any(axis=1)]
    is_as_good = (columns[:, :, None] <= columns[:, None, :]).all(axis=0)
    is_dominated = (is_as_good & ~np.triu(is_as_good.T)).any(axis=0)
    return block.take(~is_dominated) if is_dominated.any() else block


def _range(tables: TileTables, order: Order, loop: int) -> tuple[int, int]:
    last = len(tables.sizes[loop])
    if loop in order.held:
        return last - 1, last
    return 0, 1 if tables.nest.loops[loop].kind is LoopKind.SEQUENTIAL else last


def _factors(
    tables: TileTables, order: Order, block: tuple[int, ...], picks: IntArray, *, counts_transfers: bool
) -> Block:
    place = dict(zip(block, picks, strict=True))
    columns = np.ones((5 if counts_transfers else 3, len(tables.operands), picks.shape[1]))
    for number, operand in enumerate(tables.operands):
        held, moved, widened = columns[:3, number]
        is_partial: list[BoolArray] = []
        for loop in block:
            if loop in operand.dense:
                held *= tables.sizes[loop][place[loop]]
            if loop not in operand.loops and loop not in order.free[number]:
                moved *= tables.trips[loop][place[loop]]
            if operand.widens and loop in operand.unfinished - operand.loops:
                is_partial.append(tables.trips[loop][place[loop]] > 1)
        for window in operand.windows:
            if window.loops[0] in place:
                index = tuple(place[loop] for loop in window.loops)
                held *= window.peak[index]
                moved *= window.fetched(order.slide[number])[index]
                if operand.widens:
                    is_partial.append(window.total[index] > window.total.flat[-1])
        for flags in is_partial:
            widened[flags] = operand.access.partial_bits / operand.access.bits
        if counts_transfers:
            tiles, again = columns[3:, number]
            fetching = transfer_loops(operand, order.slide[number])
            for loop in block:
                trips = tables.trips[loop][place[loop]]
                tiles *= trips if loop in fetching else 1.0
                again *= trips if loop not in operand.loops | order.free[number] else 1.0
    return Block(picks, columns)


def transfer_loops(operand: OperandTable, slide: int | None) -> frozenset[int]:
    """Loops whose every iteration brings new elements of an operand for certain: no padding, no window that slides."""
    loops = set(operand.dense)
    for window in operand.windows:
        # Tiles of one element each touch as many elements as there are of them, unless some are padding.
        if slide not in window.loops and window.touches_always:
            loops.update(window.loops)
    return frozenset(loops)


def _runs(columns: FloatArray, size: int) -> _Runs:
    if size > 1:
        columns = np.minimum.reduceat(columns, np.arange(0, columns.shape[2], size), axis=2)
    is_used = (columns != 1).any(axis=2).tolist()
    found = [
        tuple(row if used else None for row, used in zip(column, flags, strict=True))
        for column, flags in zip(columns, is_used, strict=True)
    ]
    nothing = (None,) * columns.shape[1]
    return _Runs(*found, *[nothing] * (5 - len(found)))
