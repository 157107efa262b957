"""In which ways can a group be run, and which tile sizes are tried? Orders, halos that are kept, sums that are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from onnxroof.mapping.regions import Span, span_table
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.tiling import tile_sizes

__all__ = [
    "FEW_MEMBERS",
    "SOME_MEMBERS",
    "Way",
    "cuts_of",
    "halos_of",
    "may_be_outer",
    "sizes_of",
    "tiled_dims",
    "used_dims",
    "ways_of",
]

FEW_MEMBERS = 2
"""A group of so few operators has every tile size and every set of operands that stay tried."""

MOST_TILES = (16, 49, 64, 81)
"""Of a larger one so many tiles are tried for one tiled dimension, for two, three, four and more."""

EVEN_TILES = (64, 400, 512, 625)
"""The same of a group without halos, which can be run in fewer ways."""

MOST_TRIPS = 4096
"""A dimension with a halo is cut into so many tiles at most."""

BLOCKS = (1, 16)
"""Sizes that are tried where several sums are cut at once."""

SOME_MEMBERS = 6
"""In a group of more operators no sum is cut if something has halos, and all operands stay that would gain by it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a group is run.

    Attributes:
        order: Dimensions from the outermost to the innermost.
        cached: Dimensions along which halos are kept.
        cut: Sums that are cut.
        kept: Operands that stay over the dimensions that they do not depend on.
        resident: Operands that stay for good.
    """

    order: tuple[int, ...]
    cached: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()
    resident: frozenset[int] = frozenset()


def halos_of(stack: Stack) -> frozenset[int]:
    """Dimensions along which neighbouring tiles of something overlap."""
    found: set[int] = set()
    spans = {span for value in stack.values for span in value.spans}
    spans |= {axis.span for operand in stack.operands for use in operand.uses for axis in use.axes}
    for span in spans:
        if span.of is not None and span.dim not in found and _overlaps(span):
            found.add(span.dim)
    return frozenset(found)


@lru_cache(maxsize=65536)
def _overlaps(span: Span) -> bool:
    """Whether neighbouring tiles of some size have a part of it in common."""
    return bool(span_table(span, _tried(span.tile_extent, 8, MOST_TRIPS)).overlap.any())


def used_dims(stack: Stack) -> set[int]:
    """Dimensions of which a part is of use: that of what passes between operators, or else of what several read."""
    spans = [span for value in stack.values for span in value.spans]
    if not stack.values:
        shared = [operand for operand in stack.operands if len(operand.uses) > 1]
        spans = [axis.span for operand in shared for use in operand.uses for axis in use.axes]
    return {span.dim for span in spans} - {-1}


def cuts_of(stack: Stack, used: set[int], halos: frozenset[int]) -> Iterator[frozenset[int]]:
    """Sets of sums to cut: none; from the last on, and from the first on, all of which none lies inside another."""
    yield frozenset()
    if halos and len(stack.members) > SOME_MEMBERS:
        return
    sums = [dim for dim in range(stack.tiled, len(stack.extents)) if dim in used]
    found: dict[frozenset[int], None] = {}
    for order in (sums, sums[::-1]) if len(stack.members) <= FEW_MEMBERS else (sums,):
        cut: set[int] = set()
        for dim in order:
            if not any(len(member.dims & (cut | {dim})) > 1 for member in stack.members):
                cut.add(dim)
        found[frozenset(cut)] = None
    yield from (cut for cut in found if cut)


def tiled_dims(stack: Stack, used: set[int], halos: frozenset[int], cut: frozenset[int]) -> tuple[int, ...]:
    """At most three dimensions of the result that are tiled, and the sums that are cut."""
    own = [dim for dim in range(stack.tiled) if dim in used]
    own.sort(key=lambda dim: (dim not in halos, -stack.extents[dim]))
    return (*sorted(own[:3]), *sorted(cut))


@lru_cache(maxsize=4096)
def _tried(extent: int, most: int, trips: int) -> tuple[int, ...]:
    """The smallest sizes of at most so many trip counts at about equal ratios, none above `trips`."""
    sizes = [size for size in tile_sizes(extent).tolist() if -(-extent // size) <= trips]
    if len(sizes) > most:
        counts = np.unique(np.round(np.geomspace(1, -(-extent // sizes[0]), most)))
        sizes = sorted({-(-extent // int(count)) for count in counts})
    return tuple(sizes)


def sizes_of(stack: Stack, dims: Sequence[int], halos: frozenset[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sizes to try of each tiled dimension."""
    several = sum(dim >= stack.tiled for dim in dims)
    free = max(1, len(dims) - several if several > 1 else len(dims))
    most = (MOST_TILES if halos else EVEN_TILES)[min(free, len(MOST_TILES)) - 1]
    each = max(2, round(most ** (1 / free)))
    if len(stack.members) <= FEW_MEMBERS and free <= 2:
        each = 64
    for dim in dims:
        extent = stack.extents[dim]
        if dim >= stack.tiled and several > 1:
            yield dim, tuple(sorted({min(extent, size) for size in (BLOCKS if several == 2 else BLOCKS[-1:])}))
        else:
            yield dim, _tried(extent, each, MOST_TRIPS if dim in halos else extent)


def ways_of(stack: Stack, dims: Sequence[int], halos: frozenset[int], cut: frozenset[int]) -> Iterator[Way]:
    """Orders, kept halos and kept operands."""
    uses = [[axis.span.dim for use in o.uses for axis in use.axes] for o in stack.operands]
    plain = [dim for dim in dims if dim not in halos and dim < stack.tiled]
    # What more operands depend on is further out: the others stay over the inner dimensions.
    plain.sort(key=lambda dim: -sum(dim in found for found in uses))
    sliding = [dim for dim in dims if dim in halos and dim < stack.tiled]
    inner = tuple(dim for dim in dims if dim >= stack.tiled)
    is_square = len(sliding) == 2 and _is_mirrored(stack, *sliding)
    for count in range(len(sliding) + 1):
        for cached in itertools.combinations(sliding, count):
            rest = tuple(dim for dim in sliding if dim not in cached)
            for order in itertools.permutations(cached):
                if is_square and cached and order[-1] != sliding[-1]:
                    continue  # the tile turned round is tried in the other order
                yield from _keeping(stack, Way((*plain, *rest, *order, *inner), frozenset(cached), cut))
    if len(inner) == 1 and len(plain) == len(dims) - 1 and may_be_outer(stack, inner[0]):
        yield from _keeping(stack, Way((*inner, *plain), frozenset(), cut))


@lru_cache(maxsize=65536)
def _form(span: Span | None) -> object:
    """A span without the number of the dimension that it depends on."""
    if span is None:
        return None
    return (span.extent, _form(span.of), _form(span.other), span.stride, span.reach, span.offset, span.by)


def _is_mirrored(stack: Stack, one: int, other: int) -> bool:
    """Whether two dimensions may change places: rows and columns of a square image."""
    if stack.extents[one] != stack.extents[other]:
        return False
    lists = [value.spans for value in stack.values]
    lists += [tuple(axis.span for axis in use.axes) for operand in stack.operands for use in operand.uses]
    return all(
        [_form(span) for span in spans if span.dim == one] == [_form(span) for span in spans if span.dim == other]
        for spans in lists
    )


def may_be_outer(stack: Stack, dim: int) -> bool:
    """Whether the sum over a dimension is the last that is done, so that partial sums can leave."""
    summing = [number for number, member in enumerate(stack.members) if dim in member.sums]
    return summing == [len(stack.members) - 1] and all(dim in member.dims for member in stack.members)


def _keeping(stack: Stack, way: Way) -> Iterator[Way]:
    """The way with sets of operands that stay over some dimensions."""
    gaining = [n for n, operand in enumerate(stack.operands) if _stays(stack, operand, way)]
    if len(gaining) <= 1 or (len(stack.members) <= FEW_MEMBERS and len(gaining) <= 3):
        for count in range(len(gaining) + 1):
            for kept in itertools.combinations(gaining, count):
                yield Way(way.order, way.cached, way.cut, frozenset(kept))
        return
    if not way.cached and len(stack.members) <= SOME_MEMBERS:
        yield way
    yield Way(way.order, way.cached, way.cut, frozenset(gaining))


def _stays(stack: Stack, operand: Operand, way: Way) -> bool:
    """Whether it makes a difference that an operand stays over the dimensions that it does not depend on."""
    if operand.is_written:
        member = stack.members[operand.uses[0].member]
        return operand.value < 0 and bool(member.sums & way.cut) and way.order[-1] in way.cut
    for use in operand.uses:
        mine = [axis.span.dim for axis in use.axes if axis.span.dim in way.order]
        if not mine:
            continue
        if len(operand.uses) > 1:
            return True
        if not way.cached.isdisjoint(mine) and any(axis.span.of is not None for axis in use.axes):
            return True
        dims = stack.members[use.member].dims
        if next(dim for dim in reversed(way.order) if dim in dims) not in mine:
            return True
    return False
