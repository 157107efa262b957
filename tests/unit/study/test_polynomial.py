"""Polynomials found from values."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.study.polynomial import Polynomial, interpolated


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({(1, 2): 12288, (1, 1): 54132736}, "12288*batch*seq^2 + 54132736*batch*seq"),
        ({(1, 0): 1, (0, 0): -3}, "batch - 3"),
        ({(0, 1): Fraction(-9, 4)}, "-9/4*seq"),
        ({(0, 2): -1, (0, 0): 7}, "-seq^2 + 7"),
        ({(0, 0): 1}, "1"),
        ({}, "0"),
    ],
)
def test_text(terms, text):
    assert str(Polynomial(("batch", "seq"), {p: Fraction(c) for p, c in terms.items()})) == text


def test_value():
    # 2 * 3 * 5^2 - 1/2 * 3 = 148.5
    found = Polynomial(("a", "b"), {(1, 2): Fraction(2), (1, 0): Fraction(-1, 2)})
    assert found([3, 5]) == Fraction(297, 2)


COEFFICIENTS = st.one_of(st.integers(1, 10**12), st.fractions(Fraction(1, 16), 50, max_denominator=16))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(1, 4))
def test_any_polynomial_of_positive_coefficients_is_found_exactly(data, count):
    degrees = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    wanted = data.draw(st.dictionaries(st.tuples(*(st.integers(0, d) for d in degrees)), COEFFICIENTS, max_size=6))
    nodes = [[data.draw(st.integers(1, 9)) + 9 * k for k in range(degree + 1)] for degree in degrees]

    def value(index):
        # fractions stand for counts here: the interpolation is exact for both
        point = [axis[i] for axis, i in zip(nodes, index, strict=True)]
        total = Fraction(0)
        for powers, factor in wanted.items():
            product = Fraction(factor)
            for x, n in zip(point, powers, strict=True):
                product *= x**n
            total += product
        return total

    found = interpolated([f"n{i}" for i in range(count)], nodes, degrees, value)
    assert dict(found.terms) == {powers: Fraction(factor) for powers, factor in wanted.items()}


def test_six_names_take_few_values():
    # a*b + c*d + e*f: a full grid would take 2^6 = 64 values
    asked = []

    def value(index):
        asked.append(index)
        a, b, c, d, e, f = (2 + 3 * i for i in index)
        return a * b + c * d + e * f

    assert str(interpolated("abcdef", [[2, 5]] * 6, [1] * 6, value)) == "a*b + c*d + e*f"
    # the constant, 6 names, their 15 pairs: no triple has all of its pairs
    assert len(asked) == 1 + 6 + 15


def test_a_function_that_is_not_known_somewhere_is_no_polynomial():
    assert interpolated("x", [[1, 2]], [1], lambda index: None if index[0] else 1) is None


def test_terms_stand_by_falling_degree_and_then_by_name():
    grid = list(itertools.product(range(3), repeat=2))
    nodes = [[1, 2, 3]] * 2
    found = interpolated("xy", nodes, [2, 2], lambda i: sum((1 + i[0]) ** a * (1 + i[1]) ** b for a, b in grid))
    assert list(found.terms) == [(2, 2), (2, 1), (1, 2), (2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)]
