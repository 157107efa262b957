"""The least of an Einsum, against every order of sums and products, each of them run on numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from tests.oracles.build import cost

Array = npt.NDArray[np.int64]


def least_macs(found: OpCost) -> int:
    assert found.least_work is not None
    return found.least_work.macs


def counted(equation: str, sizes: dict[str, int]) -> OpCost:
    left, right = equation.split("->")
    shapes = [tuple(sizes[label] for label in term) for term in left.split(",")]
    return cost("Einsum", shapes, [tuple(sizes[label] for label in right)], {"equation": equation})


def fewest(parts: Sequence[tuple[str, Array]], result: str, expected: Array) -> int:
    """Products of the cheapest order: sum out what one part alone has, multiply any two, until one part is left."""

    def summed(which: int) -> tuple[str, Array]:
        labels, numbers = parts[which]
        others = {label for i, (other, _) in enumerate(parts) if i != which for label in other}
        kept = "".join(dict.fromkeys(label for label in labels if label in others or label in result))
        return kept, np.einsum(f"{labels}->{kept}", numbers)

    parts = [summed(i) for i in range(len(parts))]
    if len(parts) == 1:
        ((labels, numbers),) = parts
        np.testing.assert_array_equal(np.einsum(f"{labels}->{result}", numbers), expected)
        return 0
    found = []
    for i, j in itertools.combinations(range(len(parts)), 2):
        (left, x), (right, y) = parts[i], parts[j]
        both = "".join(dict.fromkeys(left + right))
        product = np.einsum(f"{left},{right}->{both}", x, y)
        rest = [part for k, part in enumerate(parts) if k not in (i, j)]
        found.append(product.size + fewest([*rest, (both, product)], result, expected))
    return min(found)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("abcd", min_size=1, max_size=3), min_size=2, max_size=4),
    st.fixed_dictionaries(dict.fromkeys("abcd", st.integers(1, 4))),
    st.data(),
)
def test_the_cheapest_of_all_orders(terms, sizes, data):
    used = sorted(set("".join(terms)))
    result = "".join(data.draw(st.lists(st.sampled_from(used), unique=True)))
    equation = f"{','.join(terms)}->{result}"
    rng = np.random.default_rng(7)
    numbers = [rng.integers(0, 9, tuple(sizes[label] for label in term)) for term in terms]
    found = counted(equation, sizes)
    assert least_macs(found) == fewest(
        list(zip(terms, numbers, strict=True)), result, np.einsum(equation, *numbers)
    )  # fmt: skip
    assert found.work is not None
    assert found.work.macs >= least_macs(found)


def test_two_row_sums_and_an_outer_product():
    found = counted("ab,cd->ac", {"a": 1024, "b": 256, "c": 1024, "d": 256})
    assert found.work is not None
    assert (found.work.macs, least_macs(found)) == (1024 * 256 * 1024 * 256, 1024 * 1024)


def test_a_product_of_matrices_has_nothing_to_sum_before():
    assert counted("bij,bjk->bik", {"b": 2, "i": 3, "j": 4, "k": 5}).least is None


def test_what_is_broadcast_is_summed_in_the_other_operand():
    # j has 1 place in the first operand: sum over the 5 of the second, then 3 x 4 products
    found = cost("Einsum", [(3, 1), (5, 4)], [(3, 4)], {"equation": "ij,jk->ik"})
    assert least_macs(found) == 3 * 4


def test_of_many_operands_the_least_is_a_bound():
    # A chain of ten 2 x 3, 3 x 2 ... matrices: the result has 2 x 2 places, each operand 6.
    letters = "abcdefghijk"
    sizes = {label: 2 + i % 2 for i, label in enumerate(letters)}
    found = counted(",".join(letters[i : i + 2] for i in range(10)) + "->ak", sizes)
    assert least_macs(found) == 6
    assert found.work is not None
    # left to right: a, then two neighbours of 2 and 3 places at each of nine steps
    assert found.work.macs == 9 * math.prod((2, 2, 3))
