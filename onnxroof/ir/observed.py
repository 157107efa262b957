"""What one run of a model showed: sizes that its graph alone does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NOTHING_OBSERVED", "Observed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Sizes of a run. A place is the way to a node through bodies and functions (`onnxroof.frontend.places`).

    Attributes:
        shapes: Extents of tensors of the model's own graph by name.
        inner: By place of a node of a body or function, extents of the tensors that it makes, the same in all trips.
        trips: Trip counts of loops by place; where they differ from time to time, their mean rounded up.
        branches: Conditions of Ifs by place; where they differ, the more frequent one.
        settled: Dimensions of the inputs that the run had and nobody gave, with their sources.
        gaps: In words, what the run did not show.
    """

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inner: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, bool] = field(default_factory=dict)
    settled: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()


NOTHING_OBSERVED = Observed()
