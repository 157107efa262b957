"""Times, energies, and what explains them, of many groups on many targets at once.

Axes: N groups, E engines, L levels, outermost first. The time of a group is the longest of the times of its engines and
of the levels that overlap with compute, plus what does not overlap, plus its launches; its energy is the sum of that of
its work, of its bytes at each level, and of static power over its time. Unknown is NaN and stays NaN in sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.roofline.machines import Machines
from onnxroof.roofline.regimes import Regimes, regimes
from onnxroof.roofline.waterfall import stalls

__all__ = ["Rows", "Sheet", "level_energies_j", "level_times_s", "together_s"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SAME = 1e-9  # bytes are sums of floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """What groups ask of their targets; all trips.

    Attributes:
        engines_s: (N, E) time by engine, work that is done again among it.
        full_engines_s: (N, E) the same with every array full.
        runs: (N, E) whether an engine has work of a known rate.
        compute_j: (N,) energy of the work, NaN where unknown.
        doubtful_s, doubtful_j: (N, E), (N,) what of the engines' times and energies rests on uncertain numbers.
        read_bytes, write_bytes: (N, L) traffic.
        saved_bytes: (N, L) what does not move because of what stays on chip around a group.
        whole_bytes: (N,) what must cross a level whatever is inside it, if nothing stays there.
        least_bytes: (N, L) what would cross if each byte did so once.
        launches: (N,) trips.
        is_known: (N,) whether the work of all operators is known.
    """

    engines_s: FloatArray
    full_engines_s: FloatArray
    runs: BoolArray
    compute_j: FloatArray
    doubtful_s: FloatArray
    doubtful_j: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    saved_bytes: FloatArray
    whole_bytes: FloatArray
    least_bytes: FloatArray
    launches: FloatArray
    is_known: BoolArray


@dataclass(frozen=True, eq=False)
class Sheet:
    """What groups take; all trips. Each figure is worked out for all of them when one is first looked at.

    Attributes:
        rows: What they ask.
        machines: The numbers of the target of each, (N, ...).
    """

    rows: Rows
    machines: Machines

    @cached_property
    def levels_s(self) -> FloatArray:
        """(N, L) time by level, 0 where no bandwidth is known."""
        return level_times_s(self.machines, self.rows.read_bytes, self.rows.write_bytes)

    @cached_property
    def launch_s(self) -> FloatArray:
        """(N,) of the launches."""
        found: FloatArray = np.nan_to_num(self.machines.launch_s) * self.rows.launches
        return found

    @cached_property
    def time_s(self) -> FloatArray:
        """(N,) with what is known of the work."""
        return together_s(self.machines, self.rows.engines_s, self.levels_s) + self.launch_s

    @cached_property
    def latency_s(self) -> FloatArray:
        """(N,) NaN where the work is not known, as all that follows."""
        return self.time_s + self._nothing

    @cached_property
    def latency_estimated_s(self) -> FloatArray:
        """(N,) what of it rests on uncertain numbers."""
        return _rests_s(self.rows, self.machines, self.levels_s) + self._nothing

    @cached_property
    def expected_s(self) -> FloatArray:
        """(N,) by the measured efficiencies of engines and levels."""
        return _expected_s(self.rows, self.machines, self.levels_s) + self.launch_s + self._nothing

    @cached_property
    def levels_j(self) -> FloatArray:
        """(N, L) energy by level."""
        machines = self.machines
        return level_energies_j(
            self.rows.read_bytes, self.rows.write_bytes, machines.read_j, machines.write_j, machines.holds_all
        )

    @cached_property
    def static_j(self) -> FloatArray:
        """(N,) of static power, 0 where that is unknown."""
        found: FloatArray = np.nan_to_num(self.machines.static_w) * self.time_s
        return found

    @cached_property
    def energy_j(self) -> FloatArray:
        """(N,)."""
        return self._dynamic_j + self.static_j + self._nothing

    @cached_property
    def energy_estimated_j(self) -> FloatArray:
        """(N,) what of it rests on uncertain numbers."""
        rows, machines = self.rows, self.machines
        levels_j = level_energies_j(
            rows.read_bytes, rows.write_bytes, machines.read_doubtful_j, machines.write_doubtful_j, machines.holds_all
        ).sum(axis=1)
        doubtful_j = rows.doubtful_j + levels_j + machines.static_doubtful_w * self.time_s
        return np.where(np.isnan(self.energy_j), np.nan, doubtful_j)

    @cached_property
    def stalls_s(self) -> FloatArray:
        """(N, L) what a level adds while the engines wait for it."""
        return stalls(self.busy_s, self.levels_s, self.machines.is_timed & self.machines.overlaps)

    @cached_property
    def ideal_s(self) -> FloatArray:
        """(N,) time of the busiest of the engines that overlap, every array full."""
        return _longest(np.where(self.machines.in_turn, 0.0, self.rows.full_engines_s))

    @cached_property
    def busy_s(self) -> FloatArray:
        """(N,) the same as they are filled."""
        return _longest(np.where(self.machines.in_turn, 0.0, self.rows.engines_s))

    @cached_property
    def power_s(self) -> FloatArray:
        """(N,) what the power cap would add to the latency, NaN where there is none or the energy is unknown."""
        room_w = self.machines.cap_w - np.nan_to_num(self.machines.static_w)
        capped_s = self._dynamic_j / np.where(room_w > 0, room_w, np.nan)
        return np.maximum(0.0, capped_s - self.time_s) + self._nothing

    @cached_property
    def regimes(self) -> Regimes:
        """Their regimes, with times that are not known where the work is not."""
        rows, machines, nothing = self.rows, self.machines, self._nothing
        totals = rows.read_bytes + rows.write_bytes
        with np.errstate(divide="ignore", invalid="ignore"):
            both_s = totals / machines.both_rate
            roof_levels_s = np.where(np.isnan(both_s), self.levels_s, both_s)
            once = np.where(totals > 0, np.minimum(rows.least_bytes, totals) / totals, 1.0)
        found = regimes(
            rows.engines_s, rows.full_engines_s, self.levels_s, roof_levels_s, roof_levels_s * once, rows.runs,
            is_timed=machines.is_timed, waits=~machines.overlaps, in_turn=machines.in_turn, launch_s=self.launch_s,
        )  # fmt: skip
        return Regimes(
            time=np.where(rows.is_known, found.time, -1),
            roof_s=found.roof_s + nothing,
            reload_s=found.reload_s + nothing,
            lost_s=found.lost_s + nothing[:, None],
        )

    @cached_property
    def _dynamic_j(self) -> FloatArray:
        """(N,) energy without static power."""
        found: FloatArray = self.rows.compute_j + self.levels_j.sum(axis=1)
        return found

    @cached_property
    def _nothing(self) -> FloatArray:
        """(N,) 0 where the work is known, else NaN."""
        return np.where(self.rows.is_known, 0.0, np.nan)


def level_times_s(machines: Machines, reads: FloatArray, writes: FloatArray) -> FloatArray:
    """(..., L) time of bytes over the port of each level, all instances at once; 0 where no bandwidth is known.

    One port serves reads and writes in turn; separate ports work side by side.
    """
    read_s, write_s = reads / machines.read_rate, writes / machines.write_rate
    return np.where(machines.shares_port, (reads + writes) / machines.read_rate, np.maximum(read_s, write_s))


def together_s(machines: Machines, engines_s: FloatArray, levels_s: FloatArray) -> FloatArray:
    """(...,) the longest of what overlaps, plus what does not.

    Args:
        machines: The numbers of the targets; only `in_turn` and `overlaps` count.
        engines_s: (..., E) time by engine.
        levels_s: (..., L) time by level.
    """
    if not machines.in_turn.any() and machines.overlaps.all():
        return np.maximum(_longest(engines_s), _longest(levels_s))  # as on most targets: for speed
    beside_s = _longest(np.where(machines.in_turn, 0.0, engines_s))
    hidden_s = _longest(np.where(machines.overlaps, levels_s, 0.0))
    engines_in_turn_s = np.where(machines.in_turn, engines_s, 0.0).sum(axis=-1)
    waiting_s = np.where(machines.overlaps, 0.0, levels_s).sum(axis=-1)
    found: FloatArray = np.maximum(beside_s, hidden_s) + engines_in_turn_s + waiting_s
    return found


def level_energies_j(
    reads: FloatArray, writes: FloatArray, read_j: FloatArray, write_j: FloatArray, holds_all: BoolArray
) -> FloatArray:
    """(..., L) energy of the traffic by level, as `terms.level_energy_terms`; NaN where a price that is needed is NaN.

    Args:
        reads: (..., L) bytes from each level towards the inside.
        writes: (..., L) bytes from the inside into each level.
        read_j: (..., L) energy of a byte that is read.
        write_j: (..., L) energy of a byte that is written.
        holds_all: (..., L) whether no operand passes a level by.
    """
    if holds_all.all():  # as on most targets: for speed
        into, out = reads.copy(), writes.copy()
        into[..., 1:] += writes[..., :-1]
        out[..., 1:] += reads[..., :-1]
    else:
        into, out = _passing_by(reads, writes, holds_all)
    return np.where(into > 0, into * read_j, 0.0) + np.where(out > 0, out * write_j, 0.0)


def _passing_by(reads: FloatArray, writes: FloatArray, holds_all: BoolArray) -> tuple[FloatArray, FloatArray]:
    """(..., L) bytes read and written at each level where operands pass some by."""
    reads, writes, holds_all = np.broadcast_arrays(reads, writes, holds_all)
    into, out = reads.copy(), writes.copy()
    sent = taken = np.zeros(reads.shape[:-1])
    for level in range(reads.shape[-1]):
        read, written, is_all = reads[..., level], writes[..., level], holds_all[..., level]
        come = np.where(is_all, sent, np.minimum(sent, read))
        gone = np.where(is_all, taken, np.minimum(taken, written))
        into[..., level] += gone
        out[..., level] += come
        sent, taken = read + sent - come, written + taken - gone
    return into, out


def _longest(times_s: FloatArray) -> FloatArray:
    found: FloatArray = times_s.max(axis=-1, initial=0.0)
    return found


def _rests_s(rows: Rows, machines: Machines, levels_s: FloatArray) -> FloatArray:
    """(N,) the part of the times that rests on uncertain numbers, as `provenance.rests_s`."""
    reads, writes, saved = rows.read_bytes, rows.write_bytes, rows.saved_bytes
    by_write = (writes / machines.write_rate > reads / machines.read_rate) | np.isinf(machines.read_rate)
    is_doubtful = (
        np.where(by_write & ~machines.shares_port, machines.write_is_doubtful, machines.read_is_doubtful)
        | ((reads + writes + saved > rows.whole_bytes[:, None] * (1 + SAME)) & machines.inner_is_doubtful)
        | ((saved > 0) & machines.any_inner_is_doubtful)
    )
    doubtful = np.concatenate((rows.doubtful_s, np.where(is_doubtful & machines.is_timed, levels_s, 0.0)), axis=1)
    waits = np.concatenate((machines.in_turn, ~machines.overlaps), axis=1)
    there = np.concatenate((rows.runs, machines.is_timed), axis=1)
    times = np.where(there & ~waits, np.concatenate((rows.engines_s, levels_s), axis=1), -1.0)
    longest = times.argmax(axis=1)
    number = np.arange(len(times))
    binding = np.where(times[number, longest] >= 0, doubtful[number, longest], 0.0)
    found: FloatArray = (
        binding + np.where(waits, doubtful, 0.0).sum(axis=1) + machines.launch_doubtful_s * rows.launches
    )
    return found


def _expected_s(rows: Rows, machines: Machines, levels_s: FloatArray) -> FloatArray:
    """(N,) the times with each term stretched by the measured efficiency of its engine or level; without launches."""
    return together_s(machines, rows.engines_s / machines.engine_efficiency, levels_s / machines.level_efficiency)
