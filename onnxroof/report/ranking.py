"""Could the order of targets be another, were their uncertain numbers other than they are?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxroof.report.words import comma_list, counted, shown

if TYPE_CHECKING:
    from onnxroof.roofline.ranges import Range
    from onnxroof.roofline.result import TargetResult

__all__ = ["range_of", "turn_sentence"]

_MOST_NAMES = 4
_AHEAD = {"latency": "be faster", "energy": "take less energy", "edp": "take less energy × time"}


def range_of(result: TargetResult, objective: str) -> tuple[float, float] | None:
    """Least and greatest latency (s), energy (J) or product of both of the best plan; None where unknown."""
    found = result.ranges
    if found is None:
        return None
    if objective == "edp":
        return _ends(found.latency_s, found.energy_j)
    return _ends(found.latency_s if objective == "latency" else found.energy_j)


def turn_sentence(first: TargetResult, others: Sequence[TargetResult], objective: str) -> tuple[str, ...]:
    """Which targets could be ahead of the first, were uncertain numbers other than they are; none where it is sure.

    Args:
        first: The target that leads.
        others: Those that it is compared with.
        objective: latency | energy | edp, in which it leads.
    """
    mine = range_of(first, objective)
    if mine is None:
        return ()
    rivals = [
        shown(other.target.name)
        for other in others
        if other is not first and (found := range_of(other, objective)) is not None and found[0] < mine[1]
    ]
    if not rivals:
        return ()
    names = comma_list(rivals, _MOST_NAMES) if len(rivals) <= _MOST_NAMES else counted(len(rivals), "other target")
    return (
        f"The order could turn: {names} could {_AHEAD[objective]}, were estimated or remembered numbers as far off as "
        "they may be.",
    )


def _ends(*parts: Range | None) -> tuple[float, float] | None:
    low = high = 1.0
    for part in parts:
        if part is None:
            return None
        low, high = low * part.low, high * part.high
    return low, high
