"""Names and bytes: what runs, which names share storage, what counts as a parameter, and how much is alive at once."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.storage import Storage, parameter_roots, storage

MATRIX = 16_384  # 64 x 64 FLOAT


def stored(model: Workload, *, copies_cache: bool = False) -> Storage:
    return storage(model, cost_table(model, copies_cache=copies_cache))


def peak(text: str, *, copies_cache: bool = False, **dims: int) -> int | None:
    model = workload(text, **dims)
    return stored(model, copies_cache=copies_cache).peak_activation_bytes


def parameters(text: str) -> dict[str, int]:
    model = workload(text)
    return {name: model.tensors[name].elements for name in parameter_roots(model, stored(model))}


def test_views_constants_and_shape_arithmetic_do_not_run() -> None:
    model = workload(
        """g (float[N,64] x) => (float[A,B] y) <float[64,64] w> {
        s = Shape(x) zero = Constant <value_int = 0> () n = Gather(s, zero) u = Unsqueeze(n, axes)
        axes = Constant <value_ints = [0]> () minus = Constant <value_ints = [-1]> () to = Concat <axis = 0> (u, minus)
        t = Transpose(w) m = MatMul(x, t) y = Reshape(m, to) }""",
        N=8,
    )
    store = stored(model)
    assert [kernel.op.op_type for kernel in store.kernels] == ["MatMul"]
    assert store.root("y") == "m"
    assert store.outputs == {"m"}
    assert store.producers == {"m": 0}
    assert store.readers["x"] == (0,)


def test_views_of_views_have_one_owner() -> None:
    store = stored(
        workload(
            """g (float[64,64] x) => (float[4096] y) {
            a = Relu(x) s = Constant <value_ints = [4096]> () b = Identity(a) c = Reshape(b, s) y = Neg(c) }"""
        )
    )
    assert (store.root("b"), store.root("c"), store.root("x")) == ("a", "a", "x")
    assert store.readers["a"] == (1,)
    assert not store.leaves("a", frozenset({0, 1}))
    assert store.leaves("a", frozenset({0}))
    assert store.leaves("y", frozenset({0, 1}))  # an output of the model


def test_what_nobody_wants_leaves_all_the_same() -> None:
    store = stored(workload("g (float[4] x) => (float[4] y) { y = Relu(x) dead = Neg(x) }"))
    assert store.leaves("dead", frozenset({0, 1}))


def test_what_a_loop_hands_on_is_carried_and_grows_to_what_it_collects() -> None:
    store = stored(
        workload(
            """g (float[64] x) => (float[64] last, float[5,64] all) <int64 trips = {5}, bool go = {1}> {
            last, all = Loop (trips, go, x) <body = b (int64 i, bool c, float[64] h)
                => (bool c2, float[64] h2, float[64] o) { c2 = Identity(c) h2 = Neg(h) o = Exp(h2) k = Sin(h2) }> }"""
        )
    )
    (neg,) = (kernel.op.outputs[0] for kernel in store.kernels if kernel.op.op_type == "Neg")
    (exp,) = (kernel.op.outputs[0] for kernel in store.kernels if kernel.op.op_type == "Exp")
    assert store.carried == {neg, exp}
    assert (store.root("last"), store.root("all")) == (neg, exp)
    assert (store.sizes[neg], store.sizes[exp]) == (256, 5 * 256)


# -- parameters ---------------------------------------------------------------------------------------------------


def test_parameters_are_weights_that_are_read_as_data() -> None:
    assert parameters(
        """g (float[8,64] x) => (float[8,8,4] y)
        <float[64,32] w, float[32] b, float[9,9] unused, int64[3] shape = {8, 8, 4}>
        { m = MatMul(x, w) a = Add(m, b) y = Reshape(a, shape) }"""
    ) == {"w": 2_048, "b": 32}


def test_a_weight_that_is_read_twice_or_turned_counts_once() -> None:
    assert parameters(
        """g (float[8,64] x) => (float[8,64] y) <float[32,64] w>
        { t = Transpose(w) h = MatMul(x, t) i = Identity(w) y = MatMul(h, i) }"""
    ) == {"w": 2_048}


def test_constants_that_nodes_make_are_parameters() -> None:
    # 3 x 4 ones and 2 values of a Constant node
    found = parameters(
        """g (float[3,4] x, float[2] z) => (float[3,4] y, float[2] v) {
        s = Constant <value_ints = [3, 4]> () ones = ConstantOfShape <value = float[1] {1.0}> (s) y = Mul(x, ones)
        k = Constant <value_floats = [1.0, 2.0]> () v = Add(z, k) }"""
    )
    assert sorted(found.values()) == [2, 12]


def test_parameters_are_counted_at_full_size_though_rows_are_gathered() -> None:
    text = "g (int64[8] i) => (float[8,16] y) <float[1000,16] table> { y = Gather(table, i) }"
    assert parameters(text) == {"table": 16_000}


# -- liveness -----------------------------------------------------------------------------------------------------


def test_the_peak_of_a_chain_is_two_tensors() -> None:
    # x and a; a and b; b and y: an operator's input and output at any time. In 1, 2, 1/2 and 1 matrices: 3.
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,128] w, float[128,32] v, float[32,64] u>
        { a = MatMul(x, w) b = MatMul(a, v) y = MatMul(b, u) }"""
    assert peak(text) == 3 * MATRIX  # x 1 + a 2; a 2 + b 1/2; b 1/2 + y 1


def test_a_residual_stays_alive_across_its_block() -> None:
    # x, a; x, a, b; x, b, y: three matrices
    text = "g (float[64,64] x) => (float[64,64] y) { a = Relu(x) b = Exp(a) y = Add(b, x) }"
    assert peak(text) == 3 * MATRIX


def test_outputs_stay_to_the_end_and_unread_inputs_are_there_at_the_start() -> None:
    text = """g (float[64,64] x, float[128,64] unread) => (float[64,64] a, float[64,64] y)
        { a = Relu(x) b = Exp(a) c = Neg(b) y = Sin(c) }"""
    # first: x, a, unread (2) = 4; then a, b; a, b, c = 3; a, c, y = 3
    assert peak(text) == 4 * MATRIX


def test_views_are_not_alive_beside_their_tensor() -> None:
    text = """g (float[64,64] x) => (float[4096] y)
        { a = Relu(x) s = Constant <value_ints = [4096]> () b = Reshape(a, s) y = Neg(b) }"""
    assert peak(text) == 2 * MATRIX


def test_weights_are_no_activations() -> None:
    assert peak("g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }") == 2 * MATRIX


def test_packed_and_narrow_types_at_their_size() -> None:
    text = "g (float[64,64] x) => (float16[64,64] y) { h = Cast <to = 10> (x) y = Neg(h) }"
    assert peak(text) == MATRIX + MATRIX // 2


CACHE = """g (float[64,64] past, float[1,64] x) => (float[65,64] present, float[65,64] y)
    { k = Exp(x) present = Concat <axis = 0> (past, k) y = Neg(present) }"""


def test_a_cache_that_is_appended_in_place_is_one_buffer_from_start_to_end() -> None:
    row = 256
    # Neg: the buffer of 65 rows and y of 65 rows
    assert peak(CACHE) == 2 * 65 * row
    # copied, the past of 64 rows lives until then beside the 65 rows of the present and the row that is appended
    assert peak(CACHE, copies_cache=True) == max((64 + 65 + 1) * row, 2 * 65 * row)


def test_a_cache_of_an_attention_is_one_buffer_too() -> None:
    # 1 token of 4 heads of 16 wide in FLOAT16 (128 B) in q, k, v and y; 2 caches of 99 + 1 tokens.
    text = """g (float16[1,4,1,16] q, float16[1,4,1,16] k, float16[1,4,1,16] v, float16[1,4,99,16] pk,
        float16[1,4,99,16] pv) => (float16[1,4,1,16] y, float16[1,4,100,16] nk, float16[1,4,100,16] nv)
        { y, nk, nv = Attention(q, k, v, , pk, pv) }"""
    token = 4 * 16 * 2
    assert peak(text) == (4 + 2 * 100) * token
    assert peak(text, copies_cache=True) == (4 + 2 * 100 + 2 * 99) * token


@pytest.mark.parametrize(("reader", "buffers"), [("y = Neg(s)", 2), ("y = Add(s, n)", 3)])
def test_an_update_in_place_needs_no_second_buffer_unless_the_first_is_read_again(reader: str, buffers: int) -> None:
    text = f"""g (float[64,64] x, int64[1,1] i, float[1,64] u) => (float[64,64] y)
        {{ n = Exp(x) s = ScatterND(n, i, u) {reader} }}"""
    # With x gone after Exp, the matrices n/s and y are alive, and n beside s where it is read again. i (8 B) and u
    # (256 B) are alive as long as the scatter has not run: beside x and n.
    assert peak(text) == max(buffers * MATRIX, 2 * MATRIX + 264)


def test_what_a_loop_collects_counts_whole() -> None:
    # x and the state of a trip 256 B each; 100 results of 256 B
    text = """g (float[64] x) => (float[100,64] all) <int64 trips = {100}, bool go = {1}> {
        last, all = Loop (trips, go, x) <body = b (int64 i, bool c, float[64] h)
            => (bool c2, float[64] h2, float[64] o) { c2 = Identity(c) h2 = Neg(h) o = Exp(h2) }> }"""
    assert peak(text) == 256 + 100 * 256  # h2 while o is made from it; x is read in the first operator only


def test_an_unknown_shape_makes_the_peak_unknown() -> None:
    assert peak("g (float[4] x) => (float[4] y) { q = my.domain.Foo(x) y = my.domain.Foo(q) }") is None


def test_a_model_that_runs_nothing_holds_its_inputs() -> None:
    assert peak("g (float[64,64] x) => (float[64,64] y) { y = Identity(x) }") == MATRIX
