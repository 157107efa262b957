"""A run of operators as one group that is computed tile by tile: who makes what when, and what each tile needs.

The last result is cut into tiles. What each operator before it must make for a tile follows from its readers, backwards
through the access maps (`onnxroof.mapping.regions`). A sum over what the group itself makes may be cut too: a block
of the hidden dimension of two products, or of the keys of attention, is made and summed up at once.

A `Stack` has no names: equal runs of a network have equal ones, and share what is worked out for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from onnxroof.costs.cost import Coverage
from onnxroof.ir.loopnest import Access, LoopKind, LoopNest
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import Tensor
from onnxroof.mapping.regions import (
    Span,
    access_spans,
    covers,
    hull,
    loop_spans,
    scaled,
    through_view,
    tile,
    whole,
)
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Axis", "Member", "NamedStack", "Operand", "Stack", "Use", "Value", "stack_of", "unfusible"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a tile of an operand; `loop` is the loop of the reader that alone walks it, else -1."""

    span: Span
    loop: int


@dataclass(frozen=True, slots=True)
class Use:
    """Where a tensor from outside is read, or one that leaves is written."""

    member: int
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that enters or leaves the group.

    Attributes:
        bytes: That must cross, each element once.
        element_bytes: Of an element.
        partial_bytes: Of a partial sum of what is written.
        is_written: Whether it leaves.
        value: Number of the value that it is, where the group also reads it, else -1.
        uses: By member.
    """

    bytes: int
    element_bytes: float
    partial_bytes: float
    is_written: bool
    value: int
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that the group makes and reads.

    Attributes:
        element_bytes, partial_bytes: Of an element, and of a partial sum of it.
        spans: What a tile holds of it.
        maker, last: Members that make it, and read it last.
        replaced: Number of the value in whose place it is written, -1 for none.
    """

    element_bytes: float
    partial_bytes: float
    spans: tuple[Span, ...]
    maker: int
    last: int
    replaced: int = -1


@dataclass(frozen=True, slots=True)
class Member:
    """An operator of the group.

    Attributes:
        unit: Number of the step of the clock that it belongs to, from the first of the group.
        dims: Tiled dimensions that its loops depend on.
        sums: Those of them that it sums over.
        spans: What a tile makes of its results' dimensions.
        rows: Dimensions of the statistics of a row that is normalised while it is walked, () for none.
        ops: Its operations, weighted by nothing.
        readers: Members that read what it makes.
    """

    unit: int
    dims: frozenset[int]
    sums: frozenset[int]
    spans: tuple[Span, ...]
    rows: tuple[Span, ...] | None
    ops: int
    readers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """A group as far as its tiles go.

    Attributes:
        extents: Of the dimensions that may be tiled: of the last result, then of the sums that may be cut.
        tiled: How many of them are of the last result.
        members, values, operands: In order.
    """

    extents: tuple[int, ...]
    tiled: int
    members: tuple[Member, ...]
    values: tuple[Value, ...]
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NamedStack:
    """A stack with the names of its operands and dimensions."""

    stack: Stack
    operands: tuple[str, ...]
    dims: tuple[str, ...]


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


class _Builder:
    """Walks the members from the last to the first."""

    def __init__(self, store: Storage, tensors: Mapping[str, Tensor], units: Sequence[Sequence[int]]) -> None:
        self.store = store
        self.tensors = tensors
        self.kernels = [kernel for unit in units for kernel in unit]
        self.unit_of = [number for number, unit in enumerate(units) for _ in unit]
        self.place = {kernel: place for place, kernel in enumerate(self.kernels)}
        self.inside = frozenset(self.kernels)
        self.extents: list[int] = []
        self.names: list[str] = []
        self.wanted: dict[str, tuple[Span, ...]] = {}
        self.readers: dict[str, list[int]] = {}
        self.reads: dict[str, list[Use]] = {}
        self.widths: dict[str, float] = {}
        self.written: list[tuple[str, int, tuple[Axis, ...], Access]] = []
        self.values: list[tuple[str, int, tuple[Span, ...], Access]] = []
        self.members: dict[int, Member] = {}
        self.tiled = 0
        self.result_spans: tuple[Span, ...] = ()

    def maker_of(self, name: str, place: int) -> int:
        """The member before `place` that makes a tensor, -1 for none."""
        found = self.place.get(self.store.producers.get(name, -1), -1)
        return found if found < place else -1

    def visit(self, place: int) -> None:
        kernel = self.store.kernels[self.kernels[place]]
        nest = kernel.cost.nest
        assert nest is not None
        wanted: list[tuple[Access, Sequence[Span]]] = []
        for access in nest.accesses:
            if access.is_write:
                spans = self._wanted(kernel, access, place)
                if spans is not None:
                    wanted.append((access, spans))
        loops = loop_spans(nest, wanted)
        rows: tuple[Span, ...] | None = None
        if kernel.cost.rescales:
            loops, rows = self._online(kernel, wanted, loops)
        sums = self._sums(kernel, place, nest, loops)
        made: list[Span] = []
        readers: list[int] = []
        touched = _touched(nest, tuple(loops))
        for access, (spans, axes) in zip(nest.accesses, touched, strict=True):
            if not access.is_write:
                continue
            name = kernel.op.outputs[access.tensor]
            made += spans
            here = self.readers.get(name, [])
            readers += here
            if here:
                self.values.append((name, place, spans, access))
            if self.store.leaves(name, self.inside):
                self.written.append((name, place, axes, access))
        self._read(kernel, place, nest, touched)
        work = kernel.cost.work
        self.members[place] = Member(
            unit=self.unit_of[place],
            dims=frozenset(span.dim for span in loops) - {-1},
            sums=sums,
            spans=tuple(made),
            rows=rows,
            ops=work.ops if work else 0,
            readers=tuple(sorted(set(readers))),
        )

    def _wanted(self, kernel: Kernel, access: Access, place: int) -> tuple[Span, ...] | None:
        """What the group wants of a result; None where its dimensions are not those of the access."""
        name = kernel.op.outputs[access.tensor]
        shape = self.tensors[name].dims
        if len(shape) != len(access.axes):
            return None
        spans = self.wanted.get(name)
        if spans is None:
            if place + 1 < len(self.kernels) or self.extents:
                return self._beside(shape)
            spans = tuple(
                self._tile(extent, f"{_loop_name(kernel, access, axis)}") for axis, extent in enumerate(shape)
            )
            self.tiled = len(self.extents)
            self.result_spans = spans
            return spans
        if self.store.leaves(name, self.inside):
            return tuple(span if covers(span) else whole(span.extent) for span in spans)
        return spans

    def _beside(self, shape: Sequence[int]) -> tuple[Span, ...]:
        """What is made at a tile of a further result that nobody in the group reads.

        Any way to cut it would do. It is cut with the last result where it is as long or so many times longer.
        """
        if len(shape) != len(self.result_spans):
            return tuple(whole(extent) for extent in shape)
        found = []
        for extent, span in zip(shape, self.result_spans, strict=True):
            times, rest = divmod(extent, span.extent)
            found.append(scaled(span, times) if times and not rest else whole(extent))
        return tuple(found)

    def _tile(self, extent: int, name: str) -> Span:
        if extent == 1:
            return whole(1)
        self.extents.append(extent)
        self.names.append(name)
        return tile(len(self.extents) - 1, extent)

    def _online(
        self, kernel: Kernel, wanted: Sequence[tuple[Access, Sequence[Span]]], loops: list[Span]
    ) -> tuple[list[Span], tuple[Span, ...] | None]:
        """Loops of a normalisation whose results only need a factor later: a row is cut as all its readers cut it."""
        nest = kernel.cost.nest
        assert nest is not None
        free = loop_spans(LoopNest(nest.loops, nest.accesses), wanted)
        cut = {n: span.dim for n in nest.swept if (span := free[n]).is_tile and span.dim >= self.tiled}
        if not cut or not all(self._is_summed(name, dim) for name in kernel.op.outputs for dim in cut.values()):
            return loops, None
        found = [span if number in cut else loops[number] for number, span in enumerate(free)]
        return found, tuple(span for number, span in enumerate(found) if number not in nest.swept)

    def _is_summed(self, name: str, dim: int) -> bool:
        """Whether all that becomes of a tensor is moved about and summed over a dimension, inside the group."""
        if self.store.leaves(name, self.inside):
            return False
        for place in self.readers.get(name, ()):
            kernel = self.store.kernels[self.kernels[place]]
            is_moved = kernel.cost.kind is OpKind.MOVE and all(self._is_summed(n, dim) for n in kernel.op.outputs if n)
            if dim not in self.members[place].sums and not is_moved:
                return False
        return True

    def _sums(self, kernel: Kernel, place: int, nest: LoopNest, loops: list[Span]) -> frozenset[int]:
        """Cuts the longest sum over what the group makes; `loops` is changed."""
        best = -1
        for access in nest.accesses:
            names = (*kernel.op.inputs, *kernel.op.parameters)
            if access.is_write or access.tensor >= len(names):
                continue
            if self.maker_of(self.store.root(names[access.tensor]), place) < 0:
                continue
            for axis in access.axes:
                terms = [term for term in axis.terms if nest.loops[term.loop].extent > 1]
                if len(terms) == 1 and terms[0].stride == 1 and axis.extent == nest.loops[terms[0].loop].extent:
                    loop = nest.loops[terms[0].loop]
                    if loop.kind is LoopKind.REDUCTION and (best < 0 or loop.extent > nest.loops[best].extent):
                        best = terms[0].loop
        if best < 0 or not any(access.is_write and access.partial_bits for access in nest.accesses):
            return frozenset()
        loops[best] = self._tile(nest.loops[best].extent, f"{nest.loops[best].name} of {kernel.op.name}")
        return frozenset({len(self.extents) - 1})

    def _read(self, kernel: Kernel, place: int, nest: LoopNest, touched: Sequence[_Touched]) -> None:
        names = (*kernel.op.inputs, *kernel.op.parameters)
        seen: set[str] = set()
        for access, (spans, axes) in zip(nest.accesses, touched, strict=True):
            if access.is_write or access.tensor >= len(names):
                continue
            name = names[access.tensor]
            root = self.store.root(name)
            seen.add(root)
            if self.maker_of(root, place) < 0:
                self.reads.setdefault(root, []).append(Use(place, axes))
                self.widths[root] = max(self.widths.get(root, 0.0), access.bits / 8)
                continue
            view, shape = self.tensors[name].dims, self.tensors[root].dims
            if len(view) == len(spans):
                self._want(root, place, through_view(spans, view, shape))
            else:
                self._want(root, place, tuple(whole(extent) for extent in shape))
        for transfer in kernel.cost.reads:
            root = self.store.root(transfer.tensor)
            if root in seen:
                continue
            if self.maker_of(root, place) < 0:
                # What no loop touches is taken whole, byte by byte.
                self.reads.setdefault(root, []).append(Use(place, (Axis(whole(transfer.bytes), -1),)))
                self.widths[root] = max(self.widths.get(root, 0.0), 1.0)
            else:
                self._want(root, place, tuple(whole(extent) for extent in self.tensors[root].dims))

    def _want(self, root: str, place: int, spans: tuple[Span, ...]) -> None:
        before = self.wanted.get(root)
        self.wanted[root] = spans if before is None else tuple(map(hull, before, spans))
        self.readers.setdefault(root, []).append(place)

    def result(self) -> NamedStack:
        for place in range(len(self.kernels) - 1, -1, -1):
            self.visit(place)
        count = len(self.kernels)
        numbers = {name: number for number, (name, *_) in enumerate(reversed(self.values))}
        values = []
        for name, place, spans, access in reversed(self.values):
            last = max(self.readers[name])
            values.append(
                Value(
                    access.bits / 8,
                    max(access.partial_bits, access.bits) / 8,
                    spans,
                    place,
                    last,
                    self._replaced(place, numbers),
                )
            )
        operands, names = [], []
        sizes: dict[str, int] = {}
        for kernel in self.kernels:
            for transfer in self.store.kernels[kernel].cost.reads:
                root = self.store.root(transfer.tensor)
                sizes[root] = max(sizes.get(root, 0), transfer.bytes)
        for name, uses in self.reads.items():
            width = self.widths[name]
            names.append(name)
            operands.append(Operand(sizes.get(name, 0), width, width, False, -1, tuple(reversed(uses))))
        for name, place, axes, access in reversed(self.written):
            transfers = self.store.kernels[self.kernels[place]].cost.writes
            written = sum(transfer.bytes for transfer in transfers if transfer.tensor == name)
            names.append(name)
            operands.append(
                Operand(
                    written, access.bits / 8, max(access.partial_bits, access.bits) / 8, True, numbers.get(name, -1),
                    (Use(place, axes),),
                )
            )  # fmt: skip
        stack = Stack(
            tuple(self.extents), self.tiled, tuple(self.members[place] for place in range(count)), tuple(values),
            tuple(operands),
        )  # fmt: skip
        return NamedStack(stack, tuple(names), tuple(self.names))

    def _replaced(self, place: int, numbers: Mapping[str, int]) -> int:
        """The value that an operator reads element by element, and last, and so may overwrite."""
        kernel = self.store.kernels[self.kernels[place]]
        nest = kernel.cost.nest
        assert nest is not None
        results = [access for access in nest.accesses if access.is_write]
        if len(results) != 1 or nest.reductions:
            return -1
        for access in nest.accesses:
            if access.is_write or access.tensor >= len(kernel.op.inputs):
                continue
            root = self.store.root(kernel.op.inputs[access.tensor])
            if (
                root in numbers
                and access.axes == results[0].axes
                and access.bits >= results[0].bits
                and max(self.readers[root]) == place
            ):
                return numbers[root]
        return -1


def stack_of(store: Storage, tensors: Mapping[str, Tensor], units: Sequence[Sequence[int]]) -> NamedStack:
    """The stack of consecutive steps.

    Args:
        store: Kernels.
        tensors: Of the workload.
        units: Numbers of the kernels of each step, each with a loop nest; the last kernel makes what is tiled.
    """
    return _Builder(store, tensors, units).result()


_Touched: TypeAlias = tuple[tuple[Span, ...], tuple[Axis, ...]]


@lru_cache(maxsize=16384)
def _touched(nest: LoopNest, loops: tuple[Span, ...]) -> tuple[_Touched, ...]:
    """Spans and axes of each access: an operator runs in the same loops in most runs that it is in."""
    spans = [access_spans(nest, access, loops) for access in nest.accesses]
    return tuple((one, _axes(nest, access, one)) for access, one in zip(nest.accesses, spans, strict=True))


def _axes(nest: LoopNest, access: Access, spans: Sequence[Span]) -> tuple[Axis, ...]:
    found = []
    for axis, span in zip(access.axes, spans, strict=True):
        loops = [term.loop for term in axis.terms if nest.loops[term.loop].extent > 1]
        found.append(Axis(span, loops[0] if len(loops) == 1 else -1))
    return tuple(found)


def _loop_name(kernel: Kernel, access: Access, axis: int) -> str:
    nest = kernel.cost.nest
    assert nest is not None
    loops = [term.loop for term in access.axes[axis].terms if nest.loops[term.loop].extent > 1]
    return nest.loops[loops[0]].name if len(loops) == 1 else f"axis{axis}"
