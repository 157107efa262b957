"""How is each operator counted, by domain, type and opset version: by which rule, or why by none?"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost
from onnxroof.ir.op import OpKind

__all__ = ["Formula", "Registry", "Rule", "Treatment", "cost", "expanded", "not_modelled", "standard_registry"]

Formula = Callable[[CostContext], OpCost]


class Treatment(enum.Enum):
    """The classes of operators. Each that is known is in exactly one; any other is unknown."""

    RULE = "rule"  # a formula states operations and bytes
    NO_WORK = "no work"  # the same bytes under another name, for a stated reason
    EXPANDED = "expanded"  # the nodes of its body are counted in its place
    NOT_MODELLED = "not modelled"  # counting has no meaning, for a stated reason


@dataclass(frozen=True, slots=True)
class Rule:
    """How an operator is counted, with the opset versions it is for.

    Attributes:
        domain: Of the operator, the standard domain spelled "".
        op_type: Of the operator.
        since: First opset version.
        until: Last opset version.
        formula: States the cost; None for an operator that is expanded or not modelled.
        reason: By what it is expanded or why it is not modelled, else "".
        kind: What the operator does, for reports of one whose shapes are not known.
        is_expanded: Whether the nodes of its body stand for it.
    """

    domain: str
    op_type: str
    since: int
    until: int
    formula: Formula | None
    reason: str = ""
    kind: OpKind = OpKind.COMPUTE
    is_expanded: bool = False

    @property
    def treatment(self) -> Treatment:
        """The class of the operator."""
        if self.is_expanded:
            return Treatment.EXPANDED
        if self.formula is None:
            return Treatment.NOT_MODELLED
        return Treatment.NO_WORK if self.kind in (OpKind.VIEW, OpKind.CONSTANT) else Treatment.RULE

    @property
    def sentence(self) -> str:
        """What users are told of the operator: the docstring of its formula, or why there is none."""
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


def expanded(*op_types: str, reason: str, domain: str = "") -> None:
    """Registers operators that never run as such: the frontend lists the nodes of their bodies, as `reason` says."""
    for op_type in op_types:
        _add(Rule(domain, op_type, 0, _ANY_VERSION, None, reason, OpKind.VIEW, is_expanded=True))


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
