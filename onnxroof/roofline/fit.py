"""Does a model fit the memories that must hold it whole: weights where they lie, activations where they live?

Weights lie in the outermost level. Activations live in the first level, from the outside, that keeps them: that is the
outermost one too where it is a memory that is written as it is read (DRAM), and one further inside where it is not
(flash, beside which `keeps = ["weight"]` stands); where no level keeps them, the outermost has to. Nothing of a level's
room is set aside for code or for a runtime, so "fits" says that nothing here speaks against it. "Too small" says that
there is no room for whole results of one operator after the other, in the order of the file or in the better one that
was found. A plan whose groups never hold whole what they make for themselves may need less: `Home.plan_bytes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from onnxroof.targets.model import MemoryLevel, Target

__all__ = ["Fit", "Home", "Verdict", "fit"]


class Verdict(IntEnum):
    """Answers, the best first."""

    FITS = 0
    IN_ANOTHER_ORDER = 1
    UNKNOWN = 2
    TOO_SMALL = 3


def _unordered() -> int | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A level and what it must hold at once.

    Attributes:
        level: Its name.
        holds: "weight", "activation" or both.
        weight_bytes: Of all weights, 0 where it holds none.
        activation_bytes: Most alive at once in the order of the file, 0 where it holds none; None where unknown.
        capacity_bytes: Of all its instances, None where unknown.
        order: Works out the most alive at once in the order that was found to have the least of it, results in the
            place of operands where that is legal; None where that is not known.
        plan: Works out the least that is alive while the groups of the best plan run, their tiles not counted.
    """

    level: str
    holds: tuple[str, ...]
    weight_bytes: int
    activation_bytes: int | None
    capacity_bytes: float | None
    order: Callable[[], int | None] = _unordered
    plan: Callable[[], int | None] = _unordered

    @property
    def needed_bytes(self) -> int | None:
        """Of everything, None where a shape is unknown."""
        return None if self.activation_bytes is None else self.weight_bytes + self.activation_bytes

    @property
    def spare_bytes(self) -> float | None:
        """Room that is left, negative where some is lacking; None where it is not known."""
        if self.capacity_bytes is None or self.needed_bytes is None:
            return None
        return self.capacity_bytes - self.needed_bytes

    @property
    def spare_fraction(self) -> float | None:
        """The room that is left over all of it."""
        spare = self.spare_bytes
        return None if spare is None or not self.capacity_bytes else spare / self.capacity_bytes

    @property
    def lower_bytes(self) -> int | None:
        """Of everything in the order with the lower peak; None where the file's order fits, or none is lower."""
        if self.activation_bytes is None or self.verdict_in_order is not Verdict.TOO_SMALL:
            return None
        least = self.order()
        return None if least is None or least >= self.activation_bytes else self.weight_bytes + least

    @property
    def plan_bytes(self) -> int | None:
        """Of everything under the best plan, without tiles; None where the file's order fits, or no less is alive."""
        if self.activation_bytes is None or self.verdict_in_order is not Verdict.TOO_SMALL:
            return None
        least = self.plan()
        return None if least is None or least >= self.activation_bytes else self.weight_bytes + least

    @property
    def verdict_in_order(self) -> Verdict:
        """In the order of the file."""
        if self.capacity_bytes is None:
            return Verdict.UNKNOWN
        if self.weight_bytes + (self.activation_bytes or 0) > self.capacity_bytes:
            return Verdict.TOO_SMALL
        return Verdict.UNKNOWN if self.activation_bytes is None else Verdict.FITS

    @property
    def verdict(self) -> Verdict:
        """In the better of the two orders."""
        lower = self.lower_bytes
        if lower is not None and self.capacity_bytes is not None and lower <= self.capacity_bytes:
            return Verdict.IN_ANOTHER_ORDER
        return self.verdict_in_order


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits a target, and by how much.

    Attributes:
        homes: Levels that must hold something whole, outermost first.
    """

    homes: tuple[Home, ...]

    @property
    def fits(self) -> bool | None:
        """Whether all of it does in the order of the file; None where that is not known."""
        found = {home.verdict_in_order for home in self.homes}
        return False if Verdict.TOO_SMALL in found else None if Verdict.UNKNOWN in found else True

    @property
    def verdict(self) -> Verdict:
        """Of the home that is worst off."""
        return max(home.verdict for home in self.homes)

    @property
    def spare_fraction(self) -> float | None:
        """Of the fullest home; None where the room of one is not known."""
        found = [home.spare_fraction for home in self.homes]
        known = [part for part in found if part is not None]
        return min(known) if len(known) == len(found) else None

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts targets: verdicts from the best, in each the most room (or the least that is lacking) first."""
        known = [part for home in self.homes if (part := home.spare_fraction) is not None]
        return int(self.verdict), -min(known, default=0.0)

    def ordered(self, order: Callable[[], int | None]) -> Fit:
        """With what works out the lower peak of activations."""
        return Fit(tuple(replace(home, order=order) if "activation" in home.holds else home for home in self.homes))

    def planned(self, plan: Callable[[], int | None]) -> Fit:
        """With what works out the peak of activations under the best plan."""
        return Fit(tuple(replace(home, plan=plan) if "activation" in home.holds else home for home in self.homes))


def fit(target: Target, weight_bytes: int, activation_bytes: int | None) -> Fit:
    """Holds a model against the capacities of a target.

    Args:
        target: Whose levels say what they keep.
        weight_bytes: Of all weights that are read as data, in the types in which the target runs the model.
        activation_bytes: Most bytes of inputs, activations and outputs alive at once, in these types; None where a
            shape is not known.
    """
    outermost = target.levels[0]
    home = next((level for level in target.levels if "activation" in level.keeps), outermost)
    if home is outermost:
        return Fit((_home(home, ("weight", "activation"), weight_bytes, activation_bytes),))
    return Fit((_home(outermost, ("weight",), weight_bytes, 0), _home(home, ("activation",), 0, activation_bytes)))


def _home(level: MemoryLevel, holds: Iterable[str], weight_bytes: int, activation_bytes: int | None) -> Home:
    return Home(
        level=level.name,
        holds=tuple(holds),
        weight_bytes=weight_bytes,
        activation_bytes=activation_bytes,
        capacity_bytes=None if level.capacity is None else level.capacity.value * level.instances,
    )
