"""How many more bytes cross because a target wants tensors in a layout of its own?

Channels that are padded to a multiple make every operand of a contraction larger: its summed dimension and that of its
results. Feature maps with the channels innermost are not what ONNX says: what a convolution or pool takes from outside
the model, or gives to it, is rearranged in a pass of its own. Both at least: each byte once, at the outermost level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from onnxroof.ir.loopnest import Access, AxisMap, LoopNest
from onnxroof.mapping.footprint import compulsory_bytes
from onnxroof.mapping.placed import Crossing
from onnxroof.mapping.storage import Kernel, Storage
from onnxroof.mapping.traffic import GroupShape
from onnxroof.targets.model import Layout

__all__ = ["group_layout_bytes", "padding_bytes", "run_layout_bytes"]


@lru_cache(maxsize=4096)
def padding_bytes(nest: LoopNest, multiple: int) -> tuple[float, ...]:
    """By operand of a contraction the bytes by which it grows when its channels are padded to a multiple.

    Channels are the dimensions that the second operand, the weights, shares with the first and is summed over, and
    those that it shares with the results alone: K and N of a product, input and output channels of a convolution.
    """
    reads = [access for access in nest.accesses if not access.is_write]
    written = frozenset[int]().union(*(access.loops for access in nest.accesses if access.is_write))
    if len(reads) < 2:
        return (0.0,) * len(nest.accesses)
    data, weights = reads[0].loops, reads[1].loops
    windowed = {loop for axis in reads[0].axes if nest.is_window(axis, weights) for loop in _loops(axis)}
    summed = (data & weights & nest.reductions) - windowed
    channels = summed | ((weights & written) - data)
    found = []
    for access, count in zip(nest.accesses, compulsory_bytes(nest), strict=True):
        sizes = [axis.extent for axis in access.axes if channels & _loops(axis)]
        grown = math.prod(-(-size // multiple) * multiple / size for size in sizes)
        found.append(count * (grown - 1.0))
    return tuple(found)


def _loops(axis: AxisMap) -> frozenset[int]:
    return frozenset(term.loop for term in axis.terms)


def group_layout_bytes(shape: GroupShape, layout: Layout | None, crossing: Crossing | None) -> tuple[float, float]:
    """Bytes (read, written) more at the outermost level, one trip of a group.

    Args:
        shape: The group.
        layout: What the target wants, None for nothing.
        crossing: What stays on chip around it, None for nothing.
    """
    read = written = 0.0
    if layout is None:
        return read, written
    if layout.channel_multiple > 1 and shape.nest is not None and shape.mac_count and shape.nest.points:
        for number, more in enumerate(padding_bytes(shape.nest, layout.channel_multiple)):
            if crossing is not None and crossing.stays[number]:
                continue
            if shape.nest.accesses[number].is_write:
                # What is written at last may be the result of another member, as large as the anchor's.
                written += more if crossing is None or crossing.moved[0][1] else 0.0
            else:
                read += more
    if layout.channels_last:
        read, written = read + shape.rearranged_bytes, written + shape.rearranged_bytes
    return read, written


def run_layout_bytes(
    store: Storage, units: Sequence[Sequence[int]], layout: Layout | None, kept: Mapping[str, int], rearranged: float
) -> tuple[float, float]:
    """The same of a run of steps that is one group: what passes between its steps does not cross.

    Args:
        store: Kernels.
        units: The kernels of each step.
        layout: What the target wants.
        kept: What stays on chip around the run.
        rearranged: Bytes of the model's inputs and outputs that its steps rearrange.
    """
    read = written = 0.0
    if layout is None:
        return read, written
    inside = frozenset(kernel for unit in units for kernel in unit)
    for unit in units:
        anchor = store.kernels[unit[0]]
        nest = anchor.cost.nest
        work = anchor.cost.work
        if layout.channel_multiple == 1 or nest is None or not nest.points or work is None or not work.macs:
            continue
        leaves = any(
            store.leaves(name, inside) and name not in kept
            for kernel in unit
            for name in store.kernels[kernel].op.outputs
            if name
        )
        for access, more in zip(nest.accesses, padding_bytes(nest, layout.channel_multiple), strict=True):
            if access.is_write:
                written += more if leaves else 0.0
            elif _crosses(store, anchor, access, inside, kept):
                read += more
    if layout.channels_last:
        read, written = read + rearranged, written + rearranged
    return read, written


def _crosses(store: Storage, kernel: Kernel, access: Access, inside: frozenset[int], kept: Mapping[str, int]) -> bool:
    names = (*kernel.op.inputs, *kernel.op.parameters)
    if access.tensor >= len(names):
        return True
    root = store.root(names[access.tensor])
    return store.producers.get(root, -1) not in inside and root not in kept
