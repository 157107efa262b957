"""On which engine and as which type a kind of work runs on a target, and at what rate and energy.

The order of design: the exact type on the fastest engine that runs the kind, where FLOAT contractions may use TF32;
else the next wider type of the same kind; else the whole model is evaluated as if converted to the target's widest
type. Integer and boolean vector work (index and mask arithmetic) on an engine that lists no such type runs at the
widest type that the engine has: nobody converts a model because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onnxroof.dtypes import DType, Kind
from onnxroof.targets.model import Engine, Peak, Target

__all__ = ["DEFAULT_SPECIAL_LANES", "Rate", "Resolution", "able", "needed_conversion", "resolve"]

# Lane operations for a special operation where the target file says nothing.
DEFAULT_SPECIAL_LANES = 4.0

_SIGNED = {
    DType.UINT2: DType.INT2,
    DType.UINT4: DType.INT4,
    DType.UINT8: DType.INT8,
    DType.UINT16: DType.INT16,
    DType.UINT32: DType.INT32,
    DType.UINT64: DType.INT64,
    DType.BOOL: DType.INT8,
    DType.FLOAT8E4M3FNUZ: DType.FLOAT8E4M3FN,
    DType.FLOAT8E5M2: DType.FLOAT8E4M3FN,
    DType.FLOAT8E5M2FNUZ: DType.FLOAT8E4M3FN,
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Where work runs.

    Attributes:
        engine: The engine.
        peak: The type that it runs as, with rate and energy.
        is_exact: Whether that is the work's own type.
    """

    engine: Engine
    peak: Peak
    is_exact: bool

    @property
    def ops_per_s(self) -> float | None:
        """Operations per second, None where unknown."""
        return None if self.peak.rate is None else self.peak.rate.value

    @property
    def energy_j_per_op(self) -> float | None:
        """Energy of an operation, None where unknown."""
        return None if self.peak.energy is None else self.peak.energy.value

    def special_lanes(self, name: str) -> float:
        """Lane operations for one special operation."""
        return self.engine.special_cost.get(name, DEFAULT_SPECIAL_LANES)

    def is_default(self, name: str) -> bool:
        """Whether the cost of a special operation is a default of ours."""
        return bool(name) and name not in self.engine.special_cost


@dataclass(frozen=True, slots=True)
class Resolution:
    """Answer for a kind of work and a type.

    Attributes:
        rate: Where it runs, None where it does not.
        needs_conversion: The kind runs on the target, but in no type that could stand in.
    """

    rate: Rate | None
    needs_conversion: bool = False


def resolve(target: Target, kind: str, dtype: DType, *, tf32: bool = True) -> Resolution:
    """Where work of a kind ("mac", "vector" or "special") and a type runs.

    Args:
        target: The target.
        kind: Of the work.
        dtype: Its type.
        tf32: Whether FLOAT contractions may use TF32.
    """
    peaks = list(_peaks(target, kind))
    if not peaks:
        return Resolution(None)
    wanted = _SIGNED.get(dtype, dtype)
    exact = [(e, p) for e, p in peaks if _SIGNED.get(p.input, p.input) is wanted]
    if wanted is DType.FLOAT and kind == "mac" and tf32:
        exact += [(e, p) for e, p in peaks if p.input is DType.TF32]
    if exact:
        engine, peak = max(exact, key=_speed)
        return Resolution(Rate(engine, peak, True))
    wider = [
        (e, p) for e, p in peaks
        if p.input.kind is wanted.kind and _width(p.input) > _width(wanted) and (tf32 or p.input is not DType.TF32)
    ]  # fmt: skip
    if wider:
        least = min(_width(p.input) for _, p in wider)
        engine, peak = max(((e, p) for e, p in wider if _width(p.input) == least), key=_speed)
        return Resolution(Rate(engine, peak, False))
    if kind != "mac" and wanted.kind is not Kind.FLOAT:
        engine, peak = max(peaks, key=lambda ep: (ep[1].input.kind is wanted.kind, _width(ep[1].input), _speed(ep)))
        return Resolution(Rate(engine, peak, False))
    return Resolution(None, needs_conversion=True)


def able(target: Target, kind: str, dtype: DType, *, tf32: bool = True) -> tuple[Rate, ...]:
    """All that work of a kind and a type could run on, be it slower or wider than it must be.

    Args:
        target: The target.
        kind: Of the work, as for `resolve`.
        dtype: Its type.
        tf32: Whether FLOAT contractions may use TF32.
    """
    wanted = _SIGNED.get(dtype, dtype)
    found = []
    for engine, peak in _peaks(target, kind):
        given = _SIGNED.get(peak.input, peak.input)
        is_wider = given.kind is wanted.kind and _width(given) > _width(wanted)
        if given is DType.TF32:
            is_able = tf32 and kind == "mac" and (wanted is DType.FLOAT or is_wider)
        else:
            is_able = given is wanted or is_wider or (kind != "mac" and wanted.kind is not Kind.FLOAT)
        if is_able:
            found.append(Rate(engine, peak, given is wanted))
    return tuple(found)


def needed_conversion(target: Target, work: Iterable[tuple[str, DType]], *, tf32: bool = True) -> DType | None:
    """The type that a model must be taken as converted to, None where the target runs each of its types.

    It is the widest type of the target in which each kind of work runs that has data to convert; where there is none,
    the widest in which the target contracts. Floats come before integers of equal width, and before all integers
    where it is a float that the target lacks.

    Args:
        target: The target.
        work: Kinds and types of the model's work.
        tf32: Whether FLOAT contractions may use TF32.
    """
    parts = tuple(work)
    lacking = [dtype for kind, dtype in parts if resolve(target, kind, dtype, tf32=tf32).needs_conversion]
    if not lacking:
        return None
    kinds = {kind for kind, dtype in parts if kind == "mac" or dtype.kind is Kind.FLOAT}
    lacks_float = any(dtype.kind is Kind.FLOAT for dtype in lacking)
    # In the order of the file, so that the first of two equally wide types is taken, always.
    types = [peak.input for engine in target.engines for peak in engine.peaks if peak.input is not DType.TF32]
    types.sort(key=lambda t: (lacks_float and t.kind is not Kind.FLOAT, -_width(t), t.kind is not Kind.FLOAT))
    for dtype in types:
        if not any(resolve(target, kind, dtype, tf32=tf32).needs_conversion for kind in kinds):
            return dtype
    contracting = {peak.input for _, peak in _peaks(target, "mac")}
    return next((dtype for dtype in types if dtype in contracting), None)


def _peaks(target: Target, kind: str) -> Iterator[tuple[Engine, Peak]]:
    for engine in target.engines:
        if kind in engine.runs:
            for peak in engine.peaks:
                yield engine, peak


def _speed(entry: tuple[Engine, Peak]) -> float:
    rate = entry[1].rate
    return -1.0 if rate is None else rate.value


def _width(dtype: DType) -> int:
    # TF32 keeps FLOAT's exponent and 10 bits of mantissa: between FLOAT16 and FLOAT.
    return 19 if dtype is DType.TF32 else dtype.bits
