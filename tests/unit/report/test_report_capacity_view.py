"""The picture of on-chip memory that a model wants: marks of targets, their table, and peaks in words."""

from __future__ import annotations

from dataclasses import replace

from oracles.tiny import engine, level, on_target, target

from onnxroof.mapping.placement import Placement, StepCurve
from onnxroof.mapping.schedule_order import Schedule
from onnxroof.report.capacity_view import capacity_figure_of, capacity_table, live_facts
from onnxroof.roofline.result import TargetResult

RELU = "g (float[64] x) => (float[64] y) { y = Relu(x) }"
SCHEDULE = Schedule(separate_bytes=900, in_place_bytes=600, least_bytes=500, order=(0,), is_least=True, bound_bytes=500)
PLACEMENT = Placement(
    curve=StepCurve(capacity_bytes=(100.0, 1000.0), bytes=(8000.0, 2000.0)),
    nodes=(),
    compulsory_bytes=1000,
    schedule=SCHEDULE,
    order=("Relu_0",),
)


def chip(*capacities: str, rest: str = "") -> TargetResult:
    inner = [level(f"l{n}", capacity, rest=rest) for n, capacity in enumerate(capacities)]
    return on_target(RELU, target(engine("all", "mac vector special", {"FLOAT": ""}), level("dram", "1 GB"), *inner))


def test_equal_capacities_are_one_mark() -> None:
    table = capacity_table(PLACEMENT, [chip("2000 B"), chip("500 B", "10 B"), chip("1000 B", rest="usable = 0.5")])
    assert table is not None
    # The level just inside the outermost: 500 B twice (half of 1000 B), then 2000 B, which is beyond the last step.
    assert [float(row.cells[1].sort) for row in table.rows] == [500, 2000]
    assert [float(row.cells[2].sort) for row in table.rows] == [8000, 2000]
    assert [float(row.cells[3].sort) for row in table.rows] == [8, 2]
    assert [row.cells[0].text[0] for row in table.rows] == ["1", "2"]
    assert table.rows[0].cells[0].text.count("l0") == 2


def test_no_table_without_capacities() -> None:
    assert capacity_table(PLACEMENT, [chip()]) is None
    assert capacity_table(PLACEMENT, []) is None


def test_a_target_that_takes_other_types_is_not_on_the_curve() -> None:
    # The curve is of the FLOAT model: what the other target moves are half as many bytes of FLOAT16.
    other = on_target(
        RELU,
        replace(
            target(engine("all", "mac vector special", {"FLOAT16": ""}), level("dram", "1 GB"), level("l0", "500 B")),
            name="Half",
        ),
    )
    assert other.best.assumed_precision == "FLOAT16"
    table = capacity_table(PLACEMENT, [chip("2000 B"), other])
    assert table is not None
    assert [float(row.cells[1].sort) for row in table.rows] == [2000]
    assert capacity_table(PLACEMENT, [other]) is None
    note = capacity_figure_of(PLACEMENT, [chip("2000 B"), other], "model").note
    assert note.endswith("Not on the curve, which would be another: Half takes other types.")
    assert "Not on the curve" not in capacity_figure_of(PLACEMENT, [chip("2000 B")], "model").note


def test_a_model_without_compulsory_bytes_has_no_ratio() -> None:
    table = capacity_table(replace(PLACEMENT, compulsory_bytes=0), [chip("500 B")])
    assert table is not None
    assert table.rows[0].cells[3].mark == "unknown"


def test_the_figure_tells_its_marks() -> None:
    figure = capacity_figure_of(PLACEMENT, [chip("2000 B")], "model")
    assert "2 kB" in figure.svg
    assert 'class="capacity"' in figure.svg


def test_peaks_and_what_is_known_of_them() -> None:
    def last(schedule: Schedule | None) -> tuple[str, str]:
        fact = live_facts(replace(PLACEMENT, schedule=schedule))[-1]
        return fact.value, fact.note

    assert [fact.value for fact in live_facts(PLACEMENT)] == ["900 B", "600 B", "500 B"]
    ruled_out = replace(SCHEDULE, least_bytes=600)
    assert last(ruled_out) == ("none", "every order that is allowed was ruled out")
    open_end = replace(ruled_out, is_least=False, bound_bytes=400)
    assert last(open_end) == ("none found", "of those tried; no order needs less than 400 B")
    assert live_facts(PLACEMENT)[-1].note == "the JSON has the order; no order needs less"
    assert last(None)[0] == "unknown"
