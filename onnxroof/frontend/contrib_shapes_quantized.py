"""Output types of com.microsoft's matrix products and of its quantized operators."""

from __future__ import annotations

from onnxroof.dtypes import DType
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.contrib_rules import ContribNode, Shape, UnknownError, rule
from onnxroof.frontend.types import ValueType

__all__: list[str] = []

Types = tuple[ValueType, ...]


# -- matrix products -----------------------------------------------------------------------------------------


def _product(at: ContribNode, a: Shape, b: Shape) -> Shape:
    """Of two operands after their transposes; vectors as in NumPy."""
    rows = a[-2:-1] if len(a) > 1 else ()
    columns = b[-1:] if len(b) > 1 else ()
    return (*at.broadcast(a[:-2], b[:-2]), *rows, *columns)


def _transposed(at: ContribNode, index: int, side: str) -> Shape:
    """An operand as the product takes it: rows may be its first dimension, then the last two may be swapped."""
    shape = at.shape(index)
    if len(shape) < 2:
        return shape
    if at.integer(f"transBatch{side}", 0):
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if at.integer(f"trans{side}", 0) else shape


@rule("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation")
def _fused_matmul(at: ContribNode) -> Types:
    return (at.like(0, _product(at, _transposed(at, 0, "A"), _transposed(at, 1, "B"))),)


@rule("SparseToDenseMatMul")
def _sparse_matmul(at: ContribNode) -> Types:
    return (at.like(1, _product(at, _transposed(at, 0, "A"), _transposed(at, 1, "B"))),)


@rule("GemmFastGelu", "DynamicQuantizeMatMul")
def _float_matmul(at: ContribNode) -> Types:
    return (at.like(0, _product(at, at.shape(0), at.shape(1))),)


@rule("MatMulIntegerToFloat")
def _integer_matmul(at: ContribNode) -> Types:
    return (at.like(2, _product(at, at.shape(0), at.shape(1))),)


@rule("MatMulInteger16")
def _wide_integer_matmul(at: ContribNode) -> Types:
    return (ValueType(DType.INT32, _product(at, at.shape(0), at.shape(1))),)


@rule("QOrderedMatMul")
def _ordered_matmul(at: ContribNode) -> Types:
    return (at.like(0, _product(at, at.shape(0), at.shape(2))),)


@rule("FusedGemm")
def _fused_gemm(at: ContribNode) -> Types:
    return (at.like(0, _product(at, _transposed(at, 0, "A"), _transposed(at, 1, "B"))),)


@rule("GemmFloat8")
def _gemm_float8(at: ContribNode) -> Types:
    shape = _product(at, _transposed(at, 0, "A"), _transposed(at, 1, "B"))
    return (ValueType(DType.from_number(at.integer("dtype")), shape),)


@rule("QGemm")
def _quantized_gemm(at: ContribNode) -> Types:
    # Without an output scale the result is not quantized again.
    dtype = at.dtype(8) if at.has(8) else at.dtype(0) if at.has(7) else DType.FLOAT
    return (ValueType(dtype, _product(at, _transposed(at, 0, "A"), _transposed(at, 3, "B"))),)


@rule("MatMulNBits", "MatMulBnb4", "MatMulPacked", "MatMulNBitsQLoRA")
def _packed_matmul(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(0)[:-1], at.integer("N"))),)


@rule("MatMulBlockQuantizedFp4Weight", "MatMulBlockQuantizedFp8Weight")
def _block_quantized_matmul(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(0)[:-1], at.shape(1, 2)[0])),)


@rule("MatMulNBitsMlp")
def _packed_mlp(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(0)[:-1], at.integer("N"))), at.like(0))


@rule("MatMulNBitsQkv")
def _packed_qkv(at: ContribNode) -> Types:
    rows = at.shape(0)[:-1]
    keys = at.like(0, (*rows, at.integer("Nkv")))
    return (at.like(0, (*rows, at.integer("Nq"))), keys, keys, at.like(0))


@rule("MatMulFpQ4")
def _blob_matmul(at: ContribNode) -> Types:
    return (at.like(0, _product(at, at.shape(0), at.integers(2))),)


@rule("CDist")
def _distances(at: ContribNode) -> Types:
    return (at.like(0, (at.shape(0, 2)[0], at.shape(1, 2)[0])),)


# -- packed tables -------------------------------------------------------------------------------------------


@rule("GatherPacked")
def _gather_packed(at: ContribNode) -> Types:
    return (ValueType(DType.from_number(at.integer("output_dtype")), (*at.shape(1), at.integer("K"))),)


@rule("GatherBlockQuantized")
def _gather_block_quantized(at: ContribNode) -> Types:
    row, ids = list(at.shape(0)), at.shape(1)
    if at.dtype(0) is DType.UINT8:  # packed along the last dimension
        row[-1] *= 8 // at.integer("bits")
    axis = at.integer("gather_axis") % len(row)
    return (at.like(2, (*row[:axis], *ids, *row[axis + 1 :])),)


# -- quantize, dequantize ------------------------------------------------------------------------------------


@rule("QuantizeLinear")
def _quantize(at: ContribNode) -> Types:
    return (ValueType(at.dtype(2) if at.has(2) else DType.UINT8, at.type(0).shape),)


@rule("DequantizeLinear")
def _dequantize(at: ContribNode) -> Types:
    return (ValueType(at.dtype(1), at.type(0).shape),)


@rule("QuantizeWithOrder")
def _quantize_ordered(at: ContribNode) -> Types:
    return (ValueType(DType.INT8, at.type(0).shape),)


@rule("DequantizeWithOrder")
def _dequantize_ordered(at: ContribNode) -> Types:
    return (ValueType(DType.from_number(at.integer("to")), at.type(0).shape),)


@rule("QuantizeBFP")
def _quantize_blocks(at: ContribNode) -> Types:
    """How many bytes a block takes is a matter of a format that the runtime does not publish."""
    rank = ValueType(DType.INT64, (len(at.shape(0)),))
    return (ValueType(DType.UINT8, None), rank, rank)


@rule("DequantizeBFP")
def _dequantize_blocks(at: ContribNode) -> Types:
    return (ValueType(DType.from_number(at.integer("dtype")), at.integers(1)),)


# -- operators on quantized tensors --------------------------------------------------------------------------


@rule(
    "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QOrderedGelu", "QOrderedLayerNormalization"
)  # fmt: skip
def _like_first(at: ContribNode) -> Types:
    return (at.like(0),)


@rule("QLinearAdd", "QLinearMul")
def _quantized_binary(at: ContribNode) -> Types:
    return (at.like(0, at.broadcast(at.shape(0), at.shape(3))),)


@rule("MulInteger")
def _integer_product(at: ContribNode) -> Types:
    other = 2 if len(at.types) > 2 else 1
    return (ValueType(DType.INT32, at.broadcast(at.shape(0), at.shape(other))),)


@rule("QLinearWhere")
def _quantized_where(at: ContribNode) -> Types:
    return (at.like(1, at.broadcast(at.shape(0), at.shape(1), at.shape(4))),)


@rule("QLinearConcat")
def _quantized_concat(at: ContribNode) -> Types:
    parts = [at.shape(i) for i in range(2, len(at.types), 3)]
    first = parts[0]
    axis = at.integer("axis") % len(first)
    if any(part[:axis] + part[axis + 1 :] != first[:axis] + first[axis + 1 :] for part in parts):
        raise ContradictionError(f"{[list(part) for part in parts]} differ beside axis {axis}")
    return (at.like(2, (*first[:axis], sum(part[axis] for part in parts), *first[axis + 1 :])),)


def _reduced(at: ContribNode) -> Shape:
    shape = at.shape(0)
    axes = {axis % len(shape) for axis in at.attribute("axes") or range(len(shape))}
    if at.integer("keepdims", 1):
        return tuple(1 if i in axes else extent for i, extent in enumerate(shape))
    return tuple(extent for i, extent in enumerate(shape) if i not in axes)


@rule("QLinearReduceMean")
def _quantized_mean(at: ContribNode) -> Types:
    return (at.like(0, _reduced(at)),)


@rule("ReduceSumInteger")
def _integer_sum(at: ContribNode) -> Types:
    dtype = {DType.INT8: DType.INT32, DType.UINT8: DType.UINT32}.get(at.dtype(0))
    if dtype is None:
        raise UnknownError
    return (ValueType(dtype, _reduced(at)),)
