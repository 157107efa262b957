"""Is docs/roofline.md true? It is made anew, and what its sentences say of the figures is asserted."""

import pytest
from validation.published import TPU_V1
from validation.roofline_page import PAGE, chip, mean_gain, page, rows

from onnxroof.roofline.model import attainable_ops_per_s


@pytest.fixture(scope="module")
def found():
    return {row.app: row for row in rows()}


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python tests/validation/roofline_page.py`"


def test_the_ridge_is_the_papers():
    # 92e12 / 34e9 = 2706 ops/B = 1353 MACs/B; the paper prints 1350
    own = chip()
    assert own.peak_ops_per_s / own.bandwidth_bytes_per_s / 2 == pytest.approx(1350, rel=0.003)


@pytest.mark.parametrize("app", TPU_V1)
def test_c2_roofs_are_the_papers_and_nothing_measured_lies_above(found, app):
    assert found[app].roof == pytest.approx(found[app].paper_roof, rel=0.015)  # printed to one digit
    assert found[app].measured <= found[app].roof


def test_c12_time_and_energy_tell_different_things(found):
    own = chip()
    ridge, energy_ridge = own.peak_ops_per_s / own.bandwidth_bytes_per_s, own.e_byte_j / own.e_op_j
    assert ridge < found["CNN1"].intensity < energy_ridge < found["CNN0"].intensity
    assert found["CNN1"].shares["memory:dram"] > found["CNN1"].shares["compute"]
    assert found["CNN0"].shares["memory:dram"] < found["CNN0"].shares["compute"]
    assert {row.time for row in found.values()} == {"memory-bound", "compute-bound"}
    assert {row.energy for row in found.values()} == {"static"}
    assert all(sum(row.shares.values()) == pytest.approx(1.0, abs=1e-12) for row in found.values())


def test_c5_power_is_throughput_over_efficiency(found):
    # MLP0: 13.6e12 ops/s x (0.113 + 560 / 400) pJ + 28 W = 20.6 + 28
    own, row = chip(), found["MLP0"]
    power_w = row.roof * 1e12 / row.ops_per_j
    assert power_w == pytest.approx(13.6e12 * (own.e_op_j + own.e_byte_j / 400) + own.static_w)
    assert power_w == pytest.approx(48.6, abs=0.05)


def test_c39_the_least_bandwidth_leaves_the_regime_and_no_less_does(found):
    own = chip()
    for row in found.values():
        if row.exit is None:
            assert row.time == "compute-bound"
            continue
        for factor, bound in ((row.exit * 1.001, "compute"), (row.exit * 0.999, "dram")):
            levels = {"dram": own.bandwidth_bytes_per_s * factor}, {"dram": row.intensity}
            assert attainable_ops_per_s(own.peak_ops_per_s, *levels)[1] == bound


def test_faster_memory_triples_the_mean(found):
    # 180 / 34 for the four that wait for weights, 1 for the others: (180 / 34) ** (4 / 6)
    assert mean_gain() == pytest.approx((180 / 34) ** (4 / 6))
    assert mean_gain() == pytest.approx(3.0, rel=0.02)
