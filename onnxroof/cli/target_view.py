"""How does a target look in a terminal and in JSON?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from onnxroof.cli.roof_chart import chart, fastest_peak, roofs
from onnxroof.roofline.model import energy_ridge_ops_per_byte, ridge_ops_per_byte
from onnxroof.roofline.terms import bandwidth_bytes_per_s, least_energy_j_per_byte
from onnxroof.targets.catalog import load_target
from onnxroof.targets.diff import Fact, differences
from onnxroof.targets.gaps import unknown_keys
from onnxroof.targets.model import Engine, Layout, MemoryLevel, Peak, Quantity, Support, Target
from onnxroof.units import format_si

__all__ = ["differences_json", "print_differences", "print_target", "table_of", "target_json", "terminal"]

_WIDEST_CHART = 100
_CHIP = ("process", "area", "clock", "static_power", "idle_power", "power_cap", "launch_overhead", "host_link")


def print_target(target: Target) -> None:
    """Prints engines, levels, ridge points, sources and what is unknown."""
    console = terminal()
    console.print(" · ".join(filter(None, (target.name, target.id, target.klass, target.vendor))))
    if target.extends:
        console.print(f"extends {target.extends}")
    console.print(", ".join(_chip_facts(target)))
    if target.modes:
        console.print("power modes: " + ", ".join(map(_mode_words, _modes(target))))
    if target.support is not None:
        operators, support = ", ".join(sorted(target.support.operators)), target.support
        console.print(f"{support.compiler} [{support.source.kind}] puts on it: {operators}")
    console.print()
    for roof in roofs(target):
        console.print("\n".join([*chart(roof, min(console.width, _WIDEST_CHART)), ""]))
    engines = [
        (
            engine.name if peak is engine.peaks[0] else "",
            peak.input.name,
            peak.accumulate.name,
            _text(peak.rate),
            _text(peak.energy),
            _kinds(peak.rate, peak.energy),
        )
        for engine, peak in _peaks(target)
    ]
    engine_heads = ("engine", "type", "accumulate", "dense peak", "energy", "source kinds")
    runs = [f"{engine.name} runs {', '.join(sorted(engine.runs))}" for engine in target.engines]
    console.print(f"Engines: {'; '.join(runs)}", table_of(engine_heads, engines))
    levels = [
        (
            level.name,
            f"{level.scope} × {level.instances}",
            _text(level.capacity),
            _both(level.read_bandwidth, level.write_bandwidth),
            _both(level.read_energy, level.write_energy),
            _kinds(level.capacity, level.read_bandwidth, level.write_bandwidth, level.read_energy, level.write_energy),
        )
        for level in target.levels
    ]
    level_heads = ("level", "instances", "capacity", "bandwidth", "energy", "source kinds")
    console.print("\nMemory levels, outermost first, figures of one instance", table_of(level_heads, levels))
    for title, ridge in (
        ("Ridge points in time: OP/B where compute takes as long as the level", _ridge),
        ("Ridge points in energy: OP/B where compute takes as much as the level", _energy_ridge),
    ):
        rows = [
            (engine.name, peak.input.name, *(format_si(ridge(peak, level), "").strip() for level in target.levels))
            for engine, peak in _peaks(target)
            if any(ridge(peak, level) is not None for level in target.levels)
        ]
        if rows:
            console.print(f"\n{title}", table_of(("engine", "type", *(level.name for level in target.levels)), rows))
    sources = [(key, source.kind, _source_title(target, key)) for key, source in target.sources.items()]
    console.print("\nSources", table_of(("key", "kind", "title"), sources))
    console.print("\nUnknown: " + (", ".join(unknown_keys(target)) or "nothing"))


def target_json(target: Target) -> dict[str, object]:
    """A target as JSON: quantities in SI with their text and source, what is unknown as null."""
    return {
        "id": target.id,
        "name": target.name,
        "vendor": target.vendor or None,
        "class": target.klass,
        "extends": target.extends or None,
        "released": target.released.isoformat() if target.released else None,
        "fusion": target.fusion,
        "fused_attention": target.fused_attention,
        "chip": {"cores": target.cores} | {name: _quantity(getattr(target, name)) for name in _CHIP},
        "engines": [_engine(engine) for engine in target.engines],
        "levels": [_level(level, target) for level in target.levels],
        "layout": _layout(target.layout),
        "support": _support(target.support),
        "modes": [_mode(mode) for mode in _modes(target)],
        "efficiency": {name: _quantity(quantity) for name, quantity in target.efficiency.items()},
        "sources": [
            {
                "key": source.key,
                "title": source.title,
                "kind": source.kind,
                "from": source.derived_from or None,
                "retrieved": source.retrieved.isoformat() if source.retrieved else None,
                "url": source.url or None,
            }
            for source in target.sources.values()
        ],
        "unknown": list(unknown_keys(target)),
    }


def _layout(layout: Layout | None) -> dict[str, object] | None:
    if layout is None:
        return None
    return {
        "channel_multiple": layout.channel_multiple,
        "channels_last": layout.channels_last,
        "source": layout.source.key,
        "where": layout.where or None,
    }


def _modes(target: Target) -> Iterator[Target]:
    """A target in each of its modes."""
    return (load_target(f"{target.path}@{name}") for name in target.modes)


def _mode_words(mode: Target) -> str:
    """As in "@15w (clock 670 MHz, power cap 15 W)"."""
    facts = [f"{name.replace('_', ' ')} {q.text}" for name in ("clock", "power_cap") if (q := getattr(mode, name))]
    return f"@{mode.id.rpartition('@')[2]}" + (f" ({', '.join(facts)})" if facts else "")


def _mode(mode: Target) -> dict[str, object]:
    found = fastest_peak(mode)
    return {
        "id": mode.id,
        "name": mode.name,
        "clock": _quantity(mode.clock),
        "power_cap": _quantity(mode.power_cap),
        "peak_ops_per_s": found[1].rate.value if found and found[1].rate else None,
        "bandwidth_bytes_per_s": bandwidth_bytes_per_s(mode.levels[0]),
    }


def _support(support: Support | None) -> dict[str, object] | None:
    if support is None:
        return None
    return {
        "compiler": support.compiler,
        "source": support.source.key,
        "where": support.where or None,
        "operators": sorted(support.operators),
        "constant_weights": sorted(support.constant_weights),
        "types": sorted(dtype.name for dtype in support.types),
        "largest_rank": support.largest_rank,
        "cut": support.cut,
        "unchecked": support.unchecked or None,
    }


def print_differences(first: Target, second: Target) -> None:
    """Prints what two targets say differently, with the ratio of numbers."""
    rows = [
        (row.key, _fact(row.first), _fact(row.second), f"{row.ratio:.3g}" if row.ratio is not None else "")
        for row in differences(first, second)
    ]
    if rows:
        terminal().print(table_of(("key", first.id, second.id, "ratio"), rows))
    else:
        terminal().print(f"{first.id} and {second.id} say the same")


def differences_json(first: Target, second: Target) -> dict[str, object]:
    """What two targets say differently as JSON, null where one has no such thing."""

    def fact(said: Fact | None) -> dict[str, object] | None:
        return said if said is None else {"text": said.text, "value": said.value, "kind": said.kind or None}

    rows = [
        {"key": row.key, "first": fact(row.first), "second": fact(row.second), "ratio": row.ratio}
        for row in differences(first, second)
    ]
    return {"first": first.id, "second": second.id, "differences": rows}


def _fact(fact: Fact | None) -> str:
    return "has none" if fact is None else " ".join(filter(None, (fact.text, f"[{fact.kind}]" if fact.kind else "")))


def terminal() -> Console:
    """Where tables go: as wide as the terminal, or as `COLUMNS` says; wide in a file."""
    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(markup=False, highlight=False, emoji=False, width=200)


def table_of(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without lines, which breaks lines where it must, but never in the first column."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, head in enumerate(heads):
        table.add_column(head, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*row)
    return table


def _chip_facts(target: Target) -> Iterator[str]:
    yield f"{target.cores} core{'s' if target.cores != 1 else ''}"
    for name in _CHIP:
        quantity = getattr(target, name)
        if quantity is not None:
            yield f"{name.replace('_', ' ')} {quantity.text} [{quantity.source.kind}]"
    yield f"compiler fuses: {target.fusion or 'unknown'}" + (", attention" if target.fused_attention else "")


def _peaks(target: Target) -> Iterator[tuple[Engine, Peak]]:
    return ((engine, peak) for engine in target.engines for peak in engine.peaks)


def _text(quantity: Quantity | None) -> str:
    return quantity.text if quantity is not None else "unknown"


def _both(read: Quantity | None, write: Quantity | None) -> str:
    return _text(read) if read == write else f"read {_text(read)}, write {_text(write)}"


def _kinds(*quantities: Quantity | None) -> str:
    kinds = dict.fromkeys(quantity.source.kind for quantity in quantities if quantity is not None)
    return " ".join(kinds)


def _source_title(target: Target, key: str) -> str:
    source = target.sources[key]
    return source.title + (f"; from: {source.derived_from}" if source.derived_from else "")


def _ridge(peak: Peak, level: MemoryLevel) -> float | None:
    """Operations per byte where the peak takes as long as the level, its instances together."""
    bandwidth = bandwidth_bytes_per_s(level)
    if peak.rate is None or bandwidth is None:
        return None
    return ridge_ops_per_byte(peak.rate.value, bandwidth * level.instances)


def _energy_ridge(peak: Peak, level: MemoryLevel) -> float | None:
    """Operations per byte where the operations take as much energy as the byte, read and write on average."""
    energy = least_energy_j_per_byte(level)
    if peak.energy is None or not peak.energy.value or energy is None:
        return None
    return energy_ridge_ops_per_byte(peak.energy.value, energy)


def _quantity(quantity: Quantity | None) -> dict[str, object] | None:
    if quantity is None:
        return None
    return {
        "value": quantity.value,
        "text": quantity.text,
        "source": quantity.source.key,
        "where": quantity.where or None,
    }


def _engine(engine: Engine) -> dict[str, object]:
    array, sparsity = engine.array, engine.sparsity
    return {
        "name": engine.name,
        "runs": sorted(engine.runs),
        "array": {"m": array.m, "n": array.n, "k": array.k, "stationary": array.stationary or None} if array else None,
        "sparsity": {"pattern": sparsity.pattern, "operand": sparsity.operand, "speedup": sparsity.speedup}
        if sparsity
        else None,
        "special_cost": dict(engine.special_cost),
        "overlap": engine.overlaps,
        "peaks": [
            {
                "input": peak.input.name,
                "accumulate": peak.accumulate.name,
                "rate": _quantity(peak.rate),
                "energy": _quantity(peak.energy),
            }
            for peak in engine.peaks
        ],
    }


def _level(level: MemoryLevel, target: Target) -> dict[str, object]:
    return {
        "name": level.name,
        "scope": level.scope,
        "instances": level.instances,
        "capacity": _quantity(level.capacity),
        "read_bandwidth": _quantity(level.read_bandwidth),
        "write_bandwidth": _quantity(level.write_bandwidth),
        "shares_port": level.shares_port,
        "read_energy": _quantity(level.read_energy),
        "write_energy": _quantity(level.write_energy),
        "overlap": level.overlaps,
        "usable": level.usable,
        "keeps": sorted(level.keeps),
        "holds": sorted(level.holds),
        "access_width": _quantity(level.access_width),
        "ridges": [
            {
                "engine": engine.name,
                "input": peak.input.name,
                "accumulate": peak.accumulate.name,
                "ridge_ops_per_byte": _ridge(peak, level),
                "energy_ridge_ops_per_byte": _energy_ridge(peak, level),
            }
            for engine, peak in _peaks(target)
        ],
    }
