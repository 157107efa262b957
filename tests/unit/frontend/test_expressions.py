"""Dimensions written as formulas."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.frontend.expressions import evaluate_dim, names_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("past_sequence + sequence", 107),
        ("sequence + past_sequence - 1", 106),
        ("2*sequence", 14),
        ("floor(sequence/2)", 3),
        ("ceiling(sequence/2)", 4),
        ("floor(sequence/2 - 1/2) + 1", 4),  # floor(3.0) + 1
        ("floor(past_sequence/2 - 1/2) + 1", 50),  # floor(49.5) + 1
        ("sequence//2", 3),
        ("sequence % 4", 3),
        ("Mod(sequence, 4)", 3),
        ("sequence**2", 49),
        ("sequence^2", 49),
        ("Max(1, sequence, 3)", 7),
        ("min(sequence, 3)", 3),
        ("-sequence + 10", 3),
        ("sequence/2", 3),  # 3.5 is no extent
        ("(sequence + 1) * (past_sequence - 99)", 8),
        ("p2o.DynamicDimension.0 + 1", 6),
        ("64", 64),
    ],
)
def test_values(text, value):
    names = {"sequence": 7, "past_sequence": 100, "p2o.DynamicDimension.0": 5}
    assert evaluate_dim(text, names) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "a b",
        "unknown_name",
        "a.__class__",
        "__import__('os')",
        "a if b else c",
        "a[0]",
        "'a'",
        "1.5",
        "True",
        "a/0",
        "a % 0",
        "a//0",
        "9**9",
        "a**-1",
        "f(a)",
        "floor(a, b)",
        "floor()",
        "Max()",
        "lambda: 0",
        "a := 3",
        "1if a",
        "1(2)",
        "\0",
        "a" * 500,
        "(" * 300 + "a" + ")" * 300,
        "+".join(["a"] * 390),
        "((((9**4)**4)**4)**4)",
        "((((1/9)**4)**4)**4)**4",
    ],
)
def test_what_is_no_expression_has_no_value_and_costs_nothing(text):
    assert evaluate_dim(text, {"a": 4, "b": 2}) is None


def test_a_deep_formula_is_no_crash():
    assert evaluate_dim("-" * 390 + "a", {"a": 4}) in (None, 4)


TREES = st.recursive(
    st.one_of(st.integers(0, 99), st.sampled_from(["a", "bb", "c_1"])),
    lambda inner: st.tuples(st.sampled_from(["+", "-", "*", "/", "//", "floor", "ceiling", "max"]), inner, inner),
    max_leaves=12,
)
VALUES = {"a": 3, "bb": 10, "c_1": 128}


def written(tree):
    if not isinstance(tree, tuple):
        return str(tree)
    sign, left, right = tree
    if sign in ("floor", "ceiling"):
        return f"{sign}({written(left)} - {written(right)})"
    return f"max({written(left)}, {written(right)})" if sign == "max" else f"({written(left)} {sign} {written(right)})"


def exact(tree):
    """The value by the definition of each sign, over the tree and not over its text."""
    if not isinstance(tree, tuple):
        return Fraction(VALUES.get(tree, tree))
    sign, left, right = tree[0], exact(tree[1]), exact(tree[2])
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "//": lambda: Fraction(math.floor(left / right)),
        "floor": lambda: Fraction(math.floor(left - right)),
        "ceiling": lambda: Fraction(math.ceil(left - right)),
        "max": lambda: max(left, right),
    }[sign]()


@given(TREES)
def test_any_tree_has_its_exact_value_rounded_down(tree):
    try:
        value = math.floor(exact(tree))
    except ZeroDivisionError:
        value = None
    found = evaluate_dim(written(tree), VALUES)
    too_large = len(written(tree)) > 400 or value is None or abs(value) >= 2**63
    assert found == value or (found is None and (too_large or _is_large_inside(tree)))


def _is_large_inside(tree):
    if not isinstance(tree, tuple):
        return False
    value = exact(tree)
    return abs(value) >= 2**63 or value.denominator >= 2**63 or any(_is_large_inside(t) for t in tree[1:])


def test_names_are_listed_once_and_functions_are_none():
    assert names_of("floor(a/2) + Max(b.c, a) - 3") == ("a", "b.c")
