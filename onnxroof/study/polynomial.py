"""Polynomials in several names with rational coefficients, and how one is found from values, exactly.

The interpolation is Newton's on a lower set: a set of exponents that contains, with each exponent, all smaller ones.
There as many values as terms fix a polynomial, so that six names need a few dozen values, not a full grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Exponents", "Polynomial", "interpolated"]

Exponents = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of terms.

    Attributes:
        names: Of the variables.
        terms: Coefficient by exponents, one exponent a name; none is 0. By falling degree, then in order of the names.
    """

    names: tuple[str, ...]
    terms: Mapping[Exponents, Fraction]

    def __call__(self, point: Sequence[int]) -> Fraction:
        """The value where the names have the values of `point`."""
        total = Fraction(0)
        for powers, factor in self.terms.items():
            total += factor * math.prod(x**n for x, n in zip(point, powers, strict=True))
        return total

    def __str__(self) -> str:
        text = ""
        for powers, factor in self.terms.items():
            parts = [name + (f"^{n}" if n > 1 else "") for name, n in zip(self.names, powers, strict=True) if n]
            if abs(factor) != 1 or not parts:
                parts.insert(0, str(abs(factor)))
            sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
            text += sign + "*".join(parts)
        return text or "0"


def interpolated(
    names: Sequence[str],
    nodes: Sequence[Sequence[int]],
    degrees: Sequence[int],
    value: Callable[[Exponents], int | None],
) -> Polynomial | None:
    """The polynomial that a function is on a grid; None where the function is not known at some node.

    Terms that it does not have are left out as they are found: a term is looked for only where all terms that are
    smaller by one exponent are there. With nodes above zero that misses none of a function whose coefficients are
    positive; the caller has to hold the result against further values.

    Args:
        names: Of the variables.
        nodes: For each name, values that it takes: more than its degree, all different.
        degrees: The highest exponent of each name.
        value: Of the function at the nodes of these indices.
    """
    found: dict[Exponents, Fraction] = {}
    frontier: list[Exponents] = [(0,) * len(names)]
    while frontier:
        index = frontier.pop(0)
        here = value(index)
        if here is None:
            return None
        point = [axis[i] for axis, i in zip(nodes, index, strict=True)]
        before = sum((factor * _newton(nodes, other, point) for other, factor in found.items()), Fraction(0))
        factor = (here - before) / _newton(nodes, index, point)
        if factor or not found:
            found[index] = factor
            frontier += [n for n in _above(index, degrees) if n not in frontier and set(_below(n)) <= found.keys()]
    return _expanded(names, nodes, found)


def _above(index: Exponents, degrees: Sequence[int]) -> Iterator[Exponents]:
    for axis, degree in enumerate(degrees):
        if index[axis] < degree:
            yield (*index[:axis], index[axis] + 1, *index[axis + 1 :])


def _below(index: Exponents) -> Iterator[Exponents]:
    for axis, exponent in enumerate(index):
        if exponent:
            yield (*index[:axis], exponent - 1, *index[axis + 1 :])


def _newton(nodes: Sequence[Sequence[int]], index: Exponents, point: Sequence[int]) -> int:
    """The product of (x - node) over the first `index` nodes of each name."""
    return math.prod(x - node for axis, i, x in zip(nodes, index, point, strict=True) for node in axis[:i])


def _expanded(names: Sequence[str], nodes: Sequence[Sequence[int]], newton: Mapping[Exponents, Fraction]) -> Polynomial:
    """Newton's form multiplied out."""
    total: dict[Exponents, Fraction] = {}
    for index, factor in newton.items():
        product: dict[Exponents, Fraction] = {(): factor}
        for axis, exponent in zip(nodes, index, strict=True):
            single = [Fraction(1)]  # coefficients of the product of (x - node), lowest first
            for node in axis[:exponent]:
                shifted = [Fraction(0), *single]
                single = [a - node * b for a, b in zip(shifted, [*single, Fraction(0)], strict=True)]
            product = {(*powers, n): c * s for powers, c in product.items() for n, s in enumerate(single)}
        for powers, c in product.items():
            total[powers] = total.get(powers, Fraction(0)) + c
    order = sorted((p for p, c in total.items() if c), key=lambda powers: (-sum(powers), [-n for n in powers]))
    return Polynomial(tuple(names), {powers: total[powers] for powers in order})
