"""Which values do the operators of shape arithmetic give, in their plain cases?

As in `plain_types`: what is not plain is left to onnx's reference evaluator. Only whole numbers and truth values are
reckoned with here, and floats that are passed on as they are: arithmetic on floats rounds as their type says.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType, contents_of
from onnxroof.ir.contents import Contents, Number

__all__ = ["plain_value"]

_LIMITS = {DType.INT32: 1 << 31, DType.INT64: 1 << 63}

# They give their first operand's elements in its order.
_KEEPS_ORDER = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})

# What a whole number becomes.
_CASTS: Mapping[DType, Callable[[int], Number]] = {DType.INT32: int, DType.INT64: int, DType.BOOL: bool}

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
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
    known = [value for value in values if value is not None]
    elements = tuple(_elements(node, known, kind.dtype, shape) or ())
    if len(elements) != math.prod(shape):
        return None
    limit = _LIMITS.get(kind.dtype)
    if limit is not None and not all(-limit <= int(element) < limit for element in elements):  # type: ignore[arg-type]
        return None
    return Contents(kind.dtype, shape, elements)


def _elements(
    node: proto.NodeProto, values: Sequence[Contents], dtype: DType, shape: tuple[int, ...]
) -> Iterable[Number] | None:
    """Elements of a result of a type and shape."""
    first, kind = values[0], node.op_type
    if kind in _KEEPS_ORDER:
        return first.elements
    if kind == "ConstantOfShape":
        return _filled(node, dtype, shape)
    if kind == "Expand":
        return _stretched(first, shape)
    if kind == "Concat" and first.shape:
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % len(first.shape)
        return _joined(values, math.prod(first.shape[:axis]))
    if any(value.dtype not in _LIMITS and value.dtype is not DType.BOOL for value in values):
        return None
    if kind in _ARITHMETIC and len(values) == 2:
        return map(_ARITHMETIC[kind], *(_stretched(value, shape) for value in values))
    if kind == "Div" and dtype in _LIMITS and min(first.integers, default=0) >= 0 < min(values[1].integers, default=1):
        # Of negative numbers the quotient is rounded as each runtime likes.
        return map(operator.floordiv, *(_stretched(value, shape) for value in values))
    if kind == "Where":
        return (a if chosen else b for chosen, a, b in zip(*(_stretched(v, shape) for v in values), strict=True))
    if kind == "Cast" and dtype in _CASTS:
        return map(_CASTS[dtype], first.integers)
    if kind == "Range" and dtype in _LIMITS and all(value.size == 1 for value in values):
        return range(*(value.integers[0] for value in values))
    if kind == "Gather" and len(first.shape) == 1 and _is_inside(values[1].integers, first.size):
        return (first.elements[place] for place in values[1].integers)
    if kind == "Slice" and len(first.shape) == 1 and len(values) > 2 and values[1].size == 1:
        step = values[4].integers[0] if len(values) > 4 else 1
        return first.elements[values[1].integers[0] : values[2].integers[0] : step] if step > 0 else None
    return None


def _is_inside(places: Iterable[int], size: int) -> bool:
    return all(-size <= place < size for place in places)


def _filled(node: proto.NodeProto, dtype: DType, shape: tuple[int, ...]) -> tuple[Number, ...] | None:
    stated = next((a.t for a in node.attribute if a.name == "value"), None)
    value = Contents(dtype, (1,), (0.0,)) if stated is None else contents_of(stated)
    return value.elements * math.prod(shape) if value is not None and value.size == 1 else None


def _joined(values: Sequence[Contents], rows: int) -> list[Number]:
    """Rows put together of the rows of each value."""
    widths = [value.size // rows if rows else 0 for value in values]
    return [
        element
        for row in range(rows)
        for value, width in zip(values, widths, strict=True)
        for element in value.elements[row * width : (row + 1) * width]
    ]


def _stretched(value: Contents, shape: tuple[int, ...]) -> list[Number]:
    """The elements of a value that is broadcast to a shape."""
    if 0 in shape:
        return []
    found = list(value.elements)
    repeats = 1  # rows of what follows an axis
    for extent, own in zip_longest(reversed(shape), reversed(value.shape), fillvalue=1):
        if own != extent:
            rows = [found[start : start + repeats] for start in range(0, len(found), repeats)]
            found = [element for row in rows for element in row * extent]
        repeats *= extent
    return found
