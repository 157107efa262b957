"""In which orders can the tiles of a loop nest be walked, as far as it makes a difference to what must be fetched?

An operand is fetched again for each iteration of the loops outside its tile, except of those irrelevant to it that
lie inside of all that are relevant to it. So of an order only this matters: for each operand the loops that are
*free*, and the innermost relevant one, along which a window slides and only its new part is fetched.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from onnxroof.ir.loopnest import AxisMap, LoopKind, LoopNest, Term
from onnxroof.mapping.footprint import OperandTable, TileTables, bare_operands

__all__ = ["Order", "loop_orders", "without_mirrored"]


@dataclass(frozen=True, slots=True)
class Order:
    """What an order of the loops outside the tile lets each operand reuse.

    Attributes:
        free: By operand: irrelevant loops whose iterations do not fetch it again.
        slide: By operand: the loop along which only the new part of a window is fetched, None if there is none.
        held: Loops that the tile must hold entirely for this order to be legal.
        is_swept: Whether swept loops are outside the tile, so that they are walked `sweeps` times.
    """

    free: tuple[frozenset[int], ...]
    slide: tuple[int | None, ...]
    held: frozenset[int] = frozenset()
    is_swept: bool = False

    def swapped(self, place: Sequence[int]) -> Order:
        """The order with loop n in the place of loop `place[n]`."""
        return Order(
            tuple(frozenset(place[loop] for loop in loops) for loops in self.free),
            tuple(None if loop is None else place[loop] for loop in self.slide),
            frozenset(place[loop] for loop in self.held),
            self.is_swept,
        )

    def sweeps_of(self, operand: OperandTable, nest: LoopNest) -> int:
        """How often an operand that is read is walked over and over."""
        return nest.sweeps if self.is_swept and operand.loops & nest.swept else 1

    def is_as_good_as(self, other: Order) -> bool:
        """Whether no tile can move fewer bytes in `other` than in this order."""
        if not (self.held <= other.held and self.is_swept <= other.is_swept):
            return False
        for mine, theirs in zip(self.slide, other.slide, strict=True):
            if theirs is not None and theirs != mine:
                return False
        return all(map(frozenset.issuperset, self.free, other.free))


def loop_orders(tables: TileTables) -> tuple[Order, ...]:
    """The orders of which none is as good as another; every order of the loops is as good as one of them or worse.

    A loop whose tile is its extent takes no place in an order. So an order is described as if every loop had more
    than one trip, and the least over all of them is right for any tile. That holds only if any loop may take any
    place: sequential loops are outermost and swept ones innermost, so there each set of held loops is a case.
    """
    return _orders_of(tables.nest)


@lru_cache(maxsize=4096)
def _orders_of(nest: LoopNest) -> tuple[Order, ...]:
    operands = [operand for operand, _ in bare_operands(nest)]
    return _orders(
        tuple(operand.loops for operand in operands),
        tuple(operand.sliding for operand in operands),
        tuple(_rank(nest, number) for number in range(len(nest.loops))),
        nest.swept if nest.sweeps > 1 else frozenset(),
    )


def without_mirrored(nest: LoopNest, orders: Iterable[Order]) -> tuple[Order, ...]:
    """One of orders that differ only in which of two like dimensions is which: rows and columns of a square.

    Enough where every tile is tried, since the other tile is tried too.
    """
    swaps = _swaps(nest)
    kept: list[Order] = []
    for order in orders:
        if not any(order.swapped(swap) in kept for swap in swaps):
            kept.append(order)
    return tuple(kept)


def _swaps(nest: LoopNest) -> list[tuple[int, ...]]:
    """Pairs of dimensions whose loops can change places, as permutations of all loops: rows and columns of an image."""
    axes = list({tuple(t.loop for t in axis.terms): axis for a in nest.accesses for axis in a.axes if axis.terms})
    whole = [Counter(access.axes) for access in nest.accesses]
    found = []
    for first, second in itertools.combinations([loops for loops in axes if len(loops) > 1], 2):
        if len(first) != len(second) or set(first) & set(second):
            continue
        place = list(range(len(nest.loops)))
        for one, other in zip(first, second, strict=True):
            place[one], place[other] = other, one
        alike = all(
            (nest.loops[loop].extent, nest.loops[loop].kind, loop in nest.swept)
            == (nest.loops[to].extent, nest.loops[to].kind, to in nest.swept)
            for loop, to in enumerate(place)
        )
        if alike and whole == [Counter(_moved(axis, place) for axis in access.axes) for access in nest.accesses]:
            found.append(tuple(place))
    return found


def _moved(axis: AxisMap, place: Sequence[int]) -> AxisMap:
    return AxisMap(tuple(Term(place[term.loop], term.stride) for term in axis.terms), axis.extent, axis.offset)


def _rank(nest: LoopNest, number: int) -> int:
    if nest.loops[number].kind is LoopKind.SEQUENTIAL:
        return 2
    return 0 if nest.sweeps > 1 and number in nest.swept else 1


@lru_cache(maxsize=1024)
def _orders(
    relevant: tuple[frozenset[int], ...],
    sliding: tuple[frozenset[int], ...],
    ranks: tuple[int, ...],
    swept: frozenset[int],
) -> tuple[Order, ...]:
    outermost = max(ranks, default=1) or 1
    inner = [number for number, rank in enumerate(ranks) if rank < outermost]
    best: list[Order] = []
    for count in range(len(inner) + 1):
        for held in itertools.combinations(inner, count):
            for order in _walks(relevant, sliding, ranks, swept, frozenset(held)):
                if not any(kept.is_as_good_as(order) for kept in best):
                    best = [kept for kept in best if not order.is_as_good_as(kept)] + [order]
    return tuple(best)


def _walks(
    relevant: tuple[frozenset[int], ...],
    sliding: tuple[frozenset[int], ...],
    ranks: tuple[int, ...],
    swept: frozenset[int],
    held: frozenset[int],
) -> Iterator[Order]:
    """Orders of the loops that are not held, built from the inside until every operand has met a relevant loop."""
    operands = range(len(relevant))
    start = (frozenset(range(len(ranks))) - held, (frozenset[int](),) * len(relevant), (None,) * len(relevant))
    stack: list[tuple[frozenset[int], tuple[frozenset[int], ...], tuple[int | None, ...]]] = [start]
    seen = set(stack)
    everything = start[0]
    while stack:
        left, free, slide = stack.pop()
        placed = everything - left
        is_open = [not relevant[o] & placed for o in operands]
        if not left or not any(is_open):
            yield Order(free, slide, held, bool(swept - held))
            continue
        rank = min(ranks[loop] for loop in left)
        for loop in left:
            if ranks[loop] > rank:
                continue
            state = (
                left - {loop},
                tuple(free[o] | {loop} if is_open[o] and loop not in relevant[o] else free[o] for o in operands),
                tuple(loop if is_open[o] and loop in sliding[o] else slide[o] for o in operands),
            )
            if state not in seen:
                seen.add(state)
                stack.append(state)
