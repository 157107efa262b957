"""What fusion buys: before and after, and decisions by their reason."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu_result

from onnxroof.mapping.plan import Decision
from onnxroof.report.fusion_view import decision_tables, figures_words, plans_table
from onnxroof.report.json import compiler_document
from onnxroof.report.plans import in_reach, over_fastest


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


def test_what_saves_no_bytes_is_ranked_by_its_time():
    def fused(name: str, reason: str, saved_s: float, saved: float = 0.0) -> Decision:
        figures = {"footprint_bytes": 100.0, "saved_bytes": saved, "saved_s": saved_s}
        return Decision(subject=name, action="fused", reason=reason, figures=figures)

    decisions = [fused("a", "often", 1e-6)] * 3
    decisions += [fused("b", "rare", 4e-6), fused("c", "rare", 5e-6), fused("d", "dear", 9e-6, -125e3)]
    (table,) = decision_tables(deciding(decisions))
    # 9 µs and 3 µs of no bytes; the last moves more than before, for 9 µs.
    assert [(row.cells[0].text, row.cells[3].text) for row in table.rows] == [
        ("rare", "saved 9 µs"), ("often", "saved 3 µs"), ("dear", "saved −125 kB, saved 9 µs"),
    ]  # fmt: skip
    assert table.rows[0].cells[2].text == "c (5 µs) and b (4 µs)"
    assert table.rows[2].cells[2].text == "d (−125 kB)"


def test_refusals_that_cost_no_bytes_are_ranked_by_the_time_of_the_two():
    def refused(name: str, reason: str, fused_s: float) -> Decision:
        return Decision(subject=name, action="not fused", reason=reason, figures={"fused_s": fused_s, "apart_s": 8e-6})

    decisions = [refused("a", "r", 8e-6), refused("b", "r", 7e-6), refused("c", "s", 2e-6)]
    (table,) = decision_tables(deciding(decisions))
    assert [(row.cells[0].text, row.cells[2].text) for row in table.rows] == [("s", "c"), ("r", "b and a")]
    # Of two with other figures the leading one has its own beside them.
    assert [row.cells[3].text for row in table.rows] == [
        "fused 2 µs, apart 8 µs", "fused 7 µs, apart 8 µs (the first of them)",
    ]  # fmt: skip


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


def test_the_fastest_plan_in_reach_of_the_compiler_stands_beside_the_fastest_of_all():
    result = npu_result(3)
    unfused, fused = result.plans
    unfused = replace(unfused, latency_s=3 * fused.latency_s)
    deep = replace(fused, fusion="depth-first", latency_s=4 * fused.latency_s)
    auto = replace(fused, fusion="auto", latency_s=fused.latency_s / 2)
    result = replace(result, target=replace(result.target, fusion="depth-first"), plans=(unfused, fused, deep, auto))
    # depth-first takes 8 times as long, but a compiler that can do it can also stop at epilogue fusion
    assert in_reach(result) is fused
    assert plans_table(result).note == (
        "Its own compiler is known to do depth-first fusion. Of the plans up to that, the fastest (epilogue fusion) "
        "takes 2 times as long as the fastest of all (the least grouping found)."
    )
    found = compiler_document(result)
    assert (found["fusion"], found["plan"], found["latency_over_fastest"]) == ("depth-first", "epilogue", 2)
    plain = replace(result, target=replace(result.target, fusion="none"))
    assert in_reach(plain) is unfused
    same = replace(result, plans=(unfused, fused, deep, replace(fused, fusion="auto")))
    assert plans_table(same).note.endswith("is as fast as the fastest of all: nothing is left to gain.")


def test_without_a_plan_in_reach_of_the_compiler_nothing_is_compared():
    result = npu_result(3)
    target = replace(result.target, fusion="epilogue", fused_attention=True)
    alone = replace(result, plans=(replace(result.plans[1], fusion="auto"),), target=target)
    assert over_fastest(alone) is None
    assert plans_table(alone).note == (
        "Its own compiler is known to do epilogue fusion. None of the plans up to that is here with a known time. "
        "Its fused attention is not in these figures."
    )


def test_what_a_compiler_does_is_unknown_where_its_file_is_silent():
    result = npu_result(3)
    silent = replace(result, target=replace(result.target, fusion=None))
    assert over_fastest(silent) is None
    assert "unknown" in plans_table(silent).note
