"""The same loop nest in its plainest form: which loops and access maps make no difference to what is touched?

Equal structure then shares one reuse curve: a 1x1 convolution is a matrix product, an elementwise operator is one loop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, is_dense, whole_axis
from onnxroof.mapping.skeleton import skeleton, with_widths

__all__ = ["Canonical", "canonical"]


@dataclass(frozen=True, slots=True)
class Canonical:
    """A nest in canonical form and where its loops come from.

    Attributes:
        nest: Loops of extent 2 and more without names; operands in their original order. A dimension that takes each
            counter of one loop to an element of its own is a `dense_axis`; all whole dimensions of an operand are one.
        members: For each loop of `nest` the numbers of the original loops that it stands for, outermost first.
    """

    nest: LoopNest
    members: tuple[tuple[int, ...], ...]

    def original_tiles(self, tiles: npt.NDArray[np.int64], loops: Sequence[Loop]) -> npt.NDArray[np.int64]:
        """Sizes for the original `loops`, (S, loops), of canonical tiles, (S, loops of `nest`).

        A tile of a merged loop is a run of points in row-major order: it fills the innermost member first, and the
        size of the outer ones is rounded up. Loops of extent 1 have tile 1.
        """
        sizes = np.ones((len(tiles), len(loops)), dtype=np.int64)
        for rest, members in zip(tiles.T, self.members, strict=True):
            for member in reversed(members):
                sizes[:, member] = np.minimum(rest, loops[member].extent)
                rest = -(-rest // loops[member].extent)  # noqa: PLW2901
        return sizes

    def original_tile(self, tile: Sequence[int], loops: Sequence[Loop]) -> list[int]:
        """As `original_tiles`, of one tile."""
        sizes = [1] * len(loops)
        for rest, members in zip(tile, self.members, strict=True):
            for member in reversed(members):
                sizes[member] = min(rest, loops[member].extent)
                rest = -(-rest // loops[member].extent)  # noqa: PLW2901
        return sizes


@lru_cache(maxsize=4096)
def canonical(nest: LoopNest, *, merge: bool = True) -> Canonical:
    """The canonical form of a nest without empty loops.

    Loops of extent 1 are dropped. An index that determines several counters (`c*16 + i` with i < 16) becomes one
    dimension for each. A stride that only skips elements is divided out. With `merge`, loops that occur in the same
    operands, each as a dense dimension, become one loop: only counts of elements matter, not where they lie.
    """
    bare = _canonical(skeleton(nest), merge=merge)
    return Canonical(with_widths(bare.nest, nest), bare.members)


@lru_cache(maxsize=4096)
def _canonical(nest: LoopNest, *, merge: bool) -> Canonical:
    plain, kept = _plain(nest)
    groups = _alike(plain) if merge else ()
    if all(len(group) == 1 for group in groups):
        return Canonical(plain, tuple((number,) for number in kept))
    members = tuple(tuple(kept[index] for index in group) for group in groups)
    return Canonical(_merged(plain, groups), members)


@lru_cache(maxsize=4096)
def _plain(nest: LoopNest) -> tuple[LoopNest, tuple[int, ...]]:
    """The canonical form before loops are merged, and the numbers of the loops that it has."""
    kept = tuple(number for number, loop in enumerate(nest.loops) if loop.extent != 1)
    renumbered = {number: index for index, number in enumerate(kept)}
    loops = tuple(
        Loop(str(index), nest.loops[number].extent, nest.loops[number].kind) for number, index in renumbered.items()
    )
    plain = LoopNest(
        loops,
        tuple(_plain_access(access, nest, renumbered) for access in nest.accesses),
        nest.sweeps,
        frozenset(renumbered[number] for number in nest.swept if number in renumbered),
    )
    return plain, kept


def _plain_access(access: Access, nest: LoopNest, renumbered: Mapping[int, int]) -> Access:
    extents = {renumbered[n]: loop.extent for n, loop in enumerate(nest.loops) if n in renumbered}
    whole = 1
    walked: list[AxisMap] = []
    for axis in access.axes:
        if not axis.terms:
            whole *= axis.extent
            continue
        if len(axis.terms) == 1:
            (term,) = axis.terms
            if term.loop in renumbered and is_dense(axis, nest.loops):
                walked.append(dense_axis(renumbered[term.loop], axis.extent))  # what most dimensions are
                continue
        strides: dict[int, int] = {}
        for term in axis.terms:
            if term.loop in renumbered:
                strides[renumbered[term.loop]] = strides.get(renumbered[term.loop], 0) + term.stride
        walked += _plain_axes(strides, axis.offset, axis.extent, extents)
    walked = _determined(walked, extents)
    whole *= math.prod(axis.extent for axis in walked if not axis.terms)
    axes = sorted({axis for axis in walked if axis.terms}, key=lambda axis: [(t.loop, t.stride) for t in axis.terms])
    if whole != 1:
        axes.append(whole_axis(whole))
    return Access(0, access.is_write, tuple(axes), access.bits, access.partial_bits)


def _plain_axes(strides: Mapping[int, int], offset: int, extent: int, extents: Mapping[int, int]) -> list[AxisMap]:
    """A dimension with index sum(strides * counters) + offset as the fewest independent dimensions."""
    # A loop walked backwards touches what it touches forwards.
    offset += sum(stride * (extents[loop] - 1) for loop, stride in strides.items() if stride < 0)
    terms = sorted((abs(stride), loop) for loop, stride in strides.items() if stride)
    if not terms:
        return [] if 0 <= offset < extent else [whole_axis(0)]
    step = math.gcd(*(stride for stride, _ in terms))
    reach = sum(stride // step * (extents[loop] - 1) for stride, loop in terms)
    first = max(0, -(offset // step))
    last = min(reach, (extent - 1 - offset) // step)
    if first > last:
        return [whole_axis(0)]
    if first > 0 or last < reach:
        scaled = tuple(Term(loop, stride // step) for stride, loop in terms)
        return [AxisMap(scaled, last - first + 1, -first)]
    # Nothing is padding: where a stride exceeds all that the smaller terms reach, the index determines both parts.
    axes: list[AxisMap] = []
    run: list[tuple[int, int]] = []
    reach = 0
    for stride, loop in [*terms, (0, -1)]:
        if run and (stride == 0 or stride > reach):
            axes.append(_unclipped(run, extents))
            run, reach = [], 0
        if stride:
            run.append((stride, loop))
            reach += stride * (extents[loop] - 1)
    return axes


def _unclipped(terms: Sequence[tuple[int, int]], extents: Mapping[int, int]) -> AxisMap:
    step = math.gcd(*(stride for stride, _ in terms))
    if len(terms) == 1:
        return dense_axis(terms[0][1], extents[terms[0][1]])
    scaled = tuple(Term(loop, stride // step) for stride, loop in terms)
    return AxisMap(scaled, 1 + sum(term.stride * (extents[term.loop] - 1) for term in scaled))


def _determined(axes: list[AxisMap], extents: Mapping[int, int]) -> list[AxisMap]:
    """The dimensions without what another dimension of the operand tells: `x[i, i+j]` touches what `x[i, j]` does."""
    if not any(len(axis.terms) > 1 for axis in axes):
        return axes
    while True:
        known = {
            axis.terms[0].loop
            for axis in axes
            if len(axis.terms) == 1 and axis.terms[0].stride == 1 and axis.offset == 0
        }
        for number, axis in enumerate(axes):
            reach = sum(term.stride * (extents[term.loop] - 1) for term in axis.terms)
            is_clipped = axis.offset != 0 or axis.extent != reach + 1
            if len(axis.terms) > 1 and not is_clipped and any(term.loop in known for term in axis.terms):
                strides = {term.loop: term.stride for term in axis.terms if term.loop not in known}
                reach = sum(stride * (extents[loop] - 1) for loop, stride in strides.items())
                axes = [*axes[:number], *_plain_axes(strides, 0, reach + 1, extents), *axes[number + 1 :]]
                break
        else:
            return axes


def _alike(nest: LoopNest) -> tuple[tuple[int, ...], ...]:
    """Groups of loops that may be walked as one, in order of their first member."""
    groups: dict[object, list[int]] = {}
    used = [access.loops for access in nest.accesses]
    dense = [{axis.terms[0].loop for axis in access.axes if is_dense(axis, nest.loops)} for access in nest.accesses]
    for number, loop in enumerate(nest.loops):
        uses = [number in loops for loops in used]
        is_walked = all(number in walked for walked, is_used in zip(dense, uses, strict=True) if is_used)
        is_plain = is_walked and loop.kind is not LoopKind.SEQUENTIAL and not _occurs_twice(number, nest)
        key = (loop.kind, number in nest.swept, tuple(uses)) if is_plain else number
        groups.setdefault(key, []).append(number)
    return tuple(tuple(group) for group in groups.values())


def _occurs_twice(loop: int, nest: LoopNest) -> bool:
    return any(sum(term.loop == loop for axis in access.axes for term in axis.terms) > 1 for access in nest.accesses)


def _merged(nest: LoopNest, groups: Sequence[Sequence[int]]) -> LoopNest:
    number_of = {member: number for number, group in enumerate(groups) for member in group}
    loops = tuple(
        Loop(str(number), math.prod(nest.loops[member].extent for member in group), nest.loops[group[0]].kind)
        for number, group in enumerate(groups)
    )
    is_single = {member: len(group) == 1 for group in groups for member in group}

    def renumbered(axis: AxisMap) -> AxisMap:
        if len(axis.terms) == 1 and not is_single[axis.terms[0].loop]:
            number = number_of[axis.terms[0].loop]
            return dense_axis(number, loops[number].extent)
        return AxisMap(tuple(Term(number_of[t.loop], t.stride) for t in axis.terms), axis.extent, axis.offset)

    accesses = tuple(
        Access(0, a.is_write, tuple(dict.fromkeys(renumbered(axis) for axis in a.axes)), a.bits, a.partial_bits)
        for a in nest.accesses
    )
    return LoopNest(loops, accesses, nest.sweeps, frozenset(number_of[member] for member in nest.swept))
