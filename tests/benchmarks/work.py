"""Processor time of work in this process, held against a fixed piece of numpy work in the same run.

Others may share the processor, and a slower machine should not fail: figures are the least of several, and a limit in
milliseconds holds for a machine that does the fixed work in `UNIT`; on a slower one it is longer by as much.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

__all__ = ["UNIT", "least", "unit"]

UNIT = 2.0
"""Milliseconds that the fixed work took where the limits were set."""


def least(action: Callable[[], object], rounds: int = 7, before: Callable[[], object] | None = None) -> float:
    """Milliseconds of processor time, without those of what is done `before` each round."""
    found = []
    for _ in range(rounds):
        if before is not None:
            before()
        begin = time.process_time()
        action()
        found.append(time.process_time() - begin)
    return min(found) * 1e3


def unit() -> float:
    """100 products of 100,000 numbers, element by element."""
    values = np.random.default_rng(0).random(100_000)
    result = values.copy()

    def work() -> None:
        for _ in range(100):
            np.multiply(values, values, out=result)

    return least(work)
