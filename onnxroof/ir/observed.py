"""What one run of a model showed: sizes that its graph alone does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NOTHING_OBSERVED", "Observed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Sizes of a run, by names of the model's own graph (bodies and functions are not looked into).

    Attributes:
        shapes: Extents of tensors by name.
        trips: Trip counts of loops by node.
        branches: Conditions of Ifs by node.
    """

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, bool] = field(default_factory=dict)


NOTHING_OBSERVED = Observed()
