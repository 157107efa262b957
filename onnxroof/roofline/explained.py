"""Why does a group take what it takes? Its waterfall and its regime, from the terms of its time and energy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from onnxroof.roofline.model import overlapped_time_s
from onnxroof.roofline.regimes import Regime, power_capped_s, regime
from onnxroof.roofline.terms import bandwidth_bytes_per_s
from onnxroof.roofline.waterfall import waterfall
from onnxroof.targets.model import Target

__all__ = ["apart", "explained"]


def apart(terms_s: Mapping[str, float], in_turn: Collection[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Terms of engines, `compute:ENGINE`: those that hide behind one another, and those that add to all else.

    Args:
        terms_s: Times.
        in_turn: Names of the engines that do not overlap.
    """
    waits = {f"compute:{name}" for name in in_turn}
    return (
        {term: time for term, time in terms_s.items() if term not in waits},
        {term: time for term, time in terms_s.items() if term in waits},
    )


def explained(
    target: Target,
    engines_s: Mapping[str, float],
    full_engines_s: Mapping[str, float],
    overlapped_s: Mapping[str, float],
    serial_s: Mapping[str, float],
    level_bytes: Sequence[float],
    least_bytes: Sequence[float],
    launch_s: float,
    energy_terms_j: Mapping[str, float],
) -> tuple[dict[str, float], Regime]:
    """The waterfall and the regime of a group of known work.

    Args:
        target: The target.
        engines_s: Time by engine.
        full_engines_s: The same with every array full.
        overlapped_s: Terms of the time that hide behind one another, by bound.
        serial_s: Terms that do not.
        level_bytes: (L,) traffic.
        least_bytes: (L,) what of it would cross if each byte did so once.
        launch_s: Launch overhead.
        energy_terms_j: Terms of the energy, {} where it is unknown.
    """
    hidden, waiting = _levels_of(overlapped_s), _levels_of(serial_s)
    levels_s = {**hidden, **waiting}
    roofs_s, least_s = dict(levels_s), dict[str, float]()
    for level, count, least in zip(target.levels, level_bytes, least_bytes, strict=True):
        bandwidth = bandwidth_bytes_per_s(level)
        if bandwidth is not None:
            roofs_s[level.name] = count / (bandwidth * level.instances)
        if level.name in roofs_s:
            least_s[level.name] = roofs_s[level.name] * (min(least, count) / count if count else 1.0)
    power_s: float | None = None
    if target.power_cap is not None:
        static_w = target.static_power.value if target.static_power else 0.0
        capped_s = power_capped_s(energy_terms_j, target.power_cap.value, static_w)
        time_s = overlapped_time_s(list(overlapped_s.values()), list(serial_s.values())) + launch_s
        power_s = None if capped_s is None else max(0.0, capped_s - time_s)
    found = regime(
        engines_s,
        full_engines_s,
        levels_s,
        roofs_s,
        least_levels_s=least_s,
        serial=waiting,
        in_turn=[name for name in engines_s if f"compute:{name}" in serial_s],
        launch_s=launch_s,
        energy_j=energy_terms_j,
        power_s=power_s,
    )
    in_turn = {f"compute:{name}": time for name, time in engines_s.items() if f"compute:{name}" in serial_s}
    ideal_s, compute_s = (
        max((time for name, time in times.items() if f"compute:{name}" not in in_turn), default=0.0)
        for times in (full_engines_s, engines_s)
    )
    return waterfall(ideal_s, compute_s, hidden, {**in_turn, **waiting}, launch_s), found


def _levels_of(terms: Mapping[str, float]) -> dict[str, float]:
    """The terms of levels, by the level's name."""
    return {name.removeprefix("memory:"): time for name, time in terms.items() if name.startswith("memory:")}
