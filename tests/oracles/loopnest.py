"""Naive counts by walking every iteration: of a loop nest's accesses, and of operators from their definition.

Nothing here is clever: each function is the loops that the operator's definition in ONNX states, with a counter in
the innermost one and a set of the indices seen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from onnxroof.ir.loopnest import Access, LoopNest

__all__ = [
    "conv_counts", "conv_least", "conv_transpose_least", "conv_transpose_macs", "einsum_counts", "matmul_macs",
    "nest_bytes", "nest_points",
]  # fmt: skip


def _iterations(nest: LoopNest) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(loop.extent) for loop in nest.loops))


def nest_points(nest: LoopNest) -> int:
    """Iterations of a nest, counted one by one."""
    return sum(1 for _ in _iterations(nest))


def _elements(nest: LoopNest, access: Access) -> int:
    """Distinct elements that an access touches; indices outside an axis are padding."""
    seen: set[tuple[int, ...]] = set()
    walked = [axis for axis in access.axes if axis.terms]
    whole = math.prod(axis.extent for axis in access.axes if not axis.terms)
    for point in _iterations(nest):
        index = tuple(sum(point[t.loop] * t.stride for t in axis.terms) + axis.offset for axis in walked)
        if all(0 <= i < axis.extent for i, axis in zip(index, walked, strict=True)):
            seen.add(index)
    return len(seen) * whole


def nest_bytes(nest: LoopNest) -> tuple[int, int]:
    """Compulsory bytes of reads and of writes: each distinct element of each access once, packed."""
    totals = [0, 0]
    for access in nest.accesses:
        totals[access.is_write] += (_elements(nest, access) * access.bits + 7) // 8
    return totals[0], totals[1]


def conv_counts(
    image: Sequence[int],
    weights: Sequence[int],
    result: Sequence[int],
    *,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    group: int,
) -> tuple[int, int]:
    """MACs (padding multiplied as well) and distinct image elements read, of a convolution of any rank."""
    macs, seen = 0, set()
    filters_per_group = weights[0] // group
    for batch, filter_, channel, _, where in _taps(image, weights, result, strides, dilations, pads):
        macs += 1
        if where is not None:
            seen.add((batch, filter_ // filters_per_group * weights[1] + channel, *where))
    return macs, len(seen)


def conv_least(
    image: Sequence[int],
    weights: Sequence[int],
    result: Sequence[int],
    *,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> tuple[int, int]:
    """MACs of a convolution whose tap lies on the image, and the distinct weights that they take."""
    macs, used = 0, set()
    for _, filter_, channel, tap, where in _taps(image, weights, result, strides, dilations, pads):
        if where is not None:
            macs += 1
            used.add((filter_, channel, *tap))
    return macs, len(used)


def _taps(
    image: Sequence[int],
    weights: Sequence[int],
    result: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> Iterator[tuple[int, int, int, list[int], list[int] | None]]:
    """Batch, filter, channel, tap and place on the image (None on padding) of each MAC of a convolution, one by one."""
    for batch, filter_, *place in itertools.product(*map(range, result)):
        for channel, *tap in itertools.product(*map(range, weights[1:])):
            where = [o * s + f * d - p for o, s, f, d, p in zip(place, strides, tap, dilations, pads, strict=False)]
            is_inside = all(0 <= i < size for i, size in zip(where, image[2:], strict=True))
            yield batch, filter_, channel, tap, where if is_inside else None


def conv_transpose_least(
    image: Sequence[int],
    weights: Sequence[int],
    result: Sequence[int],
    *,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> tuple[int, int, int]:
    """MACs of a transposed convolution that reach the result, and the distinct inputs and weights that they take."""
    macs, used, taken = 0, set(), set()
    for batch, channel, *place in itertools.product(*map(range, image)):
        for filter_, *tap in itertools.product(*map(range, weights[1:])):
            where = [i * s + f * d - p for i, s, f, d, p in zip(place, strides, tap, dilations, pads, strict=False)]
            if all(0 <= o < size for o, size in zip(where, result[2:], strict=True)):
                macs += 1
                used.add((batch, channel, *place))
                taken.add((channel, filter_, *tap))
    return macs, len(used), len(taken)


def conv_transpose_macs(image: Sequence[int], weights: Sequence[int], group: int) -> int:
    """Each input element meets the weights of its group's filters, one by one."""
    macs = 0
    for _ in itertools.product(*map(range, image)):
        for _ in itertools.product(*map(range, weights[1:])):
            macs += 1
    assert image[1] == weights[0]
    assert image[1] % group == 0
    return macs


def matmul_macs(left: Sequence[int], right: Sequence[int], result: Sequence[int]) -> int:
    """One for each output element and index of the contracted dimension."""
    assert left[-1] == (right[-2] if len(right) > 1 else right[0])
    return sum(1 for _ in itertools.product(*map(range, result)) for _ in range(left[-1]))


def einsum_counts(equation: str, shapes: Sequence[Sequence[int]]) -> tuple[int, list[int]]:
    """Points of all labels together, and the distinct elements of each operand, of an explicit equation."""
    terms = equation.split("->", maxsplit=1)[0].split(",")
    sizes = {label: n for term, shape in zip(terms, shapes, strict=True) for label, n in zip(term, shape, strict=True)}
    points, seen = 0, [set() for _ in terms]
    for values in itertools.product(*map(range, sizes.values())):
        points += 1
        counter = dict(zip(sizes, values, strict=True))
        for indices, term in zip(seen, terms, strict=True):
            indices.add(tuple(counter[label] for label in term))
    return points, [len(indices) for indices in seen]
