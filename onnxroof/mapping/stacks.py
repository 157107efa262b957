"""A run of operators as one group that is computed tile by tile: who makes what when, and what each tile needs.

The last result is cut into tiles. What each operator before it must make for a tile follows from its readers, backwards
through the access maps (`onnxroof.mapping.regions`). A sum over what the group itself makes may be cut too: a block
of the hidden dimension of two products, or of the keys of attention, is made and summed up at once.

A `Stack` has no names: equal runs of a network have equal ones, and share what is worked out for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxroof.costs.cost import Coverage
from onnxroof.ir.loopnest import Access, LoopKind
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import Tensor
from onnxroof.mapping.operator import Axis, Operator, Operators, Touched, Write
from onnxroof.mapping.regions import (
    Span,
    covers,
    hull,
    scaled,
    through_view,
    tile,
    whole,
)
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Axis", "Member", "NamedStack", "Operand", "Stack", "Stacks", "Use", "Value", "stack_of", "unfusible"]


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
    """A stack with the names of its operands and dimensions.

    Attributes:
        stack: The group.
        operands, dims: Names.
        where: For each operand the member, whether it is written, and its position among that one's inputs or outputs.
    """

    stack: Stack
    operands: tuple[str, ...]
    dims: tuple[str, ...]
    where: tuple[tuple[int, bool, int], ...]


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


class Stacks:
    """Makes the stacks of a model's runs.

    Args:
        store: Kernels.
        tensors: Of the workload.
    """

    def __init__(self, store: Storage, tensors: Mapping[str, Tensor]) -> None:
        self.store = store
        self._operators = Operators(store, tensors)

    def of(self, units: Sequence[Sequence[int]]) -> NamedStack:
        """The stack of consecutive steps, given as the numbers of their kernels; the last one makes what is tiled."""
        return _Builder(self.store, self._operators, units).result()


class _Builder:
    """Walks the members from the last to the first."""

    def __init__(self, store: Storage, operators: Operators, units: Sequence[Sequence[int]]) -> None:
        self.store = store
        self.kernels = [kernel for unit in units for kernel in unit]
        self.known = [operators.of(kernel) for kernel in self.kernels]
        self.unit_of = [number for number, unit in enumerate(units) for _ in unit]
        self.place = {kernel: place for place, kernel in enumerate(self.kernels)}
        self.inside = frozenset(self.kernels)
        self.extents: list[int] = []
        self.names: list[str] = []
        self.wanted: dict[str, tuple[Span, ...]] = {}
        # By root the members that read it, the last one first.
        self.readers: dict[str, list[int]] = {}
        self.reads: dict[str, list[Use]] = {}
        self.widths: dict[str, float] = {}
        self.written: list[tuple[int, tuple[Axis, ...], Write]] = []
        self.values: list[tuple[int, tuple[Span, ...], Write]] = []
        self.members: dict[int, Member] = {}
        self.tiled = 0
        self.result_spans: tuple[Span, ...] = ()

    def maker_of(self, name: str, place: int) -> int:
        """The member before `place` that makes a tensor, -1 for none."""
        found = self.place.get(self.store.producers.get(name, -1), -1)
        return found if found < place else -1

    def visit(self, place: int) -> None:
        known = self.known[place]
        leaves = [self.store.leaves(write.name, self.inside) for write in known.writes]
        wanted = tuple(
            (write.number, spans)
            for write, is_left in zip(known.writes, leaves, strict=True)
            if (spans := self._wanted(known, write, place, is_left)) is not None
        )
        loops = known.nest.loops(wanted)
        rows: tuple[Span, ...] | None = None
        if known.kernel.cost.rescales:
            loops, rows = self._online(known, wanted, loops)
        loops, sums = self._sums(known, place, loops)
        touched = known.nest.touched(loops)
        readers: list[int] = []
        for write, is_left in zip(known.writes, leaves, strict=True):
            here = self.readers.get(write.name)
            if here:
                readers += here
                self.values.append((place, touched.spans[write.number], write))
            if is_left:
                self.written.append((place, touched.axes[write.number], write))
        self._read(known, place, touched)
        self.members[place] = Member(
            self.unit_of[place], touched.dims, sums, touched.made, rows, known.ops, tuple(sorted(set(readers)))
        )

    def _wanted(self, known: Operator, write: Write, place: int, is_left: bool) -> tuple[Span, ...] | None:
        """What the group wants of a result; None where its dimensions are not those of the access."""
        if not write.is_plain:
            return None
        spans = self.wanted.get(write.name)
        if spans is None:
            if place + 1 < len(self.kernels) or self.extents:
                return self._beside(write.shape)
            access = known.nest.nest.accesses[write.number]
            spans = tuple(
                self._tile(extent, f"{_loop_name(known.kernel, access, axis)}")
                for axis, extent in enumerate(write.shape)
            )
            self.tiled = len(self.extents)
            self.result_spans = spans
            return spans
        if is_left:
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
        self, known: Operator, wanted: tuple[tuple[int, tuple[Span, ...]], ...], loops: tuple[Span, ...]
    ) -> tuple[tuple[Span, ...], tuple[Span, ...] | None]:
        """Loops of a normalisation whose results only need a factor later: a row is cut as all its readers cut it."""
        swept = known.nest.nest.swept
        free = known.nest.loops(wanted, is_swept=False)
        cut = {n: span.dim for n in swept if (span := free[n]).is_tile and span.dim >= self.tiled}
        outputs = known.kernel.op.outputs
        if not cut or not all(self._is_summed(name, dim) for name in outputs for dim in cut.values()):
            return loops, None
        found = tuple(span if number in cut else loops[number] for number, span in enumerate(free))
        return found, tuple(span for number, span in enumerate(found) if number not in swept)

    def _is_summed(self, name: str, dim: int) -> bool:
        """Whether all that becomes of a tensor is moved about and summed over a dimension, inside the group."""
        if self.store.leaves(name, self.inside):
            return False
        for place in self.readers.get(name, ()):
            kernel = self.known[place].kernel
            is_moved = kernel.cost.kind is OpKind.MOVE and all(self._is_summed(n, dim) for n in kernel.op.outputs if n)
            if dim not in self.members[place].sums and not is_moved:
                return False
        return True

    def _sums(self, known: Operator, place: int, loops: tuple[Span, ...]) -> tuple[tuple[Span, ...], frozenset[int]]:
        """Cuts the longest sum over what the group makes."""
        best, nest = -1, known.nest.nest
        for root, loop in known.sums:
            if (best < 0 or nest.loops[loop].extent > nest.loops[best].extent) and self.maker_of(root, place) >= 0:
                best = loop
        if best < 0:
            return loops, frozenset()
        part = self._tile(nest.loops[best].extent, f"{nest.loops[best].name} of {known.kernel.op.name}")
        return (*loops[:best], part, *loops[best + 1 :]), frozenset({len(self.extents) - 1})

    def _read(self, known: Operator, place: int, touched: Touched) -> None:
        for read in known.reads:
            if self.maker_of(read.root, place) < 0:
                self.reads.setdefault(read.root, []).append(Use(place, touched.axes[read.number]))
                self.widths[read.root] = max(self.widths.get(read.root, 0.0), read.width)
                continue
            spans = touched.spans[read.number]
            if read.view == read.shape and len(read.view) == len(spans):
                self._want(read.root, place, spans)
            elif len(read.view) == len(spans):
                self._want(read.root, place, through_view(spans, read.view, read.shape))
            else:
                self._want(read.root, place, tuple(whole(extent) for extent in read.shape))
        for root, size, shape in known.rest:
            if self.maker_of(root, place) < 0:
                # What no loop touches is taken whole, byte by byte.
                self.reads.setdefault(root, []).append(Use(place, (Axis(whole(size), -1),)))
                self.widths[root] = max(self.widths.get(root, 0.0), 1.0)
            else:
                self._want(root, place, tuple(whole(extent) for extent in shape))

    def _want(self, root: str, place: int, spans: tuple[Span, ...]) -> None:
        before = self.wanted.get(root)
        self.wanted[root] = spans if before is None else tuple(map(hull, before, spans))
        self.readers.setdefault(root, []).append(place)

    def result(self) -> NamedStack:
        for place in range(len(self.kernels) - 1, -1, -1):
            self.visit(place)
        numbers = {write.name: number for number, (*_, write) in enumerate(reversed(self.values))}
        values = [
            Value(
                write.element_bytes, write.partial_bytes, spans, place, self.readers[write.name][0],
                self._replaced(place, numbers),
            )
            for place, spans, write in reversed(self.values)
        ]  # fmt: skip
        operands, names = [], []
        sizes: dict[str, int] = {}
        for known in self.known:
            for root, size in known.sizes:
                sizes[root] = max(sizes.get(root, 0), size)
        for name, uses in self.reads.items():
            width = self.widths[name]
            names.append(name)
            operands.append(Operand(sizes.get(name, 0), width, width, False, -1, tuple(reversed(uses))))
        for place, axes, write in reversed(self.written):
            names.append(write.name)
            value = numbers.get(write.name, -1)
            operands.append(
                Operand(write.bytes, write.element_bytes, write.partial_bytes, True, value, (Use(place, axes),))
            )
        stack = Stack(
            tuple(self.extents), self.tiled, tuple(self.members[place] for place in range(len(self.kernels))),
            tuple(values), tuple(operands),
        )  # fmt: skip
        where = []
        for name, operand in zip(names, operands, strict=True):
            member = operand.uses[0].member
            known = self.known[member]
            positions = known.output_of if operand.is_written else known.input_of
            where.append((member, operand.is_written, positions[name]))
        return NamedStack(stack, tuple(names), tuple(self.names), tuple(where))

    def _replaced(self, place: int, numbers: Mapping[str, int]) -> int:
        """The value that an operator may overwrite because it reads it last."""
        for root in self.known[place].replaces:
            if root in numbers and self.readers[root][0] == place:
                return numbers[root]
        return -1


def stack_of(store: Storage, tensors: Mapping[str, Tensor], units: Sequence[Sequence[int]]) -> NamedStack:
    """The stack of consecutive steps.

    Args:
        store: Kernels.
        tensors: Of the workload.
        units: Numbers of the kernels of each step, each with a loop nest; the last kernel makes what is tiled.
    """
    return Stacks(store, tensors).of(units)


def _loop_name(kernel: Kernel, access: Access, axis: int) -> str:
    nest = kernel.cost.nest
    assert nest is not None
    loops = [term.loop for term in access.axes[axis].terms if nest.loops[term.loop].extent > 1]
    return nest.loops[loops[0]].name if len(loops) == 1 else f"axis{axis}"
