"""The operands of groups, and what crosses when some of them stay."""

from __future__ import annotations

import itertools

from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operands import Skipped, group_operands, steps
from onnxroof.mapping.policies import plan
from onnxroof.mapping.shaped import Shapes
from onnxroof.mapping.storage import Storage, storage
from onnxroof.mapping.traffic import GroupShape

MATRIX = 16_384  # 64 x 64 FLOAT
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) y = Add(m, b) }"""


def built(text: str) -> tuple[Storage, GroupShape]:
    model = workload(text)
    store = storage(model, cost_table(model))
    (shape,) = Shapes().shaped(store, plan("epilogue", store)).shapes
    return store, shape


def test_what_a_group_makes_and_uses_inside_is_no_operand() -> None:
    store, _ = built(LINEAR)
    found = group_operands(store, (0, 1), {})
    assert found.reads == ("x", "w", "b")
    assert found.writes == ("y",)
    # x and w are accesses 0 and 1 of the product; b and y are none of the anchor's.
    assert found.operands.reads == ((MATRIX, (0,)), (MATRIX, (1,)), (256, ()))
    assert found.operands.writes == ((MATRIX, ()),)


def test_alone_the_result_is_an_operand() -> None:
    store, _ = built(LINEAR)
    found = group_operands(store, (0,), {})
    assert (found.reads, found.writes) == (("x", "w"), ("m",))
    assert found.operands.writes == ((MATRIX, (2,)),)


def test_one_tensor_read_twice_is_one_operand() -> None:
    store, _ = built("g (float[64,64] x) => (float[64,64] y) { y = MatMul(x, x) }")
    found = group_operands(store, (0,), {})
    assert found.operands.reads == ((MATRIX, (0, 1)),)


def test_what_does_not_cross_is_not_counted_but_takes_room() -> None:
    store, shape = built(LINEAR)
    operands = group_operands(store, (0, 1), {}).operands
    everything = steps(shape, operands, Skipped())
    assert everything.total_bytes(-1) == 3 * MATRIX + 256
    without_x = steps(shape, operands, Skipped(reads=(0,)))
    assert without_x.total_bytes(-1) == 2 * MATRIX + 256
    assert without_x.capacity_bytes[0] == everything.capacity_bytes[0]
    assert steps(shape, operands, Skipped(reads=(0,), once=(0,))).total_bytes(-1) == 3 * MATRIX + 256
    assert steps(shape, operands, Skipped(writes=(0,))).moved_bytes(-1)[1] == 0
    # A tile that only saved on x is none here: every step of what is left moves less than the one before.
    totals = [without_x.total_bytes(step) for step in range(len(without_x.capacity_bytes))]
    assert all(a > b for a, b in itertools.pairwise(totals))


def test_the_last_step_that_fits() -> None:
    store, shape = built(LINEAR)
    found = steps(shape, group_operands(store, (0, 1), {}).operands, Skipped())
    assert found.at(found.capacity_bytes[0] - 1) == -1
    assert found.at(found.capacity_bytes[0]) == 0
    assert found.at(1e12) == len(found.capacity_bytes) - 1
