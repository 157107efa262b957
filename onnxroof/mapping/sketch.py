"""A run of steps without names: all that tells whether and how it could be one group.

Equal runs of a network, or of two, have equal sketches, and share what is worked out for them. Tensors are numbered in
the order in which the operators of the run touch them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from onnxroof.costs.cost import Coverage
from onnxroof.ir.loopnest import LoopKind
from onnxroof.ir.op import OpKind
from onnxroof.mapping.operator import Operator, Operators
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Crossed", "Outside", "Sketch", "Sketched", "hangs_together", "outside", "sketch_of", "unfusible"]


class Sketched(NamedTuple):
    """An operator in a run of steps.

    Attributes:
        operator: The operator.
        tensors: Number in the run of each of its tensors.
        leaves: By result whether it is wanted outside of the run.
        unit: Number of its step from the first of the run.
    """

    operator: Operator
    tensors: tuple[int, ...]
    leaves: tuple[bool, ...]
    unit: int


Sketch: TypeAlias = tuple[Sketched, ...]
"""The operators of a run in order, without names: all that its stack depends on."""


def sketch_of(store: Storage, operators: Operators, units: Sequence[Sequence[int]]) -> Sketch:
    """The sketch of consecutive steps.

    Args:
        store: Kernels.
        operators: That they are.
        units: Numbers of the kernels of each step, each with a loop nest; the last kernel makes what is tiled.
    """
    inside = frozenset(kernel for unit in units for kernel in unit)
    numbers: dict[str, int] = {}
    found = []
    for number, unit in enumerate(units):
        for kernel in unit:
            operator, names = operators.of(kernel)
            found.append(
                Sketched(
                    operator,
                    tuple([numbers.setdefault(name, len(numbers)) for name in names]),
                    tuple([tensor >= 0 and store.leaves(names[tensor], inside) for tensor in operator.outputs]),
                    number,
                )
            )
    return tuple(found)


class Crossed(NamedTuple):
    """A tensor of a run: the first of its operators that touches it, which of the tensors there it is, and bytes."""

    member: int
    tensor: int
    bytes: int


class Outside(NamedTuple):
    """The tensors that cross the border of a run whatever the tile, each once with its bytes of one trip.

    Attributes:
        reads, writes: What comes in, and what goes out.
        shared: What more than one of its operators touch: only these can cross less often. Bytes are not counted.
    """

    reads: tuple[Crossed, ...]
    writes: tuple[Crossed, ...]
    shared: tuple[Crossed, ...]


def outside(sketch: Sketch) -> Outside:
    """What a run must move at least: the operands of its stack, without making one."""
    place: dict[int, tuple[int, int]] = {}
    makers: dict[int, int] = {}
    reads: dict[int, int] = {}
    writes: dict[int, int] = {}
    used: dict[int, int] = {}
    for member, (operator, tensors, leaves, _) in enumerate(sketch):
        for number, tensor in enumerate(tensors):
            place.setdefault(tensor, (member, number))
        for number, size in operator.sizes:
            tensor = tensors[number]
            if tensor not in makers:
                reads[tensor] = max(reads.get(tensor, 0), size)
        for write in operator.writes:
            tensor = tensors[write.tensor]
            if leaves[write.place]:
                writes[tensor] = write.bytes
        for tensor in _touched(operator, tensors):
            used[tensor] = used.get(tensor, 0) + 1
        for number in operator.outputs:
            if number >= 0:
                makers[tensors[number]] = member
    return Outside(
        tuple(Crossed(*place[tensor], size) for tensor, size in reads.items()),
        tuple(Crossed(*place[tensor], size) for tensor, size in writes.items()),
        tuple(Crossed(*place[tensor], 0) for tensor, count in used.items() if count > 1),
    )


def hangs_together(sketch: Sketch) -> bool:
    """Whether each step can be reached from each other over tensors that two steps touch."""
    parts: list[set[int]] = []
    touched: dict[int, set[int]] = {}
    for one in sketch:
        touched.setdefault(one.unit, set()).update(_touched(one.operator, one.tensors))
    for more in touched.values():
        near = [part for part in parts if not part.isdisjoint(more)]
        parts = [*(part for part in parts if part.isdisjoint(more)), more.union(*near)]
    return len(parts) == 1


def _touched(operator: Operator, tensors: Sequence[int]) -> set[int]:
    """What an operator reads and writes, not that of which only the shape matters to it."""
    found = {tensors[number] for number, _ in operator.sizes}
    found.update(tensors[number] for number in operator.made)
    return found


def unfusible(kernel: Kernel) -> str:
    """Why an operator cannot be computed tile by tile with others, "" where it can."""
    cost = kernel.cost
    if cost.coverage is not Coverage.EXACT:
        return (
            f"what {kernel.op.op_type} does is not {'modelled' if cost.coverage is Coverage.NOT_MODELLED else 'known'}"
        )
    if cost.nest is None or cost.kind not in (OpKind.COMPUTE, OpKind.MOVE):
        return f"what {kernel.op.op_type} touches is no affine function of loops: any tile may need all of its operands"
    if cost.repeats:
        return f"{kernel.op.op_type} repeats elements at the border: a tile there needs elements from elsewhere"
    if any(loop.kind is LoopKind.SEQUENTIAL for loop in cost.nest.loops):
        return f"{kernel.op.op_type} runs step after step"
    if cost.in_place:
        return f"{kernel.op.op_type} writes a part of a buffer in place, whose readers need all of it"
    return ""
