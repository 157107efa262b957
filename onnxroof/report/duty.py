"""What is said of average power, battery life and price of a model that runs again and again?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnxroof.report.document import number
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.words import shown

if TYPE_CHECKING:
    from onnxroof.report.document import Document
    from onnxroof.roofline.duty import Duty, DutyResult
    from onnxroof.roofline.result import TargetResult

__all__ = ["days_words", "duty_document", "duty_lines", "duty_words", "given_document", "price_words", "results"]


def results(duty: Duty, targets: Sequence[TargetResult]) -> list[tuple[TargetResult, DutyResult]]:
    """The best plan of each target under a duty."""
    from onnxroof.roofline.duty import duty_of

    return [(result, duty_of(duty, result.target, result.best)) for result in targets if result.plans]


def duty_words(duty: Duty) -> str:
    """As in "10 runs a second"."""
    if duty.runs_per_s is None:
        return "running without a pause"
    times = ((1, "a second"), (60, "a minute"), (3600, "an hour"), (86_400, "a day"))
    seconds, unit = next((pair for pair in times if duty.runs_per_s * pair[0] >= 1), times[-1])
    runs = f"{float(f'{duty.runs_per_s * seconds:.3g}'):g}"
    return f"{runs} run{'s' if runs != '1' else ''} {unit}"


def days_words(days: float) -> str:
    """As in "12.5 days", shorter times in hours."""
    return f"{days:,.0f} days" if days >= 100 else f"{days:.3g} days" if days >= 2 else f"{days * 24:.3g} hours"


def price_words(price: float) -> str:
    """An amount of money, without a currency."""
    return f"{price:,.2f}" if price >= 1 else f"{price:.3g}"


def duty_lines(duty: Duty, targets: Sequence[TargetResult]) -> Iterator[str]:
    """Lines for the terminal, a target each."""
    yield f"{duty_words(duty)}, by the least time and energy of the best plan:"
    for result, found in results(duty, targets):
        yield f"  {shown(result.target.name)}: {'; '.join(_parts(duty, found))}"


def _parts(duty: Duty, found: DutyResult) -> Iterator[str]:
    if found.keeps_up is False:
        yield f"does not keep up: one run after the other takes {percent(found.busy)} of the time"
        return
    if duty.runs_per_s is not None:
        yield (
            "busy for an unknown part of the time" if found.busy is None else f"busy {percent(found.busy)} of the time"
        )
    if found.power_w is None:
        yield "average power unknown"
    else:
        idle = "" if found.is_idle_known else " and what it draws between runs, which is unknown"
        yield f"at least {quantity(found.power_w, 'W')} on average{idle}"
    if found.battery_days is not None:
        yield f"at most {days_words(found.battery_days)} from the battery"
    for price, what in ((found.device_price, "device"), (found.electricity_price, "electricity")):
        if price is not None:
            yield f"a million runs cost at least {price_words(price)} for the {what}"


def given_document(duty: Duty) -> Document:
    """What the user said, as JSON."""
    return {
        "runs_per_s": number(duty.runs_per_s),
        "battery_wh": number(duty.battery_wh),
        "price_per_hour": dict(duty.per_hour),
        "price_per_kwh": number(duty.per_kwh),
    }


def duty_document(duty: Duty, result: TargetResult) -> Document | None:
    """The JSON of one target; null where a figure is unknown or its price was not given."""
    pairs = results(duty, [result])
    if not pairs:
        return None
    ((_, found),) = pairs
    return {
        "busy_fraction": number(found.busy),
        "keeps_up": found.keeps_up,
        "average_power_w": number(found.power_w),
        "idle_power_w": None if result.target.idle_power is None else result.target.idle_power.value,
        "battery_days": number(found.battery_days),
        "device_price_per_million": number(found.device_price),
        "electricity_price_per_million": number(found.electricity_price),
    }
