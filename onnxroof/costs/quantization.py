"""What explicit quantization costs: quantize, dequantize, and the elementwise operators on quantized operands."""

from __future__ import annotations

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import STEPS, steps
from onnxroof.costs.matmul import REQUANTIZE
from onnxroof.costs.nests import pointwise, read_at, whole_reads
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import LoopNest, dense_axis

__all__ = ["dequantize", "quantize"]

# Subtract the zero point, multiply by the scale.
_DEQUANTIZE = steps(2)


@cost("QuantizeLinear")
def quantize(ctx: CostContext) -> OpCost:
    """DIV by the scale, 1 round, 1 saturate an element; 1 add more with a zero point."""
    work = steps(2 + ctx.has_input(2), "DIV")
    # The border of an integer model runs on integer-only chips: it is no float work that would convert the model.
    quantized = ctx.output(0).dtype
    return ctx.compute(work.times(ctx.input(0).elements), nest=_scaled_nest(ctx), compute_type=quantized)


cost("QuantizeLinear", domain="com.microsoft")(quantize)


@cost("DequantizeLinear")
def dequantize(ctx: CostContext) -> OpCost:
    """1 mul by the scale an element; 1 sub more with a zero point."""
    return ctx.compute(steps(1 + ctx.has_input(2)).times(ctx.input(0).elements), nest=_scaled_nest(ctx))


cost("DequantizeLinear", domain="com.microsoft")(dequantize)


@cost("DynamicQuantizeLinear")
def dynamic_quantize(ctx: CostContext) -> OpCost:
    """1 max, 1 min, DIV, 1 round, 1 add, 1 saturate an element; 6 vector ops and 2 DIV for scale and zero point."""
    elements = ctx.input(0).elements
    return ctx.compute(Work(vector_ops=5 * elements + 6, special={"DIV": elements + 2}))


@cost("QLinearAdd", "QLinearMul", domain="com.microsoft")
def qlinear_binary(ctx: CostContext) -> OpCost:
    """2 vector ops to dequantize each operand, 1 add or mul, 4 to requantize an output element."""
    work = _DEQUANTIZE.times(2) + steps(1) + REQUANTIZE
    nest = pointwise(ctx, (0, 3), extra=whole_reads(ctx, 1, 2, 4, 5, 6, 7))
    return ctx.compute(work.times(ctx.output(0).elements), nest=nest)


@cost("QLinearLeakyRelu", "QLinearSigmoid", domain="com.microsoft")
def qlinear_unary(ctx: CostContext) -> OpCost:
    """2 vector ops to dequantize, the steps of LeakyRelu or Sigmoid, 4 to requantize an element."""
    work = _DEQUANTIZE + STEPS[ctx.op.op_type.removeprefix("QLinear")][0] + REQUANTIZE
    nest = pointwise(ctx, (0,), extra=whole_reads(ctx, 1, 2, 3, 4))
    return ctx.compute(work.times(ctx.output(0).elements), nest=nest)


@cost("QLinearWhere", domain="com.microsoft")
def qlinear_where(ctx: CostContext) -> OpCost:
    """1 selection, 2 vector ops to dequantize and 4 to requantize an output element."""
    nest = pointwise(ctx, (0, 1, 4), extra=whole_reads(ctx, 2, 3, 5, 6, 7, 8))
    work = _DEQUANTIZE + steps(1) + REQUANTIZE
    return ctx.compute(work.times(ctx.output(0).elements), nest=nest, compute_type=ctx.output(0).dtype)


@cost("QLinearConcat", domain="com.microsoft")
def qlinear_concat(ctx: CostContext) -> OpCost:
    """2 vector ops to dequantize and 4 to requantize an output element."""
    work = _DEQUANTIZE + REQUANTIZE
    return ctx.compute(work.times(ctx.output(0).elements), compute_type=ctx.output(0).dtype)


def _scaled_nest(ctx: CostContext) -> LoopNest | None:
    """Scales and zero points are one a channel along `axis`, or taken whole."""
    shape = ctx.input(0).dims
    axis = ctx.attributes.integer("axis", 1)
    parameters = tuple(i for i in (1, 2) if ctx.has_input(i))
    is_channel = (
        bool(shape)
        and -len(shape) <= axis < len(shape)
        and all(ctx.input(i).dims == (shape[axis],) for i in parameters)
    )
    if is_channel:
        channel = dense_axis(axis % len(shape), shape[axis])
        return pointwise(ctx, (0,), extra=tuple(read_at(ctx, i, (channel,)) for i in parameters))
    return pointwise(ctx, (0,), extra=whole_reads(ctx, *parameters))
