"""What operators of classical machine learning cost (ai.onnx.ml).

Their coefficients are attributes of the node, of which the frontend makes weights: `parameters` of the operator. They
are read whole, but for trees. Of those a row visits one node for each level of a tree and one leaf: the entries of so
many nodes and leaves are read, at most all, as if each visit were one of another node; leaves have the mean number of
weights. That is the most; the least is the shortest path of each tree, the same for all rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import STEPS, register_rows, steps
from onnxroof.costs.registry import cost
from onnxroof.ir.op import OpKind

__all__ = ["linear", "tree_ensemble"]

_DOMAIN = "ai.onnx.ml"

register_rows(
    {
        "Scaler": (steps(2), "(x - offset) * scale: 1 sub, 1 mul an element."),
        "Binarizer": (steps(1), "1 comparison an element."),
        "Imputer": (steps(2), "1 comparison, 1 selection an element."),
        "LabelEncoder": (steps(1), "1 look-up an element."),
        "CategoryMapper": (steps(1), "1 look-up an element."),
    },
    _DOMAIN,
)


@cost("Normalizer", domain=_DOMAIN)
def normalizer(ctx: CostContext) -> OpCost:
    """MAX: 1 abs, 1 max, DIV an element; L1: 1 abs, 1 add, DIV; L2: 1 mul, 1 add, DIV, and SQRT a row."""
    shape = ctx.input(0).dims
    elements = ctx.input(0).elements
    rows = math.prod(shape[:-1]) if ctx.attributes.text("norm", "MAX") == "L2" else 0
    return ctx.compute(Work(vector_ops=2 * elements, special={"DIV": elements, "SQRT": rows}))


@cost("OneHotEncoder", domain=_DOMAIN)
def one_hot_encoder(ctx: CostContext) -> OpCost:
    """1 comparison for each output element."""
    return ctx.compute(steps(ctx.output(0).elements))


@cost("FeatureVectorizer", domain=_DOMAIN, kind=OpKind.MOVE)
def feature_vectorizer(ctx: CostContext) -> OpCost:
    """Reads its inputs and writes them side by side."""
    return ctx.move(ctx.read_all())


@cost("LinearRegressor", "LinearClassifier", domain=_DOMAIN)
def linear(ctx: CostContext) -> OpCost:
    """Rows x coefficients MACs; 1 add for each row and intercept; then the transform of the results."""
    rows = _rows(ctx)
    coefficients = len(ctx.attributes.raw("coefficients") or ())
    intercepts = len(ctx.attributes.raw("intercepts") or ())
    results = int(ctx.op.op_type == "LinearClassifier")  # after the labels
    return ctx.compute(Work(macs=rows * coefficients, vector_ops=rows * intercepts) + _transformed(ctx, results))


@cost("SVMRegressor", "SVMClassifier", domain=_DOMAIN)
def support_vectors(ctx: CostContext) -> OpCost:
    """Rows x support vector elements MACs for the kernel and rows x coefficients for its sum; the kernel function.

    POLY 1 mul, 1 add, POW; RBF 2 subs and muls, EXP; SIGMOID 1 mul, 1 add, TANH for each row and support vector.
    Then the transform of the results.
    """
    rows = _rows(ctx)
    elements = len(ctx.attributes.raw("support_vectors") or ())
    features = ctx.input(0).dims[-1]
    vectors = elements // features if features else 0
    kernel = {
        "LINEAR": Work(),
        "POLY": steps(2, "POW"),
        "RBF": steps(2, "EXP"),
        "SIGMOID": steps(2, "TANH"),
    }.get(ctx.attributes.text("kernel_type", "LINEAR"))
    if kernel is None:
        raise MissingShapeError("the kernel has no rule")
    coefficients = len(ctx.attributes.raw("coefficients") or ())
    results = _transformed(ctx, int(ctx.op.op_type == "SVMClassifier"))
    return ctx.compute(Work(macs=rows * (elements + coefficients)) + kernel.times(rows * vectors) + results)


@cost("TreeEnsembleRegressor", "TreeEnsembleClassifier", domain=_DOMAIN)
def tree_ensemble(ctx: CostContext) -> OpCost:
    """At most: for each row and tree, one comparison a level of the tree and 1 add of its leaf.

    Then the transform of the results.
    """
    attributes = ctx.attributes
    trees = attributes.integers("nodes_treeids") or ()
    nodes = attributes.integers("nodes_nodeids") or ()
    branches = (attributes.integers("nodes_truenodeids") or (), attributes.integers("nodes_falsenodeids") or ())
    modes = attributes.texts("nodes_modes")
    children: _Children = {}
    for tree, node, left, right, mode in zip(trees, nodes, *branches, modes, strict=True):
        children[tree, node] = () if mode == "LEAF" else ((tree, left), (tree, right))
    inner = {child for pair in children.values() for child in pair}
    roots = [root for root in children if root not in inner]
    results = int(ctx.op.op_type == "TreeEnsembleClassifier")  # after the labels
    return _walked(ctx, children, roots, sum(not pair for pair in children.values()), results)


@cost("TreeEnsemble", domain=_DOMAIN)
def tree_ensemble_of_leaves(ctx: CostContext) -> OpCost:
    """At most: for each row and tree, one comparison a level of the tree and 1 add of its leaf.

    Then the transform of the results. A comparison with a set of values (BRANCH_MEMBER) is one look-up.
    """
    attributes = ctx.attributes
    sides = (
        zip(
            attributes.integers(f"nodes_{side}leafs") or (),
            attributes.integers(f"nodes_{side}nodeids") or (),
            strict=True,
        )
        for side in ("true", "false")
    )
    # A leaf is (1, its number), an inner node (0, its number): both are numbered from 0.
    children: _Children = {(0, node): pair for node, pair in enumerate(zip(*sides, strict=True))}
    leaves = {child for pair in children.values() for child in pair if child[0]}
    roots = [(0, root) for root in attributes.integers("tree_roots") or ()]
    return _walked(ctx, children, roots, len(leaves), 0)


def _rows(ctx: CostContext) -> int:
    return math.prod(ctx.input(0).dims[:-1])


_Node = tuple[int, int]
_Children = dict[_Node, tuple[_Node, ...]]


def _walked(ctx: CostContext, children: _Children, roots: Sequence[_Node], leaves: int, results: int) -> OpCost:
    """The cost of walking every tree from its root to a leaf, once a row, and of the transform of output `results`."""
    rows = _rows(ctx)
    paths = [_paths(children, root) for root in roots]
    longest, shortest = (sum(path[place] for path in paths) for place in (1, 0))
    after = _transformed(ctx, results)
    # In the first form leaves are nodes among others, in the second they are entries of lists of their own alone.
    nodes, is_among = len(children), any(not pair for pair in children.values())
    most = _tables(ctx, (rows * (longest + is_among * len(roots)), nodes), (rows * len(roots), leaves))
    least = _tables(ctx, (min(rows, 1) * shortest, nodes), (0, leaves))
    return ctx.compute(
        steps(rows * (longest + len(roots))) + after,
        reads=(*ctx.read_all(), *most),
        least=Least(work=steps(rows * (shortest + len(roots))) + after, reads=(*ctx.read_all(), *least)),
    )


def _tables(ctx: CostContext, nodes: tuple[int, int], leaves: tuple[int, int]) -> tuple[Transfer, ...]:
    """Reads of the lists of nodes and leaves: of each as large a part as is visited of all."""
    found = []
    for name in ctx.op.parameters:
        table = ctx.tensors[name]
        is_of_leaves = name.removeprefix(f"{ctx.op.name}.").startswith(("class_", "target_", "leaf_"))
        visited, every = leaves if is_of_leaves else nodes
        found.append(Transfer(name, table.bytes_of(-(-table.elements * min(visited, every) // max(every, 1)))))
    return tuple(found)


def _paths(children: _Children, root: _Node) -> tuple[int, int]:
    """Comparisons on the shortest and on the longest path from a node to a leaf."""
    shortest, longest, level = -1, 0, {root}
    while True:
        if shortest < 0 and any(not children.get(node) for node in level):
            shortest = longest
        level = {child for node in level for child in children.get(node, ())}
        if not level:
            return shortest, longest
        # A malformed tree with a cycle would never end: no path is longer than the number of nodes.
        longest += 1
        if longest > len(children):
            raise MissingShapeError("the nodes of a tree form a cycle")


# Transforms of a result, named by text or, from TreeEnsemble on, by number.
_TRANSFORMS: Mapping[str, Work] = {
    "NONE": Work(),
    "SOFTMAX": steps(3, "EXP", "DIV"),
    "LOGISTIC": STEPS["Sigmoid"][0],
    "SOFTMAX_ZERO": steps(4, "EXP", "DIV"),
}
_NUMBERED = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def _transformed(ctx: CostContext, output: int) -> Work:
    """The transform of every result: a softmax, which may leave zeros out, or a sigmoid."""
    stated = ctx.attributes.raw("post_transform") or 0
    name = _NUMBERED[stated] if stated in range(len(_NUMBERED)) else ctx.attributes.text("post_transform")
    if name not in _TRANSFORMS:
        raise MissingShapeError(f"the transform `{name}` of the results has no rule")
    return Work() if name == "NONE" else _TRANSFORMS[name].times(ctx.output(output).elements)
