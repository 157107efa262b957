"""Which runs cut a row of steps at the least cost, if what a run costs is worked out only where it matters?

Each run has a bound that its cost is not below. The least path by these costs and bounds is found by dynamic
programming; where a run on it has a bound only, a better one or its cost is asked for, and the path found again. When
all runs on the path have their cost, no other can be less: theirs are at least their bounds. (Lazy shortest paths:
Dellin and Srinivasa, ICAPS 2016.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, MutableSequence, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["least_path"]

IntArray = npt.NDArray[np.int64]

TIE = 1e-12
"""A run has to be better by this part of the cost: in a tie the steps stay apart, or the shorter run wins."""


def least_path(
    alone: Sequence[float],
    runs: IntArray,
    costs: MutableSequence[float],
    closer: Callable[[Sequence[int]], Sequence[tuple[float, bool]]],
    below: float = math.inf,
    known: Iterable[int] = (),
) -> tuple[tuple[int, int, int], ...] | None:
    """The runs of the least sum, in order: (first step, last step, kind), the kind -1 for a step that stays alone.

    None where no path is less than `below`, which is often seen before all costs on the path are known.

    Args:
        alone: Cost of each step alone.
        runs: (R, 3) first step, last step and kind; of those that end with one step the preferred ones first.
        costs: By kind a cost or a bound that it is not below; what was asked for is put in.
        closer: A better bound of each of some kinds, or its cost, infinite where it cannot be; and whether it is the
            cost. Asked until it is.
        below: A path is wanted only if it costs less.
        known: Kinds of which `costs` has the cost.
    """
    known = set(known)
    ending = _ending(alone, runs, costs)
    earliest = dict(zip(runs[::-1, 2].tolist(), runs[::-1, 1].tolist(), strict=True))
    walk = _Walk(alone, ending)
    changed = 0
    while True:
        path, total = walk.path(costs, changed)
        if total >= below:
            return None
        unknown = list(dict.fromkeys(kind for _, _, kind in path if kind >= 0 and kind not in known))
        if not unknown:
            return path
        for kind, (cost, is_exact) in zip(unknown, closer(unknown), strict=True):
            costs[kind] = cost
            if is_exact:
                known.add(kind)
        changed = min(earliest[kind] for kind in unknown)


def _ending(alone: Sequence[float], runs: IntArray, costs: Sequence[float]) -> Sequence[Sequence[tuple[int, int]]]:
    """For each step the runs that end with it, (first step, kind), without those that cost more than their steps."""
    found: list[list[tuple[int, int]]] = [[] for _ in alone]
    before = np.concatenate(([0.0], np.cumsum(alone)))
    first, last, kind = runs.T
    for one in runs[np.array(costs)[kind] < before[last + 1] - before[first]].tolist():
        found[one[1]].append((one[0], one[2]))
    return found


class _Walk:
    """Least paths to all steps, found again from the first step on to which one could be another.

    Args:
        alone: Cost of each step.
        ending: For each step the runs that end with it, (first step, kind).
    """

    def __init__(self, alone: Sequence[float], ending: Sequence[Sequence[tuple[int, int]]]) -> None:
        self._alone, self._ending = alone, ending
        self._best = [0.0] * (len(alone) + 1)
        self._back = [(step, -1) for step in range(len(alone))]

    def path(self, costs: Sequence[float], changed: int) -> tuple[tuple[tuple[int, int, int], ...], float]:
        """The least path and its sum, where no cost of a run has changed that ends before a step."""
        best, back = self._best, self._back
        for last in range(changed, len(back)):
            least, origin = best[last] + self._alone[last], (last, -1)
            bar = least * (1 - TIE)
            for first, kind in self._ending[last]:
                total = best[first] + costs[kind]
                if total < bar:
                    least, origin, bar = total, (first, kind), total * (1 - TIE)
            best[last + 1], back[last] = least, origin
        found: list[tuple[int, int, int]] = []
        last = len(back) - 1
        while last >= 0:
            first, kind = back[last]
            found.append((first, last, kind))
            last = first - 1
        return tuple(reversed(found)), best[-1]
