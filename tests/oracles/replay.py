"""Replays a tiled loop nest address by address: in a scratchpad with explicit transfers, and in an LRU cache.

Knows what a nest is and nothing of the formulas under test. The scratchpad holds one tile of each operand. When the
next tile begins, what it lacks is loaded: all of it, or only the new part where the tile moved by one along one loop.
Every access of every point of the tile must then hit. A result that is needed again leaves as a partial sum and is
loaded again. The cache is fully associative with lines of one element; written elements leave when they are evicted.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from onnxroof.ir.loopnest import Access, LoopKind, LoopNest

__all__ = ["Replay", "lru_bytes", "orders", "scratchpad"]

Place = tuple[int, ...]


@dataclass(frozen=True)
class Replay:
    """Bytes by operand, and the most that was held at once."""

    read_bytes: tuple[float, ...]
    write_bytes: tuple[float, ...]
    held_bytes: float

    @property
    def total_bytes(self) -> float:
        return sum(self.read_bytes) + sum(self.write_bytes)


def orders(nest: LoopNest, tile: Place) -> Iterator[Place]:
    """Every legal order of the loops that a tile cuts, outermost first: sequential, then others, then swept ones."""
    cut = [n for n, loop in enumerate(nest.loops) if tile[n] < loop.extent]
    swept = nest.swept if nest.sweeps > 1 else frozenset()

    def rank(n: int) -> int:
        return 0 if nest.loops[n].kind is LoopKind.SEQUENTIAL else 2 if n in swept else 1

    for order in itertools.permutations(cut):
        if [rank(n) for n in order] == sorted(rank(n) for n in order):
            yield order


def _walk(nest: LoopNest, tile: Place, order: Place) -> Iterator[tuple[Place, bool]]:
    """Tiles by the counter of each loop, and whether results are touched (in the last sweep only)."""
    swept = nest.swept if nest.sweeps > 1 else frozenset()
    outer = [n for n in order if n not in swept]
    inner = [n for n in order if n in swept]
    sweeps = nest.sweeps if inner else 1

    def steps(loops: list[int]) -> Iterator[dict[int, int]]:
        trips = [range(-(-nest.loops[n].extent // tile[n])) for n in loops]
        return (dict(zip(loops, counters, strict=True)) for counters in itertools.product(*trips))

    for high in steps(outer):
        for sweep in range(sweeps):
            for low in steps(inner):
                now = high | low
                yield tuple(now.get(n, 0) for n in range(len(nest.loops))), sweep == sweeps - 1


def _points(nest: LoopNest, tile: Place, place: Place) -> Iterator[Place]:
    ranges = [
        range(at * size, min((at + 1) * size, loop.extent))
        for at, size, loop in zip(place, tile, nest.loops, strict=True)
    ]
    return itertools.product(*ranges)


def _addresses(access: Access, point: Place) -> list[Place]:
    """Elements that one point touches; none in the padding."""
    index = [
        range(axis.extent)
        if not axis.terms
        else [i for i in [axis.offset + sum(t.stride * point[t.loop] for t in axis.terms)] if 0 <= i < axis.extent]
        for axis in access.axes
    ]
    return list(itertools.product(*index))


def scratchpad(nest: LoopNest, tile: Place, order: Place) -> Replay:
    """What a tile and an order move."""
    walk = list(_walk(nest, tile, order))
    reads, writes, peaks = [], [], []
    for access in nest.accesses:
        regions: dict[Place, frozenset[Place]] = {}
        stops = [place for place, is_last in walk if is_last or not access.is_write]
        last_use: dict[Place, int] = {}
        for time, place in enumerate(stops):
            if place not in regions:
                touched = (_addresses(access, point) for point in _points(nest, tile, place))
                regions[place] = frozenset(address for addresses in touched for address in addresses)
            for address in regions[place]:
                last_use[address] = time
        width, partial = access.bits / 8, max(access.partial_bits, access.bits) / 8
        loaded = stored = 0.0
        has_partial = False
        held: frozenset[Place] = frozenset()
        seen: set[Place] = set()
        before: Place | None = None
        relevant = access.loops
        for time, place in enumerate(stops):
            needed = regions[place]
            moved = [n for n in relevant if before is not None and place[n] != before[n]]
            slides = len(moved) == 1 and before is not None and place[moved[0]] == before[moved[0]] + 1
            stays = needed & held if slides or (before is not None and not moved) else frozenset()
            gone = held - stays
            if access.is_write:
                unfinished = sum(last_use[address] >= time for address in gone)
                stored += unfinished * partial + (len(gone) - unfinished) * width
                again = len((needed - stays) & seen)
                loaded += again * partial
                has_partial |= not needed.isdisjoint(seen)  # it is summed up over several tiles
                seen |= needed
            else:
                loaded += len(needed - stays) * width
            held, before = needed, place
        if access.is_write:
            stored += len(held) * width
        reads.append(loaded)
        writes.append(stored)
        peaks.append(max(map(len, regions.values())) * (partial if has_partial else width))
    return Replay(tuple(reads), tuple(writes), sum(peaks))


def lru_bytes(nest: LoopNest, tile: Place, order: Place, capacity_bytes: float) -> float:
    """Bytes in and out of a cache for the accesses of all points in the order of a tiled walk."""
    cache: OrderedDict[tuple[int, Place], bool] = OrderedDict()
    used = moved = 0.0
    remaining: dict[tuple[int, Place], int] = {}
    stream = []
    for place, is_last in _walk(nest, tile, order):
        for point in _points(nest, tile, place):
            for number, access in enumerate(nest.accesses):
                if is_last or not access.is_write:
                    stream += [(number, address) for address in _addresses(access, point)]
    for key in stream:
        remaining[key] = remaining.get(key, 0) + 1
    started: set[tuple[int, Place]] = set()

    def size(key: tuple[int, Place]) -> float:
        access = nest.accesses[key[0]]
        return max(access.partial_bits if remaining[key] else 0, access.bits) / 8

    for key in stream:
        access = nest.accesses[key[0]]
        remaining[key] -= 1
        if key in cache:
            cache.move_to_end(key)
        else:
            if not access.is_write or key in started:
                moved += max(access.partial_bits, access.bits) / 8
            started.add(key)
            cache[key] = True
            used += max(access.partial_bits, access.bits) / 8
            while used > capacity_bytes and len(cache) > 1:
                old, _ = cache.popitem(last=False)
                used -= max(nest.accesses[old[0]].partial_bits, nest.accesses[old[0]].bits) / 8
                if nest.accesses[old[0]].is_write:
                    moved += size(old)
    return moved + sum(size(key) for key in cache if nest.accesses[key[0]].is_write)
