"""What of an operator is the same in every run of steps that it is in? Operands, and what parts of its loops touch.

An `Operator` has no names: equal operators of a network, or of two, are one object, and share what is worked out for
them. Its tensors are numbered by their first place among its operands and results: two places of one tensor have one
number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from onnxroof.ir.loopnest import Access, AxisMap, LoopKind, LoopNest
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import Tensor
from onnxroof.mapping.regions import Span, access_spans, loop_spans
from onnxroof.mapping.skeleton import skeleton
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Axis", "NamedOperator", "Operator", "Operators", "Read", "Touched", "Write"]


class Axis(NamedTuple):
    """One dimension of a tile of an operand; `loop` is the loop of the reader that alone walks it, else -1."""

    span: Span
    loop: int


class _Nest:
    """A loop nest, with what was found of it for the parts of its results and loops that were asked for.

    Nests that differ in the widths of their operands alone share one.
    """

    def __init__(self, nest: LoopNest) -> None:
        self.nest = nest
        self._walkers = [[_walker(nest, axis) for axis in access.axes] for access in nest.accesses]
        self._free = LoopNest(nest.loops, nest.accesses)
        self._loops: dict[tuple[bool, tuple[tuple[int, tuple[Span, ...]], ...]], tuple[Span, ...]] = {}
        self._touched: dict[tuple[Span, ...], Touched] = {}

    def loops(self, wanted: tuple[tuple[int, tuple[Span, ...]], ...], *, is_swept: bool = True) -> tuple[Span, ...]:
        """What of each loop must run for parts of results, each given with the number of its access.

        Loops that are walked again and again run whole if `is_swept`.
        """
        found = self._loops.get((is_swept, wanted))
        if found is None:
            parts = [(self.nest.accesses[number], spans) for number, spans in wanted]
            found = self._loops[is_swept, wanted] = tuple(loop_spans(self.nest if is_swept else self._free, parts))
        return found

    def touched(self, loops: tuple[Span, ...]) -> Touched:
        """What parts of the loops touch: an operator runs in the same loops in most runs that it is in."""
        found = self._touched.get(loops)
        if found is None:
            spans = [access_spans(self.nest, access, loops) for access in self.nest.accesses]
            axes = [tuple(map(Axis, one, walkers)) for one, walkers in zip(spans, self._walkers, strict=True)]
            dims = frozenset(span.dim for span in loops) - {-1}
            made = tuple(s for a, one in zip(self.nest.accesses, spans, strict=True) if a.is_write for s in one)
            found = self._touched[loops] = Touched(tuple(spans), tuple(axes), dims, made)
        return found


_nest = lru_cache(maxsize=4096)(_Nest)


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """Spans and axes of each access, the tiled dimensions of the loops, and the spans of the results."""

    spans: tuple[tuple[Span, ...], ...]
    axes: tuple[tuple[Axis, ...], ...]
    dims: frozenset[int]
    made: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """An operand that the loops touch: the number of its access, its tensor, and the shapes of it and of its root."""

    number: int
    tensor: int
    width: float
    view: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """A result: numbers of its access, of its place and tensor, its shape, bytes of an element, a partial sum, all."""

    number: int
    place: int
    tensor: int
    shape: tuple[int, ...]
    is_plain: bool
    element_bytes: float
    partial_bytes: float
    bytes: int


class _Place(NamedTuple):
    """A tensor among the operands or results: its number, bytes that move, its shape and that of its root.

    Bytes are None of a tensor of which only the shape matters.
    """

    tensor: int
    bytes: int | None
    view: tuple[int, ...]
    shape: tuple[int, ...]


_Places = tuple["_Place | None", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """All of an operator that is the same in every run.

    Attributes:
        nest: Its loops.
        reads, writes: Operands and results that the loops touch.
        rest: Tensors that no loop touches, with their bytes and shapes.
        sizes: Bytes by tensor of what it reads.
        sums: Tensors with the loops that sum over one of their dimensions.
        replaces: Tensors in whose place the result could be written.
        outputs: Tensors of the results, -1 for one that is left out.
        made: Those of them that it writes.
        ops: Operations.
        is_move: Whether it only moves elements about.
        rescales: Whether results of a part of its swept loops only need a factor later.
        input_of: The first positions of tensors among its inputs and parameters.
    """

    nest: _Nest
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    rest: tuple[tuple[int, int, tuple[int, ...]], ...]
    sizes: tuple[tuple[int, int], ...]
    sums: tuple[tuple[int, int], ...]
    replaces: tuple[int, ...]
    outputs: tuple[int, ...]
    made: tuple[int, ...]
    ops: int
    is_move: bool
    rescales: bool
    input_of: Mapping[int, int]


class NamedOperator(NamedTuple):
    """The operator that a kernel is, and the names of its tensors by their numbers."""

    operator: Operator
    tensors: tuple[str, ...]


class Operators:
    """The operators of a model, in whatever order they run.

    Args:
        store: Kernels.
        tensors: Of the workload.
    """

    def __init__(self, store: Storage, tensors: Mapping[str, Tensor]) -> None:
        self._store, self._tensors = store, tensors
        self._known: dict[Kernel, NamedOperator] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def of(self, kernel: Kernel) -> NamedOperator:
        """That of a kernel with a loop nest."""
        found = self._known.get(kernel)
        if found is None:
            found = self._known[kernel] = self._of(kernel)
        return found

    def _of(self, kernel: Kernel) -> NamedOperator:
        op, cost = kernel.op, kernel.cost
        assert cost.nest is not None
        numbers: dict[str, int] = {}
        writes: dict[str, int] = {}
        for transfer in cost.writes:
            writes[transfer.tensor] = writes.get(transfer.tensor, 0) + transfer.bytes
        taken = tuple([self._place(name, kernel.reads, numbers) for name in (*op.inputs, *op.parameters)])
        made = tuple([self._place(name, writes, numbers) for name in op.outputs])
        work = cost.work.ops if cost.work else 0
        operator = _operator(cost.nest, taken, made, len(op.inputs), work, cost.kind is OpKind.MOVE, cost.rescales)
        return NamedOperator(operator, tuple(numbers))

    def _place(self, name: str, sizes: Mapping[str, int], numbers: dict[str, int]) -> _Place | None:
        if not name:
            return None
        root = self._store.root(name)
        number = numbers.setdefault(root, len(numbers))
        return _Place(number, sizes.get(root), self._shape(name), self._shape(root))

    def _shape(self, name: str) -> tuple[int, ...]:
        """Of what some loop touches; of what is not known, which no loop does, none."""
        found = self._shapes.get(name)
        if found is None:
            tensor = self._tensors[name]
            found = self._shapes[name] = tuple(tensor.dims) if tensor.is_shaped else ()
        return found


@lru_cache(maxsize=4096)
def _operator(
    nest: LoopNest, taken: _Places, made: _Places, inputs: int, ops: int, is_move: bool, rescales: bool
) -> Operator:
    """The operator that has so many inputs, and parameters behind them in `taken`."""
    reads: list[Read] = []
    writes: list[Write] = []
    sums: list[tuple[int, int]] = []
    for number, access in enumerate(nest.accesses):
        if access.is_write:
            one = made[access.tensor]
            assert one is not None  # nothing is written that has no name
            is_plain, partial = len(one.view) == len(access.axes), max(access.partial_bits, access.bits) / 8
            writes.append(
                Write(number, access.tensor, one.tensor, one.view, is_plain, access.bits / 8, partial, one.bytes or 0)
            )
        elif access.tensor < len(taken):
            one = taken[access.tensor]
            assert one is not None  # nor read
            reads.append(Read(number, one.tensor, access.bits / 8, one.view, one.shape))
            sums += [(one.tensor, loop) for loop in _summed(nest, access)]
    if not any(access.is_write and access.partial_bits for access in nest.accesses):
        sums = []
    seen = {read.tensor for read in reads}
    known = {one.tensor: (one.bytes, one.shape) for one in taken if one is not None and one.bytes is not None}
    return Operator(
        nest=_nest(skeleton(nest)),
        reads=tuple(reads),
        writes=tuple(writes),
        rest=tuple((tensor, size, shape) for tensor, (size, shape) in known.items() if tensor not in seen),
        sizes=tuple((tensor, size) for tensor, (size, _) in known.items()),
        sums=tuple(sums),
        replaces=_replaceable(nest, taken[:inputs]),
        outputs=tuple(-1 if one is None else one.tensor for one in made),
        made=tuple(one.tensor for one in made if one is not None and one.bytes is not None),
        ops=ops,
        is_move=is_move,
        rescales=rescales,
        input_of={one.tensor: place for place, one in reversed([*enumerate(taken)]) if one is not None},
    )


def _replaceable(nest: LoopNest, inputs: _Places) -> tuple[int, ...]:
    """What an operator reads element by element, and so may overwrite if nobody reads it later."""
    results = [access for access in nest.accesses if access.is_write]
    if len(results) != 1 or nest.reductions:
        return ()
    found = []
    for access in nest.accesses:
        one = inputs[access.tensor] if not access.is_write and access.tensor < len(inputs) else None
        if one is not None and access.axes == results[0].axes and access.bits >= results[0].bits:
            found.append(one.tensor)
    return tuple(found)


def _summed(nest: LoopNest, access: Access) -> Iterator[int]:
    """Loops of sums that alone walk a dimension of an operand one by one."""
    for axis in access.axes:
        terms = [term for term in axis.terms if nest.loops[term.loop].extent > 1]
        if len(terms) == 1 and terms[0].stride == 1:
            loop = nest.loops[terms[0].loop]
            if axis.extent == loop.extent and loop.kind is LoopKind.REDUCTION:
                yield terms[0].loop


def _walker(nest: LoopNest, axis: AxisMap) -> int:
    """The loop that alone walks a dimension, -1 where there is none or several do."""
    loops = [term.loop for term in axis.terms if nest.loops[term.loop].extent > 1]
    return loops[0] if len(loops) == 1 else -1
