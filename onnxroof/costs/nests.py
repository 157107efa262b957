"""Short ways to state the accesses of a loop nest: dense, broadcast and whole operands of one operator.

Where a rule can, it lists the axes of an operand in the order of its dimensions, a broadcast one as a whole axis of
extent 1. A tensor that is read twice by the same access is listed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onnxroof.costs.context import CostContext
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, dense_axis, whole_axis

__all__ = ["broadcast_axes", "make_nest", "pointwise", "read_at", "sweep", "whole_reads", "write_at"]


def read_at(ctx: CostContext, index: int, axes: Iterable[AxisMap], bits: int = 0) -> Access:
    """Reads input `index`; `bits` overrides the storage bits of its type (weights packed into bytes)."""
    return Access(index, False, tuple(axes), bits or ctx.input(index).dtype.bits)


def write_at(ctx: CostContext, index: int, axes: Iterable[AxisMap], partial_bits: int = 0) -> Access:
    """Writes output `index`; `partial_bits` where a reduction sums into it."""
    return Access(index, True, tuple(axes), ctx.output(index).dtype.bits, partial_bits)


def whole_reads(ctx: CostContext, *indices: int) -> tuple[Access, ...]:
    """Small operands that each touch takes whole (scales, zero points), where present."""
    return tuple(read_at(ctx, i, (whole_axis(ctx.input(i).elements),)) for i in indices if ctx.has_input(i))


def broadcast_axes(shape: Sequence[int], extents: Sequence[int], first_loop: int = 0) -> tuple[AxisMap, ...]:
    """Axes of an operand of `shape` that is broadcast against loops of `extents`, the last dimensions aligned."""
    skipped = len(extents) - len(shape)
    return tuple(
        whole_axis(1) if size == 1 and extent != 1 else dense_axis(first_loop + skipped + i, size)
        for i, (size, extent) in enumerate(zip(shape, extents[skipped:], strict=True))
    )


def make_nest(
    loops: Iterable[Loop], accesses: Iterable[Access], *, sweeps: int = 1, swept: Iterable[int] = ()
) -> LoopNest | None:
    """The nest, or None where a loop has no iterations. Reads without elements or listed twice are left out."""
    loops = tuple(loops) or (Loop("d0", 1),)
    if any(loop.extent == 0 for loop in loops):
        return None
    kept: list[Access] = []
    for access in accesses:
        # A handful, told apart by their first field: compared faster than hashed.
        if all(axis.extent > 0 for axis in access.axes) and access not in kept:
            kept.append(access)
    return LoopNest(loops, tuple(kept), sweeps, frozenset(swept))


def pointwise(
    ctx: CostContext, reads: Sequence[int], *, extra: Iterable[Access] = (), output: int = 0
) -> LoopNest | None:
    """One loop for each dimension of an output; the inputs `reads` are broadcast against it."""
    extents = ctx.output(output).dims
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
    first: dict[str, int] = {}
    for index in reads:
        if ctx.has_input(index):
            first.setdefault(ctx.op.inputs[index], index)
    inputs = tuple(read_at(ctx, i, broadcast_axes(ctx.input(i).dims, extents)) for i in first.values())
    return make_nest(loops, (*inputs, *extra, write_at(ctx, output, broadcast_axes(extents, extents))))


def sweep(ctx: CostContext, axes: Iterable[int], *, extra: Iterable[Access] = ()) -> LoopNest | None:
    """A normalisation: input 0 is walked twice along `axes` (statistics, then results) and output 0 written once."""
    extents = ctx.input(0).dims
    loops = tuple(Loop(f"d{i}", extent, LoopKind.PARALLEL) for i, extent in enumerate(extents))
    dense = broadcast_axes(extents, extents)
    accesses = (read_at(ctx, 0, dense), *extra, write_at(ctx, 0, dense))
    return make_nest(loops, accesses, sweeps=2, swept=axes)
