"""The floor, derived by hand: what no plan can beat, and so nothing that is measured."""

from __future__ import annotations

import math
import random

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.costs.cost import Work
from onnxroof.mapping.planned import Border
from onnxroof.roofline.floor import floor
from onnxroof.roofline.result import TargetResult

MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})
VECTOR = engine("vector", "vector special", {"FLOAT": "100 GFLOP/s, 2 pJ/FLOP"})
DRAM = level("dram", "1 GB", "10 GB/s", "100 pJ/B")

# x, w and y of 64 x 64 x 4 = 16,384 B; 524,288 operations of MACs, 8,192 others. The bias folds into the product.
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"""
BORDER = 2 * 16_384
WEIGHTS = 16_384


def sram(capacity: str, rest: str = "") -> str:
    return level("sram", capacity, "1 TB/s", "1 pJ/B", rest=rest)


@pytest.mark.parametrize(
    ("capacity", "from_dram"),
    [
        ("64 KiB", BORDER),  # weights lie on chip before the run
        ("16 KiB", BORDER),  # just so
        ("16128 B", BORDER + 256),  # 256 B of them do not
        ("1 KiB", BORDER + WEIGHTS - 1_024),
        ("", BORDER),  # an unknown capacity is infinite
    ],
)
def test_weights_are_free_as_far_as_they_fit_on_chip(capacity: str, from_dram: int) -> None:
    result = on_target(LINEAR, target(MATRIX, VECTOR, DRAM, sram(capacity)))
    assert result.floor_latency_s == pytest.approx(from_dram / 10e9)
    assert result.floor_bound == "memory:dram"


def test_the_energy_floor_prices_every_crossing() -> None:
    result = on_target(LINEAR, target(MATRIX, VECTOR, DRAM, sram("16128 B"), static_power="1 W"))
    # compute 524,288 + 2 x 4,096 (Relu); dram 33,024 x 100; sram: to the engines x, weights and y, from dram x and
    # 256 B of weights, to dram y: 49,152 + 33,024; static 1 W for 3.3024 us. In pJ.
    expected = 524_288 + 8_192 + 3_302_400 + 49_152 + 33_024 + 3_302_400
    assert result.floor_energy_j == pytest.approx(expected * 1e-12)


def test_levels_that_keep_no_weights_hold_none() -> None:
    only = sram("64 KiB", rest='keeps = ["activation"]')
    result = on_target(LINEAR, target(MATRIX, VECTOR, DRAM, only))
    assert result.floor_latency_s == pytest.approx((BORDER + WEIGHTS) / 10e9)


def test_all_cores_and_all_inner_levels_hold_weights_together() -> None:
    # 4 x 2 KiB + 4 KiB = 12,288 B of 16,384 B.
    local = level("local", "2 KiB", rest='scope = "core"')
    result = on_target(LINEAR, target(MATRIX, VECTOR, DRAM, sram("4 KiB"), local, cores="4"))
    assert result.floor_latency_s == pytest.approx((BORDER + WEIGHTS - 12_288) / 10e9)


def test_a_single_level_delivers_everything() -> None:
    result = on_target(LINEAR, target(MATRIX, VECTOR, DRAM))
    assert result.floor_latency_s == pytest.approx((BORDER + WEIGHTS) / 10e9)
    assert result.plan("epilogue").latency_s == pytest.approx((BORDER + WEIGHTS + 256) / 10e9)  # with the bias


def test_compute_sets_the_floor_where_memory_is_fast() -> None:
    # Relu alone: 4,096 operations at 0.5 GFLOP/s; the bias folds into the product.
    slow = engine("vector", "vector special", {"FLOAT": "500 MFLOP/s"})
    result = on_target(LINEAR, target(MATRIX, slow, DRAM))
    assert (result.floor_bound, result.floor_latency_s) == ("compute:vector", pytest.approx(8_192e-9))


def test_no_array_no_launch_no_waiting_is_in_the_floor() -> None:
    array = engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}, rest="array = { m = 96, n = 96, k = 1 }")
    serial = level("dram", "1 GB", "10 GB/s", rest="overlap = false")
    result = on_target(LINEAR, target(array, VECTOR, serial, launch_overhead="1 ms"))
    assert result.floor_latency_s == pytest.approx(524_288e-9)


@pytest.mark.parametrize(("stated", "lanes"), [("special_cost = { EXP = 16, DIV = 2 }", 18), ("", 2)])
def test_a_guessed_cost_has_no_place_in_a_bound(stated: str, lanes: int) -> None:
    # Sigmoid: 2 vector ops, EXP and DIV an element; one lane operation each at the very least.
    vector = engine("vector", "vector special", {"FLOAT": "1 GFLOP/s"}, rest=stated)
    result = on_target("g (float[10000] x) => (float[10000] y) { y = Sigmoid(x) }", target(vector, DRAM))
    assert result.floor_latency_s == pytest.approx((2 + lanes) * 10_000 / 1e9)


def folded(text: str) -> TargetResult:
    slow = engine("vector", "vector special", {"FLOAT": "1 MFLOP/s"})
    return on_target(text, target(engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}), slow, DRAM))


def test_a_batch_normalization_by_constants_is_folded_for_nothing() -> None:
    # 3 x 16 x 8 x 8 outputs: 2 operations each at 1 MFLOP/s would take 6 ms.
    result = folded(
        """g (float[3,4,8,8] x) => (float[3,16,8,8] y)
        <float[16,4,1,1] w, float[16] s, float[16] b, float[16] mean, float[16] var>
        { c = Conv(x, w) y = BatchNormalization(c, s, b, mean, var) }"""
    )
    assert result.floor_bound == "memory:dram"
    # x 3 x 4 x 64, y 3 x 16 x 64 elements, 64 weights, 4 B each; the 64 parameters go into these.
    assert result.floor_latency_s == pytest.approx((768 + 3_072 + 64) * 4 / 10e9)
    assert result.plan("epilogue").latency_s == pytest.approx(6_144e-6)


def test_what_no_output_depends_on_is_dropped() -> None:
    result = folded(
        """g (float[64,64] x, float[64,64] z) => (float[64,64] y) <float[64,64] w>
        { y = MatMul(x, w) dead = Exp(z) deader = Neg(dead) }"""
    )
    assert result.floor_bound == "memory:dram"
    assert result.floor_latency_s == pytest.approx(3 * 16_384 / 10e9)


def bytes_of_floor(text: str, **options: object) -> float:
    """Bytes over the single port of a target, which can do anything else at once."""
    result = on_target(text, target(engine("all", "mac vector special", {"FLOAT": ""}), DRAM), **options)
    assert result.floor_latency_s is not None
    return result.floor_latency_s * 10e9


def test_a_table_of_which_rows_are_gathered_is_read_in_part() -> None:
    text = """g (int64[8] ids) => (float[8,256] y) <float[50000,256] table> { y = Gather(table, ids) }"""
    # ids and the result; of the table one row, which all ids may name
    assert bytes_of_floor(text) == pytest.approx(64 + 8 * 256 * 4 + 256 * 4)
    known = text.replace("(int64[8] ids) =>", "() =>").replace("table>", "table, int64[8] ids = {1,2,3,4,4,3,2,9}>")
    known = known.replace("() =>", "(float[8,256] x) =>").replace("y = G", "z = G").replace(" }", " y = Add(x, z) }")
    # 5 rows of constants are one constant: it comes in like x, and y goes out
    assert bytes_of_floor(known) == pytest.approx(3 * 8 * 256 * 4)


def test_an_input_that_several_nodes_read_comes_in_once() -> None:
    text = "g (float[64,64] x) => (float[64,64] y) { a = Exp(x) b = Transpose(x) c = Add(a, b) y = MatMul(c, x) }"
    assert bytes_of_floor(text) == pytest.approx(2 * 16_384)


def test_an_input_of_which_nodes_read_parts_comes_in_by_its_largest_part_at_least() -> None:
    text = """g (float[100,4] x) => (float[30,4] y, float[50,4] z) {
        a0 = Constant <value_ints = [0]> () a1 = Constant <value_ints = [30]> () b1 = Constant <value_ints = [50]> ()
        y = Slice(x, a0, a1) z = Slice(x, a0, b1) }"""
    assert bytes_of_floor(text) == pytest.approx((50 + 30 + 50) * 4 * 4)


def test_a_tied_weight_comes_in_once_whichever_way_it_is_turned() -> None:
    text = """g (float[8,64] x) => (float[8,32] y) <float[32,64] w> {
        t = Transpose(w) h = MatMul(x, t) r = Relu(h) u = MatMul(r, w) v = Transpose <perm = [1, 0]> (w)
        y = MatMul(u, v) }"""
    assert bytes_of_floor(text) == pytest.approx((8 * 64 + 8 * 32 + 32 * 64) * 4)


def test_outputs_that_are_views_of_inputs_move_nothing() -> None:
    text = """g (float[64,64] x) => (float[4096] y, float[64,64] z) {
        s = Constant <value_ints = [4096]> () y = Reshape(x, s) z = Relu(x) }"""
    assert bytes_of_floor(text) == pytest.approx(2 * 16_384)


def test_an_output_that_is_read_inside_too_leaves_once() -> None:
    text = "g (float[64,64] x) => (float[64,64] y, float[64,64] z) { y = Relu(x) z = MatMul(y, y) }"
    assert bytes_of_floor(text) == pytest.approx(3 * 16_384)


def test_the_work_of_a_loop_counts_in_each_trip_its_weights_once() -> None:
    text = """g (float[64,64] x) => (float[64,64] y) <int64 trips = {5}, bool go = {1}, float[64,64] w> {
        y = Loop (trips, go, x) <body = b (int64 i, bool c, float[64,64] h) => (bool c2, float[64,64] h2) {
            c2 = Identity(c) h2 = MatMul(h, w) }> }"""
    slow = target(engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}), DRAM)
    assert on_target(text, slow).floor_latency_s == pytest.approx(5 * 524_288e-9)
    assert bytes_of_floor(text) == pytest.approx(3 * 16_384)


CACHE = """g (float[1,4,1,16] q, float[1,4,PAST,16] past, float[1,4,1,16] x)
    => (float[1,4,TOTAL,16] present, float[1,4,1,TOTAL] scores) {{
    new = Relu(x) present = Concat <axis = 2> (past, new) {read} }}"""


def test_a_cache_is_read_once_and_grows_by_the_new_part() -> None:
    text = CACHE.format(read="k = Transpose <perm = [0, 1, 3, 2]> (present) scores = MatMul(q, k)")
    # 4 heads x 16 wide x 4 B: 256 B a token. q, x and the appended token 256 B each, 99 old tokens, 100 scores a head.
    assert bytes_of_floor(text, dims={"PAST": 99}) == pytest.approx(3 * 256 + 99 * 256 + 4 * 100 * 4)


def test_of_a_cache_that_is_read_in_part_only_that_part_comes_in() -> None:
    read = """a = Constant <value_ints = [-10]> () b = Constant <value_ints = [1000]> ()
        axis = Constant <value_ints = [2]> ()
        window = Slice(present, a, b, axis) k = Transpose <perm = [0, 1, 3, 2]> (window) scores = MatMul(q, k)"""
    text = CACHE.format(read=read).replace("float[1,4,1,TOTAL] scores", "float[1,4,1,10] scores")
    assert bytes_of_floor(text, dims={"PAST": 99}) == pytest.approx(3 * 256 + 9 * 256 + 4 * 10 * 4)


def test_a_cache_that_is_copied_is_read_and_written_whole() -> None:
    text = CACHE.format(read="k = Transpose <perm = [0, 1, 3, 2]> (present) scores = MatMul(q, k)")
    # present leaves whole: 100 tokens instead of one
    moved = 2 * 256 + 99 * 256 + 100 * 256 + 4 * 100 * 4
    assert bytes_of_floor(text, dims={"PAST": 99}, copies_cache=True) == pytest.approx(moved)


def test_of_two_branches_one_counts() -> None:
    text = """g (bool p, float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64,64] v> {
        y = If (p) <then_branch = a () => (float[64,64] t) { h = MatMul(x, w) t = MatMul(h, v) },
                    else_branch = b () => (float[64,64] e) { e = MatMul(x, w) }> }"""
    slow = target(engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}), DRAM)
    assert on_target(text, slow).floor_latency_s == pytest.approx(2 * 524_288e-9)
    assert bytes_of_floor(text) == pytest.approx(4 * 16_384)


def test_quantized_weights_come_in_packed() -> None:
    text = """g (float[4,64] x) => (float[4,128] y) <uint8[128,2,16] w, float[128,2] s>
        { y = com.microsoft.MatMulNBits <K = 64, N = 128, bits = 4, block_size = 32> (x, w, s) }"""
    assert bytes_of_floor(text) == pytest.approx((4 * 64 + 4 * 128) * 4 + 128 * 64 // 2 + 256 * 4)


SUPPRESSION = """g (float[1,200,4] boxes, float[1,3,200] scores) => (int64[n,3] chosen) <int64 most = {200}>
    { chosen = NonMaxSuppression(boxes, scores, most) }"""
FREE = level("dram", "1 GB", "1000 TB/s")


def test_the_floor_of_a_suppression_is_that_of_no_box_and_its_plan_that_of_all() -> None:
    result = on_target(SUPPRESSION, target(VECTOR, FREE))
    # The highest of 200 scores is found for each of 3 classes; all other boxes may overlap it.
    assert result.floor_latency_s == pytest.approx(3 * 199 / 100e9)
    # 8 comparisons a score to sort; 199 x 200 / 2 pairs a class, 12 operations and a division that is taken as 4 each
    assert result.plans[0].latency_s == pytest.approx((3 * 200 * 8 + 16 * 3 * 199 * 200 / 2) / 100e9)


def test_the_floor_is_no_more_than_a_plan_for_the_least_data() -> None:
    # What a run would do that is told to select nothing.
    unknown = SUPPRESSION.replace("scores)", "scores, int64 most)").replace(" <int64 most = {200}>", "")
    least = SUPPRESSION.replace("{200}", "{0}")
    on = target(VECTOR, level("dram", "1 GB", "1000 TB/s"))
    assert on_target(unknown, on).floor_latency_s <= on_target(least, on).plans[0].latency_s
    assert on_target(unknown, on).plans[0].latency_s > 100 * on_target(least, on).plans[0].latency_s


@pytest.mark.parametrize(
    "body",
    [
        "n = NonZero(x) y = Cast<to=1>(n) z = Exp(y)",  # as many columns as there are elements, or none
        "s = ReduceSum<keepdims=0>(x) c = Greater(s, k)"
        " z = If(c) <then_branch = t () => (a) { a = Exp(x) }, else_branch = e () => (b) { b = Identity(x) }>",
        "z = Loop(m, , x) <body = l (int64 i, bool go, float[p,q] h) => (bool on, float[p,q] o)"
        " { o = Exp(h) t = ReduceSum<keepdims=0>(o) on = Greater(t, k) }>",
    ],
    ids=["a size", "a branch", "trips"],
)
def test_what_data_may_leave_out_is_in_plans_and_not_in_the_floor(body: str) -> None:
    text = f"g (float[64,64] x) => (float[p,q] z) <float k = {{0}}, int64 m = {{3}}> {{ {body} }}"
    slow = engine("vector", "vector", {"FLOAT": "1000 TFLOP/s"}), engine("exp", "special", {"FLOAT": "1 GFLOP/s"})
    result = on_target(text, target(*slow, FREE))
    assert result.plans[0].latency_s is not None
    assert result.plans[0].latency_s >= 64 * 64 / 1e9
    assert result.floor_latency_s is not None
    assert result.floor_latency_s < 64 * 64 / 1e9 / 100


def test_a_branch_that_an_input_of_the_model_chooses_is_in_the_floor() -> None:
    text = """g (float[64,64] x, bool c) => (float[p,q] z) {
        z = If(c) <then_branch = t () => (a) { a = Exp(x) }, else_branch = e () => (b) { b = Identity(x) }> }"""
    result = on_target(text, target(engine("exp", "special", {"FLOAT": "1 GFLOP/s"}), FREE))
    assert result.floor_latency_s == pytest.approx(64 * 64 / 1e9)


def test_weights_of_experts_that_all_tokens_may_leave_out_are_not_in_the_floor() -> None:
    # 8 tokens choose 2 of 16 experts each; of all experts 16 x (32 x 8 + 8 x 32) weights, of two 1,024 x 4 B.
    text = """g (float[8,8] x, float[8,16] p) => (float[8,8] y) <float[16,32,8] a, float[16,8,32] b>
        { y = com.microsoft.MoE<k=2, activation_type="relu">(x, p, a, , b) }"""
    result = on_target(text, target(engine("matrix", "mac", {}), level("dram", "1 GB", "1 GB/s")))
    border = 4 * (8 * 8 + 8 * 16 + 8 * 8)
    assert result.floor_latency_s == pytest.approx((border + 2 * 512 * 4) / 1e9)
    assert result.plans[0].latency_s == pytest.approx((border + 16 * 512 * 4) / 1e9)


CHEAP = level("dram", "1 GB", "1000 TB/s", "1 pJ/B")


def lanes(rate: str, rest: str = "") -> str:
    return engine("lanes", "mac vector special", {"FLOAT": rate}, rest=rest)


def test_engines_share_what_both_are_able_to_do() -> None:
    result = on_target(LINEAR, target(MATRIX, lanes("250 GFLOP/s, 3 pJ/FLOP"), CHEAP))
    # Of 524,288 operations the lanes take 101,580.8 beside the 4,096 of Relu: 422,707.2 / 1 T = 105,676.8 / 250 G.
    assert (result.floor_bound, result.floor_latency_s) == ("compute:matrix", pytest.approx(422_707.2e-12))
    # All products on the matrix engine, which takes 1 pJ an operation; x, w and y at 1 pJ a byte.
    assert result.floor_energy_j == pytest.approx((524_288 + 3 * 4_096 + 3 * 16_384) * 1e-12)
    assert result.plan("epilogue").latency_s == pytest.approx(524_288e-12)


def test_the_most_frugal_engine_sets_the_energy_and_the_cheapest_the_specials() -> None:
    fast = engine("fast", "mac vector special", {"FLOAT": "1 TFLOP/s, 10 pJ/FLOP"}, rest="special_cost = { EXP = 100 }")
    slow = engine("slow", "mac vector special", {"FLOAT": "500 GFLOP/s, 1 pJ/FLOP"}, rest="special_cost = { EXP = 1 }")
    text = "g (float[100000] x) => (float[100000] y) { y = Exp(x) }"
    both, alone = (on_target(text, target(*engines, CHEAP)) for engines in ((fast, slow), (slow,)))
    # x on `slow` and the rest on `fast`: x / 500 G = (100,000 - x) x 100 / 1 T.
    assert both.floor_latency_s == pytest.approx(100_000 / (500e9 + 1e10))
    assert alone.floor_latency_s == pytest.approx(100_000 / 500e9)
    assert both.floor_energy_j == alone.floor_energy_j == pytest.approx((100_000 + 2 * 400_000) * 1e-12)


def test_a_wider_type_may_do_the_work_too() -> None:
    text = "g (float16[64,64] x) => (float16[64,64] y) <float16[64,64] w> { y = MatMul(x, w) }"
    wide = engine("wide", "mac", {"FLOAT": "500 GFLOP/s"})
    narrow = engine("narrow", "mac", {"FLOAT16": "1 TFLOP/s"})
    assert on_target(text, target(narrow, wide, FREE)).floor_latency_s == pytest.approx(524_288 / 1.5e12)


def test_an_engine_of_unknown_energy_may_be_the_most_frugal() -> None:
    narrow = engine("matrix", "mac", {"FLOAT16": "4 TFLOP/s", "FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})
    text = "g (float16[64,64] x) => (float16[64,64] y) <float16[64,64] w> { y = MatMul(x, w) }"
    result = on_target(text, target(narrow, CHEAP))
    assert (result.floor_latency_s, result.floor_energy_j) == (pytest.approx(524_288 / 4e12), None)


def test_an_engine_of_unknown_rate_may_be_as_fast_as_it_likes() -> None:
    result = on_target(LINEAR, target(MATRIX, lanes("1 pJ/FLOP"), DRAM))
    assert result.floor_bound == "memory:dram"


@pytest.mark.parametrize("seed", range(40))
def test_shared_work_is_spread_in_the_best_way(seed: int) -> None:
    draw = random.Random(seed)
    counts = {"macs": draw.randrange(1, 10**6), "vector_ops": draw.randrange(10**6), "EXP": draw.randrange(10**6)}
    work = Work(macs=counts["macs"], vector_ops=counts["vector_ops"], special={"EXP": counts["EXP"]})
    runs = [draw.sample(["mac", "vector", "special"], draw.randrange(1, 4)) for _ in range(2)]
    rates, costs = [draw.uniform(1, 100) for _ in runs], [draw.choice([1, 3, 50]) for _ in runs]
    engines = [
        engine(f"e{n}", " ".join(kinds), {"FLOAT": f"{rate:.6f} GFLOP/s"}, rest=f"special_cost = {{ EXP = {cost} }}")
        for n, (kinds, rate, cost) in enumerate(zip(runs, rates, costs, strict=True))
    ]
    found = floor(Border(input_bytes=0, weight_bytes=0, output_bytes=0, work={"FLOAT": work}), target(*engines, FREE))
    # Times of each kind of work alone on either engine. What gains most from the first goes there first.
    alone = []
    for kind, count in (("mac", 2 * counts["macs"]), ("vector", counts["vector_ops"]), ("special", counts["EXP"])):
        each = [
            count * (cost if kind == "special" else 1) / (round(rate, 6) * 1e9) if kind in kinds else math.inf
            for kinds, rate, cost in zip(runs, rates, costs, strict=True)
        ]
        if min(each) < math.inf:
            alone.append(each)
    alone.sort(key=lambda each: each[0] / each[1] if each[1] else math.inf)
    best = math.inf
    for cut, (first, second) in enumerate(alone):
        one, other = sum(a for a, _ in alone[:cut]), sum(b for _, b in alone[cut + 1 :])
        for part in (0.0, 1.0, (other + second - one) / (first + second) if first + second < math.inf else 0.0):
            if 0 <= part <= 1:
                times = [one + (part * first if part else 0.0), other + ((1 - part) * second if part < 1 else 0.0)]
                best = min(best, max(times))
    assert found.latency_s == pytest.approx(best if alone else None)


def test_a_level_that_operands_pass_by_is_in_no_floor() -> None:
    slow = level("weights", "64 KiB", "1 GB/s", "100 pJ/B", rest='holds = ["weight"]\nkeeps = ["weight"]')
    unit = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}, rest="special_cost = { EXP = 1 }")
    result = on_target("g (float[1000] x) => (float[1000] y) { y = Exp(x) }", target(unit, DRAM, slow))
    assert result.floor_latency_s == pytest.approx(8_000 / 10e9)
    # Neither does the plan price what passes it by: 1,000 operations, and 8,000 B of the memory.
    for plan in result.plans:
        assert plan.traffic_bytes["weights"] == 0
        assert plan.energy_j == result.floor_energy_j == pytest.approx((1_000 + 800_000) * 1e-12)


@pytest.mark.parametrize(
    ("rest", "weights"),
    [
        ("y = Mul(a, v)", 0),
        ("b = Mul(a, v) c = Add(b, v) y = Sub(c, v)", 0),
        ("b = Relu(a) y = Add(b, v)", 64),  # Relu lies between
        ("y = Add(a, f)", 8 * 64),  # one for each element goes into no channel's weights
    ],
)
def test_parameters_that_fold_into_a_product_come_in_with_its_weights(rest: str, weights: int) -> None:
    text = f"""g (float[8,64] x) => (float[8,64] y) <float[64,64] w, float[64] v, float[8,64] f>
        {{ a = MatMul(x, w) {rest} }}"""
    assert bytes_of_floor(text) == pytest.approx(4 * (2 * 8 * 64 + 64 * 64 + weights))


def test_where_nothing_is_known_there_is_no_floor() -> None:
    unknown = on_target("g (float[] x) => (float[] y) { y = Relu(x) }", target(MATRIX, VECTOR, DRAM))
    assert (unknown.floor_latency_s, unknown.floor_energy_j, unknown.floor_bound) == (None, None, "")
    # Beside an operator of known work what crosses is a floor: x and y.
    known = on_target("g (float[8] x) => (float[8] y) { a = Relu(x) y = my.domain.Frob(a) }", target(VECTOR, DRAM))
    assert known.floor_latency_s == pytest.approx(2 * 8 * 4 / 10e9)
    # Nothing is done: that takes no time.
    nothing = on_target(
        "g (float[8] x) => (float[2,4] y) <int64[2] s = {2, 4}> { y = Reshape(x, s) }", target(VECTOR, DRAM)
    )
    assert nothing.floor_latency_s == 0
