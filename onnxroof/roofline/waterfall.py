"""Of what is a latency made? Parts that add up to it: from the ideal at full peak to what is lost on the way.

`ideal` is the busiest engine with its array full, `spatial` what an array that is not full adds to it, `stall:L` what
level L adds while the engines wait, `serial:L` a level that does not overlap with compute, `serial:compute:E` an engine
that works in turn with all else, `launch` the starts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["IDEAL", "LAUNCH", "SPATIAL", "stalls"]

IDEAL, SPATIAL, LAUNCH = "ideal", "spatial", "launch"

FloatArray = npt.NDArray[np.float64]


def stalls(busy_s: FloatArray, levels_s: FloatArray, hides: npt.NDArray[np.bool_]) -> FloatArray:
    """(N, L) what each level adds while the engines wait for it.

    Levels that overlap with each other are peeled from the shortest to the longest: the part of each is what lies above
    all shorter terms. So the last one that is not zero is what raising that level alone could save.

    Args:
        busy_s: (N,) time of the busiest engine.
        levels_s: (N, L) time by level.
        hides: (N, L) whether a level overlaps with compute; the others stall nothing.
    """
    times = np.where(hides, levels_s, 0.0)
    order = np.argsort(times, axis=1, kind="stable")
    ascending = np.take_along_axis(times, order, axis=1)
    reached = np.maximum.accumulate(np.concatenate((busy_s[:, None], ascending), axis=1), axis=1)
    found = np.empty_like(times)
    np.put_along_axis(found, order, reached[:, 1:] - reached[:, :-1], axis=1)
    return found
