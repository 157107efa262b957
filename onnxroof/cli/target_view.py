"""How does a target look in a terminal and in JSON?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from onnxroof.targets.gaps import unknown_keys
from onnxroof.targets.model import Engine, MemoryLevel, Peak, Quantity, Target
from onnxroof.units import format_si

__all__ = ["print_list", "print_target", "target_json"]

_CHIP = ("process", "area", "clock", "static_power", "power_cap", "launch_overhead")


def print_list(targets: Iterable[Target]) -> None:
    """Prints one line a target."""
    rows = [(target.id, target.name, target.vendor, target.klass) for target in targets]
    _console().print(_table(("id", "name", "vendor", "class"), rows))


def print_target(target: Target) -> None:
    """Prints engines, levels, ridge points, sources and what is unknown."""
    console = _console()
    console.print(" · ".join(filter(None, (target.name, target.id, target.klass, target.vendor))))
    console.print(", ".join(_chip_facts(target)))
    engines = [
        (
            engine.name,
            " ".join(sorted(engine.runs)),
            peak.input.name,
            peak.accumulate.name,
            _text(peak.rate),
            _text(peak.energy),
            _kinds(peak.rate, peak.energy),
        )
        for engine, peak in _peaks(target)
    ]
    engine_heads = ("engine", "runs", "type", "accumulate", "dense peak", "energy", "source kinds")
    console.print("\nEngines", _table(engine_heads, engines))
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
    console.print("\nMemory levels, outermost first, figures of one instance", _table(level_heads, levels))
    for title, ridge in (
        ("Ridge points in time: operations per byte where compute takes as long as the level", _ridge),
        ("Ridge points in energy: operations per byte where compute takes as much as the level", _energy_ridge),
    ):
        rows = [
            (engine.name, peak.input.name, *(format_si(ridge(peak, level), "OP/B") for level in target.levels))
            for engine, peak in _peaks(target)
            if any(ridge(peak, level) is not None for level in target.levels)
        ]
        if rows:
            console.print(f"\n{title}", _table(("engine", "type", *(level.name for level in target.levels)), rows))
    sources = [(key, source.kind, _source_title(target, key)) for key, source in target.sources.items()]
    console.print("\nSources", _table(("key", "kind", "title"), sources))
    console.print("\nUnknown: " + (", ".join(unknown_keys(target)) or "nothing"))


def target_json(target: Target) -> dict[str, object]:
    """A target as JSON: quantities in SI with their text and source, what is unknown as null."""
    return {
        "id": target.id,
        "name": target.name,
        "vendor": target.vendor or None,
        "class": target.klass,
        "released": target.released.isoformat() if target.released else None,
        "fusion": target.fusion,
        "fused_attention": target.fused_attention,
        "chip": {"cores": target.cores} | {name: _quantity(getattr(target, name)) for name in _CHIP},
        "engines": [_engine(engine) for engine in target.engines],
        "levels": [_level(level, target) for level in target.levels],
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


def _console() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, emoji=False, width=160)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold")
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
    bandwidths = [quantity.value for quantity in (level.read_bandwidth, level.write_bandwidth) if quantity is not None]
    if peak.rate is None or not bandwidths:
        return None
    return peak.rate.value / (max(bandwidths) * level.instances)


def _energy_ridge(peak: Peak, level: MemoryLevel) -> float | None:
    """Operations per byte where the operations take as much energy as the byte, read and write on average."""
    if peak.energy is None or not peak.energy.value or level.read_energy is None or level.write_energy is None:
        return None
    return (level.read_energy.value + level.write_energy.value) / 2 / peak.energy.value


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
