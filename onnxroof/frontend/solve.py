"""Dimensions that the graph equates: a value for a defaulted one under which a node's inputs go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from onnxroof.frontend.dims import Bound
from onnxroof.frontend.lower import Clash, Lowering

__all__ = ["solve_clash"]

# So many values are tried before a contradiction is reported.
_MOST_TRIALS = 40

Place = tuple[int, int]  # (input, axis counted from the right, from 1)


def solve_clash(
    clash: Clash,
    solved: Mapping[str, int],
    bind: Callable[[Mapping[str, int]], Bound],
    lower: Callable[[Bound, str], Lowering],
) -> dict[str, int] | None:
    """Further solved dimensions with which the walk gets past a clash, None where there are none.

    The extents of the node's inputs are affine in each dimension (nearly always), so one more walk with a
    dimension raised by one gives their slopes; a value is then solved for each pair of extents that differ, tried,
    and kept if the walk gets past the node. Dimensions that the user gave are never changed.

    Args:
        clash: What the walk met.
        solved: Dimensions that earlier clashes settled.
        bind: Dimensions for a set of solved ones.
        lower: A walk with these dimensions that stops at the named node ("" for none).
    """
    base = bind(solved)
    trials = 0
    for name in reversed([name for name, source in base.sources.items() if source != "given"]):
        value = base.values[name]
        raised = _shapes_at(clash.node, bind({**solved, name: value + 1}), lower)
        if raised is None:
            continue
        for first, second in _differing_extents(clash):
            step = _step(clash.shapes, raised, first, second)
            if step is None or value + step < 0:
                continue
            trials += 1
            if trials > _MOST_TRIALS:
                return None
            attempt = {**solved, name: value + step}
            if _passes(clash, bind(attempt), lower):
                return attempt
    return None


def _step(
    here: tuple[tuple[int | None, ...] | None, ...],
    raised: tuple[tuple[int | None, ...] | None, ...],
    first: Place,
    second: Place,
) -> int | None:
    """By how much a dimension must rise for two extents to become equal, None where it cannot."""
    a, b, a_raised, b_raised = (
        _extent(here, first), _extent(here, second), _extent(raised, first), _extent(raised, second)
    )  # fmt: skip
    if a is None or b is None or a_raised is None or b_raised is None:
        return None
    slope = (a_raised - a) - (b_raised - b)
    if slope == 0 or (b - a) % slope:
        return None
    return (b - a) // slope


def _differing_extents(clash: Clash) -> Iterator[tuple[Place, Place]]:
    """Pairs of extents that may be the ones that contradict each other."""
    known = [(i, s) for i, s in enumerate(clash.shapes) if s]
    if clash.op_type == "MatMul" and len(known) == 2 and len(clash.shapes[1] or ()) > 1:
        yield (0, 1), (1, 2)
    for place, (i, a) in enumerate(known):
        for j, b in known[place + 1 :]:
            for axis in range(1, min(len(a), len(b)) + 1):
                if a[-axis] != b[-axis] and (1 not in (a[-axis], b[-axis]) or clash.op_type == "Concat"):
                    yield (i, axis), (j, axis)


def _extent(shapes: tuple[tuple[int | None, ...] | None, ...], place: Place) -> int | None:
    shape = shapes[place[0]]
    return None if shape is None or len(shape) < place[1] else shape[-place[1]]


def _shapes_at(
    node: str, bound: Bound, lower: Callable[[Bound, str], Lowering]
) -> tuple[tuple[int | None, ...] | None, ...] | None:
    """Extents of a node's inputs under other dimensions, None where the walk does not get there."""
    try:
        lower(bound, node)
    except Clash as clash:
        return clash.shapes if clash.node == node else None
    return None


def _passes(clash: Clash, bound: Bound, lower: Callable[[Bound, str], Lowering]) -> bool:
    """Whether a walk gets past the node of a clash."""
    try:
        lower(bound, "")
    except Clash as other:
        return other.position > clash.position
    return True
