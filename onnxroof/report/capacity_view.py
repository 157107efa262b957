"""How much on-chip memory does a model want? Its step curve, the targets on it, and the peaks of what is alive."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.mapping.placement import Placement
from onnxroof.mapping.schedule_order import Schedule
from onnxroof.report.cells import number_cell, text_column, word_cell
from onnxroof.report.figures.capacity import Mark, capacity_figure
from onnxroof.report.numbers import quantity
from onnxroof.report.view import Column, Fact, Figure, Row, Table
from onnxroof.report.words import comma_list, shortened, shown
from onnxroof.roofline.result import TargetResult

__all__ = ["capacity_figure_of", "capacity_table", "live_facts"]

CAPTION = (
    "Of the model in the types in which it is read. Each operator alone, with the best tile for the capacity; nothing "
    "is fused and nothing stays on chip between operators, so every operator reads and writes its tensors outside at "
    "least once. The dashed line is what is left if all else stays on chip: in these types no plan of a cold run moves "
    "less."
)
_MOST_NAMES = 4


def capacity_figure_of(placement: Placement, targets: Sequence[TargetResult], name: str) -> Figure:
    """The curve with the capacities of the targets that take the model's types; it says which do not."""
    curve = placement.curve
    steps = [pair for pair in zip(curve.capacity_bytes, curve.bytes, strict=True) if min(pair) > 0]
    svg = capacity_figure(steps, float(placement.compulsory_bytes), _marks(placement, targets), shown(name))
    note = CAPTION
    others = [shortened(result.target.name, 30) for result in targets if _is_converted(result)]
    if others:
        words = "takes" if len(others) == 1 else "take"
        note += f" Not on the curve, which would be another: {comma_list(others, _MOST_NAMES)} {words} other types."
    return Figure(title="How much on-chip memory does it want?", svg=svg, note=note)


def capacity_table(placement: Placement, targets: Sequence[TargetResult]) -> Table | None:
    """The numbered capacities of the figure, None where no target that takes the model's types states one."""
    marks = _marks(placement, targets)
    if not marks:
        return None
    least = placement.compulsory_bytes
    rows = tuple(
        Row(
            cells=(
                word_cell(f"{mark.number}  {mark.names}"),
                number_cell(mark.capacity_bytes, quantity(mark.capacity_bytes, "B")),
                number_cell(mark.moved_bytes, quantity(mark.moved_bytes, "B")),
                number_cell(
                    mark.moved_bytes / least if least else None, f"{mark.moved_bytes / least:.2g} ×" if least else ""
                ),
            )
        )
        for mark in marks
    )
    columns = (
        text_column("Target and level", "The memory level just inside the outermost one"),
        Column(label="Capacity", help="Of one instance, the part that tiles may use"),
        Column(label="Bytes from outside", help="Each operator alone"),
        Column(label="of the least", help="Against inputs, weights and outputs once"),
    )
    return Table(caption="Targets on the curve", columns=columns, rows=rows)


def live_facts(placement: Placement) -> tuple[Fact, ...]:
    """Peaks of live activations: as the file has it, in place, and in the better order if there is one."""
    order = placement.schedule
    if order is None:
        return (Fact(label="Live activations", value="unknown", mark="unknown"),)
    facts = [
        Fact(label="Peak, separate places", value=quantity(order.separate_bytes, "B"), note="in the file's order"),
        Fact(label="Peak, in place", value=quantity(order.in_place_bytes, "B"), note="results over dead operands"),
    ]
    if order.least_bytes < order.in_place_bytes:
        facts.append(
            Fact(
                label="Peak in a better order",
                value=quantity(order.least_bytes, "B"),
                note=f"the JSON has the order; {_least_words(order)}",
                mark="best",
            )
        )
    elif order.is_least:
        facts.append(
            Fact(label="Peak in a better order", value="none", note="every order that is allowed was ruled out")
        )
    else:
        facts.append(
            Fact(label="Peak in a better order", value="none found", note=f"of those tried; {_least_words(order)}")
        )
    return tuple(facts)


def _least_words(order: Schedule) -> str:
    """How far a lower peak may be away."""
    if order.is_least:
        return "no order needs less"
    return f"no order needs less than {quantity(order.bound_bytes, 'B')}"


def _marks(placement: Placement, targets: Sequence[TargetResult]) -> list[Mark]:
    """Capacities of the level inside the outermost, equal ones together; a converted model has another curve."""
    names: dict[float, list[str]] = {}
    for result in targets:
        if _is_converted(result):
            continue
        levels = result.target.levels
        if len(levels) > 1 and (capacity := levels[1].capacity) is not None:
            label = f"{shortened(result.target.name, 30)} {shortened(levels[1].name, 16)}"
            names.setdefault(capacity.value * levels[1].usable, []).append(label)
    return [
        Mark(
            number=number,
            names=comma_list(found, _MOST_NAMES),
            capacity_bytes=capacity,
            moved_bytes=placement.curve.at(capacity),
        )
        for number, (capacity, found) in enumerate(sorted(names.items()), 1)
    ]


def _is_converted(result: TargetResult) -> bool:
    """Whether the target runs the model as if converted, for want of its types."""
    return any(plan.assumed_precision for plan in result.plans)
