"""Which operators would a device leave to its host, how is the graph cut there, and what crosses the link?

Only what is documented is held against the model: operator types, the type of the arithmetic, constant weights, and
the number of dimensions. Views follow the tensor that they rename, and a scale or shift that any compiler folds into
its neighbour follows that. A tensor crosses once, however many read it on the other side; weights are on the device
before the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxroof.dtypes import DType
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import Border, border_of
from onnxroof.mapping.storage import Kernel, Storage
from onnxroof.targets.model import Support

__all__ = ["Fallback", "Offload", "offload"]


_NOTHING = Border(input_bytes=0, weight_bytes=0, output_bytes=0, work={})


@dataclass(frozen=True, slots=True)
class Fallback:
    """Operators of one type that run on the host, for one reason."""

    op_type: str
    reason: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """How a model is divided between a device and its host.

    Attributes:
        is_known: Whether it is documented what the device runs; else all of it is taken to run there.
        fallbacks: What runs on the host, in the order of the model.
        node_count: Operators that run at all.
        segment_count: Parts that the device runs in one go, the fewest possible.
        to_device_bytes: Over the link to the device: inputs, and what the host made; None where a shape is unknown.
        to_host_bytes: Back: outputs, and what the host reads.
        border: What no plan can avoid of the device's part.
    """

    is_known: bool
    fallbacks: tuple[Fallback, ...]
    node_count: int
    segment_count: int
    to_device_bytes: int | None
    to_host_bytes: int | None
    border: Border = _NOTHING

    @property
    def fallback_count(self) -> int:
        """Operators on the host."""
        return sum(len(fallback.nodes) for fallback in self.fallbacks)


def offload(workload: Workload, store: Storage, support: Support | None, border: Border) -> Offload:
    """Divides a model.

    Args:
        workload: The model, in the types in which the device would run it.
        store: What of it runs.
        support: What the device runs; None where that is not known.
        border: What no plan can avoid of the whole model.
    """
    before: list[tuple[int, ...]] = []
    on_host: dict[int, str] = {}
    if support is not None:
        before = [_before(kernel, index, store) for index, kernel in enumerate(store.kernels)]
        for index, kernel in enumerate(store.kernels):
            reason = _refusal(kernel, workload, support)
            if not reason and support.cut == "first" and any(maker in on_host for maker in before[index]):
                reason = f"{support.compiler} hands on all that follows the host"
            if reason:
                on_host[index] = reason
    to_device, to_host = _crossings(workload, store, on_host)
    return Offload(
        is_known=support is not None,
        fallbacks=_grouped(store.kernels, on_host),
        node_count=len(store.kernels),
        segment_count=_segments(before, on_host) if on_host else min(1, len(store.kernels)),
        to_device_bytes=_sum(to_device),
        to_host_bytes=_sum(to_host),
        border=border_of(workload, store, frozenset(store.kernels[index].op.name for index in on_host))
        if on_host
        else border,
    )


def _refusal(kernel: Kernel, workload: Workload, support: Support) -> str:
    """Why the device does not run an operator, "" where it does."""
    op, cost = kernel.op, kernel.cost
    name = f"{op.domain}:{op.op_type}" if op.domain else op.op_type
    if name not in support.operators:
        return "" if cost.is_foldable else f"not among the operators of {support.compiler}"
    if support.types and cost.compute_type is not DType.UNDEFINED and cost.compute_type not in support.types:
        return f"computes in {cost.compute_type.name}"
    if name in support.constant_weights and len(op.inputs) > 1:
        factor = workload.tensors.get(op.inputs[1])
        if factor is not None and factor.kind is not TensorKind.WEIGHT:
            return "its second input is not constant"
    if support.largest_rank is not None:
        tensors = [workload.tensors[t.tensor] for t in (*cost.reads, *cost.writes) if t.tensor in workload.tensors]
        rank = max((len(tensor.shape) for tensor in tensors if tensor.shape is not None), default=0)
        if rank > support.largest_rank:
            return f"a tensor of {rank} dimensions"
    return ""


def _before(kernel: Kernel, index: int, store: Storage) -> tuple[int, ...]:
    """The kernels that make what a kernel reads."""
    made = (store.producers.get(root) for root in kernel.reads)
    return tuple({maker for maker in made if maker is not None and maker < index})


def _segments(before: Sequence[Sequence[int]], on_host: Mapping[int, str]) -> int:
    """The fewest parts of the device that can run one after the other.

    A part needs all that comes before it, so a path that goes from the device to the host and back is in two. The
    longest such alternation is therefore the least number, and parts by that number are a division into as many:
    nothing in one depends on a later one.
    """
    visits: list[int] = []  # parts of the device up to and with this operator, along the worst path to it
    count = 0
    for index, makers in enumerate(before):
        device = max((visits[maker] for maker in makers if maker not in on_host), default=0)
        host = max((visits[maker] for maker in makers if maker in on_host), default=0)
        visits.append(max(device, host) if index in on_host else max(device, host + 1, 1))
        count = max(count, visits[-1])
    return count


def _crossings(
    workload: Workload, store: Storage, on_host: Mapping[int, str]
) -> tuple[list[int | None], list[int | None]]:
    """Bytes of each tensor that goes to the device, and of each that comes back."""
    to_host: list[int | None] = []
    to_device = [
        _bytes(workload, name, 1)
        for name in workload.inputs
        if any(reader not in on_host for reader in store.readers.get(name, ()))
    ]
    for name, maker in store.producers.items():
        repeat = store.kernels[maker].op.repeat
        readers = store.readers.get(name, ())
        if maker in on_host:
            if any(reader not in on_host for reader in readers):
                to_device.append(_bytes(workload, name, repeat))
        elif name in store.outputs or (on_host and any(reader in on_host for reader in readers)):
            to_host.append(_bytes(workload, name, repeat))
    return to_device, to_host


def _bytes(workload: Workload, name: str, repeat: int) -> int | None:
    tensor = workload.tensors[name]
    return tensor.bytes * repeat if tensor.is_shaped else None


def _sum(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _grouped(kernels: Sequence[Kernel], on_host: Mapping[int, str]) -> tuple[Fallback, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for index, reason in on_host.items():
        op = kernels[index].op
        found.setdefault((op.op_type, reason), []).append(op.name)
    return tuple(Fallback(op_type, reason, tuple(nodes)) for (op_type, reason), nodes in found.items())
