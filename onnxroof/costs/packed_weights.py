"""What operators cost that read weights packed into bytes: products that dequantize on the way, and embeddings.

Packed weights are computed with in the type of the activations: dequantizing them is 1 mul an element, vector work.
"""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import STEPS, steps
from onnxroof.costs.nests import make_nest, read_at, whole_reads, write_at
from onnxroof.costs.normalization import rms_norm_work
from onnxroof.costs.registry import cost
from onnxroof.dtypes import DType, Kind
from onnxroof.ir.loopnest import Loop, LoopKind, LoopNest, dense_axis, whole_axis
from onnxroof.ir.op import OpKind

__all__ = ["weight_only"]

MS = "com.microsoft"

# Activations that packed products name; relu2 is max(x, 0) squared.
_ACTIVATIONS = {
    "none": Work(), "silu": STEPS["Swish"][0], "swish": STEPS["Swish"][0], "relu": STEPS["Relu"][0],
    "relu2": steps(2), "relu_squared": steps(2), "gelu": steps(4, "ERF"),
}  # fmt: skip


def weight_only(rows: int, columns: int, depth: int, *, has_bias: bool = False) -> Work:
    """M * N * K MACs, 1 mul for each of N * K weights, M * N adds of a bias."""
    return Work(macs=rows * columns * depth, vector_ops=columns * depth + rows * columns * has_bias)


def _named(ctx: CostContext, attribute: str) -> Work:
    name = ctx.attributes.text(attribute, "none").lower() or "none"
    if name not in _ACTIVATIONS:
        raise MissingShapeError(f"the fused activation `{name}` has no rule")
    return _ACTIVATIONS[name]


@cost("MatMulNBits", domain=MS)
def matmul_nbits(ctx: CostContext) -> OpCost:
    """M * N * K MACs in A's type; N * K mul to dequantize, M * N adds of a bias. B is read packed, with its scales."""
    columns, depth = ctx.attributes.integer("N"), ctx.attributes.integer("K")
    return ctx.compute(
        weight_only(math.prod(ctx.input(0).dims[:-1]), columns, depth, has_bias=ctx.has_input(5)),
        nest=_nest(ctx, columns, depth, ctx.attributes.integer("bits", 4), scales=(2, 3), whole=(4,), bias=5),
    )


@cost("MatMulBnb4", domain=MS)
def matmul_bnb4(ctx: CostContext) -> OpCost:
    """M * N * K MACs in A's type over 4-bit packed B and its block maxima; N * K mul to dequantize."""
    columns, depth = ctx.attributes.integer("N"), ctx.attributes.integer("K")
    return ctx.compute(
        weight_only(math.prod(ctx.input(0).dims[:-1]), columns, depth),
        nest=_nest(ctx, columns, depth, 4, whole=(2,)),
    )


@cost("MatMulFpQ4", domain=MS)
def matmul_fp_q4(ctx: CostContext) -> OpCost:
    """M * N * K MACs in A's type; N * K mul to dequantize. B is one blob of 4-bit blocks with their scales."""
    *rows, depth = ctx.input(0).dims
    return ctx.compute(weight_only(math.prod(rows), ctx.output(0).dims[-1], depth), reads=ctx.read(0, 1))


@cost("MatMulPacked", domain=MS)
def matmul_packed(ctx: CostContext) -> OpCost:
    """M * N * K MACs in A's type; N * K mul to dequantize; 1 mul a result with a global scale; the activation."""
    *rows, depth = ctx.input(0).dims
    columns, result = ctx.attributes.integer("N"), ctx.output(0).elements
    after = (_named(ctx, "activation_type") + steps(int(ctx.has_input(2)))).times(result)
    return ctx.compute(weight_only(math.prod(rows), columns, depth) + after)


@cost("MatMulBlockQuantizedFp4Weight", domain=MS)
def matmul_fp4(ctx: CostContext) -> OpCost:
    """M * N * K MACs in A's type; N * K mul to dequantize 4-bit floats, M * N adds of a bias."""
    *rows, depth = ctx.input(0).dims
    columns = ctx.input(1).dims[0]
    return ctx.compute(
        weight_only(math.prod(rows), columns, depth, has_bias=ctx.has_input(5)),
        reads=ctx.read(0, 1, 2, 3, 5),
        nest=_nest(ctx, columns, depth, 4, scales=(2,), whole=(3,), bias=5),
    )


@cost("MatMulBlockQuantizedFp8Weight", domain=MS)
def matmul_fp8(ctx: CostContext) -> OpCost:
    """M * N * K MACs; N * K mul to dequantize, M * N adds of a bias; A quantized first: DIV, 1 round, 1 saturate.

    Where A is quantized, the MACs are those of B's type.
    """
    *rows, depth = ctx.input(0).dims
    columns = ctx.input(1).dims[0]
    is_quantized = ctx.has_input(3)
    return ctx.compute(
        weight_only(math.prod(rows), columns, depth, has_bias=ctx.has_input(4))
        + (steps(2, "DIV").times(ctx.input(0).elements) if is_quantized else Work()),
        nest=_nest(ctx, columns, depth, 8, scales=(2,), whole=(3,), bias=4),
        compute_type=ctx.input(1).dtype if is_quantized else None,
    )


@cost("MatMulNBitsMlp", domain=MS)
def matmul_nbits_mlp(ctx: CostContext) -> OpCost:
    """Two MatMulNBits of one input; the activation of the first and 1 mul an element of the result.

    With a scale, SimplifiedLayerNormalization before them; with a skip, 1 add an element of the input before that.
    """
    columns, result = ctx.attributes.integer("N"), ctx.output(0).elements
    work = _normalized(ctx) + (_named(ctx, "activation") + steps(1)).times(result)
    for bias in (5, 8):
        work += _projection(ctx, columns, has_bias=ctx.has_input(bias))
    return ctx.compute(work)


@cost("MatMulNBitsQkv", domain=MS)
def matmul_nbits_qkv(ctx: CostContext) -> OpCost:
    """Three MatMulNBits of one normalized input: SimplifiedLayerNormalization, with a skip 1 add an element first."""
    work = _normalized(ctx)
    for width, bias in (("Nq", 5), ("Nkv", 8), ("Nkv", 11)):
        work += _projection(ctx, ctx.attributes.integer(width), has_bias=ctx.has_input(bias))
    return ctx.compute(work)


def _projection(ctx: CostContext, columns: int, *, has_bias: bool) -> Work:
    *rows, depth = ctx.input(0).dims
    return weight_only(math.prod(rows), columns, depth, has_bias=has_bias)


def _normalized(ctx: CostContext) -> Work:
    if not ctx.has_input(2):
        return Work()
    tensor = ctx.input(0)
    rows = tensor.elements // max(tensor.dims[-1], 1)
    return rms_norm_work(tensor.elements, rows) + steps(tensor.elements * (1 + ctx.has_input(1)))


@cost("MatMulNBitsQLoRA", domain=MS)
def matmul_nbits_adapted(ctx: CostContext) -> OpCost:
    """MatMulNBits by W, by A and of that result by B (rank R): M * (N*K + R*K + N*R) MACs, 1 mul a weight; M * N adds.

    An empty adapter costs nothing.
    """
    *outer, depth = ctx.input(0).dims
    rows, columns, rank = math.prod(outer), ctx.attributes.integer("N"), ctx.input(4).dims[0]
    work = weight_only(rows, columns, depth)
    if ctx.input(3).elements:
        work += weight_only(rows, rank, depth)
    if ctx.input(5).elements:
        work += weight_only(rows, columns, rank) + steps(rows * columns)
    return ctx.compute(work)


def _nest(
    ctx: CostContext,
    columns: int,
    depth: int,
    bits: int,
    *,
    scales: tuple[int, ...] = (),
    whole: tuple[int, ...] = (),
    bias: int | None = None,
) -> LoopNest | None:
    """The nest of a product with packed weights; B is exact where K fills its blocks and its bytes."""
    left = ctx.input(0).dims
    loops = [Loop(f"batch{i}", extent) for i, extent in enumerate(left[:-2])]
    m = len(loops)
    loops += [Loop("m", extent) for extent in left[-2:-1]]
    n, k = len(loops), len(loops) + 1
    loops += [Loop("n", columns), Loop("k", depth, LoopKind.REDUCTION)]
    rows = tuple(dense_axis(i, loop.extent) for i, loop in enumerate(loops[: m + len(left[-2:-1])]))
    column = dense_axis(n, columns)
    # Scales and zero points belong to rows of B, of which a tile in n takes all blocks.
    blocks = tuple(
        read_at(ctx, i, (column, whole_axis(ctx.input(i).elements // columns)))
        for i in scales
        if ctx.has_input(i) and columns and ctx.input(i).elements % columns == 0
    )
    odd = tuple(i for i in scales if ctx.has_input(i) and (not columns or ctx.input(i).elements % columns))
    biases = (read_at(ctx, bias, (column,)),) if bias is not None and ctx.has_input(bias) else ()
    return make_nest(
        loops,
        (
            read_at(ctx, 0, (*rows, dense_axis(k, depth))),
            read_at(ctx, 1, (column, dense_axis(k, depth)), bits),
            *blocks,
            *whole_reads(ctx, *odd, *whole),
            *biases,
            write_at(ctx, 0, (*rows, column), ctx.compute_type.accumulator.bits),
        ),
    )


# -- embeddings ----------------------------------------------------------------------------------------------


@cost("GatherBlockQuantized", domain=MS)
def gather_block_quantized(ctx: CostContext) -> OpCost:
    """Reads packed elements, scales and zero points of the rows that it takes; 1 sub and 1 mul an output element.

    Floats have no zero point: 1 mul.
    """
    data, result = ctx.input(0), ctx.output(0)
    bits = ctx.attributes.integer("bits", 4) if data.dtype is DType.UINT8 else data.dtype.bits
    axis = ctx.attributes.integer("quantize_axis", 1)
    block = ctx.attributes.integer("block_size", 128) or data.dims[axis]

    def of_rows(elements: int) -> tuple[Transfer, ...]:
        """What is read to get so many elements."""
        blocks = -(-elements // max(block, 1))
        found = (*ctx.read_some(0, -(-elements * bits // max(data.dtype.bits, 1))), *ctx.read(1))
        found += ctx.read_some(2, blocks)
        if ctx.has_input(3):
            found += ctx.read_some(3, -(-blocks * bits // max(ctx.input(3).dtype.bits, 1)))
        return found

    each = 1 if data.dtype.kind is Kind.FLOAT else 2
    row = result.elements // max(ctx.input(1).elements, 1)  # all indices may be one
    return ctx.compute(
        steps(each * result.elements), reads=of_rows(result.elements), compute_type=result.dtype,
        least=Least(work=steps(each * row), reads=of_rows(row)),
    )  # fmt: skip


@cost("GatherPacked", domain=MS)
def gather_packed(ctx: CostContext) -> OpCost:
    """Reads the packed rows that it takes; 1 mul an output element to dequantize. All indices may be one."""
    result, row = ctx.output(0), ctx.input(0).dims[-1]
    most, least = ctx.rows_taken(1, ctx.input(0).dims[0])
    width = result.dims[-1] if result.dims else 1
    return ctx.compute(
        steps(result.elements), reads=(*ctx.read_some(0, most * row), *ctx.read(1)), compute_type=result.dtype,
        least=Least(work=steps(least * width), reads=(*ctx.read_some(0, least * row), *ctx.read(1))),
    )  # fmt: skip


@cost("TorchEmbedding", domain=MS, kind=OpKind.MOVE)
def embedding(ctx: CostContext) -> OpCost:
    """Reads the rows that it takes and the indices, writes what it took. All indices may be one."""
    most, least = ctx.rows_taken(1, ctx.input(0).dims[0])
    width, ids = ctx.input(0).dims[-1], ctx.read(1)
    certain = Least(reads=(*ctx.read_some(0, least * width), *ids))
    return ctx.move((*ctx.read_some(0, most * width), *ids), least=certain)


@cost("WordConvEmbedding", domain=MS)
def word_embedding(ctx: CostContext) -> OpCost:
    """A convolution over the characters of each word: filters x window x width MACs a position.

    1 add (bias), TANH and 1 max a filter and position. Rows of characters are read, at most all.
    """
    words, characters = ctx.input(0).dims
    filters, _, window, width = ctx.input(1).dims
    made = words * max(characters - window + 1, 1) * filters
    reads = (*ctx.read(0, 1, 2), *ctx.read_some(3, words * characters * width))
    work = Work(macs=made * window * width) + steps(2, "TANH").times(made)
    # All characters may be one, and all words.
    least = Least(reads=(*ctx.read(0, 1, 2), *ctx.read_some(3, width)))
    return ctx.compute(work, reads=reads, compute_type=ctx.output(0).dtype, least=least)
