"""How much is alive while the groups of a plan run, when what a group makes for itself is never held whole?

The tiles of that come on top, so this is the least that activations take under a plan, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.mapping.liveness import Buffers

__all__ = ["alive_bytes"]


def alive_bytes(problem: Buffers, groups: Sequence[Sequence[int]]) -> int:
    """Most bytes alive while a group runs: what is read before its end or later, and what leaves it.

    Args:
        problem: The tensors as the kernels use them.
        groups: Numbers of the kernels of each group, in the order in which the groups run.
    """
    left = problem.readers()
    live = sum(problem.sizes[tensor] for tensor in problem.given)
    most = live
    for group in groups:
        reads = {tensor for kernel in group for tensor in problem.reads[kernel]}
        writes = {tensor for kernel in group for tensor in problem.writes[kernel]}
        for kernel in group:
            for tensor in problem.reads[kernel]:
                left[tensor] -= 1
        # A result that nobody reads at all leaves the group too: somebody has to write it somewhere.
        read = reads & writes
        leaving = {t for t in writes if left[t] > 0 or t in problem.lasting or t not in read}
        live += sum(problem.sizes[tensor] for tensor in leaving)
        most = max(most, live)
        gone = ((reads - writes) | leaving) - problem.lasting
        live -= sum(problem.sizes[tensor] for tensor in gone if left[tensor] == 0)
    return most
