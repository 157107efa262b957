"""Is there an order of execution in which less is alive at once than in the order of the file?

The least peak over all orders is NP-hard to find. A list scheduler takes, of the kernels whose operands are there, the
one after which least is alive (a kernel that frees as much as it makes first), once with the peak of the step as the
first criterion, once with what stays after it, and once following each branch to its end. The best of these and
of the file's order is offered: never more than the file's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnxroof.mapping.liveness import Buffers

__all__ = ["Schedule", "schedule"]

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
    """

    separate_bytes: int
    in_place_bytes: int
    least_bytes: int
    order: tuple[int, ...]


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
    return Schedule(
        separate_bytes=max(problem.profile(file_order, in_place=False), default=0),
        in_place_bytes=in_place,
        least_bytes=least,
        order=best,
    )


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
