"""The most elements that an output can have whose size depends on data."""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import Shape, ValueType
from onnxroof.ir.contents import Contents

__all__ = ["upper_bounds"]


def upper_bounds(
    node: proto.NodeProto,
    types: Sequence[ValueType | None],
    values: Sequence[Contents | None],
    inferred: tuple[ValueType, ...],
) -> tuple[ValueType, ...]:
    """Inferred types with the extents that depend on data at their upper bound; the same types where none is known."""
    first = types[0] if types else None
    if node.domain or first is None or not first.is_complete or first.shape is None:
        return inferred
    elements = math.prod(extent or 0 for extent in first.shape)
    extents = first.shape
    axis = next((a.i for a in node.attribute if a.name == "axis"), None)
    if axis is not None and not -len(extents) <= axis < len(extents):
        return inferred
    if node.op_type == "NonZero":
        return (ValueType(DType.INT64, (len(extents), elements)),)
    if node.op_type == "Unique":
        count = elements if axis is None else extents[axis]
        shape = (elements,) if axis is None else extents
        extra = ValueType(DType.INT64, (count,))
        return (ValueType(first.dtype, shape), extra, extra, extra)[: len(inferred)]
    if node.op_type == "StringNormalizer":
        # Words may be left out; where none is left there is an empty one.
        return (ValueType(DType.STRING, (*extents[:-1], max(extents[-1] or 0, 1))),) if extents else inferred
    if node.op_type == "Compress":
        return (ValueType(first.dtype, (elements,) if axis is None else extents),)
    if node.op_type in ("TopK", "Slice"):
        return tuple(_at_most(kind, extents) for kind in inferred)
    if node.op_type in _REDUCTIONS and len(types) > 1 and types[1] is not None and len(inferred) == 1:
        return (ValueType(first.dtype, _reduced(node, extents, types[1], inferred[0].shape)),)
    if node.op_type == "NonMaxSuppression" and len(types) > 1 and types[1] is not None and types[1].is_complete:
        return (_boxes(extents, types[1].shape or (), values),)
    return inferred


# Reductions whose axes are an input since opset 13 or 18.
_REDUCTIONS = frozenset(
    {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"}
    | {"ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}
)


def _reduced(node: proto.NodeProto, extents: Shape, axes: ValueType, inferred: Shape) -> Shape:
    """What is left where data name the axes: as if they were the shortest ones."""
    flags = {a.name: a.i for a in node.attribute}
    keeps = bool(flags.get("keepdims", 1))
    if extents is None or axes.shape is None or len(axes.shape) != 1 or axes.shape[0] is None:
        return inferred
    count = min(axes.shape[0], len(extents))
    if count == 0 and not flags.get("noop_with_empty_axes", 0):
        count = len(extents)
    gone = set(sorted(range(len(extents)), key=lambda axis: extents[axis] or 0)[:count])
    if keeps:
        return tuple(1 if axis in gone else extent for axis, extent in enumerate(extents))
    return tuple(extent for axis, extent in enumerate(extents) if axis not in gone)


def _at_most(kind: ValueType, extents: tuple[int | None, ...]) -> ValueType:
    """What an operator that only leaves elements out can give."""
    if kind.shape is None or len(kind.shape) != len(extents):
        return ValueType(kind.dtype, extents) if kind.shape is None else kind
    return ValueType(kind.dtype, tuple(a if a is not None else b for a, b in zip(kind.shape, extents, strict=True)))


def _boxes(
    boxes: tuple[int | None, ...], scores: tuple[int | None, ...], values: Sequence[Contents | None]
) -> ValueType:
    """Boxes (batch, boxes, 4), scores (batch, classes, boxes): each class of each image selects up to a limit."""
    if len(boxes) != 3 or len(scores) != 3:
        return ValueType(DType.INT64, None)
    most = boxes[1] or 0
    limit = values[2] if len(values) > 2 else None
    if limit is not None and limit.size:
        most = min(most, limit.integers[0])
    return ValueType(DType.INT64, ((scores[0] or 0) * (scores[1] or 0) * most, 3))
