"""How many bytes must cross into a buffer of a given capacity to run one loop nest?

The curve depends on no target: it is computed once for each distinct nest and looked up for any memory level.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.boundary import Boundary
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.tiling import Front, pareto_front

__all__ = ["Curve", "CurvePoint", "Repeats", "reuse_curve"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One tile and what it moves.

    Attributes:
        read_bytes: Bytes that come in, partial sums that are read again among them.
        write_bytes: Bytes that go out, partial sums among them.
        footprint_bytes: Bytes of the tile: what it needs of the capacity.
        tile: Size by loop name.
        access_read_bytes: `read_bytes` by operand, in the order of the nest's accesses.
        access_write_bytes: `write_bytes` by operand.
        fits: False where the capacity is too small for any tile: the point is then the smallest tile's.
    """

    read_bytes: float
    write_bytes: float
    footprint_bytes: float
    tile: Mapping[str, int]
    access_read_bytes: tuple[float, ...]
    access_write_bytes: tuple[float, ...]
    fits: bool = True

    @property
    def total_bytes(self) -> float:
        """Bytes in both directions."""
        return self.read_bytes + self.write_bytes

    @property
    def access_bytes(self) -> tuple[float, ...]:
        """Bytes in both directions by operand."""
        return tuple(r + w for r, w in zip(self.access_read_bytes, self.access_write_bytes, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """What tiles move beyond each element once, of the operands that cross: the steps of a curve at which it falls.

    Attributes:
        capacity_bytes: What the tile takes of the buffer, tiles of operands that do not cross among them; ascending.
        read_bytes, write_bytes: What it moves beyond each element once; the sum falls from step to step.
        numbers: Number of the tile's step in the curve, empty where there is none.
    """

    capacity_bytes: list[float]
    read_bytes: list[float]
    write_bytes: list[float]
    numbers: list[int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """The Pareto steps of a nest, by ascending capacity; the total of bytes falls from step to step.

    S steps, A accesses, L loops of the nest.

    Attributes:
        loops: Names of the loops.
        capacity_bytes: (S,) footprint of the tile, which is the least capacity that the step needs.
        read_bytes: (S,) bytes that cross from outside in, partial sums that are read again among them.
        write_bytes: (S,) bytes that cross back out, partial sums among them.
        access_read_bytes: (S, A) `read_bytes` by operand.
        access_write_bytes: (S, A) `write_bytes` by operand.
        tiles: (S, L) tile sizes. Where the nest has loops that can be walked as one, a tile is a run of points in
            row-major order, and the size of the outer loops is rounded up.
    """

    loops: tuple[str, ...]
    capacity_bytes: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    access_read_bytes: FloatArray
    access_write_bytes: FloatArray
    tiles: IntArray

    @property
    def total_bytes(self) -> FloatArray:
        """(S,) bytes in both directions."""
        return self.read_bytes + self.write_bytes

    @property
    def access_bytes(self) -> FloatArray:
        """(S, A) bytes in both directions by operand."""
        return self.access_read_bytes + self.access_write_bytes

    @property
    def floor(self) -> CurvePoint:
        """The compulsory bytes: each distinct element once."""
        return self._point(len(self.capacity_bytes) - 1, True)

    @property
    def ceiling(self) -> CurvePoint:
        """The smallest tile: the least reuse."""
        return self._point(0, True)

    def at(self, capacity_bytes: float) -> CurvePoint:
        """The step with the largest footprint that fits, else the ceiling with `fits` false."""
        step = bisect_right(self._capacities, capacity_bytes) - 1
        return self._point(max(step, 0), step >= 0)

    def lookup(self, capacity_bytes: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Bytes read and written at many capacities, in the shape of these; as `at`."""
        step = np.maximum(np.searchsorted(self.capacity_bytes, np.asarray(capacity_bytes), side="right") - 1, 0)
        return self.read_bytes[step], self.write_bytes[step]

    def repeats(self, present: frozenset[int]) -> Repeats:
        """What comes in and goes out again and again, but for reading some operands, which are there already."""
        found = self._repeats.get(present)
        if found is None:
            found = self._repeats[present] = self._repeated(present)
        return found

    def _repeated(self, present: frozenset[int]) -> Repeats:
        # Beyond the last step: operands that come in again, and partial sums.
        again_read = self.access_read_bytes - self.access_read_bytes[-1]
        again_read[:, list(present)] = 0.0
        read, write = again_read.sum(axis=1), (self.access_write_bytes - self.access_write_bytes[-1]).sum(axis=1)
        total = read + write
        kept = np.flatnonzero(np.concatenate(([True], total[1:] < np.minimum.accumulate(total)[:-1])))
        return Repeats(self.capacity_bytes[kept].tolist(), read[kept].tolist(), write[kept].tolist(), kept.tolist())

    @cached_property
    def _repeats(self) -> dict[frozenset[int], Repeats]:
        """Those that were asked for."""
        return {}

    @cached_property
    def _capacities(self) -> list[float]:
        found: list[float] = self.capacity_bytes.tolist()
        return found

    @cached_property
    def _points(self) -> dict[tuple[int, bool], CurvePoint]:
        """Those that were asked for: targets of one kind ask for the same few."""
        return {}

    def _point(self, step: int, fits: bool) -> CurvePoint:
        found = self._points.get((step, fits))
        if found is None:
            found = self._points[step, fits] = CurvePoint(
                read_bytes=float(self.read_bytes[step]),
                write_bytes=float(self.write_bytes[step]),
                footprint_bytes=float(self.capacity_bytes[step]),
                tile=dict(zip(self.loops, self.tiles[step].tolist(), strict=True)),
                access_read_bytes=tuple(self.access_read_bytes[step].tolist()),
                access_write_bytes=tuple(self.access_write_bytes[step].tolist()),
                fits=fits,
            )
        return found


@lru_cache(maxsize=4096)
def reuse_curve(nest: LoopNest, boundary: Boundary | None = None) -> Curve:
    """The least bytes into and out of a buffer as a function of its capacity, one tile of each operand held.

    Every tile size that matters and every order of the loops outside the tile is tried, with whole tiles fetched or
    windows that slide; see `onnxroof.mapping.tiling`. Equal structure shares the work whatever its loops are called.

    Args:
        nest: Any.
        boundary: Which operands the buffer holds and which of them count; all, where it is left out.
    """
    names = tuple(loop.name for loop in nest.loops)
    if nest.points == 0:
        nothing = np.zeros((1, len(nest.accesses)))
        zeros = np.zeros(1)
        return _curve(names, Front(zeros, nothing, nothing, np.zeros((1, len(names)), dtype=np.int64)))
    plain = canonical(nest)
    front = _shared_front(plain.nest, boundary)
    tiles = plain.original_tiles(front.tiles, nest.loops)
    return _curve(names, Front(front.capacity_bytes, front.read_bytes, front.write_bytes, tiles))


_shared_front = lru_cache(maxsize=4096)(pareto_front)


def _curve(names: tuple[str, ...], front: Front) -> Curve:
    arrays = {
        "capacity_bytes": front.capacity_bytes,
        "read_bytes": front.read_bytes.sum(axis=1),
        "write_bytes": front.write_bytes.sum(axis=1),
        "access_read_bytes": front.read_bytes,
        "access_write_bytes": front.write_bytes,
        "tiles": front.tiles.reshape(len(front.capacity_bytes), len(names)),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return Curve(loops=names, **arrays)
