"""How duty, battery life and prices are said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from oracles.sample_analysis import SHEET, model, npu_result

from onnxroof.report.duty import days_words, duty_lines, duty_words, price_words
from onnxroof.report.duty_view import duty_table
from onnxroof.report.html import to_html
from onnxroof.report.json import to_json
from onnxroof.report.text import to_text
from onnxroof.roofline.duty import Duty
from onnxroof.roofline.result import TargetResult
from onnxroof.study.result import Analysis
from onnxroof.targets.model import Quantity

DUTY = Duty(runs_per_s=10, battery_wh=24, per_hour={"": 3.6}, per_kwh=0.36)


def on(name: str, latency_s: float, idle_w: float | None = None) -> TargetResult:
    npu = npu_result(1)
    idle = None if idle_w is None else Quantity(value=idle_w, text=f"{idle_w} W", source=SHEET)
    plan = replace(npu.best, latency_s=latency_s, energy_j=0.05)
    return replace(npu, target=replace(npu.target, name=name, id=name, idle_power=idle), plans=(plan,))


def test_lines_say_least_and_most() -> None:
    first, known, dark, late = duty_lines(DUTY, [on("known", 0.02, 0.1), on("dark", 0.02), on("late", 0.2)])
    assert first == "10 runs a second, by the least time and energy of the best plan:"
    assert known == (
        "  known: busy 20 % of the time; at least 580 mW on average; at most 41.4 hours from the battery; "
        "a million runs cost at least 100.00 for the device; a million runs cost at least 0.0058 for the electricity"
    )
    assert "at least 500 mW on average and what it draws between runs, which is unknown" in dark
    assert late == "  late: does not keep up: one run after the other takes 200 % of the time"


@pytest.mark.parametrize(
    ("runs_per_s", "words"),
    [(None, "running without a pause"), (2.5, "2.5 runs a second"), (0.05, "3 runs a minute"),
     (1 / 720, "5 runs a hour"), (1 / 86_400, "1 runs a day")],
)  # fmt: skip
def test_a_rate_in_the_time_that_has_whole_runs(runs_per_s: float | None, words: str) -> None:
    assert duty_words(Duty(runs_per_s=runs_per_s)) == words.replace("a hour", "an hour").replace("1 runs", "1 run")


def test_days_and_prices() -> None:
    assert [days_words(days) for days in (0.5, 12.345, 1234.5)] == ["12 hours", "12.3 days", "1,234 days"]
    assert [price_words(price) for price in (1234.5, 0.01234)] == ["1,234.50", "0.0123"]


def test_page_text_and_json() -> None:
    analysis = Analysis(models=(replace(model(1), targets=(on("known", 0.02, 0.1), on("late", 0.2))),), duty=DUTY)
    document = json.loads(to_json(analysis))
    assert document["duty"] == {
        "runs_per_s": 10, "battery_wh": 24, "price_per_hour": {"": 3.6}, "price_per_kwh": 0.36,
    }  # fmt: skip
    known, late = (target["duty"] for target in document["models"][0]["targets"])
    assert (known["busy_fraction"], known["keeps_up"], known["idle_power_w"]) == (0.2, True, 0.1)
    assert known["average_power_w"] == pytest.approx(0.58)
    assert (known["device_price_per_million"], known["battery_days"]) == pytest.approx((100, 24 / 0.58 / 24))
    assert (late["keeps_up"], late["average_power_w"], late["device_price_per_million"]) == (False, None, None)
    assert "10 runs a second" in to_html(analysis)
    assert "does not keep up" in to_text(analysis)
    without = replace(analysis, duty=None)
    assert "duty" not in to_json(without)
    assert "runs a second" not in to_html(without)


def test_the_table_has_the_columns_that_were_asked_for() -> None:
    table = duty_table(Duty(runs_per_s=10), [("t0", on("dark", 0.02))])
    assert [column.label for column in table.columns] == ["Target", "Busy", "Average power"]
    assert [cell.text for cell in table.rows[0].cells] == ["dark", "20 %", "500 mW"]
    assert table.rows[0].cells[2].note == "idle power unknown"
    assert len(duty_table(DUTY, [("t0", on("late", 0.2))]).columns) == 6
    assert duty_table(DUTY, [("t0", on("late", 0.2))]).rows[0].cells[1].mark == "bad"
