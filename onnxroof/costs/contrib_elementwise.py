"""What com.microsoft's elementwise operators and normalizations cost beside those that share a standard rule."""

from __future__ import annotations

import math

from onnxroof.costs.context import VIEW, CostContext
from onnxroof.costs.cost import Least, OpCost, Work
from onnxroof.costs.elementwise import STEPS, elementwise, steps
from onnxroof.costs.experts import gated_activation
from onnxroof.costs.matmul import REQUANTIZE
from onnxroof.costs.nests import broadcast_axes, pointwise, read_at, sweep, whole_reads
from onnxroof.costs.normalization import embedded_rows, layer_norm_work, rms_norm_work
from onnxroof.costs.registry import cost
from onnxroof.ir.op import OpKind

__all__ = ["swiglu"]

MS = "com.microsoft"


@cost("SwiGLU", domain=MS)
def swiglu(ctx: CostContext) -> OpCost:
    """Swish(gate) * up: 3 mul, 1 neg, EXP, 1 add, DIV; with a limit 3 comparisons, with a beta 1 add an element."""
    work = gated_activation(ctx, limit="limit", beta="activation_beta")
    if ctx.has_input(1):
        return elementwise(ctx, work)
    return ctx.compute(work.times(ctx.output(0).elements))  # both halves lie side by side in one operand


@cost("ScaledSiLU", domain=MS)
def scaled_silu(ctx: CostContext) -> OpCost:
    """Computes z * sigmoid(z) with z = a * x: 2 mul, 1 neg, EXP, 1 add, DIV an element."""
    return elementwise(ctx, STEPS["Swish"][0])


@cost("GatedAdd", domain=MS)
def gated_add(ctx: CostContext) -> OpCost:
    """X + Y * gate: 1 mul, 1 add an element; a projected gate K MACs and Sigmoid a row."""
    if not ctx.has_input(3):
        return elementwise(ctx, steps(2))
    depth = ctx.input(3).dims[0]
    rows = ctx.input(2).elements // max(depth, 1)
    work = Work(macs=rows * depth) + STEPS["Sigmoid"][0].times(rows) + steps(2 * ctx.output(0).elements)
    return ctx.compute(work)


@cost("ComplexMul", "ComplexMulConj", domain=MS)
def complex_product(ctx: CostContext) -> OpCost:
    """4 mul and 2 add for each pair of numbers, real and imaginary part: 3 vector ops an output element."""
    return elementwise(ctx, steps(3))


@cost("IsAllFinite", domain=MS)
def is_all_finite(ctx: CostContext) -> OpCost:
    """1 comparison and 1 and for each input element."""
    return ctx.compute(steps(2 * sum(tensor.elements for tensor in ctx.inputs)))


@cost("BiasDropout", "BitmaskBiasDropout", domain=MS)
def bias_dropout(ctx: CostContext) -> OpCost:
    """At inference nothing is dropped: 1 add of the bias and, with a residual, 1 more an element; a mask is filled."""
    work = steps(1 + ctx.has_input(2))
    if not ctx.has_output(1):
        return elementwise(ctx, work, reads=(0, 1, 2))
    return ctx.compute(work.times(ctx.output(0).elements), reads=ctx.read(0, 1, 2))


@cost("BitmaskDropout", domain=MS, kind=OpKind.VIEW)
def bitmask_dropout(ctx: CostContext) -> OpCost:
    """A view: at inference nothing is dropped; a mask that is wanted is filled."""
    return ctx.move((), ctx.write(1)) if ctx.has_output(1) else VIEW


@cost("SampleOp", domain=MS, kind=OpKind.VIEW)
def sample(ctx: CostContext) -> OpCost:
    """A view: it returns what it got."""
    return VIEW


@cost("MurmurHash3", domain=MS)
def murmur_hash(ctx: CostContext) -> OpCost:
    """3 mul, 2 rotations, 1 xor, 1 add for each word of 4 bytes; 4 xor, 3 shifts, 2 mul to finish an element."""
    tensor = ctx.input(0)
    words = -(-tensor.dtype.bits // 32)
    return ctx.compute(steps(7 * words + 9).times(tensor.elements), nest=pointwise(ctx, (0,)))


# -- normalizations ------------------------------------------------------------------------------------------


@cost("BranchwiseRMSNorm", domain=MS)
def branchwise_rms_norm(ctx: CostContext) -> OpCost:
    """RMS normalization of each branch: 1 add, 2 mul an element, 1 mul by a scale; 1 add, SQRT, 2 DIV a branch."""
    tensor = ctx.input(0)
    branches = ctx.attributes.integer("num_branches")
    width = tensor.dims[-1] // branches if branches else tensor.dims[-1]
    work = rms_norm_work(tensor.elements, tensor.elements // max(width, 1))
    work += steps(tensor.elements * ctx.has_input(1))
    axes = (len(tensor.dims) - 1,)
    is_row = not branches and ctx.has_input(1) and len(ctx.input(1).dims) <= len(tensor.dims)
    if branches or (ctx.has_input(1) and not is_row):
        return ctx.compute(work)
    scale = (read_at(ctx, 1, broadcast_axes(ctx.input(1).dims, tensor.dims)),) if ctx.has_input(1) else ()
    return ctx.compute(work, nest=sweep(ctx, axes, extra=scale))


@cost("GatedRMSNorm", domain=MS)
def gated_rms_norm(ctx: CostContext) -> OpCost:
    """RMS normalization of groups as wide as the scale, 1 mul by it an element; the gate's Swish or Sigmoid, 1 mul."""
    elements, width = ctx.input(0).elements, ctx.input(1).elements
    gate = STEPS["Sigmoid" if ctx.attributes.text("activation", "silu") == "sigmoid" else "Swish"][0]
    return ctx.compute(rms_norm_work(elements, elements // max(width, 1)) + (steps(2) + gate).times(elements))


@cost("QOrderedLayerNormalization", domain=MS)
def ordered_layer_normalization(ctx: CostContext) -> OpCost:
    """1 mul to dequantize an element, LayerNormalization with scale and bias, 1 mul, 1 round, 1 saturate an element."""
    tensor = ctx.input(0)
    axis = ctx.attributes.integer("axis", -1) % max(len(tensor.dims), 1)
    rows = math.prod(tensor.dims[:axis])
    extra = tuple(read_at(ctx, i, broadcast_axes(ctx.input(i).dims, tensor.dims)) for i in (2, 3) if ctx.has_input(i))
    nest = sweep(ctx, range(axis, len(tensor.dims)), extra=(*extra, *whole_reads(ctx, 1, 4)))
    work = layer_norm_work(tensor.elements, rows) + steps(tensor.elements * (5 + ctx.has_input(3)))
    return ctx.compute(work, nest=nest)


@cost("QOrderedGelu", domain=MS)
def ordered_gelu(ctx: CostContext) -> OpCost:
    """1 mul to dequantize, Gelu (3 mul, ERF, 1 add), 1 mul, 1 round, 1 saturate an element."""
    nest = pointwise(ctx, (0,), extra=whole_reads(ctx, 1, 2))
    return ctx.compute(steps(8, "ERF").times(ctx.output(0).elements), nest=nest)


@cost("QEmbedLayerNormalization", domain=MS)
def quantized_embed_layer_normalization(ctx: CostContext) -> OpCost:
    """As EmbedLayerNormalization; 2 vector ops to dequantize each element of a gathered row, of gamma and of beta."""
    result = ctx.output(0)
    tokens, width = math.prod(result.dims[:-1]), result.dims[-1]
    tables = 2 + ctx.has_input(4)
    work = layer_norm_work(result.elements, tokens) + steps(result.elements * (tables - 1 + 2))
    work += steps(2 * (tables * result.elements + 2 * width))
    reads, certain = embedded_rows(ctx, tokens, width)
    others = ctx.read(0, 1, *range(5, len(ctx.op.inputs)))
    # Rows that are gathered once need to be dequantized once.
    least = Least(work=work + steps(-2 * tables * result.elements), reads=(*certain, *others))
    return ctx.compute(work, reads=(*reads, *others), compute_type=result.dtype, least=least)


# -- positions and padding -----------------------------------------------------------------------------------


@cost("RelativePositionBias", domain=MS)
def relative_position_bias(ctx: CostContext) -> OpCost:
    """For each query and key: 1 sub, 1 abs, 1 comparison, LOG, DIV, 1 mul, 1 add, 1 min, 1 selection; then a gather."""
    _, heads, queries, keys = ctx.output(0).dims
    distances = steps(7, "LOG", "DIV").times(queries * keys)
    return ctx.compute(distances, reads=ctx.read_some(0, ctx.input(0).dims[0] * heads))


@cost("GatedRelativePositionBias", domain=MS)
def gated_relative_position_bias(ctx: CostContext) -> OpCost:
    """B*S*H*d*D MACs of the gates' product; 1 add (bias) an element of the query.

    A result of the product 1 add (bias) and 1 to sum its half; two Sigmoid, 2 mul, 1 sub, 1 add a head and token; 1 mul
    a result.
    """
    width, columns = ctx.input(3).dims
    vectors = ctx.input(0).elements // max(width, 1)  # tokens x heads
    work = Work(macs=vectors * width * columns) + steps(ctx.input(0).elements + 2 * vectors * columns)
    work += (STEPS["Sigmoid"][0].times(2) + steps(4)).times(vectors) + steps(ctx.output(0).elements)
    return ctx.compute(work)


@cost("RemovePadding", "RestorePadding", domain=MS, kind=OpKind.MOVE)
def padding(ctx: CostContext) -> OpCost:
    """Reads the tokens that it keeps and the lengths or offsets, writes its outputs."""
    kept = min(ctx.input(0).elements, ctx.output(0).elements)
    return ctx.move((*ctx.read_some(0, kept), *ctx.read(1)))


# -- other layouts of quantized tensors ----------------------------------------------------------------------


@cost("QuantizeWithOrder", domain=MS)
def quantize_with_order(ctx: CostContext) -> OpCost:
    """DIV by the scale, 1 round, 1 saturate an element, which takes its place in another layout."""
    return ctx.compute(steps(2, "DIV").times(ctx.input(0).elements), compute_type=ctx.output(0).dtype)


@cost("DequantizeWithOrder", domain=MS)
def dequantize_with_order(ctx: CostContext) -> OpCost:
    """1 mul by the scale an element, which takes its place in another layout."""
    return ctx.compute(steps(ctx.input(0).elements))


@cost("QOrderedMatMul", domain=MS)
def ordered_matmul(ctx: CostContext) -> OpCost:
    """M * N * K MACs on integers; 1 add a result for a bias, 2 for C with its scale; 4 vector ops to requantize it."""
    result = ctx.output(0).elements
    work = Work(macs=result * ctx.input(0).dims[-1]) + REQUANTIZE.times(result)
    return ctx.compute(work + steps(result * (ctx.has_input(5) + 2 * ctx.has_input(6))))
