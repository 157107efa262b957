"""All tiles of a group at once: how long, how new and how often made is each dimension of what they touch?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.regions import Span, SpanTable, span_table

__all__ = ["Tiles", "tiles_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tiles:
    """All tiles of some sizes, T of them; figures are arrays over them, or numbers where they are all equal.

    Attributes:
        sizes: By dimension.
        places: (T,) by dimension the position of a tile's size.
        count: T.
    """

    sizes: dict[int, tuple[int, ...]]
    places: dict[int, IntArray]
    count: int
    rows: dict[object, FloatArray | float] = field(default_factory=dict)

    def _spread(self, span: Span, of: SpanTable, name: str) -> FloatArray | float:
        values: FloatArray = getattr(of, name)
        return values[self.places[span.dim]] if span.dim in self.places else float(values[0])

    def _ratio(self, span: Span, values: FloatArray) -> FloatArray | float:
        return values[self.places[span.dim]] if span.dim in self.places else float(values[0])

    def _table(self, span: Span, fixed: dict[int, int]) -> SpanTable:
        sizes = self.sizes.get(span.dim)
        if sizes is None:
            sizes = (fixed.get(span.dim, span.tile_extent),)
        return span_table(span, sizes)

    def peak(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """Longest interval of a tile."""
        if span.dim < 0:
            return float(span.extent)
        key = (span, "peak", fixed.get(span.dim))
        if key not in self.rows:
            self.rows[key] = self._spread(span, self._table(span, fixed), "peak")
        return self.rows[key]

    def fresh(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """What of a tile is new."""
        if span.dim < 0:
            return float(span.extent)
        key = (span, "fresh", fixed.get(span.dim))
        if key not in self.rows:
            self.rows[key] = self._spread(span, self._table(span, fixed), "fresh")
        return self.rows[key]

    def lag(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """What of the tiles before is still needed."""
        if span.dim < 0 or span.of is None:
            return 0.0
        key = (span, "lag", fixed.get(span.dim))
        if key not in self.rows:
            self.rows[key] = self._spread(span, self._table(span, fixed), "lag")
        return self.rows[key]

    def again(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """How often an index is touched that the tiles touch."""
        if span.dim < 0 or span.of is None:
            return 1.0
        key = (span, "again", fixed.get(span.dim))
        if key not in self.rows:
            table = self._table(span, fixed)
            self.rows[key] = self._ratio(span, np.maximum(table.total / np.maximum(table.covered, 1.0), 1.0))
        return self.rows[key]

    def made(self, span: Span, fixed: dict[int, int]) -> FloatArray | float:
        """How often an index of the dimension is made."""
        if span.dim < 0 or span.of is None:
            return 1.0
        key = (span, "made", fixed.get(span.dim))
        if key not in self.rows:
            self.rows[key] = self._ratio(span, np.maximum(self._table(span, fixed).total / span.extent, 1.0))
        return self.rows[key]

    def trips(self, dim: int, extent: int, fixed: dict[int, int]) -> FloatArray | float:
        """Tiles of a dimension."""
        if dim not in self.places:
            return float(-(-extent // fixed.get(dim, extent)))
        key = (dim, "trips", extent)
        if key not in self.rows:
            counts = np.array([-(-extent // size) for size in self.sizes[dim]], dtype=float)
            self.rows[key] = counts[self.places[dim]]
        return self.rows[key]


@lru_cache(maxsize=64)
def tiles_of(sizes: tuple[tuple[int, tuple[int, ...]], ...]) -> Tiles:
    """All combinations of the sizes of some dimensions, which are given with their numbers."""
    shape = [len(some) for _, some in sizes]
    index = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), dtype=np.int64)
    places = {dim: index[number] for number, (dim, _) in enumerate(sizes)}
    return Tiles(dict(sizes), places, math.prod(shape))
