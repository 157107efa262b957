"""The groups of a plan with all that matters of each for time and energy. Equal groups share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from onnxroof.mapping.operands import GroupOperands, Operands, Tensors, group_operands
from onnxroof.mapping.plan import Plan
from onnxroof.mapping.storage import Kernel, Storage
from onnxroof.mapping.traffic import GroupShape

__all__ = ["ShapedPlan", "Shapes"]

_Work: TypeAlias = tuple[
    tuple[tuple[str, int], ...], tuple[tuple[str, int], ...], tuple[tuple[tuple[str, str], int], ...]
]


@dataclass(frozen=True, eq=False)
class ShapedPlan:
    """A plan with the shapes and operands of its groups.

    Attributes:
        plan: The groups.
        shapes: Distinct.
        index: For each group, which shape it has.
        kernels: Of each group; none of one whose operators have nothing left to do.
        operands: Of each group.
    """

    plan: Plan
    shapes: tuple[GroupShape, ...]
    index: tuple[int, ...]
    kernels: tuple[tuple[int, ...], ...]
    operands: tuple[GroupOperands, ...]

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """For each shape, how many groups have it."""
        found = Counter(self.index)
        return tuple(found[number] for number in range(len(self.shapes)))


class Shapes:
    """Makes the shapes of the groups of one model's plans, in whatever order: one for all groups that are equal."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Kernel, ...], tuple[GroupOperands, GroupShape]] = {}
        self._shapes: dict[Hashable, GroupShape] = {}
        self._operands: dict[tuple[Tensors, Tensors], Operands] = {}
        self._alike: dict[Hashable, GroupShape] = {}

    def shaped(self, store: Storage, plan: Plan) -> ShapedPlan:
        """A plan of the model with the shapes of its groups."""
        numbers = store.numbers
        kernels = tuple([tuple([numbers[name] for name in group.ops]) for group in plan.groups])
        found = [self._group(store, members) for members in kernels]
        distinct: dict[GroupShape, int] = {}
        index = tuple([distinct.setdefault(shape, len(distinct)) for _, shape in found])
        return ShapedPlan(plan, tuple(distinct), index, kernels, tuple([operands for operands, _ in found]))

    def _group(self, store: Storage, members: tuple[int, ...]) -> tuple[GroupOperands, GroupShape]:
        kernels = tuple([store.kernels[member] for member in members])
        found = self._groups.get(kernels)
        if found is None:
            named = group_operands(store, members, self._operands)
            found = self._groups[kernels] = named, self._shape(store, kernels, named)
        return found

    def _shape(self, store: Storage, kernels: tuple[Kernel, ...], named: GroupOperands) -> GroupShape:
        nest, repeat = kernels[0].cost.nest, kernels[0].op.repeat
        rearranged = _rearranged(store, kernels[0], named)
        # Costs of equal operators share their nest and work: identities serve, and are compared much faster.
        works = tuple([(id(kernel.cost.work), id(kernel.cost.compute_type)) for kernel in kernels])
        alike = (id(nest), named.operands, works, repeat, rearranged)
        found = self._alike.get(alike)
        if found is None:
            reads, writes = (sum(count for count, _ in part) for part in (named.operands.reads, named.operands.writes))
            is_known = all(kernel.cost.work is not None for kernel in kernels)
            key = (id(nest), reads, writes, *_work(kernels), is_known, repeat, rearranged)
            if key not in self._shapes:
                self._shapes[key] = GroupShape(nest, *key[1:])
            found = self._alike[alike] = self._shapes[key]
        return found


def _rearranged(store: Storage, anchor: Kernel, named: GroupOperands) -> int:
    nest = anchor.cost.nest
    if nest is None or (store.given.isdisjoint(named.reads) and store.outputs.isdisjoint(named.writes)):
        return 0
    names = (*anchor.op.inputs, *anchor.op.parameters)
    windowed = {store.root(names[a.tensor]) for a in nest.windowed_reads if a.tensor < len(names)}
    if not windowed:
        return 0
    reads = zip(named.reads, named.operands.reads, strict=True)
    writes = zip(named.writes, named.operands.writes, strict=True)
    taken = sum(count for name, (count, _) in reads if name in windowed and name in store.given)
    return taken + sum(count for name, (count, _) in writes if name in store.outputs)


def _work(kernels: Sequence[Kernel]) -> _Work:
    """MACs and vector operations by type, special operations by name and type."""
    macs: dict[str, int] = {}
    vector: dict[str, int] = {}
    special: dict[tuple[str, str], int] = {}
    for kernel in kernels:
        work = kernel.cost.work
        if work is None:
            continue
        dtype = kernel.cost.compute_type.name
        if work.macs:
            macs[dtype] = macs.get(dtype, 0) + work.macs
        if work.vector_ops:
            vector[dtype] = vector.get(dtype, 0) + work.vector_ops
        for name, count in work.special.items():
            special[(name, dtype)] = special.get((name, dtype), 0) + count
    return tuple(sorted(macs.items())), tuple(sorted(vector.items())), tuple(sorted(special.items()))
