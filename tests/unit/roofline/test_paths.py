"""The least path against every way to cut the steps, and how many costs are asked for."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from onnxroof.roofline.paths import least_path

STEPS = 8


def each(one: Callable[[int], tuple[float, bool]]) -> Callable[[Sequence[int]], list[tuple[float, bool]]]:
    """Of several kinds what is known of each."""
    return lambda kinds: [one(kind) for kind in kinds]


def table(runs: Sequence[Sequence[tuple[int, int]]]) -> npt.NDArray[np.int64]:
    """First step, last step and kind of runs that are given for each step that they end with."""
    listed = [(first, last, kind) for last, here in enumerate(runs) for first, kind in here]
    return np.array(listed, dtype=np.int64).reshape(-1, 3)


def every_path(runs: list[list[tuple[int, int]]]) -> list[list[tuple[int, int, int]]]:
    """All sequences of single steps and runs that cover the steps."""
    found: list[list[list[tuple[int, int, int]]]] = [[[]]]
    for last in range(len(runs)):
        here = [[*path, (last, last, -1)] for path in found[last]]
        for first, kind in runs[last]:
            here += [[*path, (first, last, kind)] for path in found[first]]
        found.append(here)
    return found[-1]


@pytest.mark.parametrize("seed", range(20))
def test_the_least_of_all_paths_is_found_with_few_costs(seed: int) -> None:
    draw = random.Random(seed)
    alone = [draw.uniform(1, 2) for _ in range(STEPS)]
    pairs = [(first, last) for last in range(STEPS) for first in range(max(0, last - 3), last)]
    kinds = {pair: number for number, pair in enumerate(pairs)}
    runs = [
        [(first, kinds[first, last]) for first in range(last - 1, max(0, last - 3) - 1, -1)] for last in range(STEPS)
    ]
    # A run saves something or costs more than its steps; some cannot be. The bound is what it would cost at best.
    costs = [
        math.inf if draw.random() < 0.1 else sum(alone[first : last + 1]) * draw.uniform(0.5, 1.2)
        for first, last in pairs
    ]
    bounds = [
        min(cost, sum(alone[first : last + 1])) * draw.choice([0.7, 0.9, 1.0])
        for cost, (first, last) in zip(costs, pairs, strict=True)
    ]
    asked: list[int] = []

    def closer(kind: int) -> tuple[float, bool]:
        """Of half of the kinds first a better bound, then the cost."""
        asked.append(kind)
        if kind % 2 and kind not in asked[:-1]:
            return min(costs[kind], bounds[kind] * 1.05), False
        return costs[kind], True

    def exact(kind: int) -> tuple[float, bool]:
        return costs[kind], True

    path = least_path(alone, table(runs), list(bounds), each(closer))
    assert path is not None

    def total(one: list[tuple[int, int, int]]) -> float:
        return math.fsum(alone[last] if kind < 0 else costs[kind] for _, last, kind in one)

    assert total(list(path)) == pytest.approx(min(map(total, every_path(runs))), rel=1e-11)
    assert all(asked.count(kind) <= 1 + kind % 2 for kind in asked)
    assert {kind for _, _, kind in path if kind >= 0} <= set(asked)
    # None is asked for whose bound rules out every path through it.
    best = total(list(path))
    assert least_path(alone, table(runs), list(bounds), each(exact), below=best * (1 + 1e-9)) == path
    assert least_path(alone, table(runs), list(bounds), each(exact), below=best * (1 - 1e-9)) is None
    for kind in set(range(len(pairs))) - set(asked):
        assert costs[kind] >= bounds[kind]
    optimistic = {kind: bounds[kind] for kind in range(len(pairs))}
    for kind in set(asked):
        through = [one for one in every_path(runs) if any(k == kind for _, _, k in one)]
        least = min(math.fsum(alone[b] if k < 0 else optimistic[k] for _, b, k in one) for one in through)
        assert least <= best * (1 + 1e-9)


def test_in_a_tie_steps_stay_apart_and_the_first_run_wins() -> None:
    # Steps of 1 each; runs of 2, 2 and 3 steps for as much as their steps, then for 1 less each: of the first run and
    # a step, a step and the second, or all three for 2, the first found stays.
    runs: list[list[tuple[int, int]]] = [[], [(0, 0)], [(1, 1), (0, 2)]]
    costs = [2.0, 2.0, 3.0]
    apart = tuple((step, step, -1) for step in range(3))
    assert least_path([1.0] * 3, table(runs), list(costs), each(lambda kind: (costs[kind], True))) == apart
    found = least_path([1.0] * 3, table(runs), [1.0, 1.0, 2.0], each(lambda kind: (costs[kind] - 1, True)))
    assert found == ((0, 1, 0), (2, 2, -1))


def test_no_steps_have_an_empty_path() -> None:
    assert least_path([], table([]), [], each(lambda kind: (math.nan, True))) == ()


def test_a_bound_that_is_never_reached_is_asked_for_once() -> None:
    counts = itertools.count()

    def exact(kind: int) -> tuple[float, bool]:
        next(counts)
        return math.inf, True

    assert least_path([1.0, 1.0], table([[], [(0, 0)]]), [0.5], each(exact)) == ((0, 0, -1), (1, 1, -1))
    assert next(counts) == 1


def test_costs_that_are_known_are_not_asked_for() -> None:
    asked: list[int] = []

    def exact(kind: int) -> tuple[float, bool]:
        asked.append(kind)
        return 2.5, True

    # Two runs of two steps: one for 1, which is known, one with a bound of 0.5, which costs more than its steps.
    runs = table([[], [(0, 0)], [], [(2, 1)]])
    path = least_path([1.0] * 4, runs, [1.0, 0.5], each(exact), known=[0])
    assert path == ((0, 1, 0), (2, 2, -1), (3, 3, -1))
    assert asked == [1]


def test_nothing_is_asked_for_where_bounds_rule_out_what_is_wanted() -> None:
    def exact(kind: int) -> tuple[float, bool]:
        raise AssertionError

    assert least_path([2.0, 2.0], table([[], [(0, 0)]]), [3.0], each(exact), below=3.0) is None
