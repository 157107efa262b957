"""What follows where a target does not know a number: one line for each unknown key."""

from __future__ import annotations

__all__ = ["consequence"]

_CONSEQUENCES = (
    ("launch_overhead", "no time is counted for starting a group"),
    ("static_power", "the energy of merely being on is not counted"),
    ("special_cost", "a special operation counts as four lane operations, a guess of ours"),
    ("array", "spatial utilization counts as 100 %"),
    ("capacity", "this level counts as unlimited, and whether the model fits is not known"),
    ("bandwidth", "this level takes no time, so the times are bounds that a slow level would raise"),
    ("rate", "this work takes no time, so the times are bounds that a known rate would raise"),
    ("energy", "the energy of a plan is unknown"),
)


def consequence(key: str) -> str:
    """What an unknown key of a target, e.g. `memory[dram].energy`, does to the figures."""
    last = key.rpartition(".")[2]
    for word, words in _CONSEQUENCES:
        if word in last:
            return words
    return "figures that need it are unknown"
