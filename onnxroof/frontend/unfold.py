"""To how many nodes does a model unfold when its functions are inlined, and do they end?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxroof.errors import ModelError
from onnxroof.frontend import proto
from onnxroof.frontend.scope import subgraphs

__all__ = ["FunctionKey", "check_unfolding", "function_key"]

FunctionKey = tuple[str, str, str]  # domain, name, overload

_MOST_NODES = 500_000
_DEEPEST = 48
# A loop body whose values grow from trip to trip is walked three times to find its mean size.
_WALKS_OF_A_BODY = 3


def function_key(node: proto.NodeProto) -> FunctionKey:
    """By which a node finds the function that it calls."""
    return (node.domain, node.op_type, node.overload)


def check_unfolding(path: str, model: proto.ModelProto) -> None:
    """Refuses a model whose functions call themselves or share a name, or that unfolds to more nodes than any real one.

    Raises:
        ModelError: It does.
    """
    functions: dict[FunctionKey, proto.FunctionProto] = {}
    for function in model.functions:
        key = (function.domain, function.name, function.overload)
        if functions.setdefault(key, function) is not function:
            raise ModelError.at(
                path, f"the function `{function.name}` of domain `{function.domain}` is defined more than once",
                "which of them a node calls cannot be told", code="M202",
            )  # fmt: skip
    counts: dict[FunctionKey, tuple[int, int]] = {}  # nodes and depth of what a call stands for
    for callee in _callees_first(path, functions):
        counts[callee] = _measured(functions[callee].node, counts)
    nodes, depth = _measured(model.graph.node, counts)
    if nodes > _MOST_NODES:
        raise ModelError.at(
            path,
            f"the model unfolds to more than {_MOST_NODES:,} nodes",
            "its functions call each other too often",
            code="M205",
        )
    if depth > _DEEPEST:
        raise ModelError.at(
            path, f"functions, loops and branches are nested {depth} deep; {_DEEPEST} are read", code="M205"
        )


def _measured(nodes: Sequence[proto.NodeProto], counts: Mapping[FunctionKey, tuple[int, int]]) -> tuple[int, int]:
    """Nodes that a graph unfolds to, and how deep it nests."""
    total, depth = 0, 0
    for node in nodes:
        total += 1
        parts = [counts[function_key(node)]] if function_key(node) in counts else []
        walks = _WALKS_OF_A_BODY if node.op_type in ("Loop", "SequenceMap") else 1
        parts += [_measured(graph.node, counts) for graph in subgraphs(node)]
        for inner_total, inner_depth in parts:
            total += walks * inner_total
            depth = max(depth, inner_depth + 1)
    return total, depth


def _callees_first(path: str, functions: Mapping[FunctionKey, proto.FunctionProto]) -> list[FunctionKey]:
    """The functions in an order in which each follows those that it calls."""
    calls = {key: [k for k in dict.fromkeys(_called(f.node)) if k in functions] for key, f in functions.items()}
    order: dict[FunctionKey, None] = {}
    for start in functions:
        stack = [(start, iter(calls[start]))]
        open_calls = {start: None}
        while stack:
            key, rest = stack[-1]
            callee = next((k for k in rest if k not in order), None)
            if callee is None:
                order[key] = None
                open_calls.pop(key, None)
                stack.pop()
            elif callee in open_calls:
                names = " -> ".join(f"`{k[1]}`" for k in [*list(open_calls)[list(open_calls).index(callee) :], callee])
                raise ModelError.at(path, f"a function calls itself: {names}", "inlining it has no end", code="M203")
            else:
                open_calls[callee] = None
                stack.append((callee, iter(calls[callee])))
    return list(order)


def _called(nodes: Sequence[proto.NodeProto]) -> list[FunctionKey]:
    found = []
    for node in nodes:
        found.append(function_key(node))
        for graph in subgraphs(node):
            found += _called(graph.node)
    return found
