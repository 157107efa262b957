"""What does a target not say?"""

from __future__ import annotations

from onnxroof.targets.model import Target

__all__ = ["unknown_keys"]

_CHIP = ("process", "area", "clock", "static_power", "power_cap", "launch_overhead")


def unknown_keys(target: Target) -> tuple[str, ...]:
    """The quantities of a target that are not known, in the order of its file.

    E.g. `chip.area`, `engine[matrix].peak[INT8].energy`, `memory[dram].bandwidth`; `engine[vector].peak` where an
    engine gives no peak at all.
    """
    keys = [f"chip.{name}" for name in _CHIP if getattr(target, name) is None]
    for engine in target.engines:
        if not engine.peaks:
            keys.append(f"engine[{engine.name}].peak")
        for peak in engine.peaks:
            key = f"engine[{engine.name}].peak[{peak.input.name}]"
            keys += [f"{key}.{name}" for name in ("rate", "energy") if getattr(peak, name) is None]
    for level in target.levels:
        if level.capacity is None:
            keys.append(f"memory[{level.name}].capacity")
        for name in ("bandwidth", "energy"):
            read, write = getattr(level, f"read_{name}"), getattr(level, f"write_{name}")
            if read is None and write is None:
                keys.append(f"memory[{level.name}].{name}")
            elif read is None or write is None:
                keys.append(f"memory[{level.name}].{'read' if read is None else 'write'}_{name}")
    return tuple(keys)
