"""Sums over the points of two progressions, and the nearest of them, against all points."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.mapping.lattice import Lattice, least_remainder


def lattice(start: int, steps: tuple[int, int], counts: tuple[int, int]) -> Lattice:
    one, other = ((np.array([first]), np.array([second])) for first, second in (steps, counts))
    return Lattice(np.array([start]), one, other)


COUNTS, STEPS = st.tuples(st.integers(0, 30), st.integers(0, 30)), st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(derandomize=True, deadline=None, max_examples=400, database=None)
@given(st.integers(-300, 300), STEPS, COUNTS, st.integers(-200, 900))
def test_points_of_two_progressions(start: int, steps: tuple[int, int], counts: tuple[int, int], place: int) -> None:
    points = [start + steps[0] * i + steps[1] * j for i in range(counts[0]) for j in range(counts[1])]
    found = lattice(start, steps, counts)
    assert found.twice_above(np.array([place]))[0] == 2 * sum(point - place for point in points if point > place)
    above = min((point - place for point in points if point >= place), default=1 << 62)
    assert found.next_above(np.array([place]))[0] == above
    below = min((place - point for point in points if point <= place), default=1 << 62)
    if points:
        assert found.last[0] == max(points)
        assert found.mirrored.next_above(np.array([-place]))[0] == below


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(st.integers(1, 200), st.integers(0, 300), st.integers(0, 300), st.integers(1, 120))
def test_least_remainder(count: int, factor: int, start: int, divisor: int) -> None:
    found = least_remainder(*(np.array([number]) for number in (count, factor, start, divisor)))
    assert found[0] == min((factor * t + start) % divisor for t in range(count))


def test_a_billion_by_a_billion_points() -> None:
    n = 10**9
    found = lattice(0, (1, 1), (n, n))
    # The three greatest sums i + j are 2n - 2, twice 2n - 3, and so on: above 2n - 4 lie 2 and twice 1.
    assert found.twice_above(np.array([2 * n - 4]))[0] == 2 * (2 + 2 * 1)
    # Far below all points a difference of two places is as many points: each is one farther from the lower one.
    nearer, farther = (found.twice_above(np.array([place]))[0] for place in (-5, -6))
    assert int(farther) - int(nearer) == 2 * n * n
    # multiples of 6 and 10 are even
    assert lattice(0, (6, 10), (n, n)).next_above(np.array([10**6 + 1]))[0] == 1
