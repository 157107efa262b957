"""How much does each number of a target matter to a model's time and energy?

Each number is changed by a small factor and the model is priced or, where what it does changes too, evaluated again. So
every effect is in it: other engines that become the fastest, tiles that grow with a capacity, what stays on chip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from onnxroof.roofline.result import PlanResult
from onnxroof.targets.model import Engine, MemoryLevel, Peak, Quantity, Target

__all__ = [
    "BITS",
    "FUSION",
    "STEP",
    "Elasticity",
    "Number",
    "doubled",
    "elasticities",
    "figures_on",
    "numbers",
    "without_fusion",
]

BITS = "bits of every element"
"""The key of what is no number of the target."""

FUSION = "fusion"
"""The key of what each operator alone would do."""

STEP = 1e-3
"""A number is multiplied and divided by 1 + STEP."""


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number of a target that its figures depend on.

    Attributes:
        key: As in `unknown`, e.g. `memory[dram].bandwidth`.
        scaled: The target with this number times a factor.
    """

    key: str
    scaled: Callable[[float], Target]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticity:
    """What a number of the target, or of the model, does to a plan.

    Attributes:
        key: Of the number.
        latency: d ln(latency) / d ln(number): -1 where twice the number halves the time; None where unknown. Of a
            dimension, a whole number, over a doubling; None for what is no number.
        energy: The same of the energy.
        twice_latency: Latency after `change` / latency now: what steps (a tensor that then fits) do, which no small
            change shows; None where unknown.
        twice_energy: The same of the energy.
        change: `twice` the number, or `without` it (`FUSION`).
    """

    key: str
    latency: float | None
    energy: float | None
    twice_latency: float | None
    twice_energy: float | None
    change: str = "twice"


def elasticities(target: Target, plan: PlanResult, evaluated: Callable[[Target], PlanResult]) -> tuple[Elasticity, ...]:
    """Elasticity of a plan to every number of a target that it may depend on, in the order of the target's parts.

    The last is that to the bits of the model's elements (`BITS`), at the rates that the target has for them now.

    Args:
        target: The target.
        plan: The plan on it.
        evaluated: The plan on another target; only figures are read, so that all else may be left out.
    """
    found = [*numbers(target), _bits(target)]
    factors = (1 + STEP, 1 / (1 + STEP), 2.0)
    figures = figures_on(plan, [number.scaled(factor) for number in found for factor in factors], evaluated)
    base = (plan.latency_s, plan.energy_j)
    return tuple(
        _elasticity(number.key, base, figures[place : place + len(factors)])
        for number, place in zip(found, range(0, len(figures), len(factors)), strict=True)
    )


def doubled(key: str, plan: PlanResult, after: PlanResult) -> Elasticity:
    """Elasticity to a dimension of the model, from its plan before and after the dimension is doubled."""
    ratios = _ratio(after.latency_s, plan.latency_s), _ratio(after.energy_j, plan.energy_j)
    latency, energy = (math.log2(ratio) if ratio else None for ratio in ratios)
    return Elasticity(key=key, latency=latency, energy=energy, twice_latency=ratios[0], twice_energy=ratios[1])


def without_fusion(plan: PlanResult, apart: PlanResult) -> Elasticity:
    """What fusion is worth: the plan beside that of each operator alone."""
    return Elasticity(
        key=FUSION,
        latency=None,
        energy=None,
        twice_latency=_ratio(apart.latency_s, plan.latency_s),
        twice_energy=_ratio(apart.energy_j, plan.energy_j),
        change="without",
    )


def numbers(target: Target) -> Iterator[Number]:
    """The numbers that times and energies are made of: what the file does not state has none."""
    for place, engine in enumerate(target.engines):
        yield from _engine_numbers(target, place, engine)
    for place, level in enumerate(target.levels):
        yield from _level_numbers(target, place, level)
    for key in ("static_power", "launch_overhead"):
        quantity: Quantity | None = getattr(target, key)
        if quantity is not None:
            yield Number(f"chip.{key}", _chip_scaled(target, key, quantity))


def _bits(target: Target) -> Number:
    """So many times the bytes of everything are as good as so many times less bandwidth and room at such a price."""

    def scaled(factor: float) -> Target:
        less, more = partial(_maybe, factor=1 / factor), partial(_maybe, factor=factor)
        levels = tuple(
            replace(
                level,
                capacity=less(level.capacity),
                read_bandwidth=less(level.read_bandwidth),
                write_bandwidth=less(level.write_bandwidth),
                read_energy=more(level.read_energy),
                write_energy=more(level.write_energy),
            )
            for level in target.levels
        )
        return replace(target, levels=levels)

    return Number(BITS, scaled)


def _maybe(quantity: Quantity | None, factor: float) -> Quantity | None:
    return None if quantity is None else _times(quantity, factor)


def _engine_numbers(target: Target, place: int, engine: Engine) -> Iterator[Number]:
    for index, peak in enumerate(engine.peaks):
        for key, quantity in (("rate", peak.rate), ("energy", peak.energy)):
            if quantity is not None:
                name = f"engine[{engine.name}].peak[{peak.input.name}].{key}"
                yield Number(name, _peak_scaled(target, place, index, peak, key, quantity))
    for name, cost in engine.special_cost.items():
        yield Number(f"engine[{engine.name}].special_cost.{name}", _special_scaled(target, place, name, cost))


def _level_numbers(target: Target, place: int, level: MemoryLevel) -> Iterator[Number]:
    groups: list[tuple[str, tuple[str, ...]]] = [("capacity", ("capacity",))]
    if level.shares_port:
        groups.append(("bandwidth", ("read_bandwidth", "write_bandwidth")))
    else:
        groups += [(key, (key,)) for key in ("read_bandwidth", "write_bandwidth")]
    if level.read_energy == level.write_energy:
        groups.append(("energy", ("read_energy", "write_energy")))
    else:
        groups += [(key, (key,)) for key in ("read_energy", "write_energy")]
    for key, fields in groups:
        if getattr(level, fields[0]) is not None:
            yield Number(f"memory[{level.name}].{key}", _level_scaled(target, place, level, fields))


def _chip_scaled(target: Target, key: str, quantity: Quantity) -> Callable[[float], Target]:
    def scaled(factor: float) -> Target:
        changed: dict[str, Quantity] = {key: _times(quantity, factor)}
        return replace(target, **changed)  # type: ignore[arg-type]

    return scaled


def _peak_scaled(
    target: Target, place: int, index: int, peak: Peak, key: str, quantity: Quantity
) -> Callable[[float], Target]:
    def scaled(factor: float) -> Target:
        changed: dict[str, Quantity] = {key: _times(quantity, factor)}
        peaks = [*target.engines[place].peaks]
        peaks[index] = replace(peak, **changed)  # type: ignore[arg-type]
        return _with_engine(target, place, replace(target.engines[place], peaks=tuple(peaks)))

    return scaled


def _special_scaled(target: Target, place: int, name: str, cost: float) -> Callable[[float], Target]:
    def scaled(factor: float) -> Target:
        engine = target.engines[place]
        return _with_engine(target, place, replace(engine, special_cost={**engine.special_cost, name: cost * factor}))

    return scaled


def _level_scaled(target: Target, place: int, level: MemoryLevel, fields: tuple[str, ...]) -> Callable[[float], Target]:
    def scaled(factor: float) -> Target:
        quantity = _times(getattr(level, fields[0]), factor)
        changed: dict[str, Quantity] = dict.fromkeys(fields, quantity)
        levels = [*target.levels]
        levels[place] = replace(level, **changed)  # type: ignore[arg-type]
        return replace(target, levels=tuple(levels))

    return scaled


def _with_engine(target: Target, place: int, engine: Engine) -> Target:
    engines = [*target.engines]
    engines[place] = engine
    return replace(target, engines=tuple(engines))


def _times(quantity: Quantity, factor: float) -> Quantity:
    return replace(quantity, value=quantity.value * factor)


def figures_on(
    plan: PlanResult, targets: Sequence[Target], evaluated: Callable[[Target], PlanResult]
) -> list[tuple[float | None, float | None]]:
    """Latency and energy of a plan on each target: priced together where bytes and engines stay as they are."""
    ledger = plan.ledger
    covered = [place for place, target in enumerate(targets) if ledger is not None and ledger.covers(target)]
    found: dict[int, tuple[float | None, float | None]] = {}
    if ledger is not None:
        priced = ledger.priced([targets[place] for place in covered])
        for place, latency_s, energy_j in zip(covered, priced.latency_s, priced.energy_j, strict=True):
            found[place] = _known(latency_s), _known(energy_j)
    for place, target in enumerate(targets):
        if place not in found:
            other = evaluated(target)
            found[place] = other.latency_s, other.energy_j
    return [found[place] for place in range(len(targets))]


def _elasticity(
    key: str, base: tuple[float | None, float | None], figures: Sequence[tuple[float | None, float | None]]
) -> Elasticity:
    more, less, twice = figures
    slopes = [_slope(above, below) for above, below in zip(more, less, strict=True)]
    doubled = [_ratio(after, before) for after, before in zip(twice, base, strict=True)]
    return Elasticity(key=key, latency=slopes[0], energy=slopes[1], twice_latency=doubled[0], twice_energy=doubled[1])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _slope(more: float | None, less: float | None) -> float | None:
    return math.log(more / less) / (2 * math.log1p(STEP)) if more and less else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
