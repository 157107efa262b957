"""Which efficiencies of engines and levels do the published points of a target show, and what do they foretell?

The points of a target fall into two halves, every other one by id. On the first half the efficiencies are fitted that
the target's file has from nowhere else: one an engine, one of the outermost level, each group of the best plan slowed
by those that bind it; with fewer than twice as many points as numbers, one for all of them. The other half is
foretold. What binds nothing in `SHOWN` points stays 1: nothing is fitted to single points.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from onnxroof.targets.catalog import load_target

if TYPE_CHECKING:
    from validation.exam import Point

__all__ = ["FEWEST", "GRID", "WORTH", "Fit", "fits", "is_fitted", "median_factor"]

# Fewer points in either half say nothing.
FEWEST = 4

# An efficiency is fitted where it binds a tenth of the time of so many points.
SHOWN = 3

# An expected time that is off by more is not worth telling: its efficiencies are not put into `hwdb/`.
WORTH = 2.0

# Key of the source that efficiencies of the exam have in the files of `hwdb/`.
SOURCE = "exam"

# Fifteen steps a decade: 1, 0.86, 0.74 ... 0.01.
GRID = tuple(round(10 ** (-step / 15), 3) for step in range(31))


@dataclass(frozen=True)
class Fit:
    """Efficiencies of a target.

    Attributes:
        device: Id of the target.
        fitted_on: Points of the first half.
        efficiencies: By engine or level, those that were fitted.
        is_one: Whether they are one number for all.
        tried_on: Points of the other half, foretold.
        before: Median factor of the least times of the other half from what was measured.
        after: The same with the efficiencies.
        above: Of the other half, how many are foretold slower than they were measured.
    """

    device: str
    fitted_on: int
    efficiencies: Mapping[str, float]
    is_one: bool
    tried_on: int
    before: float
    after: float
    above: int

    @property
    def is_kept(self) -> bool:
        """Whether `hwdb/` has it."""
        return bool(self.efficiencies) and self.after <= WORTH


def is_fitted(device: str) -> bool:
    """Whether the file of a target has efficiencies that the exam fitted."""
    return any(quantity.source.key == SOURCE for quantity in load_target(device).efficiency.values())


def median_factor(pairs: Iterable[tuple[float, float]]) -> float:
    """Median of the factor between two times, whichever is larger."""
    return math.exp(median(abs(math.log(a / b)) for a, b in pairs))


def fits(found: Sequence[Point]) -> list[Fit]:
    """A fit for each target that has points enough and whose plans are not slower than what was measured."""
    groups: dict[str, list[Point]] = defaultdict(list)
    for point in found:
        if point.latency_s and point.terms and point.use != "bound_winograd":
            groups[point.device].append(point)
    made = []
    for device, points in sorted(groups.items()):
        points.sort(key=lambda point: str(point.record["id"]))
        first, other = points[::2], points[1::2]
        if len(other) >= FEWEST and all(p.latency_s <= p.measured for p in first if p.latency_s):
            made.append(_fit(device, first, other))
    return made


def _fit(device: str, first: Sequence[Point], other: Sequence[Point]) -> Fit:
    target = load_target(device)
    # What the exam itself has put into the file is fitted anew.
    known = {name: q.value for name, q in target.efficiency.items() if q.source.key != SOURCE}
    wanted = [engine.name for engine in target.engines if _is_shown(f"compute:{engine.name}", first)]
    wanted += [level.name for level in target.levels[:1] if _is_shown(f"memory:{level.name}", first)]
    wanted = [name for name in wanted if name not in known]
    is_one = len(first) < 2 * len(wanted)
    choices = [[value] * len(wanted) for value in GRID] if is_one else itertools.product(GRID, repeat=len(wanted))
    best, least = dict.fromkeys(wanted, 1.0), math.inf
    spread = [(_terms(point), point.measured) for point in first]
    for values in choices:
        trial = dict(zip(wanted, values, strict=True))
        error = sum(abs(math.log(_time(terms, known | trial) / measured)) for terms, measured in spread)
        if error < least - 1e-9:  # of equal ones the first, which has the numbers nearest to 1
            best, least = trial, error
    foretold = [(_time(_terms(point), known | best), point.measured) for point in other]
    return Fit(
        device=device,
        fitted_on=len(first),
        efficiencies={name: value for name, value in best.items() if value < 1},
        is_one=is_one,
        tried_on=len(other),
        before=median_factor((p.latency_s or 0.0, p.measured) for p in other),
        after=median_factor(foretold),
        above=sum(expected > measured for expected, measured in foretold),
    )


def _is_shown(term: str, points: Sequence[Point]) -> bool:
    """Whether a term is the longest in groups that take a tenth of the time, in `SHOWN` of the points."""
    shown = 0
    for point in points:
        longest = [max(terms.items(), key=lambda item: item[1]) for terms in point.terms if terms]
        whole = math.fsum(time for _, time in longest)
        shown += math.fsum(time for name, time in longest if name == term) >= whole / 10
    return shown >= SHOWN


def _terms(point: Point) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    """Of a point: times by name, each an array over groups; the launches; and the samples of a run."""
    names = dict.fromkeys(name for terms in point.terms for name in terms if name != "launch")
    columns = {name.partition(":")[2]: np.array([terms.get(name, 0.0) for terms in point.terms]) for name in names}
    return columns, np.array([terms.get("launch", 0.0) for terms in point.terms]), point.batch


def _time(terms: tuple[dict[str, np.ndarray], np.ndarray, int], efficiency: Mapping[str, float]) -> float:
    columns, launch, batch = terms
    slowed = [times / efficiency.get(name, 1.0) for name, times in columns.items()]
    return float((np.max(slowed, axis=0) + launch).sum()) / batch
