"""What is run together and why: fusion groups, and the decisions that led to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["Decision", "Group", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One choice of the mapping, kept so that a report can show it and a test can assert on it.

    Attributes:
        subject: What it is about: an edge `A -> B`, a node, a memory level.
        action: "fused", "not fused", "bypassed", "converted", "substituted", "host" ...
        reason: In words, with what would change it where that is known.
        figures: Numbers behind it by name, SI units in the names.
    """

    subject: str
    action: str
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operators that run together without writing what passes between them to the outermost level.

    Attributes:
        id: `g0`, `g1` ... in order of execution.
        ops: Names of the operators in topological order; the first is the anchor whose loop nest is tiled.
        repeat: How often the group runs for one run of the model.
    """

    id: str
    ops: tuple[str, ...]
    repeat: int = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A fusion policy's groups for one workload.

    Attributes:
        fusion: The policy.
        groups: In order of execution.
        reasons: Makes the decisions that led to them; most plans are priced and never shown.
    """

    fusion: str
    groups: tuple[Group, ...]
    reasons: Callable[[], Iterable[Decision]] = tuple

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """What led to these groups."""
        return tuple(self.reasons())
