"""How does a target file become a `Target`, and how are all of its faults told at once?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.errors import Diagnostic, TargetError
from onnxroof.targets.beside import faults_beside, validated
from onnxroof.targets.checks import cross_checks
from onnxroof.targets.extend import Extended, extended
from onnxroof.targets.faults import Fault, diagnostics
from onnxroof.targets.inline import parse_inline
from onnxroof.targets.locate import is_inline, split_mode, target_path
from onnxroof.targets.model import Array, Engine, Layout, MemoryLevel, Peak, Quantity, Source, Sparsity, Support, Target
from onnxroof.targets.modes import clock_faults, in_mode, place_in_mode
from onnxroof.targets.plausible import implausible
from onnxroof.targets.schema import (
    ChipTable,
    EngineTable,
    LayoutTable,
    MemoryTable,
    QuantityTable,
    SupportTable,
    TargetTable,
)
from onnxroof.targets.toml_lines import KeyPath, key_lines, line_of
from onnxroof.units import UNITS, parse

__all__ = ["read_inline", "read_target", "read_target_text", "read_with_warnings"]

_MAX_BYTES = 2**20  # a target file is a few kilobytes; anything larger is something else
_BYTE_ORDER_MARK = "\ufeff"  # some editors put it before UTF-8


@dataclass(frozen=True, slots=True)
class _Document:
    """A sound description.

    Attributes:
        whole: Its tables, with those of what it extends.
        table: The same, validated.
        text: The file, "" for a line.
        path: What diagnostics call it, "" for a line.
        mode: Whose tables these are, "" for none.
        title: What people call the mode, "" for none.
    """

    whole: Extended
    table: TargetTable
    text: str
    path: str
    mode: str = ""
    title: str = ""


class _UnsoundError(TargetError):
    """Faults of a description whose tables are known, or None: what extends it is checked against them."""

    def __init__(self, *diagnostics: Diagnostic, raw: dict[str, object] | None) -> None:
        super().__init__(*diagnostics)
        self.raw = raw


def read_target(path: Path, mode: str = "") -> Target:
    """The target that a file describes, in one of its modes or, for "", as the file has it.

    The id must equal the file's name where the file lies in a folder named `hwdb`.

    Raises:
        TargetError: With every fault of the file, by line; or the mode is none of its.
    """
    return _target(_moded(_file(path, ()), mode))


def read_with_warnings(path: Path) -> tuple[Target, tuple[Diagnostic, ...]]:
    """The target that a file describes, and what in it is implausible, by line.

    Raises:
        TargetError: With every fault of the file, by line.
    """
    document = _file(path, ())
    target = _target(document)
    own = list(implausible(target))
    found = [replace(fault, path=document.whole.place(fault.path)) for fault in own]
    for mode in target.modes:
        moded = _moded(document, mode)
        new = [fault for fault in implausible(_target(moded)) if (fault.code, fault.path) not in _kinds(own)]
        found += [replace(fault, path=place_in_mode(moded.whole, mode, fault.path)) for fault in new]
    return target, tuple(diagnostics(found, document.text, document.path))


def _kinds(faults: list[Fault]) -> set[tuple[str, KeyPath]]:
    return {(fault.code, fault.path) for fault in faults}


def read_target_text(text: str, path: str, file_stem: str | None = None) -> Target:
    """The target that a text describes.

    Args:
        text: TOML.
        path: What diagnostics call the text; what it extends is looked for in the folder of this path.
        file_stem: The name that the id must equal; None where any word will do.

    Raises:
        TargetError: With every fault of the text, by line.
    """
    return _target(_text(text, path, file_stem, ()))


def read_inline(line: str) -> Target:
    """The target that a line describes, such as `peak=8TOP/s:INT8,dram=68GB/s`.

    Raises:
        TargetError: With every fault of the line, by its part.
    """
    return _target(_line(line))


def _file(path: Path, chain: tuple[Path, ...]) -> _Document:
    """A file as a document; `chain` are the files that extend it, the first one first."""
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TargetError.at(where, f"cannot read the target file: {reason}", code="T102") from None
    if len(data) > _MAX_BYTES:
        raise TargetError.at(where, f"expected a target file, found more than {_MAX_BYTES} bytes", code="T102")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TargetError.at(f"{where}:{line}", "expected UTF-8 text, found other bytes", code="T102") from None
    file_stem = path.stem if path.resolve().parent.name == "hwdb" else None
    return _text(text, where, file_stem, (*chain, path.resolve()))


def _text(text: str, path: str, file_stem: str | None, chain: tuple[Path, ...]) -> _Document:
    own = _parsed(text, path)
    text = text.removeprefix(_BYTE_ORDER_MARK)
    whole = Extended(own)
    if isinstance(word := own.get("extends"), str):
        try:
            whole = extended(_base(word, Path(path).parent, chain).whole.raw, own)
        except TargetError as error:
            # The file's other faults are told beside those of the base, as far as these leave them known.
            base = error.raw if isinstance(error, _UnsoundError) else None
            faults = faults_beside(own, base, file_stem)
            here = line_of(("extends",), key_lines(text))
            lost = [
                fault if fault.where else replace(fault, where=f"{path}:{here}", message=f"extends: {fault.message}")
                for fault in error.diagnostics
            ]
            raw = None if base is None else extended(base, own).raw
            raise _UnsoundError(*lost, *diagnostics(faults, text, path), raw=raw) from None
    table, faults = validated(whole.raw)
    faults = [*cross_checks(whole.raw, file_stem), *faults]
    placed = [replace(fault, path=whole.place(fault.path)) for fault in faults]
    if table is not None and not faults:
        own_modes = own.get("modes", {})
        for mode in table.modes:
            found = _mode_faults(whole.raw, mode)
            placed += found if mode in own_modes else [replace(fault, path=("extends",)) for fault in found]
    if table is None or placed:
        raise _UnsoundError(*diagnostics(placed, text, path), raw=whole.raw)
    return _Document(whole, table, text, path)


def _mode_faults(raw: dict[str, Any], mode: str) -> list[Fault]:
    """Faults of a mode of a sound file, at their places in it."""
    if faults := clock_faults(raw, mode):
        return faults
    whole = in_mode(raw, mode)
    _, found = validated(whole.raw)
    faults = [*cross_checks(whole.raw, None), *found]
    return [replace(fault, path=place_in_mode(whole, mode, fault.path)) for fault in faults]


def _moded(document: _Document, mode: str) -> _Document:
    """A document in one of its modes, as it is for ""."""
    if not mode:
        return document
    if mode not in document.table.modes:
        names = ", ".join(f"`{document.table.id}@{name}`" for name in document.table.modes)
        hint = f"there are {names}" if names else "it has no modes; `onnxroof targets list` shows those that have"
        fault = Diagnostic(message=f"`{document.table.id}` has no power mode `{mode}`", hint=hint, code="T108")
        raise _UnsoundError(fault, raw=document.whole.raw)
    whole = in_mode(document.whole.raw, mode)
    title = document.table.modes[mode].name or mode
    return replace(document, whole=whole, table=TargetTable.model_validate(whole.raw), mode=mode, title=title)


def _base(word: str, folder: Path, chain: tuple[Path, ...]) -> _Document:
    if is_inline(word, folder):
        return _line(word)
    word, mode = split_mode(word, folder)
    path = target_path(word, folder)
    if path.resolve() in chain:
        circle = " → ".join(f"`{file.name}`" for file in (*chain[chain.index(path.resolve()) :], path))
        hint = "one of them must stand alone"
        raise TargetError.at("", f"expected a base, found a circle: {circle}", hint, code="T105")
    return _moded(_file(path, chain), mode)


def _line(line: str) -> _Document:
    inline = parse_inline(line)
    table, found = validated(inline.raw)
    faults = list(inline.faults)
    for fault in (*cross_checks(inline.raw, None), *found):
        part = inline.part(fault.path)
        if part is not None or not inline.faults:  # a part that is not of the grammar leaves gaps in the whole
            faults.append(Diagnostic(where=part or line, message=fault.message, hint=fault.hint, code=fault.code))
    if table is None or faults:
        raise TargetError(*faults)
    return _Document(Extended(inline.raw), table, "", "")


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
        if at is None:
            raise TargetError.at(f"{path}:1", f"not TOML: {message}", code="T103") from None
        line = int(at[1]) if at[1] else max(1, len(text.splitlines()))
        raise TargetError.at(f"{path}:{line}", f"not TOML: {message[: at.start()]}", code="T103") from None
    except (ValueError, RecursionError):
        # Python limits the digits of an integer and the depth of calls; tomllib lets both through.
        raise TargetError.at(
            f"{path}:1", "not a target file: a number is too long or tables nest too deep", code="T103"
        ) from None


def _target(document: _Document) -> Target:
    table = document.table
    sources = {
        key: Source(
            key=key,
            title=source.title,
            kind=source.kind,
            retrieved=source.retrieved,
            derived_from=source.derived_from,
            url=source.url,
        )
        for key, source in table.sources.items()
    }
    chip = table.chip
    return Target(
        id=table.id + (f"@{document.mode}" if document.mode else ""),
        name=table.name + (f", {document.title}" if document.mode else ""),
        klass=table.class_,
        vendor=table.vendor or "",
        released=table.released,
        fusion=table.fusion,
        fused_attention=table.fused_attention,
        engines=tuple(_engine(engine, sources) for engine in table.engine),
        levels=tuple(_level(memory, chip, sources) for memory in table.memory),
        sources=sources,
        cores=chip.cores,
        clock=_quantity(chip.clock, sources),
        process=_quantity(chip.process, sources),
        area=_quantity(chip.area, sources),
        static_power=_quantity(chip.static_power, sources),
        idle_power=_quantity(chip.idle_power, sources),
        power_cap=_quantity(chip.power_cap, sources),
        launch_overhead=_quantity(chip.launch_overhead, sources),
        host_link=_quantity(chip.host_link, sources),
        layout=_layout(table.layout, sources),
        support=_support(table.support, sources),
        efficiency={
            name: quantity
            for name, entry in table.efficiency.items()
            if (quantity := _quantity(entry, sources)) is not None
        },
        modes={name: mode.name or name for name, mode in table.modes.items()},
        path=document.path,
        extends=table.extends or "",
    )


def _engine(engine: EngineTable, sources: Mapping[str, Source]) -> Engine:
    array, sparsity = engine.array, engine.sparsity
    return Engine(
        name=engine.name,
        runs=frozenset(engine.runs),
        peaks=tuple(
            Peak(
                input=DType[peak.input],
                accumulate=DType[peak.accumulate] if peak.accumulate else DType[peak.input].accumulator,
                rate=_quantity(peak.rate, sources),
                energy=_quantity(peak.energy, sources),
            )
            for peak in engine.peak
        ),
        array=Array(m=array.m, n=array.n, k=array.k, stationary=array.stationary or "") if array else None,
        sparsity=Sparsity(pattern=sparsity.pattern, operand=sparsity.operand, speedup=sparsity.speedup)
        if sparsity
        else None,
        special_cost=dict(engine.special_cost),
        overlaps=engine.overlap,
    )


def _level(memory: MemoryTable, chip: ChipTable, sources: Mapping[str, Source]) -> MemoryLevel:
    lanes = chip.lanes if memory.scope == "lane" else 1
    return MemoryLevel(
        name=memory.level,
        capacity=_quantity(memory.capacity, sources),
        read_bandwidth=_quantity(memory.bandwidth or memory.read_bandwidth, sources),
        write_bandwidth=_quantity(memory.bandwidth or memory.write_bandwidth, sources),
        shares_port=memory.read_bandwidth is None and memory.write_bandwidth is None,
        read_energy=_quantity(memory.energy or memory.read_energy, sources),
        write_energy=_quantity(memory.energy or memory.write_energy, sources),
        scope=memory.scope,
        instances=chip.cores * lanes if memory.scope != "device" else 1,
        access_width=_quantity(memory.access_width, sources),
        overlaps=memory.overlap,
        usable=memory.usable,
        keeps=frozenset(memory.keeps),
        holds=frozenset(memory.holds),
    )


def _layout(table: LayoutTable | None, sources: Mapping[str, Source]) -> Layout | None:
    if table is None:
        return None
    return Layout(
        channel_multiple=table.channel_multiple,
        channels_last=table.channels_last,
        source=sources[table.source],
        where=table.where,
    )


def _support(table: SupportTable | None, sources: Mapping[str, Source]) -> Support | None:
    if table is None:
        return None
    return Support(
        compiler=table.compiler,
        operators=frozenset(table.operators),
        source=sources[table.source],
        where=table.where,
        types=frozenset(DType[name] for name in table.types),
        constant_weights=frozenset(table.constant_weights),
        largest_rank=table.largest_rank,
        cut=table.cut,
        unchecked=table.unchecked,
    )


def _quantity(entry: QuantityTable | None, sources: Mapping[str, Source]) -> Quantity | None:
    if entry is None:
        return None
    return Quantity(
        value=parse(entry.value, entry.unit, UNITS[entry.unit].dimension),
        text=f"{entry.value:.15g} {entry.unit}" if entry.unit != "1" else f"{entry.value:.15g}",
        source=sources[entry.source],
        where=entry.where,
    )
