"""What fusion buys: before and after, and decisions by their reason."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu_result

from onnxroof.mapping.plan import Decision
from onnxroof.report.fusion_view import decision_tables, figures_words, plans_table
from onnxroof.report.plans import over_fastest


def deciding(decisions):
    """A plan with these decisions."""
    return replace(npu_result(3).best, decisions=tuple(decisions))


@pytest.fixture(scope="module")
def plans():
    return {row.cells[0].text: row.cells[1:] for row in plans_table(npu_result(30)).rows}


def test_each_figure_is_a_row_and_each_plan_a_column(plans):
    assert [column.label for column in plans_table(npu_result(2)).columns] == [
        "Figure",
        "No fusion",
        "Epilogue fusion, chosen",
    ]
    assert list(plans) == ["Least time", "Energy", "Bytes at dram", "Bytes at sram", "Bytes at rf", "Groups"]


def test_what_is_saved_is_said_in_bytes_and_as_a_share(plans):
    unfused, fused = (plan.traffic_bytes["dram"] for plan in npu_result(30).plans)
    before, after = plans["Bytes at dram"]
    assert (float(before.sort), before.note) == (unfused, "")
    # the fused plan moves a quarter less over dram
    assert after.note.endswith("B, −25 %")
    assert float(after.sort) == fused
    # and as much over sram
    assert plans["Bytes at sram"][1].note == "±0 %"


def test_a_plan_that_costs_more_says_so():
    result = npu_result(3)
    unfused, fused = result.plans
    dear = replace(result, plans=(unfused, replace(fused, energy_j=2 * unfused.energy_j)))
    assert plans_table(dear).rows[1].cells[2].note.endswith("J, +100 %")


def test_an_unknown_figure_has_no_bar():
    result = npu_result(3)
    unknown = replace(result, plans=tuple(replace(plan, energy_j=None) for plan in result.plans))
    cells = plans_table(unknown).rows[1].cells[1:]
    assert [(cell.text, cell.figure, cell.note) for cell in cells] == [("unknown", "", "")] * 2


def test_without_a_plan_to_compare_nothing_is_saved():
    result = npu_result(3)
    alone = plans_table(replace(result, plans=result.plans[1:]))
    assert all(cell.note == "" for row in alone.rows for cell in row.cells)


def test_decisions_are_told_apart():
    tables = decision_tables(npu_result(3).best)
    assert [table.caption for table in tables] == ["Fused, and why (1)", "Not fused, and why (1)", "Other choices (1)"]
    assert tables[1].rows[0].cells[0].text.startswith("the tile needs 6.1 MB")
    assert tables[2].rows[0].cells[1].text == "bypassed"


def test_the_same_reason_is_one_row_whatever_its_numbers():
    decisions = [
        Decision(subject=f"a{i} -> b{i}", action="not fused", reason=f"the tile needs {i}.5 MB and {i} MB are there")
        for i in range(40)
    ]
    decisions += [Decision(subject="x -> y", action="not fused", reason="it broadcasts the result")]
    (table,) = decision_tables(deciding(decisions))
    assert [row.cells[1].text for row in table.rows] == ["40", "1"]
    assert table.rows[0].cells[2].text == "a0 → b0 and a1 → b1"
    assert [column.label for column in table.columns] == ["Reason", "Times", "For example"]


def test_bytes_in_reasons_are_for_people_and_said_to_be_of_the_first_where_they_differ():
    decisions = [
        Decision(subject=f"a{i} -> b{i}", action="not fused", reason=f"a tile needs {i}200000 B") for i in (3, 4)
    ]
    decisions.append(Decision(subject="c -> d", action="not fused", reason="128 B remain"))
    (table,) = decision_tables(deciding(decisions))
    assert [row.cells[0].text for row in table.rows] == ["a tile needs 3.2 MB (the first of them)", "128 B remain"]


def test_what_saves_most_comes_first():
    def fused(name: str, reason: str, read: float, written: float) -> Decision:
        figures = {"saved_read_bytes": read, "saved_write_bytes": written}
        return Decision(subject=name, action="fused", reason=reason, figures=figures)

    decisions = [fused("s", "small", 1e3, 0.0), fused("l1", "large", 2e6, 1e6), fused("l2", "large", 5e6, 0.0)]
    (table,) = decision_tables(deciding([*decisions, *decisions[:1] * 9]))
    assert [row.cells[0].text for row in table.rows] == ["large", "small"]
    # 2 + 1 MB and 5 MB, the larger first; 8 MB together
    assert table.rows[0].cells[2].text == "l2 (5 MB) and l1 (3 MB)"
    assert table.rows[0].cells[3].text == "saved 8 MB"


def test_many_reasons_are_cut_and_said_to_be():
    decisions = [Decision(subject="s", action="not fused", reason="because of " + "x" * i) for i in range(20)]
    (table,) = decision_tables(deciding(decisions))
    assert (len(table.rows), table.note) == (12, "12 of 20 reasons; the JSON has every decision.")


def test_figures_have_units_by_their_names():
    assert (
        figures_words({"saved_bytes": 480_000.0, "time_s": 1e-3, "ratio": 0.5}) == "saved 480 kB, time 1 ms, ratio 0.5"
    )


def test_both_ends_of_an_edge_stay_readable():
    plan = npu_result(3).best
    groups = tuple(replace(group, nodes=(f"/model/layer.{i}/x",)) for i, group in enumerate(plan.groups))
    edge = Decision(subject=f"/model/layer.0/{'x' * 50}_a -> /model/layer.1/y", action="fused", reason="r")
    (table,) = decision_tables(replace(plan, groups=groups, decisions=(edge,)))
    words = table.rows[0].cells[2].text
    assert words.startswith("…layer.0/")
    assert words.endswith("_a → …layer.1/y")


def test_what_the_compiler_does_stands_beside_the_least_of_all_groupings():
    result = npu_result(3)
    unfused, fused = result.plans
    auto = replace(fused, fusion="auto", latency_s=fused.latency_s / 2)
    result = replace(result, target=replace(result.target, fusion="epilogue"))
    note = plans_table(replace(result, plans=(unfused, fused, auto))).note
    assert note == (
        "Its own compiler is known to do epilogue fusion, which takes 2 times what the least grouping found takes."
    )
    same = replace(fused, fusion="auto")
    assert "no other plan is faster" in plans_table(replace(result, plans=(unfused, fused, same))).note
    alone = replace(result, plans=(unfused,), target=replace(result.target, fused_attention=True))
    assert plans_table(alone).note.endswith("is not among the plans here; its fused attention is not in this figure.")


def test_what_a_compiler_does_is_unknown_where_its_file_is_silent():
    result = npu_result(3)
    silent = replace(result, target=replace(result.target, fusion=None))
    assert over_fastest(silent) is None
    assert "unknown" in plans_table(silent).note
