"""Which types do the common operators give, in their plain cases?

A rule here answers only where every type and every value that it needs is known and all goes together. In all other
cases it declines, and the onnx package is asked, whose inference is the authority: it says what is contradictory and
what an odd node gives. The rules are tested to give what it gives, or nothing; they are here because that package takes
longer to start than most models take to count.

Shapes follow the operators' documentation (docs/Operators.md of the onnx repository).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.broadcast import broadcast_shape
from onnxroof.frontend.plain_node import PLAIN_RULES, DeclinedError, PlainNode, Shape, need, plain_node, rule
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["plain_types"]


def plain_types(
    node: proto.NodeProto, version: int, types: Sequence[ValueType | None], values: Sequence[Contents | None]
) -> tuple[ValueType, ...] | None:
    """Types of a node's outputs, as onnx infers them; None where this is no plain case.

    Args:
        node: With attribute references resolved.
        version: Opset version of its domain that the model imports.
        types: Of its inputs by position, None for one that is left out.
        values: Contents of the inputs where known.
    """
    first, known = PLAIN_RULES.get(node.op_type, (0, None))
    plain = plain_node(node, version, types, values) if known is not None else None
    if known is None or plain is None or plain.since < first:
        return None
    try:
        found = known(plain)
    except (DeclinedError, IndexError, KeyError, TypeError, ValueError, ArithmeticError):
        return None  # what a rule does not expect is no plain case either
    return found if len(found) == len(node.output) else None


# -- element by element -------------------------------------------------------------------------------------------


@rule(
    "Abs", "Ceil", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity",
    "InstanceNormalization", "LRN", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid",
    "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
def _like_first(n: PlainNode) -> tuple[ValueType, ...]:
    return (n.type(),)


@rule("Softmax", "LogSoftmax", "LayerNormalization")
def _along_an_axis(n: PlainNode) -> tuple[ValueType, ...]:
    n.axis(len(n.shape()))
    return (n.type(),)


@rule("BatchNormalization", first=7)
def _normalized(n: PlainNode) -> tuple[ValueType, ...]:
    need(len(n.shape()) > 1 and not n.integer("training_mode"))
    need(all(n.shape(index) == n.shape()[1:2] for index in range(1, 5)))
    return (n.type(),)


@rule("Dropout", first=7)
def _dropped_out(n: PlainNode) -> tuple[ValueType, ...]:
    if len(n.node.output) == 1:
        return (n.type(),)
    # Before version 10 the inference says nothing of the mask's shape, and here it says what it says.
    return (n.type(), ValueType(DType.BOOL, n.shape()) if n.since >= 10 else ValueType(n.dtype(), None))


@rule("Cast", first=6)
def _cast(n: PlainNode) -> tuple[ValueType, ...]:
    dtype = DType.from_number(n.integer("to"))
    need(dtype is not DType.UNDEFINED)
    return (ValueType(dtype, n.shape()),)


@rule("IsInf", "IsNaN", "Not")
def _tested(n: PlainNode) -> tuple[ValueType, ...]:
    return (ValueType(DType.BOOL, n.shape()),)


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    found = broadcast_shape(shapes)
    need(found is not None)
    return found  # type: ignore[return-value]  # just seen


def _all_shapes(n: PlainNode) -> list[Shape]:
    return [n.shape(index) for index in range(len(n.types))]


@rule("Add", "And", "Div", "Mul", "Or", "Sub", "Xor", first=7)
@rule("Max", "Mean", "Min", "Sum", first=8)
def _combined(n: PlainNode) -> tuple[ValueType, ...]:
    return (ValueType(n.same_dtype(), _broadcast(_all_shapes(n))),)


@rule("Pow", first=7)
def _raised(n: PlainNode) -> tuple[ValueType, ...]:
    return (ValueType(n.dtype(), _broadcast(_all_shapes(n))),)


@rule("Equal", "Greater", "Less", first=7)
@rule("GreaterOrEqual", "LessOrEqual")
def _compared(n: PlainNode) -> tuple[ValueType, ...]:
    n.same_dtype()
    return (ValueType(DType.BOOL, _broadcast(_all_shapes(n))),)


@rule("Where")
def _chosen(n: PlainNode) -> tuple[ValueType, ...]:
    need(n.dtype(1) is n.dtype(2))
    return (ValueType(n.dtype(1), _broadcast(_all_shapes(n))),)


@rule("QuantizeLinear", first=10)
def _quantized(n: PlainNode) -> tuple[ValueType, ...]:
    need(n.has(2) and n.integer("output_dtype") in (0, n.dtype(2).number))
    return (ValueType(n.dtype(2), n.shape()),)


@rule("DequantizeLinear", first=10)
def _dequantized(n: PlainNode) -> tuple[ValueType, ...]:
    need(n.dtype(1) is DType.FLOAT and n.integer("output_dtype") in (0, DType.FLOAT.number))
    return (ValueType(DType.FLOAT, n.shape()),)


# -- contractions and windows -------------------------------------------------------------------------------------


@rule("Conv")
def _convolved(n: PlainNode) -> tuple[ValueType, ...]:
    source, weight = n.shape(0), n.shape(1)
    need(len(source) == len(weight) > 2 and n.dtype(0) is n.dtype(1))
    group = n.integer("group", 1)
    need(group > 0 and source[1] == weight[1] * group and weight[0] % group == 0)
    need(not n.has(2) or (n.shape(2) == weight[:1] and n.dtype(2) is n.dtype(0)))
    kernel = n.attribute("kernel_shape")
    need(kernel is None or tuple(kernel) == weight[2:])
    return (ValueType(n.dtype(), (source[0], weight[0], *_windows(n, source[2:], weight[2:]))),)


@rule("AveragePool", "MaxPool")
def _pooled(n: PlainNode) -> tuple[ValueType, ...]:
    source, kernel = n.shape(), n.attribute("kernel_shape")
    need(len(source) > 2 and kernel is not None and not n.integer("ceil_mode"))
    kind = ValueType(n.dtype(), (*source[:2], *_windows(n, source[2:], tuple(kernel))))
    if n.node.op_type == "MaxPool" and len(n.node.output) == 2:
        return kind, ValueType(DType.INT64, kind.shape)
    return (kind,)


def _windows(n: PlainNode, extents: Shape, kernel: Shape) -> Shape:
    """How many places a window takes along each axis."""
    ones, zeros = (1,) * len(extents), (0,) * (2 * len(extents))
    strides, dilations = n.attribute("strides") or ones, n.attribute("dilations") or ones
    pads, policy = n.attribute("pads"), n.attribute("auto_pad")
    need(len(kernel) == len(strides) == len(dilations) == len(extents))
    need(min(*extents, *kernel, *strides, *dilations) > 0)
    need(policy == "NOTSET" or (pads is None and policy in ("VALID", "SAME_UPPER", "SAME_LOWER")))
    pads = pads or zeros
    need(len(pads) == len(zeros) and min(pads) >= 0)
    found = []
    for axis, (extent, stride) in enumerate(zip(extents, strides, strict=True)):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        padded = extent + pads[axis] + pads[axis + len(extents)]
        if policy in ("SAME_UPPER", "SAME_LOWER"):
            padded = extent + max(reach - (extent % stride or stride), 0)
        need(padded >= reach)
        found.append((padded - reach) // stride + 1)
    return tuple(found)


@rule("GlobalAveragePool", "GlobalMaxPool")
def _pooled_whole(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    need(len(source) > 2)
    return (ValueType(n.dtype(), (*source[:2], *(1 for _ in source[2:]))),)


@rule("Gemm", first=7)
def _multiplied_and_added(n: PlainNode) -> tuple[ValueType, ...]:
    a, b = n.shape(0), n.shape(1)
    need(len(a) == len(b) == 2)
    a = a[::-1] if n.integer("transA") else a
    b = b[::-1] if n.integer("transB") else b
    result = (a[0], b[1])
    need(a[1] == b[0] and n.dtype(0) is n.dtype(1))
    need(not n.has(2) or (n.dtype(2) is n.dtype(0) and broadcast_shape([result, n.shape(2)]) == result))
    return (ValueType(n.dtype(), result),)


@rule("MatMul")
def _multiplied(n: PlainNode) -> tuple[ValueType, ...]:
    a, b = n.shape(0), n.shape(1)
    need(bool(a) and bool(b))
    wide = a if len(a) > 1 else (1, *a)
    tall = b if len(b) > 1 else (*b, 1)
    need(wide[-1] == tall[-2])
    rows = wide[-2:-1] if len(a) > 1 else ()
    columns = tall[-1:] if len(b) > 1 else ()
    return (ValueType(n.same_dtype(), (*_broadcast([wide[:-2], tall[:-2]]), *rows, *columns)),)


# -- other shapes of the same elements ----------------------------------------------------------------------------


@rule("Flatten")
def _flattened(n: PlainNode) -> tuple[ValueType, ...]:
    source, axis = n.shape(), n.integer("axis", 1)
    need(-len(source) <= axis <= len(source))
    axis += len(source) if axis < 0 else 0
    return (ValueType(n.dtype(), (math.prod(source[:axis]), math.prod(source[axis:]))),)


@rule("Reshape", first=5)
def _reshaped(n: PlainNode) -> tuple[ValueType, ...]:
    source, wanted = n.shape(), n.integers(1)
    need(0 not in source and not (n.integer("allowzero") and 0 in wanted))
    extents = []
    for axis, extent in enumerate(wanted):
        need(extent >= -1 and (extent != 0 or axis < len(source)))
        extents.append(source[axis] if extent == 0 else extent)
    elements = math.prod(source)
    need(extents.count(-1) <= 1)
    if -1 in extents:
        rest = -math.prod(extents)
        need(elements % rest == 0)
        extents[extents.index(-1)] = elements // rest
    need(math.prod(extents) == elements)
    return (ValueType(n.dtype(), tuple(extents)),)


@rule("Transpose")
def _transposed(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    order = n.attribute("perm") or tuple(reversed(range(len(source))))
    need(sorted(order) == list(range(len(source))))
    return (ValueType(n.dtype(), tuple(source[axis] for axis in order)),)


@rule("Unsqueeze")
def _unsqueezed(n: PlainNode) -> tuple[ValueType, ...]:
    stated = n.integers(1) if n.has(1) else n.attribute("axes")
    need(stated is not None)
    axes = n.axes(len(n.shape()) + len(stated))
    extents = list(n.shape())
    for axis in sorted(axes or ()):
        extents.insert(axis, 1)
    return (ValueType(n.dtype(), tuple(extents)),)


@rule("Squeeze")
def _squeezed(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    axes = n.axes(len(source))
    if axes is None:
        axes = tuple(axis for axis, extent in enumerate(source) if extent == 1)
    need(all(source[axis] == 1 for axis in axes))
    return (ValueType(n.dtype(), tuple(extent for axis, extent in enumerate(source) if axis not in axes)),)


@rule("Tile", first=6)
def _tiled(n: PlainNode) -> tuple[ValueType, ...]:
    source, times = n.shape(), n.integers(1)
    need(len(times) == len(source) and min(times, default=0) >= 0)
    return (ValueType(n.dtype(), tuple(a * b for a, b in zip(source, times, strict=True))),)


@rule("Expand")
def _expanded(n: PlainNode) -> tuple[ValueType, ...]:
    wanted = n.integers(1)
    need(min(wanted, default=1) > 0)
    return (ValueType(n.dtype(), _broadcast([n.shape(), wanted])),)


# -- parts and wholes ---------------------------------------------------------------------------------------------


@rule("Concat", first=4)
def _concatenated(n: PlainNode) -> tuple[ValueType, ...]:
    shapes = _all_shapes(n)
    need(n.attribute("axis") is not None)
    axis = n.axis(len(shapes[0]))
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    need(len(others) == 1 and len({len(shape) for shape in shapes}) == 1)
    extent = sum(shape[axis] for shape in shapes)
    return (ValueType(n.same_dtype(), (*shapes[0][:axis], extent, *shapes[0][axis + 1 :])),)


@rule("Split", first=2)
def _split(n: PlainNode) -> tuple[ValueType, ...]:
    source, count = n.shape(), len(n.node.output)
    axis = n.axis(len(source))
    parts = n.integers(1) if n.has(1) else n.attribute("split")
    if parts is None:
        need(source[axis] % count == 0 and n.integer("num_outputs", count) == count)
        parts = (source[axis] // count,) * count
    need(len(parts) == count and min(parts) >= 0 and sum(parts) == source[axis])
    return tuple(ValueType(n.dtype(), (*source[:axis], part, *source[axis + 1 :])) for part in parts)


@rule("Slice")
def _sliced(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    is_old = n.since < 10  # attributes, which later became inputs
    starts = n.attribute("starts") if is_old else n.integers(1)
    ends = n.attribute("ends") if is_old else n.integers(2)
    axes = n.axes(len(source), index=3)
    steps = n.integers(4) if n.has(4) else (1,) * len(starts)
    axes = tuple(range(len(starts))) if axes is None else axes
    need(len(starts) == len(ends) == len(axes) == len(steps) and min(steps, default=1) > 0)
    extents = list(source)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        extents[axis] = len(range(*slice(start, end, step).indices(source[axis])))
    return (ValueType(n.dtype(), tuple(extents)),)


@rule("Gather")
def _gathered(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    axis = n.axis(len(source))
    return (ValueType(n.dtype(), (*source[:axis], *n.shape(1), *source[axis + 1 :])),)


@rule("GatherND")
def _gathered_places(n: PlainNode) -> tuple[ValueType, ...]:
    source, places, batches = n.shape(0), n.shape(1), n.integer("batch_dims")
    need(bool(places) and 0 <= batches < min(len(source), len(places)))
    need(batches + places[-1] <= len(source) and source[:batches] == places[:batches])
    return (ValueType(n.dtype(), (*places[:-1], *source[batches + places[-1] :])),)


@rule("Pad", first=11)
def _padded(n: PlainNode) -> tuple[ValueType, ...]:
    source, pads = n.shape(), n.integers(1)
    need(not n.has(3) and len(pads) == 2 * len(source))
    extents = tuple(a + b + c for a, b, c in zip(source, pads, pads[len(source) :], strict=False))
    need(min(extents, default=0) >= 0)
    return (ValueType(n.dtype(), extents),)


@rule(
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
def _reduced(n: PlainNode) -> tuple[ValueType, ...]:
    source = n.shape()
    axes = n.axes(len(source))
    if not axes:
        need(not n.integer("noop_with_empty_axes"))
        axes = tuple(range(len(source)))
    if n.integer("keepdims", 1):
        return (ValueType(n.dtype(), tuple(1 if axis in axes else extent for axis, extent in enumerate(source))),)
    return (ValueType(n.dtype(), tuple(extent for axis, extent in enumerate(source) if axis not in axes)),)


# -- shapes as values ---------------------------------------------------------------------------------------------


@rule("Shape")
def _shape(n: PlainNode) -> tuple[ValueType, ...]:
    end = n.attribute("end")
    return (ValueType(DType.INT64, (len(n.shape()[n.integer("start") : end]),)),)


@rule("ConstantOfShape")
def _constant_of_shape(n: PlainNode) -> tuple[ValueType, ...]:
    stated = next((a.t for a in n.node.attribute if a.name == "value"), None)
    dtype = DType.FLOAT if stated is None else DType.from_number(stated.data_type)
    wanted = n.integers(0)
    need(dtype is not DType.UNDEFINED and min(wanted, default=0) >= 0)
    return (ValueType(dtype, wanted),)


@rule("Range")
def _ranged(n: PlainNode) -> tuple[ValueType, ...]:
    need(len(n.values) == 3 and n.same_dtype() in (DType.INT64, DType.INT32))
    need(all(value is not None and not value.shape for value in n.values))
    start, limit, delta = (value.integers[0] for value in n.values if value is not None)
    need(delta != 0)
    return (ValueType(n.dtype(), (len(range(start, limit, delta)),)),)
