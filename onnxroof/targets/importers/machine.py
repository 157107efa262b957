"""What do the hardware descriptions of other tools have in common, before it becomes a target file?

They count in bits and cycles. A level with more than one instance in a core is what the lanes of the core are fed from
together, so that its room and its ports add up: each lane has its share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from onnxroof.targets.format import format_text

__all__ = ["OPERANDS", "Machine", "Memory", "target_text"]

OPERANDS = ("input", "weight", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One memory. Sizes and ports are of one instance; None is unknown.

    Attributes:
        name: As the file calls it.
        bits: Capacity.
        instances: In one core; 1 for what is outside the cores.
        is_outside: Whether all cores share it.
        holds: Subset of `OPERANDS`.
        read_bits: A cycle, towards the inside.
        write_bits: A cycle, from the inside.
        shares_port: Whether reads and writes take turns at the same ports: the bits are then those of both together.
        read_pj: Energy of a bit that is read.
        write_pj: Energy of a bit that is written.
        access_bits: Of one access at least.
    """

    name: str
    bits: float | None = None
    instances: int = 1
    is_outside: bool = False
    holds: tuple[str, ...] = OPERANDS
    read_bits: float | None = None
    write_bits: float | None = None
    shares_port: bool = False
    read_pj: float | None = None
    write_pj: float | None = None
    access_bits: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An accelerator as another tool describes it.

    Attributes:
        name: As the file calls it.
        tool: That the file was written for.
        macs: Multipliers of one core, one MAC a cycle each.
        type: Of their operands, in ONNX spelling.
        memories: Outermost first.
        cores: Equal ones.
        mac_pj: Energy of a MAC.
        array: Its unrolling (m, n, k) in one core, None where the file does not say.
        process_nm: Of the silicon.
        clock_hz: Where the file says it.
        notes: What could not be carried over, and what had to be assumed.
    """

    name: str
    tool: str
    macs: int
    type: str
    memories: tuple[Memory, ...]
    cores: int = 1
    mac_pj: float | None = None
    array: tuple[int, int, int] | None = None
    process_nm: float | None = None
    clock_hz: float | None = None
    notes: tuple[str, ...] = ()


def target_text(machine: Machine, file_name: str, clock_hz: float | None) -> str:
    """The machine as a target file.

    Args:
        machine: What was read.
        file_name: Of the description, for the source.
        clock_hz: Given by the user; takes the place of the file's. Without any clock nothing has a rate.
    """
    hertz = clock_hz or machine.clock_hz
    lanes = max((memory.instances for memory in machine.memories), default=1)
    lines = [*(f"# {line}" for note in machine.notes for line in _wrapped(note))]
    name = _word(machine.name) or "machine"
    lines += [
        "",
        "schema = 1",
        f"id = {_text(re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'machine')}",
        f"name = {_text(name)}",
        'class = "custom"',
        "[sources.file]",
        f"title = {_text(f'{_word(file_name)}, a hardware description of {machine.tool}')}",
        'kind = "derived"',
        'from = "the bits, cycles and energies of the file"',
    ]
    if clock_hz:
        lines += ["[sources.clock]", 'title = "the clock named at the import, times the file\'s figures a cycle"']
        lines += ['kind = "given"']
    source = "clock" if clock_hz else "file"
    lines += ["[chip]", f"cores = {machine.cores}", f"lanes = {lanes}"]
    if machine.process_nm:
        lines.append(f"process = {_quantity(machine.process_nm, 'nm', 'file')}")
    if hertz:
        lines.append(f"clock = {_quantity(hertz / 1e6, 'MHz', source)}")
    lines += ["[[engine]]", 'name = "array"', 'runs = ["mac"]']
    if machine.array:
        lines.append("array = {{ m = {}, n = {}, k = {} }}".format(*machine.array))
    lines += ["[[engine.peak]]", f"input = {_text(machine.type)}"]
    if hertz:
        where = f"{machine.cores} cores of {machine.macs} MACs a cycle"
        lines.append(f"rate = {_quantity(machine.cores * machine.macs * hertz / 1e9, 'GMAC/s', source, where)}")
    if machine.mac_pj is not None:
        lines.append(f"energy = {_quantity(machine.mac_pj, 'pJ/MAC', 'file')}")
    names: set[str] = set()
    for memory in machine.memories:
        level = _word(memory.name) or "level"
        while level in names:
            level += "+"
        names.add(level)
        lines += ["[[memory]]", f"level = {_text(level)}", *_level(memory, lanes, hertz, source)]
    return format_text("\n".join(lines) + "\n")


def _level(memory: Memory, lanes: int, hertz: float | None, source: str) -> Iterator[str]:
    share = 1.0
    if memory.instances > 1:
        yield 'scope = "lane"'
        share = memory.instances / lanes
    elif not memory.is_outside:
        yield 'scope = "core"'
    where = f"{memory.instances} of {memory.bits:g} bits in a core" if memory.instances > 1 and memory.bits else ""
    if memory.bits:
        yield f"capacity = {_quantity(memory.bits * share / 8, 'B', 'file', where)}"
    if hertz:
        ports = {"read_bandwidth": memory.read_bits, "write_bandwidth": memory.write_bits}
        if memory.shares_port:
            ports = {"bandwidth": memory.read_bits}
        for key, bits in ports.items():
            if bits:
                gigabytes = bits * share / 8 * hertz / 1e9
                yield f"{key} = {_quantity(gigabytes, 'GB/s', source, f'{bits:g} bits a cycle')}"
    for key, picojoules in (("read_energy", memory.read_pj), ("write_energy", memory.write_pj)):
        if picojoules is not None:
            yield f"{key} = {_quantity(picojoules, 'pJ/bit', 'file')}"
    if memory.access_bits:
        yield f"access_width = {_quantity(memory.access_bits / 8, 'B', 'file')}"
    if memory.holds != OPERANDS:
        yield f"holds = [{', '.join(_text(operand) for operand in memory.holds)}]"


def _quantity(value: float, unit: str, source: str, where: str = "") -> str:
    place = f", where = {_text(where)}" if where else ""
    return f"{{ value = {value:.15g}, unit = {_text(unit)}, source = {_text(source)}{place} }}"


def _word(text: str) -> str:
    """One line that may be shown as it is."""
    return re.sub(r"[\x00-\x20\x7f-\x9f]+", " ", text).strip()


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _wrapped(note: str) -> list[str]:
    import textwrap

    return textwrap.wrap(_word(note), 116)
