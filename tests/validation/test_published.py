"""Published measurements against our bounds, and the page that shows them."""

import pytest
from validation.page import PAGE, page
from validation.published import TPU_V1, a100, eyeriss, tpu_v1, weight_intensity


@pytest.fixture(scope="module")
def gemms():
    return a100()


# -- Eyeriss: DRAM bytes of AlexNet's convolutions in 108 KiB -------------------------------------------------


@pytest.mark.parametrize("row", eyeriss(), ids=lambda row: row.layer)
def test_eyeriss_dram_bytes_lie_between_what_must_cross_and_what_its_mapper_found(row):
    assert row.compulsory_bytes <= row.ours_bytes <= row.mapper_bytes


def test_eyeriss_compulsory_bytes_by_hand():
    # conv1, words of 2 B: 4 images of 3 x 227 x 227, 96 x 3 x 11 x 11 weights, 4 x 96 x 55 x 55 results.
    assert eyeriss()[0].compulsory_bytes == 2 * (4 * 3 * 227**2 + 96 * 3 * 121 + 4 * 96 * 55**2)


def test_eyeriss_ours_is_not_far_below_its_mapper():
    # Without the padding that it reads and the halves that it runs one after the other: 0.71 to 0.92 of it.
    assert all(row.ours_bytes / row.mapper_bytes >= 0.7 for row in eyeriss())


# -- TPU v1 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["MLP0", "MLP1", "LSTM0", "LSTM1"])
def test_tpu_intensity_of_fully_connected_layers_is_the_batch(app):
    # Weights cross once for all of a batch; 24 MiB hold the activations.
    assert weight_intensity(TPU_V1[app][0]) == pytest.approx(TPU_V1[app][0])


@pytest.mark.parametrize("row", tpu_v1(), ids=lambda row: row.app)
def test_tpu_roofs_are_the_papers_and_nothing_measured_lies_above(row):
    assert row.roof == pytest.approx(row.paper_roof, rel=0.015)  # printed to one digit
    assert row.measured <= row.filled_roof <= row.roof


def test_tpu_four_of_six_are_near_their_roof_and_an_array_that_is_not_filled_explains_a_part_of_the_others():
    rows = {row.app: row for row in tpu_v1()}
    assert sorted(app for app, row in rows.items() if row.measured < 0.84 * row.roof) == ["CNN1", "LSTM1"]
    # 600 of 768 both ways: 0.61, the paper's useful / active is 6.3 / 10.5 = 0.60.
    assert rows["LSTM1"].filled == pytest.approx((600 / 768) ** 2)
    assert rows["LSTM1"].filled == pytest.approx(6.3 / 10.5, rel=0.02)
    assert rows["LSTM1"].measured > 0.7 * rows["LSTM1"].filled_roof
    # CNN1: half is the array, the rest of the gap are its fully connected layers, of which no shapes are published.
    assert rows["CNN1"].measured < 0.35 * rows["CNN1"].filled_roof


# -- A100 -----------------------------------------------------------------------------------------------------


def test_a100_no_measurement_is_faster_than_the_bounds(gemms):
    assert len(gemms) == 20
    for row in gemms:
        assert row.floor_ms <= row.latency_ms <= row.mapped_ms <= row.measured_ms


def test_a100_large_products_run_near_the_bound(gemms):
    # From a millisecond on, what we leave out (clock, last wave) is less than a quarter.
    large = [row for row in gemms if row.measured_ms > 1]
    assert len(large) == 10
    assert all(row.measured_ms / row.mapped_ms < 1.25 for row in large)


def test_a100_small_products_miss_by_a_constant(gemms):
    # 27 to 37 us whatever the size: starting and synchronizing.
    small = [row for row in gemms if row.reason.endswith("1.34 us")]
    assert [row.n for row in small] == [64, 128, 256, 512, 1024]
    assert all(25 < (row.measured_ms - row.latency_ms) * 1e3 < 40 for row in small)


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python tests/validation/page.py`"
