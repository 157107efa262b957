"""Which rule states the cost of which operator, by domain, type and opset version."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost
from onnxroof.ir.op import OpKind

__all__ = ["Formula", "Registry", "Rule", "cost", "not_modelled", "standard_registry"]

Formula = Callable[[CostContext], OpCost]


@dataclass(frozen=True, slots=True)
class Rule:
    """A formula with the opset versions it is for.

    Attributes:
        domain: Of the operator, the standard domain spelled "".
        op_type: Of the operator.
        since: First opset version.
        until: Last opset version.
        formula: States the cost; None for an operator that is not modelled.
        reason: Why it is not modelled, else "".
        kind: What the operator does, for reports of one whose shapes are not known.
    """

    domain: str
    op_type: str
    since: int
    until: int
    formula: Formula | None
    reason: str = ""
    kind: OpKind = OpKind.COMPUTE

    @property
    def sentence(self) -> str:
        """What users are told of the rule: the docstring of its formula, or why there is none."""
        return inspect.cleandoc(self.formula.__doc__ or "") if self.formula else self.reason


_ANY_VERSION = 10**9
_RULES: dict[tuple[str, str], list[Rule]] = {}


@dataclass(frozen=True, slots=True)
class Registry:
    """A frozen set of rules."""

    rules: Mapping[tuple[str, str], tuple[Rule, ...]]

    def find(self, domain: str, op_type: str, version: int) -> Rule | None:
        """The rule of an operator at an opset version, None where there is none."""
        for rule in self.rules.get((domain, op_type), ()):
            if rule.since <= version <= rule.until:
                return rule
        return None

    def extended(self, rules: Mapping[tuple[str, str], Rule]) -> Registry:
        """A registry with further rules, which win over those that are there."""
        merged = dict(self.rules)
        for key, rule in rules.items():
            merged[key] = (rule, *merged.get(key, ()))
        return Registry(merged)


def cost(
    *op_types: str, domain: str = "", since: int = 0, until: int = _ANY_VERSION, kind: OpKind = OpKind.COMPUTE
) -> Callable[[Formula], Formula]:
    """Registers a formula for operators of one domain. A second rule for the same operator and version raises."""

    def register(formula: Formula) -> Formula:
        for op_type in op_types:
            _add(Rule(domain, op_type, since, until, formula, kind=kind))
        return formula

    return register


def not_modelled(*op_types: str, reason: str, domain: str = "") -> None:
    """Registers operators for which counting has no meaning, with the reason that users are told."""
    for op_type in op_types:
        _add(Rule(domain, op_type, 0, _ANY_VERSION, None, reason, OpKind.MOVE))


def _add(rule: Rule) -> None:
    rules = _RULES.setdefault((rule.domain, rule.op_type), [])
    for other in rules:
        if rule.since <= other.until and other.since <= rule.until:
            raise ValueError(f"two rules for {rule.domain or 'ai.onnx'}::{rule.op_type}")
    rules.append(rule)


def standard_registry() -> Registry:
    """All rules that onnxroof comes with. The family modules are imported at the first call."""
    from onnxroof.costs.families import load

    load()
    return Registry({key: tuple(rules) for key, rules in _RULES.items()})
