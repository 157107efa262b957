"""What loss operators cost."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["negative_log_likelihood"]


@cost("NegativeLogLikelihoodLoss")
def negative_log_likelihood(ctx: CostContext) -> OpCost:
    """1 neg, 1 mul by a class weight if there is one, 1 add into a mean or sum for each target; 1 DIV for a mean.

    A weighted mean divides by the sum of the weights: 1 add more for each target.
    """
    targets = ctx.input(1).elements
    reads = (*ctx.read_some(0, targets), *ctx.read(1, 2))
    return ctx.compute(_picked(ctx, targets), reads=reads)


@cost("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(ctx: CostContext) -> OpCost:
    """LogSoftmax over the classes (1 max, 2 sub, EXP, 1 add an element, LOG a row), then NegativeLogLikelihoodLoss."""
    scores = ctx.input(0)
    rows = scores.dims[0] * math.prod(scores.dims[2:])
    logarithms = Work(vector_ops=4 * scores.elements, special={"EXP": scores.elements, "LOG": rows})
    return ctx.compute(logarithms + _picked(ctx, rows))


def _picked(ctx: CostContext, targets: int) -> Work:
    reduction = ctx.attributes.text("reduction", "mean")
    is_weighted_mean = ctx.has_input(2) and reduction == "mean"
    work = steps(targets * (1 + ctx.has_input(2) + (reduction != "none") + is_weighted_mean))
    return work + (steps(0, "DIV") if reduction == "mean" else Work())
