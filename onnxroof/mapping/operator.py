"""What of an operator is the same in every run of steps that it is in? Operands, and what parts of its loops touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnxroof.ir.loopnest import Access, LoopKind, LoopNest
from onnxroof.ir.tensor import Tensor
from onnxroof.mapping.regions import Span, access_spans, loop_spans
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Axis", "Operator", "Operators", "Read", "Touched", "Write"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a tile of an operand; `loop` is the loop of the reader that alone walks it, else -1."""

    span: Span
    loop: int


class _Nest:
    """A loop nest, with what was found of it for the parts of its results and loops that were asked for."""

    def __init__(self, nest: LoopNest) -> None:
        self.nest = nest
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
            axes = [_axes(self.nest, access, one) for access, one in zip(self.nest.accesses, spans, strict=True)]
            dims = frozenset(span.dim for span in loops) - {-1}
            made = tuple(s for a, one in zip(self.nest.accesses, spans, strict=True) if a.is_write for s in one)
            found = self._touched[loops] = Touched(tuple(spans), tuple(axes), dims, made)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """Spans and axes of each access, the tiled dimensions of the loops, and the spans of the results."""

    spans: tuple[tuple[Span, ...], ...]
    axes: tuple[tuple[Axis, ...], ...]
    dims: frozenset[int]
    made: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """An operand that the loops touch: the number of its access, its root, and the shapes of the two."""

    number: int
    root: str
    width: float
    view: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """A result: the number of its access, its name, its shape, bytes of an element and of a partial sum, of all."""

    number: int
    name: str
    shape: tuple[int, ...]
    is_plain: bool
    element_bytes: float
    partial_bytes: float
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """All of an operator that is the same in every run.

    Attributes:
        kernel: The operator.
        nest: Its loops.
        reads, writes: Operands and results that the loops touch.
        rest: Roots of what no loop touches, with their bytes and shapes.
        sizes: Bytes by root of what it reads.
        sums: Roots with the loops that sum over one of their dimensions.
        replaces: Roots in whose place the result could be written.
        ops: Operations.
        input_of, output_of: The first positions of roots among its inputs and parameters, and of names among results.
    """

    kernel: Kernel
    nest: _Nest
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    rest: tuple[tuple[str, int, tuple[int, ...]], ...]
    sizes: tuple[tuple[str, int], ...]
    sums: tuple[tuple[str, int], ...]
    replaces: tuple[str, ...]
    ops: int
    input_of: Mapping[str, int]
    output_of: Mapping[str, int]


class Operators:
    """The operators of a model.

    Args:
        store: Kernels.
        tensors: Of the workload.
    """

    def __init__(self, store: Storage, tensors: Mapping[str, Tensor]) -> None:
        self._store, self._tensors = store, tensors
        self._nests: dict[int, _Nest] = {}
        self._known: dict[int, Operator] = {}

    def of(self, number: int) -> Operator:
        """That of a kernel, by its number."""
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self._of_kernel(self._store.kernels[number])
        return found

    def _of_kernel(self, kernel: Kernel) -> Operator:
        op, cost, nest = kernel.op, kernel.cost, kernel.cost.nest
        assert nest is not None
        names, tensors, root = (*op.inputs, *op.parameters), self._tensors, self._store.root
        reads: list[Read] = []
        writes: list[Write] = []
        sums: list[tuple[str, int]] = []
        for number, access in enumerate(nest.accesses):
            if access.is_write:
                name = op.outputs[access.tensor]
                shape = tuple(tensors[name].dims)
                written = sum(transfer.bytes for transfer in cost.writes if transfer.tensor == name)
                is_plain, partial = len(shape) == len(access.axes), max(access.partial_bits, access.bits) / 8
                writes.append(Write(number, name, shape, is_plain, access.bits / 8, partial, written))
            elif access.tensor < len(names):
                name, owner = names[access.tensor], root(names[access.tensor])
                view, shape = tuple(tensors[name].dims), tuple(tensors[owner].dims)
                reads.append(Read(number, owner, access.bits / 8, view, shape))
                sums += [(owner, loop) for loop in _summed(nest, access)]
        if not any(access.is_write and access.partial_bits for access in nest.accesses):
            sums = []
        seen = {read.root for read in reads}
        sizes: dict[str, int] = {}
        rest: list[tuple[str, int, tuple[int, ...]]] = []
        for transfer in cost.reads:
            owner = root(transfer.tensor)
            sizes[owner] = max(sizes.get(owner, 0), transfer.bytes)
            if owner not in seen:
                rest.append((owner, transfer.bytes, tuple(tensors[owner].dims)))
        nested = self._nests.setdefault(id(nest), _Nest(nest))
        return Operator(
            kernel, nested, tuple(reads), tuple(writes), tuple(rest), tuple(sizes.items()), tuple(sums),
            self._replaceable(kernel, nest), cost.work.ops if cost.work else 0,
            {root(name): place for place, name in reversed([*enumerate(names)]) if name},
            {name: place for place, name in reversed([*enumerate(op.outputs)]) if name},
        )  # fmt: skip

    def _replaceable(self, kernel: Kernel, nest: LoopNest) -> tuple[str, ...]:
        """What an operator reads element by element, and so may overwrite if nobody reads it later."""
        results = [access for access in nest.accesses if access.is_write]
        if len(results) != 1 or nest.reductions:
            return ()
        return tuple(
            self._store.root(kernel.op.inputs[access.tensor])
            for access in nest.accesses
            if not access.is_write
            and access.tensor < len(kernel.op.inputs)
            and access.axes == results[0].axes
            and access.bits >= results[0].bits
        )


def _summed(nest: LoopNest, access: Access) -> Iterator[int]:
    """Loops of sums that alone walk a dimension of an operand one by one."""
    for axis in access.axes:
        terms = [term for term in axis.terms if nest.loops[term.loop].extent > 1]
        if len(terms) == 1 and terms[0].stride == 1:
            loop = nest.loops[terms[0].loop]
            if axis.extent == loop.extent and loop.kind is LoopKind.REDUCTION:
                yield terms[0].loop


def _axes(nest: LoopNest, access: Access, spans: Sequence[Span]) -> tuple[Axis, ...]:
    found = []
    for axis, span in zip(access.axes, spans, strict=True):
        loops = [term.loop for term in axis.terms if nest.loops[term.loop].extent > 1]
        found.append(Axis(span, loops[0] if len(loops) == 1 else -1))
    return tuple(found)
