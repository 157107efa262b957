"""Which roof to raise? What a plan gains when one term gets shorter, and the least change that leaves its regime.

Traffic, tiles and groups stay as they are: a lever is a factor on one bandwidth, one engine's peak, or the launch
overhead. A factor f on a bandwidth does to the time what 1/f of the bytes would: narrower elements or more reuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxroof.roofline.regimes import energy_regime

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult

__all__ = ["Exit", "Lever", "energy_exit_of", "exit_of", "levers"]

FloatArray = npt.NDArray[np.float64]

_CHUNK = 64  # intervals that are looked at together


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The least change that leaves a regime.

    Attributes:
        factor: How many times as fast (bandwidth, peak), as short (launch overhead) or as little (energy) the term must
            get.
        becomes: What binds, or leads, from there on.
    """

    factor: float
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """What raising one roof does to a plan.

    Attributes:
        term: `memory:LEVEL`, `compute:ENGINE` or `launch`.
        twice_s: Latency of the plan with the term twice as fast.
        limit_s: Latency with no such term: what the lever could save at most.
        exit: Where most of the plan's time leaves this regime; None where it is not in it, or never leaves it.
    """

    term: str
    twice_s: float
    limit_s: float
    exit: Exit | None


def exit_of(terms_s: Mapping[str, float], bound: str) -> Exit | None:
    """Where a group leaves the regime of its longest term; None where nothing else takes time.

    Args:
        terms_s: Every term of its time.
        bound: The longest.
    """
    others = {name: time for name, time in terms_s.items() if name != bound}
    second = max(others, key=lambda name: others[name], default="")
    if not second or others[second] <= 0:
        return None
    return Exit(factor=terms_s[bound] / others[second], becomes=second)


def energy_exit_of(terms_j: Mapping[str, float]) -> Exit | None:
    """Where less of the leading energy leaves its regime; None where no less of it does.

    Args:
        terms_j: Every term of an energy: `compute`, `memory:LEVEL` and `static`.
    """
    lead = energy_regime(terms_j)
    own = terms_j.get(lead, 0.0)
    rest = math.fsum(terms_j.values()) - own
    compute, static = terms_j.get("compute", 0.0), terms_j.get("static", 0.0)
    other_levels = {name: term for name, term in terms_j.items() if name.startswith("memory:") and name != lead}
    # How much of the leading term is left where each of the others takes the lead: half for compute, more than all
    # levels for static power, more than any other level for a level.
    left = {"compute": 2 * compute - rest}
    if lead == "compute":
        left = {energy_regime({**terms_j, "compute": 0.0}): rest}
    elif lead == "static":
        left |= {name: math.fsum(other_levels.values()) for name in _largest(other_levels)}
    else:
        left["static"] = static - math.fsum(other_levels.values())
        left |= {name: other_levels[name] for name in _largest(other_levels)}
    becomes = max(left, key=lambda name: left[name], default="")
    if not lead or not becomes or left[becomes] <= 0:
        return None
    return Exit(factor=own / left[becomes], becomes=becomes)


def _largest(terms: Mapping[str, float]) -> list[str]:
    """The name of the largest term, none where there is none."""
    return [max(terms, key=lambda name: terms[name])] if terms else []


def levers(groups: Iterable[GroupResult]) -> tuple[Lever, ...]:
    """The levers of a plan, the one that could save most first; none where a group's time is unknown."""
    counts: dict[int, int] = {}
    kinds: dict[int, GroupResult] = {}
    for group in groups:
        if group.latency_s is None:
            return ()
        # Groups that are alike share the mapping of their terms.
        key = id(group.time_terms_s)
        kinds.setdefault(key, group)
        counts[key] = counts.get(key, 0) + 1
    names = list(dict.fromkeys(name for group in kinds.values() for name in group.time_terms_s))
    if not names:
        return ()
    terms = np.array([[group.time_terms_s.get(name, 0.0) for group in kinds.values()] for name in names])
    waits = np.array(
        [
            name == "launch"
            or any(f"serial:{name.removeprefix('memory:')}" in group.waterfall_s for group in kinds.values())
            for name in names
        ]
    )
    plan = _Terms(terms * np.array([counts[key] for key in kinds], dtype=np.float64), waits)
    bound = plan.bound(1.0, 0)
    found = [
        Lever(
            term=name,
            twice_s=plan.latency_s(0.5, number),
            limit_s=plan.latency_s(0.0, number),
            exit=_exit(plan, names, number) if number == bound else None,
        )
        for number, name in enumerate(names)
        if terms[number].any()
    ]
    return tuple(sorted(found, key=lambda lever: lever.limit_s))


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """Times by term and kind of group, (T, K), and which terms add to the others instead of hiding, (T,)."""

    times: FloatArray
    waits: npt.NDArray[np.bool_]

    def scaled(self, scales: FloatArray, term: int) -> FloatArray:
        """(S, T, K): the times with one term at each of the scales."""
        found = np.repeat(self.times[None], len(scales), axis=0)
        found[:, term] *= scales[:, None]
        return found

    def latencies(self, times: FloatArray) -> FloatArray:
        """(S, K) of times (S, T, K)."""
        hidden = times[:, ~self.waits].max(axis=1, initial=0.0)
        latencies: FloatArray = hidden + times[:, self.waits].sum(axis=1)
        return latencies

    def latency_s(self, scale: float, term: int) -> float:
        """Of the plan, one term scaled."""
        return math.fsum(self.latencies(self.scaled(np.array([scale]), term))[0].tolist())

    def by_bound(self, times: FloatArray, bounds: npt.NDArray[np.intp]) -> FloatArray:
        """(S, T): time in the groups of each bound, where (S, K) names the bound of each group."""
        latencies = self.latencies(times)
        return np.stack(
            [np.where(bounds == term, latencies, 0.0).sum(axis=1) for term in range(len(self.times))], axis=1
        )

    def bound(self, scale: float, term: int) -> int:
        """The term that binds most of the time."""
        times = self.scaled(np.array([scale]), term)
        return int(self.by_bound(times, times.argmax(axis=1))[0].argmax())


def _exit(plan: _Terms, names: list[str], term: int) -> Exit | None:
    """The largest scale below 1 at which another term binds more of the time.

    Between two scales at which some group changes what binds it, every sum of times is linear in the scale: so the
    crossing in each interval is found exactly.
    """
    own = plan.times[term]
    others = np.delete(plan.times, term, axis=0)
    hidden = np.delete(plan.times, term, axis=0)[~np.delete(plan.waits, term)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.concatenate([others.max(axis=0, initial=0.0) / own, hidden.max(axis=0, initial=0.0) / own])
    inner = np.unique(ratios[(ratios > 0) & (ratios < 1)])[::-1]
    edges = np.concatenate([[1.0], inner, [0.0]])
    for start in range(0, len(edges) - 1, _CHUNK):
        part = edges[start : start + _CHUNK + 1]
        high, low = part[:-1], part[1:]
        middle = plan.scaled((high + low) / 2, term)
        bounds = middle.argmax(axis=1)
        at_high = plan.by_bound(plan.scaled(high, term), bounds)
        at_low = plan.by_bound(plan.scaled(low, term), bounds)
        lead_high = at_high[:, term][:, None] - at_high
        lead_low = at_low[:, term][:, None] - at_low
        for row in range(len(high)):
            found = _crossing(lead_high[row], lead_low[row], term)
            if found is not None:
                fraction, other = found
                scale = high[row] - fraction * (high[row] - low[row])
                return Exit(factor=float(1 / scale), becomes=names[other]) if scale > 0 else None
    return None


def _crossing(lead_high: FloatArray, lead_low: FloatArray, term: int) -> tuple[float, int] | None:
    """Where in an interval, as a part of it from its upper end, another term overtakes first, and which."""
    best: tuple[float, int] | None = None
    for other, (high, low) in enumerate(zip(lead_high.tolist(), lead_low.tolist(), strict=True)):
        if other == term or (high >= 0 and low >= 0):
            continue
        fraction = 0.0 if high <= 0 else high / (high - low)
        if best is None or fraction < best[0]:
            best = fraction, other
    return best
