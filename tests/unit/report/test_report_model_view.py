"""The page as data: models, targets side by side, failures."""

from dataclasses import replace

from oracles.sample_analysis import analysis, failure, model

from onnxroof.report.model_view import MOST_ROWS, page_view
from onnxroof.study.result import Analysis, ModelResult


def renamed(name: str) -> ModelResult:
    return replace(model(), name=name)


def test_targets_stand_side_by_side_with_the_best_marked():
    table = page_view(analysis()).models[0].comparison
    assert table is not None
    npu, board = (row.cells for row in table.rows)
    assert npu[0].href == "#m0t0"
    assert (npu[1].mark, npu[2].mark) == ("", "")  # the peak of the other is unknown: there is nothing to beat
    assert npu[3].mark == ""  # the only energy that is known wins against nothing
    assert board[3].mark == "unknown"
    assert (board[6].text, board[6].mark) == ("does not fit", "bad")
    assert (board[7].text, board[7].note) == ("0 estimated", "4 unknown")
    assert (npu[4].text, npu[4].note) == ("matrix compute", "69 % of the time")
    assert board[2].note == "none · as FLOAT"


def test_a_failed_model_stands_beside_the_others():
    page = page_view(analysis())
    assert [failed.name for failed in page.failed] == ["broken.onnx"]
    assert page.failed[0].faults[0].value == "the file ends inside a <tensor> [M103]"
    assert page.overview is None


def test_several_models_have_an_overview_and_keep_their_anchors():
    page = page_view(Analysis(models=(renamed("a"), renamed("b"))))
    assert page.overview is not None
    assert [row.cells[0].href for row in page.overview.rows] == [f"#{view.anchor}" for view in page.models]
    assert [row.cells[4].mark for row in page.overview.rows] == ["", ""]  # the peak of the other target is unknown


def test_an_anchor_counts_failed_models_too():
    page = page_view(Analysis(models=(failure(), renamed("a"), renamed("b"))))
    assert page.overview is not None
    assert [view.anchor for view in page.models] == ["m1", "m2"]
    assert [row.cells[0].href for row in page.overview.rows] == ["#m1", "#m2"]


def test_coverage_and_guessed_dims_stand_out():
    view = page_view(analysis()).models[0]
    assert (view.coverage.value, view.coverage.mark) == ("97 %", "bad")
    assert [dim.mark for dim in view.dims] == ["bad", "", ""]
    assert view.unresolved is not None


def test_node_tables_are_cut_and_say_so():
    view = page_view(analysis(groups=MOST_ROWS + 50)).models[0]
    assert len(view.nodes.rows) == MOST_ROWS
    assert view.nodes.note == "The 200 largest of 250 nodes; JSON and CSV have them all."
    assert view.nodes.rows[0].cells[1].text == "Mystery"  # unknown work may be the largest


def test_operators_are_summed_with_their_trips():
    nodes = tuple(replace(node, repeat=3) for node in model(2).nodes)
    table = page_view(Analysis(models=(replace(model(2), nodes=nodes),))).models[0].op_types
    # two Conv nodes of 2 M and 16 M MACs (see `_work`), three trips each: 54 M
    assert [cell.text for cell in table.rows[0].cells[:3]] == ["Conv", "2", "54 M"]


def test_conventions_and_provenance_are_there():
    page = page_view(analysis())
    words = " ".join(rule.value for rule in page.conventions)
    assert "1 MAC = 2 ops" in words
    assert "one write and one read" in words
    assert page.provenance.startswith("onnxroof implements the dual (throughput and energy) roofline introduced by")
    assert "with our own extensions" in page.provenance
    assert page.command.startswith("onnxroof analyze")


def test_a_page_without_targets():
    view = page_view(analysis(with_targets=False)).models[0]
    assert view.comparison is None
    assert view.targets == ()


def test_a_target_without_plans_does_not_shift_the_anchors():
    first = model()
    bare = replace(first.targets[1], plans=())
    view = page_view(Analysis(models=(replace(first, targets=(bare, first.targets[0])),))).models[0]
    assert view.comparison is not None
    assert [row.cells[0].href for row in view.comparison.rows] == ["#m0t1"]
    assert [(target.anchor, target.index) for target in view.targets] == [("m0t1", 1)]
