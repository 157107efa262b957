"""Elementwise rules against the definitions of ONNX, run on numbers that count what is done with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import Coverage
from tests.oracles.build import cost
from tests.oracles.counting import Counting, choose, largest, smallest, special
from tests.oracles.naive import indices

A, B, C = 0.5, 0.25, 1.5  # constants: attributes and numbers of the definitions


def exp(x: Counting) -> Counting:
    return special("EXP", x)


def sigmoid(x: Counting) -> Counting:
    return 1 / (1 + exp(-x))


def hyperbolic(join: Callable[[Counting, Counting], Counting]) -> Callable[[Counting], Counting]:
    """(e^x -+ e^-x) / 2 with one exponential: the other is its reciprocal, and halving is a product."""

    def definition(x: Counting) -> Counting:
        e = exp(x)
        return join(e, 1 / e) * A

    return definition


# The formulas of docs/Operators.md of the onnx repository; what a constant makes of a constant is a constant.
DEFINITIONS: dict[str, Callable[[Counting], object]] = {
    "Abs": abs,
    "Neg": lambda x: -x,
    "Reciprocal": lambda x: 1 / x,
    "Exp": exp,
    "Relu": lambda x: largest(x, 0),
    "LeakyRelu": lambda x: choose(x < 0, A * x, x),
    "ThresholdedRelu": lambda x: choose(x > A, x, 0),
    "Elu": lambda x: choose(x < 0, A * (exp(x) - 1), x),
    "Selu": lambda x: C * choose(x < 0, A * (exp(x) - 1), x),
    "Celu": lambda x: largest(x, 0) + smallest(A * (exp(x / A) - 1), 0),
    "Sigmoid": sigmoid,
    "HardSigmoid": lambda x: largest(smallest(A * x + B, 1), 0),
    "HardSwish": lambda x: x * largest(smallest(A * x + B, 1), 0),
    "Softplus": lambda x: special("LOG", exp(x) + 1),
    "Softsign": lambda x: x / (1 + abs(x)),
    "Mish": lambda x: x * special("TANH", special("LOG", 1 + exp(x))),
    "Swish": lambda x: x * sigmoid(A * x),
    "Gelu": lambda x: A * x * (1 + special("ERF", x * B)),
    "Shrink": lambda x: choose(x < -A, x + B, choose(x > A, x - B, 0)),
    "Sinh": hyperbolic(lambda e, r: e - r),
    "Cosh": hyperbolic(lambda e, r: e + r),
    "Tan": lambda x: special("SIN", x) / special("COS", x),
    "Asinh": lambda x: special("LOG", x + special("SQRT", x * x + 1)),
    "Acosh": lambda x: special("LOG", x + special("SQRT", x * x - 1)),
    "Atanh": lambda x: A * special("LOG", (1 + x) / (1 - x)),
}


@pytest.mark.parametrize("op_type", DEFINITIONS)
@settings(max_examples=10, deadline=None)
@given(shape=st.lists(st.integers(1, 4), max_size=3).map(tuple))
def test_a_rule_does_what_the_definition_does_for_each_element(op_type: str, shape: tuple[int, ...]) -> None:
    tally: Counter[str] = Counter()
    for _ in indices(shape):
        DEFINITIONS[op_type](Counting(tally))
    found = cost(op_type, [shape], [shape])
    assert found.work is not None
    assert +Counter({"vector": found.work.vector_ops, **found.work.special}) == tally
    assert found.work.macs == 0


@pytest.mark.parametrize(
    ("op_type", "inputs", "missing"),
    [("Relu", [None], 0), ("Add", [(3, 4), None], 1), ("Add", [(3, 4)], 1), ("PRelu", [(3, 4)], 1), ("Pow", [], 0)],
)
def test_an_operand_that_is_missing_is_no_guess(
    op_type: str, inputs: list[tuple[int, ...] | None], missing: int
) -> None:
    found = cost(op_type, inputs, [(3, 4)])
    assert (found.coverage, found.work, found.reason) == (Coverage.UNKNOWN, None, f"input {missing} is missing")
