"""Nodes of a runtime's graph as operators of the model: by tensors that survive, and by what stands for the others."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser
from oracles.tiny import workload

from onnxroof.frontend.runtime_graph import RuntimeNode, runtime_graph
from onnxroof.mapping.correspondence import Correspondence, correspondence, runtime_groups
from onnxroof.study.count import counted

CHAIN = """g (float[1,8,16,16] x) => (float[1,8,16,16] y) <float[8,8,3,3] v, float[8,8,3,3] w> {
    a = Conv <pads = [1,1,1,1]> (x, v) b = Relu(a) c = Conv <pads = [1,1,1,1]> (b, w) d = Add(c, x) y = Relu(d) }"""


def written(folder: Path, nodes: str, inputs: str = "float x", outputs: str = "float y") -> Path:
    path = folder / "optimized.onnx"
    domains = '"" : 20, "com.microsoft" : 1, "com.microsoft.nchwc" : 1'
    model = onnx.parser.parse_model(
        f"<ir_version: 10, opset_import: [{domains}]> g ({inputs}) => ({outputs}) {{ {nodes} }}"
    )
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"n{number}"
    path.write_bytes(model.SerializeToString())
    return path


def found(folder: Path, text: str, nodes: str, names: dict[int, str] | None = None, **ends: str) -> Correspondence:
    path = written(folder, nodes, **ends)
    if names:
        model = onnx.load(path)
        for number, name in names.items():
            model.graph.node[number].name = name
        path.write_bytes(model.SerializeToString())
    count = counted(workload(text))
    return correspondence(runtime_graph(path), count.workload, count.store)


def regions(one: Correspondence) -> list[tuple[str, tuple[str, ...]]]:
    return [(node.op_type, names) for node, names in one.regions]


def test_a_fused_node_stands_for_what_lies_between_its_tensors(tmp_path: Path) -> None:
    one = found(
        tmp_path, CHAIN,
        """b = com.microsoft.FusedConv <activation = "Relu"> (x, v)
           y = com.microsoft.FusedConv <activation = "Relu"> (b, w, , x)""",
    )  # fmt: skip
    assert regions(one) == [("FusedConv", ("Conv_0", "Relu_1")), ("FusedConv", ("Conv_2", "Add_3", "Relu_4"))]
    assert (one.unmapped, one.unclaimed) == ((), ())


def test_blocked_convolutions_are_called_after_what_they_compute_before_sum_and_function(tmp_path: Path) -> None:
    one = found(
        tmp_path, CHAIN,
        """t = com.microsoft.nchwc.Conv <activation = "Relu"> (x, v)
           u = com.microsoft.nchwc.Conv <activation = "Relu"> (t, w, , x)
           y = com.microsoft.nchwc.ReorderOutput (u)""",
        {0: "a_nchwc", 1: "c_nchwc"},
    )  # fmt: skip
    # The names of t and u are new; ReorderOutput writes what the second convolution computed, in another layout.
    assert regions(one) == [("Conv", ("Conv_0", "Relu_1")), ("Conv", ("Conv_2", "Add_3", "Relu_4"))]
    assert one.unclaimed == ()


def test_what_leads_back_to_nothing_is_listed(tmp_path: Path) -> None:
    one = found(tmp_path, CHAIN, "t = Selu(x) b = com.microsoft.FusedConv(x, v) z = Neg(b)", outputs="float z")
    assert regions(one) == [("FusedConv", ("Conv_0", "Relu_1"))]
    assert [node.op_type for node in one.unmapped] == ["Selu", "Neg"]
    assert one.unclaimed == ("Conv_2", "Add_3", "Relu_4")
    count = counted(workload(CHAIN))
    given = runtime_groups("opt.onnx", one, count.workload, count.store)
    assert [group.nodes for group in given.groups] == [("Conv_0", "Relu_1")]
    mapped, *others = given.decisions
    assert mapped.figures == {"nodes": 1, "unmapped_nodes": 2, "operators_in_none": 3}
    assert [(one.subject, one.action) for one in others] == [
        ("n0", "not mapped"), ("n2", "not mapped"), ("Conv_2", "not mapped"), ("Add_3", "not mapped"),
        ("Relu_4", "not mapped"),
    ]  # fmt: skip


def test_what_lost_its_name_counts_to_the_node_that_reads_it(tmp_path: Path) -> None:
    # Between x and b all names are new; and `u` is read by nobody.
    one = found(
        tmp_path, CHAIN,
        """t = Selu(x) s = com.microsoft.F(t, v) b = Neg(s) y = com.microsoft.G(b, w, x) u = Exp(b)""",
        outputs="float y, float u",
    )  # fmt: skip
    assert regions(one) == [("Neg", ("Conv_0", "Relu_1")), ("G", ("Conv_2", "Add_3", "Relu_4"))]
    assert [(node.op_type, home.op_type) for node, home in one.within] == [("Selu", "Neg"), ("F", "Neg")]
    assert [node.op_type for node in one.unmapped] == ["Exp"]
    count = counted(workload(CHAIN))
    mapped, *others = runtime_groups("opt.onnx", one, count.workload, count.store).decisions
    assert mapped.figures["unmapped_nodes"] == 1
    assert [(other.subject, other.action) for other in others] == [
        ("n0 -> n2", "mapped"), ("n1 -> n2", "mapped"), ("n4", "not mapped"),
    ]  # fmt: skip


def test_a_pattern_with_branches_is_one_region(tmp_path: Path) -> None:
    text = """g (float[4,64] x) => (float[4,64] y) <float[64] s> {
        m = ReduceMean <keepdims = 1> (x, axes) d = Sub(x, m) q = Mul(d, d) v = ReduceMean <keepdims = 1> (q, axes)
        r = Sqrt(v) n = Div(d, r) y = Mul(n, s) }"""
    text = text.replace("<float[64] s>", "<float[64] s, int64[1] axes = {-1}>")
    one = found(tmp_path, text, "y = LayerNormalization(x, s)")
    ((op_type, names),) = regions(one)
    assert op_type == "LayerNormalization"
    assert len(names) == 7


def test_an_operator_belongs_to_the_first_node_that_needs_it(tmp_path: Path) -> None:
    # The runtime dropped `a` and computes it in both of its readers.
    text = "g (float[8] x) => (float[8] y, float[8] z) { a = Relu(x) y = Tanh(a) z = Sigmoid(a) }"
    one = found(tmp_path, text, "y = my.F(x) z = my.G(x)".replace("my.", "com.microsoft."), outputs="float y, float z")
    assert regions(one) == [("F", ("Relu_0", "Tanh_1")), ("G", ("Sigmoid_2",))]


def test_absorbed_quantization_is_one_tensor_under_all_its_names(tmp_path: Path) -> None:
    text = """g (uint8[1,64] x) => (uint8[1,64] y) <uint8[64,64] w, float s, uint8 z> {
        a = DequantizeLinear(x, s, z) b = DequantizeLinear(w, s, z) m = MatMul(a, b) y = QuantizeLinear(m, s, z) }"""
    one = found(tmp_path, text, "y = QLinearMatMul(x, s, z, w, s, z, s, z)")
    assert regions(one) == [("QLinearMatMul", ("MatMul_2",))]
    apart = found(
        tmp_path, text,
        "a = DequantizeLinear(x, s, z) b = DequantizeLinear(w, s, z) m = MatMul(a, b) y = QuantizeLinear(m, s, z)",
    )  # fmt: skip
    assert regions(apart) == [("MatMul", ("MatMul_2",))]
    assert apart.unmapped == ()
    # A pair with a new name inside stands for nothing but the quantization that the model absorbs.
    renamed = found(
        tmp_path, text,
        """y = QLinearMatMul(x, s, z, w, s, z, s, z) d = DequantizeLinear(y, s, z) q = QuantizeLinear(d, s, z)
           m = DequantizeLinear(q, s, z)""",
        outputs="uint8 y, float m",
    )  # fmt: skip
    assert regions(renamed) == [("QLinearMatMul", ("MatMul_2",))]
    assert (renamed.within, renamed.unmapped) == ((), ())


def test_what_a_node_says_of_itself(tmp_path: Path) -> None:
    (node,) = runtime_graph(written(tmp_path, 'y = com.microsoft.FusedConv <activation = "Relu"> (x, v)')).nodes
    assert node == RuntimeNode(
        name="n0", op_type="FusedConv", domain="com.microsoft", inputs=("x", "v"), outputs=("y",), activation="Relu"
    )
