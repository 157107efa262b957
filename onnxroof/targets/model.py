"""An accelerator as the roofline sees it: engines with peaks, memory levels, and where each number comes from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from onnxroof.dtypes import DType

__all__ = ["OPERANDS", "Array", "Engine", "MemoryLevel", "Peak", "Quantity", "Source", "Sparsity", "Support", "Target"]

OPERANDS = frozenset({"input", "weight", "output"})
"""What a memory may hold tiles of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where numbers come from.

    Attributes:
        key: Its name in the target file.
        title: Of the document.
        kind: vendor | measured | derived | given (by the user) | estimate | recalled | default.
        retrieved: When it was read, if known.
        derived_from: What a derived number was derived from, else "".
        url: Where it can be read, or "".
    """

    key: str
    title: str
    kind: str
    retrieved: datetime.date | None = None
    derived_from: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number in SI base units with its provenance.

    Attributes:
        value: In SI: bytes, bytes/s, operations/s, J/operation, J/byte, W, s, Hz, m, m2.
        text: As the file writes it, e.g. "68 GB/s".
        source: Its source.
        where: Locator inside the source, or "".
    """

    value: float
    text: str
    source: Source
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Dense peak of the whole chip for one type.

    Attributes:
        input: Type of the operands.
        accumulate: Type of the sum.
        rate: Operations per second (1 MAC = 2), None where unknown.
        energy: J per operation, None where unknown.
    """

    input: DType
    accumulate: DType
    rate: Quantity | None = None
    energy: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """Spatial unrolling of one core: m and n over output dimensions, k over the summed ones.

    Attributes:
        stationary: What stays in the array from step to step: weight | input | output | row (a row of weights while the
            window slides along a row of the input), "" for whatever is best.
    """

    m: int
    n: int
    k: int
    stationary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparsity:
    """Structured sparsity that an engine can skip."""

    pattern: str
    operand: str
    speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Compute units of one class.

    Attributes:
        name: Word used in all outputs.
        runs: Subset of {"mac", "vector", "special"}.
        peaks: By type, at least one.
        array: None where unknown: utilization is then 1.
        sparsity: None where there is none or it is unknown.
        special_cost: Lane operations for one special operation by name; see `special_lanes`.
        overlaps: Whether it works beside the other engines and the levels that overlap; else its time adds to theirs.
    """

    name: str
    runs: frozenset[str]
    peaks: tuple[Peak, ...]
    array: Array | None = None
    sparsity: Sparsity | None = None
    special_cost: Mapping[str, float] = field(default_factory=dict)
    overlaps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLevel:
    """One level of the memory hierarchy. Quantities are of one instance; None is unknown.

    Attributes:
        name: Word used in all outputs.
        capacity: Bytes.
        read_bandwidth: Bytes/s from this level towards the inside.
        write_bandwidth: Bytes/s from the inside into this level.
        shares_port: Whether reads and writes share one bandwidth (the file gave `bandwidth`).
        read_energy: J/byte.
        write_energy: J/byte.
        scope: "device" (one instance), "core" (one a core) or "lane" (one a lane of each core).
        instances: 1, the number of cores for scope "core", of the lanes of all cores for scope "lane".
        access_width: Bytes of one access, None where any number will do or it is not known.
        overlaps: Whether transfers overlap with compute.
        usable: Fraction of the capacity that a live tile may take.
        keeps: What may stay resident between operators: subset of {"activation", "weight"}.
        holds: Operands of which it holds tiles: subset of `OPERANDS`; the others pass it by.
    """

    name: str
    capacity: Quantity | None = None
    read_bandwidth: Quantity | None = None
    write_bandwidth: Quantity | None = None
    shares_port: bool = True
    read_energy: Quantity | None = None
    write_energy: Quantity | None = None
    scope: str = "device"
    instances: int = 1
    access_width: Quantity | None = None
    overlaps: bool = True
    usable: float = 1.0
    keeps: frozenset[str] = frozenset({"activation", "weight"})
    holds: frozenset[str] = OPERANDS

    @property
    def holds_all(self) -> bool:
        """Whether no operand passes it by."""
        return len(self.holds) == len(OPERANDS)

    @property
    def is_timed(self) -> bool:
        """Whether a bandwidth is known, so that traffic over it takes time."""
        return self.read_bandwidth is not None or (not self.shares_port and self.write_bandwidth is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a compiler puts on the device; everything else runs on the host.

    Attributes:
        compiler: Whose documentation says so.
        operators: Operator types that it takes: `Conv`, `com.microsoft:FusedConv`.
        source: Its source.
        where: Locator inside the source, or "".
        types: Types in which it computes, empty where nothing is said of them.
        constant_weights: Of the operators those that take a constant as second input and nothing else.
        largest_rank: Most dimensions of a tensor, None where nothing is said of them.
        cut: "any" where the device may take over again, "first" where all that follows the host stays there.
        unchecked: Further limits that are documented and not held against the model, or "".
    """

    compiler: str
    operators: frozenset[str]
    source: Source
    where: str = ""
    types: frozenset[DType] = frozenset()
    constant_weights: frozenset[str] = frozenset()
    largest_rank: int | None = None
    cut: str = "any"
    unchecked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How tensors must lie in the outermost memory.

    Attributes:
        channel_multiple: Channels of what is contracted, and of its results, are padded to a multiple of it.
        channels_last: Whether feature maps lie with the channels innermost: the model's own, which do not, are
            rearranged in a pass of its own.
        source: Its source.
        where: Locator inside the source, or "".
    """

    channel_multiple: int
    channels_last: bool
    source: Source
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An accelerator.

    Attributes:
        id: Kebab-case word; the file's name in `hwdb/`.
        name: For people.
        vendor: Maker, or "".
        klass: The `class` of the file: "datacenter GPU", "edge NPU" ...
        fusion: The most that its compiler is known to fuse: none | epilogue | depth-first, None where the file does not
            say. It may also fuse less.
        fused_attention: Whether it has streaming attention kernels.
        engines: Compute units.
        levels: Memory levels, outermost first.
        cores: Number of cores, 1 unless said.
        clock, process, area, static_power, power_cap, launch_overhead: None where unknown.
        idle_power: While it waits for the next run, None where unknown.
        host_link: Bandwidth to and from the host, in each direction; None where unknown or there is none.
        layout: What it wants of tensors in its outermost memory, None for nothing that is known.
        support: What runs on it, None where that is not known.
        efficiency: Measured fractions of peak by engine or level name.
        sources: By key.
        modes: Power modes by name, with their titles; of a target in a mode, none.
        path: File it was read from, "" for one that was described in a line.
        extends: What the file extends: an id, a path or a description in a line; "" for nothing.
    """

    id: str
    name: str
    klass: str
    engines: tuple[Engine, ...]
    levels: tuple[MemoryLevel, ...]
    sources: Mapping[str, Source]
    vendor: str = ""
    released: datetime.date | None = None
    fusion: str | None = None
    fused_attention: bool = False
    cores: int = 1
    clock: Quantity | None = None
    process: Quantity | None = None
    area: Quantity | None = None
    static_power: Quantity | None = None
    idle_power: Quantity | None = None
    power_cap: Quantity | None = None
    launch_overhead: Quantity | None = None
    host_link: Quantity | None = None
    layout: Layout | None = None
    support: Support | None = None
    efficiency: Mapping[str, Quantity] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    extends: str = ""

    @property
    def engines_in_turn(self) -> frozenset[str]:
        """Names of the engines whose time adds to everything else."""
        return frozenset(engine.name for engine in self.engines if not engine.overlaps)
