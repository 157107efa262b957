"""Charts in letters: dots are read back and held against the roofs that they draw."""

from __future__ import annotations

import math

import pytest

from onnxroof.cli.roof_chart import Roof, chart, fastest_peak, roofs
from onnxroof.targets.catalog import load_target, target_ids

WIDTH, LABEL, ROWS = 80, 12, 8


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """(column, row) of every dot, rows counted from the bottom. The order of the bits is Unicode's, 1 to 8."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    found = set()
    for row, line in enumerate(lines[1 : 1 + ROWS]):
        assert line[LABEL] == "│"
        for column, letter in enumerate(line[LABEL + 1 :]):
            for bit, (x, y) in enumerate(order):
                if (ord(letter) - 0x2800) >> bit & 1:
                    found.add((2 * column + x, 4 * ROWS - 1 - (4 * row + y)))
    return found


def test_a_straight_roof_rises_a_decade_a_decade_up_to_its_ridge() -> None:
    roof = Roof(title="t", unit="OP/s", top=1e12, curves={"d": lambda x: min(1e12, 1e10 * x)}, ridges={"d": 100.0})
    lines = chart(roof, WIDTH)
    points = dots(lines)
    columns = 2 * (WIDTH - LABEL - 1)
    # The ridge of 100 OP/B = 10^2: from 10^floor(2 - 0.5) = 10^1 to 10^ceil(2 + 0.5) = 10^3, two decades. The height
    # goes from 10^11 (at 10 OP/B) to 0.1 above 10^12.
    for x in range(columns):
        intensity = 10 ** (1 + 2 * x / (columns - 1))
        height = (math.log10(min(1e12, 1e10 * intensity)) - 11) / 1.1 * (4 * ROWS - 1)
        assert any(abs(y - height) <= 1 for column, y in points if column == x), (x, height)
    assert lines[1].startswith("    1 TOP/s│") or lines[1].startswith("     1 TOP/s│")
    assert lines[ROWS].lstrip().startswith("100 GOP/s│")
    assert lines[1 + ROWS].index("┴") == pytest.approx(LABEL + 1 + columns / 4, abs=1)  # the middle
    assert "d 100" in lines[2 + ROWS]
    assert lines[-1].split() == ["10", "OP/B", "1", "kOP/B"]


@pytest.mark.parametrize("target_id", target_ids())
@pytest.mark.parametrize("width", [40, 80, 100])
def test_every_target_has_charts_of_the_width(target_id: str, width: int) -> None:
    for roof in roofs(load_target(target_id)):
        lines = chart(roof, width)
        assert all(len(line) <= width for line in lines[1:])
        assert dots(lines) or width == 40
        assert all(name in "\n".join(lines) for name in roof.ridges)


@pytest.mark.parametrize("target_id", target_ids())
def test_a_ridge_in_time_is_where_the_slope_meets_the_peak_and_in_energy_at_half_of_it(target_id: str) -> None:
    for roof in roofs(load_target(target_id)):
        half = 1.0 if roof.unit == "OP/s" else 0.5
        for name, ridge in roof.ridges.items():
            assert roof.curves[name](ridge) == pytest.approx(half * roof.top)
            assert roof.curves[name](ridge / 1000) < 0.01 * roof.top
            assert roof.curves[name](ridge * 1000) > 0.99 * roof.top


def test_what_is_unknown_is_not_drawn() -> None:
    assert [roof.unit for roof in roofs(load_target("peak=8TOP/s:INT8,dram=68GB/s"))] == ["OP/s"]
    assert list(roofs(load_target("peak=8TOP/s:INT8,dram=68GB"))) == []


def test_the_fastest_peak_is_that_of_what_runs_macs() -> None:
    found = fastest_peak(load_target("peak=8TOP/s:INT8,peak=9TOP/s:INT4,peak=9TOP/s:INT2,dram=68GB"))
    assert found is not None
    assert found[1].input.name == "INT4"


def test_two_names_of_one_place_stand_in_two_rows() -> None:
    flat = {name: (lambda x: min(10.0, x)) for name in ("one", "two", "three")}
    lines = chart(Roof(title="", unit="OP/s", top=10.0, curves=flat, ridges=dict.fromkeys(flat, 10.0)), 80)
    assert [line.strip() for line in lines[2 + ROWS : -1]] == ["one 10", "two 10", "three 10"]
