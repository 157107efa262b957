"""A run of steps without names: all that tells whether and how it could be one group.

Equal runs of a network, or of two, have equal sketches, and share what is worked out for them. Tensors are numbered
from the last operator of the run to the first, so that a run is sketched by what it has before a shorter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.costs.cost import Coverage
from onnxroof.ir.loopnest import LoopKind
from onnxroof.ir.op import OpKind
from onnxroof.mapping.operator import Operator, Operators
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Outside", "Sketch", "Sketched", "Sketches", "hangs_together", "outside", "sketch_of", "unfusible"]

IntArray = npt.NDArray[np.int64]


class Sketched(NamedTuple):
    """An operator in a run of steps.

    Attributes:
        operator: The operator.
        tensors: Number in the run of each of its tensors.
        leaves: By result whether it is wanted outside of the run.
        unit: Number of its step from the last of the run.
    """

    operator: Operator
    tensors: tuple[int, ...]
    leaves: tuple[bool, ...]
    unit: int


Sketch: TypeAlias = tuple[Sketched, ...]
"""The operators of a run in order, without names: all that its stack depends on."""


class Sketches:
    """The sketches of the runs that end with one step, from the shortest on.

    Args:
        store: Kernels.
        operators: That they are.
    """

    def __init__(self, store: Storage, operators: Operators) -> None:
        self._store, self._operators = store, operators
        self._numbers: dict[str, int] = {}
        self._inside: set[int] = set()
        self._units = 0
        self._found: Sketch = ()

    def with_step(self, unit: Sequence[int]) -> Sketch:
        """The sketch of a step, given as the numbers of its kernels, and all that were given before, which follow it.

        Each kernel has a loop nest; the last one of all makes what is tiled.
        """
        numbers, inside, store = self._numbers, self._inside, self._store
        inside.update(unit)
        step = []
        for kernel in reversed(unit):
            operator, names = self._operators.of(store.kernels[kernel])
            tensors = tuple([numbers.setdefault(name, len(numbers)) for name in names])
            leaves = tuple([tensor >= 0 and store.leaves(names[tensor], inside) for tensor in operator.outputs])
            step.append(Sketched(operator, tensors, leaves, self._units))
        self._units += 1
        self._found = (*reversed(step), *self._found)
        return self._found


def sketch_of(store: Storage, operators: Operators, units: Sequence[Sequence[int]]) -> Sketch:
    """The sketch of consecutive steps, given as the numbers of their kernels."""
    found: Sketch = ()
    sketches = Sketches(store, operators)
    for unit in reversed(units):
        found = sketches.with_step(unit)
    return found


class Outside(NamedTuple):
    """The tensors that cross the border of a run whatever the tile, each once with its bytes of one trip.

    (M, 3) each: the first operator of the run that touches it, which of the tensors there it is, and bytes.

    Attributes:
        reads, writes: What comes in, and what goes out.
        shared: What more than one of its operators touch: only these can cross less often. Bytes are not counted.
    """

    reads: IntArray
    writes: IntArray
    shared: IntArray


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
    several = {tensor: 0 for tensor, count in used.items() if count > 1}
    reads_at, writes_at, shared_at = (
        np.array([(*place[tensor], size) for tensor, size in found.items()], dtype=np.int64).reshape(-1, 3)
        for found in (reads, writes, several)
    )
    return Outside(reads_at, writes_at, shared_at)


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
