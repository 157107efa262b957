"""What is said of the part of a figure that rests on estimates, on memory or on defaults of ours?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxroof.report.numbers import percent, quantity

if TYPE_CHECKING:
    from onnxroof.roofline.result import TargetResult

__all__ = ["MARK", "MARK_WORDS", "estimated_words", "marked", "rests_words", "share"]

MARK = "~"
"""Stands before a figure of which a part rests on estimates."""

MARK_WORDS = f"{MARK} = rests in part on estimates, on memory or on defaults"


def share(part: float | None, whole: float | None) -> float | None:
    """The part of the whole, at most 1; None where one is unknown or there is no whole."""
    return None if part is None or not whole else min(1.0, part / whole)


def marked(value: float | None, unit: str, estimated: float | None) -> str:
    """A figure with its mark, if it needs one."""
    return f"{MARK}{quantity(value, unit)}" if share(estimated, value) else quantity(value, unit)


def estimated_words(value: float | None, estimated: float | None) -> str:
    """As in "38 % on estimates"; "" where nothing is or the figure is unknown."""
    part = share(estimated, value)
    return f"{percent(part)} on estimates" if part else ""


def rests_words(result: TargetResult) -> str:
    """As in "38 % of its least time and 96 % of its energy rest on estimates", of the best plan; "" where none does."""
    plan = result.best
    parts = [
        f"{percent(part)} of its {name}"
        for name, part in (
            ("least time", share(plan.latency_estimated_s, plan.latency_s)),
            ("energy", share(plan.energy_estimated_j, plan.energy_j)),
        )
        if part
    ]
    return f"{' and '.join(parts)} {'rest' if len(parts) > 1 else 'rests'} on estimates" if parts else ""
