"""The options of duty and price: how often a model runs, from which battery, and what device and electricity cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onnxroof.errors import Diagnostic, UsageError

if TYPE_CHECKING:
    from onnxroof.roofline.duty import Duty

__all__ = ["duty_options", "parse_duty"]

Command = TypeVar("Command", bound=Callable[..., Any])

_NUMBER = r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_WATT_HOURS = {"mWh": 1e-3, "Wh": 1.0, "kWh": 1e3}


def duty_options(function: Command) -> Command:
    """--rate, --battery, --price and --electricity."""
    for decorator in (
        click.option(
            "--electricity", metavar="AMOUNT/kWh", help="Price of electricity, e.g. 0.30/kWh: of a million runs, too."
        ),
        click.option(
            "--price", "prices", multiple=True, metavar="[ID=]AMOUNT/h",
            help="Price of a device for an hour, of all targets or of one, e.g. nvidia-h100-sxm=2.50/h: of a million "
            "runs. May be repeated.",
        ),
        click.option("--battery", metavar="ENERGY", help="Days that a battery lasts, e.g. 20Wh."),
        click.option("--rate", metavar="RUNS/TIME", help="How often it runs, e.g. 10/s, 100/h: average power."),
    ):  # fmt: skip
        function = decorator(function)
    return function


def parse_duty(rate: str | None, battery: str | None, prices: tuple[str, ...], electricity: str | None) -> Duty | None:
    """The options as what they say, None where none is given; raises `UsageError` with all faults at once."""
    if rate is None and battery is None and not prices and electricity is None:
        return None
    from onnxroof.roofline.duty import Duty

    faults: list[Diagnostic] = []

    def read(option: str, text: str, unit: str, factors: dict[str, float], example: str) -> float | None:
        match = re.fullmatch(f"{_NUMBER}{unit}", text.strip(), re.ASCII)
        value = float(match["number"]) if match else 0.0
        if match is None or not 0 < value < float("inf"):
            message = "expected a number above 0 with its unit"
            faults.append(Diagnostic(where=f"{option} {text}", message=message, hint=f"e.g. `{example}`", code="U104"))
            return None
        return value * factors[match["unit"]]

    per_s = {word: 1 / seconds for word, seconds in _SECONDS.items()}
    runs = read("--rate", rate, "/(?P<unit>s|min|h|d)", per_s, "--rate 10/s") if rate is not None else None
    energy = (
        read("--battery", battery, "(?P<unit>mWh|Wh|kWh)", _WATT_HOURS, "--battery 20Wh")
        if battery is not None
        else None
    )
    per_kwh = (
        read("--electricity", electricity, "/(?P<unit>kWh)", {"kWh": 1.0}, "--electricity 0.30/kWh")
        if electricity is not None
        else None
    )
    per_hour: dict[str, float] = {}
    for text in prices:
        target, _, amount = text.rpartition("=")
        found = read("--price", amount, "/(?P<unit>h)", {"h": 1.0}, "--price nvidia-h100-sxm=2.50/h")
        if found is None:
            continue
        if per_hour.setdefault(target, found) != found:
            message = f"{f'`{target}`' if target else 'all targets'} already had the price {per_hour[target]:g}/h"
            faults.append(Diagnostic(where=f"--price {text}", message=message, code="U104"))
    if faults:
        raise UsageError(*faults)
    return Duty(runs_per_s=runs, battery_wh=energy, per_hour=per_hour, per_kwh=per_kwh)
