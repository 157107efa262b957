"""The terminal's view."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import SHEET, analysis, explained, model, npu_result

from onnxroof.report.text import to_text
from onnxroof.report.text_targets import expected_lines
from onnxroof.study.result import Analysis
from onnxroof.targets.model import Quantity


def test_line_one_is_coverage_and_assumptions():
    line = to_text(analysis()).splitlines()[0]
    assert line.startswith(
        "vision<b>.onnx: coverage 97 % (29 of 30 nodes) · dims batch=1 (default), height=224 (given)"
    )
    assert line.endswith("as if FLOAT on Board <b>bold</b> & co")


def test_a_whole_model_says_hundred_percent():
    whole = replace(model(2), nodes_costed=2, unresolved=(), dims=model().dims[:1], targets=())
    assert to_text(Analysis(models=(whole,))).startswith(
        "vision<b>.onnx: coverage 100 % (2 of 2 nodes) · dims batch=1 (default)\n"
    )


def test_unknown_operators_follow_line_one():
    lines = to_text(analysis()).splitlines()
    assert lines[1].startswith("  unknown: Mystery_<script>alert(1)</script> (org.example.Mystery): no rule")
    assert lines[2].startswith("  not modelled: Tfidf_3")


def test_targets_and_slowest_groups_are_tables():
    text = to_text(analysis())
    assert "Example NPU, 16 GB" in text
    assert "a bound, not a prediction" in text
    assert "slowest groups on Example NPU, 16 GB, epilogue fusion" in text
    assert "  Board <b>bold</b> & co: 4 unknown, 0 estimated\n" in text
    assert "  Example NPU, 16 GB: 0 unknown, 2 estimated\n" in text
    assert "broken.onnx: no answer" in text


def test_count_lists_nodes():
    text = to_text(analysis(with_targets=False))
    assert "largest 20 of 30 nodes" in text
    assert "slowest groups" not in text


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("with_targets", [True, False])
def test_tables_stay_within_the_width_and_are_not_cut(width, with_targets):
    lines = to_text(analysis(with_targets=with_targets), width).splitlines()
    rules = [index for index, line in enumerate(lines) if line.strip().startswith("───")]
    assert rules
    heads = [lines[index - 1] for index in rules]
    assert all(len(lines[index]) <= width for index in rules)
    last = ("fits", "energy") if with_targets else ("written",)
    assert [head.split()[-1] for head in heads] == list(last)


def test_no_escape_reaches_the_terminal_unless_colour_is_asked_for():
    assert "\x1b" not in to_text(analysis())
    assert "\x1b[1" in to_text(analysis(), colour=True)
    assert "\x1b[31m\u202e" not in to_text(analysis(), colour=True)


def test_a_name_is_no_markup_of_the_terminal_library():
    named = replace(model(2), name="[red]x[/red].onnx")
    assert to_text(Analysis(models=(named,))).startswith("[red]x[/red].onnx: ")


def test_an_expected_time_names_its_efficiencies():
    npu = npu_result(1)
    measured = Quantity(value=0.5, text="0.5", source=SHEET)
    target = replace(npu.target, efficiency={"matrix": measured, "dram": replace(measured, value=0.83)})
    plans = tuple(explained(plan, expected_latency_s=2e-3) for plan in npu.plans)
    expected = replace(npu, target=target, plans=plans)
    first, line = expected_lines([expected])
    assert "no bound" in first
    assert line == f"  {npu.target.name}: 2 ms with matrix 0.5, dram 0.83 ({SHEET.title})"
    plain = replace(npu, plans=tuple(explained(plan, expected_latency_s=None) for plan in npu.plans))
    assert [*expected_lines([plain])] == []
