"""What a cost rule sees of one operator: its operands with shapes, its attributes, and short ways to state bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import LoopNest
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind

__all__ = ["VIEW", "CostContext", "MissingShapeError", "merged"]

VIEW = OpCost(kind=OpKind.VIEW, work=Work())


class MissingShapeError(Exception):
    """A rule needs an operand or a shape that the model does not give. The operator then counts as unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class CostContext:
    """One operator with its operands.

    Attributes:
        op: The operator.
        tensors: All tensors of the workload by name.
        copies_cache: Whether an appended key/value cache is copied as a whole (`--kv-copy`) instead of in place.
    """

    op: Op
    tensors: Mapping[str, Tensor]
    copies_cache: bool = False

    @property
    def attributes(self) -> Attributes:
        """The operator's attributes."""
        return self.op.attributes

    def has_input(self, index: int) -> bool:
        """Whether the optional input at a position is there."""
        return index < len(self.op.inputs) and bool(self.op.inputs[index])

    def has_output(self, index: int) -> bool:
        """Whether the optional output at a position is wanted."""
        return index < len(self.op.outputs) and bool(self.op.outputs[index])

    def input(self, index: int = 0) -> Tensor:
        """A shaped input; raises `MissingShapeError` where it is absent or its shape is not known."""
        if not self.has_input(index):
            raise MissingShapeError(f"input {index} is missing")
        return self._shaped(self.op.inputs[index])

    def output(self, index: int = 0) -> Tensor:
        """A shaped output; raises `MissingShapeError` where it is absent or its shape is not known."""
        if not self.has_output(index):
            raise MissingShapeError(f"output {index} is missing")
        return self._shaped(self.op.outputs[index])

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs that are present, in order, all shaped."""
        return tuple(self._shaped(name) for name in self.op.inputs if name)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The outputs that are wanted, in order, all shaped."""
        return tuple(self._shaped(name) for name in self.op.outputs if name)

    @property
    def compute_type(self) -> DType:
        """Type of the arithmetic: what an absorbed dequantize left, else the type of the first input."""
        if self.op.compute_type:
            return DType[self.op.compute_type]
        for name in (*self.op.inputs, *self.op.outputs):
            if name:
                return self.tensors[name].dtype
        return DType.UNDEFINED

    def read_all(self) -> tuple[Transfer, ...]:
        """Every input once, whole."""
        return merged(Transfer(tensor.name, tensor.bytes) for tensor in self.inputs)

    def read(self, *indices: int) -> tuple[Transfer, ...]:
        """The named inputs whole, where present."""
        present = [self.input(i) for i in indices if self.has_input(i)]
        return merged(Transfer(tensor.name, tensor.bytes) for tensor in present)

    def read_some(self, index: int, elements: int) -> tuple[Transfer, ...]:
        """`elements` elements of one input."""
        tensor = self.input(index)
        return (Transfer(tensor.name, tensor.bytes_of(min(elements, tensor.elements))),)

    def write_all(self) -> tuple[Transfer, ...]:
        """Every output once, whole."""
        return merged(Transfer(tensor.name, tensor.bytes) for tensor in self.outputs)

    def write(self, *indices: int) -> tuple[Transfer, ...]:
        """The named outputs whole, where wanted."""
        return merged(Transfer(t.name, t.bytes) for t in (self.output(i) for i in indices if self.has_output(i)))

    def write_some(self, index: int, elements: int) -> tuple[Transfer, ...]:
        """`elements` elements of one output."""
        tensor = self.output(index)
        return (Transfer(tensor.name, tensor.bytes_of(min(elements, tensor.elements))),)

    def compute(
        self,
        work: Work,
        *,
        reads: Iterable[Transfer] | None = None,
        writes: Iterable[Transfer] | None = None,
        nest: LoopNest | None = None,
        compute_type: DType | None = None,
        is_foldable: bool = False,
        in_place: tuple[tuple[str, str], ...] = (),
        least: Least | None = None,
    ) -> OpCost:
        """The cost of an operator that does arithmetic; every operand once where `reads` or `writes` is left out.

        `least` may be no less than all.
        """
        return OpCost(
            kind=OpKind.COMPUTE,
            work=work,
            reads=self.read_all() if reads is None else merged(reads),
            writes=self.write_all() if writes is None else merged(writes),
            compute_type=compute_type or self.compute_type,
            nest=nest,
            is_foldable=is_foldable,
            in_place=in_place,
            least=None if least is not None and least.reads is None and least.work == work else least,
        )

    def move(
        self,
        reads: Iterable[Transfer] = (),
        writes: Iterable[Transfer] | None = None,
        *,
        nest: LoopNest | None = None,
        in_place: tuple[tuple[str, str], ...] = (),
        least: Least | None = None,
    ) -> OpCost:
        """The cost of an operator that moves bytes and does no arithmetic; all outputs where `writes` is left out."""
        return OpCost(
            kind=OpKind.MOVE,
            work=Work(),
            reads=merged(reads),
            writes=self.write_all() if writes is None else merged(writes),
            nest=nest,
            in_place=in_place,
            least=least,
        )

    def integers(self, index: int) -> tuple[int, ...] | None:
        """The elements of a small input that are known, flat, or None."""
        value = self.tensors[self.op.inputs[index]].value if self.has_input(index) else None
        return None if value is None else value.integers

    def rows_taken(self, index: int, rows: int) -> tuple[int, int]:
        """How many of a table's rows an input of ids takes: the most and the least.

        Ids that only a run knows may all be different, or all one; those that are known are counted.
        """
        known = self.integers(index)
        if known is not None and rows:
            return (len({i % rows for i in known}),) * 2
        count = self.input(index).elements
        return min(count, rows), min(count, 1)

    def is_constant(self, index: int) -> bool:
        """Whether an input is a weight."""
        return self.has_input(index) and self.tensors[self.op.inputs[index]].kind is TensorKind.WEIGHT

    def _shaped(self, name: str) -> Tensor:
        tensor = self.tensors[name]
        if not tensor.is_shaped:
            raise MissingShapeError(f"the shape of `{name}` is not known")
        if tensor.dtype is DType.UNDEFINED:
            raise MissingShapeError(f"the type of `{name}` is not known")
        return tensor


def merged(transfers: Iterable[Transfer]) -> tuple[Transfer, ...]:
    """At most one entry a tensor, the largest: an operand that is named twice is touched once."""
    most: dict[str, int] = {}
    for transfer in transfers:
        most[transfer.tensor] = max(most.get(transfer.tensor, 0), transfer.bytes)
    return tuple(Transfer(name, count) for name, count in most.items())
