"""What matrix products cost: MACs over the broadcast output and the contracted index, in every spelling."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import STEPS, activation, steps
from onnxroof.costs.nests import broadcast_axes, make_nest, read_at, whole_reads, write_at
from onnxroof.costs.registry import cost
from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, dense_axis

__all__ = ["REQUANTIZE", "fused_activation", "gemm", "matmul", "product"]

# Multiply by the quotient of the scales, round, add the zero point, saturate.
REQUANTIZE = steps(4)


@cost("MatMul")
def matmul(ctx: CostContext) -> OpCost:
    """1 MAC for each element of the broadcast output and contracted index."""
    work, nest = product(ctx, 0, 1)
    return ctx.compute(work, nest=nest)


cost("MatMulInteger16", domain="com.microsoft")(matmul)


@cost("MatMulInteger")
def matmul_integer(ctx: CostContext) -> OpCost:
    """As MatMul on integers; 1 sub for each element of an operand that has a zero point."""
    work, nest = product(ctx, 0, 1, extra=whole_reads(ctx, 2, 3))
    return ctx.compute(work + steps(_shifted(ctx, {0: 2, 1: 3})), nest=nest)


@cost("QLinearMatMul")
def qlinear_matmul(ctx: CostContext) -> OpCost:
    """As MatMul on integers; 1 sub for each operand element (zero points), 4 vector ops to requantize a result."""
    work, nest = product(ctx, 0, 3, extra=whole_reads(ctx, 1, 2, 4, 5, 6, 7))
    return ctx.compute(work + steps(_shifted(ctx, {0: 2, 3: 5})) + REQUANTIZE.times(ctx.output(0).elements), nest=nest)


@cost("MatMulIntegerToFloat", domain="com.microsoft")
def matmul_integer_to_float(ctx: CostContext) -> OpCost:
    """As MatMulInteger; 1 mul by the scales and, with a bias, 1 add for each output element."""
    work, nest = product(ctx, 0, 1, extra=whole_reads(ctx, 2, 3, 4, 5, 6))
    result = ctx.output(0).elements
    return ctx.compute(work + steps(_shifted(ctx, {0: 4, 1: 5}) + result * (1 + ctx.has_input(6))), nest=nest)


@cost("DynamicQuantizeMatMul", domain="com.microsoft")
def dynamic_quantize_matmul(ctx: CostContext) -> OpCost:
    """As MatMul on B's integer type; DynamicQuantizeLinear of A, 1 mul and, with a bias, 1 add a result."""
    work, nest = product(ctx, 0, 1, extra=whole_reads(ctx, 2, 3, 4), compute_type=ctx.input(1).dtype)
    elements = ctx.input(0).elements
    quantize = steps(5 * elements) + Work(special={"DIV": elements})
    scale = steps(_shifted(ctx, {1: 3}) + ctx.output(0).elements * (1 + ctx.has_input(4)))
    return ctx.compute(work + quantize + scale, nest=nest, compute_type=ctx.input(1).dtype)


@cost("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation", domain="com.microsoft")
def fused_matmul(ctx: CostContext) -> OpCost:
    """As MatMul after the transposes; 1 mul an output element where alpha is not 1, and the activation's steps."""
    attributes = ctx.attributes
    transposes = (bool(attributes.integer("transA")), bool(attributes.integer("transB")))
    if attributes.integer("transBatchA") or attributes.integer("transBatchB"):
        # The rows are then the first dimension: the product is the same, its accesses are not NumPy's.
        left = ctx.input(0).dims
        depth = left[0] if transposes[0] and attributes.integer("transBatchA") else left[-2 if transposes[0] else -1]
        work, nest = Work(macs=ctx.output(0).elements * depth), None
    else:
        work, nest = product(ctx, 0, 1, transposes=transposes)
    result = ctx.output(0).elements
    scaled = steps(result if attributes.number("alpha", 1.0) != 1.0 else 0)
    return ctx.compute(work + scaled + fused_activation(ctx, result), nest=nest)


@cost("Gemm")
def gemm(ctx: CostContext) -> OpCost:
    """M * N * K MACs after the transposes; M * N adds for C; alpha other than 1 M * N mul, beta one for each of C."""
    attributes = ctx.attributes
    transposes = (bool(attributes.integer("transA")), bool(attributes.integer("transB")))
    result = ctx.output(0)
    extra: tuple[Access, ...] = ()
    other = result.elements if attributes.number("alpha", 1.0) != 1.0 else 0
    if ctx.has_input(2):
        extra = (read_at(ctx, 2, broadcast_axes(ctx.input(2).dims, result.dims)),)
        other += result.elements + (ctx.input(2).elements if attributes.number("beta", 1.0) != 1.0 else 0)
    work, nest = product(ctx, 0, 1, transposes=transposes, extra=extra)
    return ctx.compute(work + steps(other) + fused_activation(ctx, result.elements), nest=nest)


cost("FusedGemm", domain="com.microsoft")(gemm)


@cost("QGemm", domain="com.microsoft")
def qgemm(ctx: CostContext) -> OpCost:
    """As Gemm on integers; 1 sub for each operand element, M * N adds for C, 4 vector ops to requantize a result."""
    transposes = (bool(ctx.attributes.integer("transA")), bool(ctx.attributes.integer("transB")))
    result = ctx.output(0)
    bias = (read_at(ctx, 6, broadcast_axes(ctx.input(6).dims, result.dims)),) if ctx.has_input(6) else ()
    extra = (*bias, *whole_reads(ctx, 1, 2, 4, 5, 7, 8))
    work, nest = product(ctx, 0, 3, transposes=transposes, extra=extra)
    other = steps(_shifted(ctx, {0: 2, 3: 5}) + result.elements * len(bias))
    return ctx.compute(work + other + REQUANTIZE.times(result.elements), nest=nest)


def _shifted(ctx: CostContext, zero_points: dict[int, int]) -> int:
    """Elements from which a zero point is subtracted: of each operand whose zero point is there."""
    return sum(ctx.input(operand).elements for operand, zero in zero_points.items() if ctx.has_input(zero))


def fused_activation(ctx: CostContext, elements: int) -> Work:
    """The steps of the activation that the attribute `activation` names, for each of some elements."""
    name = ctx.attributes.text("activation")
    if name and name not in STEPS:
        raise MissingShapeError(f"the fused activation `{name}` has no rule")
    return activation(name).times(elements)


def product(
    ctx: CostContext,
    a: int,
    b: int,
    *,
    transposes: tuple[bool, bool] = (False, False),
    extra: tuple[Access, ...] = (),
    compute_type: DType | None = None,
) -> tuple[Work, LoopNest | None]:
    """MACs and nest of a NumPy-style product of inputs `a` and `b`: batch dimensions broadcast, vectors allowed."""
    left, right, result = ctx.input(a).dims, ctx.input(b).dims, ctx.output(0).dims
    if not left or not right:
        raise MissingShapeError("an operand of the product is a scalar")
    has_rows, has_columns = len(left) > 1, len(right) > 1
    depth = left[-2] if transposes[0] and has_rows else left[-1]
    batch = result[: len(result) - has_rows - has_columns]
    loops = [Loop(f"batch{i}", extent) for i, extent in enumerate(batch)]
    m = len(loops)
    loops += [Loop("m", result[m])] if has_rows else []
    n = len(loops)
    loops += [Loop("n", result[n])] if has_columns else []
    k = len(loops)
    loops.append(Loop("k", depth, LoopKind.REDUCTION))

    def axes(shape: tuple[int, ...], row: int, column: int, *, is_transposed: bool) -> tuple[AxisMap, ...]:
        if len(shape) == 1:
            return (dense_axis(k, depth),)
        matrix = (dense_axis(row, loops[row].extent), dense_axis(column, loops[column].extent))
        return (*broadcast_axes(shape[:-2], batch), *(matrix[::-1] if is_transposed else matrix))

    accesses = (
        read_at(ctx, a, axes(left, m, k, is_transposed=transposes[0])),
        read_at(ctx, b, axes(right, k, n, is_transposed=transposes[1])),
        *extra,
        write_at(ctx, 0, broadcast_axes(result, result), (compute_type or ctx.compute_type).accumulator.bits),
    )
    return Work(macs=math.prod(result) * depth), make_nest(loops, accesses)
