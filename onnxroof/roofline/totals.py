"""Sums over groups of a target: their times, energies, traffic, and what explains them, in words and by name.

Axes as in `roofline.sheet`: N kinds of groups, of which each occurs so often (`counts`, (N,)). Unknown is contagious: a
sum with an unknown part is None, or has no entries.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from onnxroof.roofline.regimes import Regime, time_words, together
from onnxroof.roofline.sheet import Sheet
from onnxroof.roofline.waterfall import IDEAL, LAUNCH, SPATIAL
from onnxroof.targets.model import Target

__all__ = ["by_level", "energy_terms_j", "mix_s", "regime", "total", "waterfall_s"]

FloatArray = npt.NDArray[np.float64]


def total(values: FloatArray, counts: FloatArray) -> float | None:
    """The sum of values (N,) that occur so often."""
    found = math.fsum((values * counts).tolist())
    return None if math.isnan(found) else found


def by_level(target: Target, values: FloatArray, counts: FloatArray) -> dict[str, float]:
    """Sums of values (N, L) by the name of the level."""
    return dict(zip((level.name for level in target.levels), (counts @ values).tolist(), strict=False))


def mix_s(sheet: Sheet, counts: FloatArray) -> float:
    """Time of the busiest engine over all groups, every array full."""
    return float((counts @ sheet.rows.full_engines_s).max(initial=0.0))


def energy_terms_j(target: Target, sheet: Sheet, counts: FloatArray) -> dict[str, float]:
    """Energy by `compute`, `memory:LEVEL`, and `static` where that is known."""
    if np.isnan(sheet.energy_j).any():
        return {}
    found = {"compute": math.fsum((sheet.rows.compute_j * counts).tolist())}
    found.update((f"memory:{name}", energy) for name, energy in by_level(target, sheet.levels_j, counts).items())
    if target.static_power is not None:
        found["static"] = math.fsum((sheet.static_j * counts).tolist())
    return found


def waterfall_s(target: Target, sheet: Sheet, counts: FloatArray) -> dict[str, float]:
    """Parts that add up to the latency, as `roofline.waterfall` names them."""
    if not len(counts) or np.isnan(sheet.latency_s).any():
        return {}
    found = {IDEAL: float(sheet.ideal_s @ counts), SPATIAL: float((sheet.busy_s - sheet.ideal_s) @ counts)}
    stalls_s, levels_s = (counts @ sheet.stalls_s).tolist(), (counts @ sheet.levels_s).tolist()
    for level, time in zip(target.levels, stalls_s, strict=False):
        if level.is_timed and level.overlaps:
            found[f"stall:{level.name}"] = time
    runs = np.logical_or.reduce(sheet.rows.runs, axis=0).tolist()
    for engine, time, has_work in zip(target.engines, (counts @ sheet.rows.engines_s).tolist(), runs, strict=False):
        if has_work and not engine.overlaps:
            found[f"serial:compute:{engine.name}"] = time
    for level, time in zip(target.levels, levels_s, strict=False):
        if level.is_timed and not level.overlaps:
            found[f"serial:{level.name}"] = time
    found[LAUNCH] = float(sheet.launch_s @ counts)
    return found


def regime(target: Target, sheet: Sheet, counts: FloatArray) -> Regime:
    """The regime of most of the time, with sums over the groups."""
    names = [engine.name for engine in target.engines]
    names += [""] * (sheet.rows.engines_s.shape[1] - len(names))  # of targets that have more
    words = time_words(names, [level.name for level in target.levels])
    return together(words, sheet.regimes, sheet.power_s, sheet.latency_s, counts, energy_terms_j(target, sheet, counts))
