"""Groups that came from outside, on a target: which of them run as one, and why are the others taken apart?

A given group whose parts fit some level tile by tile is one group there, whether or not that pays. One that does not
fit, or that no tile can flow through, is run as the parts of it that can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from onnxroof.mapping.given import GivenPlan, Run
from onnxroof.mapping.placed import Placed
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.segments import Segment, Segments
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import Candidate
from onnxroof.roofline.fusing import fused_decision
from onnxroof.roofline.search import Chosen, Search, UnitFigures
from onnxroof.targets.model import Target

__all__ = ["chosen_runs", "given_search"]


def given_search(
    segments: Segments,
    store: Storage,
    target: Target,
    residency: Residency,
    base: Placed,
    units: UnitFigures,
) -> Search:
    """Prices of runs of the parts of given groups, which take the place of the steps of the clock.

    What stays on chip is the same as for every plan; from when until when is counted in parts.
    """
    part_of = {kernel: number for number, unit in enumerate(segments.units) for kernel in unit}
    candidates = tuple(_in_parts(residency.candidates, store, part_of))
    return Search(segments, store, target, replace(residency, candidates=candidates), base, units)


def _in_parts(candidates: Sequence[Candidate], store: Storage, part_of: dict[int, int]) -> Iterator[Candidate]:
    for candidate in candidates:
        maker = store.producers.get(candidate.root)
        readers = [part_of[reader] for reader in store.readers.get(candidate.root, ())]
        if maker is not None and readers:
            yield replace(candidate, first=part_of[maker], last=max(readers))


def chosen_runs(search: Search, given: GivenPlan, objective: str) -> tuple[tuple[Chosen, ...], tuple[Decision, ...]]:
    """The groups in order, and a decision for each given group of several parts.

    Args:
        search: On the target, over the parts.
        given: The groups.
        objective: By which the tile and the level of a group are chosen.
    """
    runs = {run.first: run for run in given.runs}
    chosen: list[Chosen] = []
    decisions: list[Decision] = []
    part = 0
    while part < len(search.segments.units):
        run = runs.get(part)
        if run is None:
            chosen.append(Chosen(part, part, None))
            part += 1
            continue
        whole = _segment(search, run.first, run.last)
        choice = None if whole is None else search.choice(whole, objective)
        found = [Chosen(run.first, run.last, choice)] if choice is not None else list(_longest(search, run, objective))
        chosen += found
        decisions += [fused_decision(search, one, one.choice) for one in found if one.choice is not None]
        if choice is None:
            decisions.append(_apart(search, given, run, whole, len(found)))
        part = run.last + 1
    return tuple(chosen), tuple(decisions)


def _segment(search: Search, first: int, last: int) -> Segment | None:
    return next((one for one in search.segments.by_last[last] if one.first == first), None)


def _longest(search: Search, run: Run, objective: str) -> Iterator[Chosen]:
    """The parts of a group that is too large or has a barrier in it: from the front, as many as can be one."""
    first = run.first
    while first <= run.last:
        for last in range(run.last, first, -1):
            segment = None if (first, last) == (run.first, run.last) else _segment(search, first, last)
            choice = None if segment is None else search.choice(segment, objective)
            if choice is not None:
                yield Chosen(first, last, choice)
                first = last + 1
                break
        else:
            yield Chosen(first, first, None)
            first += 1


def _apart(search: Search, given: GivenPlan, run: Run, whole: Segment | None, count: int) -> Decision:
    reason, figures = _why(search, given, run, whole)
    return Decision(
        subject=run.name, action="taken apart", reason=f"it cannot be one group: {reason}",
        figures={"groups": float(count), **figures},
    )  # fmt: skip


def _why(search: Search, given: GivenPlan, run: Run, whole: Segment | None) -> tuple[str, dict[str, float]]:
    if whole is None:
        barriers = (search.segments.barriers[part] for part in range(run.first, run.last + 1))
        return next(filter(None, barriers), given.apart[run.first]), {}
    levels = search.levels
    if not levels:
        return "no level on chip holds tiles of all operands", {}
    left = search.rooms.left(whole.first, whole.last)
    rooms = {level: left[level] for level in levels}
    best = max(rooms, key=lambda level: rooms[level])
    level = search.target.levels[best]
    needed, room = whole.kind.least_bytes / level.instances, rooms[best] / level.instances
    return (
        f"a tile of it needs {needed:.0f} B at {level.name}, {room:.0f} B are left there: fits from {needed:.0f} B",
        {"needs_bytes": needed, "room_bytes": room},
    )
