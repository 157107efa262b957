"""What does a model want of on-chip memory: how many bytes must come from outside for a capacity, how much is alive?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.planned import PlannedModel
from onnxroof.mapping.schedule_order import Schedule
from onnxroof.mapping.traffic import GroupShape

__all__ = ["MOST_STEPS", "Placement", "StepCurve", "placement"]

MOST_STEPS = 64
NODE_STEPS = 8

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCurve:
    """Bytes in both directions as a step function of the capacity; ascending, each step exact at its capacity.

    Attributes:
        capacity_bytes: From which on a step holds; below the first nothing has room.
        bytes: What crosses from there on.
    """

    capacity_bytes: tuple[float, ...]
    bytes: tuple[float, ...]

    def at(self, capacity_bytes: float) -> float:
        """Bytes at a capacity: of the last step that it reaches, of the first where it reaches none."""
        step = int(np.searchsorted(self.capacity_bytes, capacity_bytes, side="right")) - 1
        return self.bytes[max(step, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a model wants of on-chip memory.

    Attributes:
        curve: All operators, each alone with its best tile: nothing is fused and nothing stays between them.
        nodes: The same of each operator that has a loop nest, all its trips, by name.
        compulsory_bytes: Inputs, weights and outputs of the model once: what is left if all else stays on chip.
        schedule: Peaks of live activations, None where a shape is not known.
        order: Names of the operators in the order that the schedule found.
    """

    curve: StepCurve
    nodes: tuple[tuple[str, StepCurve], ...]
    compulsory_bytes: int
    schedule: Schedule | None
    order: tuple[str, ...]


def placement(model: PlannedModel) -> Placement:
    """What a planned model wants."""
    alone = model.alone
    curves = [_curve(shape) for shape in alone.shapes]
    nothing = StepCurve(capacity_bytes=(0.0,), bytes=(0.0,))
    thin = [
        _thinned(capacity, moved, NODE_STEPS) if shape.nest is not None else None
        for shape, (capacity, moved) in zip(alone.shapes, curves, strict=True)
    ]
    found = model.schedule
    named = ((group.ops[0], thin[number]) for group, number in zip(alone.plan.groups, alone.index, strict=True))
    border = model.border
    return Placement(
        curve=_summed(curves, alone.counts) if curves else nothing,
        nodes=tuple((name, part) for name, part in named if part is not None),
        compulsory_bytes=border.input_bytes + border.weight_bytes + border.output_bytes,
        schedule=found,
        order=() if found is None else tuple(model.store.kernels[index].op.name for index in found.order),
    )


def _curve(shape: GroupShape) -> tuple[FloatArray, FloatArray]:
    """Capacities and bytes of all trips of an operator."""
    curve = shape.curve
    if curve is None:
        return np.zeros(1), np.array([float(shape.compulsory_reads + shape.compulsory_writes)]) * shape.repeat
    return curve.capacity_bytes, (curve.total_bytes + shape.extra_reads + shape.extra_writes) * shape.repeat


def _summed(curves: Sequence[tuple[FloatArray, FloatArray]], counts: Sequence[int]) -> StepCurve:
    """The sum of step functions, each so often; an operator without room moves what its smallest tile does."""
    capacity = np.concatenate([part[0][1:] for part in curves])
    falls = np.concatenate([np.diff(moved) * count for (_, moved), count in zip(curves, counts, strict=True)])
    start = max(float(part[0][0]) for part in curves)
    first = sum(float(moved[0]) * count for (_, moved), count in zip(curves, counts, strict=True))
    order = np.argsort(capacity, kind="stable")
    capacity = np.concatenate(([0.0], capacity[order]))
    moved = np.cumsum(np.concatenate(([first], falls[order])))
    # Of equal capacities the last counts; below `start` some operator has no room.
    last = np.concatenate((capacity[1:] > capacity[:-1], [True]))
    capacity, moved = capacity[last], moved[last]
    begin = int(np.searchsorted(capacity, start, side="right")) - 1
    capacity, moved = capacity[begin:].copy(), moved[begin:]
    capacity[0] = max(capacity[0], start)
    return _thinned(capacity, moved, MOST_STEPS)


def _thinned(capacity: FloatArray, moved: FloatArray, most: int) -> StepCurve:
    """At most so many steps: the first, the last, and others at about equal falls of the logarithm of bytes."""
    if len(capacity) > most:
        level = np.log(np.maximum(moved, 1.0))
        span = level[0] - level[-1]
        wanted = level[0] - span * np.arange(most) / (most - 1)
        picked = np.unique(np.concatenate((np.searchsorted(-level, -wanted, side="left"), [0, len(capacity) - 1])))
        picked = picked[picked < len(capacity)]
        capacity, moved = capacity[picked], moved[picked]
    return StepCurve(capacity_bytes=tuple(capacity.tolist()), bytes=tuple(moved.tolist()))
