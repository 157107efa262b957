"""Which names stand for the same bytes, which operators really run, and how much is alive at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from onnxroof.costs.cost import OpCost
from onnxroof.costs.table import CostTable
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload

__all__ = ["Kernel", "Storage", "parameter_roots", "storage"]

_RUNNING = frozenset({OpKind.COMPUTE, OpKind.MOVE, OpKind.UNKNOWN})


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """An operator that runs, with its cost.

    Attributes:
        op: The operator.
        cost: Of one trip.
        reads: Root of each tensor that it reads to the bytes of it; of several views of one tensor the most.
    """

    op: Op
    cost: OpCost
    reads: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Storage:
    """The workload as a runtime sees it: views gone, kernels in order.

    Attributes:
        kernels: Compute, move and unknown operators in topological order.
        roots: Tensor name to the name of the tensor that owns its bytes (views and rearranged weights resolved).
        producers: Root name to the index of the kernel that writes it.
        readers: Root name to the indices of the kernels that read it.
        given: Names of the model's inputs.
        outputs: Roots of the model's outputs.
        carried: Roots that leave the body of a loop: to its next trip, or to what comes after it.
        sizes: Root name to the bytes of the largest tensor that stands for it (what a loop collects from its trips
            is named after the result of one); None where a shape is not known. Kernels' results and inputs only.
    """

    kernels: tuple[Kernel, ...]
    roots: Mapping[str, str]
    producers: Mapping[str, int]
    readers: Mapping[str, tuple[int, ...]]
    given: frozenset[str]
    outputs: frozenset[str]
    carried: frozenset[str]
    sizes: Mapping[str, int | None]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Indices of the kernels by the names of their operators."""
        return {kernel.op.name: index for index, kernel in enumerate(self.kernels)}

    @cached_property
    def peak_activation_bytes(self) -> int | None:
        """Most bytes of inputs, activations and outputs alive at once, over the kernels in their order.

        A tensor lives from the kernel that writes it (an input: from the start) to its last reader (an output: to the
        end); views share their tensor's bytes, and so does what a kernel makes by writing into its input (an appended
        cache) if nobody needs that input as it was. Nothing else is reused in place, so this is an upper bound for the
        order of the file. None where a shape is not known.
        """
        return _peak_activation_bytes(self)

    def root(self, name: str) -> str:
        """The tensor that owns the bytes of a name."""
        return self.roots.get(name, name)

    def leaves(self, name: str, group: frozenset[int] | set[int]) -> bool:
        """Whether what a kernel of a group writes is wanted outside the group, or by nobody at all."""
        readers = self.readers.get(name, ())
        return not readers or name in self.outputs or name in self.carried or not group.issuperset(readers)


def storage(workload: Workload, costs: CostTable) -> Storage:
    """Resolves views and lists what runs."""
    roots: dict[str, str] = {}
    kernels: list[Kernel] = []
    producers: dict[str, int] = {}
    readers: dict[str, list[int]] = {}
    carried: set[str] = set()
    sizes = {name: _bytes(workload.tensors[name]) for name in workload.inputs}

    def root(name: str) -> str:
        return roots.get(name, name)

    def leaves_loop(owner: str, view: Op) -> bool:
        return owner in producers and kernels[producers[owner]].op.repeat > view.repeat

    for op, cost in zip(workload.ops, costs.costs, strict=True):
        if cost.kind is OpKind.VIEW:
            # A view of several values (the borders of a loop) passes them on position by position.
            sources = [name for name in op.inputs if name]
            for index, name in enumerate(op.outputs):
                if name and sources:
                    aligned = op.inputs[index] if index < len(op.inputs) else ""
                    owner = roots[name] = root(aligned or sources[0])
                    if leaves_loop(owner, op):
                        sizes[owner] = _larger(sizes[owner], _bytes(workload.tensors[name]))
            carried.update(owner for owner in map(root, sources) if leaves_loop(owner, op))
            continue
        if cost.kind not in _RUNNING:
            continue
        index = len(kernels)
        reads: dict[str, int] = {}
        for transfer in cost.reads:
            name = root(transfer.tensor)
            readers.setdefault(name, []).append(index)
            reads[name] = max(reads.get(name, 0), transfer.bytes)
        kernels.append(Kernel(op, cost, reads))
        for name in op.outputs:
            if name:
                producers[name] = index
                sizes[name] = _bytes(workload.tensors[name])
    return Storage(
        kernels=tuple(kernels),
        roots=roots,
        producers=producers,
        readers={name: tuple(found) for name, found in readers.items()},
        given=frozenset(workload.inputs),
        outputs=frozenset(root(name) for name in workload.outputs),
        carried=frozenset(carried),
        sizes=sizes,
    )


def _bytes(tensor: Tensor) -> int | None:
    return tensor.bytes if tensor.is_shaped else None


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def parameter_roots(workload: Workload, store: Storage) -> tuple[str, ...]:
    """Distinct weights that a kernel reads as data, rearranged copies of one weight counted once."""
    found: dict[str, None] = {}
    for kernel in store.kernels:
        for name in kernel.reads:
            tensor = workload.tensors[name]
            if tensor.kind is TensorKind.WEIGHT:
                found[tensor.origin or name] = None
    return tuple(found)


def _peak_activation_bytes(store: Storage) -> int | None:
    end = len(store.kernels)
    spans = dict.fromkeys(store.given, (0, 0))
    for index, kernel in enumerate(store.kernels):
        for name in kernel.op.outputs:
            if name:
                spans[name] = (index, index)
        for name in kernel.reads:
            if name in spans:
                spans[name] = (spans[name][0], index)
    for name in store.outputs & spans.keys():
        spans[name] = (spans[name][0], end)
    sizes = dict(store.sizes)
    for index, kernel in enumerate(store.kernels):
        for output, source in kernel.cost.in_place:
            name = store.root(source)
            if output in spans and name in spans and spans[name][1] <= index:
                spans[output] = (spans.pop(name)[0], spans[output][1])
                sizes[output] = _larger(sizes[output], sizes[name])
    changes = [0] * (end + 2)
    for name, (first, last) in spans.items():
        size = sizes[name]
        if size is None:
            return None
        changes[first] += size
        changes[last + 1] -= size
    return max(itertools.accumulate(changes))
