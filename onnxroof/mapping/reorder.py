"""Are there orders of execution in which as many operators come right behind what they read, or more?

Groups are runs of consecutive steps (`onnxroof.mapping.segments`), so which operators can be one group depends on the
order. Exporters write branches in whatever order they were traced. Here each operator comes behind its operands. Of
these the one at the end of the longest chain comes last: values of an attention are made before its scores, so that
scores, softmax and the sum over the values follow each other. Or it comes first: of the branches of an Inception block
the short ones are then next to what joins them, and may all be one group with it; so may a projected shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from onnxroof.mapping.plan import Decision
from onnxroof.mapping.storage import Storage

__all__ = ["chained_orders", "must_precede", "permuted", "reordering"]

MANY = 3
"""Where so many operands that others made are joined, the longest chain first is worth a try; else only if more bytes
are handed on at once."""


def chained_orders(store: Storage) -> dict[tuple[int, ...], str]:
    """Those orders, each with what it is like, but for that in which the kernels are.

    Without those in which no more operators follow what they read than do already; where many operands are joined, with
    the longest chain first as many are enough. Bodies of loops run trip by trip, so a model with one keeps its order.
    """
    now = tuple(range(len(store.kernels)))
    if any(kernel.op.repeat != 1 for kernel in store.kernels):
        return {}
    makers, before = [dict(_makers(store, kernel)) for kernel in now], must_precede(store)
    last, first = (_depth_first(before, is_longest_last=is_last) for is_last in (True, False))
    as_is, with_last, with_first = (_chained(order, makers) for order in (now, last, first))
    has_joins = any(len(one) >= MANY for one in makers)
    orders = {last: "last"} if with_last > as_is else {}
    if with_first >= as_is and first != now if has_joins else with_first > as_is and with_first[1] >= with_last[1]:
        orders.setdefault(first, "first")
    return {order: f"an operator follows what it reads, the longest chain {which}" for order, which in orders.items()}


def must_precede(store: Storage) -> list[set[int]]:
    """For each kernel those that must have run before it in any order."""
    before = [set(_waited_for(store, kernel)) for kernel in range(len(store.kernels))]
    for first, then in _written_over(store):
        before[then].add(first)
    return before


def _makers(store: Storage, kernel: int) -> Iterator[tuple[int, int]]:
    """Kernels that make what a kernel reads, with the bytes that it reads of it."""
    for root, count in store.kernels[kernel].reads.items():
        maker = store.producers.get(root, kernel)
        if maker < kernel:  # what a trip hands to the next one is made behind its reader
            yield maker, count


def _waited_for(store: Storage, kernel: int) -> Iterator[int]:
    """Kernels that make an operand of a kernel, also one of which it takes so little that it counts as no read."""
    op = store.kernels[kernel].op
    for name in (*op.inputs, *op.parameters):
        maker = store.producers.get(store.root(name), kernel)
        if maker < kernel:
            yield maker


def _written_over(store: Storage) -> Iterator[tuple[int, int]]:
    """Pairs of kernels of which the second writes into a buffer that the first reads before it.

    What reads it behind the writer needs it as it was: it may run earlier.
    """
    for writer, kernel in enumerate(store.kernels):
        for root in {store.root(source) for _, source in kernel.cost.in_place}:
            yield from ((reader, writer) for reader in store.readers.get(root, ()) if reader < writer)


def _depth_first(before: Sequence[Set[int]], *, is_longest_last: bool) -> tuple[int, ...]:
    """Each kernel behind all that must be before it, of these that with the longest chain before it last, or first."""
    depth: list[int] = []
    for kernels in before:
        depth.append(1 + max((depth[kernel] for kernel in kernels), default=0))
    is_read = {kernel for kernels in before for kernel in kernels}
    sign = -1 if is_longest_last else 1
    placed: dict[int, None] = {}
    # Last in, first out; what nobody waits for begins, as in the file.
    pending = [kernel for kernel in reversed(range(len(before))) if kernel not in is_read]
    while pending:
        kernel = pending[-1]
        waits = [other for other in before[kernel] if other not in placed]
        if waits:
            pending += sorted(waits, key=lambda other: (sign * depth[other], -other))
        else:
            placed[pending.pop()] = None
    return tuple(placed)


def _chained(order: Sequence[int], makers: Sequence[Mapping[int, int]]) -> tuple[int, int]:
    """How many kernels come right behind one that makes what they read, and how many bytes they read of it."""
    found = [makers[kernel].get(order[place], 0) for place, kernel in enumerate(order[1:])]
    return sum(map(bool, found)), sum(found)


def reordering(subject: str, reason: str) -> Decision:
    """Of a plan whose operators run in that order, that they do."""
    return Decision(subject=subject, action="reordered", reason=f"not in the order of the file: {reason}")


def permuted(store: Storage, order: Sequence[int]) -> Storage:
    """The same kernels in another order.

    Args:
        store: The kernels.
        order: Their numbers, each behind those that make what it reads.
    """
    place = {kernel: number for number, kernel in enumerate(order)}
    kernels = tuple([store.kernels[kernel] for kernel in order])
    read = dict.fromkeys(root for kernel in kernels for root in kernel.reads)
    return replace(
        store,
        kernels=kernels,
        producers={root: place[maker] for root, maker in store.producers.items()},
        readers={root: tuple(sorted([place[reader] for reader in store.readers[root]])) for root in read},
    )
