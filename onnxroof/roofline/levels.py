"""Where do the ridge points of each level lie?"""

from __future__ import annotations

from onnxroof.roofline.model import energy_ridge_ops_per_byte, ridge_ops_per_byte
from onnxroof.roofline.rates import Rate
from onnxroof.roofline.result import LevelResult
from onnxroof.roofline.terms import bandwidth_bytes_per_s, least_energy_j_per_byte
from onnxroof.targets.model import Target

__all__ = ["level_result"]


def level_result(target: Target, index: int, rate: Rate | None) -> LevelResult:
    """A level with its ridge points at a peak, None for an unknown one."""
    level = target.levels[index]
    bandwidth = bandwidth_bytes_per_s(level)
    energy = least_energy_j_per_byte(level)
    peak = rate.ops_per_s if rate else None
    compute = rate.energy_j_per_op if rate else None
    return LevelResult(
        name=level.name,
        capacity_bytes=None if level.capacity is None else level.capacity.value,
        instances=level.instances,
        bandwidth_bytes_per_s=bandwidth,
        energy_j_per_byte=energy,
        ridge_ops_per_byte=ridge_ops_per_byte(peak, bandwidth * level.instances) if peak and bandwidth else None,
        energy_ridge_ops_per_byte=energy_ridge_ops_per_byte(compute, energy) if compute and energy else None,
    )
