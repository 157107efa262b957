"""What an evaluation used of a target: which keys are unknown, which rest on estimates, and from which sources."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnxroof.roofline.provenance import is_uncertain
from onnxroof.roofline.rates import Rate
from onnxroof.targets.model import Quantity, Source, Target

__all__ = ["Knowledge"]


@dataclass(slots=True, eq=False)
class Knowledge:
    """Collects keys while figures of a target are used.

    Attributes:
        target: The target.
    """

    target: Target
    _unknown: dict[str, None] = field(default_factory=dict)
    _estimated: dict[str, None] = field(default_factory=dict)
    _sources: dict[str, Source] = field(default_factory=dict)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys that were wanted and are not known."""
        return tuple(self._unknown)

    @property
    def estimated(self) -> tuple[str, ...]:
        """Keys that rest on an estimate, on memory or on a default of ours."""
        return tuple(self._estimated)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Sources of the quantities that were used."""
        return tuple(self._sources.values())

    def need(self, key: str, quantity: Quantity | None) -> None:
        """Notes that a quantity is used under a key."""
        if quantity is None:
            self._unknown[key] = None
            return
        self._sources[quantity.source.key] = quantity.source
        if is_uncertain(quantity):
            self._estimated[key] = None

    def need_rate(self, kind: str, dtype: str, rate: Rate | None) -> None:
        """Notes the rate and energy of a kind of work in a type."""
        if rate is None:
            self._unknown[f"engine for {kind} work in {dtype}"] = None
            return
        key = f"engine[{rate.engine.name}].peak[{rate.peak.input.name}]"
        self.need(f"{key}.rate", rate.peak.rate)
        self.need(f"{key}.energy", rate.peak.energy)

    def need_special(self, rate: Rate, name: str, default_lanes: float) -> None:
        """Notes a special operation's cost: one that the target does not state is a default of ours."""
        if rate.is_default(name):
            self._estimated[f"engine[{rate.engine.name}].special_cost.{name} (default {default_lanes:g})"] = None

    def need_level_time(self, index: int) -> None:
        """Notes a level's bandwidth and capacity."""
        level = self.target.levels[index]
        key = f"memory[{level.name}]"
        if level.shares_port:
            self.need(f"{key}.bandwidth", level.read_bandwidth)
        else:
            self.need(f"{key}.read_bandwidth", level.read_bandwidth)
            self.need(f"{key}.write_bandwidth", level.write_bandwidth)
        self.need(f"{key}.capacity", level.capacity)

    def need_level_energy(self, index: int) -> None:
        """Notes a level's energy."""
        level = self.target.levels[index]
        if level.read_energy == level.write_energy:
            self.need(f"memory[{level.name}].energy", level.read_energy)
        else:
            self.need(f"memory[{level.name}].read_energy", level.read_energy)
            self.need(f"memory[{level.name}].write_energy", level.write_energy)
