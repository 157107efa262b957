"""What in a sound description is so unusual that a slip is likelier?

Nothing here is an error: a slip of a prefix moves a number a thousandfold, and the margins are as wide as real
devices need. Each warning has a code of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from onnxroof.targets.faults import Fault
from onnxroof.targets.model import Engine, MemoryLevel, Target

__all__ = ["implausible"]

_POWER_MARGIN = 1.5  # boost clocks that a cap does not sustain pass it by less
_ARRAY_MARGIN = 1.5  # so do clocks beyond the nominal one
_ENERGY_MARGIN = 1.05  # two levels of one technology differ by rounding
_LEAST_RIDGE, _LARGEST_RIDGE = 1.0, 50_000.0  # of what is known, 5 and 13,000 are the ends


def implausible(target: Target) -> Iterator[Fault]:
    """Warnings, each at the key whose number is likeliest wrong; indices are those of the target."""
    yield from _levels(target)
    for index, engine in enumerate(target.engines):
        yield from _power(target, index, engine)
        yield from _narrow(index, engine)
        yield from _array(target, index, engine)
    yield from _ridge(target)
    if not any("mac" in engine.runs for engine in target.engines):
        yield Fault(
            path=("engine", 0, "runs"),
            message="expected an engine that runs `mac`, found none: contractions will take no time",
            hint="contractions are most of the work of most models",
            code="T308",
        )


def _levels(target: Target) -> Iterator[Fault]:
    for index, inner in enumerate(target.levels[1:], 1):
        # Levels of different operands lie side by side: what feeds this one is the next further out that holds its.
        outer = next(level for level in reversed(target.levels[:index]) if level.holds & inner.holds)
        fast, slow = _bandwidth(inner), _bandwidth(outer)
        if fast is not None and slow is not None and fast < slow:
            yield Fault(
                path=("memory", index, "bandwidth" if inner.shares_port else "read_bandwidth"),
                message=f"expected at least the {slow:.3g} B/s of `{outer.name}` outside it, found {fast:.3g} B/s",
                hint="levels stand outermost first, and of a level with the scope `core` the file gives one instance",
                code="T301",
            )
        is_shared = outer.scope == inner.scope == "device"
        if is_shared and outer.capacity and inner.capacity and inner.capacity.value > outer.capacity.value:
            yield Fault(
                path=("memory", index, "capacity"),
                message=f"expected at most the {outer.capacity.text} of `{outer.name}` outside it, "
                f"found {inner.capacity.text}",
                hint="levels stand outermost first",
                code="T302",
            )
        near, far = inner.read_energy, outer.read_energy
        if near and far and near.value > far.value * _ENERGY_MARGIN:
            yield Fault(
                path=("memory", index, "energy" if inner.read_energy == inner.write_energy else "read_energy"),
                message=f"expected at most the {far.text} of `{outer.name}` outside it, found {near.text}",
                hint="what is nearer to the compute units takes less energy",
                code="T303",
            )


def _power(target: Target, index: int, engine: Engine) -> Iterator[Fault]:
    if target.power_cap is None:
        return
    for number, peak in enumerate(engine.peaks):
        if peak.rate and peak.energy and peak.rate.value * peak.energy.value > _POWER_MARGIN * target.power_cap.value:
            power_w = peak.rate.value * peak.energy.value
            yield Fault(
                path=("engine", index, "peak", number, "energy"),
                message=f"at {peak.rate.text} and {peak.energy.text} the engine draws {power_w:.3g} W, "
                f"more than the power cap of {target.power_cap.text}",
                hint="rate, energy or cap has another prefix, or one of them counts MACs",
                code="T304",
            )


def _narrow(index: int, engine: Engine) -> Iterator[Fault]:
    """Narrower numbers of one kind, which no hardware works on more slowly."""
    known = [(number, peak.input, peak.rate) for number, peak in enumerate(engine.peaks) if peak.rate]
    for number, dtype, rate in known:
        wider = [
            (other_rate.value, other_rate.text, other.name)
            for _, other, other_rate in known
            if other.kind is dtype.kind and other.bits > dtype.bits and other_rate.value > rate.value
        ]
        if wider:
            _, text, name = max(wider)
            yield Fault(
                path=("engine", index, "peak", number, "rate"),
                message=f"expected at least the {text} of the wider {name}, found {rate.text} for {dtype.name}",
                hint="the two may be mixed up",
                code="T305",
            )


def _array(target: Target, index: int, engine: Engine) -> Iterator[Fault]:
    array, rates = engine.array, [peak.rate for peak in engine.peaks if peak.rate]
    if array is None or target.clock is None or len(rates) < len(engine.peaks) or not rates:
        return
    slowest = min(rates, key=lambda rate: rate.value)  # narrow types may take an element several times a clock
    most = 2.0 * array.m * array.n * array.k * target.cores * target.clock.value
    if slowest.value > _ARRAY_MARGIN * most:
        yield Fault(
            path=("engine", index, "array"),
            message=f"{target.cores} arrays of {array.m} x {array.n} x {array.k} at {target.clock.text} do "
            f"{most:.3g} OP/s, found a peak of {slowest.text}",
            hint="the array is that of one core, the peak that of the whole chip",
            code="T307",
        )


def _ridge(target: Target) -> Iterator[Fault]:
    rates = [peak.rate.value for engine in target.engines for peak in engine.peaks if peak.rate]
    bandwidth = _bandwidth(target.levels[0])
    if not rates or bandwidth is None:
        return
    ridge = max(rates) / bandwidth
    if not _LEAST_RIDGE <= ridge <= _LARGEST_RIDGE:
        yield Fault(
            path=("memory", 0, "bandwidth" if target.levels[0].shares_port else "read_bandwidth"),
            message=f"the fastest peak does {ridge:.3g} operations in the time of a byte of `{target.levels[0].name}`, "
            f"expected {_LEAST_RIDGE:g} to {_LARGEST_RIDGE:g}",
            hint="rate or bandwidth has another prefix, or the bandwidth is one in bits",
            code="T306",
        )


def _bandwidth(level: MemoryLevel) -> float | None:
    """Of all instances together, the faster direction."""
    known = [quantity.value for quantity in (level.read_bandwidth, level.write_bandwidth) if quantity]
    return max(known) * level.instances if known else None
