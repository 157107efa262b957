"""The step curve as a drawing: where it goes, and that nothing falls off it."""

from __future__ import annotations

import re

from onnxroof.report.figures.capacity import Mark, capacity_figure

STEPS = [(100.0, 8000.0), (1000.0, 2000.0)]


def mark(number: int, capacity: float, moved: float) -> Mark:
    return Mark(number=number, names=f"chip {number}", capacity_bytes=capacity, moved_bytes=moved)


def test_a_step_goes_across_and_then_down() -> None:
    drawn = capacity_figure(STEPS, 1000.0, [], "model")
    (path,) = re.findall(r'<path[^>]* d="([^"]*)"[^>]* class="curve"', drawn)
    words = re.findall(r"([A-Z])\s*((?:-?\d+\.?\d*[ ,]?)+)", path)
    numbers = [[float(n) for n in re.findall(r"-?\d+\.?\d*", tail)] for _, tail in words]
    assert all(0 <= n <= 1000 for part in numbers for n in part)
    # From the first step's place across to the second's capacity, and down to its bytes.
    (start_x, start_y), *rest = numbers
    assert max(n for part in rest for n in part) > start_x
    assert start_y < max(part[-1] for part in rest)


def test_each_mark_has_its_number_and_is_told() -> None:
    drawn = capacity_figure(STEPS, 1000.0, [mark(1, 500, 8000), mark(2, 5000, 2000)], "model")
    for number in (1, 2):
        assert f">{number}<" in drawn
        assert f"chip {number}" in drawn


def test_names_are_escaped() -> None:
    drawn = capacity_figure(STEPS, 1000.0, [], "<script>")
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_curve_of_one_step_and_nothing_compulsory_is_drawn() -> None:
    assert "curve" in capacity_figure([(12.0, 7.0)], 0.0, [], "model")


def test_a_mark_at_which_nothing_crosses_is_told_and_has_no_dot() -> None:
    drawn = capacity_figure(STEPS, 1000.0, [mark(1, 500, 8000), mark(2, 5000, 0)], "model")
    assert drawn.count("<circle") == 1
    assert "0 B (chip 2)" in drawn


def test_a_dot_lies_inside_where_no_step_has_a_place_on_the_axis() -> None:
    # The only step is at capacity 0, so that marks alone say how high the axis reaches.
    (height,) = re.findall(r'cy="([-0-9.]+)"', capacity_figure([], 24.0, [mark(1, 500, 1e6)], "model"))
    assert 0 < float(height) < 360
