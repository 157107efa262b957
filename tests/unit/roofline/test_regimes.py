"""Regimes by hand: what sets time, what energy goes to, and why a group lies below its roof."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.regimes import CAUSES, Regime, Regimes, energy_regime, regimes, time_words, together
from onnxroof.roofline.result import GroupResult
from onnxroof.targets.model import Target

# FLOAT products at 1 TFLOP/s and 0.1 pJ/FLOP; dram of 10 GB/s: the ridge is at 100 ops/B.
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})


def product(m: int, k: int, n: int, where: Target) -> GroupResult:
    text = f"g (float[{m},{k}] x) => (float[{m},{n}] y) <float[{k},{n}] w> {{ y = MatMul(x, w) }}"
    (group,) = on_target(text, where).plan("none").groups
    return group


def energetic(dram_energy: str, **others: str) -> Target:
    """A chip of which every energy is known; sram holds all and costs next to nothing."""
    dram, sram = level("dram", "1 GB", "10 GB/s", dram_energy), level("sram", "16 MB", "", "0.001 pJ/B")
    return target(MATRIX, dram, sram, **others)


def test_c12_memory_bound_in_time_and_memory_dominated_in_energy() -> None:
    # 64^3: 524,288 ops over 49,152 B = 10.7 ops/B: below the ridge of 100 and the energy ridge of 10 / 0.1 = 100
    found = product(64, 64, 64, energetic("10 pJ/B")).regime
    assert (found.time, found.energy, found.detached_by) == ("memory:dram", "memory:dram", "")
    assert found.roof_share == pytest.approx(1.0)


def test_c12_compute_bound_in_time_and_compute_dominated_in_energy() -> None:
    # 1024^3: 2 x 1024^3 / (3 x 1024^2 x 4 B) = 170.7 ops/B: above both ridges of 100
    found = product(1024, 1024, 1024, energetic("10 pJ/B")).regime
    assert (found.time, found.energy, found.detached_by) == ("compute:matrix", "compute", "")


def test_c12_between_the_ridges_time_and_energy_differ() -> None:
    # The same 170.7 ops/B, above the ridge of 100 and below the energy ridge of 100 / 0.1 = 1000: gap 10
    where = energetic("100 pJ/B")
    found = product(1024, 1024, 1024, where).regime
    assert (found.time, found.energy) == ("compute:matrix", "memory:dram")


def test_c12_launch_bound_and_static() -> None:
    # 64^3 takes 4.9 us at the roof of dram; 20 us of launch; 10 W x 25 us = 250 uJ beside 0.5 uJ of dram
    group = product(64, 64, 64, energetic("10 pJ/B", launch_overhead="20 us", static_power="10 W"))
    found = group.regime
    assert (found.time, found.energy, found.detached_by) == ("launch", "static", "launch")
    assert found.lost_s == {"ports": 0.0, "spatial": 0.0, "overlap": 0.0, "launch": pytest.approx(20e-6)}
    assert found.roof_s == pytest.approx(4.9152e-6)
    assert found.roof_share == pytest.approx(4.9152 / 24.9152)


def test_c12_at_the_ridge_compute_and_memory_tie() -> None:
    # m = n = k = s: 2 s^3 / (12 s^2) = s / 6 = 100 ops/B at s = 600
    assert product(600, 600, 600, energetic("10 pJ/B")).regime.time == "ridge"
    assert product(610, 610, 610, energetic("10 pJ/B")).regime.time == "compute:matrix"  # 101.7
    assert product(590, 590, 590, energetic("10 pJ/B")).regime.time == "memory:dram"  # 98.3


def test_c12_detached_by_an_array_that_is_not_full() -> None:
    # 1024 x 1024 x 48 on 32 columns: 48 / 64 = 3/4
    matrix = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}, rest="array = { m = 32, n = 32, k = 1 }")
    group = product(1024, 1024, 48, target(matrix, level("dram", "1 GB", "1000 GB/s")))
    ideal = 2 * 1024 * 1024 * 48 / 1e12
    assert group.regime.detached_by == "spatial"
    assert group.regime.lost_s["spatial"] == pytest.approx(ideal / 3)
    assert group.regime.roof_share == pytest.approx(0.75)


def test_c12_detached_by_missing_overlap() -> None:
    # 600^3 at the ridge: 0.432 ms of compute and 0.432 ms of dram one after the other: half of the corner
    dram = level("dram", "1 GB", "10 GB/s", rest="overlap = false")
    group = product(600, 600, 600, target(MATRIX, dram, level("sram", "16 MB")))
    assert group.regime.detached_by == "overlap"
    assert group.regime.roof_share == pytest.approx(0.5)


def test_c12_detached_by_one_port_of_two() -> None:
    # 64^3 reads 32,768 B and writes 16,384 B; ports of 10 GB/s each: 3.28 us, where 20 GB/s would take 2.46 us
    dram = level("dram", "1 GB", read_bandwidth="10 GB/s", write_bandwidth="10 GB/s")
    group = product(64, 64, 64, target(MATRIX, dram, level("sram", "16 MB")))
    assert group.regime.detached_by == "ports"
    assert group.regime.lost_s["ports"] == pytest.approx(3.2768e-6 - 2.4576e-6)


def test_c33_a_power_cap_is_a_third_roof_and_stands_apart() -> None:
    # 1024^3 at 1 TFLOP/s takes 2.147 ms and 0.1 pJ x 2.147e9 + 10 pJ x 12.58 MB = 0.2147 + 0.1258 mJ (+ sram 25 nJ)
    # = 0.3405 mJ: under 0.1 W that takes 3.405 ms.
    plain, capped = (product(1024, 1024, 1024, energetic("10 pJ/B", **cap)) for cap in ({}, {"power_cap": "0.1 W"}))
    assert (plain.regime.power_s, capped.latency_s) == (None, plain.latency_s)
    dynamic = 2 * 1024**3 * 0.1e-12 + 3 * 4 * 1024**2 * 10e-12 + 2 * 3 * 4 * 1024**2 * 0.001e-12
    assert capped.regime.power_s == pytest.approx(dynamic / 0.1 - 2 * 1024**3 / 1e12)
    # P <= P_cap x eta
    assert capped.ops is not None
    assert capped.energy_j == pytest.approx(dynamic)
    slowed = capped.ops / (capped.latency_s + capped.regime.power_s)
    assert slowed == pytest.approx(0.1 * capped.ops / capped.energy_j)


def test_c33_static_power_is_within_the_cap() -> None:
    # 64^3 on an engine of 1 pJ/FLOP, dram of 10 pJ/B and sram that costs nothing: 0.524 + 0.492 uJ = 1.016 uJ. Of a cap
    # of 0.05 W static power takes 0.03 W: 1.016 uJ / 0.02 W = 50.8 us.
    def on(cap: str, dram_energy: str = "10 pJ/B") -> GroupResult:
        chip = target(
            engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}), level("dram", "1 GB", "10 GB/s", dram_energy),
            level("sram", "16 MB", "", "0 pJ/B"), static_power="0.03 W", power_cap=cap,
        )  # fmt: skip
        return product(64, 64, 64, chip)

    dynamic = 2 * 64**3 * 1e-12 + 3 * 4 * 64**2 * 10e-12
    group = on("0.05 W")
    assert group.latency_s is not None
    assert group.regime.power_s == pytest.approx(dynamic / 0.02 - group.latency_s)
    # With the time t that the cap leaves: P_cap = energy / t where the energy has the static power of that time.
    t = group.latency_s + group.regime.power_s
    assert (dynamic + 0.03 * t) / t == pytest.approx(0.05)
    assert on("0.03 W").regime.power_s is None  # static power alone takes the cap
    assert on("0.05 W", "").regime.power_s is None  # the energy is unknown


def test_c33_a_cap_that_does_not_bind_adds_nothing() -> None:
    assert product(64, 64, 64, energetic("10 pJ/B", power_cap="100 W")).regime.power_s == 0.0


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"compute": 5.0, "memory:dram": 3.0, "memory:sram": 2.0}, "compute"),  # half: at the energy ridge
        ({"compute": 4.0, "memory:dram": 3.0, "memory:sram": 3.1}, "memory:sram"),
        ({"compute": 4.0, "memory:dram": 2.0, "static": 4.0}, "static"),
        ({"compute": 4.0, "memory:dram": 3.0, "memory:sram": 2.0, "static": 4.0}, "memory:dram"),
        ({"compute": 0.0, "memory:dram": 0.0}, ""),
        ({}, ""),
        ({"compute": 1.0, "static": 2.0}, "static"),
    ],
)
def test_energy_regimes(terms: dict[str, float], words: str) -> None:
    assert energy_regime(terms) == words


def test_every_cause_at_once_adds_up() -> None:
    # Engines of 8 s and 1 s, 4 s and 1 s with full arrays; dram of 6 s that waits, 5 s at both ports, 4.5 s at least;
    # sram of 2 s, 1 s at least; 3 s of launches.
    found = regimes(
        np.array([[8.0, 1.0]]), np.array([[4.0, 1.0]]), np.array([[6.0, 2.0]]), np.array([[5.0, 2.0]]),
        np.array([[4.5, 1.0]]), np.array([[True, True]]), is_timed=np.array([[True, True]]),
        waits=np.array([[True, False]]), in_turn=np.array([[False, False]]), launch_s=np.array([3.0]),
    )  # fmt: skip
    # roof max(4, 5) = 5; ports 6 - 5; spatial max(8, 6) - 6; overlap max(8, 2) + 6 - 8; launch
    assert found.roof_s.tolist() == [5.0]
    assert found.lost_s.tolist() == [[1.0, 2.0, 6.0, 3.0]]
    assert found.reload_s.tolist() == [0.5]  # 5 - max(4, 4.5)
    words = time_words(["matrix", "vector"], ["dram", "sram"])
    assert words[found.time[0]] == "compute:matrix"
    plan = together(words, found, np.array([np.nan]), np.array([17.0]), np.ones(1), {})
    assert (plan.detached_by, plan.roof_share) == ("overlap", pytest.approx(5 / 17))


def test_engines_in_turn_wait_for_everything() -> None:
    # 2 s of an engine that overlaps, 3 s of one that does not, a level of 4 s: 4 + 3, of which 3 - 0 for the order
    found = regimes(
        np.array([[2.0, 3.0]]), np.array([[2.0, 3.0]]), np.array([[4.0]]), np.array([[4.0]]), np.array([[4.0]]),
        np.array([[True, True]]), is_timed=np.array([[True]]), waits=np.array([[False]]),
        in_turn=np.array([[False, True]]), launch_s=np.zeros(1),
    )  # fmt: skip
    assert found.lost_s.tolist() == [[0.0, 0.0, 3.0, 0.0]]


def test_nothing_at_all_has_no_regime() -> None:
    none = np.zeros((1, 0))
    found = regimes(
        none,
        none,
        none,
        none,
        none,
        none > 0,
        is_timed=none > 0,
        waits=none > 0,
        in_turn=none > 0,
        launch_s=np.zeros(1),
    )
    assert (found.time.tolist(), found.roof_s.tolist(), found.lost_s.tolist()) == ([-1], [0.0], [[0.0] * 4])
    one = together(time_words([], []), found, np.zeros(1), np.zeros(1), np.ones(1), {})
    assert (one.time, one.energy, one.roof_share, one.detached_by) == ("", "", None, "")
    assert (Regime().roof_share, Regime().detached_by) == (None, "")


def test_a_plan_has_the_regime_of_most_of_its_time_and_the_sums_of_its_groups() -> None:
    words = time_words(["m"], ["dram"])
    assert words == ("launch", "ridge", "compute:m", "memory:dram")
    two = Regimes(
        time=np.array([0, 2]), roof_s=np.array([1.0, 4.0]), reload_s=np.array([0.25, 0.5]),
        lost_s=np.array([[0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0]]),
    )  # fmt: skip
    counts, latency_s, power_s = np.array([2.0, 1.0]), np.array([3.0, 5.0]), np.array([0.5, 0.0])
    found = together(words, two, power_s, latency_s, counts, {"compute": 1.0, "memory:dram": 2.0})
    assert (found.time, found.energy) == ("launch", "memory:dram")  # 2 x 3 s against 5 s
    assert (found.roof_s, found.lost_s["launch"], found.power_s, found.reload_s) == (6.0, 5.0, 1.0, 1.0)
    assert tuple(found.lost_s) == CAUSES
    unknown = together(words, two, power_s, np.array([3.0, np.nan]), counts, {})
    assert (unknown.time, unknown.roof_s, unknown.lost_s, unknown.power_s) == ("", None, {}, None)
    assert together(words, two, np.array([0.5, np.nan]), latency_s, counts, {}).power_s is None


def test_regime_of_a_plan_on_a_target() -> None:
    text = """g (float[64,64] x) => (float[64,64] z) <float[64,64] w, float[64,64] v>
        { y = MatMul(x, w) z = MatMul(y, v) }"""
    plan = on_target(text, energetic("10 pJ/B", launch_overhead="20 us")).plan("none")
    assert plan.regime.time == "launch"
    assert plan.latency_s == pytest.approx((plan.regime.roof_s or 0) + math.fsum(plan.regime.lost_s.values()))
