"""Output types of com.microsoft operators, for which the onnx package has no schemas.

Shapes follow ONNX Runtime's operator documentation (docs/ContribOperators.md of the runtime's repository).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import checker, helper, shape_inference

from onnxroof.dtypes import DType
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.types import ValueType, type_of_proto, type_to_proto

__all__ = ["contrib_types"]

Types = Sequence[ValueType | None]
Values = Sequence[npt.NDArray[Any] | None]
Rule = Callable[[onnx.NodeProto, Types, Values], tuple[ValueType, ...] | None]
_RULES: dict[str, Rule] = {}

# These stand for a standard operator, whose schema then gives the shape; extra operands follow the standard ones.
_AS_STANDARD = {"FusedConv": ("Conv", 3), "FusedGemm": ("Gemm", 3), "QLinearAveragePool": ("AveragePool", 1)}
# ONNX Runtime's optimizer puts these into the standard domain.
_IN_STANDARD_DOMAIN = frozenset({"SimplifiedLayerNormalization"})


def contrib_types(node: onnx.NodeProto, types: Types, values: Values) -> tuple[ValueType, ...] | None:
    """Types of the outputs by position, None where no rule knows the operator or an input is not known.

    Raises:
        ContradictionError: The inputs' shapes do not go together.
    """
    if node.domain != "com.microsoft" and node.op_type not in _IN_STANDARD_DOMAIN:
        return None
    if not any(kind is not None for kind in types):
        return None
    try:
        if node.op_type in _AS_STANDARD:
            return _as_standard(node, types)
        rule = _RULES.get(node.op_type)
        return rule(node, types, values) if rule else None
    except (IndexError, ValueError):
        return None  # inputs or ranks that the operator does not have


def _rule(*op_types: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for op_type in op_types:
            _RULES[op_type] = rule
        return rule

    return register


def _shape(types: Types, index: int) -> tuple[int, ...] | None:
    """Extents of a fully known input, else None."""
    found = types[index] if index < len(types) else None
    if found is None or found.shape is None or None in found.shape:
        return None
    return tuple(extent for extent in found.shape if extent is not None)


def _dtype(types: Types, index: int) -> DType:
    found = types[index] if index < len(types) else None
    return found.dtype if found is not None else DType.UNDEFINED


def _broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return tuple(np.broadcast_shapes(first, second))
    except ValueError as error:
        raise ContradictionError(f"{list(first)} and {list(second)} do not broadcast") from error


def _integer(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _as_standard(node: onnx.NodeProto, types: Types) -> tuple[ValueType, ...] | None:
    op_type, operands = _AS_STANDARD[node.op_type]
    if _integer(node, "channels_last"):
        return None
    schema = onnx.defs.get_schema(op_type)
    probe = onnx.NodeProto(op_type=op_type)
    # The standard operators take no integers; shapes are the same.
    floats = [replace(t, dtype=DType.FLOAT) if t is not None else None for t in types[:operands]]
    known = {f"i{i}": type_to_proto(t) for i, t in enumerate(floats) if t is not None}
    probe.input.extend(known)
    probe.output.append("o0")
    probe.attribute.extend(a for a in node.attribute if a.name in schema.attributes)
    imports = [helper.make_opsetid("", schema.since_version)]
    try:
        found = shape_inference.infer_node_outputs(schema, probe, known, opset_imports=imports)
    except (shape_inference.InferenceError, checker.ValidationError):
        return None
    return (replace(type_of_proto(found["o0"]), dtype=_dtype(types, 0)),) if "o0" in found else None


@_rule(
    "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "RotaryEmbedding", "GemmaRotaryEmbedding", "BiasAdd",
    "GroupNorm", "BiasSoftmax", "Trilu", "MoE", "QMoE", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax",
)  # fmt: skip
def _like_first(_node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    first = types[0]
    return None if first is None else (first,)


@_rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def _skip_normalization(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    shape = _shape(types, 0)
    if shape is None:
        return None
    dtype = _dtype(types, 0)
    statistics = ValueType(DType.FLOAT, (*shape[:-1], 1))
    return (ValueType(dtype, shape), statistics, statistics, ValueType(dtype, shape))[: len(node.output)]


@_rule("SimplifiedLayerNormalization")
def _simplified_normalization(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    shape = _shape(types, 0)
    if shape is None:
        return None
    axis = _integer(node, "axis", -1) % len(shape)
    statistics = ValueType(DType.FLOAT, (*shape[:axis], *(1,) * (len(shape) - axis)))
    return (ValueType(_dtype(types, 0), shape), statistics)[: len(node.output)]


@_rule("QuantizeLinear", "DequantizeLinear")
def _quantization(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    first = types[0]
    if first is None:
        return None
    if node.op_type == "DequantizeLinear":
        return (ValueType(_dtype(types, 1), first.shape),)
    has_zero_point = len(types) > 2 and types[2] is not None
    return (ValueType(_dtype(types, 2) if has_zero_point else DType.UINT8, first.shape),)


@_rule("QLinearAdd", "QLinearMul")
def _quantized_binary(_node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    first, second = _shape(types, 0), _shape(types, 3)
    if first is None or second is None:
        return None
    return (ValueType(_dtype(types, 0), _broadcast(first, second)),)


@_rule("BiasSplitGelu")
def _split_gelu(_node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    shape = _shape(types, 0)
    return None if shape is None else (ValueType(_dtype(types, 0), (*shape[:-1], shape[-1] // 2)),)


@_rule("GatherBlockQuantized")
def _gather_block_quantized(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    table, ids = _shape(types, 0), _shape(types, 1)
    if table is None or ids is None:
        return None
    axis = _integer(node, "gather_axis") % len(table)
    row = list(table)
    if _dtype(types, 0) is DType.UINT8:
        row[_integer(node, "quantize_axis", 1) % len(table)] *= 8 // _integer(node, "bits", 4)
    return (ValueType(_dtype(types, 2), (*row[:axis], *ids, *row[axis + 1 :])),)


@_rule("QLinearConcat")
def _quantized_concat(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    parts = [_shape(types, i) for i in range(2, len(types), 3)]
    known = [p for p in parts if p is not None]
    if not known or len(known) < len(parts):
        return None
    shape = list(known[0])
    axis = _integer(node, "axis") % len(shape)
    if any(part[:axis] + part[axis + 1 :] != known[0][:axis] + known[0][axis + 1 :] for part in known):
        raise ContradictionError(f"{[list(part) for part in known]} differ beside axis {axis}")
    shape[axis] = sum(part[axis] for part in known)
    return (ValueType(_dtype(types, 2), tuple(shape)),)


@_rule("QLinearGlobalAveragePool")
def _quantized_global_pool(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    shape = _shape(types, 0)
    if shape is None:
        return None
    ones = (1,) * (len(shape) - 2)
    channels_last = _integer(node, "channels_last")
    pooled = (shape[0], *ones, shape[-1]) if channels_last else (*shape[:2], *ones)
    return (ValueType(_dtype(types, 0), pooled),)


@_rule("MatMulNBits", "MatMulBnb4")
def _matmul_nbits(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    shape = _shape(types, 0)
    return None if shape is None else (ValueType(_dtype(types, 0), (*shape[:-1], _integer(node, "N"))),)


@_rule("FusedMatMul", "TransposeMatMul")
def _fused_matmul(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    a, b = _shape(types, 0), _shape(types, 1)
    if a is None or b is None or len(a) < 2 or len(b) < 2:
        return None
    rows = a[-1] if _integer(node, "transA") else a[-2]
    columns = b[-2] if _integer(node, "transB") else b[-1]
    batch = _broadcast(a[:-2], b[:-2])
    return (ValueType(_dtype(types, 0), (*batch, rows, columns)),)


@_rule("DynamicQuantizeMatMul", "MatMulIntegerToFloat")
def _integer_matmul(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    a, b = _shape(types, 0), _shape(types, 1)
    if a is None or b is None or len(b) < 2:
        return None
    batch = _broadcast(a[:-2], b[:-2])
    scale = _dtype(types, 2)
    dtype = _dtype(types, 0) if node.op_type == "DynamicQuantizeMatMul" else scale
    return (ValueType(dtype, (*batch, a[-2], b[-1])),)


@_rule("QGemm")
def _quantized_gemm(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    a, b = _shape(types, 0), _shape(types, 3)
    if a is None or b is None:
        return None
    rows = a[1] if _integer(node, "transA") else a[0]
    columns = b[0] if _integer(node, "transB") else b[1]
    # Without an output scale the result is not quantized again.
    dtype = _dtype(types, 0) if len(types) > 7 and types[7] is not None else DType.FLOAT
    return (ValueType(dtype, (rows, columns)),)


@_rule("EmbedLayerNormalization")
def _embed(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    ids, table = _shape(types, 0), _shape(types, 2)
    if ids is None or table is None:
        return None
    hidden = ValueType(_dtype(types, 2), (*ids, table[-1]))
    return (hidden, ValueType(DType.INT32, ids[:1]), hidden)[: len(node.output)]


@_rule("MultiHeadAttention")
def _multi_head(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    query = _shape(types, 0)
    heads = _integer(node, "num_heads")
    if query is None or not heads:
        return None
    dtype = _dtype(types, 0)
    if len(query) == 5:  # packed: batch, length, heads, 3, head size
        batch, length, _, _, size = query
        return (ValueType(dtype, (batch, length, heads * size)),)
    batch, length, width = query
    value = _shape(types, 2)
    out_width = width
    new = length
    if value is not None:
        out_width = value[-1] if len(value) == 3 else value[1] * value[3]
        new = value[1] if len(value) == 3 else value[2]
    past = _shape(types, 6)
    key, val = _shape(types, 1), value
    if past is not None and not (key is not None and len(key) == 4):
        new += past[2]
    cache_k = ValueType(dtype, (batch, heads, new, width // heads))
    cache_v = ValueType(dtype, (batch, heads, new, (out_width if val is not None else width) // heads))
    return (ValueType(dtype, (batch, length, out_width)), cache_k, cache_v)[: len(node.output)]


@_rule("GroupQueryAttention")
def _group_query(node: onnx.NodeProto, types: Types, values: Values) -> tuple[ValueType, ...] | None:
    query = _shape(types, 0)
    heads, kv_heads = _integer(node, "num_heads"), _integer(node, "kv_num_heads")
    if query is None or not heads or not kv_heads:
        return None
    batch, length, width = query
    packed = _shape(types, 1) is None
    size = width // (heads + 2 * kv_heads) if packed else width // heads
    past = _shape(types, 3)
    total = (past[2] if past else 0) + length
    stated = values[6] if len(values) > 6 else None
    if stated is not None:
        total = max(int(stated.reshape(-1)[0]), past[2] if past else 0)
    cache = ValueType(_dtype(types, 3) if past else _dtype(types, 0), (batch, kv_heads, total, size))
    return (ValueType(_dtype(types, 0), (batch, length, heads * size)), cache, cache)[: len(node.output)]


@_rule("Attention")
def _attention(node: onnx.NodeProto, types: Types, _values: Values) -> tuple[ValueType, ...] | None:
    source, weights = _shape(types, 0), _shape(types, 1)
    heads = _integer(node, "num_heads")
    if source is None or weights is None or not heads:
        return None
    batch, length, _ = source
    sizes = next((list(a.ints) for a in node.attribute if a.name == "qkv_hidden_sizes"), [])
    width = sizes[2] if sizes else weights[-1] // 3
    past = _shape(types, 4)
    total = length + (past[3] if past else 0)
    dtype = _dtype(types, 0)
    present = ValueType(dtype, (2, batch, heads, total, width // heads))
    return (ValueType(dtype, (batch, length, width)), present)[: len(node.output)]
