"""Tiles of groups as a table."""

from __future__ import annotations

from dataclasses import replace

from oracles.sample_analysis import npu_result

from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.tiles_view import tiles_table
from onnxroof.report.view import Table
from onnxroof.roofline.result import TargetResult


def table_of(result: TargetResult) -> Table:
    found = tiles_table(result, slowest_kinds(result.best.groups))
    assert found is not None
    return found


def test_each_kind_of_group_has_its_tile_and_its_room() -> None:
    result = npu_result(8)
    table = table_of(result)
    assert [column.label for column in table.columns] == ["Group", "Tile", "Room taken", "Bytes at dram"]
    assert len(table.rows) == len(slowest_kinds(result.best.groups))
    for row, kind in zip(table.rows, slowest_kinds(result.best.groups), strict=True):
        group, (head, tile, room, moved) = kind.first, row.cells
        assert tile.text == "m 64, n 128"
        known = {level.name: level.capacity_bytes for level in result.levels}
        assert known["sram"] is not None
        assert room.text.startswith("1 MB of ")
        assert " of sram; 60 kB of " in room.text
        assert room.text.endswith(" of rf")
        assert float(moved.sort) == group.traffic_bytes["dram"]
        assert head.note.startswith("and 1 more")


def test_a_dimension_of_a_later_operator_names_it() -> None:
    result = npu_result(7)
    best = result.best
    groups = tuple(
        replace(group, nodes=(f"/model/layer/{n}", f"/model/layer/{n}b"), tile={"m": 4, f"k of /model/layer/{n}b": 1},
                recomputed_ops=float(n))
        for n, group in enumerate(best.groups)
    )  # fmt: skip
    plans = tuple(replace(plan, groups=groups) if plan is best else plan for plan in result.plans)
    table = table_of(replace(result, plans=plans))
    assert {row.cells[1].text for row in table.rows} == {f"m 4, k of …{n}b 1" for n in range(7)}
    assert table.columns[-1].label == "Computed again"
    assert {row.cells[-1].text for row in table.rows} == {f"{n} OP" for n in range(7)}


def test_many_kinds_are_cut_and_said_to_be() -> None:
    table = table_of(npu_result(40))
    kinds = len(slowest_kinds(npu_result(40).best.groups))
    assert (len(table.rows), kinds > 20) == (20, True)
    assert table.note == f"Those of the 20 slowest of {kinds} kinds of groups; the JSON has them all."


def test_without_a_tile_there_is_no_table() -> None:
    result = npu_result(3)
    plans = tuple(
        replace(plan, groups=tuple(replace(group, tile={}) for group in plan.groups)) for plan in result.plans
    )
    assert tiles_table(replace(result, plans=plans), slowest_kinds(plans[-1].groups)) is None
