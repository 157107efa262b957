"""What do tiles inside tiles of a loop nest move, over each boundary between them?

A chain is a tile for each level, each contained in the one outside it, the last of a row ragged, and an order of the
loops that are walked at each level. Over a boundary an operand is fetched once for each iteration of all the loops
outside its tile, from the outermost level on, except of those inside the innermost one that it depends on. Where a
level cuts none of its loops, it has the tile of the level outside already, and moves what it moves there.

Many chains are followed at once: R rows, one a chain; D loops, X operands.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind
from onnxroof.mapping.footprint import TileTables, Window
from onnxroof.mapping.orders import Order

__all__ = ["Chains", "Walks"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Walks:
    """The orders of a nest's loops as arrays, O orders long.

    Attributes:
        tables: Of the nest, which must have a loop.
        orders: To choose from at each boundary.
    """

    tables: TileTables
    orders: tuple[Order, ...]

    @cached_property
    def ways(self) -> Ways:
        """How each operand is treated in each order, each way once: orders differ in little."""
        return _ways(self)

    @cached_property
    def depends(self) -> BoolArray:
        """(X, D, 1): whether an operand depends on a loop."""
        loops = range(len(self.tables.nest.loops))
        return np.array([[[d in operand.loops] for d in loops] for operand in self.tables.operands])

    @cached_property
    def holding(self) -> tuple[tuple[int, list[int]], ...]:
        """Numbers of the orders in which tiles must hold some loops entirely, and these loops."""
        return tuple((number, sorted(order.held)) for number, order in enumerate(self.orders) if order.held)

    @cached_property
    def extents(self) -> IntArray:
        """(D, 1) iterations of the loops."""
        return np.array([[loop.extent] for loop in self.tables.nest.loops])

    @cached_property
    def last(self) -> IntArray:
        """(D, 1) positions of the extents among the sizes."""
        return np.array([[len(sizes) - 1] for sizes in self.tables.sizes])

    @cached_property
    def windowed(self) -> list[int]:
        """Loops of windows."""
        return list({loop for o in self.tables.operands for w in o.windows for loop in w.loops})

    @cached_property
    def _held(self) -> tuple[FloatArray, BoolArray, FloatArray, FloatArray, BoolArray]:
        """What a tile takes of each operand.

        (X, 1) elements of the dimensions that no loop walks; (X, D, 1) the loops that walk a dimension of their own;
        (X, 1) bytes of an element and of one that is not finished; (X, D, 1) the loops that must be whole for it to be.
        """
        loops, operands = range(len(self.tables.nest.loops)), self.tables.operands
        bits = [(o.access.bits / 8, max(o.access.partial_bits, o.access.bits) / 8) for o in operands]
        narrow, wide = np.array(bits).T[:, :, None]
        return (
            np.array([[float(operand.whole)] for operand in operands]),
            np.array([[[d in operand.dense] for d in loops] for operand in operands]),
            narrow, wide,
            np.array([[[d in operand.unfinished - operand.loops] for d in loops] for operand in operands]),
        )  # fmt: skip

    def footprint_bytes(
        self, index: IntArray, held: Collection[int] | None = None, tile: IntArray | None = None
    ) -> FloatArray:
        """(R,) bytes of one tile of every operand together, or of those `held`, at positions in the tables.

        `tile` are its sizes where they are at hand.
        """
        whole, dense, narrow, wide, unfinished = self._held
        tile = self.sizes(index) if tile is None else tile
        elements = np.where(dense, tile, 1.0).prod(axis=1) * whole
        is_partial: BoolArray = np.any(unfinished & (tile < self.extents), axis=1)
        for x, operand in enumerate(self.tables.operands):
            for window in operand.windows:
                place = tuple(index[loop] for loop in window.loops)
                elements[x] *= window.peak[place]
                if operand.widens:  # tiles that overlap sum into the same elements
                    is_partial[x] |= window.total[place] > window.total.flat[-1]
        taken = elements * np.where(is_partial, wide, narrow)
        total: FloatArray = (taken if held is None or len(held) == len(taken) else taken[sorted(held)]).sum(axis=0)
        return total

    @cached_property
    def _table(self) -> tuple[IntArray, IntArray]:
        """(D, S) sizes of all loops, the last one of each repeated, and (D, 1) numbers of the loops."""
        longest = max(map(len, self.tables.sizes))
        table = np.array([[*size, *size[-1:] * (longest - len(size))] for size in map(list, self.tables.sizes)])
        return table, np.arange(len(table))[:, None]

    def is_tabled(self, whole: IntArray, part: IntArray) -> BoolArray:
        """(R,) whether the tables hold what tiles of sizes `part` fetch inside those of sizes `whole`, (D, R).

        A ragged tile of one loop of a window inside a tile of the other would need a table of its own.
        """
        loops = self.windowed
        if not loops:
            return np.ones(part.shape[1], dtype=bool)
        outer = whole[loops]
        found: BoolArray = ((outer % part[loops] == 0) | (outer == self.extents[loops])).all(axis=0)
        return found

    def sizes(self, index: IntArray) -> IntArray:
        """(D, R) tile sizes at positions in the tables."""
        table, loops = self._table
        return table[loops, index]

    @cached_property
    def _sequences(self) -> dict[int, tuple[int, ...]]:
        """Those that were asked for."""
        return {}

    def sequence(self, number: int) -> tuple[int, ...]:
        """Loops of an order, outermost first: one of the sequences that it stands for."""
        if number not in self._sequences:
            self._sequences[number] = self._sequence(number)
        return self._sequences[number]

    def _sequence(self, number: int) -> tuple[int, ...]:
        order, nest = self.orders[number], self.tables.nest
        operands = [(o.loops, o.sliding, order.free[x], order.slide[x]) for x, o in enumerate(self.tables.operands)]
        loops = range(len(nest.loops))
        swept, reductions = nest.swept if nest.sweeps > 1 else frozenset(), nest.reductions
        ranks = [2 if nest.loops[n].kind is LoopKind.SEQUENTIAL else 0 if n in swept else 1 for n in loops]

        def fits(placed: Sequence[int], loop: int) -> bool:
            """Whether `loop` may be the next outside those placed."""
            for relevant, sliding, free, slide in operands:
                if relevant.intersection(placed):
                    continue
                if loop not in relevant:
                    if loop not in free:
                        return False
                elif free.difference(placed) or slide != (loop if loop in sliding else None):
                    return False
            return True

        def extended(placed: tuple[int, ...]) -> tuple[int, ...] | None:
            left = [n for n in loops if n not in placed and n not in order.held]
            if not left or all(relevant.intersection(placed) for relevant, *_ in operands):
                # Those outside in any order: the sums outermost, and what must come one after the other outside them.
                return (*placed, *sorted(left, key=lambda n: (ranks[n], n not in reductions, n)))
            rank = min(ranks[n] for n in left)
            for loop in left:
                if ranks[loop] == rank and fits(placed, loop):
                    found = extended((*placed, loop))
                    if found is not None:
                        return found
            return None

        inside_out = extended(()) or ()
        return (*sorted(order.held), *reversed(inside_out))

    def start(self) -> Chains:
        """The one chain that has no tile yet: the outermost level holds everything."""
        distinct = np.array([[operand.distinct] for operand in self.tables.operands])
        ones = np.ones(self.extents.shape)
        sweeps = np.ones((len(distinct), 1)) if self.tables.nest.sweeps > 1 else None
        return Chains(self, self.last, self.extents[None], ones[None], ones, distinct, sweeps)


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """In how many ways the orders treat the operands; Y ways, those of an operand one after the other.

    Attributes:
        of: (X, O) the way in which an order treats an operand.
        passing: (X,) the way in which all iterations fetch it again and nothing slides; no order may.
        operand: (Y,) whose way it is.
        free: (Y, D, 1) whether the iterations of a loop do not fetch the operand again.
        inner: (Y, D, 1) whether they are iterations that its tile depends on, which its windows count.
        dense: (Y, 1) its elements apart from those of its windows.
        windows: Of all operands.
        widths: What bytes elements are, four times (Y, 1): bytes in for an element that comes in; elements that come in
            without being read; bytes out for a byte in; bytes out besides.
    """

    of: IntArray
    passing: IntArray
    operand: IntArray
    free: BoolArray
    inner: BoolArray
    dense: FloatArray
    windows: tuple[_Sliding, ...]
    widths: tuple[FloatArray, FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class _Sliding:
    """A window of an operand in the ways that the orders treat it.

    Attributes:
        window: Its tables.
        ways: Of the operand.
        along: Loops along which in some of them only the new part is fetched.
        tables: `total`; `slides` along these loops; for each of them, whether sliding along all of it fetches each
            element once. One array, tables first.
        row: By way which of the first tables counts.
    """

    window: Window
    ways: slice
    along: tuple[int, ...]
    tables: FloatArray
    row: IntArray


def _sliding(window: Window, ways: slice, slides: Sequence[int | None]) -> _Sliding:
    along = tuple(loop for loop in window.loops if loop in slides)
    new = [window.fetched(loop) for loop in along]
    ends = [np.take(window.total, [-1], axis=window.loops.index(loop)) for loop in along]
    is_solid = [(part == end).astype(float) for part, end in zip(new, ends, strict=True)]
    row = np.array([along.index(slide) + 1 if slide in along else 0 for slide in slides])
    return _Sliding(window, ways, along, np.array([window.total, *new, *is_solid]), row)


def _ways(walks: Walks) -> Ways:
    operands, loops = walks.tables.operands, walks.tables.nest.loops
    of, passing, operand_of, dense, widths = [], [], [], [], []
    free: list[list[list[bool]]] = []
    windows: list[_Sliding] = []
    for x, operand in enumerate(operands):
        begin = len(free)
        keys = [(order.free[x], order.slide[x]) for order in walks.orders]
        ways = {key: begin + number for number, key in enumerate(dict.fromkeys((*keys, (frozenset[int](), None))))}
        of.append([ways[key] for key in keys])
        passing.append(ways[frozenset(), None])
        operand_of += [x] * len(ways)
        free += [[[d in loose] for d in range(len(loops))] for loose, _ in ways]
        dense += [[float(operand.whole * math.prod(loops[loop].extent for loop in operand.dense))]] * len(ways)
        access, bits = operand.access, operand.access.bits
        if access.is_write:
            partial = max(access.partial_bits, bits) / 8
            widths += [(partial, operand.distinct, 1.0, operand.distinct * (bits / 8))] * len(ways)
        else:
            widths += [(bits / 8, 0.0, 0.0, 0.0)] * len(ways)
        mine, slides = slice(begin, len(free)), [slide for _, slide in ways]
        windows += [_sliding(window, mine, slides) for window in operand.windows]
    width, first, share, result = np.array(widths).T[:, :, None]
    operand_rows = np.array(operand_of)
    return Ways(
        of=np.array(of), passing=np.array(passing), operand=operand_rows, free=np.array(free),
        inner=walks.depends[operand_rows], dense=np.array(dense), windows=tuple(windows),
        widths=(width, first, share, result),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Chains down to some level.

    Attributes:
        walks: Tables and orders.
        index: (D, R) positions of the innermost tile's sizes.
        run_sizes: (N, D, R) sizes of the tiles along each loop, first whole ones, then ragged ones.
        run_counts: (N, D, R) how many there are of each.
        trips: (D, R) number of tiles along each loop, in all.
        moved: (X, R) elements that come in over the last boundary.
        sweeps: (X, R) how often they come for the swept loops, None where there are none.
    """

    walks: Walks
    index: IntArray
    run_sizes: IntArray
    run_counts: FloatArray
    trips: FloatArray
    moved: FloatArray
    sweeps: FloatArray | None

    @property
    def tile(self) -> IntArray:
        """(D, R) sizes of the innermost tile."""
        found: IntArray = self.run_sizes[0]
        return found

    @property
    def bytes(self) -> tuple[FloatArray, FloatArray]:
        """(X, R) bytes that come in, partial sums that are read again among them, and that go out."""
        return _bytes(self.walks.ways, self.walks.ways.passing, self.moved, self.sweeps)

    def take(self, rows: IntArray) -> Chains:
        """Some of the rows."""
        return Chains(
            self.walks, self.index[:, rows], self.run_sizes[:, :, rows], self.run_counts[:, :, rows],
            self.trips[:, rows], self.moved[:, rows], None if self.sweeps is None else self.sweeps[:, rows],
        )  # fmt: skip

    def inside(self, index: IntArray) -> Inside:
        """What tiles one level further in can be and move.

        Args:
            index: (D, R) positions of tile sizes, none larger than those here; of one chain here any number.
        """
        return Inside(self, index)

    def spread(self, index: IntArray) -> Chains:
        """The chains with each tile spread over cores: to each its own part of `index`, all at once.

        What crossed the last boundary crossed it once, whatever cores take it; from here on each core has its copy.
        The parts must be tabled inside the tiles.
        """
        cut = _cut(self, index)
        copies = cut.trips / self.trips
        moved = self.moved.copy()
        for number, operand in enumerate(self.walks.tables.operands):
            for loop in range(len(index)):
                if loop not in operand.loops:
                    moved[number] *= copies[loop]
            for window in operand.windows:  # neighbours share a border, which each takes
                place = tuple(index[loop] for loop in window.loops)
                before = tuple(self.index[loop] for loop in window.loops)
                moved[number] *= np.maximum(window.total[place] / np.maximum(window.total[before], 1.0), 1.0)
        return Chains(self.walks, index, *cut.runs(), cut.trips, moved, self.sweeps)


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Tiles inside the last ones of chains.

    Attributes:
        outside: The chains, of which there may be one for all.
        tile: (D, R) sizes.
        rest: (N, D, R) what of the tiles of each run outside is left for a smaller one.
        whole: (N, D, R) how many there are that are not smaller.
        trips: (D, R) how many there are, in all.
    """

    outside: Chains
    tile: IntArray
    rest: IntArray
    whole: FloatArray
    trips: FloatArray

    def runs(self, rows: IntArray | None = None) -> tuple[IntArray, FloatArray]:
        """`run_sizes` and `run_counts` of the tiles, or of some of them."""
        tile, rest, whole = self.tile, self.rest, self.whole
        if rows is not None:
            tile, rest, whole = tile[:, rows], rest[:, :, rows], whole[:, :, rows]
        counts = np.empty((len(rest) + 1, *tile.shape))
        counts[0] = whole.sum(axis=0)
        many = rows is not None and self.outside.tile.shape[1] > 1
        counts[1:] = self.outside.run_counts[:, :, rows] if many else self.outside.run_counts
        return np.concatenate((tile[None], rest)), counts


def _cut(chains: Chains, index: IntArray) -> _Cut:
    tile = chains.walks.sizes(index)
    full, rest = np.divmod(chains.run_sizes, tile)
    whole = chains.run_counts * full
    trips: FloatArray = (whole + chains.run_counts * (rest > 0)).sum(axis=0)
    return _Cut(chains, tile, rest, whole, trips)


class Inside:
    """Tiles one level further in than some chains, walked in every order; O orders.

    Attributes:
        tile: (D, R) sizes.
        is_legal: (O, R) whether the tiles can be walked in an order, and are tabled.
    """

    def __init__(self, outside: Chains, index: IntArray) -> None:
        self._outside, self._index = outside, index
        self._walks, self._cut = outside.walks, _cut(outside, index)
        walks, ways, self.tile, trips = self._walks, outside.walks.ways, self._cut.tile, self._cut.trips
        # Where an operand's tile is cut in no loop, it moves what the one outside does: it stays.
        stays = ~(walks.depends & (trips != outside.trips)).any(axis=1)
        again = np.where(ways.free, outside.trips, np.where(ways.inner, 1.0, trips)).prod(axis=1) * self._elements()
        self._passing = again[ways.passing]
        self._moved = np.where(stays[ways.operand], outside.moved[ways.operand], again)
        self._swept = self._sweeps = None
        if outside.sweeps is not None:
            self._swept, self._sweeps = self._swept_times(stays, outside.sweeps)
        sweeps = None if self._sweeps is None else self._sweeps[ways.operand]
        self._read, self._write = _bytes(ways, slice(None), self._moved, sweeps)
        is_tabled = walks.is_tabled(outside.tile, self.tile)
        self.is_legal = np.repeat(is_tabled[None], len(walks.orders), axis=0)
        for number, held in walks.holding:
            self.is_legal[number] &= (trips[held] == outside.trips[held]).all(axis=0)

    def pick(self, order: IntArray, rows: IntArray) -> Chains:
        """The chains of some rows, each walked in an order."""
        return Chains(
            self._walks, self._index[:, rows], *self._cut.runs(rows), self._cut.trips[:, rows],
            self._moved[self._walks.ways.of[:, order], rows], None if self._sweeps is None else self._sweeps[:, rows],
        )  # fmt: skip

    def paced(self, parts: Sequence[int]) -> FloatArray:
        """(R,) iterations of one core when each tile, the ragged ones too, is cut into so many equal parts."""
        sizes, counts = self._cut.runs()
        steps: FloatArray = (counts * -(-sizes // np.array(parts)[:, None])).sum(axis=0).prod(axis=0)
        return steps

    def bytes_of(self, operands: Sequence[int], access_bytes: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """(O, R) bytes in and out of some operands; each tile that comes in takes an access of the port at least."""
        ways, read, write = self._walks.ways, self._read, self._write
        if access_bytes:
            read, write = read.copy(), write.copy()
            for x in operands:
                operand, mine = self._walks.tables.operands[x], ways.operand == x
                # Of an operand that is padding alone nothing comes in, and its tiles hold nothing.
                held = np.maximum(self._walks.tables.held_elements(operand, list(self._index)), 1.0)
                tiles = self._moved[mine] / held
                if operand.access.is_write:
                    # What comes in for the first time reads nothing.
                    first = operand.distinct / np.maximum(self._moved[mine], 1.0)
                    read[mine] = np.maximum(read[mine], np.ceil(access_bytes * tiles * (1 - first)))
                    write[mine] = np.maximum(write[mine], np.ceil(access_bytes * tiles))
                else:
                    sweeps = 1.0 if self._sweeps is None else self._sweeps[x]
                    read[mine] = np.maximum(read[mine], np.ceil(access_bytes * tiles * sweeps))
        of = ways.of if len(operands) == len(ways.of) else ways.of[list(operands)]
        return read[of].sum(axis=0), write[of].sum(axis=0)

    def passed(self) -> tuple[FloatArray, FloatArray]:
        """(X, R) bytes in and out of all tiles when nothing is kept from one to the next.

        A level further in must be given as much if it cuts the tiles in all their loops.
        """
        return _bytes(self._walks.ways, self._walks.ways.passing, self._passing, self._swept)

    def _swept_times(self, stays: BoolArray, outside: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(X, R) how often operands come for the swept loops, if nothing stays, and with what does."""
        nest, trips = self._walks.tables.nest, self._cut.trips
        swept, sweeps = np.ones(stays.shape), np.ones(stays.shape)
        times = np.where((trips[list(nest.swept)] > 1).any(axis=0), float(nest.sweeps), 1.0)
        for x, operand in enumerate(self._walks.tables.operands):
            if not operand.access.is_write:
                swept[x] = times
                if operand.loops & nest.swept:
                    sweeps[x] = np.where(stays[x], outside[x], times)
        return swept, sweeps

    def _elements(self) -> FloatArray:
        """(Y, R) or (Y, 1) elements of all tiles of an operand, of windows that slide only what is new."""
        ways = self._walks.ways
        if not ways.windows:
            return ways.dense
        found = np.empty((len(ways.dense), self._index.shape[1]))
        found[:] = ways.dense
        outer = self._outside.index
        is_whole = outer == self._walks.last
        is_all_whole = is_whole.all()
        for part in ways.windows:
            place = tuple(self._index[loop] for loop in part.window.loops)
            tables = part.tables[(slice(None), *place)]
            if not is_all_whole:
                count = len(part.along)
                for row, loop in enumerate(part.along, start=1):
                    number = part.window.loops.index(loop)
                    # Where sliding along the whole loop fetches each element once, so does sliding along a part of it.
                    inside = part.window.total[(*place[:number], outer[loop], *place[number + 1 :])]
                    inside = np.where(tables[row + count] > 0, np.minimum(inside, tables[0]), tables[0])
                    tables[row] = np.where(is_whole[loop], tables[row], inside)
            found[part.ways] *= tables[part.row]
        return found


def _bytes(
    ways: Ways, rows: IntArray | slice, moved: FloatArray, sweeps: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Bytes in and out for elements that come in, each row with the widths of some way."""
    width, first, share, result = (of[rows] for of in ways.widths)
    read = ((moved if sweeps is None else moved * sweeps) - first) * width
    return np.ceil(read), np.ceil(read * share + result)
