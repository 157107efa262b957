"""Names by which the steps of a run can be told apart."""

import onnx
from onnx import helper

from onnxroof.frontend.places import MARK, mark_places

TEXT = """<ir_version: 10, opset_import: ["" : 17, "f" : 1]>
g (float[4] x, int64 n, bool c) => (float[m] y, float[4] z) {
    [twice] y = Loop(n, , x) <body = b (int64 i, bool go, float[p] a) => (bool d, float[q] e, float[4] s) {
        d = Identity(go)
        e = f.fn(a)
        s = If(c) <then_branch = t () => (float[4] u) { u = Exp(x) }, else_branch = o () => (float[4] v) { v = Abs(x) }>
    }>
    [twice] z = f.fn(x)
}
<domain: "f", opset_import: ["" : 17, "f" : 1]>
fn (a) => (b) { t = Add(a, a) b = f.g(t) }
<domain: "f", opset_import: ["" : 17]>
g (a) => (b) { b = Mul(a, a) }
"""


def names(nodes):
    for node in nodes:
        yield node.name
        for attribute in node.attribute:
            yield from names(attribute.g.node)


def test_every_node_has_a_name_of_its_own_in_bodies_and_in_each_call_of_a_function():
    model = onnx.parser.parse_model(TEXT)
    found = mark_places(model)
    places = [name.removeprefix(MARK) for nodes in (model.graph.node, *(f.node for f in model.functions))
              for name in names(nodes)]  # fmt: skip
    assert len(places) == len(set(places))
    assert {"0", "0/body/0", "0/body/1", "0/body/2", "0/body/2/then_branch/0", "0/body/2/else_branch/0", "1"} <= set(
        places
    )
    assert {"0/body/1/0", "0/body/1/1", "0/body/1/1/0", "1/0", "1/1", "1/1/0"} <= set(places)  # two calls of each
    assert (found.loops, found.branches, found.has_bodies) == (["0"], ["0/body/2"], True)
    onnx.checker.check_model(model)


def test_a_loop_names_the_outputs_that_nobody_wants():
    model = onnx.parser.parse_model(TEXT)
    mark_places(model)
    assert len(model.graph.node[0].output) == len(model.graph.node[0].attribute[0].g.output) - 1
    assert all(model.graph.node[0].output)


def test_a_model_without_bodies_has_none():
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    assert not mark_places(helper.make_model(graph)).has_bodies
