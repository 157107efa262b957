"""Layers and machines of other tools as loop nests and targets of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.footprint import compulsory_bytes
from onnxroof.mapping.traffic import GroupShape, level_traffic
from onnxroof.roofline.mapped import mapped_result
from onnxroof.roofline.terms import level_time_s
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target

DATA = Path(__file__).resolve().parents[1] / "data" / "zigzag"


def recorded() -> dict[str, Any]:
    """Layers, spatial mappings and results that ZigZag gave."""
    found: dict[str, Any] = json.loads((DATA / "recorded.json").read_text(encoding="utf-8"))
    return found


def convolution(
    *, batch: int = 1, groups: int = 1, filters: int, channels: int, size: int, taps: int, image: int, pad: int = 0,
    stride: int = 1, bits: int = 8, partial_bits: int = 16,
) -> LoopNest:  # fmt: skip
    """A square convolution; filters and channels are of one group. A depthwise one has one of each in many groups."""
    extents = {"b": batch, "g": groups, "k": filters, "c": channels, "oy": size, "ox": size, "fy": taps, "fx": taps}
    loops = tuple(
        Loop(name, extent, LoopKind.REDUCTION if name in ("c", "fy", "fx") else LoopKind.PARALLEL)
        for name, extent in extents.items()
    )
    at = {name: number for number, name in enumerate(extents)}

    def dense(*names: str) -> tuple[AxisMap, ...]:
        return tuple(dense_axis(at[name], extents[name]) for name in names)

    rows, columns = (AxisMap((Term(at[o], stride), Term(at[f])), image, -pad) for o, f in (("oy", "fy"), ("ox", "fx")))
    return LoopNest(
        loops,
        (
            Access(0, False, (*dense("b", "g", "c"), rows, columns), bits),
            Access(1, False, dense("g", "k", "c", "fy", "fx"), bits),
            Access(0, True, dense("b", "g", "k", "oy", "ox"), bits, partial_bits),
        ),
    )


def product(m: int, n: int, k: int, *, bits: int = 8, partial_bits: int = 16) -> LoopNest:
    """C[m, n] += A[m, k] B[k, n]."""
    return LoopNest(
        (Loop("m", m), Loop("n", n), Loop("k", k, LoopKind.REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), bits),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), bits),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), bits, partial_bits),
        ),
    )


def layer(description: dict[str, Any]) -> LoopNest:
    """A recorded layer."""
    loops = description["loops"]
    if "D" in loops:
        return product(loops["D"], loops["K"], loops["C"])
    return convolution(
        groups=loops.get("G", 1), filters=loops.get("K", 1), channels=loops.get("C", 1), size=loops["OY"],
        taps=loops["FY"], image=description["image"][0], pad=description["pad"], stride=description["stride"],
    )  # fmt: skip


def machine(name: str, description: dict[str, Any]) -> Target:
    """A recorded machine as it unrolls a layer."""
    own = "-gemm" if name == "eyeriss_like" and "D" in description["loops"] else ""
    return read_target(DATA / f"{name.replace('_', '-')}{own}.toml")


@dataclass(frozen=True)
class Figures:
    """Bytes of the outermost level and times of one nest on one target."""

    compute_s: float
    compulsory_bytes: float
    traffic_bytes: float
    mapped_traffic_bytes: float
    latency_s: float
    mapped_latency_s: float


def shape(nest: LoopNest) -> GroupShape:
    """A group of one nest whose points are MACs."""
    counts = compulsory_bytes(nest)
    reads = sum(count for access, count in zip(nest.accesses, counts, strict=True) if not access.is_write)
    return GroupShape(nest, reads, sum(counts) - reads, (("INT8", nest.points),), (), (), is_known=True, repeat=1)


def figures(nest: LoopNest, target: Target) -> Figures:
    """A nest whose points are MACs, on the first engine of a target."""
    group = shape(nest)
    engine = target.engines[0]
    own = level_traffic(group, target.levels, engine.array)
    rate = engine.peaks[0].rate
    assert rate is not None
    filled = 1.0 if engine.array is None else spatial_utilization(nest, engine.array)
    compute_s = 2 * nest.points / (rate.value * filled)
    times = [
        level_time_s(level, read, write) or 0.0
        for level, read, write in zip(target.levels, own.read_bytes.tolist(), own.write_bytes.tolist(), strict=True)
    ]
    mapped = mapped_result(group, target, own, None, (0.0, 0.0), {engine.name: compute_s}, engine, compute_s, {})
    assert mapped.latency_s is not None
    return Figures(
        compute_s=compute_s,
        compulsory_bytes=float(group.compulsory_reads + group.compulsory_writes),
        traffic_bytes=float(own.read_bytes[0] + own.write_bytes[0]),
        mapped_traffic_bytes=mapped.traffic_bytes[target.levels[0].name],
        latency_s=max(compute_s, *times),
        mapped_latency_s=mapped.latency_s,
    )
