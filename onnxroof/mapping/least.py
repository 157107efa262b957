"""What must a group hold, and move more than once, whatever its tile? A bound by capacity that needs no curve.

A tile of a value, times the number of tiles along the dimensions that the value depends on, is no less than all of the
value. So what room there is tells how many tiles there must be, and how often an operand that depends on none of these
dimensions comes in, if it does not stay for good. All else is taken to move once. Sizes and ways are those that the
curve tries (`onnxroof.mapping.fused`): it is never below.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from onnxroof.mapping.regions import Span, span_table
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.ways import cuts_of, halos_of, may_be_outer, sizes_of, tiled_dims

__all__ = ["Least"]

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
    """Bounds of the ways with the same sums cut and halos kept.

    Attributes:
        group: What all cases of the group share.
        grid: Sizes of the tiles, and along which dimensions halos are kept.
        operands: Those that come in again, by the dimensions with each of whose tiles they do.
    """

    group: _Group
    grid: _Grid
    operands: Mapping[frozenset[int], Sequence[tuple[int, int]]]

    @cached_property
    def _tiles(self) -> list[_Term]:
        """What is held of each shape at times, less what lies in the caches of halos."""
        return [self.grid.terms(spans)[0] for spans in self.group.values]

    @cached_property
    def _caches(self) -> list[tuple[float, _Term]]:
        """Caches of halos, with the bytes of an element."""
        pairs = zip(self.group.widths, self.group.values, strict=True)
        return [(width, cache) for width, spans in pairs for cache in self.grid.terms(spans)[1]]

    @cached_property
    def holds(self) -> float:
        """The least that is held."""
        tiles = [tile.least for tile in self._tiles]
        cached = sum([width * cache.least for width, cache in self._caches])
        return cached + max([sum([width * tiles[number] for number, width in turn]) for turn in self.group.turns])

    def again_bytes(self, room: float, aside: Set[int]) -> float:
        """What comes in again of all operands, without some, if the case fits."""
        return sum([one.again_bytes(room, room - self.holds, aside) for one in self._returning])

    @cached_property
    def _returning(self) -> list[_Returning]:
        found = []
        for over, operands in self.operands.items():
            shrinks = [tile.along <= over for tile in self._tiles]
            sums = [tile.tiles if is_less else tile.least for tile, is_less in zip(self._tiles, shrinks, strict=True)]
            base = [0.0, 0.0]  # what is held whatever the tile, and what gets less with each
            for width, cache in self._caches:
                is_less = cache.along <= over
                base[is_less] += width * (cache.tiles if is_less else cache.least)
            pairs: dict[tuple[float, float], None] = {}
            for turn in self.group.turns:
                pair = base.copy()
                for number, width in turn:
                    pair[shrinks[number]] += width * sums[number]
                pairs[pair[0], pair[1]] = None
            found.append(_Returning(operands, _most(list(pairs))))
        return found


@dataclass(frozen=True, slots=True)
class _Group:
    """What a group holds when.

    Attributes:
        values: Shapes of what is held at times.
        widths: Bytes of an element of all that have the same shape.
        turns: Of each operator the numbers and widths of what is held while it runs.
    """

    values: Sequence[tuple[Span, ...]]
    widths: Sequence[float]
    turns: Sequence[Sequence[tuple[int, float]]]


class Least:
    """Bounds of a group.

    Args:
        stack: The group.
    """

    def __init__(self, stack: Stack) -> None:
        self._known: list[_Case] = []
        self._others = _cases(stack)
        self._asked: dict[tuple[float, frozenset[int]], float] = {}
        # Where all operands count: rooms that were asked for, and what comes in again, less with each.
        self._rooms: list[float] = []
        self._found: list[float] = []

    def again_bytes(self, room: float, aside: frozenset[int] = frozenset()) -> float:
        """The least that comes in beyond once each operand; infinite where there is not room enough.

        Args:
            room: Bytes.
            aside: Operands that do not count.
        """
        found = self._asked.get((room, aside))
        if found is None:
            found = self._asked[room, aside] = self._again_bytes(room + ROUNDING_BYTES, aside)
        return found

    def _again_bytes(self, room: float, aside: Set[int]) -> float:
        least = math.inf
        for case in self.cases():
            if case.holds <= room:
                least = min(least, case.again_bytes(room, aside))
                if not least:
                    break  # as where all fits: the other ways need not be looked at
        if not aside and least > self.known_bytes(room):
            place = bisect_left(self._rooms, room)
            self._rooms.insert(place, room)
            self._found.insert(place, least)
        return least

    def known_bytes(self, room: float) -> float:
        """What is known so far of what comes in again of all operands: as much as with more room."""
        place = bisect_left(self._rooms, room)
        return self._found[place] if place < len(self._rooms) else 0.0

    def cases(self) -> Iterator[_Case]:
        """Of all ways."""
        yield from self._known
        for case in self._others:
            self._known.append(case)
            yield case


def _cases(stack: Stack) -> Iterator[_Case]:
    used = {span.dim for value in stack.values for span in value.spans} - {-1}
    halos = halos_of(stack)
    numbers: dict[tuple[Span, ...], int] = {}
    widths: list[float] = []
    alive: list[dict[int, float]] = [{} for _ in stack.members]
    for value in stack.values:
        number = numbers.setdefault(value.spans, len(numbers))
        if number == len(widths):
            widths.append(0.0)
        widths[number] += value.element_bytes
        # It may be written in the place of what it is made of.
        for member in range(value.maker + (value.replaced >= 0), value.last + 1):
            alive[member][number] = alive[member].get(number, 0.0) + value.element_bytes
    group = _Group(tuple(numbers), widths, tuple(dict.fromkeys(tuple(turn.items()) for turn in alive)))
    for cut in cuts_of(stack, used, halos):
        dims = tiled_dims(stack, used, halos, cut)
        sizes = dict(sizes_of(stack, dims, halos))
        returning = _returning(stack, frozenset(dims), cut)
        for cached in _orders(tuple(dim for dim in dims if dim in halos and dim < stack.tiled)):
            # A halo of one tile is none.
            some = {dim: _cut(sizes[dim], stack.extents[dim]) for dim in cached}
            if all(some.values()):
                yield _Case(group, _grid(tuple((sizes | some).items()), cached), returning)


@lru_cache(maxsize=1024)
def _orders(sliding: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The dimensions along which halos may be kept, from the outermost to the innermost."""
    return tuple(order for count in range(len(sliding) + 1) for order in itertools.permutations(sliding, count))


@lru_cache(maxsize=1024)
def _cut(sizes: tuple[int, ...], extent: int) -> tuple[int, ...]:
    """The sizes that make more than one tile."""
    return tuple(size for size in sizes if size < extent)


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
    """Sizes of the tiled dimensions, and along which of them halos are kept, from the outermost to the innermost."""

    sizes: Mapping[int, tuple[int, ...]]
    cached: tuple[int, ...]
    _terms: dict[tuple[Span, ...], tuple[_Term, tuple[_Term, ...]]] = field(default_factory=dict)
    _tiles: dict[Span, tuple[float, float]] = field(default_factory=dict)

    def terms(self, spans: tuple[Span, ...]) -> tuple[_Term, tuple[_Term, ...]]:
        """The tile of a value, less what lies in the caches of halos; and these caches."""
        found = self._terms.get(spans)
        if found is None:
            found = self._terms[spans] = (self._product(spans, 1.0, frozenset()), tuple(self._caches(spans)))
        return found

    def _caches(self, spans: tuple[Span, ...]) -> Iterator[_Term]:
        for place, dim in enumerate(self.cached):
            own = next((span for span in spans if span.dim == dim), None)
            if own is not None and own.of is not None:
                lag = float(span_table(own, self.sizes[dim]).lag.min())
                rest = tuple(span for span in spans if span.dim != dim)
                yield self._product(rest, lag, frozenset(self.cached[place + 1 :]))

    def _product(self, spans: Sequence[Span], elements: float, full: frozenset[int]) -> _Term:
        """Elements times the tiles of some spans, of those along the dimensions `full` all."""
        least = tiles = elements
        along: set[int] = set()
        for span in spans:
            if span.dim < 0 or span.dim in full:
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
        """The least length of a tile, or of what of it is new, and of that times the number of tiles."""
        found = self._tiles.get(span)
        if found is None:
            sizes = self.sizes.get(span.dim, (span.tile_extent,))
            table = span_table(span, sizes)
            lengths = table.fresh if span.dim in self.cached else table.peak
            trips = np.array([-(-span.tile_extent // size) for size in sizes])
            found = self._tiles[span] = (float(lengths.min()), float((lengths * trips).min()))
        return found


@lru_cache(maxsize=1024)
def _grid(sizes: tuple[tuple[int, tuple[int, ...]], ...], cached: tuple[int, ...]) -> _Grid:
    return _Grid(dict(sizes), cached)
