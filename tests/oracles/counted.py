"""Numbers that count what is done with them, and the elementwise operators as formulas on them.

The formulas are those of the operators' definitions in ONNX and in ONNX Runtime, written as one would write a kernel;
a constant factor such as sqrt(1/2) is known before. Nothing is shared with the package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

__all__ = ["FORMULAS", "Counted"]


class Counted:
    """A number that is known only while the model runs; each step with it is entered in the tally."""

    def __init__(self, tally: Counter[str]) -> None:
        self.tally = tally

    def step(self, name: str = "vector") -> Counted:
        """One step with this number in it."""
        self.tally[name] += 1
        return Counted(self.tally)

    def __add__(self, other: Counted | float) -> Counted:
        return self.step()

    def __neg__(self) -> Counted:
        return self.step()

    def __abs__(self) -> Counted:
        return self.step()

    def __truediv__(self, other: Counted | float) -> Counted:
        return self.step("DIV")

    def __pow__(self, other: Counted | float) -> Counted:
        return self.step("POW")

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __and__ = __lt__ = __gt__ = __add__
    __rtruediv__ = __truediv__


def exp(x: Counted) -> Counted:
    return x.step("EXP")


def log(x: Counted) -> Counted:
    return x.step("LOG")


def sqrt(x: Counted) -> Counted:
    return x.step("SQRT")


def tanh(x: Counted) -> Counted:
    return x.step("TANH")


def erf(x: Counted) -> Counted:
    return x.step("ERF")


def most(x: Counted, y: Counted | float) -> Counted:
    return x.step()


least = most


def where(condition: Counted, x: Counted | float, y: Counted | float) -> Counted:
    return condition.step()


def whole(x: Counted) -> Counted:
    """Rounded in any way, or cut to a range at both ends, as one conversion does."""
    return x.step()


def sigmoid(x: Counted) -> Counted:
    return 1 / (1 + exp(-x))


def gelu(x: Counted) -> Counted:
    return 0.5 * x * (1 + erf(x * 0.7071))


def gelu_tanh(x: Counted) -> Counted:
    return 0.5 * x * (1 + tanh(0.7979 * (x + 0.0447 * x * x * x)))


A, B = 0.3, 0.7  # attributes

FORMULAS: Mapping[str, Callable[..., Counted]] = {
    "Abs": abs,
    "Neg": lambda x: -x,
    "Sign": whole,
    "Ceil": whole,
    "Floor": whole,
    "Round": whole,
    "Not": whole,
    "BitwiseNot": whole,
    "IsNaN": whole,
    "IsInf": whole,
    "Relu": lambda x: most(x, 0),
    **{name: lambda x, y: x + y for name in ("Add", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor")},
    **{name: lambda x, y: x - y for name in ("Sub", "BitShift")},
    "Mul": lambda x, y: x * y,
    **{name: lambda x, y: x < y for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    "Div": lambda x, y: x / y,
    "Pow": lambda x, y: x**y,
    "Reciprocal": lambda x: 1 / x,
    "Sqrt": sqrt,
    "Exp": exp,
    "Log": log,
    "Erf": erf,
    "Tanh": tanh,
    "Sin": lambda x: x.step("SIN"),
    "Cos": lambda x: x.step("COS"),
    "Tan": lambda x: x.step("SIN") / x.step("COS"),
    "Asin": lambda x: x.step("ASIN"),
    "Acos": lambda x: x.step("ACOS"),
    "Atan": lambda x: x.step("ATAN"),
    "Sinh": lambda x: ((e := exp(x)) - 1 / e) * 0.5,
    "Cosh": lambda x: ((e := exp(x)) + 1 / e) * 0.5,
    "Asinh": lambda x: log(x + sqrt(x * x + 1)),
    "Acosh": lambda x: log(x + sqrt(x * x - 1)),
    "Atanh": lambda x: 0.5 * log((1 + x) / (1 - x)),
    "Mod": lambda x, y: x - y * whole_quotient(x, y),
    "Sigmoid": sigmoid,
    "HardSigmoid": lambda x: most(least(A * x + B, 1), 0),
    "HardSwish": lambda x: x * most(least(x * A + B, 1), 0),
    "LeakyRelu": lambda x: where(x < 0, A * x, x),
    "PRelu": lambda x, slope: where(x < 0, slope * x, x),
    "ThresholdedRelu": lambda x: where(x > A, x, 0),
    "Shrink": lambda x: where(x < A, x + B, where(x > A, x - B, 0)),
    "Elu": lambda x: where(x < 0, A * (exp(x) - 1), x),
    "Selu": lambda x: B * where(x < 0, A * (exp(x) - 1), x),
    "Celu": lambda x: most(x, 0) + least(A * (exp(x / A) - 1), 0),
    "Softplus": lambda x: log(1 + exp(x)),
    "Softsign": lambda x: x / (1 + abs(x)),
    "Mish": lambda x: x * tanh(log(1 + exp(x))),
    "Swish": lambda x: x * sigmoid(A * x),
    "Gelu": gelu,
    "Clip": lambda x: most(least(x, B), A),
    # of the runtime
    "com.microsoft.Gelu": gelu,
    "com.microsoft.BiasGelu": lambda x, bias: gelu(x + bias),
    "com.microsoft.FastGelu": gelu_tanh,
    "com.microsoft.QuickGelu": lambda x: x * sigmoid(A * x),
    "com.microsoft.ScaledSiLU": lambda x: (z := A * x) * sigmoid(z),
    "com.microsoft.SwiGLU": lambda x, y: x * sigmoid(A * x) * y,
    "com.microsoft.GatedAdd": lambda x, y, gate: x + y * gate,
    "com.microsoft.BiasAdd": lambda x, bias, skip: x + bias + skip,
    "com.microsoft.BiasDropout": lambda x, bias, residual: x + bias + residual,
    "com.microsoft.MulInteger": lambda x, zero, y, other: (x - zero) * (y - other),
}
"""What an element goes through, from the elements of the operands that belong to it."""


def whole_quotient(x: Counted, y: Counted) -> Counted:
    """A quotient without its fraction, as an integer division gives it."""
    return x / y
