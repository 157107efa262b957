"""Operators that the standard defines by simpler ones alone: their bodies are listed in their place."""

import onnx
import pytest
from onnx import TensorProto, helper, parser

from onnxroof.costs.table import cost_table
from onnxroof.frontend.bodies import standard_body
from onnxroof.frontend.load import load_workload

FLOAT = TensorProto.FLOAT
info = helper.make_tensor_value_info


def load(folder, nodes, inputs, outputs, **opsets):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    imports = [helper.make_opsetid(domain.replace("_", "."), version) for domain, version in opsets.items()]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports), path)
    return load_workload(path, {}, lambda ops, tensors: 0.0)


def counts(workload):
    return {
        op.op_type: (op.repeat, cost.work.macs, cost.work.ops)
        for op, cost in zip(workload.ops, cost_table(workload).costs, strict=True)
        if cost.work.ops
    }


def sequence_map(folder):
    body = parser.parse_graph("g (float[3,4] a, float[4] b) => (float[3,4] y) { t = Add(a, b) \n y = Mul(t, outer) }")
    nodes = [
        helper.make_node("SequenceConstruct", ["p", "q"], ["s"]),
        helper.make_node("Relu", ["o"], ["outer"]),
        helper.make_node("SequenceMap", ["s", "b"], ["r"], "map", body=body),
        helper.make_node("ConcatFromSequence", ["r"], ["y"], axis=0),
    ]
    inputs = [info(name, FLOAT, [3, 4]) for name in "pqo"] + [info("b", FLOAT, [4])]
    return load(folder, nodes, inputs, [info("y", FLOAT, [6, 4])], ai_onnx=17)


def test_a_map_over_a_sequence_is_a_loop_whose_body_reads_the_graph_around_it(tmp_path):
    workload = sequence_map(tmp_path)
    assert workload.dims == ()  # two tensors are in the sequence
    assert counts(workload) == {"Relu": (1, 0, 12), "Add": (2, 0, 12), "Mul": (2, 0, 12)}
    assert "SequenceMap" not in {op.op_type for op in workload.ops}


def test_flexible_attention_is_two_products_a_softmax_and_its_modifier(tmp_path):
    modifier = parser.parse_graph("g (float[2,4,3,7] s) => (float[2,4,3,7] y) { y = Tanh(s) }")
    node = helper.make_node(
        "FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", score_mod=modifier
    )  # 2*4*3*7 = 168 scores
    inputs = [info("q", FLOAT, [2, 4, 3, 5]), info("k", FLOAT, [2, 2, 7, 5]), info("v", FLOAT, [2, 2, 7, 6])]
    workload = load(tmp_path, [node], inputs, [info("y", FLOAT, None)], ai_onnx=26, ai_onnx_preview=1)
    products = [
        (op, c) for op, c in zip(workload.ops, cost_table(workload).costs, strict=True) if op.op_type == "MatMul"
    ]
    assert [cost.work.macs for _, cost in products] == [168 * 5, 168 * 6]
    found = counts(workload)
    assert found["Tanh"] == (1, 0, 168)
    assert found["Softmax"] == (1, 0, 5 * 168)
    assert workload.tensors["y"].shape == (2, 4, 3, 6)


@pytest.mark.parametrize("types", [[], [None]])
def test_a_node_that_the_standard_cannot_expand_has_no_body(types):
    node = helper.make_node("SequenceMap", ["s"], ["r"])
    assert standard_body(node, types, {"": 17}) is None
    assert standard_body(node, types, {"": 11}) is None  # before there was such an operator


def test_what_is_not_expanded_is_unknown_and_says_so(tmp_path):
    node = helper.make_node("SequenceMap", ["s"], ["r"], "map")
    inputs = [helper.make_tensor_sequence_value_info("s", FLOAT, [3])]
    workload = load(tmp_path, [node], inputs, [helper.make_tensor_sequence_value_info("r", FLOAT, [3])], ai_onnx=17)
    (cost,) = cost_table(workload).costs
    assert cost.work is None
    assert "SequenceMap has no body" in cost.reason
