"""How many cycles does a systolic array take for a matrix product, with filling and draining it?

A systolic array hands operands from unit to unit, so a wave needs rows + columns steps to pass, and each fold of the
problem onto the array pays for it. `latency_s` and `mapped_latency_s` leave that out: it hides where the next fold is
loaded behind the present one, which a target does not say. This is what it costs where it does not hide.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["Stationary", "systolic_cycles"]

Stationary = Literal["weight", "input", "output"]


def systolic_cycles(m: int, n: int, k: int, *, rows: int, columns: int, stationary: Stationary) -> int:
    """Cycles for C[m, n] += A[m, k] B[k, n], folds one after the other.

    A fold with weights that stay (k along the rows, n along the columns) takes `rows` cycles to load them and
    m + rows + columns - 2 until the last of m waves has left; with inputs that stay likewise, m along the columns and
    n waves; with outputs that stay (m along the rows, n along the columns) k + rows + columns - 2. The counts are those
    of SCALE-Sim (Samajdar et al.), which reports the number of the last cycle, counted from 0: one less.
    """
    wave = rows + columns - 2
    if stationary == "output":
        return -(-m // rows) * -(-n // columns) * (k + wave)
    waves, across = (m, n) if stationary == "weight" else (n, m)
    return -(-k // rows) * -(-across // columns) * (waves + rows + wave)
