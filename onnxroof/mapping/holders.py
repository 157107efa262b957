"""Of which operands does each level hold a tile, and over which ports do they come there?

A level may hold some operands only, be too small for any tile, or be full of tensors that stay; then operands pass it
by. A tensor that stays in a level crosses no port outside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.boundary import Boundary, accesses_of
from onnxroof.mapping.curve import Curve, reuse_curve
from onnxroof.mapping.traffic import fed_bytes, port_points, usable_bytes
from onnxroof.targets.model import Array, MemoryLevel

__all__ = ["Around", "Holders", "Share", "held_curve", "holders"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Share:
    """Operands that cross the ports of some levels on their way to one tile."""

    levels: tuple[int, ...]
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What stays on chip around a nest.

    Attributes:
        room_bytes: By level, what tiles may take of one instance.
        stays: By operand the level in which it stays, 0 for none: it crosses only ports from there inwards.
    """

    room_bytes: tuple[float, ...]
    stays: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Holders:
    """Who holds what; L levels, outermost first, A operands.

    Attributes:
        held: By level its operands.
        room_bytes: By level, what tiles may take of one instance.
        tiled: Levels inside the outermost that hold a tile.
        shares: By level of `tiled`, what crosses which ports to get there.
        pending: By level of `tiled`, what comes past it to a tile further inside, over ports outside this level.
        rest: What would be held further inside than it can be: each point takes it from outside.
        fed: By operand the last level that holds it feeds the array.
        passing: By level the operands of which it must give as much as tiles outside it take together, if it cuts them.
        own_read_bytes, own_write_bytes: (L, A) over the port of a level with each level at its own optimum.
    """

    held: tuple[frozenset[int], ...]
    room_bytes: tuple[float, ...]
    tiled: tuple[int, ...]
    shares: Mapping[int, tuple[Share, ...]]
    pending: Mapping[int, tuple[Share, ...]]
    rest: tuple[Share, ...]
    fed: tuple[Share, ...]
    passing: tuple[tuple[int, ...], ...]
    own_read_bytes: FloatArray
    own_write_bytes: FloatArray


def held_curve(nest: LoopNest, held: frozenset[int]) -> Curve:
    """The reuse curve of a buffer that holds some operands of a nest."""
    return reuse_curve(nest) if len(held) == len(nest.accesses) else reuse_curve(nest, Boundary(held, held))


def holders(
    nest: LoopNest, levels: Sequence[MemoryLevel], array: Array | None, around: Around | None = None
) -> Holders:
    """Who holds what of a nest with iterations.

    Args:
        nest: The nest.
        levels: Outermost first.
        array: That the innermost levels feed, None where there is none: it then takes each element once.
        around: What stays, None for nothing.
    """
    operands = range(len(nest.accesses))
    stays = around.stays if around is not None else (0,) * len(operands)
    rooms = around.room_bytes if around is not None else tuple(usable_bytes(level) for level in levels)
    held = (frozenset(operands), *(accesses_of(nest, level.holds) for level in levels[1:]))
    curves = [held_curve(nest, own) if own else None for own in held]
    tiled = tuple(
        n for n, curve in enumerate(curves) if n and curve is not None and curve.capacity_bytes[0] <= rooms[n]
    )

    def ports(operand: int, first: int, end: int) -> tuple[int, ...]:
        return tuple(n for n in range(max(first, stays[operand]), end) if operand in held[n])

    shares: dict[int, tuple[Share, ...]] = {}
    last = [0] * len(operands)
    for level in tiled:
        found: dict[tuple[int, ...], list[int]] = {}
        for operand in sorted(held[level]):
            found.setdefault(ports(operand, last[operand], level), []).append(operand)
            last[operand] = level
        shares[level] = _shares(found)
    pending: dict[int, tuple[Share, ...]] = {}
    for level in tiled:
        found = {}
        for operand in operands:
            outside = max((n for n in tiled if n < level and operand in held[n]), default=0)
            if operand not in held[level] and any(operand in held[n] for n in tiled if n > level):
                found.setdefault(ports(operand, outside, level), []).append(operand)
        pending[level] = _shares(found)
    rest: dict[tuple[int, ...], list[int]] = {}
    fed: dict[tuple[int, ...], list[int]] = {}
    feeder = [max(n for n in range(len(levels)) if operand in held[n]) for operand in operands]
    for operand in operands:
        rest.setdefault(ports(operand, last[operand], feeder[operand]), []).append(operand)
        fed.setdefault(ports(operand, feeder[operand], feeder[operand] + 1), []).append(operand)
    passing = tuple(
        tuple(x for x in operands if n in ports(x, n, n + 1) and (n < feeder[x] or array is not None))
        for n in range(len(levels))
    )
    read, write = ([[0.0] * len(operands) for _ in levels] for _ in range(2))
    feeds = fed_bytes(nest, array)
    together = [room * level.instances for room, level in zip(rooms, levels, strict=True)]
    fits = [level in tiled for level in range(len(levels))]
    for level in range(len(levels)):
        points, least, direct = port_points(nest, held, fits, together, level, None)
        for counted, point in (*points, *least):
            for operand in counted:
                read[level][operand] = point.access_read_bytes[operand]
                write[level][operand] = point.access_write_bytes[operand]
        for operand in direct:
            read[level][operand], write[level][operand] = feeds[operand]
        for operand in operands:
            if level < stays[operand]:
                read[level][operand] = write[level][operand] = 0.0
    return Holders(
        held=held, room_bytes=rooms, tiled=tiled, shares=shares, pending=pending, rest=_shares(rest),
        fed=_shares(fed) if array is not None else (), passing=passing, own_read_bytes=np.array(read),
        own_write_bytes=np.array(write),
    )  # fmt: skip


def _shares(found: Mapping[tuple[int, ...], Sequence[int]]) -> tuple[Share, ...]:
    return tuple(Share(levels, tuple(operands)) for levels, operands in found.items() if levels)
