"""What a model has for all targets: plans with their distinct shapes, what must cross its border, and its work."""

from __future__ import annotations

from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.planned import PlannedModel, planned
from onnxroof.mapping.storage import storage


def model(text: str, **dims: int) -> PlannedModel:
    loaded = workload(text, **dims)
    costs = cost_table(loaded)
    return planned(loaded, costs, storage(loaded, costs), ("none", "epilogue"))


# 8 x 64 by 64 x 32: 16,384 MACs, 256 outputs.
LINEAR = """g (float[8,64] x) => (float[8,32] y) <float[64,32] w, float[32] b>
    { m = MatMul(x, w) a = Add(m, b) y = Sigmoid(a) }"""


def test_plans_in_the_order_of_the_policies() -> None:
    found = model(LINEAR)
    assert [shaped.plan.fusion for shaped in found.plans] == ["none", "epilogue"]
    assert [len(shaped.plan.groups) for shaped in found.plans] == [3, 1]
    assert [shaped.index for shaped in found.plans] == [(0, 1, 2), (0,)]


def test_the_border_of_a_linear_layer() -> None:
    border = model(LINEAR).border
    # Neither do the bias's 128 B come in on their own: they may, but what is folded needs no more than one vector.
    assert (border.input_bytes, border.weight_bytes, border.output_bytes) == (2_048, 8_192, 1_024)
    work = border.work["FLOAT"]
    # The 256 additions of the bias, a weight, can be folded into the product: Sigmoid's 2 x 256 are left.
    assert (work.macs, work.vector_ops, work.special) == (16_384, 512, {"EXP": 256, "DIV": 256})


def test_memory_is_weights_at_their_full_size_and_live_activations() -> None:
    found = model("g (int64[8] i) => (float[8,16] y) <float[1000,16] t> { e = Gather(t, i) y = Relu(e) }")
    assert found.parameter_bytes == 64_000
    assert found.peak_activation_bytes == 2 * 512  # e and y; i of 64 B and e before
    assert found.border.weight_bytes == 64  # one row of 16 floats, which all ids may name


def test_all_work_counts_what_the_border_leaves_out() -> None:
    found = model(
        """g (float[1,4,8,8] x) => (float[1,4,8,8] y) <float[4] s, float[4] b, float[4] mean, float[4] var>
        { y = BatchNormalization(x, s, b, mean, var) dead = Exp(x) }"""
    )
    assert found.border.work == {}
    assert found.work["FLOAT"].vector_ops == 2 * 256
    assert found.work["FLOAT"].special == {"EXP": 256}


def test_work_by_type_and_trips() -> None:
    found = model(
        """g (float[64,64] x, float16[64] z) => (float[64,64] y, float16[64] v)
        <int64 trips = {5}, bool go = {1}, float[64,64] w> {
        v = Neg(z)
        y = Loop (trips, go, x) <body = b (int64 i, bool c, float[64,64] h) => (bool c2, float[64,64] h2) {
            c2 = Identity(c) h2 = MatMul(h, w) }> }"""
    )
    assert {dtype: (work.macs, work.vector_ops) for dtype, work in found.border.work.items()} == {
        "FLOAT16": (0, 64),
        "FLOAT": (5 * 262_144, 0),
    }


def test_chains_of_updates_in_place_take_from_outside_what_their_last_reader_takes() -> None:
    # 64 rows of 256 B; two rows are replaced, one after the other, and all are read: 62 rows come from outside.
    found = model(
        """g (float[64,64] x, int64[1,1] i, int64[1,1] j, float[1,64] u, float[1,64] v)
        => (float[64,64] s, float[64,64] y)
        { r = ScatterND(x, i, u) s = ScatterND(r, j, v) y = Neg(s) }"""
    )
    assert found.border.input_bytes == 62 * 256 + 2 * 8 + 2 * 256
    assert found.border.output_bytes == 256 + 64 * 256  # one row into s (the other is no output), y whole


def test_an_unknown_operator_adds_its_bytes_and_no_work() -> None:
    found = model("g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = my.domain.Foo(x, w) }")
    assert found.border.work == {}
    assert (found.border.input_bytes, found.border.weight_bytes, found.border.output_bytes) == (16_384,) * 3
