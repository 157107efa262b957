"""How much of what a target could do at its best does a workload attain, in operations per second and per joule?

The peak is that of the workload's own mix of work: operations / the longest of (its operations on an engine / the peak
of that engine), and operations / compute energy. So no workload lies above it, whatever engines it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Efficiency", "efficiency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Peak and attained throughput and efficiency of a mix of work; None where unknown.

    Attributes:
        peak_ops_per_s: Roof of the mix of engines.
        ops_per_s: Attained.
        peak_ops_per_j: With no energy but that of compute.
        ops_per_j: Attained.
    """

    peak_ops_per_s: float | None = None
    ops_per_s: float | None = None
    peak_ops_per_j: float | None = None
    ops_per_j: float | None = None

    @property
    def of_peak(self) -> float | None:
        """Attained / peak throughput."""
        return _ratio(self.ops_per_s, self.peak_ops_per_s)

    @property
    def of_peak_energy(self) -> float | None:
        """Attained / peak efficiency: the part of the energy that compute takes."""
        return _ratio(self.ops_per_j, self.peak_ops_per_j)


def efficiency(
    ops: float | None,
    latency_s: float | None,
    energy_j: float | None,
    mix_s: float,
    compute_j: float | None,
) -> Efficiency:
    """Efficiency of some work.

    Args:
        ops: Operations.
        latency_s: Time that they take.
        energy_j: Energy that they take.
        mix_s: Time of the busiest engine with its arrays full, 0 where no rate is known.
        compute_j: Energy of compute alone, None where unknown.
    """
    return Efficiency(
        peak_ops_per_s=_ratio(ops, mix_s),
        ops_per_s=_ratio(ops, latency_s),
        peak_ops_per_j=_ratio(ops, compute_j),
        ops_per_j=_ratio(ops, energy_j),
    )


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
