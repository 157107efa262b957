"""Times, energies and bounds of groups, plans and targets, each derived by hand on a tiny model and target."""

from __future__ import annotations

import math

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.levers import levers
from onnxroof.roofline.result import GroupResult, TargetResult
from onnxroof.targets.model import Target

# y = relu(x w + b) with 64 x 64 matrices of FLOAT: 64^3 = 262,144 MACs = 524,288 operations, 4096 adds, 4096 maxima.
# Tensors: x, w and y of 64 x 64 x 4 = 16,384 B, b of 256 B.
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"""

MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})
VECTOR = engine("vector", "vector special", {"FLOAT": "100 GFLOP/s, 2 pJ/FLOP"})
DRAM = level("dram", "1 GB", "10 GB/s", "100 pJ/B")
SRAM = level("sram", "64 KiB", "100 GB/s", "1 pJ/B")
PASSING = level("sram", "64 KiB", "100 GB/s", "1 pJ/B", rest="keeps = []")  # nothing stays from group to group
STEPPING = level("sram", "64 KiB", "100 GB/s", "1 pJ/B", rest='keeps = ["weight"]')  # no activation does


def linear(where: Target, **options: object) -> TargetResult:
    return on_target(LINEAR, where, **options)


def fused(result: TargetResult) -> GroupResult:
    (group,) = result.plan("epilogue").groups
    return group


def test_c1_c2_times_and_traffic_of_one_group_on_two_levels() -> None:
    group = fused(linear(target(MATRIX, VECTOR, DRAM, SRAM)))
    assert group.nodes == ("MatMul_0", "Add_1", "Relu_2")
    assert (group.macs, group.vector_ops, group.special_ops, group.ops) == (262_144, 8_192, 0, 532_480)
    # Everything fits 64 KiB, so each tensor crosses each level once: 3 x 16,384 + 256 = 49,408 B.
    assert group.traffic_bytes == {"dram": 49_408, "sram": 49_408}
    # Operand by operand: x, w and b in, y out.
    assert group.traffic_read_bytes == {"dram": 2 * 16_384 + 256, "sram": 2 * 16_384 + 256}
    assert group.traffic_write_bytes == {"dram": 16_384, "sram": 16_384}
    assert group.time_terms_s == pytest.approx(
        {
            "compute:matrix": 524_288 / 1e12,  # 0.52 us
            "compute:vector": 8_192 / 100e9,  # 0.08 us
            "memory:dram": 49_408 / 10e9,  # 4.94 us
            "memory:sram": 49_408 / 100e9,  # 0.49 us
        }
    )
    assert group.latency_s == pytest.approx(4.9408e-6)
    assert group.time_bound == "memory:dram"
    # 532,480 / 49,408 = 10.777
    assert group.intensity_ops_per_byte == pytest.approx({"dram": 10.77720, "sram": 10.77720}, rel=1e-6)
    assert group.spatial_utilization == 1.0
    assert group.temporal_utilization == pytest.approx(524_288 / 1e12 / 4.9408e-6)


def test_c3_energy_is_the_sum_of_every_contribution() -> None:
    group = fused(linear(target(MATRIX, VECTOR, DRAM, SRAM)))
    # compute 524,288 x 1 + 8,192 x 2 = 540,672 pJ; dram 49,408 x 100 pJ; sram: 49,408 B to and from the engines and
    # the same 49,408 B from and to dram, 98,816 x 1 pJ.
    assert group.energy_terms_j == pytest.approx(
        {"compute": 540_672e-12, "memory:dram": 4_940_800e-12, "memory:sram": 98_816e-12}
    )
    assert group.energy_j == pytest.approx(5_580_288e-12)
    assert group.energy_bound == "memory:dram"


def test_without_fusion_every_tensor_between_is_written_and_read() -> None:
    result = linear(target(MATRIX, VECTOR, DRAM, SRAM))
    alone = result.plan("none")
    # MatMul 3 x 16,384; Add 2 x 16,384 + 256; Relu 2 x 16,384: 7 x 16,384 + 256 = 114,944 B, all bound by dram.
    assert alone.traffic_bytes == {"dram": 114_944, "sram": 114_944}
    assert [group.latency_s for group in alone.groups] == pytest.approx([4.9152e-6, 3.3024e-6, 3.2768e-6])
    assert alone.latency_s == pytest.approx(11.4944e-6)
    assert alone.ops_per_s == pytest.approx(532_480 / 11.4944e-6)
    assert alone.ops_per_j == pytest.approx(532_480 / (alone.energy_j or 0))
    assert result.best_plan == "epilogue"
    assert result.best is result.plan("epilogue")
    with pytest.raises(KeyError):
        result.plan("magic")


def test_c4_both_ridge_points_of_each_level() -> None:
    dram, sram = linear(target(MATRIX, VECTOR, DRAM, SRAM)).levels
    # 1e12 / 10e9 and 1e12 / 100e9 op/B; 100 pJ/B / 1 pJ/op and 1 / 1.
    assert (dram.ridge_ops_per_byte, sram.ridge_ops_per_byte) == (100.0, 10.0)
    assert (dram.energy_ridge_ops_per_byte, sram.energy_ridge_ops_per_byte) == pytest.approx((100.0, 1.0))
    assert (dram.capacity_bytes, dram.instances, sram.capacity_bytes) == (1e9, 1, 65_536)


def test_c5_all_views_of_a_plan_agree() -> None:
    plan = linear(target(MATRIX, VECTOR, DRAM, SRAM, static_power="1 W")).plan("epilogue")
    assert plan.latency_s is not None
    assert plan.energy_j is not None
    assert plan.ops_per_s is not None
    assert plan.ops_per_j is not None
    assert plan.energy_j / plan.latency_s == pytest.approx(plan.ops_per_s / plan.ops_per_j)  # power both ways


def test_the_ridge_is_at_the_peak_of_the_type_with_the_most_macs() -> None:
    # 64^3 MACs in FLOAT16 at 4 TFLOP/s beside 64^2 x 8 in FLOAT: 4e12 / 10e9.
    text = """g (float16[64,64] x, float[64,64] z) => (float16[64,64] y, float[64,8] v)
        <float16[64,64] w, float[64,8] u> { y = MatMul(x, w) v = MatMul(z, u) }"""
    both = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s", "FLOAT16": "4 TFLOP/s"})
    result = on_target(text, target(both, DRAM))
    assert (result.peak_type, result.peak_engine, result.peak_ops_per_s) == ("FLOAT16", "matrix", 4e12)
    assert result.levels[0].ridge_ops_per_byte == pytest.approx(400.0)


def test_without_macs_the_ridge_is_that_of_the_vector_work() -> None:
    result = on_target("g (float[64] x) => (float[64] y) { y = Relu(x) }", target(MATRIX, VECTOR, DRAM))
    assert (result.peak_engine, result.peak_ops_per_s) == ("vector", 100e9)
    assert result.levels[0].ridge_ops_per_byte == pytest.approx(10.0)


@pytest.mark.parametrize("launch_us", [1, 20])
def test_launch_overhead_is_added_for_each_group(launch_us: int) -> None:
    result = linear(target(MATRIX, VECTOR, DRAM, SRAM, launch_overhead=f"{launch_us} us"))
    assert fused(result).latency_s == pytest.approx(4.9408e-6 + launch_us * 1e-6)
    assert result.plan("none").latency_s == pytest.approx(11.4944e-6 + 3 * launch_us * 1e-6)
    assert fused(result).time_bound == ("launch" if launch_us > 4.9 else "memory:dram")
    assert result.floor_latency_s == pytest.approx(3.2768e-6)  # x and y alone: weights fit 64 KiB, no launch


def test_static_power_takes_energy_all_the_time() -> None:
    result = linear(target(MATRIX, VECTOR, DRAM, SRAM, static_power="2 W", launch_overhead="1 us"))
    group = fused(result)
    assert group.energy_terms_j["static"] == pytest.approx(2 * 5.9408e-6)
    assert group.energy_j == pytest.approx(5_580_288e-12 + 11.8816e-6)
    assert group.energy_bound == "static"


def test_c11_a_level_that_does_not_overlap_adds_its_time() -> None:
    serial = level("dram", "1 GB", "10 GB/s", "100 pJ/B", rest="overlap = false")
    group = fused(linear(target(MATRIX, VECTOR, serial, SRAM)))
    # max(0.524 us matrix, 0.082 us vector, 0.494 us sram) + 4.9408 us dram
    assert group.latency_s == pytest.approx(524_288 / 1e12 + 4.9408e-6)
    assert group.time_bound == "memory:dram"
    overlapped = fused(linear(target(MATRIX, VECTOR, DRAM, SRAM)))
    assert group.energy_j == overlapped.energy_j
    both = level("sram", "64 KiB", "100 GB/s", "1 pJ/B", rest="overlap = false")
    group = fused(linear(target(MATRIX, VECTOR, serial, both)))
    assert group.latency_s == pytest.approx(524_288 / 1e12 + 4.9408e-6 + 0.49408e-6)


def test_c11_an_engine_that_works_in_turn_adds_its_time() -> None:
    # 4.9408 us of dram over 0.524 us of matrix, and then 8192 / 100e9 = 0.08192 us of vector work.
    waiting = engine("vector", "vector special", {"FLOAT": "100 GFLOP/s, 2 pJ/FLOP"}, rest="overlap = false")
    group = fused(linear(target(MATRIX, waiting, DRAM, SRAM)))
    assert group.latency_s == pytest.approx(4.9408e-6 + 0.08192e-6)
    assert group.waterfall_s["serial:compute:vector"] == pytest.approx(0.08192e-6)
    assert group.regime.lost_s["overlap"] == pytest.approx(0.08192e-6)
    assert math.fsum(group.waterfall_s.values()) == pytest.approx(group.latency_s)
    # Faster, it saves all of its time; a lever says so.
    lever = next(one for one in levers([group]) if one.term == "compute:vector")
    assert (lever.twice_s, lever.limit_s) == pytest.approx((4.9408e-6 + 0.04096e-6, 4.9408e-6))


def test_reads_and_writes_over_ports_of_their_own() -> None:
    dram = level("dram", "1 GB", read_bandwidth="10 GB/s", write_bandwidth="1 GB/s", energy="100 pJ/B")
    group = fused(linear(target(MATRIX, VECTOR, dram, SRAM)))
    # reads 33,024 / 10e9 = 3.3 us; writes 16,384 / 1e9 = 16.4 us
    assert group.time_terms_s["memory:dram"] == pytest.approx(16.384e-6)


def test_kinds_of_work_on_one_engine_add_up() -> None:
    one = engine("core", "mac vector special", {"FLOAT": "1 TFLOP/s"})
    group = fused(linear(target(one, DRAM, SRAM)))
    assert group.time_terms_s["compute:core"] == pytest.approx((524_288 + 8_192) / 1e12)


@pytest.mark.parametrize(("stated", "lanes"), [("special_cost = { EXP = 16, DIV = 2 }", 18), ("", 8)])
def test_a_special_operation_takes_as_many_lanes_as_the_target_says(stated: str, lanes: int) -> None:
    # Sigmoid: 2 vector ops, EXP and DIV an element; 4 lanes each where nothing is said.
    vector = engine("vector", "vector special", {"FLOAT": "1 GFLOP/s, 3 pJ/FLOP"}, rest=stated)
    result = on_target("g (float[1000] x) => (float[1000] y) { y = Sigmoid(x) }", target(vector, DRAM))
    group = result.plan("none").groups[0]
    assert (group.vector_ops, group.special_ops, group.ops) == (2_000, 2_000, 4_000)
    assert group.time_terms_s["compute:vector"] == pytest.approx((2 + lanes) * 1000 / 1e9)
    assert group.energy_terms_j["compute"] == pytest.approx((2 + lanes) * 1000 * 3e-12)
    guessed = [key for key in result.estimated if "special_cost" in key]
    assert len(guessed) == (0 if stated else 2)


def test_levels_of_each_core() -> None:
    # 4 instances of 8 KiB: a tile lies in one of them, all of them deliver together.
    local = level("local", "8 KiB", "50 GB/s", "1 pJ/B", rest='scope = "core"')
    result = linear(target(MATRIX, VECTOR, DRAM, local, cores="4"))
    group = fused(result)
    assert (result.levels[1].instances, result.levels[1].capacity_bytes) == (4, 8_192)
    assert result.levels[1].bandwidth_bytes_per_s == 50e9
    assert result.levels[1].ridge_ops_per_byte == pytest.approx(1e12 / 200e9)
    assert group.time_terms_s["memory:local"] == pytest.approx(group.traffic_bytes["local"] / 200e9)
    assert group.footprint_bytes["local"] <= 8_192
    # One of 8 KiB = 2048 elements holds no whole matrix of 4096, four do: each element crosses dram once.
    assert group.traffic_bytes["dram"] == 49_408


def test_c9_an_array_lowers_the_peak_by_what_does_not_fit_it() -> None:
    # 64 x 64 outputs on 96 x 96 units: 64^2 / 96^2 = 0.444 of them work, one output each for 64 steps.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    array = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}, rest="array = { m = 96, n = 96, k = 1 }")
    group = on_target(text, target(array, DRAM, SRAM)).plan("none").groups[0]
    assert group.spatial_utilization == pytest.approx(64 * 64 / (96 * 96))
    assert group.time_terms_s["compute:matrix"] == pytest.approx(524_288 / 1e12 / (64 * 64 / (96 * 96)))


def test_the_innermost_level_feeds_the_array() -> None:
    # 8 x 8 outputs at a time, summed in place over k = 64 steps: 64 tiles of 64 x (8 + 8) elements in, y out once.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    array = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}, rest="array = { m = 8, n = 8, k = 1 }")
    group = on_target(text, target(array, DRAM, SRAM)).plan("none").groups[0]
    assert group.traffic_bytes == {"dram": 49_152, "sram": (64 * 64 * 16 + 4_096) * 4}
    without = on_target(text, target(engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}), DRAM, SRAM))
    assert without.plan("none").groups[0].traffic_bytes == {"dram": 49_152, "sram": 49_152}


def test_three_levels_deliver_each_at_its_own_optimum() -> None:
    # 1024 elements of buffer below sram: sram delivers more than dram, which delivers each element once.
    rf = level("rf", "4 KiB", "1 TB/s", "0.1 pJ/B")
    group = fused(linear(target(MATRIX, VECTOR, DRAM, SRAM, rf)))
    assert group.traffic_bytes["dram"] == 49_408
    assert group.traffic_bytes["sram"] > 49_408
    assert group.traffic_bytes["rf"] == 49_408  # no array is given: an unknown register file weakens no bound
    # As good as a tile of 28 x 28 sums and strips of 28: 28^2 + 2 x 28 = 840 of 1024 elements; 3 x 3 tiles read
    # 64 x 64 elements of x and of w 3 times each. Without the intermediate, with b.
    assert group.traffic_bytes["sram"] <= (2 * 3 * 4_096 + 4_096) * 4 + 256
    assert set(group.footprint_bytes) == {"sram", "rf"}
    assert group.footprint_bytes["rf"] <= 4_096
    assert group.tile == {"m": 64, "n": 64, "k": 1}  # at the outermost boundary: 4096 sums and strips of 64


def test_a_level_that_holds_no_tile_is_bypassed_and_named() -> None:
    crumb = level("crumb", "8 B", "1 TB/s", "0.1 pJ/B")
    result = linear(target(MATRIX, VECTOR, DRAM, crumb, SRAM))
    plan = result.plan("epilogue")
    (group,) = plan.groups
    # What dram delivers through it is what sram asks for.
    assert group.traffic_bytes == {"dram": 49_408, "crumb": 49_408, "sram": 49_408}
    assert group.footprint_bytes["crumb"] == 0
    (decision,) = [decision for decision in plan.decisions if decision.action == "bypassed"]
    assert (decision.subject, decision.figures) == ("crumb", {"groups": 1.0})


def test_c15_an_unknown_operator_makes_its_group_and_plan_unknown_and_no_other() -> None:
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64,64] m, float[64,64] q>
        { m = MatMul(x, w) q = my.domain.Foo(m) y = Relu(q) }"""
    result = on_target(text, target(MATRIX, VECTOR, DRAM, STEPPING))
    for plan in result.plans:
        matmul, foo, relu = plan.groups
        assert (plan.latency_s, plan.energy_j, plan.ops_per_s, plan.ops_per_j) == (None,) * 4
        assert matmul.latency_s == pytest.approx(4.9152e-6)
        assert relu.latency_s == pytest.approx(3.2768e-6)
        assert (foo.latency_s, foo.energy_j, foo.ops, foo.macs, foo.temporal_utilization) == (None,) * 5
        assert (foo.time_bound, foo.energy_bound, foo.energy_terms_j) == ("", "", {})
        assert foo.intensity_ops_per_byte == {"dram": None, "sram": None}
        # Its bytes are known, as its shapes are: m in, q out. All: 3 + 2 + 2 matrices.
        assert foo.traffic_bytes == {"dram": 32_768, "sram": 32_768}
        assert plan.traffic_bytes["dram"] == 7 * 16_384
    # The floor holds all the same: it counts what is known. x and y, weights being on chip.
    assert result.floor_latency_s == pytest.approx(3.2768e-6)


def test_where_the_objective_is_unknown_the_least_outermost_traffic_is_best() -> None:
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64,64] q>
        { m = MatMul(x, w) r = Relu(m) q = my.domain.Foo(r) y = Relu(q) }"""
    for objective in ("latency", "energy", "edp"):
        assert on_target(text, target(MATRIX, VECTOR, DRAM), objective=objective).best_plan == "epilogue"


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_a_tie_goes_to_the_simpler_plan(objective: str) -> None:
    result = on_target("g (float[64] x) => (float[64] y) { y = Relu(x) }", target(VECTOR, DRAM), objective=objective)
    assert result.best_plan == "none"


def test_the_objective_decides_which_plan_is_best() -> None:
    # Bound by the serial vector engine, both plans take equally long; fusion saves energy.
    slow = engine("vector", "vector special", {"FLOAT": "1 kFLOP/s, 2 pJ/FLOP"})
    fast = level("dram", "1 GB", "10 TB/s", "100 pJ/B")
    text = "g (float[64] x) => (float[64] y) { a = Relu(x) y = Neg(a) }"
    result = on_target(text, target(slow, fast), objective="latency")
    assert result.plan("none").latency_s == pytest.approx(result.plan("epilogue").latency_s)
    assert on_target(text, target(slow, fast), objective="energy").best_plan == "epilogue"


def test_what_a_target_does_not_know_takes_no_time_and_is_named() -> None:
    bare = target(engine("matrix", "mac", {"FLOAT": ""}), VECTOR, level("dram"), level("sram"))
    result = linear(bare)
    group = fused(result)
    assert group.time_terms_s == pytest.approx({"compute:vector": 8_192 / 100e9})
    assert group.latency_s == pytest.approx(8_192 / 100e9)
    assert (group.energy_j, group.energy_terms_j, group.energy_bound) == (None, {}, "")
    assert group.traffic_bytes == {"dram": 49_408, "sram": 49_408}  # unknown capacity is infinite
    assert (result.fits, result.peak_ops_per_s, result.peak_type) == (None, None, "FLOAT")
    assert [(r.ridge_ops_per_byte, r.energy_ridge_ops_per_byte) for r in result.levels] == [(None, None)] * 2
    assert {
        "engine[matrix].peak[FLOAT].rate",
        "engine[matrix].peak[FLOAT].energy",
        "memory[dram].bandwidth",
        "memory[dram].capacity",
        "memory[dram].energy",
        "memory[sram].bandwidth",
        "memory[sram].capacity",
        "memory[sram].energy",
        "chip.launch_overhead",
        "chip.static_power",
    } == set(result.unknown)


def test_work_that_no_engine_runs_takes_no_time_and_its_energy_is_unknown() -> None:
    result = linear(target(MATRIX, DRAM, SRAM))
    group = fused(result)
    assert set(group.time_terms_s) == {"compute:matrix", "memory:dram", "memory:sram"}
    assert group.latency_s == pytest.approx(4.9408e-6)
    assert group.energy_j is None
    assert result.floor_energy_j is None
    assert "engine for vector work in FLOAT" in result.unknown
    assert result.plan("none").groups[0].energy_j is not None  # the product alone is known


def test_a_target_of_which_nothing_is_known_bounds_nothing() -> None:
    result = linear(target(engine("matrix", "mac", {"FLOAT": ""}), level("dram")))
    group = fused(result)
    assert (group.latency_s, group.time_bound, group.temporal_utilization) == (None, "", None)
    assert (result.floor_latency_s, result.floor_bound) == (None, "")
    assert (result.plan("none").latency_s, result.plan("none").ops_per_s) == (None, None)


@pytest.mark.parametrize(
    ("capacity", "fits"),
    [
        ("65792 B", True),  # w + b = 16,640 B and three matrices alive at once (m while a is made from it: x is gone)
        ("49407 B", False),
        ("", None),
    ],
)
def test_whether_weights_and_activations_fit_the_outermost_level(capacity: str, fits: bool | None) -> None:
    result = linear(target(MATRIX, VECTOR, level("dram", capacity, "10 GB/s")))
    # MatMul: x and m; Add: m and a; Relu: a and y: two matrices at most. 2 x 16,384 + 16,640 = 49,408 B.
    assert result.memory_needed_bytes == 49_408
    assert result.fits is fits


def test_memory_is_unknown_where_a_shape_is() -> None:
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w>
        { m = MatMul(x, w) q = my.domain.Foo(m) y = my.domain.Foo(q) }"""
    result = on_target(text, target(MATRIX, VECTOR, level("dram", "1 GB", "10 GB/s")))
    assert (result.fits, result.memory_needed_bytes) == (None, None)
    small = on_target(text, target(MATRIX, VECTOR, level("dram", "16383 B", "10 GB/s")))
    assert (small.fits, small.memory_needed_bytes) == (False, None)  # w alone is too large


def test_measured_efficiencies_stretch_the_expected_time_and_never_the_bound() -> None:
    plain = linear(target(MATRIX, VECTOR, DRAM, SRAM, launch_overhead="1 us"))
    efficiency = """[efficiency]
dram = { value = 0.5, unit = "1", source = "made" }
matrix = { value = 0.04, unit = "1", source = "made" }"""
    result = linear(target(MATRIX, VECTOR, DRAM, SRAM, efficiency, launch_overhead="1 us"))
    assert plain.plan("epilogue").expected_latency_s is None
    assert result.plan("epilogue").latency_s == plain.plan("epilogue").latency_s
    assert result.floor_latency_s == plain.floor_latency_s
    # dram 4.9408 / 0.5 = 9.88 us; matrix 0.524288 / 0.04 = 13.1 us; + 1 us launch
    assert result.plan("epilogue").expected_latency_s == pytest.approx(14.1072e-6)


def test_repeated_groups_multiply_all_but_intensity_and_footprint() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[64,64] x) => (float[64,64] y) <int64 trips = {5}, bool go = {1}, float[64,64] w> {
            y = Loop (trips, go, x) <body = b (int64 i, bool c, float[64,64] h) => (bool c2, float[64,64] h2) {
                c2 = Identity(c) h2 = MatMul(h, w) }>
        }"""
    where = target(MATRIX, VECTOR, DRAM, PASSING, launch_overhead="1 us")
    (group,) = on_target(text, where).plan("epilogue").groups
    assert (group.repeat, group.macs, group.ops) == (5, 5 * 262_144, 5 * 524_288)
    assert group.traffic_bytes == {"dram": 5 * 49_152, "sram": 5 * 49_152}  # weights again in each trip
    assert group.latency_s == pytest.approx(5 * (4.9152e-6 + 1e-6))
    assert group.intensity_ops_per_byte["dram"] == pytest.approx(524_288 / 49_152)
    assert group.footprint_bytes == {"sram": 16_896.0}  # 4096 sums, strips of 64 and 64: 4224 x 4 B


def test_groups_are_a_sequence() -> None:
    groups = linear(target(MATRIX, VECTOR, DRAM, SRAM)).plan("none").groups
    assert [group.id for group in groups] == ["g0", "g1", "g2"]
    assert groups[-1].nodes == ("Relu_2",)
    assert [group.op_types for group in groups[1:]] == [("Add",), ("Relu",)]
    with pytest.raises(IndexError):
        groups[3]
    with pytest.raises(IndexError):
        groups[-4]


INT8_ONLY = (engine("matrix", "mac", {"INT8": "1 TOP/s, 1 pJ/OP"}), engine("vector", "vector special", {"INT8": ""}))


def test_a_model_whose_types_a_target_lacks_is_converted_bytes_and_all() -> None:
    result = linear(target(*INT8_ONLY, DRAM, SRAM))
    plan = result.plan("epilogue")
    assert plan.assumed_precision == "INT8"
    assert plan.traffic_bytes["dram"] == 49_408 / 4  # one byte an element
    assert result.memory_needed_bytes == 49_408 / 4
    assert result.peak_type == "INT8"
    assert fused(result).time_terms_s["compute:matrix"] == pytest.approx(524_288 / 1e12)
    assert plan.decisions[0].action == "converted"
    assert "INT8" in plan.decisions[0].reason


def test_a_brain_float_target_halves_the_bytes() -> None:
    bf16 = engine("matrix", "mac", {"BFLOAT16": "1 TFLOP/s", "INT8": "2 TOP/s"})
    result = linear(target(bf16, engine("vector", "vector", {"FLOAT": "1 TFLOP/s"}), DRAM, SRAM))
    assert result.plan("none").assumed_precision == "BFLOAT16"
    assert result.plan("none").traffic_bytes["dram"] == 114_944 / 2
    # Vector work in BFLOAT16 runs as FLOAT, which is said.
    assert [d.subject for d in result.plan("none").decisions if d.action == "substituted"] == [
        "vector work in BFLOAT16"
    ]


def test_integers_on_a_target_of_floats_alone() -> None:
    text = """g (int8[64,64] x) => (int32[64,64] y) <int8[64,64] w> { y = MatMulInteger(x, w) }"""
    result = on_target(text, target(engine("matrix", "mac", {"FLOAT16": "1 TFLOP/s"}), DRAM, SRAM))
    plan = result.plan("none")
    assert plan.assumed_precision == "FLOAT16"
    # x and w of 2 B an element; the sums are INT32 as before.
    assert plan.traffic_bytes["dram"] == 4_096 * (2 + 2 + 4)


def test_masks_and_indices_convert_no_model() -> None:
    text = """g (float[64] x, int64[64] i) => (float[64] y, bool[64] m) {
        one = Constant <value_int = 1> () j = Add(i, one) m = Equal(i, j) zero = Constant <value_float = 0.0> ()
        y = Where(m, x, zero) }"""
    result = on_target(text, target(VECTOR, DRAM))
    plan = result.plan("none")
    assert plan.assumed_precision is None
    assert {d.subject for d in plan.decisions if d.action == "substituted"} == {"vector work in INT64"}


@pytest.mark.parametrize(("tf32", "rate"), [(True, 8e12), (False, 1e12)])
def test_tf32_is_faster_moves_as_many_bytes_and_can_be_forbidden(tf32: bool, rate: float) -> None:
    fast = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP", "TF32": "8 TFLOP/s, 1 pJ/FLOP"})
    group = fused(linear(target(fast, VECTOR, DRAM, SRAM), tf32=tf32))
    assert group.time_terms_s["compute:matrix"] == pytest.approx(524_288 / rate)
    assert group.traffic_bytes["dram"] == 49_408


def test_an_empty_batch_takes_no_time() -> None:
    text = "g (float[N,64] x) => (float[N,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    result = on_target(text, target(MATRIX, VECTOR, DRAM, SRAM), dims={"N": 0})
    (group,) = result.plan("none").groups
    assert (group.ops, group.intensity_ops_per_byte["dram"]) == (0, 0.0)
    assert group.latency_s is not None
    assert math.isfinite(group.latency_s)


def test_c21_a_fused_group_saves_its_intermediate_twice_at_the_outer_level_alone() -> None:
    # m = 64 x 64 FLOAT = 16,384 B: written and read without fusion. At 1 GB/s nothing hides behind compute.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"
    engines = engine("all", "mac vector", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"}, rest="array = { m = 8, n = 8, k = 1 }")
    levels = (
        level("dram", "1 GB", "1 GB/s", "100 pJ/B"),
        level("sram", "96 KiB", "100 GB/s", "1 pJ/B", rest="keeps = []"),
    )
    result = on_target(text, target(engines, *levels))
    apart, fused = result.plan("none"), result.plan("epilogue")
    assert len(fused.groups) == 1
    assert apart.traffic_bytes["dram"] - fused.traffic_bytes["dram"] == 2 * 16_384
    # What feeds the array stays what it was: the product's operands cross as often as before, so that the intensity of
    # its work at the inner level does not rise.
    product = apart.groups[0]
    assert fused.traffic_bytes["sram"] >= product.traffic_bytes["sram"]
    macs = 2 * 64**3
    assert macs / fused.traffic_bytes["sram"] <= macs / product.traffic_bytes["sram"]
    assert fused.energy_j is not None
    assert apart.energy_j is not None
    assert fused.energy_j < apart.energy_j
    assert fused.latency_s is not None
    assert apart.latency_s is not None
    assert fused.latency_s < apart.latency_s
