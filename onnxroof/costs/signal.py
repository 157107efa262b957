"""What spectral transforms cost: vector work of a radix-2 transform, 5 n log2 n operations for n points."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["transform_ops"]


def transform_ops(points: int) -> int:
    """n/2 butterflies for each of ceil(log2 n) stages, each 4 mul and 6 add of real numbers."""
    return 5 * points * max(points - 1, 0).bit_length()


@cost("DFT")
def dft(ctx: CostContext) -> OpCost:
    """5 n ceil(log2 n) vector ops for each transform of n points.

    At most, where data decide: the axis with the most work, the longest transform that gives the result.
    """
    shape = ctx.input(0).dims
    axes = _axes(ctx, len(shape))
    work = max(
        math.prod(extent for i, extent in enumerate(shape[:-1]) if i != axis) * transform_ops(_points(ctx, axis))
        for axis in axes
    )
    return ctx.compute(steps(work), reads=ctx.read(0))


def _axes(ctx: CostContext, rank: int) -> tuple[int, ...]:
    """The axis that is transformed, an attribute up to opset 19 and an input since; all that it may be, else."""
    if not ctx.has_input(2):
        return (ctx.attributes.integer("axis", 1 if ctx.op.version < 20 else -2) % rank,)
    axis = ctx.integers(2)
    return tuple(range(rank - 1)) if axis is None else (axis[0] % rank,)


def _points(ctx: CostContext, axis: int) -> int:
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    is_half = bool(ctx.attributes.integer("onesided"))
    is_inverse = bool(ctx.attributes.integer("inverse"))
    if not ctx.has_input(1):
        return result[axis] if is_half and is_inverse else shape[axis]
    length = ctx.integers(1)
    if length:
        return length[0]
    return 2 * result[axis] - 1 if is_half and not is_inverse else result[axis]


@cost("STFT")
def stft(ctx: CostContext) -> OpCost:
    """For each frame of n samples 5 n ceil(log2 n) vector ops, and with a window n mul.

    Where data decide n, it is the largest that gives as many bins as the result has.
    """
    batch, frames, bins = ctx.output(0).dims[:3]
    if ctx.has_input(2):
        points = ctx.input(2).elements
    else:
        length = ctx.integers(3)
        most = 2 * bins - 1 if ctx.attributes.integer("onesided", 1) else bins
        points = most if length is None else length[0]
    windowed = points if ctx.has_input(2) else 0
    return ctx.compute(steps(batch * frames * (transform_ops(points) + windowed)), reads=ctx.read(0, 2))
