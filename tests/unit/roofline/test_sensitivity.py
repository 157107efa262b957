"""Elasticities against their closed form, and every number of a target among them."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.sensitivity import BITS, Elasticity, numbers
from onnxroof.targets.model import Target

LINEAR = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})


def of(text: str, where: Target) -> dict[str, Elasticity]:
    return {found.key: found for found in on_target(text, where).sensitivity}


def test_c39_elasticities_are_the_shares_of_time_and_energy() -> None:
    where = target(
        MATRIX, level("dram", "1 GB", "10 GB/s", "100 pJ/B"), level("sram", "1 MB", "1 TB/s", "1 pJ/B"),
        launch_overhead="5 us", static_power="0.5 W",
    )  # fmt: skip
    result = on_target(LINEAR, where)
    (group,) = result.best.groups
    latency_s, energy_j = group.latency_s or 0.0, group.energy_j or 0.0
    found = {one.key: one for one in result.sensitivity}
    # latency = dram + launch; energy = compute + dram + sram + static power x latency
    dram = group.time_terms_s["memory:dram"] / latency_s
    static = group.energy_terms_j["static"] / energy_j
    assert found["memory[dram].bandwidth"].latency == pytest.approx(-dram, abs=1e-6)
    assert found["memory[dram].bandwidth"].energy == pytest.approx(-dram * static, abs=1e-6)
    assert found["chip.launch_overhead"].latency == pytest.approx(5e-6 / latency_s, abs=1e-6)
    assert found["engine[matrix].peak[FLOAT].rate"].latency == 0.0
    for key, term in (
        ("engine[matrix].peak[FLOAT].energy", "compute"),
        ("memory[dram].energy", "memory:dram"),
        ("memory[sram].energy", "memory:sram"),
        ("chip.static_power", "static"),
    ):
        assert found[key].energy == pytest.approx(group.energy_terms_j[term] / energy_j, abs=1e-6)
        assert found[key].latency == 0.0
        # the energy is linear in it: twice of it adds its share once more
        assert found[key].twice_energy == pytest.approx(1 + group.energy_terms_j[term] / energy_j)
    assert found["memory[dram].bandwidth"].twice_latency == pytest.approx(1 - dram / 2)


def test_c39_a_capacity_works_in_steps_and_doubling_it_shows() -> None:
    # All three matrices take 48 KiB: an sram of 32 KiB fetches some of them twice, one of 64 KiB none
    plain = of(LINEAR, target(MATRIX, level("dram", "1 GB", "1 GB/s"), level("sram", "8 KiB")))
    found = plain["memory[sram].capacity"]
    assert found.latency is not None
    assert found.twice_latency is not None
    assert found.twice_latency < 1.0
    roomy = of(LINEAR, target(MATRIX, level("dram", "1 GB", "1 GB/s"), level("sram", "1 MB")))
    assert (roomy["memory[sram].capacity"].latency, roomy["memory[sram].capacity"].twice_latency) == (0.0, 1.0)


def test_c39_another_engine_takes_over_when_it_gets_faster() -> None:
    # Two engines of 1 and 0.9 TFLOP/s: twice the second is 1.8 TFLOP/s, and the product runs there.
    two = (engine("first", "mac", {"FLOAT": "1 TFLOP/s"}), engine("second", "mac", {"FLOAT": "0.9 TFLOP/s"}))
    found = of(LINEAR, target(*two, level("dram")))
    assert found["engine[first].peak[FLOAT].rate"].latency == pytest.approx(-1.0, abs=1e-6)
    assert found["engine[second].peak[FLOAT].rate"].latency == 0.0
    assert found["engine[second].peak[FLOAT].rate"].twice_latency == pytest.approx(1 / 1.8)


def test_c39_the_bits_of_every_element_scale_what_moves() -> None:
    # dram binds: its time is linear in the bits; the energy of compute, 0.524 uJ of 0.524 + 4.915 + 0.098, is not
    where = target(MATRIX, level("dram", "1 GB", "10 GB/s", "100 pJ/B"), level("sram", "1 MB", "1 TB/s", "1 pJ/B"))
    found = of(LINEAR, where)[BITS]
    assert found.latency == pytest.approx(1.0, abs=1e-6)
    assert found.twice_latency == pytest.approx(2.0)
    compute, moved = 524_288e-12, 49_152 * 102e-12
    assert found.energy == pytest.approx(moved / (compute + moved), abs=1e-6)
    # The model in FLOAT16 moves half: the same as half the bits at the rate of FLOAT.
    halved = LINEAR.replace("float[", "float16[")
    slow = target(
        engine("matrix", "mac", {"FLOAT16": "1 TFLOP/s, 1 pJ/FLOP"}), *(
            level("dram", "1 GB", "10 GB/s", "100 pJ/B"), level("sram", "1 MB", "1 TB/s", "1 pJ/B")
        ),
    )  # fmt: skip
    narrow, wide = on_target(halved, slow).best, on_target(LINEAR, where).best
    assert narrow.latency_s is not None
    assert wide.latency_s == pytest.approx(2 * narrow.latency_s)
    again = of(halved, slow)[BITS]
    assert again.twice_latency == pytest.approx(2.0)
    assert again.twice_energy == pytest.approx((wide.energy_j or 0) / (narrow.energy_j or 1))


def test_unknown_figures_have_no_elasticity() -> None:
    found = of(LINEAR, target(engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}), level("dram")))
    only = found["engine[matrix].peak[FLOAT].rate"]
    assert set(found) == {only.key, BITS}
    assert (only.energy, only.twice_energy) == (None, None)
    assert only.latency == pytest.approx(-1.0, abs=1e-6)


def test_every_number_is_named_once_and_scaling_changes_it_alone() -> None:
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}, rest="special_cost = { EXP = 4 }"),
        level("dram", "1 GB", read_bandwidth="10 GB/s", write_bandwidth="5 GB/s", energy="2 pJ/B"),
        level("sram", "1 MB", "1 TB/s", read_energy="1 pJ/B", write_energy="2 pJ/B"),
        static_power="1 W", launch_overhead="1 us",
    )  # fmt: skip
    keys = [number.key for number in numbers(where)]
    assert keys == [
        "engine[matrix].peak[FLOAT].rate", "engine[matrix].peak[FLOAT].energy", "engine[matrix].special_cost.EXP",
        "memory[dram].capacity", "memory[dram].read_bandwidth", "memory[dram].write_bandwidth", "memory[dram].energy",
        "memory[sram].capacity", "memory[sram].bandwidth", "memory[sram].read_energy", "memory[sram].write_energy",
        "chip.static_power", "chip.launch_overhead",
    ]  # fmt: skip
    flat = values(where)
    for number in numbers(where):
        changed = values(number.scaled(3.0))
        moved = {key: changed[key] / flat[key] for key in flat if changed[key] != flat[key]}
        assert set(moved.values()) == {3.0}
        assert len(moved) == (2 if number.key in ("memory[dram].energy", "memory[sram].bandwidth") else 1)


def values(where: Target) -> dict[str, float]:
    """Every number of a target by a name of its own."""
    found: dict[str, float] = {}
    for one in where.levels:
        for key in ("capacity", "read_bandwidth", "write_bandwidth", "read_energy", "write_energy"):
            found[f"{one.name}.{key}"] = getattr(one, key).value
    for one in where.engines:
        for peak in one.peaks:
            assert peak.rate is not None
            assert peak.energy is not None
            found |= {f"{one.name}.rate": peak.rate.value, f"{one.name}.energy": peak.energy.value}
        found |= {f"{one.name}.{name}": cost for name, cost in one.special_cost.items()}
    assert where.static_power is not None
    assert where.launch_overhead is not None
    return {**found, "static": where.static_power.value, "launch": where.launch_overhead.value}
