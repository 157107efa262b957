"""The numbers of many targets as arrays, so that one expression prices groups on all of them.

Axes: T targets, E engines, L levels (outermost first), both as many as the target with the most of them has. What a
target does not have takes no time and no energy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from onnxroof.roofline.provenance import is_uncertain
from onnxroof.roofline.terms import bandwidth_bytes_per_s
from onnxroof.targets.model import Engine, MemoryLevel, Quantity, Target

__all__ = ["Machines", "machines"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Machines:
    """What prices work and bytes on targets; unknown rates are infinite, all else that is unknown is NaN.

    Attributes:
        in_turn: (T, E) whether an engine does not overlap with anything.
        engine_efficiency, level_efficiency: (T, E), (T, L) measured part of the peak, 1 where nobody measured.
        read_rate, write_rate: (T, L) bytes/s of all instances.
        shares_port: (T, L) whether reads and writes take turns at `read_rate`.
        is_timed: (T, L) whether some bandwidth is known.
        overlaps: (T, L) whether transfers hide behind compute.
        holds_all: (T, L) whether no operand passes a level by.
        both_rate: (T, L) bytes/s in both directions.
        read_j, write_j: (T, L) energy of a byte.
        launch_s, static_w, cap_w: (T,) of a launch, static power, power cap.
        read_is_doubtful, write_is_doubtful: (T, L) whether the bandwidth is uncertain.
        inner_is_doubtful: (T, L) whether the capacity of the level inside is.
        any_inner_is_doubtful: (T, L) whether that of any level inside is.
        read_doubtful_j, write_doubtful_j: (T, L) energy of a byte where it is uncertain, else 0.
        launch_doubtful_s, static_doubtful_w: (T,) likewise.
    """

    in_turn: BoolArray
    engine_efficiency: FloatArray
    level_efficiency: FloatArray
    read_rate: FloatArray
    write_rate: FloatArray
    shares_port: BoolArray
    is_timed: BoolArray
    overlaps: BoolArray
    holds_all: BoolArray
    both_rate: FloatArray
    read_j: FloatArray
    write_j: FloatArray
    launch_s: FloatArray
    static_w: FloatArray
    cap_w: FloatArray
    read_is_doubtful: BoolArray
    write_is_doubtful: BoolArray
    inner_is_doubtful: BoolArray
    any_inner_is_doubtful: BoolArray
    read_doubtful_j: FloatArray
    write_doubtful_j: FloatArray
    launch_doubtful_s: FloatArray
    static_doubtful_w: FloatArray

    def of(self, target: IntArray) -> Machines:
        """The numbers of a target for each of N rows: (N, ...) in place of (T, ...)."""
        return Machines(**{field.name: getattr(self, field.name)[target] for field in fields(self)})


def machines(targets: Sequence[Target]) -> Machines:
    """The numbers of targets."""
    engines = max((len(target.engines) for target in targets), default=0)
    levels = max((len(target.levels) for target in targets), default=0)

    def by_engine(value: Callable[[Target, Engine], float], fill: float) -> FloatArray:
        found = np.full((len(targets), engines), fill)
        for row, target in enumerate(targets):
            found[row, : len(target.engines)] = [value(target, engine) for engine in target.engines]
        return found

    def by_level(value: Callable[[Target, MemoryLevel], float], fill: float) -> FloatArray:
        found = np.full((len(targets), levels), fill)
        for row, target in enumerate(targets):
            found[row, : len(target.levels)] = [value(target, level) for level in target.levels]
        return found

    def by_target(value: Callable[[Target], Quantity | None]) -> FloatArray:
        return np.array([_value(value(target)) for target in targets], dtype=np.float64)

    def doubtful(value: Callable[[Target], Quantity | None]) -> FloatArray:
        return np.array([_doubtful(value(target)) for target in targets], dtype=np.float64)

    held = by_level(lambda _, level: is_uncertain(level.capacity), 0.0).astype(bool)
    inner = np.zeros_like(held)
    inner[:, :-1] = held[:, 1:]
    return Machines(
        in_turn=by_engine(lambda _, engine: not engine.overlaps, 0.0).astype(bool),
        engine_efficiency=by_engine(lambda target, engine: _measured(target, engine.name), 1.0),
        level_efficiency=by_level(lambda target, level: _measured(target, level.name), 1.0),
        read_rate=by_level(lambda _, level: _rate(level, level.read_bandwidth), np.inf),
        write_rate=by_level(lambda _, level: _rate(level, level.write_bandwidth), np.inf),
        shares_port=by_level(lambda _, level: level.shares_port, 1.0).astype(bool),
        is_timed=by_level(lambda _, level: level.is_timed, 0.0).astype(bool),
        overlaps=by_level(lambda _, level: level.overlaps, 1.0).astype(bool),
        holds_all=by_level(lambda _, level: level.holds_all, 1.0).astype(bool),
        both_rate=by_level(_both_rate, np.nan),
        read_j=by_level(lambda _, level: _value(level.read_energy), 0.0),
        write_j=by_level(lambda _, level: _value(level.write_energy), 0.0),
        launch_s=by_target(lambda target: target.launch_overhead),
        static_w=by_target(lambda target: target.static_power),
        cap_w=by_target(lambda target: target.power_cap),
        read_is_doubtful=by_level(lambda _, level: is_uncertain(level.read_bandwidth), 0.0).astype(bool),
        write_is_doubtful=by_level(lambda _, level: is_uncertain(level.write_bandwidth), 0.0).astype(bool),
        inner_is_doubtful=inner,
        any_inner_is_doubtful=np.logical_or.accumulate(inner[:, ::-1], axis=1)[:, ::-1],
        read_doubtful_j=by_level(lambda _, level: _doubtful(level.read_energy), 0.0),
        write_doubtful_j=by_level(lambda _, level: _doubtful(level.write_energy), 0.0),
        launch_doubtful_s=doubtful(lambda target: target.launch_overhead),
        static_doubtful_w=doubtful(lambda target: target.static_power),
    )


def _value(quantity: Quantity | None) -> float:
    return np.nan if quantity is None else quantity.value


def _doubtful(quantity: Quantity | None) -> float:
    return quantity.value if quantity is not None and is_uncertain(quantity) else 0.0


def _measured(target: Target, name: str) -> float:
    quantity = target.efficiency.get(name)
    return 1.0 if quantity is None else quantity.value


def _rate(level: MemoryLevel, bandwidth: Quantity | None) -> float:
    return np.inf if bandwidth is None else bandwidth.value * level.instances


def _both_rate(_: Target, level: MemoryLevel) -> float:
    bandwidth = bandwidth_bytes_per_s(level)
    return np.nan if bandwidth is None else bandwidth * level.instances
