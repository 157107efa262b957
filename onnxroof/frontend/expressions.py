"""The value of a dimension that is written as a formula over others, such as `floor(height/2 - 1/2) + 1`."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["evaluate_dim", "names_of"]

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_FUNCTIONS = frozenset({"floor", "ceiling", "max", "min", "Max", "Min", "Mod"})
# Formulas of real exporters are short; a hostile one must not cost time or memory.
_LONGEST_EXPRESSION = 400
_LARGEST = 2**63


def names_of(text: str) -> tuple[str, ...]:
    """The dimensions that a formula is written over, in order."""
    return tuple(name for name in dict.fromkeys(_NAME.findall(text)) if name not in _FUNCTIONS)


def evaluate_dim(text: str, values: Mapping[str, int]) -> int | None:
    """Value of an expression over names such as `past_sequence + sequence`, None where it is not one.

    Division is exact inside the expression; a result between two integers is rounded down.
    """
    if len(text) > _LONGEST_EXPRESSION:
        return None
    names = {name: f"v{i}" for i, name in enumerate(dict.fromkeys(_NAME.findall(text)))}
    table = {alias: values.get(name) for name, alias in names.items()}
    renamed = _NAME.sub(lambda match: names[match.group()], text)
    functions = {names[f]: f for f in _FUNCTIONS if f in names}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of text that is no expression, such as `1if`
            tree = ast.parse(renamed.replace("^", "**"), mode="eval")
        return math.floor(_evaluate(tree.body, table, functions))
    except (SyntaxError, ValueError, MemoryError, RecursionError, LookupError, ZeroDivisionError, OverflowError):
        return None


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent not in (0, 1, 2, 3, 4):
        raise OverflowError
    return base ** int(exponent)


_OPERATORS: Mapping[type[ast.AST], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: lambda a, b: type(a)(a // b),
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


def _evaluate(node: ast.expr, table: Mapping[str, int | None], functions: Mapping[str, str]) -> Fraction:
    result = _evaluate_node(node, table, functions)
    if abs(result) >= _LARGEST or result.denominator >= _LARGEST:
        raise OverflowError
    return result


def _evaluate_node(node: ast.expr, table: Mapping[str, int | None], functions: Mapping[str, str]) -> Fraction:
    from fractions import Fraction  # it brings decimal numbers with it; most models have no formulas

    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if isinstance(node, ast.Name):
        value = table[node.id]
        if value is None:
            raise LookupError(node.id)
        return Fraction(value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, table, functions)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _evaluate(node.left, table, functions), _evaluate(node.right, table, functions)
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
        return _call(functions[node.func.id], [_evaluate(a, table, functions) for a in node.args])
    raise LookupError


def _call(function: str, arguments: Sequence[Fraction]) -> Fraction:
    if function in ("floor", "ceiling") and len(arguments) == 1:
        return type(arguments[0])(math.floor(arguments[0]) if function == "floor" else math.ceil(arguments[0]))
    if function.lower() in ("max", "min") and arguments:
        return max(arguments) if function.lower() == "max" else min(arguments)
    if function == "Mod" and len(arguments) == 2:
        return arguments[0] % arguments[1]
    raise LookupError(function)
