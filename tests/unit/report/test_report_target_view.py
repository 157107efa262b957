"""What the page says of one target, as data."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import board_result, npu_result

from onnxroof.mapping.plan import Decision
from onnxroof.report.target_view import figures_words, target_view


@pytest.fixture(scope="module")
def npu():
    return target_view(npu_result(30), "m0t0", 0)


@pytest.fixture(scope="module")
def board():
    return target_view(board_result(30), "m0t1", 1)


def test_the_slowest_groups_come_first_with_their_cumulative_share(npu):
    latencies = [float(row.cells[2].sort) for row in npu.groups.rows]
    cumulative = [float(row.cells[4].sort) for row in npu.groups.rows]
    assert latencies == sorted(latencies, reverse=True)
    assert len(latencies) == 20
    total = sum(g.latency_s for g in npu_result(30).best.groups)
    assert cumulative[-1] == pytest.approx(sum(latencies) / total)
    assert [row.group for row in npu.groups.rows] == [str(rank) for rank in range(20)]
    assert npu.groups.note == "The 20 slowest of 30 groups; the JSON has them all."


def test_sort_keys_are_the_bare_numbers(npu):
    slowest = max(npu_result(30).best.groups, key=lambda g: g.latency_s)
    assert float(npu.groups.rows[0].cells[2].sort) == slowest.latency_s
    assert npu.groups.rows[0].cells[2].text.endswith("µs")


def test_unknown_cells_say_so_and_sort_last(board):
    energy = board.groups.rows[0].cells[8]
    assert (energy.text, energy.sort, energy.mark) == ("unknown", "", "unknown")


def test_plans_show_the_change_against_no_fusion(npu):
    fused = npu.plans.rows[1].cells
    assert fused[0].text == "epilogue fusion"
    assert fused[0].note == "chosen"
    assert fused[2].mark == "best"
    # the fused plan moves a quarter less over dram
    assert fused[4].note == "−25 %"
    assert npu.plans.rows[0].cells[4].note == ""


def test_what_does_not_differ_has_no_best(npu):
    assert [row.cells[5].mark for row in npu.plans.rows] == ["", ""]  # bytes at sram


def test_decisions_are_told_apart(npu):
    captions = [table.caption for table in npu.decisions]
    assert captions == ["Fused (1)", "Not fused, and why (1)", "Other choices (1)"]
    assert npu.decisions[1].rows[0].cells[1].text.startswith("the tile needs 6.1 MB")


def test_decisions_that_save_most_come_first_and_are_cut():
    result = npu_result(2)
    decisions = tuple(
        Decision(subject=f"e{i}", action="fused", reason="", figures={"saved_bytes": float(i)}) for i in range(40)
    )
    plan = replace(result.best, decisions=decisions)
    (table,) = target_view(replace(result, plans=(plan,)), "a", 0).decisions
    assert [row.cells[0].text for row in table.rows[:2]] == ["e39", "e38"]
    assert (len(table.rows), table.note) == (15, "15 of 40; the JSON has them all.")


def test_unknown_keys_have_their_consequences(board):
    assert {fact.label for fact in board.unknown} == set(board_result(1).unknown)
    assert all(fact.value for fact in board.unknown)


def test_what_the_chart_leaves_out_is_said(board):
    notes = " ".join(board.chart_notes)
    # Add and Softmax have no operations on this target: 10 of 30, and one operator is unknown
    assert "11 groups cannot be drawn" in notes
    assert "peak is unknown" in notes
    assert "bandwidth of ram is unknown" in notes
    assert "no energy roofline" in notes


def test_the_least_time_is_never_a_promise(npu):
    least = next(fact for fact in npu.facts if fact.label == "Least time of the best plan")
    assert least.note == "a bound, not a prediction"
    assert any(fact.label == "Expected time" for fact in npu.facts)


def test_figures_have_units_by_their_names():
    assert (
        figures_words({"saved_bytes": 480_000.0, "time_s": 1e-3, "ratio": 0.5}) == "saved 480 kB, time 1 ms, ratio 0.5"
    )


def test_a_plan_of_nothing_is_still_a_view():
    result = board_result(1)
    plan = replace(result.best, groups=(), decisions=(), latency_s=0.0, ops_per_s=None)
    view = target_view(replace(result, plans=(plan,), levels=(), sources=()), "a", 0)
    assert view.groups.rows == ()
    assert view.shares == ()
