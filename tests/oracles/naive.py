"""Naive counts of operators: the loops of the operator's definition in ONNX, run on indices, with a counter inside.

Nothing here is clever and nothing is shared with the package: each function walks and counts. `Tally` counts steps by
name; sets of indices count distinct elements.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

__all__ = [
    "attention", "butterflies", "cell", "gathered", "indices", "loss", "normalized", "picked", "resized", "rows_of",
    "softmax", "trees", "triangle",
]  # fmt: skip

Shape = Sequence[int]


def indices(shape: Shape) -> Iterator[tuple[int, ...]]:
    """Every index of a tensor."""
    return itertools.product(*map(range, shape))


def rows_of(shape: Shape, axes: Sequence[int]) -> dict[tuple[int, ...], int]:
    """Elements of each row, a row being what shares its indices outside `axes`."""
    found: Counter[tuple[int, ...]] = Counter()
    for index in indices(shape):
        found[tuple(i for axis, i in enumerate(index) if axis not in axes)] += 1
    return dict(found)


def softmax(shape: Shape, axes: Sequence[int]) -> Counter[str]:
    """Max, then exp(x - max), their sum, the quotient: one step at a time."""
    tally: Counter[str] = Counter()
    for length in rows_of(shape, axes).values():
        for _ in range(length):
            tally.update(["vector", "vector", "EXP", "vector", "DIV"])  # max, sub, exp, add, div
    return tally


def normalized(shape: Shape, axes: Sequence[int], *, is_centred: bool, affine: int) -> Counter[str]:
    """Mean, deviation, its square, their mean, 1 / sqrt(. + epsilon), product, then `affine` steps an element."""
    tally: Counter[str] = Counter()
    for length in rows_of(shape, axes).values():
        for _ in range(length):
            tally["vector"] += 2 * is_centred  # into the mean, less the mean
            tally["vector"] += 3 + affine  # squared, into the variance, times the reciprocal
        tally["DIV"] += is_centred + 2  # mean, variance, reciprocal
        tally.update(["vector", "SQRT"])
    return tally


def attention(batch: int, heads: int, queries: int, keys: int, width: int, value_width: int) -> Counter[str]:
    """Each query head against each key, the softmax of a row, and the weighted sum of values."""
    tally: Counter[str] = Counter()
    for _ in itertools.product(range(batch), range(heads), range(queries)):
        for _ in range(keys):
            tally["mac"] += width
            tally["vector"] += 1  # scale
            tally.update(["vector", "vector", "EXP", "vector", "DIV"])
        for _ in range(value_width):
            tally["mac"] += keys
    return tally


def cell(
    op_type: str, steps: int, batch: int, directions: int, width: int, hidden: int, *, has_bias: bool
) -> Counter[str]:
    """A recurrent operator, gate by gate and element by element, with its usual activations."""
    gates = {"RNN": ["tanh"], "GRU": ["sigmoid", "sigmoid", "tanh"], "LSTM": ["sigmoid"] * 3 + ["tanh"]}[op_type]
    update = {"RNN": [], "GRU": ["mul", "sub", "mul", "mul", "add"], "LSTM": ["mul", "mul", "add", "tanh", "mul"]}[
        op_type
    ]
    tally: Counter[str] = Counter()
    for _ in itertools.product(range(directions), range(steps), range(batch), range(hidden)):
        for gate in gates:
            tally["mac"] += sum(1 for _ in range(width)) + sum(1 for _ in range(hidden))
            tally["vector"] += 1 + 2 * has_bias  # the two products, two biases
            _activate(tally, gate)
        for step in update:
            _activate(tally, step)
    return tally


def _activate(tally: Counter[str], name: str) -> None:
    if name == "tanh":
        tally["TANH"] += 1
    elif name == "sigmoid":
        tally.update(["vector", "EXP", "vector", "DIV"])  # negate, exp, add 1, divide
    else:
        tally["vector"] += 1


def butterflies(points: int) -> int:
    """Real operations of a radix-2 transform of a power of two: split in halves, join with butterflies."""
    if points == 1:
        return 0
    # A butterfly: one complex product (4 mul, 2 add) and two complex sums (4 add).
    return 2 * butterflies(points // 2) + sum(10 for _ in range(points // 2))


def gathered(shape: Shape, axis: int, taken: int) -> int:
    """Distinct elements that `taken` distinct indices along an axis read."""
    return sum(1 for index in indices(shape) if index[axis] < taken)


def triangle(shape: Shape, offset: int, *, is_upper: bool) -> int:
    """Elements that a triangle keeps."""
    return sum(1 for *_, i, j in indices(shape) if (j - i >= offset if is_upper else j - i <= offset))


def resized(before: Shape, after: Shape, taps: int) -> int:
    """Multiply and add of each tap of each output element; an axis that keeps its extent has a single tap."""
    return sum(
        2
        for _ in indices(after)
        for _ in itertools.product(*(range(taps if b != a else 1) for b, a in zip(before, after, strict=True)))
    )


def picked(targets: int, reduction: str, *, is_weighted: bool) -> Counter[str]:
    """The negative log-likelihood of each target, weighted, and joined."""
    tally: Counter[str] = Counter()
    for _ in range(targets):
        tally["vector"] += 1 + is_weighted
        tally["vector"] += reduction != "none"  # into the sum
        tally["vector"] += reduction == "mean" and is_weighted  # the weight into the sum of weights
    tally["DIV"] += reduction == "mean"
    return tally


def loss(shape: Shape, reduction: str, *, is_weighted: bool) -> Counter[str]:
    """The logarithm of a softmax over axis 1, then `picked`."""
    tally: Counter[str] = Counter()
    rows = rows_of(shape, [1])
    for length in rows.values():
        for _ in range(length):
            tally.update(["vector", "vector", "EXP", "vector", "vector"])  # max, sub, exp, add, less the logarithm
        tally["LOG"] += 1
    return tally + picked(len(rows), reduction, is_weighted=is_weighted)


def trees(rows: int, depths: Sequence[int]) -> int:
    """Comparisons of each row down the deepest path of each tree, and the sum of their leaves."""
    return sum(1 for _ in range(rows) for depth in depths for _ in range(depth + 1))
