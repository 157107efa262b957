"""In what do two targets differ?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onnxroof.targets.model import Engine, MemoryLevel, Quantity, Support, Target

__all__ = ["Difference", "Fact", "differences", "facts"]

_CHIP = ("process", "area", "clock", "static_power", "idle_power", "power_cap", "launch_overhead", "host_link")
_LEVEL = ("capacity", "read_bandwidth", "write_bandwidth", "read_energy", "write_energy", "access_width")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is said of a target.

    Attributes:
        text: As the file says it, "unknown" where it says nothing.
        value: In SI, None for what is no number or not known.
        kind: Of the source, "" where there is none.
    """

    text: str
    value: float | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of which two targets say different things.

    Attributes:
        key: E.g. `memory[dram].read_bandwidth`.
        first, second: What each says; None where it has no such engine, type or level.
    """

    key: str
    first: Fact | None
    second: Fact | None

    @property
    def ratio(self) -> float | None:
        """The second number over the first, None where one is not known."""
        if self.first is None or self.second is None or self.second.value is None or not self.first.value:
            return None
        return self.second.value / self.first.value


def differences(first: Target, second: Target) -> list[Difference]:
    """Keys on which two targets differ, in the order of their files; numbers are compared in SI, sources not at all."""
    one, other = facts(first), facts(second)
    pairs = ((key, one.get(key), other.get(key)) for key in _interleaved(list(one), list(other)))
    return [Difference(key, a, b) for key, a, b in pairs if _said(a) != _said(b)]


def facts(target: Target) -> dict[str, Fact]:
    """Everything that is said of a target but its id, its name and its sources, by key."""
    found = {
        "vendor": Fact(target.vendor or "unknown"),
        "class": Fact(target.klass),
        "released": Fact(target.released.isoformat() if target.released else "unknown"),
        "fusion": Fact(target.fusion or "unknown"),
        "fused_attention": Fact(_yes(target.fused_attention)),
        "chip.cores": Fact(str(target.cores), target.cores),
    }
    found |= {f"chip.{name}": _quantity(getattr(target, name)) for name in _CHIP}
    for engine in target.engines:
        found |= {f"engine[{engine.name}].{key}": fact for key, fact in _engine(engine)}
    found["memory"] = Fact(", ".join(level.name for level in target.levels))
    for level in target.levels:
        found |= {f"memory[{level.name}].{key}": fact for key, fact in _level(level)}
    if target.layout is not None:
        multiple = target.layout.channel_multiple
        found["layout.channel_multiple"] = Fact(str(multiple), multiple)
        found["layout.channels_last"] = Fact(_yes(target.layout.channels_last))
    found |= {f"support.{key}": fact for key, fact in _support(target.support)}
    return found | {f"efficiency.{name}": _quantity(quantity) for name, quantity in target.efficiency.items()}


def _engine(engine: Engine) -> Iterator[tuple[str, Fact]]:
    array, sparsity = engine.array, engine.sparsity
    yield "runs", Fact(", ".join(sorted(engine.runs)))
    stationary = f", {array.stationary} stationary" if array and array.stationary else ""
    yield "array", Fact(f"{array.m} x {array.n} x {array.k}{stationary}" if array else "unknown")
    yield "sparsity", Fact(f"{sparsity.pattern} {sparsity.operand} {sparsity.speedup:g}" if sparsity else "unknown")
    yield "overlap", Fact(_yes(engine.overlaps))
    for name, lanes in engine.special_cost.items():
        yield f"special_cost.{name}", Fact(f"{lanes:g}", lanes)
    for peak in engine.peaks:
        key = f"peak[{peak.input.name} into {peak.accumulate.name}]"
        yield f"{key}.rate", _quantity(peak.rate)
        yield f"{key}.energy", _quantity(peak.energy)


def _support(support: Support | None) -> Iterator[tuple[str, Fact]]:
    if support is None:
        return
    yield "compiler", Fact(support.compiler)
    yield "operators", Fact(", ".join(sorted(support.operators)))
    yield "constant_weights", Fact(", ".join(sorted(support.constant_weights)) or "none")
    yield "types", Fact(", ".join(sorted(dtype.name for dtype in support.types)) or "unknown")
    yield "largest_rank", Fact(str(support.largest_rank or "unknown"), support.largest_rank)
    yield "cut", Fact(support.cut)


def _level(level: MemoryLevel) -> Iterator[tuple[str, Fact]]:
    for name in _LEVEL:
        yield name, _quantity(getattr(level, name))
    yield "shares_port", Fact(_yes(level.shares_port))
    yield "scope", Fact(level.scope)
    yield "instances", Fact(str(level.instances), level.instances)
    yield "overlap", Fact(_yes(level.overlaps))
    yield "usable", Fact(f"{level.usable:g}", level.usable)
    yield "keeps", Fact(", ".join(sorted(level.keeps)) or "nothing")
    yield "holds", Fact(", ".join(sorted(level.holds)))


def _quantity(quantity: Quantity | None) -> Fact:
    return Fact("unknown") if quantity is None else Fact(quantity.text, quantity.value, quantity.source.kind)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _said(fact: Fact | None) -> object:
    return fact if fact is None else fact.text if fact.value is None else fact.value


def _interleaved(first: list[str], second: list[str]) -> list[str]:
    """All keys: those of the first in order, each key that only the second has behind the one before it there."""
    keys = list(first)
    at = 0
    for key in second:
        if key in first:
            at = keys.index(key) + 1
        else:
            keys.insert(at, key)
            at += 1
    return keys
