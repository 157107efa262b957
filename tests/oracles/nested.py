"""Brute force over tiles inside tiles, by stepping through every one of them and watching a buffer at each level.

Knows what a nest is and nothing of the formulas under test. Each level holds one tile of each operand; what a tile
needs and the buffer does not hold comes from the level outside. Elements are bits of a Python integer.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from oracles.exhaustive import _rank, _Tiles

from onnxroof.ir.loopnest import Access, LoopKind, LoopNest

Span = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Floor:
    """A level: the tile that it holds, and the order (outermost first) in which its tiles are walked."""

    tile: tuple[int, ...]
    order: tuple[int, ...]


def replay(nest: LoopNest, floors: Sequence[Floor]) -> list[tuple[float, float]]:
    """Bytes that cross into each level and the room that it needs, outermost boundary first."""
    return [(sum(m for m, _ in each), sum(r for _, r in each)) for each in replay_operands(nest, floors)]


def replay_operands(nest: LoopNest, floors: Sequence[Floor]) -> list[list[tuple[float, float]]]:
    """The same of each operand, at each level, as if each held a tile of it."""
    return [
        [_moved(_Elements(access, nest), walk) for access in nest.accesses]
        for walk in (list(_walk(nest, floors[:depth])) for depth in range(1, len(floors) + 1))
    ]


def ports(nest: LoopNest, floors: Sequence[Floor], held: Sequence[Collection[int]]) -> tuple[list[float], list[float]]:
    """Bytes over the port of the memory outside and of each level that hold only some operands, and the rooms.

    What a level does not hold comes past it, from the next one outside that holds it.
    """
    found = replay_operands(nest, floors)
    moved, rooms = [0.0] * (len(floors) + 1), [0.0] * len(floors)
    for operand in range(len(nest.accesses)):
        outside = 0
        for depth, here in enumerate(held):
            if operand in here:
                bytes_, room = found[depth][operand]
                moved[outside] += bytes_
                rooms[depth] += room
                outside = depth + 1
    return moved, rooms


def _walk(nest: LoopNest, floors: Sequence[Floor]) -> Iterator[Span]:
    """The (begin, end) of each loop in each tile of the innermost floor, in order of time."""

    def inside(span: Span, rest: Sequence[Floor]) -> Iterator[Span]:
        if not rest:
            yield span
            return
        floor = rest[0]
        starts = [range(begin, end, size) for (begin, end), size in zip(span, floor.tile, strict=True)]
        order = [*floor.order, *(n for n in range(len(span)) if n not in floor.order)]
        for picked in itertools.product(*(starts[n] for n in order)):
            at = dict(zip(order, picked, strict=True))
            yield from inside(
                tuple((at[n], min(at[n] + floor.tile[n], span[n][1])) for n in range(len(span))), rest[1:]
            )

    yield from inside(tuple((0, loop.extent) for loop in nest.loops), floors)


class _Elements:
    def __init__(self, access: Access, nest: LoopNest) -> None:
        self.access, self._nest = access, nest
        self.relevant = sorted({term.loop for axis in access.axes for term in axis.terms})
        self._known: dict[Span, int] = {}

    def of(self, span: Span) -> int:
        key = tuple(span[n] for n in self.relevant)
        if key not in self._known:
            points = _Tiles(self.access, self._nest, (1,) * len(span))
            elements = 0
            for point in itertools.product(*(range(begin, end) for begin, end in key)):
                elements |= points.elements(dict(zip(self.relevant, point, strict=True)))
            self._known[key] = elements
        return self._known[key]


def _moved(tiles: _Elements, walk: list[Span]) -> tuple[float, float]:
    """Bytes of one operand, and the most that it holds."""
    access = tiles.access
    final, partial = access.bits / 8, max(access.partial_bits, access.bits) / 8
    before: Span | None = None
    held = begun = entered = again = largest = 0
    is_partial = False
    for span in walk:
        needed = tiles.of(span)
        is_partial = is_partial or bool(needed & begun)
        moved = [n for n in tiles.relevant if before is None or span[n] != before[n]]
        slides = before is not None and len(moved) == 1 and span[moved[0]][0] == before[moved[0]][1]
        new = needed & ~held if slides or not moved else needed
        entered += new.bit_count()
        again += (new & begun).bit_count()
        begun |= needed
        largest = max(largest, needed.bit_count())
        held, before = needed, span
    if not access.is_write:
        return entered * final, largest * final
    distinct = begun.bit_count()
    return again * partial + (entered - distinct) * partial + distinct * final, largest * (
        partial if is_partial else final
    )


def pairs(nest: LoopNest, outer_bytes: float, inner_bytes: float) -> Iterator[tuple[float, float]]:
    """Bytes over both boundaries for every pair of tiles that fit, one inside the other, and every order of each."""
    sizes = [[1] if loop.kind is LoopKind.SEQUENTIAL else range(1, loop.extent + 1) for loop in nest.loops]
    whole = tuple(loop.extent for loop in nest.loops)
    for outer in itertools.product(*sizes):
        for first in _orders(nest, whole, outer):
            (moved, room), *_ = replay(nest, [Floor(outer, first)])
            if room > outer_bytes:
                break
            for inner in itertools.product(*(range(1, size + 1) for size in outer)):
                for second in _orders(nest, outer, inner):
                    _, (passed, held) = replay(nest, [Floor(outer, first), Floor(inner, second)])
                    if held > inner_bytes:
                        break
                    yield moved, passed


def pairs_held(
    nest: LoopNest, room_bytes: Sequence[float], held: Sequence[Collection[int]]
) -> Iterator[tuple[float, ...]]:
    """Bytes over the ports, outermost first, as `pairs`, of two levels that hold some operands each."""
    sizes = [[1] if loop.kind is LoopKind.SEQUENTIAL else range(1, loop.extent + 1) for loop in nest.loops]
    whole = tuple(loop.extent for loop in nest.loops)
    for outer in itertools.product(*sizes):
        for first in _orders(nest, whole, outer):
            for inner in itertools.product(*(range(1, size + 1) for size in outer)):
                for second in _orders(nest, outer, inner):
                    moved, rooms = ports(nest, [Floor(outer, first), Floor(inner, second)], held)
                    if all(need <= room for need, room in zip(rooms, room_bytes, strict=True)):
                        yield tuple(moved)


def _orders(nest: LoopNest, whole: Sequence[int], tile: Sequence[int]) -> list[tuple[int, ...]]:
    cut = [n for n in range(len(tile)) if tile[n] < whole[n]]
    found = [
        order for order in itertools.permutations(cut)
        if [_rank(nest, n) for n in order] == sorted((_rank(nest, n) for n in order), reverse=True)
    ]  # fmt: skip
    return found or [()]
