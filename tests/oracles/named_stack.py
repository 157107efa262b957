"""The stack of a run with the names of its operands and dimensions, as tests speak of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxroof.ir.tensor import Tensor
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import sketch_of
from onnxroof.mapping.stacks import Stack, stack_of
from onnxroof.mapping.storage import Storage

__all__ = ["NamedStack", "named_stack"]


@dataclass(frozen=True)
class NamedStack:
    """A stack; names of its operands and of its dimensions: a loop, "of" the operator that sums over it if any."""

    stack: Stack
    operands: tuple[str, ...]
    dims: tuple[str, ...]


def named_stack(store: Storage, tensors: Mapping[str, Tensor], units: Sequence[Sequence[int]]) -> NamedStack:
    """The stack of steps, given as the numbers of their kernels."""
    placed = stack_of(sketch_of(store, Operators(store, tensors), units))
    ops = [store.kernels[kernel].op for unit in units for kernel in unit]
    operands = []
    for member, is_written, position in placed.where:
        op = ops[member]
        names = op.outputs if is_written else (*op.inputs, *op.parameters)
        operands.append(store.root(names[position]))
    dims = tuple(loop if member < 0 else f"{loop} of {ops[member].name}" for loop, member in placed.dims)
    return NamedStack(placed.stack, tuple(operands), dims)
