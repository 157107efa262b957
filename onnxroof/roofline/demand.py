"""What a group of several steps asks of a target, before it is priced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.machines import Machines
from onnxroof.roofline.sheet import Rows
from onnxroof.targets.model import Target

__all__ = ["Demand", "rows_of"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Demand:
    """What a group asks of a target, before it is priced; all trips, L levels.

    Attributes:
        shapes: Whose work the group does, each `times` so often.
        engines_s: Time by engine, work that is done again among it.
        full_engines_s: The same with every array full.
        energies_j: Of parts of the work, None where unknown.
        spatial: Utilization of the array, None without MACs.
        read_bytes, write_bytes: (L,) traffic.
        saved_bytes: (L,) what it does not move because of what stays on chip around it.
        footprint_bytes: (L,) of its tiles, of one instance.
        tile_of: Works out its size by dimension.
        whole_bytes: What must cross a level whatever is inside it, if nothing stays there.
        least_bytes: What must cross the outermost boundary, with what stays inside of it.
        doubtful_s, doubtful_j: What of the engines' times and energies rests on uncertain numbers.
        layout_bytes: What of the outermost traffic is there for the layout alone that the target wants.
        again_ops: Operations that are done again.
    """

    shapes: Sequence[GroupShape]
    times: Sequence[float]
    engines_s: Mapping[str, float]
    full_engines_s: Mapping[str, float]
    energies_j: Sequence[float | None]
    spatial: float | None
    read_bytes: Sequence[float]
    write_bytes: Sequence[float]
    saved_bytes: Sequence[float]
    footprint_bytes: Sequence[float]
    tile_of: Callable[[], Mapping[str, int]]
    whole_bytes: float
    least_bytes: float
    doubtful_s: Mapping[str, float]
    doubtful_j: float
    layout_bytes: float = 0.0
    again_ops: float = 0.0


def rows_of(demands: Sequence[Demand], target: Target, machines: Machines) -> Rows:
    """What groups of several steps ask of a target, in arrays that go with the numbers of it and others."""
    engines, levels = machines.in_turn.shape[1], machines.overlaps.shape[1]
    names = [engine.name for engine in target.engines]

    def by_engine(times: Sequence[Mapping[str, float]]) -> FloatArray:
        found = np.zeros((len(demands), engines))
        found[:, : len(names)] = [[one.get(name, 0.0) for name in names] for one in times]
        return found

    def by_level(values: Sequence[Sequence[float]]) -> FloatArray:
        found = np.zeros((len(demands), levels))
        found[:, : len(target.levels)] = values
        return found

    runs = np.zeros((len(demands), engines), dtype=bool)
    runs[:, : len(names)] = [[name in demand.engines_s for name in names] for demand in demands]
    reads, writes = by_level([one.read_bytes for one in demands]), by_level([one.write_bytes for one in demands])
    least = reads + writes  # inside the outermost level it is not known what would cross at least
    least[:, 0] = [demand.least_bytes for demand in demands]
    return Rows(
        engines_s=by_engine([demand.engines_s for demand in demands]),
        full_engines_s=by_engine([demand.full_engines_s for demand in demands]),
        runs=runs,
        compute_j=np.array([math.fsum(np.nan if e is None else e for e in demand.energies_j) for demand in demands]),
        doubtful_s=by_engine([demand.doubtful_s for demand in demands]),
        doubtful_j=np.array([demand.doubtful_j for demand in demands]),
        read_bytes=reads,
        write_bytes=writes,
        saved_bytes=by_level([demand.saved_bytes for demand in demands]),
        whole_bytes=np.array([demand.whole_bytes for demand in demands]),
        least_bytes=least,
        launches=np.array([float(demand.shapes[0].repeat) for demand in demands]),
        is_known=np.array([all(shape.is_known for shape in demand.shapes) for demand in demands], dtype=bool),
    )
