"""What holds a plan back, in words: its slowest kinds of groups, what binds each, and what would have to change."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.kinds import Kind
from onnxroof.report.numbers import count, intensity, percent, quantity
from onnxroof.report.plans import stem_of
from onnxroof.report.view import Fact
from onnxroof.report.words import bound_words, shortened, shown, without_stem
from onnxroof.roofline.levers import Exit, exit_of
from onnxroof.roofline.result import GroupResult, TargetResult

__all__ = ["bottlenecks"]

_MOST = 3
_MANY = 1e4
_FULL = 0.95  # an array that is filled so far is not worth a word


def bottlenecks(result: TargetResult, kinds: Sequence[Kind]) -> tuple[Fact, ...]:
    """The slowest kinds with their share of the time, most first; nothing where the plan's time is unknown."""
    total = result.best.latency_s
    if not total:
        return ()
    stem = stem_of(result.best)
    return tuple(
        Fact(label=percent((kind.latency_s or 0.0) / total), value=_name(kind, stem), note=_reason(kind.first))
        for kind in kinds[:_MOST]
        if kind.latency_s
    )


def _name(kind: Kind, stem: str) -> str:
    group = kind.first
    types = " + ".join(shown(name) for name in group.op_types[:4]) + (" + …" if len(group.op_types) > 4 else "")
    node = shortened(without_stem(group.nodes[0], stem), 60) if group.nodes else group.id
    return f"{count(kind.groups)} × {types}, first {node}" if kind.groups > 1 else f"{types}, {node}"


def _reason(group: GroupResult) -> str:
    """What binds a group, and the least change from which on something else would."""
    kind, _, name = group.time_bound.partition(":")
    leave = exit_of(group.time_terms_s, group.time_bound) if group.time_bound else None
    words = f"bound by {bound_words(group.time_bound)}"
    if kind == "memory":
        at = group.intensity_ops_per_byte.get(name)
        if not at:
            return f"{words}: it moves bytes and computes nothing"
        words += f" at {intensity(at)} ops/byte"
        if leave is None:
            return words
        needed = f"above {intensity(at * leave.factor)}, or with {_times(leave)} the bandwidth"
        return f"{words}; {needed}, it would be {bound_words(leave.becomes)}"
    if kind == "launch":
        bound_s = group.time_terms_s.get("launch", 0.0)
        words += f", {quantity(bound_s / group.repeat, 's')} a start"
        if leave is None:
            return words
        return f"{words}; below {percent(1 / leave.factor)} of that it would be {bound_words(leave.becomes)}"
    spatial = group.spatial_utilization
    if kind == "compute" and spatial is not None and spatial < _FULL:
        words += f"; {percent(spatial)} of the array is in use"
    return (
        words if leave is None else f"{words}; with {_times(leave)} the peak it would be {bound_words(leave.becomes)}"
    )


def _times(leave: Exit) -> str:
    return f"{leave.factor:.3g} times" if leave.factor < _MANY else "10000 times and more"
