"""What do tiles inside tiles of a loop nest move, over each boundary between them?

A chain is a tile for each level, each contained in the one outside it, the last of a row ragged, and an order of the
loops that are walked at each level. Over a boundary an operand is fetched once for each iteration of all the loops
outside its tile, from the outermost level on, except of those inside the innermost one that it depends on. Where a
level cuts none of its loops, it has the tile of the level outside already, and moves what it moves there.

Many chains are followed at once: R rows, one a chain; D loops, X operands.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopKind
from onnxroof.mapping.footprint import TileTables, Window
from onnxroof.mapping.orders import Order

__all__ = ["Chains", "Walks", "footprint_bytes"]

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
    def free(self) -> BoolArray:
        """(X, D, O, 1): whether the iterations of a loop do not fetch an operand again."""
        operands, loops = range(len(self.tables.operands)), range(len(self.tables.nest.loops))
        return np.array([[[[d in o.free[x]] for o in self.orders] for d in loops] for x in operands])

    @cached_property
    def depends(self) -> BoolArray:
        """(X, D, 1): whether an operand depends on a loop."""
        loops = range(len(self.tables.nest.loops))
        return np.array([[[d in operand.loops] for d in loops] for operand in self.tables.operands])

    @cached_property
    def slides(self) -> tuple[Mapping[int, BoolArray], ...]:
        """By operand: the loops along which in some order only the new part of a window is fetched: (O, 1) in which."""
        along = [[order.slide[x] for order in self.orders] for x in range(len(self.tables.operands))]
        return tuple({d: np.array([[d == at] for at in of]) for d in set(of) if d is not None} for of in along)

    @cached_property
    def widths(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """What bytes elements are, four times (X, 1, 1).

        Bytes in for an element that comes in; elements that come in without being read; bytes out for a byte in; bytes
        out besides.
        """
        found = []
        for operand in self.tables.operands:
            access, bits = operand.access, operand.access.bits
            if access.is_write:
                partial = max(access.partial_bits, bits) / 8
                found.append((partial, operand.distinct, 1.0, operand.distinct * (bits / 8)))
            else:
                found.append((bits / 8, 0.0, 0.0, 0.0))
        width, first, share, result = np.array(found).T[:, :, None, None]
        return width, first, share, result

    @cached_property
    def extents(self) -> IntArray:
        """(D, 1) iterations of the loops."""
        return np.array([[loop.extent] for loop in self.tables.nest.loops])

    @cached_property
    def windowed(self) -> tuple[int, ...]:
        """Loops of windows."""
        return tuple({loop for o in self.tables.operands for w in o.windows for loop in w.loops})

    @cached_property
    def _table(self) -> tuple[IntArray, IntArray]:
        """(D, S) sizes of all loops, the last one of each repeated, and (D, 1) numbers of the loops."""
        longest = max(map(len, self.tables.sizes))
        table = np.array([[*size, *size[-1:] * (longest - len(size))] for size in map(list, self.tables.sizes)])
        return table, np.arange(len(table))[:, None]

    def is_tabled(self, outer: IntArray, inner: IntArray) -> BoolArray:
        """(R,) whether the tables hold what tiles at positions `inner` fetch inside those at `outer`.

        A ragged tile of one loop of a window inside a tile of the other would need a table of its own.
        """
        loops = list(self.windowed)
        if not loops:
            return np.ones(outer.shape[1], dtype=bool)
        whole, part = self.sizes(outer)[loops], self.sizes(inner)[loops]
        found: BoolArray = ((whole % part == 0) | (whole == self.extents[loops])).all(axis=0)
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
        whole = np.array([[len(sizes) - 1] for sizes in self.tables.sizes])
        ones = np.ones(self.extents.shape)
        return Chains(
            self, whole, self.extents, self.extents[None], ones[None], ones, distinct, np.ones((len(distinct), 1)),
            np.zeros(distinct.shape), np.zeros(distinct.shape), np.ones(1, dtype=bool),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Chains down to some level.

    Attributes:
        walks: Tables and orders.
        index: (D, R) positions of the innermost tile's sizes.
        tile: (D, R) its sizes.
        run_sizes: (N, D, R) sizes of the tiles along each loop, whole ones and ragged ones.
        run_counts: (N, D, R) how many there are of each.
        trips: (D, R) number of tiles along each loop, in all.
        moved: (X, R) elements that come in over the last boundary.
        sweeps: (X, R) how often they come for the swept loops.
        read_bytes: (X, R) bytes that come in, partial sums that are read again among them.
        write_bytes: (X, R) bytes that go out.
        is_legal: (R,) whether the tile and order of the last boundary can be.
    """

    walks: Walks
    index: IntArray
    tile: IntArray
    run_sizes: IntArray
    run_counts: FloatArray
    trips: FloatArray
    moved: FloatArray
    sweeps: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    is_legal: BoolArray

    def take(self, rows: IntArray) -> Chains:
        """Some of the rows."""
        return Chains(
            self.walks, self.index[:, rows], self.tile[:, rows], self.run_sizes[:, :, rows],
            self.run_counts[:, :, rows], self.trips[:, rows], self.moved[:, rows], self.sweeps[:, rows],
            self.read_bytes[:, rows], self.write_bytes[:, rows], self.is_legal[rows],
        )  # fmt: skip

    def inside(self, index: IntArray) -> Inside:
        """What tiles one level further in can be and move.

        Args:
            index: (D, R) positions of tile sizes, none larger than those here.
        """
        return Inside(self, index)

    def spread(self, index: IntArray) -> Chains:
        """The chains with each tile spread over cores: to each its own part of `index`, all at once.

        What crossed the last boundary crossed it once, whatever cores take it; from here on each core has its copy.
        The parts must be tabled inside the tiles.
        """
        tile, sizes, counts, trips = _cut(self, index)
        copies = trips / self.trips
        moved = self.moved.copy()
        for number, operand in enumerate(self.walks.tables.operands):
            for loop in range(len(tile)):
                if loop not in operand.loops:
                    moved[number] *= copies[loop]
            for window in operand.windows:  # neighbours share a border, which each takes
                place = tuple(index[loop] for loop in window.loops)
                before = tuple(self.index[loop] for loop in window.loops)
                moved[number] *= np.maximum(window.total[place] / np.maximum(window.total[before], 1.0), 1.0)
        return Chains(
            self.walks, index, tile, sizes, counts, trips, moved, self.sweeps, self.read_bytes, self.write_bytes,
            self.is_legal,
        )  # fmt: skip


class Inside:
    """Tiles one level further in than some chains, walked in every order; O orders.

    Attributes:
        is_legal: (O, R) whether the tiles can be walked in an order, and are tabled.
        read_bytes: (O, R) bytes that come in.
        write_bytes: (O, R) bytes that go out.
    """

    def __init__(self, outside: Chains, index: IntArray) -> None:
        self._outside, self._index = outside, index
        self._walks, self._tables = outside.walks, outside.walks.tables
        self._tile, self._run_sizes, self._run_counts, self._trips = _cut(outside, index)
        nest, walks = self._tables.nest, self._walks
        # Where an operand's tile is cut in no loop, it moves what the one outside does: it stays.
        stays = ~(walks.depends & (self._trips != outside.trips)).any(axis=1)
        self._apart = np.where(walks.depends, 1.0, self._trips)
        again = np.where(walks.free, outside.trips[:, None], self._apart[:, :, None]).prod(axis=1)
        self._whole = np.empty((len(stays), index.shape[1]))
        for x, operand in enumerate(self._tables.operands):
            dense = float(operand.whole * math.prod(nest.loops[loop].extent for loop in operand.dense))
            windows = [window.total[tuple(index[loop] for loop in window.loops)] for window in operand.windows]
            self._whole[x] = math.prod(windows, start=dense)
            again[x] *= self._slid(x, dense, windows)
        self._moved = np.where(stays[:, None], outside.moved[:, None], again)
        self._swept, self._sweeps = np.ones(stays.shape), np.ones((len(stays), 1, index.shape[1]))
        if nest.sweeps > 1:
            times = np.where((self._trips[list(nest.swept)] > 1).any(axis=0), float(nest.sweeps), 1.0)
            for x, operand in enumerate(self._tables.operands):
                if not operand.access.is_write:
                    self._swept[x] = times
                    if operand.loops & nest.swept:
                        self._sweeps[x, 0] = np.where(stays[x], outside.sweeps[x], times)
        self._read, self._write = self._bytes(self._moved, self._sweeps)
        self.read_bytes, self.write_bytes = self._read.sum(axis=0), self._write.sum(axis=0)
        is_tabled = outside.is_legal & walks.is_tabled(outside.index, index)
        self.is_legal = np.repeat(is_tabled[None], len(walks.orders), axis=0)
        for number, order in enumerate(walks.orders):
            if order.held:
                held = list(order.held)
                self.is_legal[number] &= (self._trips[held] == outside.trips[held]).all(axis=0)

    def pick(self, order: IntArray, rows: IntArray) -> Chains:
        """The chains of some rows, each walked in an order."""
        return Chains(
            self._walks, self._index[:, rows], self._tile[:, rows], self._run_sizes[:, :, rows],
            self._run_counts[:, :, rows], self._trips[:, rows], self._moved[:, order, rows], self._sweeps[:, 0, rows],
            self._read[:, order, rows], self._write[:, order, rows], self.is_legal[order, rows],
        )  # fmt: skip

    def paced(self, parts: Sequence[int]) -> FloatArray:
        """(R,) iterations of one core when each tile, the ragged ones too, is cut into so many equal parts."""
        ways = np.array(parts)[:, None]
        steps: FloatArray = (self._run_counts * -(-self._run_sizes // ways)).sum(axis=0).prod(axis=0)
        return steps

    def bytes_of(self, operands: Sequence[int], access_bytes: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """(O, R) bytes in and out of some operands; each tile that comes in takes an access of the port at least."""
        read, write = self._read, self._write
        if access_bytes:
            read, write = read.copy(), write.copy()
            for x in operands:
                operand = self._tables.operands[x]
                tiles = self._moved[x] / self._tables.held_elements(operand, list(self._index))
                if operand.access.is_write:
                    first = operand.distinct / self._moved[x]  # the part that comes in for the first time reads nothing
                    read[x] = np.maximum(read[x], np.ceil(access_bytes * tiles * (1 - first)))
                    write[x] = np.maximum(write[x], np.ceil(access_bytes * tiles))
                else:
                    read[x] = np.maximum(read[x], np.ceil(access_bytes * tiles * self._sweeps[x]))
        elif len(operands) == len(read):
            return self.read_bytes, self.write_bytes
        return read[list(operands)].sum(axis=0), write[list(operands)].sum(axis=0)

    def passed(self) -> tuple[FloatArray, FloatArray]:
        """(X, R) bytes in and out of all tiles when nothing is kept from one to the next.

        A level further in must be given as much if it cuts the tiles in all their loops.
        """
        return self._bytes(self._whole * self._apart.prod(axis=1), self._swept)

    def _slid(self, x: int, dense: float, totals: list[FloatArray]) -> FloatArray:
        """(O or 1, R) elements of an operand, of windows that slide only what is new."""
        elements = np.full((1, 1), dense)
        for window, total in zip(self._tables.operands[x].windows, totals, strict=True):
            table = total[None]
            for loop in window.loops:
                if loop in self._walks.slides[x]:
                    table = np.where(self._walks.slides[x][loop], self._new(window, loop, total), table)
            elements = elements * table
        return elements

    def _new(self, window: Window, loop: int, total: FloatArray) -> FloatArray:
        number = window.loops.index(loop)
        place = tuple(self._index[n] for n in window.loops)
        outer, last = self._outside.index[loop], len(self._tables.sizes[loop]) - 1
        new: FloatArray = window.slides[number][place]
        if (outer == last).all():
            return new
        # Where sliding along the whole loop fetches each element once, so does sliding along a part of it.
        is_solid = new == window.total[(*place[:number], np.full_like(outer, last), *place[number + 1 :])]
        part = np.where(is_solid, window.total[(*place[:number], outer, *place[number + 1 :])], total)
        return np.where(outer == last, new, np.minimum(part, total))

    def _bytes(self, moved: FloatArray, sweeps: FloatArray) -> tuple[FloatArray, FloatArray]:
        width, first, share, result = (of.reshape(-1, *[1] * (moved.ndim - 1)) for of in self._walks.widths)
        read = (moved * sweeps - first) * width
        return np.ceil(read), np.ceil(read * share + result)


def _cut(chains: Chains, index: IntArray) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Sizes, runs and trips of tiles inside the last ones of chains."""
    tile = chains.walks.sizes(index)
    full, rest = np.divmod(chains.run_sizes, tile)
    whole = chains.run_counts * full
    trips: FloatArray = (whole + chains.run_counts * (rest > 0)).sum(axis=0)
    sizes, counts = np.concatenate((tile[None], rest)), np.concatenate((whole.sum(axis=0)[None], chains.run_counts))
    return tile, sizes, counts, trips


def footprint_bytes(walks: Walks, index: IntArray, held: Collection[int] | None = None) -> FloatArray:
    """(R,) bytes of one tile of every operand together, or of those `held`."""
    rows: Sequence[IntArray] = list(index)
    return np.broadcast_to(walks.tables.footprint_bytes(rows, held), index.shape[1:]).astype(float)
