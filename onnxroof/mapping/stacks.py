"""A run of operators as one group that is computed tile by tile: who makes what when, and what each tile needs.

The last result is cut into tiles. What each operator before it must make for a tile follows from its readers, backwards
through the access maps (`onnxroof.mapping.regions`). A sum over what the group itself makes may be cut too: a block
of the hidden dimension of two products, or of the keys of attention, is made and summed up at once.

A `Stack` has no names: equal runs of a network have equal ones, and share what is worked out for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onnxroof.ir.loopnest import Access, LoopNest
from onnxroof.mapping.operator import Axis, Touched, Write
from onnxroof.mapping.regions import (
    Span,
    covers,
    hull,
    scaled,
    through_view,
    tile,
    whole,
)
from onnxroof.mapping.sketch import Sketch, Sketched

__all__ = ["Axis", "Member", "Operand", "PlacedStack", "Stack", "Use", "Value", "stack_of"]


class Use(NamedTuple):
    """Where a tensor from outside is read, or one that leaves is written."""

    member: int
    axes: tuple[Axis, ...]


class Operand(NamedTuple):
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


class Value(NamedTuple):
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


class Member(NamedTuple):
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


class Stack(NamedTuple):
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
class PlacedStack:
    """A stack, and where its operands and dimensions are in a run.

    Attributes:
        stack: The group.
        dims: Names of loops, each with the member that sums over it, -1 where it is a loop of the last result.
        where: For each operand the member, whether it is written, and its position among that one's inputs or outputs.
    """

    stack: Stack
    dims: tuple[tuple[str, int], ...]
    where: tuple[tuple[int, bool, int], ...]


def stack_of(sketch: Sketch) -> PlacedStack:
    """The stack of a run."""
    return _Builder(sketch).result()


class _Builder:
    """Walks the members from the last to the first."""

    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.maker: dict[int, int] = {}
        for place, one in enumerate(sketch):
            for tensor in one.operator.outputs:
                if tensor >= 0:
                    self.maker[one.tensors[tensor]] = place
        self.extents: list[int] = []
        self.names: list[tuple[str, int]] = []
        self.wanted: dict[int, tuple[Span, ...]] = {}
        # By tensor the members that read it, the last one first.
        self.readers: dict[int, list[int]] = {}
        self.reads: dict[int, list[Use]] = {}
        self.widths: dict[int, float] = {}
        self.written: list[tuple[int, tuple[Axis, ...], Write]] = []
        self.values: list[tuple[int, tuple[Span, ...], Write]] = []
        self.members: dict[int, Member] = {}
        self.tiled = 0
        self.result_spans: tuple[Span, ...] = ()

    def maker_of(self, tensor: int, place: int) -> int:
        """The member before `place` that makes a tensor, -1 for none."""
        found = self.maker.get(tensor, -1)
        return found if found < place else -1

    def visit(self, place: int) -> None:
        one = self.sketch[place]
        known = one.operator
        wanted = tuple(
            (write.number, spans) for write in known.writes if (spans := self._wanted(one, write, place)) is not None
        )
        loops = known.nest.loops(wanted)
        rows: tuple[Span, ...] | None = None
        if known.rescales:
            loops, rows = self._online(one, wanted, loops)
        loops, sums = self._sums(one, place, loops)
        touched = known.nest.touched(loops)
        readers: list[int] = []
        for write in known.writes:
            here = self.readers.get(one.tensors[write.tensor])
            if here:
                readers += here
                self.values.append((place, touched.spans[write.number], write))
            if one.leaves[write.place]:
                self.written.append((place, touched.axes[write.number], write))
        self._read(one, place, touched)
        self.members[place] = Member(
            self.sketch[0].unit - one.unit,
            touched.dims,
            sums,
            touched.made,
            rows,
            known.ops,
            tuple(sorted(set(readers))),
        )

    def _wanted(self, one: Sketched, write: Write, place: int) -> tuple[Span, ...] | None:
        """What the group wants of a result; None where its dimensions are not those of the access."""
        if not write.is_plain:
            return None
        spans = self.wanted.get(one.tensors[write.tensor])
        if spans is None:
            if place + 1 < len(self.sketch) or self.extents:
                return self._beside(write.shape)
            nest = one.operator.nest.nest
            spans = tuple(
                self._tile(extent, (_loop_name(nest, nest.accesses[write.number], axis), -1))
                for axis, extent in enumerate(write.shape)
            )
            self.tiled = len(self.extents)
            self.result_spans = spans
            return spans
        if one.leaves[write.place]:
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

    def _tile(self, extent: int, name: tuple[str, int]) -> Span:
        if extent == 1:
            return whole(1)
        self.extents.append(extent)
        self.names.append(name)
        return tile(len(self.extents) - 1, extent)

    def _online(
        self, one: Sketched, wanted: tuple[tuple[int, tuple[Span, ...]], ...], loops: tuple[Span, ...]
    ) -> tuple[tuple[Span, ...], tuple[Span, ...] | None]:
        """Loops of a normalisation whose results only need a factor later: a row is cut as all its readers cut it."""
        known = one.operator
        swept = known.nest.nest.swept
        free = known.nest.loops(wanted, is_swept=False)
        cut = {n: span.dim for n in swept if (span := free[n]).is_tile and span.dim >= self.tiled}
        if not cut or not all(self._are_summed(one, dim) for dim in cut.values()):
            return loops, None
        found = tuple(span if number in cut else loops[number] for number, span in enumerate(free))
        return found, tuple(span for number, span in enumerate(found) if number not in swept)

    def _are_summed(self, one: Sketched, dim: int) -> bool:
        """Whether all that becomes of an operator's results is moved about and summed over a dimension, inside."""
        for tensor, is_left in zip(one.operator.outputs, one.leaves, strict=True):
            if is_left:
                return False
            for place in self.readers.get(one.tensors[tensor], ()) if tensor >= 0 else ():
                reader = self.sketch[place]
                is_moved = reader.operator.is_move and self._are_summed(reader, dim)
                if dim not in self.members[place].sums and not is_moved:
                    return False
        return True

    def _sums(self, one: Sketched, place: int, loops: tuple[Span, ...]) -> tuple[tuple[Span, ...], frozenset[int]]:
        """Cuts the longest sum over what the group makes."""
        best, nest = -1, one.operator.nest.nest
        for tensor, loop in one.operator.sums:
            is_longer = best < 0 or nest.loops[loop].extent > nest.loops[best].extent
            if is_longer and self.maker_of(one.tensors[tensor], place) >= 0:
                best = loop
        if best < 0:
            return loops, frozenset()
        part = self._tile(nest.loops[best].extent, (nest.loops[best].name, place))
        return (*loops[:best], part, *loops[best + 1 :]), frozenset({len(self.extents) - 1})

    def _read(self, one: Sketched, place: int, touched: Touched) -> None:
        for read in one.operator.reads:
            tensor = one.tensors[read.tensor]
            if self.maker_of(tensor, place) < 0:
                self.reads.setdefault(tensor, []).append(Use(place, touched.axes[read.number]))
                self.widths[tensor] = max(self.widths.get(tensor, 0.0), read.width)
                continue
            spans = touched.spans[read.number]
            if read.view == read.shape and len(read.view) == len(spans):
                self._want(tensor, place, spans)
            elif len(read.view) == len(spans):
                self._want(tensor, place, through_view(spans, read.view, read.shape))
            else:
                self._want(tensor, place, tuple(whole(extent) for extent in read.shape))
        for number, size, shape in one.operator.rest:
            tensor = one.tensors[number]
            if self.maker_of(tensor, place) < 0:
                # What no loop touches is taken whole, byte by byte.
                self.reads.setdefault(tensor, []).append(Use(place, (Axis(whole(size), -1),)))
                self.widths[tensor] = max(self.widths.get(tensor, 0.0), 1.0)
            else:
                self._want(tensor, place, tuple(whole(extent) for extent in shape))

    def _want(self, tensor: int, place: int, spans: tuple[Span, ...]) -> None:
        before = self.wanted.get(tensor)
        self.wanted[tensor] = spans if before is None else tuple(map(hull, before, spans))
        self.readers.setdefault(tensor, []).append(place)

    def result(self) -> PlacedStack:
        for place in range(len(self.sketch) - 1, -1, -1):
            self.visit(place)
        made = [(self.sketch[place].tensors[write.tensor], place, spans, write) for place, spans, write in self.values]
        numbers = {tensor: number for number, (tensor, *_) in enumerate(reversed(made))}
        values = [
            Value(
                write.element_bytes, write.partial_bytes, spans, place, self.readers[tensor][0],
                self._replaced(place, numbers),
            )
            for tensor, place, spans, write in reversed(made)
        ]  # fmt: skip
        sizes: dict[int, int] = {}
        for one in self.sketch:
            for tensor, size in one.operator.sizes:
                sizes[one.tensors[tensor]] = max(sizes.get(one.tensors[tensor], 0), size)
        operands, where = [], []
        for tensor, uses in self.reads.items():
            width, first = self.widths[tensor], self.sketch[uses[-1].member]
            operands.append(Operand(sizes.get(tensor, 0), width, width, False, -1, tuple(reversed(uses))))
            where.append((uses[-1].member, False, first.operator.input_of[first.tensors.index(tensor)]))
        for place, axes, write in reversed(self.written):
            value = numbers.get(self.sketch[place].tensors[write.tensor], -1)
            operands.append(
                Operand(write.bytes, write.element_bytes, write.partial_bytes, True, value, (Use(place, axes),))
            )
            where.append((place, True, write.place))
        stack = Stack(
            tuple(self.extents), self.tiled, tuple(self.members[place] for place in range(len(self.sketch))),
            tuple(values), tuple(operands),
        )  # fmt: skip
        return PlacedStack(stack, tuple(self.names), tuple(where))

    def _replaced(self, place: int, numbers: Mapping[int, int]) -> int:
        """The value that an operator may overwrite because it reads it last."""
        one = self.sketch[place]
        for number in one.operator.replaces:
            tensor = one.tensors[number]
            if tensor in numbers and self.readers[tensor][0] == place:
                return numbers[tensor]
        return -1


def _loop_name(nest: LoopNest, access: Access, axis: int) -> str:
    loops = [term.loop for term in access.axes[axis].terms if nest.loops[term.loop].extent > 1]
    return nest.loops[loops[0]].name if len(loops) == 1 else f"axis{axis}"
