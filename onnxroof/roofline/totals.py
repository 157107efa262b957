"""Sums over groups of a target: their times, energies, traffic, and what explains them, in words and by name.

Axes as in `roofline.sheet`: N kinds of groups, of which each occurs so often. Unknown is contagious: a sum with an
unknown part is None, or has no entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxroof.roofline.regimes import Regime, Regimes, energy_regime, time_words, together
from onnxroof.roofline.sheet import Sheet
from onnxroof.roofline.waterfall import IDEAL, LAUNCH, SPATIAL
from onnxroof.targets.model import Target

__all__ = ["Sums"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Groups on a target.

    Attributes:
        target: The target.
        kinds: Sheets, and which of their rows are kinds of the groups: N rows in all.
        counts: (N,) groups of each kind.
    """

    target: Target
    kinds: Sequence[tuple[Sheet, IntArray]]
    counts: FloatArray

    def of(self, figures: Callable[[Sheet], npt.NDArray[_T]]) -> npt.NDArray[_T]:
        """(N, ...) some figures of the kinds."""
        parts = [figures(sheet)[rows] for sheet, rows in self.kinds]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def total(self, figures: Callable[[Sheet], FloatArray]) -> float | None:
        """The sum of figures (N,); None where one of them is unknown."""
        found = self._total(figures)
        return None if math.isnan(found) else found

    def _total(self, figures: Callable[[Sheet], FloatArray]) -> float:
        """The same, NaN where one is unknown."""
        return math.fsum((self.of(figures) * self.counts).tolist())

    def totals(self, figures: Callable[[Sheet], FloatArray]) -> list[float]:
        """The sums of figures (N, M)."""
        found: list[float] = (self.counts @ self.of(figures)).tolist()
        return found

    def by_level(self, figures: Callable[[Sheet], FloatArray]) -> dict[str, float]:
        """Sums of figures (N, L) by the name of the level."""
        return dict(zip((level.name for level in self.target.levels), self.totals(figures), strict=False))

    @property
    def is_known(self) -> bool:
        """Whether the work of all is."""
        return bool(self.of(lambda sheet: sheet.rows.is_known).all())

    @property
    def says_time(self) -> bool:
        """Whether anything of them takes time."""
        return (
            any(level.is_timed for level in self.target.levels)
            or bool(self.of(lambda sheet: sheet.rows.runs).any())
            or bool(self.of(lambda sheet: sheet.launch_s).any())
        )

    @property
    def mix_s(self) -> float:
        """Time of the busiest engine over all groups, every array full."""
        return max(self.totals(lambda sheet: sheet.rows.full_engines_s), default=0.0)

    @property
    def energy_terms_j(self) -> dict[str, float]:
        """Energy by `compute`, `memory:LEVEL`, and `static` where that is known; {} where the energy is not."""
        if self.total(lambda sheet: sheet.energy_j) is None or (self.target.static_power and not self.says_time):
            return {}
        found = {"compute": self._total(lambda sheet: sheet.rows.compute_j)}
        found.update((f"memory:{name}", energy) for name, energy in self.by_level(lambda one: one.levels_j).items())
        if self.target.static_power is not None:
            found["static"] = self._total(lambda sheet: sheet.static_j)
        return found

    @property
    def waterfall_s(self) -> dict[str, float]:
        """Parts that add up to the latency, as `roofline.waterfall` names them; {} where that is unknown."""
        if not len(self.counts) or not self.says_time or self.total(lambda sheet: sheet.latency_s) is None:
            return {}
        target = self.target
        ideal_s, busy_s = self.of(lambda sheet: sheet.ideal_s), self.of(lambda sheet: sheet.busy_s)
        found = {IDEAL: float(ideal_s @ self.counts), SPATIAL: float((busy_s - ideal_s) @ self.counts)}
        for level, time in zip(target.levels, self.totals(lambda sheet: sheet.stalls_s), strict=False):
            if level.is_timed and level.overlaps:
                found[f"stall:{level.name}"] = time
        runs = np.logical_or.reduce(self.of(lambda sheet: sheet.rows.runs), axis=0).tolist()
        engines_s = self.totals(lambda sheet: sheet.rows.engines_s)
        for engine, time, has_work in zip(target.engines, engines_s, runs, strict=False):
            if has_work and not engine.overlaps:
                found[f"serial:compute:{engine.name}"] = time
        for level, time in zip(target.levels, self.totals(lambda sheet: sheet.levels_s), strict=False):
            if level.is_timed and not level.overlaps:
                found[f"serial:{level.name}"] = time
        found[LAUNCH] = float(self.of(lambda sheet: sheet.launch_s) @ self.counts)
        return found

    @property
    def regime(self) -> Regime:
        """The regime of most of the time, with sums over the groups; of the energy alone where nothing says a time."""
        if not self.says_time:
            return Regime(energy=energy_regime(self.energy_terms_j))
        names = [engine.name for engine in self.target.engines]
        names += [""] * (self.kinds[0][0].rows.engines_s.shape[1] - len(names))  # of targets that have more
        seconds = Regimes(
            time=self.of(lambda sheet: sheet.regimes.time),
            roof_s=self.of(lambda sheet: sheet.regimes.roof_s),
            reload_s=self.of(lambda sheet: sheet.regimes.reload_s),
            lost_s=self.of(lambda sheet: sheet.regimes.lost_s),
        )
        return together(
            time_words(names, [level.name for level in self.target.levels]), seconds,
            self.of(lambda sheet: sheet.power_s), self.of(lambda sheet: sheet.latency_s), self.counts,
            self.energy_terms_j,
        )  # fmt: skip
