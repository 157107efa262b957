"""Is there an order of execution in which more operators come right behind what they read?

Groups are runs of consecutive steps (`onnxroof.mapping.segments`), so which operators can be one group depends on the
order. Exporters write branches in whatever order they were traced. Here each operator comes behind its operands, and
of these the one at the end of the longest chain comes last: values of an attention are made before its scores, so that
scores, softmax and the sum over the values follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from onnxroof.costs.table import CostTable
from onnxroof.ir.workload import Workload
from onnxroof.mapping.storage import Storage

__all__ = ["chained_order", "permuted"]


def chained_order(store: Storage) -> tuple[int, ...] | None:
    """Numbers of the kernels in that order; None where no more of them follow what they read than do already.

    Bodies of loops run trip by trip, so a model with one keeps its order.
    """
    count = len(store.kernels)
    if any(kernel.op.repeat != 1 for kernel in store.kernels):
        return None
    makers = [frozenset(_makers(store, kernel)) for kernel in range(count)]
    before = [makers[kernel] | frozenset(_first(store, kernel)) for kernel in range(count)]
    order = _longest_last(before)
    return order if _chained(order, makers) > _chained(range(count), makers) else None


def _makers(store: Storage, kernel: int) -> Iterator[int]:
    """Kernels that make what a kernel reads."""
    for transfer in store.kernels[kernel].cost.reads:
        maker = store.producers.get(store.root(transfer.tensor), kernel)
        if maker < kernel:  # what a trip hands to the next one is made behind its reader
            yield maker


def _first(store: Storage, kernel: int) -> Iterator[int]:
    """Kernels that a kernel must stay behind because one of the two writes over what both read."""
    one = store.kernels[kernel]
    for transfer in one.cost.reads:
        root = store.root(transfer.tensor)
        for reader in store.readers.get(root, ()):
            other = store.kernels[reader]
            if reader < kernel and any(
                store.root(source) == root for k in (one, other) for _, source in k.cost.in_place
            ):
                yield reader


def _longest_last(before: Sequence[frozenset[int]]) -> tuple[int, ...]:
    """Each kernel behind all that must be before it, that with the longest chain behind it last."""
    depth: list[int] = []
    for kernels in before:
        depth.append(1 + max((depth[kernel] for kernel in kernels), default=0))
    is_read = {kernel for kernels in before for kernel in kernels}
    placed: dict[int, None] = {}
    # Last in, first out; what nobody waits for begins, as in the file.
    pending = [kernel for kernel in reversed(range(len(before))) if kernel not in is_read]
    while pending:
        kernel = pending[-1]
        waits = [other for other in before[kernel] if other not in placed]
        if waits:
            pending += sorted(waits, key=lambda other: (-depth[other], -other))
        else:
            placed[pending.pop()] = None
    return tuple(placed)


def _chained(order: Sequence[int], makers: Sequence[frozenset[int]]) -> int:
    """How many kernels come right behind one that makes what they read."""
    return sum(order[place - 1] in makers[order[place]] for place in range(1, len(order)))


def permuted(workload: Workload, costs: CostTable, store: Storage, order: Sequence[int]) -> tuple[Workload, CostTable]:
    """The workload and its costs with the kernels in another order, each behind the views and constants that it needs.

    Args:
        workload: The model.
        costs: Its costs.
        store: Its kernels.
        order: Their numbers, each behind those that make what it reads.
    """
    number = {op.name: index for index, op in enumerate(workload.ops)}
    # An absorbed quantization still lists the name that the operator before it has taken over.
    makers: dict[str, list[int]] = {}
    for index, op in enumerate(workload.ops):
        for name in op.outputs:
            makers.setdefault(name, []).append(index)
    placed: dict[int, None] = {}
    for kernel in order:
        wanted: set[int] = set()
        pending = [number[store.kernels[kernel].op.name]]
        while pending:
            index = pending.pop()
            if index not in placed and index not in wanted:
                wanted.add(index)
                op = workload.ops[index]
                read = (name for name in (*op.inputs, *op.parameters) if name)
                pending += [maker for name in read for maker in makers.get(name, ()) if maker < index]
        placed |= dict.fromkeys(sorted(wanted))
    placed |= dict.fromkeys(range(len(workload.ops)))
    return (
        replace(workload, ops=tuple(workload.ops[index] for index in placed)),
        replace(
            costs,
            costs=tuple(costs.costs[index] for index in placed),
            weight_reads=tuple(costs.weight_reads[index] for index in placed),
        ),
    )
