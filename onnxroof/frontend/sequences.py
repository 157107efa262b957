"""Which tensors does a sequence hold? Their shapes in order, as far as the graph tells.

onnx's inference knows the type of a sequence's tensors, one for all of them, and not how many there are. Both are
followed here through the operators that make, change and read sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import Shape, ValueType
from onnxroof.ir.contents import Contents

__all__ = ["sequence_length", "sequence_types"]

Types = Sequence[ValueType | None]
Values = Sequence[Contents | None]
Items = tuple[Shape, ...]

_MOST_ITEMS = 1 << 16


def sequence_types(
    node: proto.NodeProto, types: Types, values: Values, inferred: tuple[ValueType, ...]
) -> tuple[ValueType, ...]:
    """The inferred types with the tensors of sequences, and with shapes that follow from those of a sequence."""
    if node.domain or not inferred:
        return inferred
    if node.op_type in _MADE:
        items = _MADE[node.op_type](node, types, values)
        is_sane = items is not None and len(items) <= _MOST_ITEMS
        return (replace(inferred[0], items=items if is_sane else None), *inferred[1:])
    if node.op_type in _READ and types and types[0] is not None and types[0].items is not None:
        shape = _READ[node.op_type](node, types[0].items, values)
        if shape is not None:
            return (replace(inferred[0], shape=shape), *inferred[1:])
    return inferred


def sequence_length(node: proto.NodeProto, types: Types) -> Contents | None:
    """The value of a SequenceLength, None where the number of tensors is not known."""
    if node.domain or node.op_type != "SequenceLength" or not types or types[0] is None or types[0].items is None:
        return None
    return Contents(DType.INT64, (), (len(types[0].items),))


def _integer(node: proto.NodeProto, name: str, default: int = 0) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _items(types: Types) -> Items | None:
    return types[0].items if types and types[0] is not None else None


def _position(types: Types, values: Values, index: int, default: int | None) -> int | None:
    """The position that an operator is given: `default` where it is left out, None where data decide."""
    if index >= len(types) or types[index] is None:
        return default
    value = values[index]
    return None if value is None or not value.size else value.integers[0]


def _empty(_node: proto.NodeProto, _types: Types, _values: Values) -> Items | None:
    return ()


def _constructed(_node: proto.NodeProto, types: Types, _values: Values) -> Items | None:
    return tuple(kind.shape if kind is not None else None for kind in types)


def _inserted(_node: proto.NodeProto, types: Types, values: Values) -> Items | None:
    items = _items(types)
    if items is None or len(types) < 2 or types[1] is None:
        return None
    new = types[1].shape
    at = _position(types, values, 2, len(items))
    if at is None:
        # Anywhere: which one it is makes no difference among equals.
        return (*items, new) if all(shape == new for shape in items) else None
    at = max(at + len(items), 0) if at < 0 else min(at, len(items))
    return (*items[:at], new, *items[at:])


def _erased(_node: proto.NodeProto, types: Types, values: Values) -> Items | None:
    items = _items(types)
    if not items:
        return None
    at = _position(types, values, 1, len(items) - 1)
    if at is None:
        return items[1:] if len(set(items)) == 1 else None
    return items[: at % len(items)] + items[at % len(items) + 1 :]


def _split(node: proto.NodeProto, types: Types, values: Values) -> Items | None:
    source = types[0] if types else None
    if source is None or not source.is_complete or not source.shape:
        return None
    axis = _integer(node, "axis") % len(source.shape)
    extent = source.shape[axis] or 0
    if len(types) < 2 or types[1] is None:
        if extent > _MOST_ITEMS:
            return None
        sizes: list[int | None] = [1] * extent
        if not _integer(node, "keepdims", 1):
            return (source.shape[:axis] + source.shape[axis + 1 :],) * extent
    elif values[1] is None:
        return None
    elif not values[1].shape:
        (chunk,) = values[1].integers
        if chunk <= 0 or extent > chunk * _MOST_ITEMS:
            return None
        sizes = [min(chunk, extent - start) for start in range(0, extent, chunk)]
    else:
        sizes = [*values[1].integers]
    return tuple((*source.shape[:axis], size, *source.shape[axis + 1 :]) for size in sizes)


def _passed(_node: proto.NodeProto, types: Types, _values: Values) -> Items | None:
    return _items(types)


def _at(_node: proto.NodeProto, items: Items, values: Values) -> Shape:
    if len(set(items)) == 1:
        return items[0]
    at = values[1] if len(values) > 1 else None
    if at is None or not at.size or not -len(items) <= at.integers[0] < len(items):
        return None
    return items[at.integers[0]]


def _concatenated(node: proto.NodeProto, items: Items, _values: Values) -> Shape:
    if not items or any(shape is None or None in shape for shape in items):
        return None
    first = items[0] or ()
    is_new = bool(_integer(node, "new_axis"))
    rank = len(first) + is_new
    axis = _integer(node, "axis")
    if any(len(shape or ()) != len(first) for shape in items) or not -rank <= axis < rank:
        return None
    axis %= rank
    if is_new:
        return (*first[:axis], len(items), *first[axis:])
    total = sum((shape or ())[axis] or 0 for shape in items)
    return (*first[:axis], total, *first[axis + 1 :])


_MADE: Mapping[str, Callable[[proto.NodeProto, Types, Values], Items | None]] = {
    "SequenceEmpty": _empty,
    "SequenceConstruct": _constructed,
    "SequenceInsert": _inserted,
    "SequenceErase": _erased,
    "SplitToSequence": _split,
    "Identity": _passed,
    "Optional": _passed,
    "OptionalGetElement": _passed,
}

_READ: Mapping[str, Callable[[proto.NodeProto, Items, Values], Shape]] = {
    "SequenceAt": _at,
    "ConcatFromSequence": _concatenated,
}
