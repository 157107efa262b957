"""What one step of an optimizer costs (ai.onnx.preview.training): a few steps for each weight, and a learning rate."""

from __future__ import annotations

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost, not_modelled

__all__ = ["adagrad", "adam", "momentum"]

_DOMAIN = "ai.onnx.preview.training"
_GRADIENT = steps(2)  # with the penalty of large weights: 1 mul, 1 add


@cost("Adagrad", domain=_DOMAIN)
def adagrad(ctx: CostContext) -> OpCost:
    """7 vector ops, SQRT and DIV a weight; 1 mul, 1 add, DIV of the learning rate.

    Of a weight: G = c * X + G is 1 mul, 1 add; H + G * G 1 mul, 1 add; SQRT, 1 add of epsilon; X - r * G / H 1 mul,
    DIV, 1 sub.
    """
    return _optimizer(ctx, 2, _GRADIENT + steps(5, "SQRT", "DIV"), steps(2, "DIV"))


@cost("Adam", domain=_DOMAIN)
def adam(ctx: CostContext) -> OpCost:
    """13 vector ops, SQRT and DIV a weight; 5 vector ops, 2 POW, SQRT and DIV of the learning rate.

    Of a weight: G = c * X + G is 1 mul, 1 add; a * V + (1 - a) * G 2 mul, 1 add; b * H + (1 - b) * G * G 3 mul, 1 add;
    SQRT, 1 add of epsilon; X - r * V / H 1 mul, DIV, 1 sub; 1 mul of the penalty after the update. Of the learning
    rate: POW, 1 sub for each of a and b, SQRT, 1 mul, DIV, 1 comparison and 1 selection by the count of updates.
    """
    return _optimizer(ctx, 3, _GRADIENT + steps(11, "SQRT", "DIV"), steps(5, "POW", "POW", "SQRT", "DIV"))


@cost("Momentum", domain=_DOMAIN)
def momentum(ctx: CostContext) -> OpCost:
    """7 vector ops a weight, by Nesterov 9; 1 comparison and 1 selection for the first step.

    Of a weight: G = c * X + G is 1 mul, 1 add; a * V + b * G 2 mul, 1 add; X - r * V 1 mul, 1 sub; Nesterov's
    X - r * (G + a * V) 1 mul and 1 add more.
    """
    extra = 2 if ctx.attributes.text("mode") == "nesterov" else 0
    return _optimizer(ctx, 2, _GRADIENT + steps(5 + extra), steps(2))


def _optimizer(ctx: CostContext, states: int, of_weight: Work, of_rate: Work) -> OpCost:
    """Steps of each weight: outputs are the new weights, then each state of all of them."""
    weights = sum(ctx.output(i).elements for i in range(len(ctx.op.outputs) // states))
    return ctx.compute(of_weight.times(weights) + of_rate)


not_modelled(
    "Gradient",
    domain=_DOMAIN,
    reason="it stands for a backward pass that the model does not contain: export the graph with its gradients",
)
