"""What the page says of one target, as data."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import SHEET, board_result, npu_result

from onnxroof.report.target_view import target_view


@pytest.fixture(scope="module")
def npu():
    return target_view(npu_result(30), "m0t0", 0)


@pytest.fixture(scope="module")
def board():
    return target_view(board_result(30), "m0t1", 1)


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
    assert least.note == "its groups one after the other: a bound, not a prediction"
    assert any(fact.label == "Expected time" for fact in npu.facts)


def test_the_array_ceilings_are_said_to_be_cut():
    result = npu_result(12)
    groups = tuple(
        replace(group, spatial_utilization=0.9 / 2**index) for index, group in enumerate(result.best.groups[:8])
    )
    view = target_view(replace(result, plans=(replace(result.best, groups=groups),)), "a", 0)
    assert any(note.startswith("Of 8 ceilings of an array that is not full 4 are drawn") for note in view.chart_notes)


def test_slopes_that_end_above_the_peak_are_explained():
    result = npu_result(30)
    low = replace(result, peak_ops_per_s=(result.peak_ops_per_s or 0) / 10)
    assert any(note.startswith("The slopes end above the peak") for note in target_view(low, "a", 0).chart_notes)
    assert not any(note.startswith("The slopes end") for note in target_view(result, "a", 0).chart_notes)


def test_sources_have_dates_where_one_has():
    result = npu_result(2)
    undated = replace(result, sources=(replace(SHEET, retrieved=None),))
    assert [column.label for column in target_view(result, "a", 0).sources.columns] == ["Source", "Kind", "Retrieved"]
    assert [column.label for column in target_view(undated, "a", 0).sources.columns] == ["Source", "Kind"]


def test_an_unknown_need_of_memory_is_unknown():
    view = target_view(replace(npu_result(2), memory_needed_bytes=None, fits=None), "a", 0)
    needed = next(fact for fact in view.facts if fact.label == "Memory needed")
    assert (needed.value, needed.mark) == ("unknown", "unknown")


def test_a_plan_of_nothing_is_still_a_view():
    result = board_result(1)
    plan = replace(result.best, groups=(), decisions=(), latency_s=0.0, ops_per_s=None)
    view = target_view(replace(result, plans=(plan,), levels=(), sources=()), "a", 0)
    assert view.groups.rows == ()
    assert view.shares == ()
