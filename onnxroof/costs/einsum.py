"""What an Einsum costs: any equation with ellipsis, diagonals, and more than two operands along their best path."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from functools import cache

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.nests import make_nest, read_at, write_at
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import AxisMap, Loop, LoopKind, LoopNest, dense_axis, whole_axis

__all__ = ["einsum", "parse_equation"]

# Beyond this many operands the 3^n splits of the best path take too long; they are then contracted left to right.
_MOST_OPERANDS_SPLIT = 8


@cost("Einsum")
def einsum(ctx: CostContext) -> OpCost:
    """Product of all distinct label sizes in MACs for two operands; the cheapest pairwise path for more.

    One operand is summed with 1 add an element, or only moved. Diagonals read their diagonal alone. At least: what one
    operand alone has and is summed over may be summed out before, by adds that are no MACs; these are not in the least
    either, as a kernel may do without them. The count is that of a contraction whose operands are taken as they are.
    """
    shapes = [tensor.dims for tensor in ctx.inputs]
    operands, result, sizes = parse_equation(ctx.attributes.text("equation"), shapes)
    reads = tuple(
        Transfer(tensor.name, tensor.bytes_of(_distinct(labels, tensor.dims)))
        for labels, tensor in zip(operands, ctx.inputs, strict=True)
    )
    nest = _nest(ctx, operands, result, sizes) if len(operands) <= 2 else None
    if len(operands) == 1:
        elements = math.prod(sizes.values())
        if set(result) == set(operands[0]):
            return ctx.move(reads, nest=nest)
        return ctx.compute(Work(vector_ops=elements), reads=reads, nest=nest)
    macs = _path_macs([frozenset(labels) for labels in operands], frozenset(result), sizes)
    walked = [
        frozenset(label for label, extent in zip(labels, tensor.dims, strict=True) if extent == sizes[label])
        for labels, tensor in zip(operands, ctx.inputs, strict=True)
    ]
    least = Least(work=Work(macs=_least_macs(walked, frozenset(result), sizes)))
    return ctx.compute(Work(macs=macs), reads=reads, nest=nest, least=least)


def parse_equation(equation: str, shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[str, ...], str, Mapping[str, int]]:
    """Labels of each operand and of the result, one character a dimension, and the size of each label.

    An ellipsis becomes labels that the equation does not use, aligned at the last one.

    Raises:
        MissingShapeError: If the equation does not match the shapes.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise MissingShapeError(f"the equation `{equation}` has {len(terms)} operands, the node {len(shapes)}")
    widest = max(
        (len(shape) - len(term) + 3 for term, shape in zip(terms, shapes, strict=True) if "..." in term), default=0
    )
    free = [chr(0x100 + i) for i in range(widest)]
    operands = []
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        hidden = len(shape) - len(term) + 3
        labels = term.replace("...", "".join(free[widest - hidden :])) if "..." in term else term
        if len(labels) != len(shape):
            raise MissingShapeError(f"the term `{term}` does not match {len(shape)} dimensions")
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
        operands.append(labels)
    if arrow:
        result = right.replace("...", "".join(free))
    else:
        every = "".join(operands)
        result = "".join(free) + "".join(
            sorted(c for c in set(every) if c in string.ascii_letters and every.count(c) == 1)
        )
    return tuple(operands), result, sizes


def _distinct(labels: str, shape: tuple[int, ...]) -> int:
    """Elements that an operand gives: a repeated label walks a diagonal."""
    return math.prod(dict(zip(labels, shape, strict=True)).values())


def _least_macs(operands: Sequence[frozenset[str]], result: frozenset[str], sizes: Mapping[str, int]) -> int:
    """MACs of the cheapest path between operands of which each is first summed over what it alone has.

    Of more operands than all paths are tried of, a bound: some pair has all labels of the result, and each operand is
    in a pair that has all of its own.
    """
    summed = [
        labels & result.union(*(other for j, other in enumerate(operands) if j != i))
        for i, labels in enumerate(operands)
    ]
    if len(operands) <= _MOST_OPERANDS_SPLIT:
        return _path_macs(summed, result, sizes)
    return max(math.prod(sizes[label] for label in labels) for labels in (result, *summed))


def _path_macs(operands: Sequence[frozenset[str]], result: frozenset[str], sizes: Mapping[str, int]) -> int:
    """MACs of the cheapest sequence of pairwise contractions; each takes the product of the labels of its pair."""

    def kept(members: frozenset[int]) -> frozenset[str]:
        outside = result.union(*(operands[i] for i in range(len(operands)) if i not in members))
        return frozenset().union(*(operands[i] for i in members)) & outside

    def labels(members: frozenset[int]) -> frozenset[str]:
        return operands[next(iter(members))] if len(members) == 1 else kept(members)

    def pair(left: frozenset[int], right: frozenset[int]) -> int:
        return math.prod(sizes[label] for label in labels(left) | labels(right))

    @cache
    def best(members: frozenset[int]) -> int:
        if len(members) == 1:
            return 0
        first, *others = sorted(members)
        least = None
        for chosen in range(2 ** len(others) - 1):
            left = frozenset([first, *(other for bit, other in enumerate(others) if chosen >> bit & 1)])
            right = members - left
            macs = best(left) + best(right) + pair(left, right)
            least = macs if least is None else min(least, macs)
        return least or 0

    everything = range(len(operands))
    if len(operands) <= _MOST_OPERANDS_SPLIT:
        return best(frozenset(everything))
    return sum(pair(frozenset(everything[:i]), frozenset([i])) for i in everything[1:])


def _nest(ctx: CostContext, operands: tuple[str, ...], result: str, sizes: Mapping[str, int]) -> LoopNest | None:
    """One loop for each label; those that the result lacks are reductions."""
    number = {label: i for i, label in enumerate(sizes)}
    has_reduction = any(label not in result for label in sizes)
    loops = (
        Loop(
            label if label in string.ascii_letters else f"batch{ord(label) - 0x100}",
            extent,
            LoopKind.PARALLEL if label in result else LoopKind.REDUCTION,
        )
        for label, extent in sizes.items()
    )

    def axes(labels: str, shape: tuple[int, ...]) -> tuple[AxisMap, ...]:
        return tuple(
            whole_axis(1) if extent == 1 and sizes[label] != 1 else dense_axis(number[label], extent)
            for label, extent in zip(labels, shape, strict=True)
        )

    reads = (read_at(ctx, i, axes(labels, ctx.input(i).dims)) for i, labels in enumerate(operands))
    partial_bits = ctx.compute_type.accumulator.bits if has_reduction else 0
    return make_nest(loops, (*reads, write_at(ctx, 0, axes(result, ctx.output(0).dims), partial_bits)))
