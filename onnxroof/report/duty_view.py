"""What does the page show of average power, battery life and price?"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.cells import name_cell, number_cell, text_column, word_cell
from onnxroof.report.duty import days_words, duty_words, price_words, results
from onnxroof.report.numbers import UNKNOWN, percent, quantity
from onnxroof.report.view import Cell, Column, Row, Table
from onnxroof.roofline.duty import Duty, DutyResult
from onnxroof.roofline.result import TargetResult

__all__ = ["duty_table"]

_NOTE = (
    "By the least time and energy of the best plan: power and prices are least ones, days the most. Prices are of a "
    "million runs, in your currency."
)


def duty_table(duty: Duty, targets: Sequence[tuple[str, TargetResult]]) -> Table:
    """Targets, each with its anchor, under a duty."""
    anchors = {id(result): anchor for anchor, result in targets}
    columns = (
        text_column("Target"),
        Column(label="Busy", help="Part of the time that runs take at least"),
        Column(label="Average power", help="At least; with the idle power between runs where it is known"),
        *([Column(label="Battery", help="At most")] if duty.battery_wh is not None else []),
        *([Column(label="Device", help="Price of a million runs, at least")] if duty.per_hour else []),
        *([Column(label="Electricity", help="Price of a million runs")] if duty.per_kwh is not None else []),
    )
    rows = tuple(
        Row(cells=(name_cell(result.target.name, 40, href=f"#{anchors[id(result)]}"), *_cells(duty, found)))
        for result, found in results(duty, [result for _, result in targets])
    )
    caption = duty_words(duty)
    return Table(caption=caption[0].upper() + caption[1:], columns=columns, rows=rows, note=_NOTE)


def _cells(duty: Duty, found: DutyResult) -> tuple[Cell, ...]:
    late = found.keeps_up is False
    busy = word_cell("does not keep up", mark="bad") if late else number_cell(found.busy, percent(found.busy))
    power = number_cell(
        found.power_w, quantity(found.power_w, "W"), note="" if found.is_idle_known or late else "idle power unknown"
    )
    wanted = [
        (duty.battery_wh is not None, found.battery_days, days_words),
        (bool(duty.per_hour), found.device_price, price_words),
        (duty.per_kwh is not None, found.electricity_price, price_words),
    ]
    more = [
        number_cell(value, UNKNOWN if value is None else words(value))
        for is_wanted, value, words in wanted
        if is_wanted
    ]
    return busy, power, *more
