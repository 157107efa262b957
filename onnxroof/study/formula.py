"""The counts of a model as polynomials in its named dimensions: found at some bindings, held against others.

Counts are exact integers, so the coefficients are exact rationals. What rounds (windows of a stride, packed bits) is a
polynomial only on a class of values, such as the multiples of 32: the smallest step is looked for under which all
counts are, and the class is said. What has a threshold (a table of which all rows are taken, shape arithmetic that
grows into work) is one up to a value: the largest at which it was found to hold is said. What is none is piecewise,
and not printed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from onnxroof.costs.table import Seen
from onnxroof.errors import ModelError
from onnxroof.ir.workload import Workload
from onnxroof.study.count import totals
from onnxroof.study.polynomial import Exponents, Polynomial, interpolated

__all__ = ["QUANTITIES", "Formula", "Formulas", "Span", "formulas"]

QUANTITIES = ("macs", "read_bytes", "weight_bytes", "write_bytes")

# Steps of which all that are looked for are divisors: strides of convolutions and pools multiply up to them.
_WHOLE_STEPS = (64, 168)
_MOST_DEGREE = 4
_CONFIRMED = 1  # differences beyond the degree that must vanish
_APART = (19, 7)  # steps at which a degree is confirmed once more: what keeps its value between two steps shows itself
_BETWEEN = (1, 3, 19)  # smaller steps at which the polynomial of a whole step is tried
_FAR = (7, 19, 61, 200)  # steps of all dimensions together at which the formulas are held against counts
_LEAST = 2  # extents of 1 and 0 are special to many rules (a transposition of them is a view)

Counts = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Values from `least` to `most` by `step`: the ends are the outermost at which a formula was found to hold."""

    least: int
    most: int
    step: int


@dataclass(frozen=True, slots=True)
class Formula:
    """One count as a polynomial, and the values of each dimension for which it is stated."""

    polynomial: Polynomial
    spans: Mapping[str, Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formulas:
    """Counts as polynomials.

    Attributes:
        tied: Dimensions that the graph makes follow, by each dimension that makes a difference.
        idle: Dimensions that make no difference.
        fixed: Dimensions for which no other value goes together with the graph.
        formulas: By quantity; None for one that is piecewise or not known.
        unknown: Quantities that are not known, so that no formula was looked for.
        bindings: At how many bindings the model was counted.
    """

    tied: Mapping[str, tuple[str, ...]]
    idle: tuple[str, ...]
    fixed: tuple[str, ...]
    formulas: Mapping[str, Formula | None]
    unknown: tuple[str, ...] = ()
    bindings: int


def formulas(
    base: Workload,
    given: Mapping[str, int],
    loaded: Callable[[Mapping[str, int]], Workload],
    *,
    copies_cache: bool = False,
) -> Formulas:
    """The counts of a model as polynomials.

    Args:
        base: The model under the dimensions that are given and defaults for the others.
        given: Dimensions that stay as they are.
        loaded: The model under any dimensions; raises `ModelError` where they contradict it.
        copies_cache: Whether an appended key/value cache is copied whole.
    """
    return _Search(base, given, loaded, copies_cache).formulas()


@dataclass(frozen=True, slots=True)
class _Axis:
    """How one count goes along one dimension: as a polynomial of a degree, from a start by a step."""

    start: int
    step: int
    degree: int

    def at(self, k: int) -> int:
        """The value after some steps."""
        return self.start + k * self.step


@dataclass(slots=True)
class _Search:
    base: Workload
    given: Mapping[str, int]
    loaded: Callable[[Mapping[str, int]], Workload]
    copies_cache: bool
    seen: Seen = field(default_factory=Seen)
    twins: dict[str, str] = field(default_factory=dict)
    known: dict[tuple[tuple[str, int], ...], tuple[Counts, dict[str, int]] | None] = field(default_factory=dict)
    wanted: tuple[int, ...] = ()  # places of the counts that are known

    def formulas(self) -> Formulas:
        names, tied, fixed = self._independent()
        counts = self._at({}) or ()
        self.wanted = tuple(place for place, value in enumerate(counts) if value is not None)
        unknown = tuple(q for place, q in enumerate(QUANTITIES) if place not in self.wanted)
        if not self.wanted:
            nothing = dict.fromkeys(QUANTITIES)
            return Formulas(
                tied=tied, idle=(), fixed=fixed, formulas=nothing, unknown=unknown, bindings=self._bindings()
            )
        starts = {name: _first(self._default(name), 1) for name in names}
        scans = {name: self._scan(name, starts) for name in names}
        fixed += tuple(name for name in names if not scans[name])
        axes = {name: scan for name, scan in scans.items() if scan}
        idle = tuple(
            name for name, scan in axes.items() if all((axis := scan[i]) and axis.degree == 0 for i in self.wanted)
        )
        moving = {name: scan for name, scan in axes.items() if name not in idle}
        return Formulas(
            tied={name: tied[name] for name in moving},
            idle=idle,
            fixed=fixed,
            formulas={
                quantity: self._formula(count, {name: scan[count] for name, scan in moving.items()})
                if count in self.wanted
                else None
                for count, quantity in enumerate(QUANTITIES)
            },
            unknown=unknown,
            bindings=self._bindings(),
        )

    def _bindings(self) -> int:
        return sum(value is not None for value in self.known.values())

    # -- counts at a binding --------------------------------------------------------------------------------

    def _loaded(self, binding: Mapping[str, int]) -> tuple[Counts, dict[str, int]] | None:
        """Counts and values of all dimensions; None where the binding contradicts the model."""
        binding = {**binding, **{name: binding[twin] for name, twin in self.twins.items() if twin in binding}}
        key = tuple(sorted(binding.items()))
        if key not in self.known:
            try:
                workload = self.loaded({**self.given, **binding}) if binding else self.base
            except ModelError:
                self.known[key] = None
            else:
                counts = totals(workload, copies_cache=self.copies_cache, seen=self.seen)
                dims = {dim.name: dim.value for dim in workload.dims}
                self.known[key] = tuple(getattr(counts, quantity) for quantity in QUANTITIES), dims
        return self.known[key]

    def _at(self, binding: Mapping[str, int]) -> Counts | None:
        found = self._loaded(binding)
        return None if found is None else found[0]

    def _default(self, name: str) -> int:
        return next(dim.value for dim in self.base.dims if dim.name == name)

    # -- dimensions -----------------------------------------------------------------------------------------

    def _independent(self) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], tuple[str, ...]]:
        """Dimensions that can be chosen, those that the graph makes follow each of them, and those that are fixed."""
        # One whose value the graph implied already is the last to be taken as free.
        free = sorted((d for d in self.base.dims if d.name not in self.given), key=lambda dim: dim.source == "model")
        chosen: dict[str, int] = {}
        tied: dict[str, tuple[str, ...]] = {}
        fixed: list[str] = []
        following: set[str] = set()
        for dim in free:
            if dim.name in following:
                continue
            # Values that no other dimension has tell which of them follow.
            values = [max(_first(dim.value, 1), *(chosen.values() or [0])) + 1]
            values += [_first(dim.value, step) + step for step in (1, 2, 4, 8, 16, 32, *_WHOLE_STEPS)]
            bindings = ({**chosen, dim.name: value} for value in values if value not in chosen.values())
            moved = next(filter(None, map(self._loaded, bindings)), None)
            if moved is None:
                # Broadcasting lets an extent of 1 stand beside any other: so the graph does not tie the two by itself.
                twin = next((other for other in chosen if self._loaded({**chosen, dim.name: chosen[other]})), None)
                if twin is None:
                    fixed.append(dim.name)
                else:
                    self.twins[dim.name] = twin
                    tied[twin] += (dim.name,)
                continue
            before = self._loaded(chosen)
            followers = tuple(
                other.name
                for other in free
                if other.name not in {*chosen, *following, dim.name}
                and before is not None
                and moved[1][other.name] != before[1][other.name]
            )
            following.update(followers)
            tied[dim.name] = followers
            chosen[dim.name] = moved[1][dim.name]
        return tuple(chosen), tied, tuple(fixed)

    def _scan(self, name: str, starts: Mapping[str, int]) -> tuple[_Axis | None, ...]:
        """How each count goes along one dimension, under the smallest step that does; () where nothing is known."""
        found: list[_Axis | None] = [None] * len(QUANTITIES)
        is_known = False
        for step in (1, *_WHOLE_STEPS):
            point = {**starts, name: _first(self._default(name), step)}
            rows = self._rows(point, name, step)
            is_known = is_known or bool(rows)
            for count in self.wanted:
                axis = found[count]
                values = [row[count] for row in rows]
                if rows and axis is None and (degree := self._degree(values, count, point, name, step)) is not None:
                    found[count] = self._smallest(values[: degree + 1], count, point, name, step)
            if all(found[count] for count in self.wanted):
                break
        return tuple(found) if is_known else ()

    def _rows(self, point: Mapping[str, int], name: str, step: int) -> list[Counts]:
        """Counts at the first steps, as many as tell the degree of each; [] where one is not there."""
        rows: list[Counts] = []
        while len(rows) <= _MOST_DEGREE + _CONFIRMED:
            row = self._at({**point, name: point[name] + len(rows) * step})
            if row is None:
                return []
            rows.append(row)
            if all(_degree_of([row[count] for row in rows]) is not None for count in self.wanted):
                break
        return rows

    def _degree(
        self, values: Sequence[int | None], count: int, point: Mapping[str, int], name: str, step: int
    ) -> int | None:
        """The degree of a count along one dimension; None where it is no polynomial there."""
        degree = _degree_of(values)
        if degree is None:
            return None
        for k in _APART:
            row = self._at({**point, name: point[name] + k * step})
            if row is not None:
                return degree if _continued(values[: degree + 1], Fraction(k)) == row[count] else None
        return None

    def _smallest(
        self, values: Sequence[int | None], count: int, point: Mapping[str, int], name: str, whole: int
    ) -> _Axis:
        """The smallest step at which the polynomial of a whole step holds too."""
        for step in (divisor for divisor in range(2, whole) if whole % divisor == 0):
            rows = (self._at({**point, name: point[name] + k * step}) for k in _BETWEEN)
            wanted = (_continued(values, Fraction(k * step, whole)) for k in _BETWEEN)
            if all(row is not None and row[count] == value for row, value in zip(rows, wanted, strict=True)):
                return _Axis(point[name], step, len(values) - 1)
        return _Axis(point[name], whole, len(values) - 1)

    # -- polynomials ----------------------------------------------------------------------------------------

    def _formula(self, count: int, scans: Mapping[str, _Axis | None]) -> Formula | None:
        """A count as a polynomial that holds beside the grid too; None where there is none."""
        axes = {name: axis for name, axis in scans.items() if axis}
        if len(axes) < len(scans):
            return None
        nodes = [[axis.at(k) for k in range(axis.degree + 1)] for axis in axes.values()]

        def value(index: Exponents) -> int | None:
            counts = self._at({name: node[i] for name, node, i in zip(axes, nodes, index, strict=True)})
            return None if counts is None else counts[count]

        polynomial = interpolated(tuple(axes), nodes, [axis.degree for axis in axes.values()], value)
        if polynomial is None:
            return None

        def holds(binding: Mapping[str, int]) -> bool:
            here = {name: binding.get(name, axis.start) for name, axis in axes.items()}
            counts = self._at(here)
            return counts is not None and polynomial(list(here.values())) == counts[count]

        held = list(itertools.takewhile(holds, ({name: axis.at(k) for name, axis in axes.items()} for k in _FAR)))
        if not held:
            return None
        least = {
            name: next((v for v in _low(axis, self._default(name)) if holds({name: v})), axis.start)
            for name, axis in axes.items()
        }
        if not holds(least):
            least = {name: axis.start for name, axis in axes.items()}
        return Formula(polynomial, {name: Span(least[name], held[-1][name], axis.step) for name, axis in axes.items()})


def _first(default: int, step: int) -> int:
    """The first value of a class that is large enough not to be special."""
    return default if default >= _LEAST else default + -(-(_LEAST - default) // step) * step


def _low(axis: _Axis, default: int) -> Iterator[int]:
    """Values of a class below its start, from the least; 0 only for what may be empty by default, as a cache is."""
    lowest = axis.start % axis.step
    steps = (axis.start - lowest) // axis.step
    for k in sorted({0, 1, 2, steps // 8, steps // 4, steps // 2}):
        if k < steps and (lowest or k or default == 0):
            yield lowest + k * axis.step


def _degree_of(values: Sequence[int | None]) -> int | None:
    """The degree of the polynomial through values at equal distances; None where one more does not confirm it."""
    row: list[int] = [value for value in values if value is not None]
    if len(row) < len(values):
        return None
    for degree in range(-1, len(values) - _CONFIRMED):
        if not any(row):
            return max(degree, 0)
        row = [b - a for a, b in itertools.pairwise(row)]
    return None


def _continued(values: Sequence[int | None], k: Fraction) -> Fraction:
    """The value at step k of the polynomial through the values at steps 0, 1, 2 ..."""
    row = [value or 0 for value in values]
    total, choose = Fraction(0), Fraction(1)
    for order in range(len(values)):
        total += row[0] * choose
        choose *= (k - order) / (order + 1)
        row = [b - a for a, b in itertools.pairwise(row)]
    return total
