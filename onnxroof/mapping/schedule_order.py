"""Is there an order of execution in which less is alive at once than in the order of the file?

The least peak over all orders is NP-hard to find. A list scheduler takes, of the kernels whose operands are there, the
one after which least is alive (a kernel that frees as much as it makes first), once with the peak of the step as the
first criterion, once with what stays after it, and once following each branch to its end. The best of these and
of the file's order is what a search has to beat: what is alive depends only on the set of kernels that have run, so
the least peak is a path through these sets whose worst step is least, found best first. Up to `MOST_SETS` sets the
answer is exact; beyond that the list scheduler's stands. Never more than the file's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from onnxroof.mapping.liveness import Buffers

__all__ = ["MOST_SETS", "Schedule", "schedule"]

MOST_SETS = 4096
"""So many sets of kernels that have run are reached at most, some 20 microseconds each."""

# Of more kernels than this that could run next, those that became ready last are looked at.
_MOST_READY = 64

# (peak of the step, bytes alive after it, when it became ready, number of the kernel) to what is least for the best.
_Rule = Callable[[int, int, int, int], tuple[int, ...]]

_RULES: tuple[_Rule, ...] = (
    lambda peak, after, ready, kernel: (after, peak, -ready, kernel),
    lambda peak, after, ready, kernel: (peak, after, -ready, kernel),
    lambda peak, after, ready, kernel: (-ready, after, peak, kernel),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Peaks of live activations, inputs and outputs among them.

    Attributes:
        separate_bytes: In the order of the file, each tensor in a place of its own.
        in_place_bytes: In the order of the file, results in the place of operands where that is legal.
        least_bytes: As `in_place_bytes`, in the order that was found.
        order: Numbers of the kernels in that order.
        is_least: Whether no order has a lower peak, or none is allowed but that of the file.
        bound_bytes: What no order gets below: `least_bytes` where that is proven, else what the search ruled out.
    """

    separate_bytes: int
    in_place_bytes: int
    least_bytes: int
    order: tuple[int, ...]
    is_least: bool
    bound_bytes: int


def schedule(problem: Buffers, *, is_fixed: bool = False) -> Schedule:
    """The best order found; that of the file where none has a lower peak.

    Args:
        problem: The tensors and their uses.
        is_fixed: Whether the order may not be changed (bodies of loops run trip by trip).
    """
    file_order = tuple(range(len(problem.reads)))
    in_place = max(problem.profile(file_order, in_place=True), default=0)
    best, least = file_order, in_place
    for rule in () if is_fixed else _RULES:
        order = _listed(problem, rule)
        peak = max(problem.profile(order, in_place=True), default=0)
        if peak < least:
            best, least = order, peak
    better, bound = (None, least) if is_fixed else _searched(problem, least)
    if better is not None:
        best, least = better, max(problem.profile(better, in_place=True), default=0)
    return Schedule(
        separate_bytes=max(problem.profile(file_order, in_place=False), default=0),
        in_place_bytes=in_place,
        least_bytes=least,
        order=best,
        is_least=bound >= least,
        bound_bytes=min(bound, least),
    )


def _searched(problem: Buffers, known: int) -> tuple[tuple[int, ...] | None, int]:
    """An order with the least peak, None if none below a `known` one was found; and what no order gets below."""
    count = len(problem.reads)
    makers = {tensor: kernel for kernel, made in enumerate(problem.writes) for tensor in made}
    # As bits: what must have run before each kernel, and the readers of each tensor.
    before = [
        sum(1 << k for k in {makers[t] for t in names if t in makers} - {n}) for n, names in enumerate(problem.reads)
    ]
    readers = [0] * len(problem.sizes)
    for kernel, names in enumerate(problem.reads):
        for tensor in names:
            readers[tensor] |= 1 << kernel
    touched = [
        {*problem.reads[k], *problem.writes[k], *(operand for _, operand in problem.overwrites[k])}
        for k in range(count)
    ]
    followers: list[list[int]] = [[] for _ in range(count)]
    for kernel, names in enumerate(problem.reads):
        for maker in {makers[tensor] for tensor in names if tensor in makers} - {kernel}:
            followers[maker].append(kernel)
    bound = max((_own(problem, kernel, touched[kernel]) for kernel in range(count)), default=0)
    if bound >= known:
        return None, known
    everything = (1 << count) - 1
    came_from: dict[int, tuple[int, int]] = {}
    closed: set[int] = set()
    least = {0: 0}
    # The least peak first, of equal ones the set that has run most; with bytes alive after it and what can run next.
    start = tuple(kernel for kernel in range(count) if not before[kernel])
    queue = [(0, 0, 0, sum(problem.sizes[tensor] for tensor in problem.given), start)]
    while queue:
        peak, _, ran, live, ready = heapq.heappop(queue)
        if ran in closed:
            continue
        closed.add(ran)
        if ran == everything:
            order = []
            while ran:
                kernel, ran = came_from[ran]
                order.append(kernel)
            return tuple(reversed(order)), peak
        if len(least) > MOST_SETS:
            return None, max(
                bound, peak
            )  # the least peak comes first: every order goes through this set or a worse one
        for kernel in ready:
            after = ran | 1 << kernel
            left = {tensor: int(readers[tensor] & ~after != 0) for tensor in touched[kernel]}
            made = live + sum(problem.sizes[tensor] for tensor in problem.writes[kernel])
            worst = max(peak, made - problem.shared(kernel, left))
            if worst < least.get(after, known):
                least[after] = worst
                came_from[after] = (kernel, ran)
                freed = [k for k in followers[kernel] if not before[k] & ~after]
                rest = made - problem.freed(kernel, left)
                following = (*(k for k in ready if k != kernel), *freed)
                heapq.heappush(queue, (worst, -after.bit_count(), after, rest, following))
    return None, known


def _own(problem: Buffers, kernel: int, touched: set[int]) -> int:
    """Bytes that are alive while a kernel runs in any order: what it reads and makes, as much shared as ever can be."""
    names = {*problem.reads[kernel], *problem.writes[kernel]}
    return sum(problem.sizes[tensor] for tensor in names) - problem.shared(kernel, dict.fromkeys(touched, 0))


def _listed(problem: Buffers, rule: _Rule) -> tuple[int, ...]:
    """An order by always taking the best kernel that can run."""
    makers = {tensor: kernel for kernel, made in enumerate(problem.writes) for tensor in made}
    waits = [len({makers[t] for t in names if t in makers} - {k}) for k, names in enumerate(problem.reads)]
    followers: list[set[int]] = [set() for _ in problem.reads]
    for kernel, names in enumerate(problem.reads):
        for tensor in names:
            if makers.get(tensor, kernel) != kernel:
                followers[makers[tensor]].add(kernel)
    ready = {kernel: 0 for kernel, count in enumerate(waits) if count == 0}
    left = problem.readers()
    live = sum(problem.sizes[tensor] for tensor in problem.given)
    order: list[int] = []
    while ready:
        key: tuple[int, ...] = ()
        chosen, after = -1, 0
        for kernel in list(ready)[-_MOST_READY:]:
            step, rest = _step(problem, kernel, left)
            found = rule(live + step, live + rest, ready[kernel], kernel)
            if chosen < 0 or found < key:
                chosen, key, after = kernel, found, live + rest
        for tensor in problem.reads[chosen]:
            left[tensor] -= 1
        live = after
        order.append(chosen)
        del ready[chosen]
        for kernel in sorted(followers[chosen]):
            waits[kernel] -= 1
            if waits[kernel] == 0:
                ready[kernel] = len(order)
    return tuple(order)


def _step(problem: Buffers, kernel: int, left: list[int]) -> tuple[int, int]:
    """What a kernel adds to the bytes alive, while it runs and after it."""
    names = problem.reads[kernel]
    for tensor in names:
        left[tensor] -= 1
    made = sum(problem.sizes[tensor] for tensor in problem.writes[kernel])
    step, rest = made - problem.shared(kernel, left), made - problem.freed(kernel, left)
    for tensor in names:
        left[tensor] += 1
    return step, rest
