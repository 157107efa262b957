"""What machine does an accelerator file of ZigZag or Stream describe?

Of ZigZag 2.5 to 3.9: `memories` from the inside out, each with the operands that it holds and the dimensions of the
array that one instance serves, and an array. Energy is that of one access at full width. Stream names such a file for
each core, one of them standing for what is off the chip. Their operands I1, I2 and O are taken as input, weight and
output.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard, TypeVar

from onnxroof.errors import TargetError
from onnxroof.targets.importers.machine import OPERANDS, Machine, Memory
from onnxroof.targets.importers.yaml_file import Table, table

__all__ = ["stream_machine", "zigzag_machine"]

_T = TypeVar("_T")

_OPERANDS = {"I1": "input", "I2": "weight", "O": "output"}
_ARRAYS = ("operational_array", "multipliers")
# Loops of ZigZag's layers by what they do to a contraction: columns of the result, sums, and rows.
_AXES = {"K": "n", "C": "k", "FX": "k", "FY": "k"}
_READ = {"name", "size", "r_bw", "w_bw", "r_cost", "w_cost", "operands", "ports", "served_dimensions"}
_READ |= {"min_r_granularity", "min_w_granularity", "r_port", "w_port", "rw_port", "auto_cost_extraction"}
_ARRAY_READ = {"input_precision", "unit_energy", "multiplier_energy", "dimensions", "sizes"}
_TYPES = {4: "INT4", 8: "INT8", 16: "INT16", 32: "INT32"}


@dataclass(frozen=True, slots=True, eq=False)
class _Port:
    """A port of a memory: bits of a cycle at most and of an access at least. Two of the same width are two."""

    bits: float
    least: float


def zigzag_machine(file: Table, path: str) -> Machine:
    """The machine of one file.

    Raises:
        TargetError: With every fault of what is read.
    """
    core = _core(file, path)
    outermost = core.memories[0] if core.memories else None
    if outermost is None or outermost.holds != OPERANDS or outermost.instances != 1:
        raise TargetError.at(
            f"{path}: memories",
            "expected a last memory, the outermost, that holds I1, I2 and O and serves the whole array",
            "add the DRAM that the accelerator works on",
            code="T106",
        )
    memories = [replace(memory, is_outside=memory.instances == 1) for memory in core.memories]
    return replace(core, memories=tuple(memories))


def stream_machine(file: Table, path: str, read: Callable[[str], Table]) -> Machine:
    """The machine of a file that names the files of its cores.

    Args:
        file: The file.
        path: Its name in messages.
        read: Reads the file of a core by the name that stands there.

    Raises:
        TargetError: With every fault of what is read.
    """
    listed = file["cores"]
    named: dict[object, str] = {}
    named.update(enumerate(listed) if isinstance(listed, list) else table(listed))
    ids = _special(file)
    away = ids.get("offchip_core_id")
    if isinstance(file.get("offchip_core"), str):
        away = "offchip_core"
        named[away] = str(file[away])
    wrong = [f"{number}: {name!r}" for number, name in named.items() if not isinstance(name, str)]
    if wrong or away not in named:
        found = ", ".join(wrong) if wrong else f"offchip_core_id: {away!r}"
        raise TargetError.at(
            f"{path}: cores", f"expected file names, one of them that of `offchip_core_id`, found {found}", code="T106"
        )
    cores = {number: _core(read(name), name) for number, name in named.items()}
    offchip = cores.pop(away)
    # Pooling and vector work have cores of their own, whose arrays do no contractions.
    aside = [cores.pop(ids[key]).name for key in ("pooling_core_id", "simd_core_id") if ids.get(key) in cores]
    computing = [core for core in cores.values() if core.macs]
    kinds = Counter((core.name, core.macs, core.memories) for core in computing)
    notes = list(dict.fromkeys(note for core in cores.values() for note in core.notes))
    notes += [f"core {core.name}: has no multipliers, left out" for core in cores.values() if not core.macs]
    notes += [f"core {name}: for work other than MACs, whose rate is not in the file, left out" for name in aside]
    other = sorted(map(str, file.keys() - {"name", "cores", "offchip_core", *ids}))
    if other:
        notes.append(f"{', '.join(other)}: left out, so that no time is lost between cores")
    if not computing:
        raise TargetError.at(f"{path}: cores", "expected a core with multipliers, found none", code="T106")
    first = computing[0]
    inside: tuple[Memory, ...] = first.memories
    if len(kinds) > 1:
        names = ", ".join(f"{count} x {name}" for (name, _, _), count in kinds.items())
        notes.append(f"cores of several kinds ({names}): their MACs are added up, their memories and arrays left out")
        inside = ()
    total = sum(core.macs for core in computing)
    cores_alike = len(computing) if len(kinds) == 1 else 1
    energies = {core.mac_pj for core in computing}
    return Machine(
        name=str(file.get("name", "stream")),
        tool="Stream",
        macs=total // cores_alike,
        type=first.type,
        memories=(*(replace(memory, is_outside=True) for memory in offchip.memories), *inside),
        cores=cores_alike,
        mac_pj=first.mac_pj if len(energies) == 1 else None,
        array=first.array if len(kinds) == 1 else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _special(file: Table) -> dict[str, object]:
    """Numbers of cores with a task of their own, which stand at the top or beside the links between cores."""
    tables = [table(value) for key, value in file.items() if key != "cores"]
    return {key: value for one in (*tables, file) for key, value in one.items() if str(key).endswith("_core_id")}


def _core(file: Table, path: str) -> Machine:
    notes: list[str] = []
    key = next((key for key in _ARRAYS if key in file), None)
    array = table(file.get(key)) if key else {}
    sizes, dimensions = array.get("sizes"), array.get("dimensions")
    if not _are(sizes, int) or not _are(dimensions, str) or len(sizes) != len(dimensions):
        raise TargetError.at(
            f"{path}: {key or _ARRAYS[0]}", "expected `dimensions` and as many `sizes`, integers", code="T106"
        )
    extents = dict(zip(dimensions, sizes, strict=True))
    listed = file.get("memories")
    pairs = [(table(one).get("name"), one) for one in listed] if isinstance(listed, list) else table(listed).items()
    named = [(str(name), table(one)) for name, one in pairs]
    memories = [memory for name, one in named if (memory := _memory(name, one, extents, path, notes)).holds]
    ignored = sorted({str(key) for _, one in named for key in one} - _READ)
    if ignored:
        notes.append(f"of the memories: {', '.join(ignored)} left out")
    left = sorted(map(str, array.keys() - _ARRAY_READ))
    if left:
        notes.append(f"of the array: {', '.join(left)} left out; every multiplier does one MAC a cycle")
    other = sorted(map(str, file.keys() - {"name", "memories", "dataflows", *_ARRAYS}))
    if other:
        notes.append(f"{', '.join(other)}: left out")
    precision = array.get("input_precision")
    bits = max(precision) if precision and _are(precision, int) else None
    if bits not in _TYPES:
        notes.append(f"type of the multipliers: {'not named' if bits is None else f'{bits} bits'}, taken as INT8")
    unrolled = _dataflow(file.get("dataflows")) or _served(extents, [one for _, one in named])
    if unrolled is None and math.prod(sizes) > 1:
        notes.append("array: which loops its dimensions unroll is not in the file, so it counts as always full")
    energy = array.get("unit_energy", array.get("multiplier_energy"))
    return Machine(
        name=str(file.get("name", "core")),
        tool="ZigZag",
        macs=math.prod(sizes),
        type=_TYPES.get(bits or 8, "INT8"),
        memories=tuple(reversed(memories)),
        mac_pj=float(energy) if isinstance(energy, int | float) else None,
        array=unrolled,
        notes=tuple(notes),
    )


def _memory(name: str, memory: Table, extents: Mapping[str, int], path: str, notes: list[str]) -> Memory:
    size, operands, served = memory.get("size"), memory.get("operands"), memory.get("served_dimensions")
    if not isinstance(size, int | float) or not _are(operands, str) or not _are(served, str):
        raise TargetError.at(
            f"{path}: memories: {name}",
            "expected `size` in bits, and lists as `operands` and `served_dimensions`",
            code="T106",
        )
    strange = [operand for operand in operands if operand not in _OPERANDS]
    if strange:
        notes.append(f"{name}: operand {', '.join(strange)} left out")
    instances = math.prod(extent for dimension, extent in extents.items() if dimension not in served)
    reads, writes = _ports(memory, operands)
    widest_read = max((port.bits for port in reads), default=0)
    widest_write = max((port.bits for port in writes), default=widest_read)
    least = min((port.least for port in reads), default=0)
    shares = bool(reads) and reads == writes
    if writes and reads != writes and set(reads) & set(writes):
        notes.append(f"{name}: reads and writes share some ports; here they have all ports each")
    costs: dict[str, float | None] = {}
    for key, width in (("r_cost", widest_read), ("w_cost", widest_write)):
        cost = None if memory.get("auto_cost_extraction") else memory.get(key)
        costs[key] = cost / width if isinstance(cost, int | float) and width > 0 else None
    if memory.get("auto_cost_extraction"):
        notes.append(f"{name}: energy not in the file (auto_cost_extraction), unknown")
    return Memory(
        name=name,
        bits=float(size),
        instances=instances,
        holds=tuple(o for o in OPERANDS if o in {_OPERANDS.get(word) for word in operands}),
        read_bits=sum(port.bits for port in reads) or None,
        write_bits=sum(port.bits for port in writes) or None,
        shares_port=shares,
        read_pj=costs["r_cost"],
        write_pj=costs["w_cost"],
        access_bits=least if 8 <= least < widest_read else None,
    )


def _ports(memory: Table, operands: Iterable[str]) -> tuple[list[_Port], list[_Port]]:
    """Ports over which a memory feeds the inside, and those over which it takes results from there."""
    listed = [table(one) for one in memory.get("ports") or []]
    if any("allocation" in one for one in listed):
        reads, writes = [], []
        for one in listed:
            bits = one.get("bandwidth_max")
            port = _Port(float(bits or 0), float(one.get("bandwidth_min") or bits or 0))
            ways = {str(word).rsplit(",", 1)[-1].strip() for word in one.get("allocation") or []}
            reads += [port] if "tl" in ways else []
            writes += [port] if "fl" in ways else []
        return reads, writes
    ports: dict[str, _Port] = {}

    def named(way: str) -> list[_Port]:
        found = dict.fromkeys(str(one[way]) for one, _ in zip(listed, operands, strict=False) if way in one)
        for name in found:
            bits = float(memory.get("r_bw" if way == "tl" else "w_bw") or 0)
            least = float(memory.get("min_r_granularity" if way == "tl" else "min_w_granularity") or bits)
            ports.setdefault(name, _Port(bits, least))
        return [ports[name] for name in found]

    return named("tl"), named("fl")


def _dataflow(dataflows: object) -> tuple[int, int, int] | None:
    """m, n and k of the loops that a file unrolls over its array: entries such as `K, 8`."""
    extents = {"m": 1, "n": 1, "k": 1}
    entries = [
        str(entry) for loops in table(dataflows).values() for entry in (loops if isinstance(loops, list) else [])
    ]
    for entry in entries:
        loop, _, size = entry.partition(",")
        if not size.strip().isdigit():
            return None
        extents[_AXES.get(loop.strip(), "m")] *= int(size)
    return (extents["m"], extents["n"], extents["k"]) if entries else None


def _served(extents: Mapping[str, int], memories: Iterable[Table]) -> tuple[int, int, int] | None:
    """m, n and k where registers show them: along a dimension that one of them serves, its operand is the same.

    A weight is the same for all rows m of a result, an input for all columns n, a result for all sums k.
    """
    shared: dict[str, set[str]] = {dimension: set() for dimension in extents}
    axes = {"I2": "m", "I1": "n", "O": "k"}
    for memory in memories:
        served = memory.get("served_dimensions") or []
        if set(served) >= set(extents):
            continue  # it serves all, over a port that may be wide enough for each to take its own
        for dimension in set(served) & set(extents):
            shared[dimension] |= {axes[operand] for operand in memory.get("operands") or [] if operand in axes}
    if any(len(found) != 1 for dimension, found in shared.items() if extents[dimension] > 1):
        return None
    sizes = {"m": 1, "n": 1, "k": 1}
    for dimension, found in shared.items():
        for axis in found:
            sizes[axis] *= extents[dimension]
    return sizes["m"], sizes["n"], sizes["k"]


def _are(node: object, kind: type[_T]) -> TypeGuard[list[_T]]:
    return isinstance(node, list) and all(isinstance(one, kind) and not isinstance(one, bool) for one in node)
