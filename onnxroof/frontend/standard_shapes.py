"""Output types of the standard's own operators where onnx's inference of one node stops.

Shapes follow the operators' documentation (docs/Operators.md of the onnx repository).
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["standard_types"]

# Defined by function bodies alone, which onnx's inference does not see through: "the same shape as X".
_LIKE_FIRST = frozenset({"GroupNormalization", "MeanVarianceNormalization"})


def standard_types(
    node: proto.NodeProto,
    types: Sequence[ValueType | None],
    values: Sequence[Contents | None],
    inferred: tuple[ValueType, ...],
) -> tuple[ValueType, ...]:
    """Inferred types with what the documentation says beyond them; the same for all other operators."""
    first = types[0] if types else None
    if node.op_type == "OptionalHasElement" and not node.domain:
        return (ValueType(DType.BOOL, ()),)
    if node.domain or first is None or not first.is_complete:
        return inferred
    if node.op_type in _LIKE_FIRST:
        return (first,)
    if node.op_type == "Split" and first.shape:
        return _split(node, first, values, inferred)
    if node.op_type == "MaxUnpool" and len(values) > 2:
        stated = values[2]
        if stated is not None and len(stated.shape) == 1 and stated.size == len(first.shape or ()):
            return (ValueType(first.dtype, stated.integers),)
    return inferred


def _split(
    node: proto.NodeProto,
    source: ValueType,
    values: Sequence[Contents | None],
    inferred: tuple[ValueType, ...],
) -> tuple[ValueType, ...]:
    """Parts of the stated lengths: onnx infers nothing of the first version, which takes them either way."""
    sizes = next((list(a.ints) for a in node.attribute if a.name == "split"), None)
    operand = values[1] if len(values) > 1 else None
    if operand is not None:
        sizes = list(operand.integers)
    rank = len(source.shape or ())
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    if sizes is None or source.shape is None or len(sizes) != len(inferred) or not -rank <= axis < rank:
        return inferred
    axis %= rank
    return tuple(ValueType(source.dtype, (*source.shape[:axis], size, *source.shape[axis + 1 :])) for size in sizes)
