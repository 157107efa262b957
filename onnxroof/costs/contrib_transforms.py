"""What com.microsoft's transforms, distances and resampling cost."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.matmul import product
from onnxroof.costs.nests import broadcast_axes, read_at
from onnxroof.costs.registry import cost, not_modelled
from onnxroof.costs.signal import transform_ops
from onnxroof.ir.op import OpKind

__all__ = ["real_transform"]

MS = "com.microsoft"

not_modelled(
    "EPContext",
    "Snpe",
    domain=MS,
    reason="its payload is a graph that a vendor's tool has compiled: what it computes cannot be read",
)
not_modelled(
    "QuantizeBFP",
    "DequantizeBFP",
    domain=MS,
    reason="the format of its blocks of floats is not published, so neither bytes nor steps can be told",
)


@cost("Rfft", "Irfft", domain=MS)
def real_transform(ctx: CostContext) -> OpCost:
    """5 n ceil(log2 n) vector ops for each transform of n points."""
    real = ctx.input(0) if ctx.op.op_type == "Rfft" else ctx.output(0)
    points = real.dims[-1]
    return ctx.compute(steps(real.elements // max(points, 1) * transform_ops(points)))


@cost("CDist", domain=MS)
def distances(ctx: CostContext) -> OpCost:
    """M*K*N MACs of |a|^2 - 2ab + |b|^2; 1 mul, 1 add an operand element; 1 mul, 2 add, 1 max a result, SQRT of it.

    Without the root where distances are squared. Other metrics have no rule.
    """
    metric = ctx.attributes.text("metric", "sqeuclidean")
    if metric not in ("sqeuclidean", "euclidean"):
        raise MissingShapeError(f"the metric `{metric}` has no rule")
    result = ctx.output(0).elements
    root = steps(0, "SQRT").times(result) if metric == "euclidean" else Work()
    products = Work(macs=result * ctx.input(0).dims[1])
    return ctx.compute(products + steps(2 * (ctx.input(0).elements + ctx.input(1).elements) + 4 * result) + root)


@cost("Inverse", domain=MS)
def inverse(ctx: CostContext) -> OpCost:
    """Gauss-Jordan of n x n: n DIV, n^2 mul to scale rows, 1 mul and 1 sub for each of n^2 (n - 1) updates."""
    size = ctx.input(0).dims[-1]
    one = Work(vector_ops=size * size + 2 * size * size * (size - 1), special={"DIV": size})
    return ctx.compute(one.times(math.prod(ctx.input(0).dims[:-2])))


@cost("CropAndResize", domain=MS)
def crop_and_resize(ctx: CostContext) -> OpCost:
    """1 mul, 1 add a row and a column of a crop; bilinear 4 taps an output element, each 1 mul and 1 add."""
    result = ctx.output(0)
    boxes, _, height, width = result.dims
    taps = 4 if ctx.attributes.text("mode", "bilinear") == "bilinear" else 1
    sampled = 2 * taps * result.elements if taps > 1 else 0
    reads = (*ctx.read_some(0, taps * result.elements), *ctx.read(1, 2))
    return ctx.compute(steps(2 * boxes * (height + width) + sampled), reads=reads)


@cost("DynamicTimeWarping", domain=MS)
def dynamic_time_warping(ctx: CostContext) -> OpCost:
    """2 min and 1 add for each cost; the path is walked back, 2 comparisons a step."""
    return ctx.compute(steps(3 * ctx.input(0).elements + 2 * ctx.output(0).dims[-1]))


@cost("UnfoldTensor", domain=MS, kind=OpKind.MOVE)
def unfold(ctx: CostContext) -> OpCost:
    """Reads the elements that some slice holds and writes its output."""
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    axis = ctx.attributes.integer("dim", -1) % max(len(shape), 1)
    size, step = ctx.attributes.integer("size", 1), ctx.attributes.integer("step", 1)
    count = result[axis]
    touched = count * size if step >= size else (count - 1) * step + size
    return ctx.move(ctx.read_some(0, ctx.input(0).elements // max(shape[axis], 1) * min(touched, shape[axis])))


# -- products with more around them --------------------------------------------------------------------------


@cost("GemmFastGelu", domain=MS)
def gemm_fast_gelu(ctx: CostContext) -> OpCost:
    """As MatMul; 1 add a result for the bias; 6 mul, 2 add, TANH a result."""
    bias = (read_at(ctx, 2, broadcast_axes(ctx.input(2).dims, ctx.output(0).dims)),) if ctx.has_input(2) else ()
    work, nest = product(ctx, 0, 1, extra=bias)
    return ctx.compute(work + (steps(8, "TANH") + steps(len(bias))).times(ctx.output(0).elements), nest=nest)


@cost("GemmFloat8", domain=MS)
def gemm_float8(ctx: CostContext) -> OpCost:
    """As Gemm; 1 mul a result for each of the scales that is there; RELU 1, GELU 4 vector ops and ERF a result."""
    transposes = (bool(ctx.attributes.integer("transA")), bool(ctx.attributes.integer("transB")))
    result = ctx.output(0)
    has_bias = ctx.has_input(2) and ctx.attributes.number("beta") != 0.0
    bias = (read_at(ctx, 2, broadcast_axes(ctx.input(2).dims, result.dims)),) if has_bias else ()
    scales = tuple(i for i in (3, 4, 5) if ctx.has_input(i))
    extra = (*bias, *(read_at(ctx, i, broadcast_axes(ctx.input(i).dims, result.dims)) for i in scales))
    work, nest = product(ctx, 0, 1, transposes=transposes, extra=extra)
    other = len(scales) + has_bias + (ctx.attributes.number("alpha", 1.0) != 1.0)
    other += has_bias and ctx.attributes.number("beta") != 1.0
    name = ctx.attributes.text("activation").upper()
    if name not in ("", "NONE", "RELU", "GELU"):
        raise MissingShapeError(f"the fused activation `{name}` has no rule")
    epilogue = {"RELU": steps(1), "GELU": steps(4, "ERF")}.get(name, Work())
    reads = ctx.read(0, 1, *((2,) if has_bias else ()), *scales)
    return ctx.compute(work + (steps(other) + epilogue).times(result.elements), reads=reads, nest=nest)


@cost("SparseToDenseMatMul", domain=MS)
def sparse_matmul(ctx: CostContext) -> OpCost:
    """Not known: how many elements a sparse matrix stores is no part of its shape."""
    raise MissingShapeError("how many elements the sparse matrix stores is not known")
