"""What a group of several steps asks of a target, before it is priced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.machines import Machines
from onnxroof.roofline.sheet import Rows

__all__ = ["Demand", "rows_of"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Demand:
    """What a group asks of a target, before it is priced; all trips. E engines, L levels of the target.

    Attributes:
        shapes: Whose work the group does, each `times` so often.
        engines_s: (E,) time by engine, work that is done again among it.
        full_engines_s: (E,) the same with every array full.
        runs: (E,) whether an engine has work of a known rate.
        compute_j: Energy of the work, NaN where unknown.
        spatial_of: Works out the utilization of the array, None without MACs.
        read_bytes, write_bytes: (L,) traffic.
        saved_bytes: (L,) what it does not move because of what stays on chip around it.
        footprint_bytes: (L,) of its tiles, of one instance.
        whole_bytes: What must cross a level whatever is inside it, if nothing stays there.
        least_bytes: What must cross the outermost boundary, with what stays inside of it.
        doubtful_s, doubtful_j: (E,) and in all, what of the engines' times and energies rests on uncertain numbers.
        layout_bytes: What of the outermost traffic is there for the layout alone that the target wants.
        again_ops: Operations that are done again.
    """

    shapes: Sequence[GroupShape]
    times: Sequence[float]
    engines_s: FloatArray
    full_engines_s: FloatArray
    runs: BoolArray
    compute_j: float
    spatial_of: Callable[[], float | None]
    read_bytes: FloatArray
    write_bytes: FloatArray
    saved_bytes: FloatArray
    footprint_bytes: Sequence[float]
    whole_bytes: float
    least_bytes: float
    doubtful_s: FloatArray
    doubtful_j: float
    layout_bytes: float = 0.0
    again_ops: float = 0.0

    @property
    def ops(self) -> int:
        """Operations, all trips, each done once; of work that is not known what is known of it."""
        return sum(shape.ops for shape in self.shapes) * self.shapes[0].repeat


def rows_of(demands: Sequence[Demand], machines: Machines) -> Rows:
    """What groups of several steps ask of a target, in arrays that go with the numbers of it and others."""
    engines, levels = machines.in_turn.shape[1], machines.overlaps.shape[1]

    def wide(values: Sequence[FloatArray | BoolArray], width: int) -> FloatArray:
        found = np.zeros((len(values), width))
        found[:, : len(values[0])] = values
        return found

    reads = wide([demand.read_bytes for demand in demands], levels)
    writes = wide([demand.write_bytes for demand in demands], levels)
    least = reads + writes  # inside the outermost level it is not known what would cross at least
    least[:, 0] = [demand.least_bytes for demand in demands]
    return Rows(
        engines_s=wide([demand.engines_s for demand in demands], engines),
        full_engines_s=wide([demand.full_engines_s for demand in demands], engines),
        runs=wide([demand.runs for demand in demands], engines).astype(bool),
        compute_j=np.array([demand.compute_j for demand in demands]),
        doubtful_s=wide([demand.doubtful_s for demand in demands], engines),
        doubtful_j=np.array([demand.doubtful_j for demand in demands]),
        read_bytes=reads,
        write_bytes=writes,
        saved_bytes=wide([demand.saved_bytes for demand in demands], levels),
        whole_bytes=np.array([demand.whole_bytes for demand in demands]),
        least_bytes=least,
        launches=np.array([float(demand.shapes[0].repeat) for demand in demands]),
        is_known=np.array([all(shape.is_known for shape in demand.shapes) for demand in demands], dtype=bool),
    )
