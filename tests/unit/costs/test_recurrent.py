"""What a recurrence moves, against brute force over schedules: step by step, and with products of the input first."""

from __future__ import annotations

import math
from typing import Any

import pytest

from onnxroof.costs.cost import OpCost
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.curve import reuse_curve
from tests.oracles.build import cost
from tests.oracles.exhaustive import least_bytes, schedules
from tests.oracles.loopnest import nest_bytes
from tests.oracles.rule_cases import RECURRENT, Case

F32, BITS = 4, 32
SUM, STEPS = LoopKind.REDUCTION, LoopKind.SEQUENTIAL


def recurrence(time: int, batch: int, width: int, hidden: int) -> OpCost:
    shapes: list[Any] = [(time, batch, width), (1, hidden, width), (1, hidden, hidden)]
    attributes = {"hidden_size": hidden, "activations": ["Tanh"]}
    return cost("RNN", shapes, [(time, 1, batch, hidden)], attributes)


def moved(found: OpCost, capacity_bytes: float) -> float:
    """Bytes of a plan: the curve of the nest, and once what is no operand of it."""
    assert found.nest is not None
    once = found.read_bytes + found.write_bytes - sum(nest_bytes(found.nest))
    return reuse_curve(found.nest).at(capacity_bytes).total_bytes + once


def joint(time: int, batch: int, width: int, hidden: int) -> LoopNest:
    """A step as one product of the weights, laid end to end, with the input and the state."""
    loops = (Loop("t", time, STEPS), Loop("b", batch), Loop("h", hidden), Loop("k", width + hidden, SUM))
    t, b, h = (dense_axis(i, loops[i].extent) for i in range(3))
    return LoopNest(
        loops,
        (
            Access(0, False, (t, b, dense_axis(3, width)), BITS),
            Access(1, False, (h, dense_axis(3, width)), BITS),
            Access(2, False, (h, AxisMap((Term(3),), hidden, -width)), BITS),
            Access(0, True, (t, b, h), BITS, BITS),
        ),
    )


def before(time: int, batch: int, width: int, hidden: int) -> LoopNest:
    """The product of the input of all steps with W."""
    loops = (Loop("tb", time * batch), Loop("h", hidden), Loop("k", width, SUM))
    row, h, k = (dense_axis(i, loop.extent) for i, loop in enumerate(loops))
    return LoopNest(
        loops,
        (
            Access(0, False, (row, k), BITS),
            Access(1, False, (h, k), BITS),
            Access(0, True, (row, h), BITS, BITS),
        ),
    )


def behind(time: int, batch: int, hidden: int) -> LoopNest:
    """The steps: the product of the state with R, added to what is there."""
    loops = (Loop("t", time, STEPS), Loop("b", batch), Loop("h", hidden), Loop("k", hidden, SUM))
    t, b, h, k = (dense_axis(i, loop.extent) for i, loop in enumerate(loops))
    return LoopNest(
        loops,
        (
            Access(0, False, (t, b, h), BITS),
            Access(1, False, (h, k), BITS),
            Access(0, True, (t, b, h), BITS, BITS),
        ),
    )


@pytest.mark.parametrize("sizes", [(3, 1, 3, 2), (2, 2, 3, 2), (4, 1, 2, 3), (2, 3, 1, 2), (3, 2, 4, 1)])
def test_no_schedule_moves_less(sizes: tuple[int, int, int, int]) -> None:
    time, batch, _, hidden = sizes
    found = recurrence(*sizes)
    together = schedules(joint(*sizes))
    first, second = schedules(before(*sizes)), schedules(behind(time, batch, hidden))
    rooms = sorted({s.capacity_bytes for s in (*together, *first, *second)})
    for room in rooms:
        known = min(least_bytes(together, room), least_bytes(first, room) + least_bytes(second, room))
        if math.isfinite(known):
            assert moved(found, room) <= known
    assert moved(found, rooms[-1]) == found.read_bytes + found.write_bytes


def test_input_weights_are_read_once_and_those_of_the_state_at_each_step() -> None:
    time, batch, width, hidden = 6, 2, 10, 4
    found = recurrence(time, batch, width, hidden)
    others = F32 * (time * batch * width + hidden * width + time * batch * hidden)  # X, W and Y
    recurrent = F32 * hidden * hidden
    # All of R, and what a sample writes at a step: less room holds a part of R, and all of it comes again at each step.
    room = recurrent + F32 * hidden
    assert moved(found, room) == others + recurrent
    assert moved(found, room - 1) == others + time * recurrent
    # With one product a step W came as often: the bound lies below that by what W need not move, at least.
    assert reuse_curve(joint(time, batch, width, hidden)).at(room - 1).total_bytes >= (
        moved(found, room - 1) + F32 * (time - 1) * hidden * width
    )


@pytest.mark.parametrize("case", RECURRENT, ids=str)
def test_the_nest_has_the_weights_of_the_state_and_what_each_step_writes(case: Case) -> None:
    found = case.cost()
    assert found.nest is not None
    sizes = {transfer.tensor: transfer.bytes for transfer in (*found.reads, *found.writes)}
    assert nest_bytes(found.nest) == (sizes["op.i2"], sizes.get("op.o0", 0))
