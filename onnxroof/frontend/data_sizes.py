"""Which extents can only data tell, and what are they taken as where nobody says?

An operator whose sizes are values of the run (the limit of a Range, the shape of an Expand) has no bound that the
graph states. Each such extent becomes a named dimension, `NODE.extent0`, with a default that is printed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import Shape, ValueType

__all__ = ["open_extents", "usual_extents", "with_rank"]

USUAL_LENGTH = 128
"""Of what has no model among the operator's inputs: as a sequence whose length nobody gives."""

Types = Sequence[ValueType | None]

# Where their inputs do not tell the extents of the result, they are at least those of the first input.
_LIKE_FIRST = frozenset({"Pad", "Expand", "Tile", "Resize", "Upsample", "CenterCropPad", "Trilu", "Einsum"})


def with_rank(node: proto.NodeProto, types: Types, kind: ValueType) -> ValueType:
    """The type with as many unknown extents as the operand says that holds the shape, or with those of a part."""
    if node.domain or kind.shape is not None or kind.container or kind.dtype is DType.UNDEFINED:
        return kind
    if node.op_type == "Split" and types and types[0] is not None and types[0].shape:
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % len(types[0].shape)
        return ValueType(kind.dtype, (*types[0].shape[:axis], None, *types[0].shape[axis + 1 :]))
    place = _SHAPE_OPERAND.get(node.op_type, len(types))
    operand = types[place] if place < len(types) else None
    stated = operand.shape if operand is not None else None
    if stated is None or len(stated) != 1 or stated[0] is None or stated[0] > _MOST_RANK:
        return kind
    source = types[0].shape if node.op_type == "Expand" and types[0] is not None else None
    return ValueType(kind.dtype, (None,) * max(stated[0], len(source or ())))


# Position of the operand that holds the shape of the result.
_SHAPE_OPERAND = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}
_MOST_RANK = 64


def open_extents(node: proto.NodeProto, types: Types, kind: ValueType) -> tuple[int, ...]:
    """Axes of a result whose extents are decided by data alone: all that the inputs' types could tell is known."""
    if node.domain or kind.shape is None or kind.container or kind.dtype is DType.UNDEFINED:
        return ()
    if any(t is not None and not t.is_complete and not t.container for t in types):
        return ()
    return tuple(axis for axis, extent in enumerate(kind.shape) if extent is None)


def usual_extents(node: proto.NodeProto, types: Types, kind: ValueType) -> tuple[int, ...]:
    """What every extent of a result is taken as: known ones as they are, the others by their class."""
    shape: Shape = kind.shape or ()
    first = types[0].shape if types and types[0] is not None else None
    if first is not None and None not in first:
        if node.op_type == "Reshape":
            return _reshaped(math.prod(e or 0 for e in first), shape or ())
        if node.op_type == "Split":
            parts = max(len(node.output), 1)
            shares = (-(-(extent or 0) // parts) for extent in first)
            return tuple(e if e is not None else share for e, share in zip(shape or (), shares, strict=False))
        if node.op_type in _LIKE_FIRST and shape is not None and len(shape) >= len(first):
            padded = (1,) * (len(shape) - len(first)) + first
            return tuple(e if e is not None else (f or 0) for e, f in zip(shape, padded, strict=True))
    return tuple(USUAL_LENGTH if extent is None else extent for extent in shape or ())


def _reshaped(elements: int, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """All elements that the known extents leave over, along the last unknown axis."""
    last = max(axis for axis, extent in enumerate(shape) if extent is None) if None in shape else -1
    rest = math.prod(extent for extent in shape if extent is not None)
    return tuple(
        extent if extent is not None else (elements // rest if rest and axis == last else 1)
        for axis, extent in enumerate(shape)
    )
