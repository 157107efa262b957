"""What could stay over the steps of a model, from when to when, and what that would save."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.mapping.timeline import NOBODY, WRITTEN, Candidate, Timeline

MATRIX = 16_384  # 64 x 64 FLOAT
CHAIN = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
    { m = MatMul(x, v) y = MatMul(m, w) }"""


def clock(text: str) -> Timeline:
    model = workload(text)
    costs = cost_table(model)
    return planned(model, costs, storage(model, costs), ("none",)).timeline


def only(found: tuple[Candidate, ...]) -> Candidate:
    (one,) = found
    return one


def test_what_is_made_and_read_may_stay_from_its_maker_to_its_last_reader() -> None:
    found = clock(CHAIN)
    # m is written once and read once: both crossings are saved. x and y have one use each, v and w too.
    assert only(found.cold) == Candidate(
        root="m", is_weight=False, bytes=MATRIX, first=0, last=1, saved_bytes=2 * MATRIX, payer=NOBODY,
        is_written=False, subject="MatMul_0 -> MatMul_1",
    )  # fmt: skip


def test_an_output_is_written_though_it_stays() -> None:
    found = only(clock(CHAIN.replace("(float[64,64] y)", "(float[64,64] y, float[64,64] m)")).cold)
    assert found.is_written
    assert found.saved_bytes == MATRIX  # its read alone


def test_every_later_use_of_an_input_is_saved_and_the_first_pays() -> None:
    # x is read by three products in steps 0, 1 and 2: two of three reads need not cross.
    found = clock(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] u, float[64,64] v, float[64,64] w>
        { a = MatMul(x, u) b = MatMul(x, v) c = MatMul(x, w) y = Sum(a, b, c) }"""
    )
    of = {one.root: one for one in found.cold}
    x = of.pop("x")
    assert (x.first, x.last, x.saved_bytes, x.payer) == (0, 2, 2 * MATRIX, 0)
    # Of what the products make, Sum (step 2 with the last product, whose result it takes) reads a and b from before.
    assert {name: (one.first, one.last) for name, one in of.items()} == {"a": (0, 2), "b": (1, 2)}
    assert all(one.saved_bytes == 2 * MATRIX for one in of.values())


def test_readers_of_one_step_share_one_crossing() -> None:
    # Both Adds join the product: m is made and used inside the group, x comes in once for both.
    found = clock(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] w>
        { m = MatMul(x, w) a = Add(m, x) y = Add(a, x) }"""
    )
    assert found.cold == ()
    assert len(found.steps) == 1


def test_weights_stay_over_all_steps_and_save_their_bytes() -> None:
    found = clock(CHAIN)
    assert {(one.root, one.bytes, one.first, one.last, one.saved_bytes) for one in found.steady} == {
        ("v", MATRIX, 0, 1, MATRIX), ("w", MATRIX, 0, 1, MATRIX),
    }  # fmt: skip
    assert all(one.is_weight and one.payer == NOBODY for one in found.steady)


def test_a_weight_of_two_readers_may_stay_within_a_run_too() -> None:
    found = clock("""g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = MatMul(m, w) }""")
    (w,) = [one for one in found.cold if one.is_weight]
    assert (w.root, w.first, w.last, w.saved_bytes, w.payer) == ("w", 0, 1, MATRIX, 0)
    # From run to run both reads are saved.
    assert only(found.steady).saved_bytes == 2 * MATRIX


@pytest.mark.parametrize("trips", [3, 5])
def test_what_the_body_of_a_loop_captures_stays_over_its_trips(trips: int) -> None:
    found = clock(
        f"""g (float[64,64] x) => (float[64,64] y) <int64 n = {{{trips}}}, bool go = {{1}}, float[64,64] w>
        {{ y = Loop(n, go, x) <body = b (int64 i, bool c, float[64,64] s) => (bool d, float[64,64] t)
           {{ d = Identity(c) t = MatMul(s, w) }}> }}"""
    )
    w = only(tuple(one for one in found.cold if one.root == "w"))
    assert w.saved_bytes == (trips - 1) * MATRIX  # the first trip pays
    # What goes from trip to trip is carried, and no candidate.
    assert {one.root for one in found.cold} == {"w"}


def test_a_result_takes_the_place_of_an_operand_that_nobody_needs_any_more() -> None:
    # Step 1 is Abs with Add: s is written over m, which only Add reads. Softmax walks its rows twice: t is not over s.
    found = clock(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) a = Abs(x) s = Add(m, a) t = Softmax(s) y = MatMul(t, w) }"""
    )
    assert found.overlaps == {1: (("s", "m"),)}
    # The operand of a product is read again and again: in CHAIN, y has a place of its own.
    assert clock(CHAIN).overlaps == {}


def test_a_reader_that_comes_later_keeps_the_place() -> None:
    # Softmax (step 2) reads n after Add (step 1) has made q of m and n; r in step 2 is written over q.
    found = clock(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) n = MatMul(m, w) p = Softmax(n) q = Add(m, n) r = Add(q, p) y = MatMul(r, w) }"""
    )
    assert found.overlaps == {2: (("r", "q"),)}


def test_a_use_moves_what_does_not_stay() -> None:
    first, second = clock(CHAIN).steps
    floor = {kept: second.curve({"m": kept}).total_bytes(-1) for kept in (NOBODY, WRITTEN)}
    assert second.curve({}).total_bytes(-1) == 3 * MATRIX  # m, w, y
    assert floor == {NOBODY: 2 * MATRIX, WRITTEN: 2 * MATRIX}  # m is there already
    assert first.curve({"m": NOBODY}).total_bytes(-1) == 2 * MATRIX  # x, v: nobody outside wants m
    assert first.curve({"m": WRITTEN}).total_bytes(-1) == 3 * MATRIX  # somebody does
    # A kernel that brings an operand in pays for it, whatever stays.
    assert second.curve({"w": second.kernels[0]}).total_bytes(-1) == 3 * MATRIX


def test_the_tile_that_moves_nothing_twice() -> None:
    # One operand whole, a row of the other and of the result: (64 * 64 + 2 * 64) FLOAT, for both products.
    assert clock(CHAIN).needed_bytes == ((64 * 64 + 2 * 64) * 4,) * 2


def test_what_crosses_each_boundary_of_a_target() -> None:
    # Three levels: m stays in the second (number 1), so it crosses the boundary inside of it but not that outside.
    first, second = clock(CHAIN).steps
    around = second.around({"m": (1, NOBODY)}, 2)
    assert around.curves == (second.curve({"m": NOBODY}), second.curve({}))
    assert around.stays == (1, 0, 0)  # of m, w, y
    assert second.around({"m": (2, NOBODY)}, 2).curves == (second.curve({"m": NOBODY}),) * 2
    assert second.around({"x": (1, NOBODY)}, 2) is second.around({}, 2)  # x is none of its tensors
    assert first.around({"m": (1, WRITTEN)}, 1).curves == (first.curve({}),)
