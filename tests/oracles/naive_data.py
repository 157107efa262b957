"""Operators whose data decide how much they do, run on data with a counter inside, and others that follow data.

Like `naive`: plain loops over the definition, nothing shared with the package.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

from tests.oracles.naive import Shape, indices

__all__ = [
    "crossings",
    "delta_rule",
    "experts",
    "filtered",
    "grid_sampled",
    "heap_of",
    "merged",
    "optimizer",
    "placed",
    "projected",
    "region_pools",
    "regions",
    "suppressed",
    "unfolded",
]  # fmt: skip

Box = tuple[float, float, float, float]


def merged(values: Sequence[float]) -> tuple[list[float], int]:
    """Values in order by merging halves, and the comparisons that it took."""
    if len(values) < 2:
        return list(values), 0
    left, one = merged(values[: len(values) // 2])
    right, two = merged(values[len(values) // 2 :])
    joined: list[float] = []
    count = one + two
    while left and right:
        count += 1
        joined.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return joined + left + right, count


def heap_of(values: Sequence[float], kept: int) -> tuple[list[float], int]:
    """The `kept` largest values by inserting each into a sorted list by halving, and the comparisons."""
    best: list[float] = []
    count = 0
    for value in values:
        low, high = 0, len(best)
        if len(best) == kept:
            count += 1
            if value <= best[0]:
                continue
            best.pop(0)
            high = len(best)
        while low < high:
            middle = (low + high) // 2
            count += 1
            low, high = (middle + 1, high) if best[middle] < value else (low, middle)
        best.insert(low, value)
    return best, count


def suppressed(boxes: Sequence[Box], scores: Sequence[float], most: int, overlap: float) -> tuple[int, int]:
    """Boxes that one class selects, and the pairs that are held together: in the order of scores, until `most`."""
    order = sorted(range(len(boxes)), key=lambda i: -scores[i])
    chosen: list[int] = []
    pairs = 0
    for i in order:
        if len(chosen) == most:
            break
        keeps = True
        for j in chosen:
            pairs += 1
            if _overlap(boxes[i], boxes[j]) > overlap:
                keeps = False
                break
        if keeps:
            chosen.append(i)
    return len(chosen), pairs


def _overlap(a: Box, b: Box) -> float:
    height = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    width = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return height * width / (areas - height * width) if areas > height * width else 0.0


def regions(boxes: Sequence[Box], channels: int, bins: tuple[int, int]) -> Counter[str]:
    """RoiAlign with as many samples a bin as it has points (sampling ratio 0): 4 taps each, and the mean."""
    tally: Counter[str] = Counter()
    for top, left, bottom, right in boxes:
        samples = math.ceil((bottom - top) / bins[0]) * math.ceil((right - left) / bins[1])
        for _ in itertools.product(range(channels), range(bins[0]), range(bins[1])):
            for _ in range(samples):
                tally["vector"] += 4 * 2 + 1  # product and sum of each tap, into the mean
            tally["DIV"] += 1
    return tally


def region_pools(boxes: Sequence[tuple[int, int, int, int]], channels: int) -> int:
    """MaxRoiPool: each element of a region is compared once in every channel."""
    return sum(
        1
        for top, left, bottom, right in boxes
        for _ in itertools.product(range(channels), range(top, bottom), range(left, right))
    )


def grid_sampled(batch: int, channels: int, space: Shape, taps: int) -> Counter[str]:
    """GridSample: each coordinate scaled, shifted and floored, then taps along every axis for each channel."""
    tally: Counter[str] = Counter()
    for _ in range(batch):
        for _ in indices(space):
            for _ in space:
                tally["vector"] += 3
            for _ in range(channels):
                for _ in itertools.product(*(range(taps) for _ in space)):
                    tally["vector"] += 2
    return tally


def placed(shape: Shape, targets: Sequence[tuple[int, ...]]) -> tuple[set[tuple[int, ...]], set[tuple[int, ...]]]:
    """Elements that a scatter at distinct places writes, and those that it leaves as they were."""
    written = set(targets)
    return written, {index for index in indices(shape) if index not in written}


def unfolded(extent: int, size: int, step: int) -> tuple[int, int]:
    """Slices of an axis, and the distinct elements that some slice holds."""
    held: set[int] = set()
    count = 0
    for start in range(0, extent - size + 1, step):
        count += 1
        held.update(range(start, start + size))
    return count, len(held)


def delta_rule(
    rule: str, batch: int, tokens: int, heads: int, kv_heads: int, width: int, value_width: int
) -> Counter[str]:
    """LinearAttention token by token on states of width x value width, one a key/value head, one decay a head."""
    tally: Counter[str] = Counter()
    for _ in itertools.product(range(batch), range(tokens)):
        for _ in range(kv_heads):
            if "gated" in rule:
                tally["EXP"] += 1
                tally["vector"] += width * value_width  # the state decays
            if "delta" in rule:
                tally["mac"] += width * value_width  # what the state knows of the key
                for _ in range(value_width):
                    tally["vector"] += 2  # less that, times beta
            tally["mac"] += width * value_width  # the outer product is added
        for _ in range(max(heads, kv_heads)):
            for _ in range(value_width):
                tally["mac"] += width  # the query reads
                tally["vector"] += 1  # scale
    return tally


def filtered(batch: int, channels: int, tokens: int, taps: int, *, has_bias: bool) -> Counter[str]:
    """A causal convolution of each channel for itself, its past taken from a state."""
    tally: Counter[str] = Counter()
    for _ in itertools.product(range(batch), range(channels), range(tokens)):
        for _ in range(taps):
            tally["mac"] += 1
        tally["vector"] += has_bias
    return tally


def experts(choices: Sequence[Sequence[int]], count: int, hidden: int, inner: int) -> tuple[Counter[str], set[int]]:
    """A mixture of experts with Relu, and the experts whose weights are read.

    Args:
        choices: Of each token, its experts.
        count: Of all experts.
        hidden: Width of a token.
        inner: Width inside an expert.
    """
    tally: Counter[str] = Counter()
    read: set[int] = set()
    for chosen in choices:
        for _ in range(count):  # softmax of the router
            tally.update(["vector", "vector", "EXP", "vector", "DIV"])
            tally["vector"] += max(math.ceil(math.log2(len(chosen))), 1)  # the largest ones
        for place, expert in enumerate(chosen):
            read.add(expert)
            for _ in range(inner):
                tally["mac"] += 2 * hidden  # in and out
                tally["vector"] += 1  # Relu
            tally["vector"] += hidden * (2 if place else 1)  # weighted, and summed after the first
    return tally, read


def projected(batch: int, tokens: int, inner: int, heads: int, width: int) -> Counter[str]:
    """com.microsoft.Attention: three projections with bias, then every head by itself, scaled and through a softmax."""
    tally: Counter[str] = Counter()
    for _ in itertools.product(range(batch), range(tokens), range(3), range(heads * width)):
        tally["mac"] += inner
        tally["vector"] += 1
    for _ in itertools.product(range(batch), range(heads), range(tokens)):
        for _ in range(tokens):
            tally["mac"] += width
            tally["vector"] += 1
            tally.update(["vector", "vector", "EXP", "vector", "DIV"])
        for _ in range(width):
            tally["mac"] += tokens
    return tally


def optimizer(name: str, shapes: Sequence[Shape]) -> Counter[str]:
    """One step of an optimizer, weight by weight, and of the learning rate."""
    each = {
        "Adagrad": ["mul", "add", "mul", "add", "SQRT", "add", "mul", "DIV", "sub"],
        "Momentum": ["mul", "add", "mul", "mul", "add", "mul", "sub"],
    }[name]
    once = {"Adagrad": ["mul", "add", "DIV"], "Momentum": ["compare", "select"]}[name]
    tally: Counter[str] = Counter()
    for steps in [once, *(each for shape in shapes for _ in indices(shape))]:
        tally.update(step if step.isupper() else "vector" for step in steps)
    return tally


def crossings(rows: int, columns: int, depth: int) -> Counter[str]:
    """Distances of all pairs of points by |a|^2 - 2 a b + |b|^2, not below 0."""
    tally: Counter[str] = Counter()
    for _ in range((rows + columns) * depth):
        tally["vector"] += 2  # into the squares
    for _ in range(rows * columns):
        tally["mac"] += depth
        tally["vector"] += 4
    return tally
