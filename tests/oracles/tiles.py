"""Which elements a tile needs, by walking every point of every loop nest. Shares no code with the spans."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from onnxroof.ir.loopnest import Access, LoopNest
from onnxroof.mapping.storage import Storage

__all__ = ["needed"]

Elements = set[tuple[int, ...]]


def needed(store: Storage, kernels: Sequence[int], tile: Elements) -> dict[str, Elements]:
    """Elements of every tensor that a tile of the last kernel's result needs, and those that are made meanwhile."""
    found: dict[str, Elements] = {store.kernels[kernels[-1]].op.outputs[0]: tile}
    for kernel in reversed(kernels):
        op, nest = store.kernels[kernel].op, store.kernels[kernel].cost.nest
        assert nest is not None
        points = np.array(list(itertools.product(*(range(loop.extent) for loop in nest.loops))))
        runs = np.zeros(len(points), dtype=bool)
        for access in nest.accesses:
            if access.is_write:
                wanted = found.get(op.outputs[access.tensor], set())
                index, inside = _elements(nest, access, points)
                runs |= inside & np.array([tuple(element) in wanted for element in index.tolist()])
        for access in nest.accesses:
            if not access.is_write:
                index, inside = _elements(nest, access, points)
                found.setdefault(op.inputs[access.tensor], set()).update(map(tuple, index[runs & inside].tolist()))
    return found


def _elements(nest: LoopNest, access: Access, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    index = np.zeros((len(points), len(access.axes)), dtype=np.int64)
    inside = np.ones(len(points), dtype=bool)
    for number, axis in enumerate(access.axes):
        index[:, number] = axis.offset + sum(term.stride * points[:, term.loop] for term in axis.terms)
        inside &= (index[:, number] >= 0) & (index[:, number] < axis.extent)
    return index, inside
