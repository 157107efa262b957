"""Brute force over the schedules of a tiny loop nest, by stepping through each and watching a buffer.

Knows what a nest is and nothing of the formulas under test: it lists the elements that each tile of each operand
touches, walks the tiles in order, and counts what has to be fetched and written when the buffer holds exactly one tile
of each operand. Elements are bits of a Python integer.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from onnxroof.ir.loopnest import Access, LoopKind, LoopNest


@dataclass(frozen=True)
class Schedule:
    """A tile and an order of the loops outside it, innermost first, with what they need and move."""

    tile: tuple[int, ...]
    order: tuple[int, ...]
    capacity_bytes: float
    total_bytes: float


def schedules(nest: LoopNest) -> list[Schedule]:
    """Every integer tile with every order of the loops that it cuts."""
    found: list[Schedule] = []
    sizes = [[1] if loop.kind is LoopKind.SEQUENTIAL else list(range(1, loop.extent + 1)) for loop in nest.loops]
    for tile in itertools.product(*sizes):
        cut = [number for number, loop in enumerate(nest.loops) if tile[number] < loop.extent]
        is_swept = nest.sweeps > 1 and any(number in nest.swept for number in cut)
        touched = [_Tiles(access, nest, tile) for access in nest.accesses]
        for order in itertools.permutations(cut):
            ranks = [_rank(nest, number) for number in order]
            if ranks == sorted(ranks):
                found.append(_run(nest, tile, order, touched, is_swept))
    return found


def least_bytes(found: list[Schedule], capacity_bytes: float) -> float:
    """The least that any schedule moves that fits."""
    return min((s.total_bytes for s in found if s.capacity_bytes <= capacity_bytes), default=math.inf)


def _rank(nest: LoopNest, number: int) -> int:
    if nest.loops[number].kind is LoopKind.SEQUENTIAL:
        return 2
    return 0 if nest.sweeps > 1 and number in nest.swept else 1


class _Tiles:
    """The elements of one operand by the counters of the tile."""

    def __init__(self, access: Access, nest: LoopNest, tile: tuple[int, ...]) -> None:
        self.access = access
        self.relevant = sorted({term.loop for axis in access.axes for term in axis.terms})
        self._nest = nest
        self._tile = tile
        self._known: dict[tuple[int, ...], int] = {}

    def elements(self, counters: dict[int, int]) -> int:
        key = tuple(counters.get(number, 0) for number in self.relevant)
        if key not in self._known:
            self._known[key] = self._listed(key)
        return self._known[key]

    def _listed(self, key: tuple[int, ...]) -> int:
        ranges = []
        for number, counter in zip(self.relevant, key, strict=True):
            begin = counter * self._tile[number]
            ranges.append(range(begin, min(begin + self._tile[number], self._nest.loops[number].extent)))
        elements = 0
        for point in itertools.product(*ranges):
            value = dict(zip(self.relevant, point, strict=True))
            dims = []
            for axis in self.access.axes:
                if axis.terms:
                    dims.append([axis.offset + sum(t.stride * value[t.loop] for t in axis.terms)])
                else:
                    dims.append(list(range(axis.extent)))
            for index in itertools.product(*dims):
                if all(0 <= i < axis.extent for i, axis in zip(index, self.access.axes, strict=True)):
                    flat = 0
                    for i, axis in zip(index, self.access.axes, strict=True):
                        flat = flat * axis.extent + i
                    elements |= 1 << flat
        return elements


def _run(
    nest: LoopNest, tile: tuple[int, ...], order: tuple[int, ...], touched: list[_Tiles], is_swept: bool
) -> Schedule:
    trips = {number: -(-nest.loops[number].extent // tile[number]) for number in order}
    # Innermost first: the swept loops that are cut, then the sweeps, then the others.
    inner = [number for number in order if is_swept and number in nest.swept]
    outer = [number for number in order if number not in inner]
    sweeps = nest.sweeps if is_swept else 1
    steps = [
        ({**dict(zip(reversed(outer), high, strict=True)), **dict(zip(reversed(inner), low, strict=True))}, sweep)
        for high in itertools.product(*(range(trips[n]) for n in reversed(outer)))
        for sweep in range(sweeps)
        for low in itertools.product(*(range(trips[n]) for n in reversed(inner)))
    ]
    capacity, total = 0.0, 0.0
    for tiles in touched:
        access = tiles.access
        elements = access.bits / 8
        if access.is_write:
            # Outputs leave in the last sweep.
            walk = [counters for counters, sweep in steps if sweep == sweeps - 1]
            moved, is_partial = _written(tiles, walk)
            total += moved
            elements = max(access.partial_bits, access.bits) / 8 if is_partial else elements
            largest = max(tiles.elements(counters).bit_count() for counters in walk)
        else:
            total += _fetched(tiles, [counters for counters, _ in steps]) * elements
            largest = max(tiles.elements(counters).bit_count() for counters, _ in steps)
        capacity += largest * elements
    return Schedule(tile, order, capacity, total)


def _new(tiles: _Tiles, before: dict[int, int] | None, now: dict[int, int]) -> int:
    """Elements that are needed and not in the buffer.

    A window slides when a single loop advances by one; when a loop starts over the buffer is filled anew.
    """
    needed = tiles.elements(now)
    if before is None:
        return needed
    moved = [n for n in tiles.relevant if now.get(n, 0) != before.get(n, 0)]
    if not moved:
        return 0
    if len(moved) == 1 and now[moved[0]] == before[moved[0]] + 1:
        return needed & ~tiles.elements(before)
    return needed


def _fetched(tiles: _Tiles, walk: list[dict[int, int]]) -> int:
    before: dict[int, int] | None = None
    count = 0
    for now in walk:
        count += _new(tiles, before, now).bit_count()
        before = now
    return count


def _written(tiles: _Tiles, walk: list[dict[int, int]]) -> tuple[float, bool]:
    """Bytes of results and partial sums in both directions, and whether a tile ever holds a partial sum."""
    final, partial = tiles.access.bits / 8, max(tiles.access.partial_bits, tiles.access.bits) / 8
    begun = 0
    entered = 0  # how often an element came into the buffer
    before: dict[int, int] | None = None
    is_partial = False
    reread = 0
    for now in walk:
        is_partial = is_partial or bool(begun & tiles.elements(now))
        new = _new(tiles, before, now)
        reread += (new & begun).bit_count()  # its partial sum comes back
        entered += new.bit_count()
        begun |= tiles.elements(now)
        before = now
    # All that enters leaves again, the last time as a result.
    distinct = begun.bit_count()
    return reread * partial + (entered - distinct) * partial + distinct * final, is_partial
