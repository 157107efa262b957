"""What must a group hold, and move more than once, whatever its tile? A bound by capacity that looks at no tile.

A tile of a value, times the number of tiles along the dimensions that the value depends on, is no less than all of the
value. So what room there is tells how many tiles there must be, and how often an operand that depends on none of these
dimensions comes in, if it does not stay for good. All else is taken to move once, and of a halo the part that a tile
adds is taken to be held alone. Sizes are those that are tried (`onnxroof.mapping.tried`): it is never above what these
move.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from onnxroof.mapping.regions import Span, span_table
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.ways import cuts_of, halos_of, may_be_outer, sizes_of, tiled_dims, used_dims

__all__ = ["ROUNDING_BYTES", "Least"]

ROUNDING_BYTES = 1e-3
"""A footprint is rounded to bytes."""


@dataclass(frozen=True, slots=True)
class _Returning:
    """Operands that come in again with each tile along the same dimensions, unless they stay.

    Attributes:
        operands: Their numbers with their bytes.
        turns: Of each operator in turn the bytes that it holds whatever the tile, and of what gets less with each tile
            along these dimensions the bytes of all tiles.
    """

    operands: Sequence[tuple[int, int]]
    turns: Sequence[tuple[float, float]]

    def again_bytes(self, room: float, most: float, aside: Set[int]) -> float:
        """What comes in beyond the first time, if operands of `most` bytes stay for good; without some operands."""
        count = sum(size for number, size in self.operands if number not in aside)
        stays, found = min(float(count), most), 0.0
        for fixed, tiled in self.turns:
            left = room - fixed
            if left >= tiled or not count:
                continue  # one tile is enough
            # With a second tile, all that does not stay comes again. With as many as the room asks for, what comes
            # again is least if nothing stays or as much as there is room for: between these it is concave, or grows.
            none = count * (tiled / left - 1) if left > 0 else math.inf
            some = (count - stays) * (tiled / (left - stays) - 1) if left > stays else math.inf
            found = max(found, count - stays, 0.0 if math.isinf(none) else min(none, some))
        return found


@dataclass(frozen=True, eq=False)
class _Case:
    """Bounds of the ways with the same sums cut.

    Attributes:
        tiles: What is held of each shape at times.
        turns: Of each operator the numbers of what is held while it runs, with the bytes of an element.
        operands: Those that come in again, by the dimensions with each of whose tiles they do.
    """

    tiles: Sequence[_Term]
    turns: Sequence[Sequence[tuple[int, float]]]
    operands: Mapping[frozenset[int], Sequence[tuple[int, int]]]

    @cached_property
    def holds(self) -> float:
        """The least that is held."""
        tiles = [tile.least for tile in self.tiles]
        return max([sum([width * tiles[number] for number, width in turn]) for turn in self.turns])

    def again_bytes(self, room: float, aside: Set[int]) -> float:
        """What comes in again of all operands, without some, if the case fits."""
        return sum([one.again_bytes(room, room - self.holds, aside) for one in self._returning])

    @cached_property
    def _returning(self) -> list[_Returning]:
        found = []
        for over, operands in self.operands.items():
            shrinks = [tile.along <= over for tile in self.tiles]
            sums = [tile.tiles if is_less else tile.least for tile, is_less in zip(self.tiles, shrinks, strict=True)]
            pairs: dict[tuple[float, float], None] = {}
            for turn in self.turns:
                pair = [0.0, 0.0]  # what is held whatever the tile, and what gets less with each
                for number, width in turn:
                    pair[shrinks[number]] += width * sums[number]
                pairs[pair[0], pair[1]] = None
            found.append(_Returning(operands, _most(list(pairs))))
        return found


class Least:
    """Bounds of a group.

    Args:
        stack: The group.
    """

    def __init__(self, stack: Stack) -> None:
        self._known: list[_Case] = []
        self._others = _cases(stack)

    def again_bytes(self, room: float, aside: frozenset[int] = frozenset()) -> float:
        """The least that comes in beyond once each operand; infinite where there is not room enough.

        Args:
            room: Bytes.
            aside: Operands that do not count.
        """
        least, room = math.inf, room + ROUNDING_BYTES
        for case in self.cases():
            if case.holds <= room:
                least = min(least, case.again_bytes(room, aside))
                if not least:
                    break  # as where all fits: the others need not be looked at
        return least

    def cases(self) -> Iterator[_Case]:
        """Of all sets of sums that are cut."""
        yield from self._known
        for case in self._others:
            self._known.append(case)
            yield case


def _cases(stack: Stack) -> Iterator[_Case]:
    used = used_dims(stack)
    halos = halos_of(stack)
    numbers: dict[tuple[Span, ...], int] = {}
    alive: list[dict[int, float]] = [{} for _ in stack.members]
    for value in stack.values:
        number = numbers.setdefault(value.spans, len(numbers))
        # It may be written in the place of what it is made of.
        for member in range(value.maker + (value.replaced >= 0), value.last + 1):
            alive[member][number] = alive[member].get(number, 0.0) + value.element_bytes
    turns = tuple(dict.fromkeys(tuple(turn.items()) for turn in alive))
    for cut in cuts_of(stack, used, halos):
        dims = tiled_dims(stack, used, halos, cut)
        grid = _grid(tuple(sizes_of(stack, dims, halos)))
        yield _Case([grid.term(spans) for spans in numbers], turns, _returning(stack, frozenset(dims), cut))


def _returning(stack: Stack, dims: frozenset[int], cut: frozenset[int]) -> dict[frozenset[int], list[tuple[int, int]]]:
    """Operands with their bytes by the dimensions with each of whose tiles they come in again in any way."""
    found: dict[frozenset[int], list[tuple[int, int]]] = {}
    if any(may_be_outer(stack, dim) for dim in cut):
        return found
    for number, operand in enumerate(stack.operands):
        over = _comes_again(stack, operand, dims, cut)
        if over:
            found.setdefault(over, []).append((number, operand.bytes))
    return found


def _comes_again(stack: Stack, operand: Operand, dims: frozenset[int], cut: frozenset[int]) -> frozenset[int]:
    """None where that depends on the way: what some tiles are parts of may stay over the others."""
    if operand.is_written:
        return frozenset()
    mine = [{axis.span.dim for axis in use.axes} & dims for use in operand.uses]
    if any(not one <= cut for one in mine) or (len(mine) > 1 and any(mine)):
        return frozenset()
    return frozenset.intersection(*(stack.members[use.member].dims & dims - cut for use in operand.uses))


@dataclass(frozen=True, slots=True)
class _Term:
    """Something that is held, in elements.

    Attributes:
        least: Its least tile.
        tiles: The least of a tile times the number of tiles.
        along: The dimensions that these are along.
    """

    least: float
    tiles: float
    along: frozenset[int]


def _most(pairs: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Those of which no other is as large in both."""
    found: list[tuple[float, float]] = []
    for fixed, tiled in sorted(pairs, reverse=True):
        if not found or tiled > found[-1][1]:
            found.append((fixed, tiled))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Sizes of the tiled dimensions."""

    sizes: Mapping[int, tuple[int, ...]]
    _terms: dict[tuple[Span, ...], _Term] = field(default_factory=dict)
    _tiles: dict[Span, tuple[float, float]] = field(default_factory=dict)

    def term(self, spans: tuple[Span, ...]) -> _Term:
        """The tile of a value, of a halo only what is new."""
        found = self._terms.get(spans)
        if found is None:
            found = self._terms[spans] = self._product(spans)
        return found

    def _product(self, spans: Sequence[Span]) -> _Term:
        least = tiles = 1.0
        along: set[int] = set()
        for span in spans:
            if span.dim < 0:
                least *= span.extent
                tiles *= span.extent
                continue
            tile, times = self._tile(span)
            least *= tile
            # A second dimension that the same tiles cut does not make more of them.
            tiles *= tile if span.dim in along else times
            if span.dim in self.sizes:
                along.add(span.dim)
        return _Term(least, tiles, frozenset(along))

    def _tile(self, span: Span) -> tuple[float, float]:
        """The least length of what is new of a tile, and of that times the number of tiles."""
        found = self._tiles.get(span)
        if found is None:
            sizes = self.sizes.get(span.dim, (span.tile_extent,))
            table = span_table(span, sizes)
            lengths = np.minimum(table.fresh, table.peak)
            trips = np.array([-(-span.tile_extent // size) for size in sizes])
            found = self._tiles[span] = (float(lengths.min()), float((lengths * trips).min()))
        return found


@lru_cache(maxsize=1024)
def _grid(sizes: tuple[tuple[int, tuple[int, ...]], ...]) -> _Grid:
    return _Grid(dict(sizes))
