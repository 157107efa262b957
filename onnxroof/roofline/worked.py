"""What does the work of group shapes take on targets? Times by engine and energies of all of them at once.

Axes: T targets, K shapes, P parts of work (a kind and a type of it, of special operations a name too), E engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.provenance import is_uncertain
from onnxroof.roofline.rates import Rate, resolve
from onnxroof.targets.model import Array, Target

__all__ = ["Part", "Worked", "parts_of", "rates_of", "worked"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

Part: TypeAlias = tuple[str, str, str]
"""Kind, type, and of special operations the name."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Worked:
    """What the work of shapes takes, all trips.

    Attributes:
        parts: (P,) of work, in the order in which the shapes have them.
        rates: (T, P) where each runs, None where it does not.
        engines_s: (T, K, E) time by engine.
        full_engines_s: (T, K, E) the same with every array full.
        runs: (T, K, E) whether the engine has work of a known rate.
        compute_j: (T, K) energy, NaN where unknown.
        spatial: (T, K) utilization of the array, 1 where there is none, NaN without MACs.
        mac_engine: (T, K) number of the engine whose array the MACs fill, -1 where there is none.
        mac_s: (T, K) time of the MACs on it.
        doubtful_s, doubtful_j: (T, K, E), (T, K) what of the times and energies rests on uncertain numbers.
    """

    parts: tuple[Part, ...]
    rates: tuple[tuple[Rate | None, ...], ...]
    engines_s: FloatArray
    full_engines_s: FloatArray
    runs: BoolArray
    compute_j: FloatArray
    spatial: FloatArray
    mac_engine: npt.NDArray[np.int64]
    mac_s: FloatArray
    doubtful_s: FloatArray
    doubtful_j: FloatArray


def parts_of(shape: GroupShape) -> list[tuple[Part, int]]:
    """Operations of a shape by part, one trip; a MAC is two."""
    found: list[tuple[Part, int]] = [(("mac", dtype, ""), 2 * count) for dtype, count in shape.macs]
    found += [(("vector", dtype, ""), count) for dtype, count in shape.vector_ops]
    found += [(("special", dtype, name), count) for (name, dtype), count in shape.special_ops]
    return found


def worked(shapes: Sequence[GroupShape], targets: Sequence[Target], *, tf32: bool) -> Worked:
    """What the work of shapes takes on targets.

    Args:
        shapes: Of groups.
        targets: The targets.
        tf32: Whether FLOAT contractions may use TF32.
    """
    done = [parts_of(shape) for shape in shapes]
    parts = tuple(dict.fromkeys(part for one in done for part, _ in one))
    column = {part: number for number, part in enumerate(parts)}
    ops, has = np.zeros((len(shapes), len(parts))), np.zeros((len(shapes), len(parts)), dtype=bool)
    for row, (shape, one) in enumerate(zip(shapes, done, strict=True)):
        for part, count in one:
            ops[row, column[part]] += float(count * shape.repeat)
            has[row, column[part]] = True
    rates = tuple(rates_of(target, parts, tf32=tf32) for target in targets)
    prices = np.array([[_price(part, rate) for part, rate in zip(parts, row, strict=True)] for row in rates])
    lanes, ops_per_s, j_per_op, is_doubtful_s, is_doubtful_j = np.moveaxis(
        prices.reshape(len(targets), len(parts), 5), 2, 0
    )
    used, filled = _used(shapes, parts, rates)
    work = np.where(has, ops, 0.0)[None] * lanes[:, None]
    full_s = work / ops_per_s[:, None]  # a rate that is unknown is infinite: no time
    time_s = work / (ops_per_s[:, None] * used)
    energy_j = np.where(has, work * j_per_op[:, None], 0.0)
    engine = np.array(
        [[_place(target, rate) for rate in row] for target, row in zip(targets, rates, strict=True)], dtype=np.int64
    ).reshape(len(targets), len(parts))
    is_run = has[None] & np.isfinite(ops_per_s)[:, None]
    size = (len(targets), len(shapes), max((len(target.engines) for target in targets), default=0))
    engines_s, full_engines_s, doubtful_s = (np.zeros(size) for _ in range(3))
    runs = np.zeros(size, dtype=bool)
    for number in range(size[2]):
        here = (engine == number)[:, None]
        engines_s[..., number] = (time_s * here).sum(axis=2)
        full_engines_s[..., number] = (full_s * here).sum(axis=2)
        doubtful_s[..., number] = (time_s * (here & (is_doubtful_s > 0)[:, None])).sum(axis=2)
        runs[..., number] = (is_run & here).any(axis=2)
    mac_engine = np.where(filled, engine[:, None], -1).max(axis=2, initial=-1)
    on_it = np.array([part[0] == "mac" for part in parts], dtype=bool) & (engine[:, None] == mac_engine[..., None])
    macs = np.array([shape.mac_count > 0 for shape in shapes], dtype=bool)
    return Worked(
        parts=parts,
        rates=rates,
        engines_s=engines_s,
        full_engines_s=full_engines_s,
        runs=runs,
        compute_j=energy_j.sum(axis=2),
        spatial=np.where(macs, np.where(filled, used, 1.0).min(axis=2, initial=1.0), np.nan),
        mac_engine=mac_engine,
        mac_s=(time_s * on_it).sum(axis=2),
        doubtful_s=doubtful_s,
        doubtful_j=np.where(is_doubtful_j[:, None] > 0, np.nan_to_num(energy_j), 0.0).sum(axis=2),
    )


def rates_of(target: Target, parts: Sequence[Part], *, tf32: bool) -> tuple[Rate | None, ...]:
    """Where parts of work run on a target, None where one does not."""
    found: dict[tuple[str, str], Rate | None] = {}
    for kind, dtype, _ in parts:
        if (kind, dtype) not in found:
            found[kind, dtype] = resolve(target, kind, DType[dtype], tf32=tf32).rate
    return tuple(found[kind, dtype] for kind, dtype, _ in parts)


def _price(part: Part, rate: Rate | None) -> tuple[float, float, float, bool, bool]:
    """Lanes of an operation, their rate and energy, and whether each of the two is uncertain.

    A rate that is not known is infinite, an energy NaN.
    """
    if rate is None:
        return 1.0, np.inf, np.nan, False, False
    lanes = rate.special_lanes(part[2]) if part[2] else 1.0
    is_default = rate.is_default(part[2])
    return (
        lanes,
        rate.ops_per_s or np.inf,
        np.nan if rate.energy_j_per_op is None else rate.energy_j_per_op,
        is_uncertain(rate.peak.rate) or is_default,
        is_uncertain(rate.peak.energy) or is_default,
    )


def _place(target: Target, rate: Rate | None) -> int:
    return -1 if rate is None else next(n for n, engine in enumerate(target.engines) if engine is rate.engine)


def _used(
    shapes: Sequence[GroupShape], parts: Sequence[Part], rates: Sequence[Sequence[Rate | None]]
) -> tuple[FloatArray, BoolArray]:
    """(T, K, P) the part of its array that work fills, 1 where there is none; and whether there is one."""
    used = np.ones((len(rates), len(shapes), len(parts)))
    filled = np.zeros(used.shape, dtype=bool)
    for column, part in enumerate(parts):
        if part[0] != "mac":
            continue
        rows = [
            number for number, shape in enumerate(shapes)
            if shape.nest is not None and any(dtype == part[1] for dtype, _ in shape.macs)
        ]  # fmt: skip
        known: dict[Array, list[float]] = {}
        for place, row in enumerate(rates):
            rate = row[column]
            array = None if rate is None else rate.engine.array
            if array is None:
                continue
            if array not in known:
                known[array] = [spatial_utilization(nest, array) for nest in (shapes[n].nest for n in rows) if nest]
            used[place, rows, column] = known[array]
            filled[place, rows, column] = True
    return used, filled
