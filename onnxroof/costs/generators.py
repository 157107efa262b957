"""Operators that make a tensor out of nothing but a shape or a few numbers: fills, ranges, windows, random draws."""

from __future__ import annotations

from collections.abc import Mapping

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import Formula, cost
from onnxroof.costs.sorting import comparisons
from onnxroof.ir.op import OpKind

__all__ = ["generated"]

# Steps an output element, and what they are.
_GENERATORS: Mapping[str, tuple[Work, str]] = {
    "Range": (steps(2), "start + i * delta: 1 mul, 1 add an element."),
    "RandomUniform": (steps(3), "1 draw, 1 mul, 1 add an element."),
    "RandomNormal": (
        steps(7, "LOG", "SQRT", "COS"),
        "Box-Muller: 2 draws, LOG, SQRT, COS, 3 mul, then 1 mul and 1 add an element.",
    ),
    "HannWindow": (steps(3, "DIV", "COS"), "a - b * cos(c * i / n): 2 mul, DIV, COS, 1 sub an element."),
    "HammingWindow": (steps(3, "DIV", "COS"), "a - b * cos(c * i / n): 2 mul, DIV, COS, 1 sub an element."),
    "BlackmanWindow": (
        steps(6, "DIV", "COS", "COS"),
        "a - b * cos(x) + c * cos(2 * x) with x = d * i / n: 4 mul, DIV, 2 COS, 1 sub, 1 add an element.",
    ),
    "MelWeightMatrix": (steps(4, "DIV", "DIV"), "A triangle of two slopes: 2 sub, 2 DIV, 1 min, 1 max an element."),
}


def generated(work: Work, sentence: str) -> Formula:
    """A rule of `work` an output element that reads nothing: its inputs are shapes and single numbers."""

    def formula(ctx: CostContext) -> OpCost:
        result = ctx.output(0)
        return ctx.compute(work.times(result.elements), reads=(), compute_type=result.dtype)

    formula.__doc__ = sentence
    return formula


for _name, (_work, _sentence) in _GENERATORS.items():
    cost(_name)(generated(_work, _sentence))
    if _name.startswith("Random"):
        cost(f"{_name}Like")(generated(_work, _sentence))
cost("Range", domain="com.microsoft")(generated(*_GENERATORS["Range"]))


@cost("ConstantOfShape", "EyeLike", kind=OpKind.MOVE)
def fill(ctx: CostContext) -> OpCost:
    """Writes its output."""
    return ctx.move()


@cost("Bernoulli")
def bernoulli(ctx: CostContext) -> OpCost:
    """1 draw and 1 comparison an element."""
    return ctx.compute(steps(2).times(ctx.output(0).elements))


@cost("Multinomial")
def multinomial(ctx: CostContext) -> OpCost:
    """EXP and 1 add for each class (running sums); 1 draw and ceil(log2 classes) comparisons a sample."""
    logits, samples = ctx.input(0), ctx.output(0).elements
    vector_ops = logits.elements + samples + comparisons(samples, logits.dims[-1])
    return ctx.compute(Work(vector_ops=vector_ops, special={"EXP": logits.elements}))
