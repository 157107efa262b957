"""Which activations are alive while which kernel runs, and how many bytes that takes in a given order?

A tensor lives from the kernel that writes it (an input: from the start) to its last reader (an output: to the end).
Views share their tensor's bytes. What a kernel writes into one of its inputs takes no room of its own: an appended
cache, and the result of an operator that reads a tensor for the last time at the very index at which it writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["Buffers", "buffers", "overwritable"]


@dataclass(frozen=True, eq=False)
class Buffers:
    """What each kernel needs and makes, tensors numbered.

    Attributes:
        sizes: Bytes of each tensor.
        reads: For each kernel the numbers of the inputs and activations that it reads.
        writes: For each kernel those that it makes.
        overwrites: For each kernel (result, operand) pairs of which the first may take the place of the second.
        given: Tensors that are there from the start; an input that nobody needs is not among them.
        lasting: Tensors that stay to the end.
    """

    sizes: tuple[int, ...]
    reads: tuple[tuple[int, ...], ...]
    writes: tuple[tuple[int, ...], ...]
    overwrites: tuple[tuple[tuple[int, int], ...], ...]
    given: tuple[int, ...]
    lasting: frozenset[int]

    def readers(self) -> list[int]:
        """For each tensor, how many kernels read it."""
        counts = [0] * len(self.sizes)
        for names in self.reads:
            for tensor in names:
                counts[tensor] += 1
        return counts

    def profile(self, order: Sequence[int], *, in_place: bool) -> list[int]:
        """Bytes alive while each kernel of an order runs.

        Args:
            order: Numbers of the kernels, each after those that make what it reads.
            in_place: Whether a result may take the place of an operand that nobody needs any more.
        """
        left = self.readers()
        live = sum(self.sizes[tensor] for tensor in self.given)
        found = []
        for kernel in order:
            for tensor in self.reads[kernel]:
                left[tensor] -= 1
            live += sum(self.sizes[tensor] for tensor in self.writes[kernel])
            shared = self.shared(kernel, left) if in_place else 0
            found.append(live - shared)
            live -= self.freed(kernel, left)
        return found

    def shared(self, kernel: int, left: Sequence[int] | Mapping[int, int]) -> int:
        """Bytes that the results of a kernel need not take, when `left` readers remain after it."""
        total = 0
        taken: set[int] = set()
        for result, operand in self.overwrites[kernel]:
            if left[operand] == 0 and operand not in self.lasting and not taken & {result, operand}:
                total += min(self.sizes[result], self.sizes[operand])
                taken |= {result, operand}
        return total

    def freed(self, kernel: int, left: Sequence[int] | Mapping[int, int]) -> int:
        """Bytes that nobody needs once a kernel has run, when `left` readers remain after it."""
        return sum(
            self.sizes[tensor]
            for tensor in {*self.reads[kernel], *self.writes[kernel]}
            if left[tensor] == 0 and tensor not in self.lasting
        )


def buffers(workload: Workload, store: Storage) -> Buffers | None:
    """The tensors of a workload as its kernels use them; None where a shape is not known."""
    numbers: dict[str, int] = {name: number for number, name in enumerate(workload.inputs)}
    for kernel in store.kernels:
        for name in kernel.op.outputs:
            if name:
                numbers.setdefault(name, len(numbers))
    sizes = [store.sizes[name] for name in numbers]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    reads = tuple(tuple([numbers[root] for root in kernel.reads if root in numbers]) for kernel in store.kernels)
    return Buffers(
        sizes=tuple(known),
        reads=reads,
        writes=tuple(tuple(numbers[name] for name in kernel.op.outputs if name) for kernel in store.kernels),
        overwrites=tuple(
            tuple(
                (numbers[result], numbers[operand])
                for result, operand in overwritable(workload, store, kernel)
                if operand in numbers
            )
            for kernel in store.kernels
        ),
        given=tuple(numbers[name] for name in workload.inputs if name in store.readers or name in store.outputs),
        lasting=frozenset(numbers[name] for name in (*store.outputs, *store.carried) if name in numbers),
    )


def overwritable(workload: Workload, store: Storage, kernel: Kernel) -> tuple[tuple[str, str], ...]:
    """(result, operand) roots of a kernel of which the first may be written over the second, if nobody else needs it.

    A result that the kernel writes into its input by its nature, and one whose element is written by the one point of
    the nest that reads the element of the operand at the same place, in the same width. Weights are never written.
    """
    pairs = [(result, store.root(source)) for result, source in kernel.cost.in_place]
    nest = kernel.cost.nest
    if nest is not None and nest.in_place:
        names = (*kernel.op.inputs, *kernel.op.parameters)
        used = [store.root(names[access.tensor]) for access in nest.accesses if not access.is_write]
        walked = [
            (kernel.op.outputs[result.tensor], store.root(names[operand.tensor])) for result, operand in nest.in_place
        ]
        pairs += [pair for pair in walked if used.count(pair[1]) == 1]
    if not pairs:
        return ()
    return tuple(
        pair for pair in dict.fromkeys(pairs) if pair[0] and workload.tensors[pair[1]].kind is not TensorKind.WEIGHT
    )
