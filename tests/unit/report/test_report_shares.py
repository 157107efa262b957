"""Where time and energy go: parts that add up."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import board_result, npu_result

from onnxroof.report.shares import colour_of, share_figures, time_by_bound


def test_the_parts_of_the_time_add_up_and_fall():
    parts = time_by_bound(npu_result(30).best)
    assert sum(parts.values()) == pytest.approx(1)
    assert list(parts.values()) == sorted(parts.values(), reverse=True)
    assert set(parts) == {"compute:matrix", "memory:dram"}


def test_an_unknown_time_leaves_no_parts():
    plan = npu_result(3).best
    unknown = replace(plan.groups[0], latency_s=None)
    assert time_by_bound(replace(plan, groups=(unknown, *plan.groups[1:]))) == {}


def test_figures_of_a_known_target():
    result = npu_result(30)
    titles = [figure.title for figure in share_figures(result.best, result)]
    assert titles == [
        "Time, by what binds each group",
        "Energy, by where it is spent",
        "Time, by the operators of a group",
        "How busy each engine and level is",
    ]


def test_unknown_energy_has_no_figure():
    result = board_result(30)
    assert not any("Energy" in figure.title for figure in share_figures(result.best, result))


def test_a_level_has_one_colour_everywhere():
    result = npu_result(1)
    assert [colour_of(f"memory:{name}", result) for name in ("dram", "sram", "rf")] == ["s0", "s1", "s2"]
    assert [colour_of(f"compute:{name}", result) for name in ("matrix", "vector")] == ["k0", "k1"]
    assert colour_of("launch", result) == "launch"
    assert colour_of("", result) == "nothing"
