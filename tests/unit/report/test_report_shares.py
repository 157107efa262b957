"""Where time and energy go: parts that add up."""

from dataclasses import replace

from oracles.sample_analysis import board_result, npu_result

from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.shares import colour_of, energy_bar, share_figures


def test_figures_of_a_known_target():
    result = npu_result(30)
    figures = share_figures(result, slowest_kinds(result.best.groups))
    assert [figure.title for figure in figures] == [
        "Time, by what binds each group",
        "Energy, by where it is spent",
        "Time, by the operators of a group",
        "How busy each engine and level is",
        "Energy of an operation, by contribution",
    ]
    assert len(figures[-1].legend) == 8


def test_the_energy_of_an_operation_is_shown_by_rising_intensity():
    result = npu_result(30)
    legend = share_figures(result, slowest_kinds(result.best.groups))[-1].legend
    intensities = [float(item.note.removesuffix(" ops/B")) for item in legend]
    assert intensities == sorted(intensities)
    assert all(item.value.endswith("J/OP") for item in legend)


def test_an_energy_bar_fills_itself_with_the_terms_of_a_group():
    result = npu_result(1)
    group = replace(result.best.groups[0], energy_terms_j={"compute": 1.0, "memory:dram": 3.0})
    bar = energy_bar(group, result)
    assert "dram access 75 %, compute 25 %" in bar
    assert bar.index('class="s0"') < bar.index('class="k0"')  # the largest first
    assert energy_bar(replace(group, energy_terms_j={}), result) == ""


def test_unknown_energy_has_no_figure():
    result = board_result(30)
    assert not any("Energy" in figure.title for figure in share_figures(result, slowest_kinds(result.best.groups)))


def test_a_level_has_one_colour_everywhere():
    result = npu_result(1)
    assert [colour_of(f"memory:{name}", result) for name in ("dram", "sram", "rf")] == ["s0", "s1", "s2"]
    assert [colour_of(f"compute:{name}", result) for name in ("matrix", "vector")] == ["k0", "k1"]
    assert colour_of("launch", result) == "launch"
    assert colour_of("", result) == "nothing"
