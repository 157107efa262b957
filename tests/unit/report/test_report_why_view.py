"""Why a plan takes what it takes, as the page says it."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import LAUNCH_S, board_result, npu_result
from oracles.tiny import engine, level, on_target, target

from onnxroof.report.why_view import levers_table, regime_facts, sensitivity_table, waterfall_figure
from onnxroof.roofline.sensitivity import Elasticity
from onnxroof.roofline.waterfall import LAUNCH

PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})
SRAM = level("sram", "16 MB", "", "0.001 pJ/B")


def product(*, bandwidth: str = "10 GB/s", energy: str = "10 pJ/B", **chip: str):
    """64^3 at FLOAT: 524,288 ops over 49,152 B; on 1 TFLOP/s 0.524 us, over 10 GB/s 4.92 us."""
    return on_target(PRODUCT, target(MATRIX, level("dram", "1 GB", bandwidth, energy), SRAM, **chip), fusion="none")


def words(result) -> dict[str, str]:
    return {fact.label: fact.value for fact in regime_facts(result)}


@pytest.mark.parametrize(
    ("found", "time", "energy"),
    [
        (product(), "memory-bound at dram: for 100 % of its time", "memory-dominated"),
        # 1000 GB/s: 0.049 us; 0.01 pJ/B: 0.49 nJ beside 52 nJ of compute
        (
            product(bandwidth="1000 GB/s", energy="0.01 pJ/B"),
            "compute-bound: for 100 % of its time, the largest part, the matrix engine is busy",
            "compute-dominated: arithmetic takes 99 %",
        ),
        # 10 W x 24.9 us = 249 uJ beside 0.54 uJ
        (product(launch_overhead="20 us", static_power="10 W"), "launch-bound", "static: 99.8 %"),
        # 49,152 B / 93.75 GB/s = 0.524288 us
        (product(bandwidth="93.75 GB/s"), "at the ridge", "memory-dominated"),
    ],
)
def test_regimes_are_said_in_words(found, time, energy):
    said = words(found)
    assert said["Time"].startswith(time)
    assert said["Energy"].startswith(energy)


def test_what_is_unknown_is_marked():
    facts = {fact.label: fact for fact in regime_facts(board_result(30))}
    assert (facts["Time"].value, facts["Time"].mark) == ("unknown", "unknown")
    assert (facts["Energy"].value, facts["Energy"].mark) == ("unknown", "unknown")
    assert set(facts) == {"Time", "Energy"}


def test_the_distance_to_the_roof_names_its_causes():
    # 4.92 us at the roof and 20 us of launch: 4.9152 / 24.9152
    assert words(product(launch_overhead="20 us"))["Distance to the roof"] == (
        "20 % of what its groups could attain at these bytes; the rest is lost to launch overhead (20 µs)"
    )
    assert words(product())["Distance to the roof"].startswith("on the roof: 100 %")


def test_c14_peak_and_workload_stand_side_by_side_with_area():
    # 524,288 ops / 4.9152 us = 106.7 GOP/s of 1 TOP/s; over 10 mm2
    said = words(product(area="10 mm2"))["Peak and workload"]
    assert said.startswith("107 GOP/s of 1 TOP/s")
    assert "11 %" in said
    assert said.endswith("; 10.7 GOP/s for each mm² of the chip")
    assert "mm²" not in words(product())["Peak and workload"]


def test_a_power_cap_is_said_to_be_in_no_time():
    # 0.1 pJ x 524,288 + 10 pJ x 49,152 (+ sram) = 0.544 uJ in 4.92 us: 0.11 W
    over, enough = (words(product(power_cap=cap))["Power cap"] for cap in ("0.05 W", "1 W"))
    assert "no time on this page has it in it" in over
    assert "+121 %" in over  # 0.5439 uJ / 0.05 W = 10.88 us
    assert enough == "1 W are enough for every group at its least time"
    assert "Power cap" not in words(product())


def test_the_parts_of_the_waterfall_are_the_whole_time():
    result = npu_result(30)
    figure = waterfall_figure(result)
    assert figure is not None
    assert len(figure.legend) == sum(part > 0 for part in result.best.waterfall_s.values())
    assert sum(result.best.waterfall_s.values()) == pytest.approx(result.best.latency_s)
    launch = next(item for item in figure.legend if item.label == "launch overhead")
    assert result.best.waterfall_s[LAUNCH] == pytest.approx(30 * LAUNCH_S)
    assert launch.note == "60 µs"
    assert waterfall_figure(board_result(30)) is None


def test_the_lever_that_saves_most_comes_first_and_says_where_it_ends():
    # dram 4.92 us, compute 0.524 us: x 9.375
    table = levers_table(product())
    assert table is not None
    first = [cell.text for cell in table.rows[0].cells]
    assert first == ["dram bandwidth", "2.46 µs", "524 ns"]
    notes = [cell.note for cell in table.rows[0].cells]
    assert notes == ["from × 9.38 on matrix compute binds", "−50 %", "−89 %"]
    assert len(table.rows) == 1
    assert "Raising matrix compute saves nothing" in table.note
    result = npu_result(2)
    unknown = replace(result, plans=tuple(replace(plan, latency_s=None) for plan in result.plans))
    assert levers_table(unknown) is None


def test_numbers_that_change_nothing_are_counted_and_not_listed():
    def one(key: str, latency: float | None, energy: float | None, twice: float = 1.0) -> Elasticity:
        return Elasticity(key=key, latency=latency, energy=energy, twice_latency=twice, twice_energy=None)

    found = (one("a", 0.0, 0.0), one("b", -0.25, None), one("c", 0.0, 0.9), one("d", 0.0, 0.0, 0.5))
    table = sensitivity_table(replace(npu_result(2), sense=lambda: found))
    assert [row.cells[0].text for row in table.rows] == ["c", "d", "b"]
    assert [cell.text for cell in table.rows[0].cells] == ["c", "±0 %", "+0.90 %"]
    assert [cell.text for cell in table.rows[2].cells] == ["b", "−0.25 %", "unknown"]
    assert [cell.note for cell in table.rows[1].cells] == ["", "−50 % at twice", ""]
    assert "1 more numbers change neither" not in table.note
    assert "1 more number changes neither" in table.note
