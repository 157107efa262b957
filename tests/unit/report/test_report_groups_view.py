"""The table of slowest groups."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import board_result, npu_result

from onnxroof.report.groups_view import MOST_KINDS_SHOWN, groups_table
from onnxroof.report.kinds import slowest_kinds


def table(result):
    return groups_table(result, slowest_kinds(result.best.groups))


@pytest.fixture(scope="module")
def npu():
    return table(npu_result(30))


def test_the_slowest_groups_come_first_and_add_up_to_the_whole(npu):
    latencies = [float(row.cells[2].sort) for row in npu.rows]
    assert latencies == sorted(latencies, reverse=True)
    assert sum(latencies) == pytest.approx(sum(g.latency_s for g in npu_result(30).best.groups))
    assert npu.rows[-1].cells[3].note == "Σ 100 %"
    assert [row.group for row in npu.rows] == [str(rank) for rank in range(len(npu.rows))]
    assert npu.note == ""


def test_sort_keys_are_the_bare_numbers(npu):
    slowest = slowest_kinds(npu_result(30).best.groups)[0]
    assert float(npu.rows[0].cells[2].sort) == slowest.latency_s
    assert npu.rows[0].cells[2].text.endswith("µs")


def test_alike_groups_are_one_row():
    result = npu_result(2)
    one, other = result.best.groups
    groups = (one, replace(one, id="g5", nodes=("again",)), replace(one, id="g6"), other)
    rows = table(replace(result, plans=(replace(result.best, groups=groups),), best_plan="epilogue")).rows
    assert len(rows) == 2
    assert {row.cells[0].note for row in rows} == {"× 3", ""}
    triple = next(row for row in rows if row.cells[0].note)
    assert float(triple.cells[2].sort) == pytest.approx(3 * one.latency_s)
    # an operation costs the same however many groups there are
    assert triple.cells[8].note.endswith("J/OP")


def test_what_all_names_start_with_is_left_out_but_not_forgotten():
    result = npu_result(3)
    groups = tuple(
        replace(group, nodes=(f"/model/encoder/layer.{i}/MatMul",)) for i, group in enumerate(result.best.groups)
    )
    row = table(replace(result, plans=(replace(result.best, groups=groups),))).rows[0]
    assert row.cells[0].text.startswith("…layer.")
    assert row.cells[0].title.startswith("/model/encoder/layer.")


def test_unknown_cells_say_so_and_sort_last():
    energy, leading = table(board_result(30)).rows[0].cells[8:10]
    assert (energy.text, energy.sort, energy.mark) == ("unknown", "", "unknown")
    assert (leading.text, leading.mark) == ("unknown", "unknown")


def test_an_intensity_stands_over_its_limit():
    result = npu_result(1)
    group = replace(result.best.groups[0], compulsory_intensity_ops_per_byte=1234.5)
    row = table(replace(result, plans=(replace(result.best, groups=(group,)),))).rows[0]
    assert row.cells[5].note == "of 1230 at most"  # three digits
    assert table(result).rows[0].cells[5].note == ""


def test_a_group_without_macs_fills_no_array():
    result = npu_result(30)
    groups = tuple(replace(group, macs=0, spatial_utilization=None) for group in result.best.groups)
    used = table(replace(result, plans=(replace(result.best, groups=groups),))).rows[0].cells[6]
    assert (used.text, used.sort) == ("no MACs", "")


def test_a_long_table_is_cut_and_says_so():
    result = npu_result(MOST_KINDS_SHOWN + 5)
    groups = tuple(replace(group, ops=group.ops + i) for i, group in enumerate(result.best.groups))
    cut = table(replace(result, plans=(replace(result.best, groups=groups),)))
    assert len(cut.rows) == MOST_KINDS_SHOWN
    assert cut.note == "The 60 slowest of 65 kinds of groups; the JSON has them all."
