"""What operators cost that do the same few steps for each element of their output.

Most are rows of one table: steps an element, and the sentence that users are told. Broadcast operands are read at
their own size. The same rows price the activations of recurrent and fused operators.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

from onnxroof.costs.context import VIEW, CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.nests import broadcast_axes, make_nest, pointwise, read_at, write_at
from onnxroof.costs.registry import Formula, cost
from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import Loop, dense_axis
from onnxroof.ir.tensor import Tensor

__all__ = ["STEPS", "activation", "batch_normalization", "elementwise", "register_rows", "steps"]


def steps(vector_ops: int, *special: str) -> Work:
    """Steps of one element: vector operations, and special operations by name, a name once for each use."""
    return Work(vector_ops=vector_ops, special={name: special.count(name) for name in dict.fromkeys(special)})


# Steps an element, and what they are. x is the element, a and b are attributes or further operands.
STEPS: Mapping[str, tuple[Work, str]] = {
    # one step
    "Abs": (steps(1), "|x|: 1 vector op an element."),
    "Neg": (steps(1), "-x: 1 vector op an element."),
    "Sign": (steps(1), "Sign of x: 1 vector op an element."),
    "Ceil": (steps(1), "Next integer above: 1 vector op an element."),
    "Floor": (steps(1), "Next integer below: 1 vector op an element."),
    "Round": (steps(1), "Nearest integer: 1 vector op an element."),
    "Not": (steps(1), "Logical not: 1 vector op an element."),
    "BitwiseNot": (steps(1), "Bits inverted: 1 vector op an element."),
    "IsNaN": (steps(1), "1 comparison an element."),
    "IsInf": (steps(1), "1 comparison an element."),
    "Relu": (steps(1), "max(x, 0): 1 vector op an element."),
    "Add": (steps(1), "1 addition for each output element."),
    "Sub": (steps(1), "1 subtraction for each output element."),
    "Mul": (steps(1), "1 multiplication for each output element."),
    "And": (steps(1), "1 logical op for each output element."),
    "Or": (steps(1), "1 logical op for each output element."),
    "Xor": (steps(1), "1 logical op for each output element."),
    "BitwiseAnd": (steps(1), "1 bitwise op for each output element."),
    "BitwiseOr": (steps(1), "1 bitwise op for each output element."),
    "BitwiseXor": (steps(1), "1 bitwise op for each output element."),
    "BitShift": (steps(1), "1 shift for each output element."),
    "Equal": (steps(1), "1 comparison for each output element."),
    "Greater": (steps(1), "1 comparison for each output element."),
    "GreaterOrEqual": (steps(1), "1 comparison for each output element."),
    "Less": (steps(1), "1 comparison for each output element."),
    "LessOrEqual": (steps(1), "1 comparison for each output element."),
    # special operations
    "Div": (steps(0, "DIV"), "1 DIV for each output element."),
    "Pow": (steps(0, "POW"), "1 POW for each output element."),
    "Reciprocal": (steps(0, "DIV"), "1 DIV an element."),
    "Sqrt": (steps(0, "SQRT"), "1 SQRT an element."),
    "Exp": (steps(0, "EXP"), "1 EXP an element."),
    "Log": (steps(0, "LOG"), "1 LOG an element."),
    "Erf": (steps(0, "ERF"), "1 ERF an element."),
    "Tanh": (steps(0, "TANH"), "1 TANH an element."),
    "Sin": (steps(0, "SIN"), "1 SIN an element."),
    "Cos": (steps(0, "COS"), "1 COS an element."),
    "Tan": (steps(0, "SIN", "COS", "DIV"), "sin(x) / cos(x): SIN, COS and DIV an element."),
    "Asin": (steps(0, "ASIN"), "1 ASIN an element."),
    "Acos": (steps(0, "ACOS"), "1 ACOS an element."),
    "Atan": (steps(0, "ATAN"), "1 ATAN an element."),
    "Sinh": (steps(2, "EXP", "DIV"), "(e - 1/e) * 0.5 with e = exp(x): EXP, DIV, 1 sub, 1 mul an element."),
    "Cosh": (steps(2, "EXP", "DIV"), "(e + 1/e) * 0.5 with e = exp(x): EXP, DIV, 1 add, 1 mul an element."),
    "Asinh": (steps(3, "SQRT", "LOG"), "log(x + sqrt(x * x + 1)): 1 mul, 2 add, SQRT, LOG an element."),
    "Acosh": (steps(3, "SQRT", "LOG"), "log(x + sqrt(x * x - 1)): 1 mul, 1 sub, 1 add, SQRT, LOG an element."),
    "Atanh": (steps(3, "DIV", "LOG"), "0.5 * log((1 + x) / (1 - x)): 1 add, 1 sub, DIV, LOG, 1 mul an element."),
    "Mod": (steps(2, "DIV"), "x - b * trunc(x / b): DIV, 1 mul, 1 sub for each output element."),
    # activations
    "Sigmoid": (steps(2, "EXP", "DIV"), "1 / (1 + exp(-x)): 1 neg, EXP, 1 add, DIV an element."),
    "HardSigmoid": (steps(4), "max(0, min(1, a * x + b)): 1 mul, 1 add, 1 min, 1 max an element."),
    "HardSwish": (steps(5), "x * max(0, min(1, x / 6 + 0.5)): 2 mul, 1 add, 1 min, 1 max an element."),
    "LeakyRelu": (steps(3), "x or a * x: 1 comparison, 1 mul, 1 selection an element."),
    "PRelu": (steps(3), "x or slope * x: 1 comparison, 1 mul, 1 selection an element."),
    "ThresholdedRelu": (steps(2), "x or 0: 1 comparison, 1 selection an element."),
    "Shrink": (steps(6), "2 comparisons, 1 add, 1 sub, 2 selections an element."),
    "Elu": (steps(4, "EXP"), "x or a * (exp(x) - 1): EXP, 1 sub, 1 mul, 1 comparison, 1 selection an element."),
    "Selu": (steps(5, "EXP"), "b * Elu(x): EXP, 1 sub, 2 mul, 1 comparison, 1 selection an element."),
    "Celu": (
        steps(5, "DIV", "EXP"),
        "max(0, x) + min(0, a * (exp(x / a) - 1)): DIV, EXP, 1 sub, 1 mul, 1 min, 1 max, 1 add an element.",
    ),
    "Softplus": (steps(1, "EXP", "LOG"), "log(1 + exp(x)): EXP, 1 add, LOG an element."),
    "Softsign": (steps(2, "DIV"), "x / (1 + |x|): 1 abs, 1 add, DIV an element."),
    "Mish": (steps(2, "EXP", "LOG", "TANH"), "x * tanh(log(1 + exp(x))): EXP, 1 add, LOG, TANH, 1 mul an element."),
    "Swish": (steps(4, "EXP", "DIV"), "x * sigmoid(a * x): 2 mul, 1 neg, EXP, 1 add, DIV an element."),
    "SwiGLU": (steps(5, "EXP", "DIV"), "Swish(A) * B: 3 mul, 1 neg, EXP, 1 add, DIV an element."),
    # activations that only recurrent operators name
    "Affine": (steps(2), "a * x + b: 1 mul, 1 add an element."),
    "ScaledTanh": (steps(2, "TANH"), "a * tanh(b * x): 2 mul, TANH an element."),
}

# The error function with 3 mul and 1 add around it; by tanh, 6 mul and 2 add around a cubic polynomial.
_GELU = steps(4, "ERF")
_GELU_TANH = steps(8, "TANH")

# Rows of com.microsoft.
_CONTRIB: Mapping[str, tuple[Work, str]] = {
    "Gelu": (_GELU, "0.5 * x * (1 + erf(x * c)): 3 mul, ERF, 1 add an element."),
    "BiasGelu": (_GELU + steps(1), "Gelu(A + B): 3 mul, ERF, 2 add an element."),
    "QuickGelu": (STEPS["Swish"][0], STEPS["Swish"][1]),
    "MulInteger": (steps(3), "2 zero points subtracted, 1 mul for each output element."),
}

# Rows of STEPS that take two operands.
_OF_TWO = frozenset(
    {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"}
    | {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "PRelu"}
)
_RECURRENT_ONLY = ("Affine", "ScaledTanh")


def activation(name: str) -> Work:
    """Steps an element of an activation that another operator names; none for an empty name.

    Raises:
        KeyError: If no row has that name.
    """
    return STEPS[name][0] if name else Work()


def elementwise(ctx: CostContext, work: Work, *, reads: Iterable[int] | None = None) -> OpCost:
    """`work` for each element of output 0, which all of `reads` (default: every input) are broadcast against."""
    positions = range(len(ctx.op.inputs)) if reads is None else reads
    present = tuple(i for i in positions if ctx.has_input(i))
    ctx = _completed(ctx, present)
    return ctx.compute(work.times(ctx.output(0).elements), reads=ctx.read(*present), nest=pointwise(ctx, present))


def register_rows(rows: Mapping[str, tuple[Work, str]], domain: str = "") -> None:
    """Registers one rule for each row."""
    for op_type, (work, sentence) in rows.items():
        cost(op_type, domain=domain)(_row(work, sentence))


def _row(work: Work, sentence: str) -> Formula:
    def formula(ctx: CostContext) -> OpCost:
        for index in range(max(len(ctx.op.inputs), 2 if ctx.op.op_type in _OF_TWO else 1)):
            if not ctx.has_input(index):
                raise MissingShapeError(f"input {index} is missing")
        found = elementwise(ctx, work)
        return dataclasses.replace(found, is_foldable=True) if _is_affine_by_constants(ctx) else found

    formula.__doc__ = sentence
    return formula


def _is_affine_by_constants(ctx: CostContext) -> bool:
    """Whether the operator scales or shifts by a weight: as an operator of its own, or in a neighbour's weights."""
    if ctx.op.op_type not in ("Add", "Sub", "Mul", "Div") or ctx.op.domain:
        return False
    return sum(not ctx.is_constant(i) for i in range(len(ctx.op.inputs))) == 1


def _completed(ctx: CostContext, operands: tuple[int, ...]) -> CostContext:
    """The same with shapes that elementwise operators imply: of a lone operand from the output, and the reverse."""
    if not ctx.has_output(0):
        return ctx
    names = [ctx.op.inputs[i] for i in operands]
    output = ctx.tensors[ctx.op.outputs[0]]
    known = [ctx.tensors[name] for name in names if ctx.tensors[name].is_shaped]
    found: dict[str, Tensor] = {}
    if not output.is_shaped and len(known) == len(names) and known:
        found[output.name] = dataclasses.replace(output, shape=_broadcast([tensor.dims for tensor in known]))
    if output.is_shaped and not known and len(set(names)) == 1:
        found[names[0]] = dataclasses.replace(ctx.tensors[names[0]], shape=output.shape)
    return (
        dataclasses.replace(ctx, tensors={**{n: ctx.tensors[n] for n in names}, output.name: output, **found})
        if (found)
        else ctx
    )


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    rank = max(len(shape) for shape in shapes)
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    # A dimension of size 0 wins over 1, as any other does.
    return tuple(next((size for size in column if size != 1), 1) for column in columns)


register_rows({name: row for name, row in STEPS.items() if name not in _RECURRENT_ONLY})
register_rows(_CONTRIB, "com.microsoft")


@cost("Gelu")
def gelu(ctx: CostContext) -> OpCost:
    """Exact: 3 mul, ERF, 1 add an element; `approximate=tanh`: 6 mul, 2 add, TANH an element."""
    return elementwise(ctx, _GELU_TANH if ctx.attributes.text("approximate") == "tanh" else _GELU)


@cost("FastGelu", domain="com.microsoft")
def fast_gelu(ctx: CostContext) -> OpCost:
    """Gelu by tanh: 6 mul, 2 add, TANH an element, and 1 add where there is a bias."""
    return elementwise(ctx, _GELU_TANH + steps(1) if ctx.has_input(1) else _GELU_TANH)


@cost("BiasSplitGelu", domain="com.microsoft")
def bias_split_gelu(ctx: CostContext) -> OpCost:
    """Left half times Gelu of the right half, both after a bias: 2 add, Gelu, 1 mul for each output element."""
    return ctx.compute((_GELU + steps(3)).times(ctx.output(0).elements))


@cost("Sum", "Max", "Min", "Mean")
def variadic(ctx: CostContext) -> OpCost:
    """One op less than there are operands for each output element; Mean adds 1 DIV."""
    operands = len(ctx.op.inputs)
    division = ("DIV",) if ctx.op.op_type == "Mean" else ()
    return elementwise(ctx, steps(operands - 1, *division))


cost("BiasAdd", domain="com.microsoft")(variadic)


@cost("Clip")
def clip(ctx: CostContext) -> OpCost:
    """1 comparison an element for each bound that is given."""
    bounds = sum(ctx.has_input(i) or name in ctx.attributes for i, name in ((1, "min"), (2, "max")))
    return elementwise(ctx, steps(bounds))


@cost("Cast", "CastLike")
def cast(ctx: CostContext) -> OpCost:
    """1 conversion an element; a view where the type stays."""
    source, result = (ctx.tensors[names[0]].dtype for names in (ctx.op.inputs, ctx.op.outputs))
    return VIEW if source is result is not DType.UNDEFINED else elementwise(ctx, steps(1), reads=(0,))


@cost("Where")
def where(ctx: CostContext) -> OpCost:
    """1 selection for each output element."""
    return dataclasses.replace(elementwise(ctx, steps(1)), compute_type=ctx.output(0).dtype)


@cost("BatchNormalization")
def batch_normalization(ctx: CostContext) -> OpCost:
    """1 mul and 1 add an element, scale and shift taken together; in training 3 add, 1 sub, 2 mul an element."""
    shape = ctx.input(0).dims
    is_training = bool(ctx.attributes.integer("training_mode"))
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(shape))
    dense = broadcast_axes(shape, shape)
    channels = (dense_axis(1, shape[1]),) if len(shape) > 1 else broadcast_axes((1,), shape)
    vectors = tuple(read_at(ctx, i, channels) for i in range(1, 5))
    constant = all(ctx.is_constant(i) for i in range(1, 5))
    return ctx.compute(
        steps(6 if is_training else 2).times(math.prod(shape)),
        nest=None if is_training else make_nest(loops, (read_at(ctx, 0, dense), *vectors, write_at(ctx, 0, dense))),
        is_foldable=constant and not is_training,
    )
