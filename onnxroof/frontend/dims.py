"""Values for named dimensions: what the user gave, what the model's own expressions say, and printed defaults.

A dimension that has no name of its own (-1, "?", empty) is called `INPUT.AXIS` and is never taken to equal another.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["DEFAULTS", "Bound", "DimClass", "InputDims", "bind_dims", "evaluate_dim"]

_PLACEHOLDERS = frozenset({"", "?", "None", "none", "null", "-1"})
_UNNAMED = re.compile(r"(unk__|unknown|dyn|dim)_*\d+")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
# Names that say nothing of their meaning: torch's s70, u3; tf2onnx's unk__12; generated Dim_0.
_MUTE = re.compile(r"(s|u|unk__|unknown_*|dim_*|d|p2o\.DynamicDimension\.|DynamicDimension\.?)\d+", re.IGNORECASE)
_FUNCTIONS = frozenset({"floor", "ceiling", "max", "min", "Max", "Min", "Mod"})


class DimClass:
    """The classes of dimensions that have a default."""

    BATCH = "batch"
    SEQUENCE = "sequence"
    PAST = "past"
    IMAGE = "image"


DEFAULTS: Mapping[str, int] = {DimClass.BATCH: 1, DimClass.SEQUENCE: 128, DimClass.PAST: 0, DimClass.IMAGE: 224}

_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"past|cache|history|kv_?len", DimClass.PAST),
    (r"batch|^bs$|^b$|^n$", DimClass.BATCH),
    (r"height|width|^h$|^w$|image|img|rows|cols", DimClass.IMAGE),
    (r"seq|len|token|time|frame|step|sample|^s$|^t$|^l$", DimClass.SEQUENCE),
)


@dataclass(frozen=True, slots=True)
class InputDims:
    """One input of the model: its name, whether it holds floats, and its dimensions as the file writes them."""

    name: str
    is_float: bool
    dims: tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """Result of binding.

    Attributes:
        shapes: Extents by input name.
        values: Value of every name, expressions included.
        sources: "given" or "default" by name.
    """

    shapes: Mapping[str, tuple[int, ...]]
    values: Mapping[str, int]
    sources: Mapping[str, str]


def bind_dims(inputs: Sequence[InputDims], given: Mapping[str, int], solved: Mapping[str, int]) -> Bound:
    """Extents of all inputs.

    Args:
        inputs: The model's inputs.
        given: Values by name from the user; names that the model lacks are ignored here.
        solved: Values that the graph implies, which stand in for defaults.
    """
    counts: dict[str, int] = {}
    for source in inputs:
        for extent in source.dims:
            if isinstance(extent, str):
                counts[extent] = counts.get(extent, 0) + 1
    values: dict[str, int] = {}
    sources: dict[str, str] = {}

    def settle(name: str, kind: str) -> int:
        if name not in values:
            if name in given:
                values[name], sources[name] = given[name], "given"
            elif name in solved:
                values[name], sources[name] = solved[name], "model"
            else:
                values[name], sources[name] = DEFAULTS[kind], "default"
        return values[name]

    # A dimension that stands alone says more of its class than one in a sum: `past` before `past + sequence`.
    for source in inputs:
        for axis, extent in enumerate(source.dims):
            if isinstance(extent, str) and _is_own_name(extent, counts):
                settle(extent, _class_of(extent, source, axis))
    shapes: dict[str, tuple[int, ...]] = {}
    for source in inputs:
        extents = []
        for axis, extent in enumerate(source.dims):
            if isinstance(extent, int) and extent >= 0:
                extents.append(extent)
                continue
            label = extent if isinstance(extent, str) else ""
            own = f"{source.name}.{axis}"
            kind = _class_of(label, source, axis)
            if _is_own_name(label, counts):
                extents.append(settle(label, kind))
            elif label in _PLACEHOLDERS or _UNNAMED.fullmatch(label):
                extents.append(settle(own, kind))
            else:
                for name in _NAME.findall(label):
                    if name not in _FUNCTIONS:
                        settle(name, _class_of(name, source, axis))
                computed = evaluate_dim(label, values)
                extents.append(computed if computed is not None else settle(own, kind))
        shapes[source.name] = tuple(extents)
    return Bound(shapes, values, sources)


def _is_own_name(label: str, counts: Mapping[str, int]) -> bool:
    """Whether a label names one dimension: neither a placeholder, nor one that stands for unlike ones, nor a sum."""
    if label in _PLACEHOLDERS or (_UNNAMED.fullmatch(label) and counts.get(label, 0) > 1):
        return False
    return _NAME.fullmatch(label) is not None


def _class_of(label: str, source: InputDims, axis: int) -> str:
    """Class of a dimension: by its own name if that says something, else by input name and position."""
    last = label.rsplit(".", 1)[-1].lower()
    if label and not _MUTE.fullmatch(label) and label not in _PLACEHOLDERS:
        for pattern, kind in _BY_NAME:
            if re.search(pattern, last):
                return kind
    return _class_by_position(source, axis)


def _class_by_position(source: InputDims, axis: int) -> str:
    rank = len(source.dims)
    if re.search(r"past|cache|history", source.name.lower()):
        # batch, heads, past, head size; or stacked: 2, batch, heads, past, head size
        return DimClass.PAST if axis == rank - 2 else DimClass.BATCH
    if axis == 0 or re.search(r"state|hidden", source.name.lower()):
        return DimClass.BATCH
    may_be_image = source.is_float and not re.search(r"mask|bias", source.name.lower())
    for channels, rows in ((1, 2), (3, 1), (0, 1)):
        # Channels first, channels last, and channels first without a batch.
        if rank == (3 if channels == 0 else 4) and axis in (rows, rows + 1) and may_be_image:
            other = source.dims[2 * rows + 1 - axis]
            if _is_channels(source.dims[channels]) and (not isinstance(other, int) or other > 16):
                return DimClass.IMAGE
    return DimClass.SEQUENCE


def _is_channels(extent: int | str | None) -> bool:
    """Whether an extent is a number of image channels: grey, colour, colour with alpha."""
    return extent in (1, 3, 4)


_OPERATORS: Mapping[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: a**b if 0 <= b <= 4 else 0,
}


def evaluate_dim(text: str, values: Mapping[str, int]) -> int | None:
    """Value of an expression over names such as `past_sequence + sequence`, None where it is not one."""
    names = {name: f"v{i}" for i, name in enumerate(sorted(set(_NAME.findall(text)), key=len, reverse=True))}
    table = {alias: values.get(name) for name, alias in names.items()}
    renamed = _NAME.sub(lambda match: names[match.group()], text)
    functions = {names[f]: f for f in _FUNCTIONS if f in names}
    try:
        tree = ast.parse(renamed.replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    try:
        return _evaluate(tree.body, table, functions)
    except (LookupError, ZeroDivisionError, OverflowError):
        return None


def _evaluate(node: ast.expr, table: Mapping[str, int | None], functions: Mapping[str, str]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        value = table[node.id]
        if value is None:
            raise LookupError(node.id)
        return value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, table, functions)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _evaluate(node.left, table, functions), _evaluate(node.right, table, functions)
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
        return _call(functions[node.func.id], [_evaluate(a, table, functions) for a in node.args])
    raise LookupError(ast.dump(node))


def _call(function: str, arguments: Sequence[int]) -> int:
    if function in ("floor", "ceiling") and len(arguments) == 1:
        return arguments[0]
    if function.lower() in ("max", "min") and arguments:
        return max(arguments) if function.lower() == "max" else min(arguments)
    if function == "Mod" and len(arguments) == 2:
        return arguments[0] % arguments[1]
    raise LookupError(function)
