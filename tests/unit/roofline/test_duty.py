"""Average power, battery life and prices, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.sample_analysis import SHEET, npu_result

from onnxroof.errors import UsageError
from onnxroof.roofline.duty import Duty, DutyResult, duty_of
from onnxroof.roofline.result import PlanResult
from onnxroof.targets.model import Quantity, Target


def plan(latency_s: float | None, energy_j: float | None) -> PlanResult:
    return replace(npu_result(1).best, latency_s=latency_s, energy_j=energy_j)


def chip(idle_w: float | None = None, name: str = "chip") -> Target:
    idle = None if idle_w is None else Quantity(value=idle_w, text=f"{idle_w} W", source=SHEET)
    return replace(npu_result(1).target, id=name, idle_power=idle)


def found(duty: Duty, idle_w: float | None = 0.1, run: PlanResult | None = None) -> DutyResult:
    return duty_of(duty, chip(idle_w), run or plan(0.02, 0.05))


def test_between_runs_it_idles() -> None:
    result = found(Duty(runs_per_s=10, battery_wh=24))
    # 10 runs of 20 ms: busy a fifth of the time. 10 x 0.05 J = 0.5 W, and 0.1 W for four fifths: 0.58 W.
    assert (result.busy, result.power_w) == pytest.approx((0.2, 0.58))
    assert result.battery_days == pytest.approx(24 / 0.58 / 24)
    assert (result.is_idle_known, result.keeps_up) == (True, True)
    assert (result.device_price, result.electricity_price) == (None, None)


def test_an_unknown_idle_power_is_left_out_and_said() -> None:
    result = found(Duty(runs_per_s=10), idle_w=None)
    assert (result.power_w, result.is_idle_known) == (pytest.approx(0.5), False)
    assert found(Duty(), idle_w=None).is_idle_known, "without a pause there is no time between runs"


def test_without_a_rate_it_runs_without_a_pause() -> None:
    result = found(Duty(per_hour={"": 3.6}, per_kwh=0.36))
    assert (result.busy, result.power_w) == (1.0, pytest.approx(2.5))  # 0.05 J in 20 ms
    # A million runs take 20,000 s: 20,000 / 3600 x 3.6 = 20; and 50,000 J = 0.0138889 kWh x 0.36 = 0.005.
    assert (result.device_price, result.electricity_price) == pytest.approx((20, 0.005))


def test_a_device_is_paid_while_it_waits() -> None:
    result = found(Duty(runs_per_s=10, per_hour={"": 3.6}, per_kwh=0.36))
    # A million runs at 10 a second take 100,000 s; 0.58 W for as long are 58,000 J = 0.0161111 kWh.
    assert (result.device_price, result.electricity_price) == pytest.approx((100, 0.0058))


def test_a_plan_that_does_not_keep_up_has_no_power() -> None:
    result = found(Duty(runs_per_s=60, battery_wh=1, per_hour={"": 1}, per_kwh=1))
    assert (result.busy, result.keeps_up) == (pytest.approx(1.2), False)
    assert (result.power_w, result.battery_days, result.device_price, result.electricity_price) == (None,) * 4


def test_what_is_unknown_stays_so() -> None:
    dark = found(Duty(runs_per_s=10, battery_wh=1, per_kwh=1), run=plan(0.02, None))
    assert (dark.power_w, dark.battery_days, dark.electricity_price) == (None, None, None)
    assert found(Duty(runs_per_s=10, per_hour={"": 3.6}), run=plan(0.02, None)).device_price == pytest.approx(100)
    timeless = found(Duty(runs_per_s=10), run=plan(None, 0.05))
    assert (timeless.busy, timeless.keeps_up, timeless.power_w) == (None, None, pytest.approx(0.5))
    assert found(Duty(), run=plan(None, 0.05)).power_w is None


def test_a_price_may_be_that_of_one_target_in_any_mode() -> None:
    duty = Duty(per_hour={"chip": 2, "chip@5w": 3, "": 1})
    assert [duty.price_per_hour(chip(name=name)) for name in ("chip", "chip@5w", "chip@9w", "other")] == [2, 3, 2, 1]
    assert Duty(per_hour={"chip": 2}).price_per_hour(chip(name="other")) is None


@given(st.floats(1e-6, 1.0), st.floats(1e-9, 1e3), st.floats(1e-6, 1e6), st.floats(0, 1e3))
def test_less_to_do_never_takes_more_power_than_its_idle_part(t: float, e: float, rate: float, idle: float) -> None:
    """Power lies between that of the runs alone and the runs with idling all the time."""
    result = duty_of(Duty(runs_per_s=rate), chip(idle), plan(t, e))
    if rate * t > 1:
        assert result.power_w is None
    else:
        assert result.power_w is not None
        assert rate * e * (1 - 1e-9) <= result.power_w <= (rate * e + idle) * (1 + 1e-9)


def test_what_is_no_number_above_0_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="expected a number above 0") as wrong:
        Duty(runs_per_s=0, battery_wh=float("nan"), per_hour={"chip": -1.0, "": 2}, per_kwh="0.3")  # type: ignore[arg-type]
    assert [fault.where for fault in wrong.value.diagnostics] == [
        "Duty.runs_per_s", "Duty.battery_wh", "Duty.per_kwh", "Duty.per_hour['chip']",
    ]  # fmt: skip
    assert {fault.code for fault in wrong.value.diagnostics} == {"U104"}
    with pytest.raises(UsageError):
        Duty(runs_per_s=True)
