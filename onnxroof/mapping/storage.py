"""Which names stand for the same bytes, which operators really run, and how much is alive at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onnxroof.costs.cost import OpCost
from onnxroof.costs.table import CostTable
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload

__all__ = ["Kernel", "Storage", "parameter_roots", "peak_activation_bytes", "storage"]

_RUNNING = frozenset({OpKind.COMPUTE, OpKind.MOVE, OpKind.UNKNOWN})


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """An operator that runs, with its cost."""

    op: Op
    cost: OpCost


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """The workload as a runtime sees it: views gone, kernels in order.

    Attributes:
        kernels: Compute, move and unknown operators in topological order.
        roots: Tensor name to the name of the tensor that owns its bytes (views and rearranged weights resolved).
        producers: Root name to the index of the kernel that writes it.
        readers: Root name to the indices of the kernels that read it.
        outputs: Roots of the model's outputs.
    """

    kernels: tuple[Kernel, ...]
    roots: Mapping[str, str]
    producers: Mapping[str, int]
    readers: Mapping[str, tuple[int, ...]]
    outputs: frozenset[str]


def storage(workload: Workload, costs: CostTable) -> Storage:
    """Resolves views and lists what runs."""
    roots: dict[str, str] = {}
    kernels: list[Kernel] = []
    producers: dict[str, int] = {}
    readers: dict[str, list[int]] = {}

    def root(name: str) -> str:
        return roots.get(name, name)

    for op, cost in zip(workload.ops, costs.costs, strict=True):
        if cost.kind is OpKind.VIEW:
            # A view of several values (the borders of a loop) passes them on position by position.
            sources = [name for name in op.inputs if name]
            for index, name in enumerate(op.outputs):
                if name and sources:
                    aligned = op.inputs[index] if index < len(op.inputs) else ""
                    roots[name] = root(aligned or sources[0])
            continue
        if cost.kind not in _RUNNING:
            continue
        index = len(kernels)
        kernels.append(Kernel(op, cost))
        for name in op.outputs:
            if name:
                producers[name] = index
        for transfer in cost.reads:
            readers.setdefault(root(transfer.tensor), []).append(index)
    return Storage(
        kernels=tuple(kernels),
        roots=roots,
        producers=producers,
        readers={name: tuple(found) for name, found in readers.items()},
        outputs=frozenset(root(name) for name in workload.outputs),
    )


def parameter_roots(workload: Workload, store: Storage) -> tuple[str, ...]:
    """Distinct weights that a kernel reads as data, rearranged copies of one weight counted once."""
    found: dict[str, None] = {}
    for kernel in store.kernels:
        for transfer in kernel.cost.reads:
            name = store.roots.get(transfer.tensor, transfer.tensor)
            tensor = workload.tensors[name]
            if tensor.kind is TensorKind.WEIGHT:
                found[tensor.origin or name] = None
    return tuple(found)


def peak_activation_bytes(workload: Workload, store: Storage) -> int | None:
    """Most bytes of inputs, activations and outputs alive at once, over the kernels in their order.

    A tensor lives from the kernel that writes it (an input: from the start) to its last reader (an output: to the
    end); views share their tensor's bytes; a cache that is appended in place is one tensor. None where a shape is
    not known. No reuse in place is assumed, so this is an upper bound for the order of the file.
    """
    last: dict[str, int] = {}
    first: dict[str, int] = {}
    end = len(store.kernels)
    caches: dict[str, str] = {}
    for index, kernel in enumerate(store.kernels):
        if kernel.cost.appends_to:
            caches[kernel.cost.appends_to] = kernel.op.outputs[0]
        for transfer in kernel.cost.reads:
            last[store.roots.get(transfer.tensor, transfer.tensor)] = index
        for name in kernel.op.outputs:
            if name:
                first.setdefault(name, index)
                last.setdefault(name, index)
    for name in workload.inputs:
        first[name] = 0
        last.setdefault(name, 0)
    for name in store.outputs:
        last[name] = end
    changes = [0] * (end + 2)
    for name, start in first.items():
        tensor = workload.tensors[name]
        if tensor.kind is TensorKind.WEIGHT or name in caches:
            continue
        if not tensor.is_shaped:
            return None
        changes[start] += tensor.bytes
        changes[last[name] + 1] -= tensor.bytes
    live = peak = 0
    for change in changes:
        live += change
        peak = max(peak, live)
    return peak
