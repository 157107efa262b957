"""Ranges by hand: which numbers are uncertain, and by how much."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.ranges import SPREADS, Ranges
from onnxroof.targets.model import Quantity, Target

PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})


def chip(**others: str) -> Target:
    return target(MATRIX, level("dram", "1 GB", "10 GB/s", "10 pJ/B"), level("sram", "16 MB", "", "1 pJ/B"), **others)


def of_kind(quantity: Quantity | None, kind: str) -> Quantity:
    assert quantity is not None
    return replace(quantity, source=replace(quantity.source, kind=kind))


def with_dram(where: Target, kind: str, *keys: str) -> Target:
    dram, *others = where.levels
    changed = {key: of_kind(getattr(dram, key), kind) for key in keys}
    return replace(where, levels=(replace(dram, **changed), *others))


def found(where: Target, text: str = PRODUCT) -> Ranges:
    ranges = on_target(text, where, fusion="none").ranges
    assert ranges is not None
    return ranges


def test_what_rests_on_published_numbers_has_no_width() -> None:
    ranges = found(chip())
    for one in (ranges.latency_s, ranges.energy_j, ranges.floor_latency_s, ranges.floor_energy_j):
        assert one is not None
        assert not one.is_wide
        assert one.low == pytest.approx(one.high)


@pytest.mark.parametrize(("kind", "spread"), [("estimate", 2.0), ("recalled", 1.25), ("default", 2.0), ("vendor", 1.0)])
def test_a_bandwidth_spreads_the_time_by_its_kind(kind: str, spread: float) -> None:
    # 49,152 B / 10 GB/s = 4.9152 us, as long as dram binds: compute takes 0.524 us. x and w come in, y goes out.
    ranges = found(with_dram(chip(), kind, "read_bandwidth", "write_bandwidth"))
    assert ranges.latency_s is not None
    assert (ranges.latency_s.low, ranges.latency_s.high) == pytest.approx((4.9152e-6 / spread, 4.9152e-6 * spread))
    # The floor has the weight on chip: 32,768 B
    floor = ranges.floor_latency_s
    assert floor is not None
    assert (floor.low, floor.high) == pytest.approx((3.2768e-6 / spread, 3.2768e-6 * spread))
    assert ranges.energy_j is not None
    assert not ranges.energy_j.is_wide


def test_a_time_stops_where_something_else_binds() -> None:
    # At 93.75 GB/s dram takes as long as compute, 0.524288 us: half the time there is none to be had.
    where = target(MATRIX, level("dram", "1 GB", "93.75 GB/s"), level("sram", "16 MB"))
    ranges = found(with_dram(where, "estimate", "read_bandwidth", "write_bandwidth"))
    assert ranges.latency_s is not None
    assert (ranges.latency_s.low, ranges.latency_s.high) == pytest.approx((0.524288e-6, 2 * 0.524288e-6))


def test_an_energy_spreads_its_own_share() -> None:
    # compute 52.4288 nJ, dram 10 pJ x 49,152 = 491.52 nJ, sram 2 x 49.152 nJ
    where = with_dram(chip(), "estimate", "read_energy", "write_energy")
    ranges = found(where)
    assert ranges.energy_j is not None
    rest = 52.4288e-9 + 2 * 49.152e-9
    assert (ranges.energy_j.low, ranges.energy_j.high) == pytest.approx((rest + 245.76e-9, rest + 983.04e-9))
    assert ranges.latency_s is not None
    assert not ranges.latency_s.is_wide


def test_static_power_takes_the_time_with_it() -> None:
    where = with_dram(chip(static_power="1 W"), "recalled", "read_bandwidth", "write_bandwidth")
    static = of_kind(where.static_power, "recalled")
    ranges = found(replace(where, static_power=static))
    assert ranges.energy_j is not None
    dynamic = 52.4288e-9 + 491.52e-9 + 2 * 49.152e-9
    # 1.25 W x 1.25 x 4.9152 us
    assert ranges.energy_j.high == pytest.approx(dynamic + 1.25**2 * 4.9152e-6)
    assert ranges.energy_j.low == pytest.approx(dynamic + 4.9152e-6 / 1.25**2)


def test_a_special_operation_that_the_target_does_not_price_is_a_default() -> None:
    # 4096 exponentials of 4 lanes each and their additions and divisions; the floor takes one lane for each
    text = "g (float[64,64] x) => (float[64,64] y) { y = Exp(x) }"
    vector = engine("vector", "vector special", {"FLOAT": "1 GFLOP/s"})
    ranges = found(target(vector, level("dram", "1 GB", "1000 GB/s")), text)
    assert ranges.latency_s is not None
    assert (ranges.latency_s.low, ranges.latency_s.high) == pytest.approx((2 * 4096e-9, 8 * 4096e-9))
    assert ranges.floor_latency_s is not None
    assert ranges.floor_latency_s.high == pytest.approx(4096e-9)
    stated = engine("vector", "vector special", {"FLOAT": "1 GFLOP/s"}, rest="special_cost = { EXP = 4 }")
    known = found(target(stated, level("dram", "1 GB", "1000 GB/s")), text)
    assert known.latency_s is not None
    assert not known.latency_s.is_wide


def test_unknown_figures_have_no_range() -> None:
    ranges = found(target(engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "10 GB/s")))
    assert ranges.energy_j is None
    assert ranges.latency_s is not None


def test_the_kinds_that_spread_are_those_that_count_as_estimated() -> None:
    for kind in ("vendor", "measured", "derived", "estimate", "recalled", "default"):
        knowledge = Knowledge(chip())
        knowledge.need("key", of_kind(chip().levels[0].capacity, kind))
        assert bool(knowledge.estimated) == (kind in SPREADS)
