"""Orders in which operators follow what they read: legal ones, better ones, and the same model in every other way."""

from __future__ import annotations

import random

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import CostTable, cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.reorder import chained_order, permuted
from onnxroof.mapping.storage import Storage, storage

ATTENTION = """g (float[32,16] x) => (float[32,16] y) <float[16,16] q, float[16,16] k, float[16,16] v> {
    a = MatMul(x, q) b = MatMul(x, k) t = Transpose<perm=[1,0]>(b) s = MatMul(a, t) p = Softmax(s)
    c = MatMul(x, v) y = MatMul(p, c) }"""


def made(text: str) -> tuple[Workload, CostTable, Storage]:
    model = workload(text)
    costs = cost_table(model)
    return model, costs, storage(model, costs)


def names(store: Storage, order: tuple[int, ...]) -> list[str]:
    return [store.kernels[kernel].op.outputs[0] for kernel in order]


def test_values_come_before_scores_softmax_and_their_sum() -> None:
    _, _, store = made(ATTENTION)
    order = chained_order(store)
    assert order is not None
    # As written y follows c and not p, so that s, p, y are no run. Of the operands of y, p has the longer chain, and
    # with 32 x 32 elements it has more bytes than c with 32 x 16.
    assert names(store, order) == ["c", "a", "b", "t", "s", "p", "y"]


def test_branches_that_alternate_are_followed_one_by_one() -> None:
    _, _, store = made(
        """g (float[8,16] x) => (float[8,16] y) {
        a = Relu(x) b = Sigmoid(x) c = Tanh(a) d = Exp(b) e = Relu(c) f = Relu(d) y = Add(e, f) }"""
    )
    order = chained_order(store)
    assert order is not None
    assert names(store, order) == ["a", "c", "e", "b", "d", "f", "y"]


def test_an_order_that_chains_no_more_is_not_offered() -> None:
    _, _, store = made("g (float[8] x) => (float[8] y) { a = Relu(x) b = Tanh(a) y = Add(a, b) }")
    assert chained_order(store) is None


def test_bodies_of_loops_keep_their_order() -> None:
    _, _, store = made(
        """g (float[8] x) => (float[8] y) <int64 n = {3}, bool c = {1}> {
        y = Loop (n, c, x) <body = b (int64 i, bool on, float[8] s) => (bool again, float[8] out) {
            again = Identity(on) p = Relu(s) q = Tanh(s) r = Exp(p) u = Exp(q) out = Add(r, u) }> }"""
    )
    assert any(kernel.op.repeat == 3 for kernel in store.kernels)
    assert chained_order(store) is None


def test_who_reads_a_buffer_stays_before_who_writes_into_it() -> None:
    _, _, store = made(
        """g (float[1,2,8,4] c, float[1,2,1,4] n, float[1,2,1,4] x, int64[1] at)
        => (float[1,2,8,4] d, float[1,2,1,4] y) {
        a = Relu(x) b = Tanh(n) z = Relu(c) m = ReduceMax<keepdims=1>(z) d = TensorScatter<axis=2>(c, b, at)
        y = Add(a, m) }"""
    )
    (scatter,) = (kernel for kernel in store.kernels if kernel.op.op_type == "TensorScatter")
    assert scatter.cost.in_place
    order = chained_order(store)
    assert order is None or names(store, order).index("z") < names(store, order).index("d")


@pytest.mark.parametrize("seed", range(20))
def test_a_permuted_model_has_the_same_operators_each_behind_what_it_reads(seed: int) -> None:
    draw = random.Random(seed)
    nodes, have = [], ["x"]
    for number in range(12):
        one, other = draw.choice(have), draw.choice(have)
        op = draw.choice([f"Relu({one})", f"Add({one}, {other})", f"Flatten<axis=1>({one})"])
        nodes.append(f"t{number} = {op}")
        have.append(f"t{number}")
    model, costs, store = made(f"g (float[4,6] x) => (float[4,6] y) {{ {' '.join(nodes)} y = Add(t11, t10) }}")
    order = chained_order(store) or tuple(range(len(store.kernels)))
    other_model, other_costs = permuted(model, costs, store, order)
    again = storage(other_model, other_costs)
    assert [kernel.op.name for kernel in again.kernels] == [store.kernels[kernel].op.name for kernel in order]
    known = {op.name: cost for op, cost in zip(model.ops, costs.costs, strict=True)}
    seen = set(model.inputs)
    for op, cost in zip(other_model.ops, other_costs.costs, strict=True):
        assert cost is known.pop(op.name)
        assert seen.issuperset(op.inputs)
        seen.update(op.outputs)
    assert not known
    assert {name: again.root(name) for name in seen} == {name: store.root(name) for name in seen}
