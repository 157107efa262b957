"""How large can the elements of an integer tensor be, such as the positions that an index takes?"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.dtypes import DType, Kind
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["Tops", "tops_of", "tops_of_value"]

# The largest element; or one for each place on the last axis, where that axis holds coordinates.
Tops = tuple[int, ...]

_MOST_COORDINATES = 8
_KEEPS_ALL = frozenset({"Identity", "Cast"})
_KEEPS_ELEMENTS = frozenset({"Reshape", "Unsqueeze", "Squeeze", "Expand", "Transpose", "Slice", "Tile", "Flatten"})
_INTEGERS = frozenset({DType.INT32, DType.INT64})


def tops_of_value(value: Contents | None) -> Tops | None:
    """Largest elements of known contents, None for what is not integer or has no elements."""
    if value is None or not value.size or value.dtype.kind is not Kind.INTEGER:
        return None
    if len(value.shape) > 1 and value.shape[-1] <= _MOST_COORDINATES:
        return tuple(max(value.integers[place :: value.shape[-1]]) for place in range(value.shape[-1]))
    return (max(value.integers),)


def tops_of(
    node: proto.NodeProto,
    types: Sequence[ValueType | None],
    tops: Sequence[Tops | None],
    values: Sequence[Contents | None],
    output: ValueType,
) -> Tops | None:
    """Largest elements of a node's first output, None where they are not known.

    Args:
        node: The node.
        types: Of its inputs.
        tops: Of its inputs.
        values: Of its inputs where they are small and known.
        output: Type of the output.
    """
    if node.domain or output.dtype not in _INTEGERS or not tops:
        return None
    if node.op_type == "Range":
        if len(values) != 3:
            return None
        start, _, step = (None if v is None or not v.size else v.integers[0] for v in values)
        count = output.shape[0] if output.shape else None
        if start is None or step is None or not count:
            return None
        return (max(start, start + (count - 1) * step),)
    if node.op_type in _KEEPS_ALL:
        return tops[0]
    if node.op_type in _KEEPS_ELEMENTS:
        return None if tops[0] is None else (max(tops[0]),)
    if node.op_type == "Concat":
        return _concatenated(node, types, tops)
    if node.op_type == "Max":
        return _largest(tops)
    if node.op_type == "Where":
        return _largest(tops[1:])
    if node.op_type == "Add" and len(tops) == 2 and tops[0] is not None and tops[1] is not None:
        return (max(tops[0]) + max(tops[1]),)
    return None


def _largest(tops: Sequence[Tops | None]) -> Tops | None:
    known = [max(top) for top in tops if top is not None]
    return (max(known),) if known and len(known) == len(tops) else None


def _concatenated(node: proto.NodeProto, types: Sequence[ValueType | None], tops: Sequence[Tops | None]) -> Tops | None:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    shapes = [t.shape if t is not None else None for t in types]
    are_coordinates = all(s is not None and s[-1:] == (1,) and axis in (-1, len(s) - 1) for s in shapes)
    if are_coordinates and len(tops) <= _MOST_COORDINATES:
        return tuple(max(top) for top in tops if top is not None) if None not in tops else None
    return _largest(tops)
