"""Time and energy of bytes at the levels of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxroof.targets.model import MemoryLevel, Quantity

__all__ = [
    "bandwidth_bytes_per_s", "largest", "least_energy_j_per_byte", "level_energy_terms",
    "level_time_s",
]  # fmt: skip


def level_time_s(level: MemoryLevel, read_bytes: float, write_bytes: float) -> float | None:
    """Time of bytes over a level's port, all instances at once: None where no bandwidth is known.

    One port serves reads and writes in turn; separate ports work side by side.
    """
    if level.shares_port:
        bandwidth = level.read_bandwidth
        return None if bandwidth is None else (read_bytes + write_bytes) / (bandwidth.value * level.instances)
    times = [
        count / (bandwidth.value * level.instances)
        for count, bandwidth in ((read_bytes, level.read_bandwidth), (write_bytes, level.write_bandwidth))
        if bandwidth is not None
    ]
    return max(times, default=None)


def level_energy_terms(
    levels: Sequence[MemoryLevel], read_bytes: Sequence[float], write_bytes: Sequence[float]
) -> dict[str, float] | None:
    """Energy of the traffic by level; None where an energy that is needed is not known.

    Each crossing is priced at the outer level and as a write or read of the inner one: bytes that level l sends inside
    are read there and written one level further in. Into a level that does not hold every operand comes at most what it
    hands on itself, the rest into the next one inside (an approximation: what of it comes again is not told apart).

    Args:
        levels: Outermost first.
        read_bytes: (L,) from each level towards the inside.
        write_bytes: (L,) from the inside into each level.
    """
    terms: dict[str, float] = {}
    sent = taken = 0.0
    for level, read, written in zip(levels, read_bytes, write_bytes, strict=True):
        come, gone = (sent, taken) if level.holds_all else (min(sent, read), min(taken, written))
        reads, writes = read + gone, written + come
        sent, taken = read + sent - come, written + taken - gone
        energy = 0.0
        for count, price in ((reads, level.read_energy), (writes, level.write_energy)):
            if count <= 0:
                continue
            if price is None:
                return None
            energy += count * price.value
        terms[f"memory:{level.name}"] = energy
    return terms


def bandwidth_bytes_per_s(level: MemoryLevel) -> float | None:
    """Bandwidth of one instance in both directions: of the shared port, or of its two ports together.

    No traffic goes faster than that, so no point lies above a roof that is drawn with it. Of two ports of which one is
    unknown, the sum is unknown: traffic through the unknown one takes no time and would lie above the other's roof.
    """
    if level.shares_port:
        return None if level.read_bandwidth is None else level.read_bandwidth.value
    if level.read_bandwidth is None or level.write_bandwidth is None:
        return None
    return level.read_bandwidth.value + level.write_bandwidth.value


def least_energy_j_per_byte(level: MemoryLevel) -> float | None:
    """The lower of read and write energy, or the one that is known: no byte of traffic takes less.

    So no point lies above an energy roof that is drawn with it, as none lies above one that is drawn with the sum of
    both ports.
    """
    known: list[Quantity] = [q for q in (level.read_energy, level.write_energy) if q is not None]
    return min((q.value for q in known), default=None)


def largest(terms: Mapping[str, float]) -> str:
    """The name of the largest term, "" where all are nothing."""
    return max(terms, key=lambda name: terms[name]) if any(terms.values()) else ""
