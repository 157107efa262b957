"""What spectral transforms cost: vector work of a radix-2 transform, 5 n log2 n operations for n points."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["transform_ops"]


def transform_ops(points: int) -> int:
    """n/2 butterflies for each of ceil(log2 n) stages, each 4 mul and 6 add of real numbers."""
    return 5 * points * max(points - 1, 0).bit_length()


@cost("DFT")
def dft(ctx: CostContext) -> OpCost:
    """5 n ceil(log2 n) vector ops for each transform of n points."""
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    axis = _axis(ctx) % len(shape)
    length = ctx.integers(1)
    is_one_sided = bool(ctx.attributes.integer("onesided"))
    if length:
        points = length[0]
    elif ctx.has_input(1):
        raise MissingShapeError("the length of the transform is not known")
    else:
        points = shape[axis] if not (is_one_sided and ctx.attributes.integer("inverse")) else result[axis]
    transforms = math.prod(extent for i, extent in enumerate(shape[:-1]) if i != axis)
    return ctx.compute(steps(transforms * transform_ops(points)), reads=ctx.read(0))


def _axis(ctx: CostContext) -> int:
    """An attribute up to opset 19, an input since."""
    if not ctx.has_input(2):
        return ctx.attributes.integer("axis", 1 if ctx.op.version < 20 else -2)
    axis = ctx.integers(2)
    if axis is None:
        raise MissingShapeError("the axis of the transform is not known")
    return axis[0]


@cost("STFT")
def stft(ctx: CostContext) -> OpCost:
    """For each frame of n samples 5 n ceil(log2 n) vector ops, and with a window n mul."""
    batch, frames = ctx.output(0).dims[:2]
    if ctx.has_input(2):
        points = ctx.input(2).elements
    else:
        length = ctx.integers(3)
        if length is None:
            raise MissingShapeError("the length of a frame is not known")
        points = length[0]
    windowed = points if ctx.has_input(2) else 0
    return ctx.compute(steps(batch * frames * (transform_ops(points) + windowed)), reads=ctx.read(0, 2))
