"""The equations against the hand-derived vectors of the dual roofline; each test of the checklist carries its name."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.roofline.model import (
    attainable_ops_per_s,
    efficiency_ops_per_j,
    energy_j_per_op,
    energy_ridge_ops_per_byte,
    energy_shares,
    overlapped_time_s,
    ridge_ops_per_byte,
    serial_time_s,
    temporal_utilization,
)

# A chip of 1024 MACs (2048 operations a cycle) with a DRAM port of 64 bits, 8 bytes a cycle; energies in pJ.
PEAK = 2048.0
DRAM = 8.0
E_COMPUTE = 0.02
E_DRAM = 87.5
E_SRAM = 1.626

positive = st.floats(min_value=1e-6, max_value=1e6)


def test_c2_attainable_is_the_least_term_and_names_it() -> None:
    # 64 op/B x 8 B = 512 < 2048; 1000 x 8 = 8000 > 2048
    assert attainable_ops_per_s(PEAK, {"dram": DRAM}, {"dram": 64}) == (512.0, "dram")
    assert attainable_ops_per_s(PEAK, {"dram": DRAM}, {"dram": 1000}) == (2048.0, "compute")


def test_c2_two_levels() -> None:
    # DRAM 1000 x 8 = 8000; SRAM 64 op/B at 256 B a cycle = 16384: the peak of 2048 binds
    bandwidths = {"dram": DRAM, "sram": 256.0}
    assert attainable_ops_per_s(PEAK, bandwidths, {"dram": 1000, "sram": 64}) == (2048.0, "compute")


def test_c3_energy_of_two_levels() -> None:
    # 0.02 + 87.5/1000 + 1.626/64 = 0.02 + 0.0875 + 0.02540625 = 0.13290625 pJ; 1 op/pJ = 1 TOPS/W: its inverse, 7.524
    levels, intensities = {"dram": E_DRAM, "sram": E_SRAM}, {"dram": 1000.0, "sram": 64.0}
    assert energy_j_per_op(E_COMPUTE, levels, intensities) == pytest.approx(0.13290625, rel=1e-12)
    assert efficiency_ops_per_j(E_COMPUTE, levels, intensities) == pytest.approx(1 / 0.13290625, rel=1e-12)


def test_c3_half_the_peak_at_the_energy_ridge() -> None:
    ridge = energy_ridge_ops_per_byte(E_COMPUTE, E_DRAM)
    at_ridge = efficiency_ops_per_j(E_COMPUTE, {"dram": E_DRAM}, {"dram": ridge})
    assert at_ridge == pytest.approx(0.5 / E_COMPUTE, rel=1e-9)
    # 1/(0.02 + 87.5/256) = 1/0.361796875 = 2.764; without end 1/0.02 = 50 TOPS/W
    for at, expected in ((256.0, 1 / 0.361796875), (math.inf, 50.0)):
        assert efficiency_ops_per_j(E_COMPUTE, {"dram": E_DRAM}, {"dram": at}) == pytest.approx(expected, rel=1e-12)


def test_c4_both_ridge_points_and_their_gap() -> None:
    time_ridge, energy_ridge = ridge_ops_per_byte(PEAK, DRAM), energy_ridge_ops_per_byte(E_COMPUTE, E_DRAM)
    assert time_ridge == 256.0  # 2048 / 8
    assert energy_ridge == pytest.approx(4375.0, rel=1e-12)  # 87.5 / 0.02
    assert energy_ridge / time_ridge == pytest.approx(17.08984375, rel=1e-12)


def test_c11_overlap_and_none_at_the_ridge() -> None:
    # at 256 op/B both terms are 1/2048: overlapped 2048, serial half of it; at 64: 512 and 1/(1/2048 + 1/512) = 409.6
    for intensity, together, apart in ((256.0, 2048.0, 1024.0), (64.0, 512.0, 409.6)):
        levels = {"dram": DRAM}, {"dram": intensity}
        assert attainable_ops_per_s(PEAK, *levels)[0] == pytest.approx(together, rel=1e-12)
        assert attainable_ops_per_s(PEAK, *levels, overlaps=False)[0] == pytest.approx(apart, rel=1e-12)


def test_c10_the_ceiling_falls_with_spatial_utilization() -> None:
    assert attainable_ops_per_s(PEAK, {"dram": DRAM}, {"dram": 1e9}, spatial_utilization=0.75) == (1536.0, "compute")


@given(positive, st.dictionaries(st.sampled_from(["dram", "sram", "rf"]), st.tuples(positive, positive), min_size=1))
def test_c3_shares_add_to_one(compute: float, levels: dict[str, tuple[float, float]]) -> None:
    terms = {"compute": compute, **{name: energy / ai for name, (energy, ai) in levels.items()}}
    assert math.fsum(energy_shares(terms).values()) == pytest.approx(1.0, abs=1e-12)


@given(positive, positive, positive, st.floats(min_value=1.0, max_value=10.0))
def test_c8_more_of_anything_never_lowers_the_bound(peak: float, bandwidth: float, ai: float, more: float) -> None:
    base = attainable_ops_per_s(peak, {"l": bandwidth}, {"l": ai})[0]
    assert attainable_ops_per_s(peak * more, {"l": bandwidth}, {"l": ai})[0] >= base
    assert attainable_ops_per_s(peak, {"l": bandwidth * more}, {"l": ai})[0] >= base
    cheap = efficiency_ops_per_j(peak, {"l": bandwidth}, {"l": ai})
    assert efficiency_ops_per_j(peak, {"l": bandwidth / more}, {"l": ai}) >= cheap


@given(st.lists(positive, min_size=1, max_size=5))
def test_c11_serial_is_never_faster_than_overlapped(terms: list[float]) -> None:
    assert serial_time_s(terms) >= overlapped_time_s(terms)
    assert overlapped_time_s(terms[:-1], terms[-1:]) <= serial_time_s(terms) * (1 + 1e-12)


def test_shares_of_nothing_are_empty() -> None:
    assert energy_shares({"compute": 0.0}) == {}


def test_c9_temporal_utilization() -> None:
    assert temporal_utilization(3.0, 4.0) == 0.75
    assert temporal_utilization(0.0, 0.0) == 0.0
