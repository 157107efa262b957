"""Footprint and traffic of a tile as products of factors, one factor for each block of loops.

A block is a loop, or loops whose counters meet in the index of some operand. In a given order of the loops outside the
tile the elements that an operand's tile holds, and those that it fetches, are products over the blocks. So tiles are
evaluated by looking up factors, and the product of the least factors bounds a whole box of tiles from below.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterator, Sequence
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


HELD, MOVED, WIDENED, TILES, AGAIN = range(5)
"""Columns of a block."""

MARK = 2.0
"""Stands for how much wider a partial sum is: candidates compare alike whatever that is, so precisions share them."""

WIDE = 48
"""The last blocks are multiplied out until they have so many candidates: rows of that length are multiplied fast."""

COMPARED = 256
"""Of at most so many candidates each is compared with each."""

BEFORE = np.triu(np.ones((COMPARED, COMPARED), dtype=bool), 1)
"""Whether the first candidate is before the second."""


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
            columns = self.columns
            if level:
                columns = np.minimum.reduceat(columns, np.arange(0, self.count, 1 << level), axis=2)
            self._levels[level] = _Runs(columns, (columns != 1).any(axis=2).tolist())
        return self._levels[level]

    def widened(self, wider: FloatArray) -> Block:
        """The block with how much wider partial sums of an operand are, (A, 1), in place of `MARK`."""
        if not any(self.least(0).is_used[WIDENED]):
            return self
        columns = self.columns.copy()
        columns[WIDENED] = np.where(columns[WIDENED] == MARK, wider, 1.0)
        return Block(self.picks, columns)

    def take(self, rows: IntArray | BoolArray) -> Block:
        """Some of the candidates."""
        return Block(self.picks[:, rows], self.columns[:, :, rows])


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The least factors of runs of candidates.

    Attributes:
        columns: As of a block, of the runs; they may have any shape.
        is_used: By column and operand whether some factor is not 1.
    """

    columns: FloatArray
    is_used: Sequence[Sequence[bool]]

    def at(self, index: IntArray | slice) -> _Runs:
        """Those of some runs."""
        return _Runs(self.columns[:, :, index], self.is_used)


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
            place: By block which run they span, all of one length.
        """
        parts = [block.least(level).at(index) for index, block in zip(place, self.blocks, strict=True)]
        return self._bytes(parts, np.empty((4, len(place[0]))))

    def pieces(self, level: int, most: int) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """All boxes of a level in row-major order, about `most` at a time: the number of the first, and their `least`.

        The blocks are multiplied out to two, so that little is left to do for each box. What is given holds until the
        next is asked for: to get more memory takes longer than to fill it.
        """
        counts, split = self.counts(level), len(self.blocks) - 1
        while split and math.prod(counts[split:]) < WIDE:
            split -= 1
        runs, rows, columns = [block.least(level) for block in self.blocks], 1, math.prod(counts[split:])
        across = _joined(runs[split:])
        parts = [_Runs(across.columns[:, :, None], across.is_used)]
        if split:
            rows, down = math.prod(counts[:split]), _joined(runs[:split])
            parts.insert(0, _Runs(down.columns[:, :, :, None], down.is_used))
        step = min(rows, max(1, most // columns))
        buffers = np.empty((4, step, columns))
        for begin in range(0, rows, step):
            some = [part.at(slice(begin, begin + step)) for part in parts[:-1]]
            yield begin * columns, *self._bytes([*some, parts[-1]], buffers[:, : rows - begin])

    def _bytes(self, parts: Sequence[_Runs], buffers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What the products of some factors hold and move.

        Args:
            parts: The factors, which broadcast against each other.
            buffers: (4, ...) room for the result and what it takes to work it out.
        """
        held, moved, spare, wide = buffers
        _fill(held, spare, [self._held(parts, number, wide) for number, weight in enumerate(self.held) if weight])
        counted = sorted(self.counted)
        if not self.access_bytes:
            rest = sum(self.constant[number] for number in counted)
            _fill(moved, spare, [_factors_of(self.moved[number], parts, number, MOVED) for number in counted], rest)
            return held.reshape(-1), moved.reshape(-1)
        moved.fill(0.0)
        for number in counted:
            fetched, once, again = spare, wide, np.empty_like(spare)
            _fill(fetched, spare, [_factors_of(self.moved[number], parts, number, MOVED)], self.constant[number])
            _fill(once, once, [_factors_of(self.access_bytes, parts, number, TILES)])
            once *= fetched > 0  # of an operand that is padding alone nothing comes in
            _fill(again, again, [_factors_of(1.0, parts, number, AGAIN)])
            if self.sweeps[number]:
                moved += np.maximum(fetched, once * again * self.sweeps[number])
            else:
                moved += np.maximum((fetched - self.results[number]) / 2, once * (again - 1))
                moved += np.maximum((fetched + self.results[number]) / 2, once * again)
        return held.reshape(-1), moved.reshape(-1)

    def _held(self, parts: Sequence[_Runs], number: int, room: FloatArray) -> list[FloatArray]:
        """Factors of what a tile of an operand takes."""
        wider = [part.columns[WIDENED, number] for part in parts if part.is_used[WIDENED][number]]
        if len(wider) <= 1:
            return _factors_of(self.held[number], parts, number, HELD, WIDENED)
        widest = functools.reduce(functools.partial(np.maximum, out=room), wider)
        return [*_factors_of(self.held[number], parts, number, HELD), widest]

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


def _factors_of(value: float, parts: Sequence[_Runs], operand: int, *columns: int) -> list[FloatArray]:
    """A value and the factors of an operand, one of each part that has any; the value is in the first of them."""
    found = []
    for part in parts:
        used = [part.columns[column, operand] for column in columns if part.is_used[column][operand]]
        if used:
            found.append(functools.reduce(np.multiply, used))
    return [np.multiply(found[0], value), *found[1:]] if found else [np.array(value)]


def _fill(out: FloatArray, spare: FloatArray, products: Sequence[Sequence[FloatArray]], rest: float = 0.0) -> None:
    """Puts a sum of products and `rest` into `out`, what is in between into `spare`: in place, and few steps."""
    # What has a factor less is a row or a column.
    for number, factors in enumerate(sorted(products, key=len, reverse=True)):
        product, room = factors[0], spare if number else out
        for factor in factors[1:]:
            product = np.multiply(product, factor, out=room)
        if number == len(products) - 1 and rest:
            product = np.add(product, rest, out=room if len(factors) > 1 else None)
        if number:
            out += product
        elif len(factors) == 1:
            out[...] = product
    if not products:
        out.fill(0.0)


def _joined(runs: Sequence[_Runs]) -> _Runs:
    """All combinations of runs of some blocks, in row-major order."""
    columns = runs[0].columns
    for part in runs[1:]:
        both = columns[:, :, :, None] * part.columns[:, :, None]
        np.maximum(columns[WIDENED, :, :, None], part.columns[WIDENED, :, None], out=both[WIDENED])
        columns = both.reshape(*both.shape[:2], -1)
    is_used = [
        [any(flags) for flags in zip(*of, strict=True)] for of in zip(*(part.is_used for part in runs), strict=True)
    ]
    return _Runs(columns, is_used)


def order_factors(
    tables: TileTables,
    orders: Sequence[Order],
    blocks: Sequence[tuple[int, ...]],
    boundary: Boundary,
    known: dict[Hashable, Block],
) -> list[OrderFactors]:
    """The candidates of each order, by block of loops.

    Args:
        tables: Of a nest.
        orders: Of its loops.
        blocks: Of its loops.
        boundary: Which operands are held and counted.
        known: Candidates of the same nest in whatever precisions, {} for the first.
    """
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
    widens = tuple([operand.widens for operand in tables.operands])
    wider = np.array(
        [operand.access.partial_bits / operand.access.bits if operand.widens else 1.0 for operand in tables.operands]
    )[:, None]
    is_marked = bool(((wider != 1.0) & (wider != MARK)).any())
    worn: dict[int, Block] = {}
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
            counts_transfers = boundary.access_bytes > 0
            frees = tuple([free & inside for free in order.free])
            key = (block, inside & order.held, frees, slides, widens, counts_transfers)
            if key not in known:
                known[key] = _block(tables, order, block, counts_transfers=counts_transfers)
            marked = known[key]
            if is_marked and id(marked) not in worn:
                worn[id(marked)] = marked.widened(wider)
            chosen.append(worn.get(id(marked), marked))
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
    # What is as good as another has a lower sum, so it comes before it; of equal ones the last does.
    by_sum = block.count - 1 - columns.sum(axis=0)[::-1].argsort(kind="stable")
    is_better = BEFORE[: block.count, : block.count].copy()
    for column in columns[:, by_sum]:
        is_better &= column[:, None] <= column
    kept = np.sort(by_sum[~is_better.any(axis=0)])
    return block if len(kept) == block.count else block.take(kept)


def _range(tables: TileTables, order: Order, loop: int) -> tuple[int, int]:
    last = len(tables.sizes[loop])
    if loop in order.held:
        return last - 1, last
    return 0, 1 if tables.nest.loops[loop].kind is LoopKind.SEQUENTIAL else last


def _factors(
    tables: TileTables, order: Order, block: tuple[int, ...], picks: IntArray, *, counts_transfers: bool
) -> Block:
    place = dict(zip(block, picks, strict=True))
    sizes = {loop: tables.sizes[loop][row] for loop, row in place.items()}
    trips = {loop: tables.trips[loop][row] for loop, row in place.items()}
    columns = np.ones((5 if counts_transfers else 3, len(tables.operands), picks.shape[1]))
    for number, operand in enumerate(tables.operands):
        held, moved, widened = columns[:3, number]
        is_partial: list[BoolArray] = []
        for loop in block:
            if loop in operand.dense:
                held *= sizes[loop]
            if loop not in operand.loops:
                if loop not in order.free[number]:
                    moved *= trips[loop]
                if operand.widens and loop in operand.unfinished:
                    is_partial.append(trips[loop] > 1)
        for window in operand.windows:
            if window.loops[0] in place:
                index = tuple(place[loop] for loop in window.loops)
                held *= window.peak[index]
                moved *= window.fetched(order.slide[number])[index]
                if operand.widens:
                    is_partial.append(window.total[index] > window.total.flat[-1])
        for flags in is_partial:
            widened[flags] = MARK
        if counts_transfers:
            tiles, again = columns[3:, number]
            fetching = transfer_loops(operand, order.slide[number])
            for loop in block:
                tiles *= trips[loop] if loop in fetching else 1.0
                again *= trips[loop] if loop not in operand.loops | order.free[number] else 1.0
    return Block(picks, columns)


def transfer_loops(operand: OperandTable, slide: int | None) -> frozenset[int]:
    """Loops whose every iteration brings new elements of an operand for certain: no padding, no window that slides."""
    loops = set(operand.dense)
    for window in operand.windows:
        # Tiles of one element each touch as many elements as there are of them, unless some are padding.
        if slide not in window.loops and window.touches_always:
            loops.update(window.loops)
    return frozenset(loops)
