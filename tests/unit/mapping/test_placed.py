"""Groups with what stays on chip around them: what crosses, what room is left to tiles, what is shared."""

from __future__ import annotations

import dataclasses

import numpy as np
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.mapping.placed import Crossing, placed
from onnxroof.mapping.planned import PlannedModel, planned
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.storage import storage
from onnxroof.mapping.timeline import NOBODY
from onnxroof.mapping.traffic import LevelTraffic

MATRIX = 16_384  # 64 x 64 FLOAT
WHOLE = (64 * 64 + 2 * 64) * 4  # one operand, a row of the other and of the result: each byte of a product once
CHAIN = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
    { m = MatMul(x, v) y = MatMul(m, w) }"""


def built(text: str) -> PlannedModel:
    model = workload(text)
    costs = cost_table(model)
    return planned(model, costs, storage(model, costs), ("none",))


def stays(resident: list[float], room: float, *, instances: int = 1) -> Residency:
    """One level on chip where m stays while `resident` bytes are taken."""
    return Residency(
        kept=({}, {"m": NOBODY}), resident_bytes=([0.0] * len(resident), resident),
        room_bytes=(float("inf"), room), instances=(1, instances), candidates=(),
    )  # fmt: skip


def test_what_stays_does_not_cross() -> None:
    model = built(CHAIN)
    found = placed(model.timeline.uses["none"], stays([MATRIX, MATRIX], MATRIX + WHOLE), {})
    first, second = (found.kinds[number][1] for number in found.index)
    assert first is not None
    assert second is not None
    assert first.moved == ((2 * MATRIX, 0.0),)  # x and v in; m stays
    assert second.moved == ((MATRIX, MATRIX),)  # w in, y out
    assert first.footprint_bytes == second.footprint_bytes == (0.0, WHOLE)
    assert (first.least_bytes, second.least_bytes) == (2 * MATRIX, 2 * MATRIX)
    assert found.resident_bytes == ((0.0, MATRIX), (0.0, MATRIX))
    assert found.counts == (1, 1)


def test_what_stays_takes_room_from_the_tiles() -> None:
    model = built(CHAIN)
    uses = model.timeline.uses["none"]
    roomy = placed(uses, stays([MATRIX, MATRIX], MATRIX + WHOLE), {})
    tight = placed(uses, stays([MATRIX, MATRIX], MATRIX + WHOLE - 1), {})
    for (_, wide), (_, narrow) in zip(roomy.kinds, tight.kinds, strict=True):
        assert wide is not None
        assert narrow is not None
        assert sum(narrow.moved[0]) > sum(wide.moved[0])
        assert narrow.footprint_bytes[1] < WHOLE
        assert narrow.least_bytes == wide.least_bytes  # whatever the tile


def test_where_nothing_stays_there_is_nothing_to_say() -> None:
    model = built(CHAIN)
    found = placed(model.timeline.uses["none"], stays([0.0, 0.0], WHOLE), {})
    # One reads an input and the other an activation, but both move and do the same: one kind of group.
    assert [crossing for _, crossing in found.kinds] == [None]
    assert found.index == (0, 0)
    assert found.counts == (2,)


def test_no_room_for_a_tile_is_no_footprint_and_the_smallest_tile() -> None:
    model = built(CHAIN)
    shared: dict[object, Crossing] = {}
    found = placed(model.timeline.uses["none"], stays([MATRIX, MATRIX], MATRIX + 11), shared)
    first = found.kinds[found.index[0]][1]
    assert first is not None
    assert first.footprint_bytes == (0.0, 0.0)  # 12 B: an element of each
    # The sum stays while x and v are fetched for each of 64 x 64 x 64 multiply-adds: 64 times each; m does not leave.
    assert first.moved == ((2 * 64 * MATRIX, 0.0),)


def test_instances_share_what_stays() -> None:
    model = built(CHAIN)
    found = placed(model.timeline.uses["none"], stays([MATRIX, MATRIX], MATRIX + WHOLE, instances=4), {})
    assert found.resident_bytes == ((0.0, MATRIX / 4),) * 2
    first = found.kinds[found.index[0]][1]
    assert first is not None
    assert first.footprint_bytes == (0.0, WHOLE / 4)


def test_equal_crossings_are_one_object_over_plans() -> None:
    model = built(CHAIN)
    choice = stays([MATRIX, MATRIX], MATRIX + WHOLE)
    shared: dict[object, Crossing] = {}
    one = placed(model.timeline.uses["none"], choice, shared)
    two = placed(model.timeline.uses["none"], choice, shared)
    assert len(shared) == 2
    assert all(a[1] is b[1] for a, b in zip(one.kinds, two.kinds, strict=True))


def test_the_traffic_of_a_group_with_what_stays() -> None:
    model = built(CHAIN)
    found = placed(model.timeline.uses["none"], stays([MATRIX, MATRIX], MATRIX + WHOLE), {})
    shape, crossing = found.kinds[found.index[1]]
    assert crossing is not None
    alone = LevelTraffic(
        np.array([2.0 * MATRIX, 9.0]), np.array([1.0 * MATRIX, 8.0]), np.array([0.0, 5.0]), (), {"m": 1}
    )
    applied = crossing.applied(shape, alone)
    # The boundary outside the level as it is now; inside it nothing changes.
    assert applied.read_bytes.tolist() == [MATRIX, 9.0]
    assert applied.write_bytes.tolist() == [MATRIX, 8.0]
    assert applied.footprint_bytes.tolist() == [0.0, WHOLE]
    assert sorted(applied.tile.values()) == [1, 64, 64]
    assert alone.read_bytes[0] == 2 * MATRIX  # left as it was


def test_what_of_the_nest_stays_and_what_crosses_beside_it() -> None:
    model = built(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w, float[64] b>
        { m = MatMul(x, v) n = MatMul(m, w) y = Add(n, b) }"""
    )
    choice = stays([MATRIX, MATRIX], MATRIX + WHOLE)
    found = placed(model.timeline.steps, choice, {})
    (first, one), (second, other) = (found.kinds[number] for number in found.index)
    assert one is not None
    assert other is not None
    # m is the third operand of the first product and the first of the second; it stays in the first level on chip.
    assert (one.stays, other.stays) == ((0, 0, 1), (1, 0, 0))
    # Beside x and v, or w, from outside: nothing; the bias (64 FLOAT) and y, which the second product's nest names n.
    read, written = other.beside(second)
    assert read.tolist() == [256.0, 256.0]
    assert written.tolist() == [0.0, 0.0]
    read, written = one.beside(first)
    assert (read.tolist(), written.tolist()) == ([0.0, 0.0], [0.0, 0.0])


def test_who_pays_for_a_tensor_that_comes_to_stay_pays_beside_the_nest() -> None:
    # x is read by both; the first kernel brings it in, once.
    model = built(
        """g (float[64,64] x) => (float[64,64] y, float[64,64] z) <float[64,64] v, float[64,64] w>
        { y = MatMul(x, v) z = MatMul(x, w) }"""
    )
    choice = Residency(
        kept=({}, {"x": 0}), resident_bytes=([0.0, 0.0], [MATRIX, MATRIX]), room_bytes=(float("inf"), MATRIX + WHOLE),
        instances=(1, 1), candidates=(),
    )  # fmt: skip
    found = placed(model.timeline.uses["none"], choice, {})
    reads = []
    for number in found.index:
        shape, crossing = found.kinds[number]
        assert crossing is not None
        assert crossing.stays == (1, 0, 0)
        reads.append(crossing.beside(shape)[0][0])
    assert reads == [MATRIX, 0.0]


def test_a_group_without_kernels_has_nothing_around_it_even_if_there_is_no_step() -> None:
    model = workload("g (float[3,4] x) => (float16[3,4] y) { y = Cast <to = 10> (x) }")
    # As if converted to the type of its result: the cast is a view, and so are all operators.
    converted = dataclasses.replace(
        model, tensors={n: dataclasses.replace(t, dtype=DType.FLOAT16) for n, t in model.tensors.items()}
    )
    costs = cost_table(converted)
    made = planned(converted, costs, storage(converted, costs), ("none",), idle=[model.ops[0].name])
    assert made.timeline.steps == ()
    found = placed(made.timeline.uses["none"], stays([], WHOLE), {})
    assert [crossing for _, crossing in found.kinds] == [None]
    assert found.resident_bytes == ((0.0, 0.0),)
