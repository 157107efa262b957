"""Dimensions that the graph equates: values for defaulted ones under which the inputs of every node go together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from onnxroof.frontend.agreement import Clash, Gap, WatchedNodeError
from onnxroof.frontend.dims import Bound, DimClass, Settled
from onnxroof.frontend.lower import Lowering
from onnxroof.ir.op import Op

__all__ = ["Bind", "Lower", "Solution", "UnsolvedError", "solve"]

Bind = Callable[[Mapping[str, int], Mapping[str, Settled]], Bound]
Lower = Callable[[Bound, str], Lowering]

# So many walks are made before a contradiction is reported.
_MOST_WALKS = 300
# Sides of images in common use, tried where the default contradicts the model.
_IMAGE_SIZES = (32, 48, 64, 96, 112, 128, 160, 192, 256, 299, 320, 384, 416, 448, 512, 640)
# A mask or a position id more likely has the wrong length than a batch or a cache.
_ORDER = (DimClass.SEQUENCE, DimClass.IMAGE, DimClass.BATCH, DimClass.PAST)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A walk from end to end.

    Attributes:
        bound: The dimensions.
        lowering: What the walk found.
        notes: What the reader of a report should know of how the dimensions were found.
    """

    bound: Bound
    lowering: Lowering
    notes: tuple[str, ...]


class UnsolvedError(Exception):
    """No dimension that is free can mend a clash.

    Attributes:
        clash: Of the best walk.
        bound: Its dimensions.
        suspects: Names of those that can have a part in the clash.
    """

    def __init__(self, clash: Clash, bound: Bound, suspects: frozenset[str]) -> None:
        self.clash = clash
        self.bound = bound
        self.suspects = suspects
        super().__init__(clash.reason)


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A walk under some settled dimensions; it has a lowering or a clash."""

    settled: Mapping[str, Settled]
    bound: Bound
    lowering: Lowering | None
    clash: Clash | None

    @property
    def progress(self) -> tuple[float, int]:
        """How many operators the walk listed, then how many gaps of the node that stopped it are closed."""
        if self.clash is None:
            return float("inf"), 0
        return len(self.clash.ops), -sum(not gap.is_closed for gap in self.clash.gaps)


def solve(bind: Bind, lower: Lower, given: Mapping[str, int]) -> Solution:
    """Walks under the dimensions that are given, and mends clashes by those that are not.

    The two numbers that must be equal at a clash are affine in each dimension (nearly always), so one more walk with
    a dimension raised by one tells for which value they meet. Sides of images are tried among common sizes instead.
    Dimensions that the user gave are never changed.

    Args:
        bind: Dimensions for given values and for settled ones.
        lower: A walk with these dimensions; it raises `Clash`, or `WatchedNodeError` at the named node ("" for none).
        given: Values by name from the user.

    Raises:
        UnsolvedError: A clash that no free dimension can mend.
    """
    solution = _Solver(partial(bind, given), lower).solved()
    bound = solution.bound
    known = {name: value for name, value in given.items() if name in bound.values}
    free = [n for n in bound.mute if bound.sources[n] == "default" and bound.classes[n] is not DimClass.IMAGE]
    if not known or not free:
        return solution
    # A default may agree with what was given by chance, or be larger than it need be (a mask longer than the keys).
    # What the graph ties to the given dimensions moves with them: so they are raised by a number larger than any
    # value, whose multiples can then be taken off again; by one where that is more than the model can take.
    large = 1 << (4 * max(bound.values.values())).bit_length()
    for step in (large, 1):
        raised = {name: value + step for name, value in known.items()}
        try:
            moved = _Solver(partial(bind, raised), lower).solved().bound.values
        except UnsolvedError:
            continue
        tied = [name for name in free if moved.get(name, bound.values[name]) != bound.values[name]]
        implied = {name: (moved[name] % step if step > 1 else bound.values[name], "model") for name in tied}
        return _confirmed(solution, implied, partial(bind, given), lower)
    return solution


def _confirmed(
    solution: Solution, implied: Mapping[str, Settled], bind: Callable[[Mapping[str, Settled]], Bound], lower: Lower
) -> Solution:
    """The solution with implied values, if the walk under these values has no clash; else as it was."""
    if not implied:
        return solution
    before = solution.bound
    settled = {name: (v, before.sources[name]) for name, v in before.values.items() if before.sources[name] != "given"}
    bound = bind({**settled, **implied})
    if bound.values == before.values:
        return replace(solution, bound=bound)
    try:
        return replace(solution, bound=bound, lowering=lower(bound, ""))
    except Clash:
        return solution


class _Solver:
    def __init__(self, bind: Callable[[Mapping[str, Settled]], Bound], lower: Lower) -> None:
        self.bind = bind
        self.lower = lower
        self.walks = 0
        self.notes: list[str] = []

    def solved(self) -> Solution:
        """Mends one clash after the other."""
        trial = self._tried({})
        while trial.clash is not None:
            suspects = _distances(trial.clash, trial.bound)
            free = {name: d for name, d in suspects.items() if trial.bound.sources[name] != "given"}
            better = self._by_image_size(trial, trial.clash, free) or self._by_gap(trial, trial.clash, free)
            if better is None:
                raise UnsolvedError(trial.clash, trial.bound, self._partial(trial, trial.clash, suspects))
            trial = better
        if trial.lowering is None:
            raise AssertionError("a walk without a clash has a lowering")
        return Solution(trial.bound, trial.lowering, tuple(self.notes))

    def _tried(self, settled: Mapping[str, Settled]) -> _Trial:
        self.walks += 1
        bound = self.bind(settled)
        try:
            return _Trial(settled, bound, self.lower(bound, ""), None)
        except Clash as clash:
            return _Trial(settled, bound, None, clash)

    # -- images ---------------------------------------------------------------------------------------------

    def _by_image_size(self, trial: _Trial, clash: Clash, distances: Mapping[str, int]) -> _Trial | None:
        """Common sizes for each side of an image alone, then for all sides at once."""
        bound = trial.bound
        sides = [n for n in distances if bound.classes[n] is DimClass.IMAGE and bound.sources[n] == "default"]
        best: tuple[_Trial, list[str], int] | None = None
        for names in (*([side] for side in sides), *([sides] if len(sides) > 1 else [])):
            for size in _IMAGE_SIZES:
                if self.walks >= _MOST_WALKS:
                    break
                attempt = self._tried({**trial.settled, **dict.fromkeys(names, (size, "default"))})
                if attempt.progress > (best[0] if best else trial).progress:
                    best = (attempt, names, size)
                if attempt.clash is None:
                    break
            if best is not None and best[0].clash is None:
                break
        if best is None:
            return None
        attempt, names, size = best
        sizes = ", ".join(f"{name}={bound.values[name]}" for name in names)
        self.notes.append(f"the default {sizes} contradicts the model at node `{clash.node}`; {size} is taken")
        return attempt

    # -- affine dimensions ----------------------------------------------------------------------------------

    def _by_gap(self, trial: _Trial, clash: Clash, distances: Mapping[str, int]) -> _Trial | None:
        nearer = None
        for name in sorted(distances, key=lambda n: _rank(n, trial, distances)):
            for value in self._closing_values(trial, clash, name):
                if self.walks >= _MOST_WALKS:
                    return None
                attempt = self._tried({**trial.settled, name: (value, "model")})
                if attempt.progress[0] > trial.progress[0]:
                    return self._with_siblings(attempt, name, value)
                if nearer is None and attempt.progress > trial.progress:
                    nearer = attempt  # one of several gaps of the node is closed
        return nearer

    def _closing_values(self, trial: _Trial, clash: Clash, name: str) -> Iterator[int]:
        """Values of a dimension at which a gap closes."""
        value = trial.bound.values[name]
        raised = self._gaps_at(clash.node, {**trial.settled, name: (value + 1, "model")})
        if len(raised) != len(clash.gaps):
            return
        seen = {value}
        for here, there in zip(clash.gaps, raised, strict=True):
            missing = here.want - here.have
            slope = (there.have - there.want) + missing
            if here.is_closed or slope == 0 or missing % slope:
                continue
            solved = value + missing // slope
            if solved >= 0 and solved not in seen:
                seen.add(solved)
                yield solved

    def _gaps_at(self, node: str, settled: Mapping[str, Settled]) -> tuple[Gap, ...]:
        """Gaps of a node under other dimensions, none where the walk does not get there."""
        self.walks += 1
        try:
            self.lower(self.bind(settled), node)
        except WatchedNodeError as watched:
            return watched.gaps
        except Clash as clash:
            return clash.gaps if clash.node == node else ()
        return ()

    def _partial(self, trial: _Trial, clash: Clash, suspects: Iterable[str]) -> frozenset[str]:
        """Dimensions that have a part in a clash: those that are given, and those that change its numbers."""
        bound = trial.bound
        found = {name for name in suspects if bound.sources[name] == "given"}
        for name in suspects:
            if name not in found and self.walks < _MOST_WALKS:
                raised = self._gaps_at(clash.node, {**trial.settled, name: (bound.values[name] + 1, "model")})
                if raised != clash.gaps or not raised:
                    found.add(name)
        return frozenset(found)

    def _with_siblings(self, attempt: _Trial, name: str, value: int) -> _Trial:
        """The same value for the like dimensions of other layers, if the walk then gets further."""
        bound = attempt.bound
        role = _role(bound, name)
        siblings = [n for n, source in bound.sources.items() if source == "default" and _role(bound, n) == role]
        if not siblings or attempt.clash is None:
            return attempt
        further = self._tried({**attempt.settled, **dict.fromkeys(siblings, (value, "model"))})
        return further if further.progress > attempt.progress else attempt


def _rank(name: str, trial: _Trial, distances: Mapping[str, int]) -> tuple[bool, int, int]:
    """Free dimensions come before settled ones, then by class, then those whose input is near the clash."""
    return trial.bound.sources[name] != "default", _ORDER.index(trial.bound.classes[name]), distances[name]


def _role(bound: Bound, name: str) -> tuple[DimClass, frozenset[str]]:
    """Dimensions of one role stand for the same in each of a model's layers: past.0.key, past.1.key ..."""
    return bound.classes[name], frozenset(re.sub(r"\d+", "#", reader) for reader in bound.readers[name])


def _distances(clash: Clash, bound: Bound) -> dict[str, int]:
    """Dimensions that can have a part in a clash, with the number of nodes between their inputs and the clash."""
    producers: dict[str, Op] = {output: op for op in clash.ops for output in op.outputs if output}
    found: dict[str, int] = {}
    inputs: dict[str, int] = {}
    front = [name for name in clash.operands if name]
    distance = 0
    while front:
        behind = []
        for name in front:
            if name in inputs:
                continue
            inputs[name] = distance
            if name in producers:
                behind += [n for n in producers[name].inputs if n]
        front = behind
        distance += 1
    for name, readers in bound.readers.items():
        near = [inputs[reader] for reader in readers if reader in inputs]
        if near:
            found[name] = min(near)
    return found
