"""One operator as a loop nest with access maps: the description from which all else is derived.

Work, compulsory bytes, tile footprints, halos, what an array can unroll and what may be fused follow from this
one description by code that does not know the operator.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["Access", "AxisMap", "Loop", "LoopKind", "LoopNest", "Term", "dense_axis", "is_dense", "whole_axis"]


class LoopKind(enum.Enum):
    """How the iterations of a loop depend on each other."""

    PARALLEL = "parallel"  # independent: any order, any tile
    REDUCTION = "reduction"  # they sum into the same outputs: any order, partial sums
    SEQUENTIAL = "sequential"  # one after the other, outermost (the time steps of a recurrence)


@dataclass(frozen=True, slots=True)
class Loop:
    """A named loop of `extent` iterations."""

    name: str
    extent: int
    kind: LoopKind = LoopKind.PARALLEL


@dataclass(frozen=True, slots=True)
class Term:
    """`stride` times the counter of loop number `loop`."""

    loop: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class AxisMap:
    """One dimension of an operand as an affine function of loop counters: sum of terms plus `offset`.

    Attributes:
        terms: Empty for a dimension that no loop walks: then each touch takes all of `extent`.
        extent: Size of the dimension; indices outside [0, extent) are padding and are not read.
        offset: Added to the sum, e.g. minus the padding of a convolution.
    """

    terms: tuple[Term, ...]
    extent: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """One operand of a loop nest.

    Attributes:
        tensor: Position among the operator's inputs or outputs.
        is_write: Whether it is an output.
        axes: One map for each dimension that is walked or taken whole; a dimension that is broadcast
            (extent 1) may be left out.
        bits: Storage bits of one element.
        partial_bits: Bits of one partial sum while a reduction is not finished; 0 on reads.
    """

    tensor: int
    is_write: bool
    axes: tuple[AxisMap, ...]
    bits: int
    partial_bits: int = 0

    @property
    def loops(self) -> frozenset[int]:
        """Numbers of the loops that this operand depends on."""
        return frozenset(term.loop for axis in self.axes for term in axis.terms)


@dataclass(frozen=True)
class LoopNest:
    """Loops around a point of work, and the operands that each point touches.

    Hashable: equal nests share one reuse curve.

    Attributes:
        loops: In any order; order, tiles and stationarity are chosen by the mapping.
        accesses: Reads and writes.
        sweeps: How often the `swept` loops are walked for each iteration of the others when the tile does not
            hold all of them (a softmax reads its row again to divide it). Outputs leave in the last sweep.
        swept: Numbers of the loops that are walked again.
    """

    loops: tuple[Loop, ...]
    accesses: tuple[Access, ...]
    sweeps: int = 1
    swept: frozenset[int] = frozenset()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Nests are looked up in tables all the time, and their hash takes long.
        object.__setattr__(self, "_hash", hash((self.loops, self.accesses, self.sweeps, self.swept)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LoopNest):
            return NotImplemented
        if self is other:
            return True
        if self._hash != other._hash or self.sweeps != other.sweeps or self.swept != other.swept:
            return False
        if self.loops is other.loops and self.accesses is other.accesses:
            return True
        if self.loops != other.loops or self.accesses != other.accesses:
            return False
        # Equal ones have the same parts from now on: tables compare the same few again and again, part by part.
        object.__setattr__(other, "loops", self.loops)
        object.__setattr__(other, "accesses", self.accesses)
        return True

    def __reduce__(self) -> tuple[type[LoopNest], tuple[object, ...]]:
        # In another process the hash of equal names is another.
        return LoopNest, (self.loops, self.accesses, self.sweeps, self.swept)

    @property
    def points(self) -> int:
        """Iterations of the whole nest, exact."""
        return math.prod(loop.extent for loop in self.loops)

    @cached_property
    def windowed_reads(self) -> tuple[Access, ...]:
        """Operands that a window slides over: some dimension is walked along outputs that no other operand knows."""
        reads = [(access, access.loops) for access in self.accesses if not access.is_write]
        users = Counter(loop for _, loops in reads for loop in loops)
        return tuple(
            access for access, loops in reads
            if any(self.is_window(axis, frozenset(loop for loop, count in users.items() if count > (loop in loops)))
                   for axis in access.axes)
        )  # fmt: skip

    @cached_property
    def elementwise_reads(self) -> tuple[Access, ...] | None:
        """Operands that an elementwise nest reads at the very index at which it writes.

        None of a nest that is not elementwise: of which a loop is not parallel, or whose only result is not walked by
        all loops, one element a point.
        """
        results = [access for access in self.accesses if access.is_write]
        if not self._is_one_sweep or len(results) != 1:
            return None
        written = self._walk(results[0])
        if written is None or not self._walked_loops <= results[0].loops:
            return None
        return tuple(access for access in self.accesses if not access.is_write and self._walk(access) == written)

    @cached_property
    def in_place(self) -> tuple[tuple[Access, Access], ...]:
        """(result, operand) of which each point writes an element where it reads one of the same width."""
        if not self._is_one_sweep:
            return ()
        return tuple(
            (result, operand)
            for result in self.accesses
            for operand in self.accesses
            if result.is_write
            and not operand.is_write
            and (operand.axes, operand.bits) == (result.axes, result.bits)
            and self._walked_loops <= result.loops
        )

    @property
    def _is_one_sweep(self) -> bool:
        """Whether every point is visited once, in any order."""
        return self.sweeps == 1 and all(loop.kind is LoopKind.PARALLEL for loop in self.loops)

    @property
    def _walked_loops(self) -> frozenset[int]:
        return frozenset(number for number, loop in enumerate(self.loops) if loop.extent > 1)

    def _walk(self, access: Access) -> tuple[int, ...] | None:
        """Loops in the order of the operand's dimensions, None where a dimension is not simply one loop."""
        walked: list[int] = []
        for axis in access.axes:
            if not axis.terms and axis.extent != 1:
                return None
            terms = [term for term in axis.terms if self.loops[term.loop].extent > 1]
            if len(terms) > 1 or axis.offset or any(term.stride != 1 for term in terms):
                return None
            walked.extend(term.loop for term in terms)
        return tuple(walked)

    def is_window(self, axis: AxisMap, others: frozenset[int]) -> bool:
        """Whether several loops walk a dimension of an operand, one along outputs that the `others` do not know."""
        return len(axis.terms) > 1 and any(
            self.loops[term.loop].kind is LoopKind.PARALLEL and term.loop not in others for term in axis.terms
        )

    @property
    def reductions(self) -> frozenset[int]:
        """Numbers of the reduction loops."""
        return frozenset(i for i, loop in enumerate(self.loops) if loop.kind is LoopKind.REDUCTION)


def dense_axis(loop: int, extent: int) -> AxisMap:
    """A dimension that one loop walks from end to end."""
    return AxisMap((Term(loop),), extent)


def is_dense(axis: AxisMap, loops: Sequence[Loop]) -> bool:
    """Whether it is the `dense_axis` of one of the loops."""
    return (
        len(axis.terms) == 1
        and axis.terms[0].stride == 1
        and axis.offset == 0
        and axis.extent == loops[axis.terms[0].loop].extent
    )


def whole_axis(extent: int) -> AxisMap:
    """A dimension that is taken whole at each touch."""
    return AxisMap((), extent)
