"""The options of duty and price."""

from __future__ import annotations

import pytest

from onnxroof.cli.duty import parse_duty
from onnxroof.errors import UsageError


def test_units_are_taken_to_seconds_and_watt_hours() -> None:
    duty = parse_duty("100/h", "500 mWh", ("2.50/h", "nvidia-h100-sxm=3/h"), ".3/kWh")
    assert duty is not None
    assert (duty.runs_per_s, duty.battery_wh, duty.per_kwh) == pytest.approx((100 / 3600, 0.5, 0.3))
    assert duty.per_hour == {"": 2.5, "nvidia-h100-sxm": 3.0}
    assert [parse_duty(rate, None, (), None).runs_per_s for rate in ("2/s", "90/min", "86400/d")] == [2, 1.5, 1]  # type: ignore[union-attr]


def test_without_options_there_is_no_duty() -> None:
    assert parse_duty(None, None, (), None) is None


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_duty("10", "0Wh", ("2.5", "x=1/d"), "1e999/kWh")
    assert [(fault.code, fault.where) for fault in caught.value.diagnostics] == [
        ("U104", "--rate 10"), ("U104", "--battery 0Wh"), ("U104", "--electricity 1e999/kWh"), ("U104", "--price 2.5"),
        ("U104", "--price 1/d"),
    ]  # fmt: skip
    assert all("e.g. `--" in fault.hint for fault in caught.value.diagnostics)


def test_a_target_has_one_price() -> None:
    with pytest.raises(UsageError, match="`x` already had the price 2/h") as caught:
        parse_duty(None, None, ("x=2/h", "x=2.0/h", "x=3/h", "1/h", "4/h"), None)
    assert [(fault.code, fault.where) for fault in caught.value.diagnostics] == [
        ("U104", "--price x=3/h"), ("U104", "--price 4/h"),
    ]  # fmt: skip
