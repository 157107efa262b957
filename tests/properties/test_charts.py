"""What a chart shows of any workload on any target: no dot and no arrow lies above the outermost roof of its level."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from properties.strategies import quantity, targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.roofline_view import rooflines_of
from onnxroof.roofline.evaluate import evaluate
from onnxroof.targets.model import Quantity, Target

SLACK = 1 + 1e-9


def fast(target: Target) -> Target:
    """Memory of no account, and no launches: engines bind, and several of them at once."""

    def times(one: Quantity | None) -> Quantity | None:
        return None if one is None else quantity(one.value * 1e9)

    levels = tuple(
        replace(level, read_bandwidth=times(level.read_bandwidth), write_bandwidth=times(level.write_bandwidth))
        for level in target.levels
    )
    return replace(target, levels=levels, launch_overhead=None)


@settings(max_examples=50, deadline=None)
@given(workloads(with_unknown=True), st.one_of(targets(), targets(is_known=False)), st.booleans())
def test_c7_no_dot_of_a_chart_lies_above_a_roof(workload: Workload, target: Target, is_fast: bool) -> None:
    costs = cost_table(workload)
    target = fast(target) if is_fast else target
    result = evaluate(planned(workload, costs, storage(workload, costs), ("none", "epilogue")), target)
    chart = rooflines_of(result, slowest_kinds(result.best.groups))
    for dot in chart.time_dots:
        assert dot.height <= chart.attainable(chart.roofs[dot.level], dot.intensity) * SLACK
    for dot in chart.energy_dots:
        roof = chart.efficiency(chart.roofs[dot.level], dot.intensity, of_cheapest=True)
        assert roof is None or dot.height <= roof * SLACK
    for at, height in (chart.time_shift.start, chart.time_shift.end) if chart.time_shift else ():
        assert height <= chart.attainable(chart.roofs[0], at) * SLACK
    for at, height in (chart.energy_shift.start, chart.energy_shift.end) if chart.energy_shift else ():
        roof = chart.efficiency(chart.roofs[0], at, of_cheapest=True)
        assert roof is None or height <= roof * SLACK
