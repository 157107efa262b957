"""Orders in which operators follow what they read: legal ones, better ones, and the same model in every other way."""

from __future__ import annotations

import random

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.reorder import chained_orders, permuted
from onnxroof.mapping.storage import Storage, storage

ATTENTION = """g (float[32,16] x) => (float[32,16] y) <float[16,16] q, float[16,16] k, float[16,16] v> {
    a = MatMul(x, q) b = MatMul(x, k) t = Transpose<perm=[1,0]>(b) s = MatMul(a, t) p = Softmax(s)
    c = MatMul(x, v) y = MatMul(p, c) }"""


def made(text: str) -> Storage:
    model = workload(text)
    return storage(model, cost_table(model))


def last(store: Storage) -> tuple[int, ...]:
    """The order in which the longest chain is last."""
    (found,) = [order for order, rule in chained_orders(store).items() if rule.endswith("last")]
    return found


def names(store: Storage, order: tuple[int, ...]) -> list[str]:
    return [store.kernels[kernel].op.outputs[0] for kernel in order]


def test_values_come_before_scores_softmax_and_their_sum() -> None:
    store = made(ATTENTION)
    order = last(store)
    # As written y follows c and not p, so that s, p, y are no run. Of the operands of y, p has the longer chain, and
    # with 32 x 32 elements it has more bytes than c with 32 x 16.
    assert names(store, order) == ["c", "a", "b", "t", "s", "p", "y"]


def test_branches_that_alternate_are_followed_one_by_one() -> None:
    store = made(
        """g (float[8,16] x) => (float[8,16] y) {
        a = Relu(x) b = Sigmoid(x) c = Tanh(a) d = Exp(b) e = Relu(c) f = Relu(d) y = Add(e, f) }"""
    )
    order = last(store)
    assert names(store, order) == ["a", "c", "e", "b", "d", "f", "y"]


def test_short_branches_are_also_next_to_what_joins_them() -> None:
    store = made(
        """g (float[8,16] x) => (float[8,48] y) {
        a = Relu(x) b = Sigmoid(x) c = Tanh(b) d = Exp(x) e = Relu(d) f = Tanh(e) y = Concat<axis=1>(a, c, f) }"""
    )
    # As written f, which has the longest chain, is next to y: that is the order with the longest last.
    (order, rule), *others = chained_orders(store).items()
    assert (names(store, order), not others) == (["d", "e", "f", "b", "c", "a", "y"], True)
    assert rule == "an operator follows what it reads, the longest chain first"


def test_of_two_branches_that_with_more_bytes_is_next_to_what_joins_them() -> None:
    def joined(long: int, short: int) -> list[list[str]]:
        store = made(
            f"""g (float[8,16] x) => (float[8,n] y) <float[16,{long}] v, float[16,{short}] w> {{
            a = MatMul(x, w) c = Relu(x) d = Tanh(c) e = MatMul(d, v) y = Concat<axis=1>(e, a) }}"""
        )
        return [names(store, order) for order in chained_orders(store)]

    # As written, which is with the longest chain last, three operators follow what they read, and so many do with it
    # first: c, d, e, a, y. That is worth a try if y reads no fewer bytes of a than of e.
    assert joined(long=32, short=16) == []
    assert joined(long=16, short=32) == [["c", "d", "e", "a", "y"]]


def test_an_order_that_chains_less_is_not_offered() -> None:
    store = made("g (float[8] x) => (float[8] y) { a = Relu(x) b = Tanh(a) y = Add(a, b) }")
    assert not chained_orders(store)


def test_bodies_of_loops_keep_their_order() -> None:
    store = made(
        """g (float[8] x) => (float[8] y) <int64 n = {3}, bool c = {1}> {
        y = Loop (n, c, x) <body = b (int64 i, bool on, float[8] s) => (bool again, float[8] out) {
            again = Identity(on) p = Relu(s) q = Tanh(s) r = Exp(p) u = Exp(q) out = Add(r, u) }> }"""
    )
    assert any(kernel.op.repeat == 3 for kernel in store.kernels)
    assert not chained_orders(store)


def test_who_reads_a_buffer_stays_before_who_writes_into_it() -> None:
    store = made(
        """g (float[1,2,8,4] c, float[1,2,1,4] n, float[1,2,1,4] x, int64[1] at)
        => (float[1,2,8,4] d, float[1,2,1,4] y) {
        a = Relu(x) b = Tanh(n) z = Relu(c) m = ReduceMax<keepdims=1>(z) d = TensorScatter<axis=2>(c, b, at)
        y = Add(a, m) }"""
    )
    (scatter,) = (kernel for kernel in store.kernels if kernel.op.op_type == "TensorScatter")
    assert scatter.cost.in_place
    for order in chained_orders(store):
        assert names(store, order).index("z") < names(store, order).index("d")


def test_a_size_that_is_worked_out_comes_before_who_needs_it() -> None:
    # How many TopK keeps counts as no read of it, but it cannot run without.
    store = made(
        """g (float[8,4] x, int64[3] i) => (float[8,4] y, float[8,n] v, int64[1] w) {
        q = Tanh(x) r = Relu(x) k = ReduceSum<keepdims=1>(i) p = Exp(q) v, j = TopK(r, k) y = Abs(p) w = Neg(k) }"""
    )
    assert "k" not in next(kernel for kernel in store.kernels if kernel.op.op_type == "TopK").reads
    order = last(store)
    assert names(store, order) == ["r", "k", "v", "q", "p", "y", "w"]


@pytest.mark.parametrize("seed", range(20))
def test_permuted_kernels_are_the_same_each_behind_what_it_reads(seed: int) -> None:
    draw = random.Random(seed)
    nodes, have = [], ["x"]
    for number in range(12):
        one, other = draw.choice(have), draw.choice(have)
        op = draw.choice([f"Relu({one})", f"Add({one}, {other})", f"Flatten<axis=1>({one})"])
        nodes.append(f"t{number} = {op}")
        have.append(f"t{number}")
    store = made(f"g (float[4,6] x) => (float[4,6] y) {{ {' '.join(nodes)} y = Add(t11, t10) }}")
    back_to_front = tuple(reversed(range(len(store.kernels))))
    for order in (*chained_orders(store), back_to_front):
        check(store, order, is_legal=order != back_to_front)


def check(store: Storage, order: tuple[int, ...], *, is_legal: bool) -> None:
    again = permuted(store, order)
    assert sorted(order) == [*range(len(store.kernels))]
    assert list(again.kernels) == [store.kernels[kernel] for kernel in order]
    for number, kernel in enumerate(again.kernels):
        for name in kernel.op.outputs:
            assert again.producers[name] == number
        for root in kernel.reads:
            assert again.readers[root].count(number) == store.readers[root].count(order[number])
            if is_legal:
                assert again.producers.get(root, -1) < number
    assert all(list(found) == sorted(found) for found in again.readers.values())
    assert {name: len(found) for name, found in again.readers.items()} == {
        name: len(found) for name, found in store.readers.items()
    }
    # Back in the order of the file it is what it was.
    back = permuted(again, [order.index(kernel) for kernel in range(len(order))])
    assert (back.kernels, back.producers, back.readers) == (store.kernels, store.producers, store.readers)
