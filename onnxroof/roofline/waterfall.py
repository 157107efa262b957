"""Of what is a latency made? Parts that add up to it: from the ideal at full peak to what is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["IDEAL", "LAUNCH", "SPATIAL", "waterfall"]

IDEAL, SPATIAL, LAUNCH = "ideal", "spatial", "launch"


def waterfall(
    ideal_s: float,
    compute_s: float,
    overlapped_s: Mapping[str, float],
    serial_s: Mapping[str, float],
    launch_s: float,
) -> dict[str, float]:
    """The parts of the time of a group, in the order in which they pile up; their sum is its time.

    `ideal` is the busiest engine with its array full, `spatial` what an array that is not full adds to it, `stall:L`
    what level L adds while the engines wait, `serial:L` a level that does not overlap with compute, `serial:compute:E`
    an engine that works in turn with all else, `launch` the starts. Levels that overlap with each other are peeled from
    the shortest to the longest: the part of each is what lies above all shorter terms. So the last one that is not zero
    is what raising that level alone could save.

    Args:
        ideal_s: Time of the busiest engine, every array full.
        compute_s: Time of the busiest engine with the arrays as they are filled; at least `ideal_s`.
        overlapped_s: Time by level that hides behind compute.
        serial_s: Time by level, and by `compute:ENGINE`, that does not.
        launch_s: Launch overhead.
    """
    parts = {IDEAL: ideal_s, SPATIAL: compute_s - ideal_s}
    parts.update((f"stall:{name}", 0.0) for name in overlapped_s)
    reached = compute_s
    for name in sorted(overlapped_s, key=lambda level: overlapped_s[level]):
        if overlapped_s[name] > reached:
            parts[f"stall:{name}"] = overlapped_s[name] - reached
            reached = overlapped_s[name]
    parts.update((f"serial:{name}", time) for name, time in serial_s.items())
    parts[LAUNCH] = launch_s
    return parts
