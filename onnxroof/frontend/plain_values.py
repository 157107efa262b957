"""Which values do the operators of shape arithmetic give, in their plain cases?

As in `plain_types`: what is not plain is left to onnx's reference evaluator. Only whole numbers and truth values are
reckoned with here, and floats that are passed on as they are: arithmetic on floats rounds as their type says.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType, contents_of
from onnxroof.ir.contents import Contents, Number

__all__ = ["plain_value"]

_LIMITS = {DType.INT32: 1 << 31, DType.INT64: 1 << 63}

# They give their first operand's elements in its order.
_KEEPS_ORDER = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Max": max, "Min": min,
    "And": operator.and_, "Or": operator.or_,
    "Equal": operator.eq, "Greater": operator.gt, "Less": operator.lt,
    "GreaterOrEqual": operator.ge, "LessOrEqual": operator.le,
}  # fmt: skip


def plain_value(
    node: proto.NodeProto, values: Sequence[Contents | None], outputs: Sequence[ValueType]
) -> Contents | None:
    """The value of the one output of a node whose inputs are all known; None where this is no plain case.

    Args:
        node: With attribute references resolved.
        values: Of its inputs by position, None for one that is left out.
        outputs: Types of its outputs, complete.
    """
    if node.domain or len(outputs) != 1 or not values or values[0] is None or outputs[0].shape is None:
        return None
    kind = outputs[0]
    shape = tuple(extent for extent in outputs[0].shape if extent is not None)
    elements = _elements(node, values[0], [value for value in values if value is not None], kind.dtype, shape)
    if elements is None or len(elements) != math.prod(shape):
        return None
    limit = _LIMITS.get(kind.dtype)
    if limit is not None and not all(-limit <= int(element) < limit for element in elements):  # type: ignore[arg-type]
        return None
    return Contents(kind.dtype, shape, elements)


def _elements(
    node: proto.NodeProto, first: Contents, values: Sequence[Contents], dtype: DType, shape: tuple[int, ...]
) -> tuple[Number, ...] | None:
    """Elements of a result of a type and shape."""
    if node.op_type in _KEEPS_ORDER:
        return first.elements
    if node.op_type == "ConstantOfShape":
        return _filled(node, dtype, shape)
    if any(value.dtype not in _LIMITS and value.dtype is not DType.BOOL for value in values):
        return None
    if node.op_type in _ARITHMETIC and len(values) == 2:
        pairs = _paired(values, shape)
        return None if pairs is None else tuple(_ARITHMETIC[node.op_type](a, b) for a, b in pairs)
    if node.op_type == "Div" and dtype in _LIMITS:
        pairs = _paired(values, shape)
        # Of negative numbers the quotient is rounded as each runtime likes.
        return None if pairs is None or any(a < 0 or b <= 0 for a, b in pairs) else tuple(a // b for a, b in pairs)
    if node.op_type == "Cast" and dtype in _LIMITS:
        return first.integers
    if node.op_type == "Concat" and all(len(value.shape) == 1 for value in values):
        return tuple(element for value in values for element in value.elements)
    if node.op_type == "Range" and dtype in _LIMITS and all(value.size == 1 for value in values):
        return tuple(range(*(value.integers[0] for value in values)))
    if len(first.shape) != 1:
        return None
    if node.op_type == "Gather":
        places = values[1].integers
        is_inside = all(-first.size <= place < first.size for place in places)
        return tuple(first.elements[place] for place in places) if is_inside else None
    if node.op_type == "Slice" and len(values) > 2 and values[1].size == 1:
        step = values[4].integers[0] if len(values) > 4 else 1
        return first.elements[values[1].integers[0] : values[2].integers[0] : step] if step > 0 else None
    return None


def _filled(node: proto.NodeProto, dtype: DType, shape: tuple[int, ...]) -> tuple[Number, ...] | None:
    stated = next((a.t for a in node.attribute if a.name == "value"), None)
    value = Contents(dtype, (1,), (0.0,)) if stated is None else contents_of(stated)
    if value is None or value.size != 1:
        return None
    return value.elements * math.prod(shape)


def _paired(values: Sequence[Contents], shape: tuple[int, ...]) -> list[tuple[Any, Any]] | None:
    """Elements that meet, where no operand is stretched along one axis alone."""
    count = math.prod(shape)
    columns = []
    for value in values:
        if value.size not in (1, count):
            return None
        columns.append(value.elements * count if value.size == 1 else value.elements)
    return list(zip(*columns, strict=True))
