"""What does a model take that runs again and again: average power, days of a battery, price of a million runs?

With r runs a second of at least t seconds and E joules each, a device is busy for at least r*t of the time and draws at
least r*E + (1 - r*t) * idle power on average; a battery lasts at most its energy over that. Without a rate, the device
runs without a pause. Runs count as the plan has them, one after the other: E holds the static power of the busy time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import SupportsFloat

from onnxroof.errors import Diagnostic, UsageError
from onnxroof.roofline.result import PlanResult
from onnxroof.targets.model import Target

__all__ = ["Duty", "DutyResult", "duty_of"]

_J_PER_WH = 3600.0
_S_PER_DAY = 86_400.0
_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a user says of the use of a device; prices are in the currency of the user.

    Raises `UsageError` for what is no number above 0, with all faults at once.

    Attributes:
        runs_per_s: Runs a second, None where it runs without a pause.
        battery_wh: Energy of the battery, None for none.
        per_hour: Price of a device for an hour by target id, "" for all others.
        per_kwh: Price of electricity, None where none is given.
    """

    runs_per_s: float | None = None
    battery_wh: float | None = None
    per_hour: Mapping[str, float] = field(default_factory=dict)
    per_kwh: float | None = None

    def __post_init__(self) -> None:
        single = {"runs_per_s": self.runs_per_s, "battery_wh": self.battery_wh, "per_kwh": self.per_kwh}
        given: dict[str, object] = {name: value for name, value in single.items() if value is not None}
        given |= {f"per_hour[{target!r}]": value for target, value in self.per_hour.items()}
        faults = [
            Diagnostic(where=f"Duty.{name}", message=f"expected a number above 0, found {value!r}", code="U104")
            for name, value in given.items()
            if not _is_amount(value)
        ]
        if faults:
            raise UsageError(*faults)

    def price_per_hour(self, target: Target) -> float | None:
        """Of a target in any of its modes; None where none is given."""
        return next((self.per_hour[name] for name in self.names(target) if name in self.per_hour), None)

    @staticmethod
    def names(target: Target) -> tuple[str, str, str]:
        """What the price of a target may stand under, the most precise first: its mode, its id, all targets."""
        return target.id, target.id.partition("@")[0], ""


def _is_amount(value: object) -> bool:
    """Whether it is a number above 0: of Python or of NumPy, no bool."""
    return isinstance(value, SupportsFloat) and not isinstance(value, (bool, str)) and 0 < float(value) < math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyResult:
    """What one target takes at a duty. Least figures but for the days, of which it is the most; None is unknown.

    Attributes:
        busy: Fraction of the time that runs take at least; above 1 the plan does not keep up.
        power_w: Average; None where the energy is unknown or the plan does not keep up.
        is_idle_known: Whether the power between runs is in it; it is not needed without a pause.
        battery_days: Of the battery; None where there is none.
        device_price: Of a million runs, for the device; None where no price is given.
        electricity_price: Of a million runs; None where no price is given.
    """

    busy: float | None
    power_w: float | None
    is_idle_known: bool
    battery_days: float | None
    device_price: float | None
    electricity_price: float | None

    @property
    def keeps_up(self) -> bool | None:
        """Whether the runs fit into the time; None where the time of one is unknown."""
        return None if self.busy is None else self.busy <= 1


def duty_of(duty: Duty, target: Target, plan: PlanResult) -> DutyResult:
    """A plan on a target under a duty."""
    latency_s, energy_j = plan.latency_s, plan.energy_j
    rate = duty.runs_per_s
    busy = 1.0 if rate is None else None if latency_s is None else rate * latency_s
    late = busy is not None and busy > 1
    pace_s = latency_s if rate is None else None if late else 1 / rate  # from run to run
    idle = target.idle_power.value if target.idle_power is not None else None
    paused = 0.0 if busy is None else max(1 - busy, 0.0)
    power_w = None
    if energy_j is not None and pace_s:
        power_w = energy_j / pace_s + paused * (idle or 0.0)
    per_hour = duty.price_per_hour(target)
    joules = None if power_w is None or pace_s is None else power_w * pace_s
    return DutyResult(
        busy=busy,
        power_w=power_w,
        is_idle_known=idle is not None or (busy is not None and paused == 0),
        battery_days=None
        if duty.battery_wh is None or not power_w
        else duty.battery_wh * _J_PER_WH / power_w / _S_PER_DAY,
        device_price=None if per_hour is None or pace_s is None else per_hour * pace_s / 3600 * _MILLION,
        electricity_price=None
        if duty.per_kwh is None or joules is None
        else duty.per_kwh * joules / (1000 * _J_PER_WH) * _MILLION,
    )
