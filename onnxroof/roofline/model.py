"""The equations of the dual roofline, each a small function: throughput, energy, ridge points, utilization.

The tags in the docstrings say where an equation comes from: the form of the throughput roofline is Williams,
Waterman and Patterson (2009); that of the energy roofline Choi et al. (2013) and, per memory level, Verhelst, Benini
and Verma (2025) in our reading.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = [
    "attainable_ops_per_s",
    "efficiency_ops_per_j",
    "energy_j_per_op",
    "energy_ridge_ops_per_byte",
    "energy_shares",
    "overlapped_time_s",
    "ridge_ops_per_byte",
    "serial_time_s",
    "temporal_utilization",
]


def attainable_ops_per_s(
    peak_ops_per_s: float,
    bandwidths_bytes_per_s: Mapping[str, float],
    intensities_ops_per_byte: Mapping[str, float],
    *,
    spatial_utilization: float = 1.0,
    overlaps: bool = True,
) -> tuple[float, str]:
    """Attainable throughput and what binds it: `compute` or the name of a level.

    P = min(P_peak SU, min over levels of BW AI); without overlap 1/P = 1/(P_peak SU) + sum of 1/(BW AI), where the
    largest term binds.
    """
    rates = {"compute": peak_ops_per_s * spatial_utilization}
    rates.update({name: bandwidths_bytes_per_s[name] * ai for name, ai in intensities_ops_per_byte.items()})
    bound = min(rates, key=lambda name: rates[name])
    if overlaps:
        return rates[bound], bound
    return 1.0 / sum(1.0 / rate for rate in rates.values()), bound


def ridge_ops_per_byte(peak_ops_per_s: float, bandwidth_bytes_per_s: float) -> float:
    """Intensity at which a level's slope meets the peak: AI_T = P_peak / BW."""
    return peak_ops_per_s / bandwidth_bytes_per_s


def energy_j_per_op(
    compute_j_per_op: float,
    levels_j_per_byte: Mapping[str, float],
    intensities_ops_per_byte: Mapping[str, float],
) -> float:
    """Energy of one operation: E_op = e_c + sum over levels of e_l / AI_l."""
    return compute_j_per_op + sum(levels_j_per_byte[name] / ai for name, ai in intensities_ops_per_byte.items())


def efficiency_ops_per_j(
    compute_j_per_op: float,
    levels_j_per_byte: Mapping[str, float],
    intensities_ops_per_byte: Mapping[str, float],
) -> float:
    """Height of the energy roof: eta = 1 / E_op."""
    return 1.0 / energy_j_per_op(compute_j_per_op, levels_j_per_byte, intensities_ops_per_byte)


def energy_ridge_ops_per_byte(compute_j_per_op: float, level_j_per_byte: float) -> float:
    """Intensity at which a level takes as much energy as the compute: AI_E = e_l / e_c. There eta is half its peak."""
    return level_j_per_byte / compute_j_per_op


def energy_shares(terms_j: Mapping[str, float]) -> dict[str, float]:
    """Share of each contribution; they add up to 1. Empty for no energy at all."""
    total = math.fsum(terms_j.values())
    return {name: value / total for name, value in terms_j.items()} if total > 0 else {}


def overlapped_time_s(terms_s: Sequence[float], serial_terms_s: Sequence[float] = ()) -> float:
    """Time when transfers hide behind each other and behind compute: the maximum, plus those that cannot hide."""
    return max(terms_s, default=0.0) + math.fsum(serial_terms_s)


def serial_time_s(terms_s: Sequence[float]) -> float:
    """Time when nothing overlaps: the sum."""
    return math.fsum(terms_s)


def temporal_utilization(compute_time_s: float, time_s: float) -> float:
    """Compute time over the whole time: TU; 0 for no time at all."""
    return compute_time_s / time_s if time_s > 0 else 0.0
