"""Groups that came from outside against ours, in every form that people read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles.sample_analysis import npu_result
from oracles.tiny import engine, level, saved, target

from onnxroof.report.given import given_decisions, given_lines, given_plan
from onnxroof.report.html import to_html
from onnxroof.report.markdown import to_markdown
from onnxroof.report.numbers import quantity
from onnxroof.report.text import to_text
from onnxroof.study.analyze import run_study
from onnxroof.study.result import Analysis, ModelResult

CHAIN = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) r = Relu(m) y = Softmax(r) }"
CHIP = target(
    engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"}),
    level("dram", "1 GB", "1 GB/s"),
    level("sram", "96 B", "10 GB/s"),
    name="chip",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder: Path = tmp_path_factory.mktemp("given")
    (folder / "theirs.json").write_text(
        json.dumps({"groups": [{"name": "all", "nodes": ["MatMul_0", "Softmax_2", "Relu_1"]}]})
    )
    return run_study([saved(folder, CHAIN)], [CHIP], groups=folder / "theirs.json")


def test_theirs_stand_beside_the_best_of_ours(study: Analysis) -> None:
    (entry,) = study.models
    assert isinstance(entry, ModelResult)
    (result,) = entry.targets
    given, ours = given_plan(result), result.best
    assert given is not None
    heading, line = given_lines(entry.targets, "latency")
    assert heading == "the groups given, and the best plan of ours:"
    for plan in (given, ours):
        moved = quantity(plan.traffic_bytes["dram"], "B")
        assert f"{quantity(plan.latency_s, 's')}, energy unknown, {moved} at dram in 2 groups" in line
    assert line.startswith("  Chip: given: ")
    assert line.endswith("; 1 group taken apart (the report and the JSON say why)")
    assert heading in to_text(study)
    assert "The groups given, and the best plan of ours:\n\n- Chip: given: " in to_markdown(study)


def test_why_theirs_could_not_be_had_is_on_the_page_whatever_is_best(study: Analysis) -> None:
    (entry,) = study.models
    assert isinstance(entry, ModelResult)
    assert entry.targets[0].best_plan != "given"
    (apart,) = given_decisions(entry.targets[0].plan("given"))
    assert (apart.subject, apart.action) == ("all", "taken apart")
    page = to_html(study)
    assert "Of the groups given (1)" in page
    assert "it cannot be one group: a tile of it needs" in page


def test_without_groups_from_outside_nothing_is_said(study: Analysis) -> None:
    assert given_plan(npu_result(3)) is None
    assert list(given_lines([npu_result(3)], "latency")) == []
