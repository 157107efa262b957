"""Numbers that count what is done with them: an operator's definition, run on them, is its own count."""

from __future__ import annotations

from collections import Counter

__all__ = ["Counting", "choose", "largest", "smallest", "special"]


class Counting:
    """A scalar without a value. Sums, differences, products and negations are vector operations, quotients DIV."""

    def __init__(self, tally: Counter[str]) -> None:
        self.tally = tally

    def _done(self, name: str) -> Counting:
        self.tally[name] += 1
        return self

    def __add__(self, other: object) -> Counting:
        return self._done("vector")

    def __truediv__(self, other: object) -> Counting:
        return self._done("DIV")

    def __neg__(self) -> Counting:
        return self._done("vector")

    def __abs__(self) -> Counting:
        return self._done("vector")

    def __lt__(self, other: object) -> Counting:
        return self._done("vector")

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __gt__ = __add__
    __rtruediv__ = __truediv__


def special(name: str, x: Counting) -> Counting:
    """A transcendental function of a number."""
    return x._done(name)


def largest(x: Counting, _: object) -> Counting:
    """The larger of two."""
    return x._done("vector")


def smallest(x: Counting, _: object) -> Counting:
    """The smaller of two."""
    return x._done("vector")


def choose(condition: Counting, _: object, __: object) -> Counting:
    """One of two by a condition."""
    return condition._done("vector")
