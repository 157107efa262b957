"""What a model wants of on-chip memory: the sum of its operators' curves, and what is alive."""

from __future__ import annotations

import numpy as np
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.placement import MOST_STEPS, NODE_STEPS, Placement, StepCurve, placement
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage

MATRIX = 16_384  # 64 x 64 FLOAT
CHAIN = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
    { m = MatMul(x, v) y = MatMul(m, w) }"""


def wants(text: str) -> Placement:
    model = workload(text)
    costs = cost_table(model)
    return placement(planned(model, costs, storage(model, costs), ("none",)))


def test_a_step_holds_from_its_capacity_on() -> None:
    curve = StepCurve(capacity_bytes=(10.0, 20.0), bytes=(7.0, 3.0))
    assert [curve.at(capacity) for capacity in (0, 10, 19, 20, 1e9)] == [7.0, 7.0, 7.0, 3.0, 3.0]


def test_operators_add_up_each_alone() -> None:
    found = wants(CHAIN)
    # Alone each product takes two matrices and gives one; together m neither leaves nor comes back.
    assert found.curve.bytes[-1] == 2 * 3 * MATRIX
    assert found.compulsory_bytes == 4 * MATRIX
    # Two equal products: twice the curve of one at each step, which is exact where it begins.
    model = workload(CHAIN)
    (first, _) = cost_table(model).costs
    assert first.nest is not None
    one = reuse_curve(first.nest)
    for capacity, moved in zip(found.curve.capacity_bytes, found.curve.bytes, strict=True):
        assert moved == 2 * one.at(capacity).total_bytes
    # 4 bytes of each operand are the smallest tile.
    assert found.curve.capacity_bytes[0] == 12


def test_curves_fall_and_are_short() -> None:
    found = wants(CHAIN)
    assert [name for name, _ in found.nodes] == ["MatMul_0", "MatMul_1"]
    for curve, most in [(found.curve, MOST_STEPS), *((part, NODE_STEPS) for _, part in found.nodes)]:
        assert len(curve.bytes) <= most + 1
        assert (np.diff(curve.capacity_bytes) > 0).all()
        assert (np.diff(curve.bytes) < 0).all()


def test_an_operator_without_a_nest_counts_and_has_no_curve_of_its_own() -> None:
    # 3 rows of 4 FLOAT by 3 INT64 ids: the rows come in and go out, whatever the capacity.
    found = wants("g (int64[3] i) => (float[3,4] y) <float[9,4] t> { y = Gather(t, i) }")
    assert found.nodes == ()
    assert found.curve.bytes == (3 * 8 + 2 * 3 * 4 * 4,)


def test_an_empty_model_wants_nothing() -> None:
    found = wants("g (float[2] x) => (float[2] y) { y = Identity(x) }")
    assert found.curve == StepCurve(capacity_bytes=(0.0,), bytes=(0.0,))


def test_names_stand_in_the_order_that_was_found() -> None:
    # Branch by branch: of a and c, 1024 FLOAT each, only one is there at a time.
    found = wants(
        """g (float[1] x) => (float[1] y) <float[1024] e, float[1024] f> { a = Add(x, e) c = Add(x, f)
        b = ReduceSum <keepdims = 0> (a) d = ReduceSum <keepdims = 0> (c) y = Add(b, d) }"""
    )
    assert found.schedule is not None
    assert found.schedule.in_place_bytes >= 2 * 4096 > found.schedule.least_bytes >= 4096
    place = {name: number for number, name in enumerate(found.order)}
    assert (place["ReduceSum_2"] < place["Add_1"]) or (place["ReduceSum_3"] < place["Add_0"])
