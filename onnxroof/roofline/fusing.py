"""The plan that a search found on a target: its groups with all their figures, and why it fuses no more.

Each edge between two groups gets a decision: what forbids one group of both, what room it would take where, or that it
would cost more than it saves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from onnxroof.mapping.layout import run_layout_bytes
from onnxroof.mapping.plan import Decision, Group, Plan
from onnxroof.mapping.segments import MOST_IN_ALL, MOST_STEPS, Segment
from onnxroof.roofline.demand import Demand
from onnxroof.roofline.groups import Figures
from onnxroof.roofline.prices import Choice
from onnxroof.roofline.result import MappedResult
from onnxroof.roofline.search import SAME, Chosen, Search

_LIMIT = f"one group has {MOST_STEPS} steps at most, {MOST_IN_ALL} with those that only move elements"
_PAIR = 2

__all__ = ["decisions", "fused_decision", "fused_group", "groups", "mapped", "tile_sizes"]


def groups(search: Search, chosen: Sequence[Chosen], clock: Plan) -> Iterator[Group]:
    """The groups of a plan; those of the clock's plan that are no steps follow behind."""
    for number, part in enumerate(chosen):
        names = [name for step in range(part.first, part.last + 1) for name in clock.groups[step].ops]
        yield Group(id=f"g{number}", ops=tuple(names), repeat=clock.groups[part.first].repeat)
    for number, group in enumerate(clock.groups[len(search.segments.units) :], start=len(chosen)):
        yield Group(id=f"g{number}", ops=group.ops, repeat=group.repeat)


def fused_group(search: Search, part: Chosen, members: Callable[[], Sequence[Figures]]) -> Demand:
    """What a run takes.

    Args:
        search: On the target.
        part: The run.
        members: Makes its steps as groups of their own.
    """
    choice = part.choice
    assert choice is not None
    curve, step, levels, units = choice.kind.curve, choice.step, search.target.levels, search.units
    work, kinds = curve.work[step], [*search.base.index[part.first : part.last + 1]]
    repeat = search.store.kernels[search.segments.units[part.first][0]].op.repeat
    whole = float(curve.read_bytes[step].sum() + curve.write_bytes[step].sum()) * repeat
    is_outside = np.arange(len(levels)) < choice.level
    saved = np.where(is_outside, whole - (choice.read_bytes + choice.write_bytes), work @ units.saved_bytes[kinds])
    # Inside, each member has its own tiles beside what stays there while it runs.
    taken = units.footprint_bytes[kinds] + np.array(search.base.resident_bytes[part.first : part.last + 1])
    residents = search.rooms.residents(part.first, part.last, choice.level)
    footprints = np.where(is_outside, 0.0, taken.max(axis=0) - residents)
    footprints[choice.level] = float(curve.capacity_bytes[step]) / levels[choice.level].instances
    shapes = [search.base.kinds[kind][0] for kind in kinds]
    layout = run_layout_bytes(
        search.store, search.segments.units[part.first : part.last + 1], search.target.layout,
        search.inside[0] if search.inside else {}, sum(shape.rearranged_bytes for shape in shapes),
    )  # fmt: skip
    reads, writes = choice.read_bytes.copy(), choice.write_bytes.copy()
    reads[0] += repeat * layout[0]
    writes[0] += repeat * layout[1]
    read, write = search.staying.crossing(part, 0, curve.read_bytes.min(axis=0), curve.write_bytes.min(axis=0), repeat)
    least = float(read + write) * repeat
    return Demand(
        shapes=shapes,
        times=work.tolist(),
        engines_s=work @ units.engines_s[kinds],
        full_engines_s=work @ units.full_engines_s[kinds],
        runs=np.logical_or.reduce(units.runs[kinds], axis=0),
        compute_j=float(work @ units.compute_j[kinds]),
        spatial_of=lambda: _spatial(members()),
        read_bytes=reads,
        write_bytes=writes,
        saved_bytes=saved,
        footprint_bytes=footprints.tolist(),
        again_ops=float(curve.again_ops[step]) * repeat,
        whole_bytes=least + repeat * sum(layout),
        layout_bytes=repeat * sum(layout),
        least_bytes=least,
        doubtful_s=work @ units.doubtful_s[kinds],
        doubtful_j=float(work @ units.doubtful_j[kinds]),
    )


def tile_sizes(search: Search, part: Chosen) -> dict[str, int]:
    """Size by dimension of the tile of a run."""
    choice = part.choice
    assert choice is not None
    curve, kernels = choice.kind.curve, search.segments.kernels(part.first, part.last)
    used = {dim for way in curve.ways for dim in way.order}
    found = {}
    for number, ((loop, member), size) in enumerate(
        zip(choice.kind.placed.dims, curve.tiles[choice.step].tolist(), strict=True)
    ):
        if number in used:
            name = loop if member < 0 else f"{loop} of {search.store.kernels[kernels[member]].op.name}"
            found[name] = size
    return found


def _spatial(members: Sequence[Figures]) -> float | None:
    """Utilization of the array over the MACs of all members."""
    used = [(member.spatial, member.macs or 0) for member in members if member.spatial is not None]
    macs = sum(count for _, count in used)
    return macs / sum(count / share for share, count in used if share) if macs else None


def mapped(
    search: Search,
    part: Chosen,
    members: Callable[[], Sequence[Figures]],
    layout_bytes: float,
    time_s: Callable[[Sequence[float]], float],
) -> MappedResult:
    """The group's own tile outside its level, and inside the nested mappings of its members.

    Args:
        search: On the target.
        part: The run.
        members: Makes its steps as groups of their own.
        layout_bytes: What the layout alone moves at the outermost level.
        time_s: From the bytes at each level to the least time.
    """
    choice = part.choice
    assert choice is not None
    work = choice.kind.curve.work[choice.step].tolist()
    found = [member.map() for member in members()]
    traffic = {}
    for number, level in enumerate(search.target.levels):
        inner = sum(one.traffic_bytes[level.name] * times for one, times in zip(found, work, strict=True))
        traffic[level.name] = (
            float(choice.read_bytes[number] + choice.write_bytes[number]) if number < choice.level else inner
        )
    traffic[search.target.levels[0].name] += layout_bytes
    return MappedResult(traffic_bytes=traffic, latency_s=time_s(list(traffic.values())))


def decisions(search: Search, chosen: Sequence[Chosen]) -> Iterator[Decision]:
    """Of each run its group, and of each edge between two groups why they are two."""
    store = search.store
    part_of: dict[int, int] = {}
    for number, part in enumerate(chosen):
        for step in range(part.first, part.last + 1):
            for kernel in search.segments.units[step]:
                part_of[kernel] = number
        if part.choice is not None:
            yield fused_decision(search, part, part.choice)
    for number, part in enumerate(chosen):
        seen: set[int] = set()
        for step in range(part.first, part.last + 1):
            for kernel in search.segments.units[step]:
                for transfer in store.kernels[kernel].cost.reads:
                    root = store.root(transfer.tensor)
                    maker = store.producers.get(root, -1)
                    if maker < 0 or part_of[maker] == number or maker in seen or maker > kernel:
                        continue
                    seen.add(maker)
                    yield _refused(search, chosen, part_of[maker], number, (maker, kernel), root)


def fused_decision(search: Search, part: Chosen, choice: Choice) -> Decision:
    """Of a run that is one group: where its tiles are, and what that saves: bytes from outside, time."""
    level = search.target.levels[choice.level]
    curve = choice.kind.curve
    first = search.store.kernels[search.segments.units[part.first][0]].op.name
    last = search.store.kernels[search.segments.units[part.last][-1]].op.name
    steps = range(part.first, part.last + 1)
    figures = {
        "footprint_bytes": float(curve.capacity_bytes[choice.step]) / level.instances,
        "saved_bytes": sum(search.alone("traffic", step) for step in steps) - choice.outer_bytes,
    }
    if not np.isnan(search.units.latency_s[[search.base.index[step] for step in steps]]).any():
        figures["saved_s"] = math.fsum(search.alone("latency", step) for step in steps) - choice.latency_s
    again = float(curve.again_ops[choice.step])
    if again:
        figures["recomputed_ops"] = again
    way = curve.ways[choice.step]
    halo = ""
    if way.cached:
        halo = ", halos kept from tile to tile"
    elif again:
        halo = ", halos computed again"
    return Decision(
        subject=f"{first} -> {last}",
        action="fused",
        reason=f"computed tile by tile, what passes between its operators stays in {level.name}{halo}",
        figures=figures,
    )


def _refused(
    search: Search, chosen: Sequence[Chosen], maker: int, reader: int, kernels: tuple[int, int], root: str
) -> Decision:
    store = search.store
    subject = f"{store.kernels[kernels[0]].op.name} -> {store.kernels[kernels[1]].op.name}"
    size = float(store.sizes.get(root) or 0) * store.kernels[kernels[0]].op.repeat
    stays = bool(search.inside) and root in search.inside[0]  # then it costs nothing outside
    figures = {"costs_bytes": 2 * size} if size and not stays else {}
    reason, more = _why(search, chosen[maker], chosen[reader], kernels, root)
    return Decision(subject=subject, action="not fused", reason=reason, figures={**figures, **more})


def _why(
    search: Search, maker: Chosen, reader: Chosen, kernels: tuple[int, int], root: str
) -> tuple[str, dict[str, float]]:
    """In words, with the figures behind it, why two groups are not one, of which one reads what the other makes."""
    segments, store = search.segments, search.store
    for step in (*range(maker.first, maker.last + 1), *range(reader.first, reader.last + 1)):
        if segments.barriers[step]:
            return segments.barriers[step], {}
    ops = [store.kernels[segments.units[part.first][0]].op for part in (maker, reader)]
    if ops[0].repeat != ops[1].repeat or (ops[0].repeat != 1 and ops[0].scope != ops[1].scope):
        return "the two are not in the same body of a loop", {}
    begin, end = (
        next(step for step in range(part.first, part.last + 1) if kernel in segments.units[step])
        for part, kernel in zip((maker, reader), kernels, strict=True)
    )
    found = _run(search, begin, end, reader.last)
    if found is None and segments.is_too_long(begin, end):
        words, figures = _steps(search, begin, end)
        return f"{_LIMIT}; from the one to the other there are {words}", figures
    if found is None:
        readers = len(store.readers.get(root, ()))
        if readers > 1:
            return f"it has {readers} readers, which no one run of steps holds together with it", {
                "readers": float(readers)
            }
        return "other operators run between the two, of which some make nothing that a group of both would read", {}
    if not search.levels:
        return "no level on chip holds tiles of all operands", {}
    left = search.rooms.left(found.first, found.last)
    rooms = {level: left[level] for level in search.levels}
    best = max(rooms, key=lambda level: rooms[level])
    level = search.target.levels[best]
    needed, room = found.kind.least_bytes / level.instances, rooms[best] / level.instances
    who = _who(found)
    if needed > room:  # a longer run, which sums up what the two hand on, may fit with less
        return (
            f"a tile of {who or 'both'} alone needs {needed:.0f} B at {level.name}, {room:.0f} B are left there: "
            f"fits from {needed:.0f} B",
            {"needs_bytes": needed, "room_bytes": room},
        )
    return _what_both_take(search, found, maker.first, reader.last)


def _run(search: Search, begin: int, end: int, last: int) -> Segment | None:
    """The shortest run from one step to another that ends with that or one of the next ones of its group."""
    for number in range(end, last + 1):
        for segment in search.segments.by_last[number]:
            if segment.first <= begin:
                return segment
    return None


def _who(segment: Segment) -> str:
    """Whose figures those of a run are, "" of two steps."""
    count = segment.last - segment.first + 1
    return "" if count == _PAIR else f"the {count} steps that hold both"


def _steps(search: Search, first: int, last: int) -> tuple[str, dict[str, float]]:
    """How many steps there are, in words and as figures."""
    count, moves = last - first + 1, sum(search.segments.moves[first : last + 1])
    return f"{count}" + (f", {moves} of them moves" if moves else ""), {"steps": float(count), "moves": float(moves)}


def _what_both_take(search: Search, segment: Segment, first: int, last: int) -> tuple[str, dict[str, float]]:
    """Why a run that could be one group is none, where the groups on both sides of it are steps `first` to `last`."""
    priced = search.priced(segment)
    if priced is None:
        # Room there is: a run is left out of the search where all that its operators share stays on chip without it.
        who = _who(segment)
        both = f"one group of {who or 'both'} would save nothing"
        return f"what {who or 'the two'} share stays on chip as they are: {both}", {}
    steps = range(segment.first, segment.last + 1)
    traffic = priced.read_bytes[:, 0] + priced.write_bytes[:, 0]
    number = int(np.argmin(traffic))
    fused, apart = float(traffic[number]), math.fsum(search.alone("traffic", step) for step in steps)
    figures = {"fused_bytes": fused, "apart_bytes": apart}
    is_less, is_faster, times = fused < apart * (1 - SAME), False, ""
    if not np.isnan(search.units.latency_s[[search.base.index[step] for step in steps]]).any():
        fused_s, apart_s = float(priced.latency_s.min()), math.fsum(search.alone("latency", step) for step in steps)
        figures |= {"fused_s": fused_s, "apart_s": apart_s}
        is_faster = fused_s < apart_s * (1 - SAME)
        times = f", in {fused_s * 1e6:.4g} µs, {apart_s * 1e6:.4g} µs apart"
    figures["recomputed_ops"] = float(segment.kind.curve.again_ops[priced.step[number]])
    if not is_less and not is_faster:
        why = "tiles of both gain nothing"
    elif search.segments.is_too_long(first, last):
        words, steps_there = _steps(search, first, last)
        figures |= steps_there
        why = f"{_LIMIT}; both together have {words}"
    elif is_less:
        why = "another grouping is better"
    else:
        why = "it saves no bytes, and for time another grouping is better"
    taken = (
        f"of {_who(segment) or 'the two'} alone {fused:.0f} B would cross the outermost boundary, {apart:.0f} B apart"
    )
    return f"{why}: {taken}{times}", figures
