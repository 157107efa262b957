"""Which tensors are the operands of a fusion group, and what does it move of the others when some need not cross?

A tensor that stays in the level inside a boundary does not cross it. The tiles are then chosen anew: of those that fit,
the one that moves fewest bytes of the tensors that do cross.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

from onnxroof.mapping.curve import Repeats
from onnxroof.mapping.storage import Kernel, Storage
from onnxroof.mapping.traffic import GroupShape

__all__ = ["NOTHING", "GroupOperands", "Operands", "Skipped", "Steps", "Tensors", "group_operands", "steps"]


Tensors: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
"""(bytes, positions of the operands of the anchor's nest that are this tensor) by tensor."""


@dataclass(frozen=True, slots=True, eq=False)
class Operands:
    """The tensors that enter and leave a group, without their names: equal groups share one, compared by identity.

    Attributes:
        reads: What enters.
        writes: What leaves.
    """

    reads: Tensors
    writes: Tensors


@dataclass(frozen=True, slots=True, eq=False)
class GroupOperands:
    """`Operands` with the names of the tensors, in the same order."""

    operands: Operands
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def group_operands(
    store: Storage, members: tuple[int, ...], shared: dict[tuple[Tensors, Tensors], Operands]
) -> GroupOperands:
    """The operands of a group of kernels; the first member is its anchor.

    Args:
        store: The kernels.
        members: Of the group.
        shared: Operands that equal groups share, {} for the first.
    """
    inside = frozenset(members)
    producers = store.producers
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}
    for member in members:
        kernel = store.kernels[member]
        for name, count in kernel.reads.items():
            if producers.get(name) not in inside and count > reads.get(name, -1):
                reads[name] = count
        for transfer in kernel.cost.writes:
            if store.leaves(transfer.tensor, inside):
                writes[transfer.tensor] = transfer.bytes
    walked_reads, walked_writes = _walked(store, store.kernels[members[0]])
    key = (
        tuple([(count, walked_reads.get(name, ())) for name, count in reads.items()]),
        tuple([(count, walked_writes.get(name, ())) for name, count in writes.items()]),
    )
    found = shared.get(key)
    if found is None:
        found = shared[key] = Operands(*key)
    return GroupOperands(found, tuple(reads), tuple(writes))


def _walked(store: Storage, anchor: Kernel) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Positions of the operands of a kernel's nest by the roots that it reads, and by those that it writes."""
    reads: dict[str, tuple[int, ...]] = {}
    writes: dict[str, tuple[int, ...]] = {}
    if anchor.cost.nest is None:
        return reads, writes
    names, roots = (*anchor.op.inputs, *anchor.op.parameters), store.roots
    for number, access in enumerate(anchor.cost.nest.accesses):
        listed, found = (anchor.op.outputs, writes) if access.is_write else (names, reads)
        if access.tensor < len(listed):
            name = listed[access.tensor]
            root = roots.get(name, name)
            found[root] = (*found.get(root, ()), number)
    return reads, writes


@dataclass(frozen=True, slots=True)
class Skipped:
    """What of a group's operands does not cross a boundary.

    Attributes:
        reads: Positions in `Operands.reads` of tensors that are there already.
        once: Those of them that cross once in all trips of the group, to be there from then on.
        writes: Positions in `Operands.writes` of what nobody outside the boundary wants.
    """

    reads: tuple[int, ...] = ()
    once: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()


NOTHING = GroupOperands(Operands((), ()), (), ())
"""Of a group in which nothing is left to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A reuse curve of what crosses, by ascending capacity; bytes of one trip.

    Attributes:
        repeats: What tiles move beyond each element once. The total falls from step to step.
        once_read_bytes, once_write_bytes: What crosses once, whatever the tile.
    """

    repeats: Repeats
    once_read_bytes: float
    once_write_bytes: float

    @property
    def capacity_bytes(self) -> list[float]:
        """What the tile takes of the level, tiles of tensors that do not cross among them."""
        return self.repeats.capacity_bytes

    @property
    def numbers(self) -> list[int]:
        """Number of the tile's step in the curve of the nest, empty where there is none."""
        return self.repeats.numbers

    def moved_bytes(self, step: int) -> tuple[float, float]:
        """What the tile of a step brings in, and what it brings out."""
        return (
            self.repeats.read_bytes[step] + self.once_read_bytes,
            self.repeats.write_bytes[step] + self.once_write_bytes,
        )

    def total_bytes(self, step: int) -> float:
        """The sum of the two."""
        return sum(self.moved_bytes(step))

    def at(self, capacity_bytes: float) -> int:
        """The last step that fits, -1 for none."""
        return bisect_right(self.repeats.capacity_bytes, capacity_bytes) - 1


_UNTILED = Repeats([0.0], [0.0], [0.0], [])
"""Of a group without a loop nest: each element crosses once."""


def steps(shape: GroupShape, operands: Operands, skipped: Skipped) -> Steps:
    """What a group moves of the tensors that cross, over the capacity inside the boundary."""
    reads = float(shape.compulsory_reads - sum([operands.reads[n][0] for n in skipped.reads]))
    reads += sum([operands.reads[n][0] for n in skipped.once]) / shape.repeat
    writes = float(shape.compulsory_writes - sum([operands.writes[n][0] for n in skipped.writes]))
    curve = shape.curve
    if curve is None:
        return Steps(_UNTILED, reads, writes)
    present = frozenset([place for slot in skipped.reads for place in operands.reads[slot][1]])
    return Steps(curve.repeats(present), reads, writes)
