"""Targets and models side by side."""

from dataclasses import replace

from oracles.sample_analysis import board_result, model, npu_result

from onnxroof.report.answer import winner
from onnxroof.report.comparison import comparison, overview, tradeoff
from onnxroof.roofline.result import TargetResult


def named(name: str, latency_s: float | None, energy_j: float | None, bandwidth: float | None = 1e9) -> TargetResult:
    result = npu_result(2)
    plan = replace(result.best, latency_s=latency_s, energy_j=energy_j)
    level = replace(result.levels[0], bandwidth_bytes_per_s=bandwidth)
    return replace(result, target=replace(result.target, name=name), plans=(plan,), levels=(level, *result.levels[1:]))


def test_three_targets_are_drawn_and_two_are_not():
    three = [("t0", named("a", 1.0, 3.0)), ("t1", named("b", 2.0, 2.0)), ("t2", named("c", 3.0, 1.0))]
    figure = tradeoff(three, "m")
    assert figure is not None
    assert all(f'href="#{anchor}"' in figure.svg for anchor, _ in three)
    assert tradeoff(three[:2], "m") is None


def test_what_has_no_place_is_named():
    targets = [(f"t{i}", named(f"n{i}", 1.0 + i, 1.0)) for i in range(3)]
    figure = tradeoff([*targets, ("t3", named("dark", 1.0, None)), ("t4", board_result(2))], "m")
    assert figure is not None
    assert "Time or energy unknown, so not drawn: dark and Board <b>bold</b> & co." in figure.note


def test_the_best_of_a_column_is_one_that_can_be_ranked():
    table = comparison(
        [("t0", named("blind", 1.0, 3.0, None)), ("t1", named("b", 2.0, 2.0)), ("t2", named("c", 3.0, 1.0))]
    )
    assert [row.cells[2].mark for row in table.rows] == ["", "best", ""]
    assert [row.cells[3].mark for row in table.rows] == ["", "", "best"]
    assert [row.cells[5].mark for row in table.rows] == ["", "", ""]  # a share of a small peak is no merit


def test_what_does_not_fit_is_best_only_where_nothing_fits():
    small = replace(named("small", 0.5, 0.1), fits=False, floor_latency_s=1e-9)
    third = replace(named("c", 3.0, 1.0), floor_latency_s=1.0)
    targets = [("t0", small), ("t1", named("b", 2.0, 2.0)), ("t2", third)]
    marks = [[cell.mark for cell in row.cells[1:4]] for row in comparison(targets).rows]
    assert marks == [["", "", ""], ["best", "best", ""], ["", "", "best"]]
    # what alone fits has nothing to be better than
    assert {cell.mark for row in comparison(targets[:2]).rows for cell in row.cells[1:4]} == {""}
    nowhere = comparison([(anchor, replace(result, fits=False)) for anchor, result in targets])
    assert [[cell.mark for cell in row.cells[1:4]] for row in nowhere.rows] == [["best"] * 3, [""] * 3, [""] * 3]


def test_the_marks_are_where_the_answer_says():
    small = replace(named("small", 0.5, 0.1), fits=False)
    study = replace(model(2), targets=(small, named("b", 2.0, 2.0), named("c", 3.0, 1.0)))
    rows = comparison([(f"t{i}", result) for i, result in enumerate(study.targets)]).rows
    for column, objective in ((2, "latency"), (3, "energy")):
        (best,) = (row.cells[0].text for row in rows if row.cells[column].mark == "best")
        assert best == winner(study.targets, objective).target.name


def test_a_target_without_bandwidth_is_drawn_as_flawed():
    targets = [("t0", named("blind", 1.0, 0.1, None)), ("t1", named("b", 2.0, 2.0)), ("t2", named("c", 3.0, 1.0))]
    figure = tradeoff(targets, "m")
    assert figure is not None
    assert figure.svg.count('class="point flawed"') == 1
    assert "A dashed dot is out of the contest" in figure.note


def test_models_side_by_side_mark_their_fastest_target():
    targets = (named("a", 1.0, 3.0), named("b", 2.0, 2.0))
    targets = tuple(replace(t, target=replace(t.target, id=t.target.name)) for t in targets)
    table = overview([("m0", replace(model(2), targets=targets))])
    assert [column.label for column in table.columns] == ["Model", "Coverage", "MACs", "Parameters", "a", "b"]
    assert [cell.mark for cell in table.rows[0].cells[4:]] == ["best", ""]
    slow = named("c", 3.0, 1.0)
    slow = replace(slow, target=replace(slow.target, id="c"))
    table = overview([("m0", replace(model(2), targets=(replace(targets[0], fits=False), targets[1], slow)))])
    assert [cell.mark for cell in table.rows[0].cells[4:]] == ["", "best", ""]
