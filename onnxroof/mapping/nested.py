"""Which tiles, one inside the other, and which orders run a group on a target in the least time, all levels at once?

Each level at its own optimum is a bound: the tiles of two optima need not nest. Here one mapping is chosen. The levels
are gone through from the outside in; of the chains so far those are kept whose least possible time is best (what is
further in counts at its own optimum), and of equal ones those that move least. Not an exhaustive search: a few
candidates a level and a beam of chains.

Where levels belong to cores, the tile of the outermost of them is spread over all cores at once: each holds its part,
and what several cores need crosses from the shared level once. Steps of the array lie inside the innermost tile, in an
order that its dataflow allows. An operand that a level does not hold takes no room there and passes by; one that stays
in a level crosses nothing outside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.candidates import Grid, Room, array_steps, grid, spreads
from onnxroof.mapping.canonical import Canonical, canonical
from onnxroof.mapping.chain import Chains, Inside
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.holders import Around, Holders, Share, held_curve, holders
from onnxroof.targets.model import Array, MemoryLevel, Quantity

__all__ = ["LevelTile", "NestedMapping", "nested_mapping"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Effort:
    """How wide to search.

    Attributes:
        outermost: Candidates of the grid for the tile of the outermost level.
        tiles: Candidates of the grid for each level further in.
        beam: Chains that are kept from level to level.
    """

    outermost: int
    tiles: int
    beam: int


EFFORTS = (_Effort(outermost=8, tiles=4, beam=4), _Effort(outermost=48, tiles=12, beam=24))

_NONE = _Effort(outermost=0, tiles=0, beam=1)

_LAST = replace(_NONE)
"""Where every chain ends at a level without room for it: the smallest tile everywhere, not spread; it always fits."""

NEAR = 1.001
"""A chain that takes so little more than the bound of the levels' own optima is good enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTile:
    """What a level holds.

    Attributes:
        level: Its name.
        tile: Loop name to tile size of one instance.
        order: Loops that are walked from tile to tile inside a tile of the level outside, outermost first.
        spread: Loop name to the number of cores that it is spread over from here inwards.
    """

    level: str
    tile: Mapping[str, int]
    order: tuple[str, ...]
    spread: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NestedMapping:
    """One mapping of a nest; axis L is the levels, outermost first. Bytes are of all instances together.

    Attributes:
        read_bytes: (L,) from the level towards the inside.
        write_bytes: (L,) from the inside into the level.
        footprint_bytes: (L,) live bytes of one instance, 0 at the outermost level and where no tile fits.
        levels: Those inside the outermost that hold a tile.
        busy: Share of the cores that work, the largest part being everyone's pace.
        stretch: Time of the MACs over that with all cores busy and the arrays filled as the whole nest would; at
            least 1.
    """

    read_bytes: FloatArray
    write_bytes: FloatArray
    footprint_bytes: FloatArray
    levels: tuple[LevelTile, ...]
    busy: float
    stretch: float


def nested_mapping(
    nest: LoopNest,
    levels: tuple[MemoryLevel, ...],
    array: Array | None,
    own_bytes: tuple[FloatArray, FloatArray],
    compute_s: float,
    around: Around | None = None,
) -> NestedMapping:
    """The best chain found.

    Args:
        nest: With iterations.
        levels: Outermost first.
        array: Of the engine that runs the nest's MACs, None where there is none.
        own_bytes: (L,) bytes read and written with each level at its own optimum, below which no mapping is.
        compute_s: Time of the work on all cores.
        around: What stays on chip meanwhile, None for nothing.
    """
    plain, who = canonical(nest), holders(nest, levels, array, around)
    if not plain.nest.loops:
        tile = {loop.name: 1 for loop in nest.loops}
        footprints = np.zeros(len(levels))
        for level in who.tiled:
            footprints[level] = held_curve(nest, who.held[level]).ceiling.footprint_bytes
        return NestedMapping(
            read_bytes=own_bytes[0], write_bytes=own_bytes[1], footprint_bytes=footprints,
            levels=tuple(LevelTile(level=levels[i].name, tile=tile, order=(), spread={}) for i in who.tiled),
            busy=1.0, stretch=1.0,
        )  # fmt: skip
    return _Search(nest, plain, levels, who, array, own_bytes, compute_s).best()


@dataclass(frozen=True, slots=True, eq=False)
class _Beam:
    """Chains with what has been chosen for them and what it costs; R rows.

    Attributes:
        chains: Down to the level that was chosen last.
        read_bytes, write_bytes: (L, R), own optimum where nothing is chosen yet.
        busy: (R,) share of the cores that work, 1 until the nest is spread.
        trail: For each level chosen, (D, R) positions of its tile, of all cores together at the level that is
            spread, (R,) number of the order, and (R,) bytes that one instance holds.
    """

    chains: Chains
    read_bytes: FloatArray
    write_bytes: FloatArray
    busy: FloatArray
    trail: tuple[tuple[IntArray, IntArray, FloatArray], ...]

    def trailed(self, row: int) -> _Trail:
        """What was chosen for one of the chains."""
        return tuple((index[:, row], int(order[row]), float(taken[row])) for index, order, taken in self.trail)


_Trail: TypeAlias = tuple[tuple[IntArray, int, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """One chain down to the array: as a beam of one row, without what lies further in."""

    read_bytes: list[float]
    write_bytes: list[float]
    busy: float
    trail: _Trail


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """The best tiles inside chains of a beam, K of them.

    Attributes:
        inside: All tiles that were tried.
        columns: (K,) which of them.
        order: (K,) number of the order that each is walked in.
        before: (K,) rows of the beam that they are inside of.
        read_bytes, write_bytes: (L, K).
        busy: (K,) share of the cores that work.
        taken_bytes: (K,) what a level's instance holds; 0 where none holds a tile.
    """

    inside: Inside
    columns: IntArray
    order: IntArray
    before: IntArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    busy: FloatArray
    taken_bytes: FloatArray


class _Search:
    def __init__(
        self,
        nest: LoopNest,
        plain: Canonical,
        levels: tuple[MemoryLevel, ...],
        who: Holders,
        array: Array | None,
        own_bytes: tuple[FloatArray, FloatArray],
        compute_s: float,
    ) -> None:
        self._nest, self._plain, self._levels, self._who, self._array = nest, plain, levels, who, array
        self._own, self._compute_s = (own_bytes[0].tolist(), own_bytes[1].tolist()), compute_s
        self._grid: Grid = grid(plain.nest)
        self._grids = {
            i: self._grid if len(who.held[i]) == len(nest.accesses) else grid(plain.nest, who.held[i])
            for i in who.tiled
        }
        self._first_core = next((i for i in who.tiled if levels[i].instances > 1), len(levels))
        self._cores = levels[self._first_core].instances if self._first_core < len(levels) else 1
        self._prices = _prices(levels)
        self._own_read: list[list[float]] = who.own_read_bytes.tolist()
        self._own_write: list[list[float]] = who.own_write_bytes.tolist()
        widths = [level.access_width for level in levels]
        self._access_bytes = [width.value if width is not None else 0.0 for width in widths]

    def best(self) -> NestedMapping:
        """The best chain of a narrow search, or where that is not at the bound of a wide one."""
        bound, _ = self._cost(*self._own, self._compute_s)
        found = []
        # Where the smallest tile moves no more than any other does, there is nothing to search for.
        is_plain = len(reuse_curve(self._nest).capacity_bytes) == 1 and self._array is None
        ones = (1,) * len(self._plain.nest.loops)
        for effort in (_NONE, _LAST) if is_plain else (*EFFORTS, _LAST):
            for parts in (ones,) if effort is _LAST else spreads(self._plain.nest, self._cores):
                chain = self._chain(parts, effort)
                if chain is None:
                    continue
                stretch = self._stretch(chain.busy, parts)
                time, weight = self._cost(chain.read_bytes, chain.write_bytes, self._compute_s * stretch)
                found.append((float(time), float(weight), chain, parts, stretch))
            if found and (effort is EFFORTS[-1] or min(one[0] for one in found) <= bound * NEAR):
                break
        _, _, chain, parts, stretch = min(found, key=lambda one: one[:2])
        return self._mapping(chain, parts, stretch)

    def _chain(self, parts: tuple[int, ...], effort: _Effort) -> _Chain | None:
        """The best chain with the nest spread in one way; None where no chain of the beam goes on."""
        who = self._who
        read, write = who.own_read_bytes.sum(axis=1), who.own_write_bytes.sum(axis=1)
        beam = _Beam(self._grid.walks.start(), read[:, None], write[:, None], np.ones(1), ())
        ones = (1,) * len(parts)
        outer = 0
        for level in who.tiled:
            room = who.room_bytes[level]
            is_first = level == self._first_core
            together = room * (self._levels[level].instances if is_first else 1)
            inner_s = max(price.read_s for price in self._prices[level:]) / (self._prices[outer].read_s or 1.0)
            tiles = self._grids[level].best(
                Room(room, together), inner_s, parts if is_first else ones, effort.tiles if outer else effort.outermost
            )
            beam = self._step(beam, tiles, who.shares[level], effort.beam, level, parts if is_first else None)
            if not len(beam.busy):
                return None
            if is_first:
                beam = replace(beam, chains=beam.chains.spread(self._grid.part(beam.chains.index, parts)))
            outer = level
        if who.rest:  # what is inside holds no tile: each point takes what it needs
            tiles = np.zeros((len(parts), 1), dtype=np.int64)
            beam = self._step(beam, tiles, who.rest, effort.beam)
        return self._fed(beam)

    def _bounded(self, read: list[float], write: list[float]) -> None:
        """Makes no level better than at its own optimum.

        None is, but that the optimum is of total bytes, where two ports make another split faster; that the curves of
        huge nests are thinned; and that the array's own bytes are those of its fullest unrolling.
        """
        for level, price in enumerate(self._prices):
            own_read, own_write = self._own[0][level], self._own[1][level]
            if not price.shares_port:
                read[level], write[level] = max(read[level], own_read), max(write[level], own_write)
            elif read[level] + write[level] < own_read + own_write:
                read[level], write[level] = own_read, own_write

    def _step(
        self,
        beam: _Beam,
        tiles: IntArray,
        shares: Sequence[Share],
        keep: int,
        level: int | None = None,
        parts: Sequence[int] | None = None,
    ) -> _Beam:
        """Each chain with each tile inside its last one, in its best order, and of these the best; see `_choice`."""
        found = self._choice(beam, tiles, shares, keep, level, parts)
        chains = found.inside.pick(found.order, found.columns)
        before = found.before
        trail = tuple((index[:, before], order[before], taken[before]) for index, order, taken in beam.trail)
        trail = (*trail, (chains.index, found.order, found.taken_bytes))
        return _Beam(chains, found.read_bytes, found.write_bytes, found.busy, trail)

    def _choice(
        self,
        beam: _Beam,
        tiles: IntArray,
        shares: Sequence[Share],
        keep: int,
        level: int | None = None,
        parts: Sequence[int] | None = None,
        allowed: BoolArray | None = None,
    ) -> _Choice:
        """The best of all tiles inside all chains.

        Args:
            beam: The chains.
            tiles: (D, C) positions.
            shares: Which operands' bytes over which ports the tiles decide.
            keep: Chains at most.
            level: That holds the tiles, None for none. A tile that fits by itself may not when it is cut to lie in
                another: where a sum is cut, it holds partial sums, which may be wider.
            parts: Where the tiles are spread over the cores: into how many parts.
            allowed: (O,) orders to choose from, None for all.
        """
        who, rows = self._who, len(beam.busy)
        outside, reads, writes, busy = beam.chains, beam.read_bytes, beam.write_bytes, beam.busy
        count = tiles.shape[1]
        if rows > 1:
            row = np.repeat(np.arange(rows), count)
            outside, reads, writes, busy = outside.take(row), reads[:, row], writes[:, row], busy[row]
            tiles = np.concatenate([tiles] * rows, axis=1)
        index = np.minimum(tiles, outside.index)
        inside = outside.inside(index)
        # By port (R,), and (O, R) where the tiles and their order decide.
        read, write = list(reads), list(writes)
        for share in shares:
            for port in share.levels:
                into, out = inside.bytes_of(share.operands, self._access_bytes[port])
                own_read, own_write = self._own_read[port], self._own_write[port]
                read[port] = read[port] + (into - sum(own_read[x] for x in share.operands))
                write[port] = write[port] + (out - sum(own_write[x] for x in share.operands))
        decided = {port: (read[port], write[port]) for share in shares for port in share.levels}
        if level is not None:
            for share in who.pending[level]:  # a tile further inside takes no less of them than one here would
                for operand in share.operands:
                    for port in share.levels:
                        into, out = inside.bytes_of([operand], self._access_bytes[port])
                        read[port] = read[port] + np.maximum(into - self._own_read[port][operand], 0.0)
                        write[port] = write[port] + np.maximum(out - self._own_write[port][operand], 0.0)
            into, out = inside.passed()
            for port in range(level, len(self._levels)):
                operands = list(who.passing[port])
                if operands:
                    read[port] = np.maximum(read[port], into[operands].sum(axis=0))
                    write[port] = np.maximum(write[port], out[operands].sum(axis=0))
        is_legal, own, tile, taken = inside.is_legal, index, inside.tile, np.zeros(rows * count)
        if parts is not None:
            busy = self._plain.nest.points / (inside.paced(parts) * self._cores)
            own = self._grid.part(index, parts)
            tile = self._grid.walks.sizes(own)
            is_legal = is_legal & self._grid.walks.is_tabled(inside.tile, tile)
        if level is not None:
            taken = self._grid.walks.footprint_bytes(own, who.held[level], tile)
            is_legal = is_legal & (taken <= who.room_bytes[level])
        if allowed is not None:
            is_legal = is_legal & allowed[:, None]
        times, weights = self._cost(read, write, self._compute_s / busy)
        times = np.where(is_legal, times, np.inf)
        time = times.min(axis=0)
        # The least time, and of equal ones the least weight.
        weights = np.where(times == time, weights, np.inf)
        order = weights.argmin(axis=0)
        chosen = np.lexsort((weights.min(axis=0), time))[:keep]
        chosen = chosen[np.isfinite(time[chosen])]
        order, before = order[chosen], chosen // count
        into, out = beam.read_bytes[:, before], beam.write_bytes[:, before]
        for port, (read_bytes, write_bytes) in decided.items():
            into[port], out[port] = read_bytes[order, chosen], write_bytes[order, chosen]
        paces = busy[chosen] if len(busy) > 1 else busy[before]
        return _Choice(inside, chosen, order, before, into, out, paces, taken[chosen])

    def _fed(self, beam: _Beam) -> _Chain:
        """The best of the chains with what the array takes in its steps, inside the innermost tile."""
        if self._array is None:
            read, write = beam.read_bytes[:, 0].tolist(), beam.write_bytes[:, 0].tolist()
            chain = _Chain(read, write, float(beam.busy[0]), beam.trailed(0))
        else:
            tiles, allowed = array_steps(self._plain.nest, self._array)
            found = self._choice(beam, tiles, self._who.fed, 1, allowed=allowed)
            if not len(found.busy):  # where its tiles leave no such order to walk them in, the array does what it can
                found = self._choice(beam, tiles, self._who.fed, 1)
            read, write = found.read_bytes[:, 0].tolist(), found.write_bytes[:, 0].tolist()
            chain = _Chain(read, write, float(found.busy[0]), beam.trailed(int(found.before[0])))
        self._bounded(chain.read_bytes, chain.write_bytes)
        return chain

    def _cost(
        self,
        read_bytes: Iterable[FloatArray | float],
        write_bytes: Iterable[FloatArray | float],
        compute_s: FloatArray | float,
    ) -> tuple[FloatArray | float, FloatArray | float]:
        """Time of bytes by level, launch overhead aside, and what they weigh; the arrays broadcast."""
        overlapped: FloatArray | float = compute_s
        serial: FloatArray | float | None = None
        weight: FloatArray | float = 0.0
        for price, read, write in zip(self._prices, read_bytes, write_bytes, strict=True):
            both = read + write
            time = both * price.read_s if price.shares_port else np.maximum(read * price.read_s, write * price.write_s)
            if price.overlaps:
                overlapped = np.maximum(overlapped, time)
            else:
                serial = time if serial is None else serial + time
            weight = weight + (both if price.weight == 1.0 else both * price.weight)
        return overlapped if serial is None else overlapped + serial, weight

    def _stretch(self, busy: float, parts: tuple[int, ...]) -> float:
        """Of a chain: by what one core has to do of the problem."""
        if self._array is None:
            return 1 / busy
        nest = self._plain.nest
        if any(part > 1 for part in parts):
            pairs = zip(nest.loops, parts, strict=True)
            nest = replace(nest, loops=tuple(replace(loop, extent=-(-loop.extent // part)) for loop, part in pairs))
        core = spatial_utilization(nest, self._array)
        return max(1.0, spatial_utilization(self._nest, self._array) / (core * busy))

    def _mapping(self, chain: _Chain, parts: tuple[int, ...], stretch: float) -> NestedMapping:
        walks, members = self._grid.walks, self._plain.members
        loops, names = self._nest.loops, [loop.name for loop in self._nest.loops]
        footprints = np.zeros(len(self._levels))
        found = []
        outside, around = walks.extents[:, 0].tolist(), [loop.extent for loop in loops]
        for level, (index, order, taken) in zip(self._who.tiled, chain.trail, strict=False):
            is_first = level == self._first_core
            together = walks.sizes(index[:, None])[:, 0].tolist()
            cut = {n for n, (size, whole) in enumerate(zip(together, outside, strict=True)) if size < whole}
            outside = together
            if is_first:
                outside = walks.sizes(self._grid.part(index, parts)[:, None])[:, 0].tolist()
            footprints[level] = taken
            sizes = self._plain.original_tile(outside, loops)
            spread = {names[members[n][-1]]: part for n, part in enumerate(parts) if part > 1} if is_first else {}
            # Of loops that are walked as one, those that the tile does not hold whole.
            walk = tuple(
                names[m] for n in walks.sequence(order) if n in cut for m in members[n] if sizes[m] < around[m]
            )
            around = sizes
            found.append(
                LevelTile(
                    level=self._levels[level].name, tile=dict(zip(names, sizes, strict=True)), order=walk,
                    spread=spread,
                )
            )  # fmt: skip
        return NestedMapping(
            read_bytes=np.array(chain.read_bytes), write_bytes=np.array(chain.write_bytes),
            footprint_bytes=footprints, levels=tuple(found), busy=chain.busy, stretch=stretch,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Price:
    """What a byte over a level's port takes, all instances at work.

    Attributes:
        read_s, write_s: Seconds a byte, 0 where unknown.
        shares_port: Whether reads and writes take turns.
        overlaps: Whether it hides behind compute.
        weight: J a byte, or 1 where some level's energy is not known.
    """

    read_s: float
    write_s: float
    shares_port: bool
    overlaps: bool
    weight: float


def _prices(levels: Sequence[MemoryLevel]) -> tuple[_Price, ...]:
    energies = [level.read_energy for level in levels]
    return tuple(
        _Price(
            read_s=_inverse(level.read_bandwidth, level.instances),
            write_s=_inverse(level.write_bandwidth, level.instances),
            shares_port=level.shares_port,
            overlaps=level.overlaps,
            weight=1.0 if energy is None or None in energies else energy.value,
        )
        for level, energy in zip(levels, energies, strict=True)
    )


def _inverse(bandwidth: Quantity | None, instances: int) -> float:
    return 0.0 if bandwidth is None else 1 / (bandwidth.value * instances)
