"""Which runs cut a row of steps at the least cost, if what a run costs is worked out only where it matters?

Each run has a bound that its cost is not below. The least path by these costs and bounds is found by dynamic
programming; where a run on it has a bound only, a better one or its cost is asked for, and the path found again. When
all runs on the path have their cost, no other can be less: theirs are at least their bounds. (Lazy shortest paths:
Dellin and Srinivasa, ICAPS 2016.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, MutableSequence, Sequence

__all__ = ["least_path"]

TIE = 1e-12
"""A run has to be better by this part of the cost: in a tie the steps stay apart, or the shorter run wins."""


def least_path(
    alone: Sequence[float],
    runs: Sequence[Sequence[tuple[int, int]]],
    costs: MutableSequence[float],
    closer: Callable[[Sequence[int]], Sequence[tuple[float, bool]]],
    below: float = math.inf,
) -> tuple[tuple[int, int, int], ...] | None:
    """The runs of the least sum, in order: (first step, last step, kind), the kind -1 for a step that stays alone.

    None where no path is less than `below`, which is often seen before all costs on the path are known.

    Args:
        alone: Cost of each step alone.
        runs: For each step those that end with it: (first step, kind), the preferred ones first.
        costs: By kind a cost or a bound that it is not below; what was asked for is put in.
        closer: A better bound of each of some kinds, or its cost, infinite where it cannot be; and whether it is the
            cost. Asked until it is.
        below: A path is wanted only if it costs less.
    """
    known: set[int] = set()
    while True:
        path, total = _walked(alone, runs, costs)
        if total >= below:
            return None
        unknown = list(dict.fromkeys(kind for _, _, kind in path if kind >= 0 and kind not in known))
        if not unknown:
            return path
        for kind, (cost, is_exact) in zip(unknown, closer(unknown), strict=True):
            costs[kind] = cost
            if is_exact:
                known.add(kind)


def _walked(
    alone: Sequence[float], runs: Sequence[Sequence[tuple[int, int]]], costs: Sequence[float]
) -> tuple[tuple[tuple[int, int, int], ...], float]:
    """The least path and its sum."""
    best = [0.0]
    back: list[tuple[int, int]] = []
    for last, (own, found) in enumerate(zip(alone, runs, strict=True)):
        least, origin = best[last] + own, (last, -1)
        for run in found:
            total = best[run[0]] + costs[run[1]]
            if total < least * (1 - TIE):
                least, origin = total, run
        best.append(least)
        back.append(origin)
    path: list[tuple[int, int, int]] = []
    last = len(back) - 1
    while last >= 0:
        first, kind = back[last]
        path.append((first, last, kind))
        last = first - 1
    return tuple(reversed(path)), best[-1]
