"""What does one mapping of a group to all levels of a target at once take?

Beside the time with each level at its own optimum, which is a bound. Worked out when it is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.holders import Around
from onnxroof.mapping.nested import NestedMapping, nested_mapping
from onnxroof.mapping.placed import Crossing
from onnxroof.mapping.traffic import GroupShape, LevelTraffic
from onnxroof.roofline.model import overlapped_time_s
from onnxroof.roofline.result import MappedResult
from onnxroof.roofline.terms import level_time_s
from onnxroof.targets.model import Array, Engine, Target

__all__ = ["mapped_result"]

FloatArray = npt.NDArray[np.float64]


def mapped_result(
    shape: GroupShape,
    target: Target,
    own: LevelTraffic,
    crossing: Crossing | None,
    layout: tuple[float, float],
    engines_s: Mapping[str, float],
    mac_engine: Engine | None,
    mac_s: float,
    known: dict[Hashable, NestedMapping],
) -> MappedResult:
    """Traffic, time and tiles of a group, all trips.

    Args:
        shape: Of the group.
        target: The target.
        own: Traffic with each level at its own optimum, with what stays around the group.
        crossing: What that changes, None for nothing.
        layout: Bytes read and written at the outermost level for the layout alone, in `own`.
        engines_s: Time by engine at the utilization that the array allows at the best.
        mac_engine: Where the MACs run, None without or unknown.
        mac_s: The part of its time that they take.
        known: Mappings of nests to this target, which groups with one nest and the same around it share.
    """
    repeat = shape.repeat
    array = mac_engine.array if mac_engine is not None else None
    beside = _beside(shape, crossing, layout, len(target.levels))
    nested = _nested(shape, target, array, own, crossing, beside, max(engines_s.values(), default=0.0) / repeat, known)
    reads, writes, busy, stretch = own.read_bytes, own.write_bytes, 1.0, 1.0
    if nested is not None:
        reads, writes = nested.read_bytes + beside[0], nested.write_bytes + beside[1]
        busy, stretch = nested.busy, nested.stretch
    overlapped: list[float] = []
    serial: list[float] = []
    for name, time in engines_s.items():
        macs = mac_s if mac_engine is not None and name == mac_engine.name else 0.0
        (serial if name in target.engines_in_turn else overlapped).append((time - macs) / busy + macs * stretch)
    traffic: dict[str, float] = {}
    for level, read, write in zip(target.levels, (reads * repeat).tolist(), (writes * repeat).tolist(), strict=True):
        traffic[level.name] = read + write
        level_s = level_time_s(level, read, write)
        if level_s is not None:
            (overlapped if level.overlaps else serial).append(level_s)
    launch_s = target.launch_overhead.value * repeat if target.launch_overhead else 0.0
    return MappedResult(
        traffic_bytes=traffic,
        latency_s=overlapped_time_s(overlapped, serial) + launch_s if shape.is_known else None,
        levels=nested.levels if nested is not None else (),
    )


def _beside(
    shape: GroupShape, crossing: Crossing | None, layout: tuple[float, float], levels: int
) -> tuple[FloatArray, FloatArray]:
    """What crosses besides the operands of the nest, by level."""
    if crossing is None:
        read, written = np.full(levels, float(shape.extra_reads)), np.full(levels, float(shape.extra_writes))
    else:
        read, written = crossing.beside(shape)
    read[0] += layout[0]
    written[0] += layout[1]
    return read, written


def _nested(
    shape: GroupShape,
    target: Target,
    array: Array | None,
    own: LevelTraffic,
    crossing: Crossing | None,
    beside: tuple[FloatArray, FloatArray],
    compute_s: float,
    known: dict[Hashable, NestedMapping],
) -> NestedMapping | None:
    """The mapping of a group's nest, side inputs apart; None where it has none."""
    if shape.nest is None or shape.nest.points == 0:
        return None
    around = None if crossing is None else Around(crossing.footprint_bytes, crossing.stays)
    key = (shape.nest, array, compute_s, around)
    if key not in known:
        own_bytes = own.read_bytes - beside[0], own.write_bytes - beside[1]
        known[key] = nested_mapping(shape.nest, target.levels, array, own_bytes, compute_s, around)
    return known[key]
