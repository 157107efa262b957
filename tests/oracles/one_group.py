"""The equations of the dual roofline for one group on one target, with Python's own numbers.

From the bytes and the time of each engine, and nothing else of what the evaluation found.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from onnxroof.roofline.result import GroupResult
from onnxroof.targets.model import MemoryLevel, Target

__all__ = ["OneGroup", "one_group"]


@dataclass(frozen=True)
class OneGroup:
    """What a group takes."""

    latency_s: float
    levels_j: dict[str, float] | None
    static_j: float
    waterfall_s: dict[str, float]
    roof_s: float
    lost_s: dict[str, float]
    regime: str


def one_group(group: GroupResult, target: Target) -> OneGroup:
    """Of a group of known work."""
    overlaps = {engine.name: engine.overlaps for engine in target.engines}
    engines = {n.split(":")[1]: t for n, t in group.time_terms_s.items() if n.startswith("compute:")}
    levels, roofs = {}, {}
    for level in target.levels:
        read, write = group.traffic_read_bytes[level.name], group.traffic_write_bytes[level.name]
        time = _time(level, read, write)
        if time is None:
            continue
        levels[level.name] = roofs[level.name] = time
        if not level.shares_port and level.read_bandwidth is not None and level.write_bandwidth is not None:
            both = level.read_bandwidth.value + level.write_bandwidth.value
            roofs[level.name] = (read + write) / (both * level.instances)
    hidden = {level.name: levels[level.name] for level in target.levels if level.name in levels and level.overlaps}
    beside = max((t for n, t in engines.items() if overlaps[n]), default=0.0)
    waits = [t for n, t in levels.items() if n not in hidden] + [t for n, t in engines.items() if not overlaps[n]]
    launch = target.launch_overhead.value * group.repeat if target.launch_overhead else 0.0
    latency = max([beside, *hidden.values()]) + sum(waits) + launch

    ideal = max((t for n, t in group.full_engines_s.items() if overlaps[n]), default=0.0)
    parts = {"ideal": ideal, "spatial": beside - ideal, **{f"stall:{name}": 0.0 for name in hidden}}
    reached = beside
    for time, name in sorted((time, name) for name, time in hidden.items()):
        parts[f"stall:{name}"] = max(0.0, time - reached)
        reached = max(reached, time)
    parts |= {f"serial:compute:{n}": t for n, t in engines.items() if not overlaps[n]}
    parts |= {f"serial:{n}": t for n, t in levels.items() if n not in hidden} | {"launch": launch}

    full, busy, longest = (max(one.values(), default=0.0) for one in (group.full_engines_s, engines, levels))
    steps = [max([full, *roofs.values()]), max(full, longest), max(busy, longest), latency - launch, latency]
    lost = [after - before for before, after in itertools.pairwise(steps)]
    return OneGroup(
        latency, _energies(group, target), target.static_power.value * latency if target.static_power else 0.0, parts,
        steps[0], dict(zip(("ports", "spatial", "overlap", "launch"), lost, strict=True)),
        _regime(engines, levels, launch),
    )  # fmt: skip


def _time(level: MemoryLevel, read: float, write: float) -> float | None:
    ports = [(read + write, level.read_bandwidth)] if level.shares_port else []
    ports = ports or [(read, level.read_bandwidth), (write, level.write_bandwidth)]
    return max((n / (b.value * level.instances) for n, b in ports if b is not None), default=None)


def _energies(group: GroupResult, target: Target) -> dict[str, float] | None:
    found = {level.name: 0.0 for level in target.levels}
    for outer, level in enumerate(target.levels):
        inner = target.levels[outer + 1] if outer + 1 < len(target.levels) else None
        for count, leaves, enters in (
            (group.traffic_read_bytes[level.name], (level, level.read_energy), (inner, inner and inner.write_energy)),
            (group.traffic_write_bytes[level.name], (inner, inner and inner.read_energy), (level, level.write_energy)),
        ):
            for where, price in (leaves, enters):
                if where is None or count == 0:
                    continue
                if price is None:
                    return None
                found[where.name] += count * price.value
    return found


def _regime(engines: dict[str, float], levels: dict[str, float], launch: float) -> str:
    compute, memory = max(engines.values(), default=0.0), max(levels.values(), default=0.0)
    if launch > max(compute, memory):
        return "launch"
    if max(compute, memory) == 0:
        return ""
    if math.isclose(compute, memory, rel_tol=0.01):
        return "ridge"
    one, kind = (engines, "compute") if compute > memory else (levels, "memory")
    return f"{kind}:{max(one, key=lambda name: one[name])}"
