"""How much of a time or an energy rests on numbers that are estimates, remembered, or defaults of ours?

Of a time: what its binding term takes, as far as such a number sets it, and what such levels and launches add that do
not overlap. A term of an engine rests on its rates and on the cost of special operations; one of a level on its
bandwidth, and on the capacity inside it where that decides how many bytes there are: not if they are the fewest that
must cross whatever the capacity. Of an energy: every term that such a number prices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onnxroof.roofline.terms import level_energy_terms
from onnxroof.targets.model import MemoryLevel, Quantity, Target

__all__ = ["UNCERTAIN", "Doubts", "is_uncertain", "rests_s"]

UNCERTAIN = frozenset({"estimate", "recalled", "default"})
"""Kinds of sources behind which nobody stands."""

_SAME = 1e-9  # bytes are sums of floats


def is_uncertain(quantity: Quantity | None) -> bool:
    """Whether a number is known, but from nobody who stands behind it."""
    return quantity is not None and quantity.source.kind in UNCERTAIN


def rests_s(terms: Mapping[str, float], serial: Mapping[str, float], doubtful: Mapping[str, float]) -> float:
    """The part of a time that rests on uncertain numbers.

    Args:
        terms: Times that overlap, by bound.
        serial: Times that do not.
        doubtful: What of each term and of `launch` rests on uncertain numbers, 0 where it is left out.
    """
    binding = max(terms, key=lambda name: terms[name], default="")
    return math.fsum(doubtful.get(name, 0.0) for name in (binding, *serial, "launch"))


@dataclass(frozen=True, slots=True, eq=False)
class Doubts:
    """Which numbers of a target are uncertain.

    Attributes:
        is_launch: Whether the launch overhead is.
        static_w: The static power, 0 where it is certain or unknown.
        inner: By level, whether the capacity of the level inside it is.
        any_inner: By level, whether the capacity of any level inside it is.
        priced: The levels with nothing but their uncertain energies: what is certain costs nothing.
    """

    is_launch: bool
    static_w: float
    inner: tuple[bool, ...]
    any_inner: tuple[bool, ...]
    priced: tuple[MemoryLevel, ...]

    @classmethod
    def of(cls, target: Target) -> Doubts:
        """The doubts of a target."""
        held = [is_uncertain(level.capacity) for level in target.levels]
        static = target.static_power
        return cls(
            is_launch=is_uncertain(target.launch_overhead),
            static_w=static.value if static is not None and is_uncertain(static) else 0.0,
            inner=(*held[1:], False),
            any_inner=tuple(any(held[index + 1 :]) for index in range(len(held))),
            priced=tuple(
                replace(level, read_energy=_doubtful(level.read_energy), write_energy=_doubtful(level.write_energy))
                for level in target.levels
            ),
        )

    def level_time(self, index: int, reads: float, writes: float, least: float, saved: float) -> bool:
        """Whether the time of bytes over a level's port rests on uncertain numbers.

        Args:
            index: Of the level.
            reads: Bytes that it sends inside.
            writes: Bytes that it takes.
            least: Bytes that must cross whatever is inside, if nothing stays there.
            saved: Bytes that do not cross because they stay further inside.
        """
        level = self.priced[index]
        is_tiled = reads + writes + saved > least * (1 + _SAME)
        return (
            is_uncertain(_bandwidth(level, reads, writes))
            or (is_tiled and self.inner[index])
            or (saved > 0 and self.any_inner[index])
        )

    def energy_j(self, reads: Sequence[float], writes: Sequence[float]) -> float:
        """The energy of traffic at uncertain prices, where all prices are known."""
        return math.fsum((level_energy_terms(self.priced, reads, writes) or {}).values())


def _bandwidth(level: MemoryLevel, reads: float, writes: float) -> Quantity | None:
    """The bandwidth that sets the time: of two ports the slower one."""
    if level.shares_port or level.write_bandwidth is None:
        return level.read_bandwidth
    if level.read_bandwidth is None:
        return level.write_bandwidth
    takes_longer = writes / level.write_bandwidth.value > reads / level.read_bandwidth.value
    return level.write_bandwidth if takes_longer else level.read_bandwidth


def _doubtful(price: Quantity | None) -> Quantity | None:
    return price if price is None or is_uncertain(price) else replace(price, value=0.0)
