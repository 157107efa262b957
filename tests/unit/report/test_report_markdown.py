"""The summary for pull requests."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import HOSTILE_NAMES, analysis, model

from onnxroof.report.markdown import to_markdown
from onnxroof.study.result import Analysis


def test_it_has_answer_targets_and_slowest_groups():
    text = to_markdown(analysis())
    assert text.startswith("### `vision<b>.onnx`\n\nTaken as FLOAT")
    assert "Coverage 97 % (29 of 30 nodes) · `batch=1` (default)" in text
    assert "| `Example NPU, 16 GB` | matrix compute 69 % | fits |" in text
    assert "| `Conv_13` |" in text  # the slowest group: 46 M MACs
    assert "### `broken.onnx`: no answer" in text
    assert "a bound, not a prediction" in text


def test_count_has_totals():
    text = to_markdown(analysis(with_targets=False, with_failure=False))
    assert "| MACs | vector ops |" in text
    assert "| unknown | unknown |" in text


def outside_code(text: str) -> str:
    """The text without its code spans, in which nothing is markup."""
    outside, rest = [], text
    while "`" in rest:
        before, _, rest = rest.partition("`")
        outside.append(before)
        fence = "`" * (1 + len(rest) - len(rest.lstrip("`")))
        rest = rest[len(fence) - 1 :].partition(fence)[2]
    return "".join([*outside, rest])


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "@team", "![x](http://example.org/a.png)", "``", "a\n# b"])
def test_no_name_is_markup(name):
    first = model(6)
    node = replace(first.unresolved[0], node=name, op_type=name, reason=name)
    text = to_markdown(Analysis(models=(replace(first, name=name, unresolved=(node,)),)))
    plain = outside_code(text.removesuffix("</sub>\n").replace("<sub>", ""))
    assert "<" not in plain
    assert "@team" not in plain
    assert "](http" not in plain
    assert "http:/" not in plain
    assert "\n# b" not in text


def test_a_name_with_a_bar_does_not_add_a_column():
    lines = [line for line in to_markdown(analysis()).splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {8}  # seven columns in both tables
