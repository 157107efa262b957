"""From a file to a workload."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError, UsageError
from onnxroof.frontend.load import load_workload
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from tests.oracles.ort_shapes import loaded, saved

HEAD = '<ir_version: 8, opset_import: ["": 17], producer_name: "maker", producer_version: "1.2">\n'
SMALL = HEAD + "g (float[N, 4] x, float[4, 3] w) => (float[a, b] y) { h = MatMul(x, w) \n y = Relu(h) }"


def no_work(_ops, _tensors):
    return 0.0


def test_what_a_workload_says_of_its_model(tmp_path):
    workload = loaded(tmp_path, SMALL, N=5)
    assert workload.name == "model.onnx"
    assert workload.producer == "maker 1.2"
    assert workload.ir_version == 8
    assert workload.opsets == {"": 17}
    assert workload.inputs == ("x", "w")
    assert workload.outputs == ("y",)
    assert [(d.name, d.value, d.source) for d in workload.dims] == [("N", 5, "given")]
    assert workload.tensors["x"].kind is TensorKind.INPUT
    assert workload.tensors["h"].kind is TensorKind.ACTIVATION
    assert workload.tensors["y"].is_output
    assert not workload.tensors["h"].is_output
    assert workload.tensors["y"].shape == (5, 3)
    assert workload.graph.number_of_nodes() == 2 + 4  # operators and tensors


def test_every_operator_comes_after_what_it_reads(tmp_path):
    text = HEAD + "g (float[N] x) => (float[a] y) { y = Add(p, q) \n q = Neg(p) \n p = Abs(x) }"
    workload = loaded(tmp_path, text)
    made = set(workload.inputs)
    for op in workload.ops:
        assert made.issuperset(op.inputs)
        made.update(op.outputs)


def test_an_extent_of_zero_or_less_in_the_file_is_unknown(tmp_path):
    model = onnx.parser.parse_model(SMALL)
    for extent in (0, -1):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = extent
        path = tmp_path / "m.onnx"
        path.write_bytes(model.SerializeToString())
        workload = load_workload(path, {}, no_work)
        assert [(d.name, d.value) for d in workload.dims] == [("x.0", 1)]
        assert workload.tensors["y"].shape == (1, 3)


def test_names_that_the_model_lacks_are_left_to_the_caller(tmp_path):
    assert [d.name for d in load_workload(saved(tmp_path, SMALL), {"other": 3}, no_work).dims] == ["N"]


def test_a_negative_dimension_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(UsageError, match="-d N=-3: a dimension cannot be negative"):
        load_workload(tmp_path / "absent.onnx", {"N": -3}, no_work)


def test_a_dimension_may_be_zero(tmp_path):
    assert loaded(tmp_path, SMALL, N=0).tensors["y"].shape == (0, 3)


def test_an_input_without_a_shape_leaves_what_follows_unknown(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    workload = load_workload(path, {}, no_work)
    assert workload.tensors["y"].shape is None
    assert workload.tensors["y"].dtype is DType.FLOAT


def test_an_input_may_be_an_output(tmp_path):
    workload = loaded(tmp_path, HEAD + "g (float[N] x) => (float[N] x, float[a] y) { y = Relu(x) }")
    assert workload.outputs == ("x", "y")
    assert workload.tensors["x"].kind is TensorKind.INPUT
    assert workload.tensors["x"].is_output


def test_an_input_that_is_a_sequence_is_no_crash(tmp_path):
    text = (
        HEAD
        + """g (seq(float[N, 4]) s) => (float[a, b] y) {
            zero = Constant<value_int=0>()
            t = SequenceAt(s, zero)
            y = Relu(t)
        }"""
    )
    assert loaded(tmp_path, text).tensors["s"].dtype is DType.UNDEFINED


def test_an_empty_model_without_opset_is_no_crash(tmp_path):
    path = tmp_path / "m.onnx"
    model = helper.make_model(helper.make_graph([], "g", [], []))
    del model.opset_import[:]
    path.write_bytes(model.SerializeToString())
    workload = load_workload(path, {}, no_work)
    assert (workload.ops, workload.opsets) == ((), {"": 1})


def test_weights_in_absent_files_have_shapes_all_the_same(tmp_path):
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="absent.bin")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    workload = load_workload(path, {"N": 2}, no_work)
    assert workload.tensors["y"].shape == (2, 3)
    assert workload.tensors["w"].kind is TensorKind.WEIGHT


def test_the_standard_domain_has_one_spelling(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    graph = helper.make_graph([node], "g", [x], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx", 17)], ir_version=8)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    workload = load_workload(path, {}, no_work)
    assert workload.opsets == {"": 17}
    assert workload.ops[0].key == ("", "Relu")
    assert workload.tensors["y"].shape == (2,)


def test_a_contradiction_names_file_node_shapes_and_dimensions(tmp_path):
    text = HEAD + "g (float[N, K] x, float[M, 3] w) => (float[a, b] y) { [product] y = MatMul(x, w) }"
    with pytest.raises(ModelError) as error:
        loaded(tmp_path, text, K=4, M=5)
    message = str(error.value)
    for part in ("model.onnx", "`product` (MatMul)", "`x` [1, 4]", "`w` [5, 3]", "K=4 (given)", "M=5 (given)", "hint:"):
        assert part in message


def test_the_same_file_gives_the_same_workload(tmp_path):
    first, second = (loaded(tmp_path, SMALL, N=2) for _ in range(2))
    assert [op.name for op in first.ops] == [op.name for op in second.ops]
    assert list(first.tensors) == list(second.tensors)


def test_a_block_that_is_repeated_costs_little(tmp_path):
    # 3,000 equal nodes: what is inferred once is not inferred again
    import time

    lines = "\n".join(f"t{i + 1} = Add(t{i}, w)" for i in range(3000))
    text = HEAD + f"g (float[N, 64] t0, float[64] w) => (float[a, b] t3000) {{ {lines} }}"
    path = saved(tmp_path, text)
    started = time.perf_counter()
    workload = load_workload(path, {}, no_work)
    assert len(workload.ops) == 3000
    assert time.perf_counter() - started < 2.0  # measured: 0.1 s; node by node it takes 1 ms each


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_model_is_an_error_of_the_file_and_never_a_crash(seed, tmp_path):
    text = (
        HEAD
        + """g (float[N, 8] x, bool c) => (float[a, b] y) <int64[2] s = {-1, 4}, int64 n = {3}, bool t = {1}> {
            h = Reshape(x, s)
            k = If(c) <then_branch = p () => (float[q, r] u) { u = Relu(h) }, else_branch = e ()
                => (float[q, r] u) { u = Neg(h) }>
            y = Loop(n, t, k) <body = b (int64 i, bool go, float[f, g] v) => (bool on, float[j, l] w) {
                on = Identity(go)
                w = Concat<axis = 0>(v, v)
            }>
        }"""
    )
    model = onnx.parser.parse_model(text)
    chance = np.random.default_rng(seed)
    nodes = [*model.graph.node]
    for node in model.graph.node:
        nodes += [n for a in node.attribute if a.HasField("g") for n in a.g.node]
    for _ in range(3):
        node = nodes[chance.integers(len(nodes))]
        match chance.integers(7):
            case 0 if node.input:
                del node.input[-1]
            case 1:
                node.input.append("x")
            case 2 if node.output:
                del node.output[-1]
            case 3 if node.attribute:
                del node.attribute[int(chance.integers(len(node.attribute)))]
            case 4:
                node.op_type = str(
                    chance.choice(["Add", "Loop", "Scan", "If", "Constant", "Shape", "NonZero", "DequantizeLinear"])
                )
            case 5 if node.input:
                node.input[0] = str(chance.choice(["", "ghost", "y", "c"]))
            case _:
                node.domain = str(chance.choice(["", "ai.onnx", "com.microsoft", "my"]))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        workload = load_workload(path, {"N": 2}, lambda ops, _: float(len(ops)))
    except ModelError as error:
        assert "m.onnx" in str(error)
    else:
        assert all(op.disposition in (None, *OpKind) for op in workload.ops)


def test_tensors_that_no_machine_holds_are_named_but_not_those_that_follow(tmp_path):
    text = (
        HEAD + "g (float[N, 65536] x, float[1] z) => (float[a] y, float[b] v) <int64[2] s = {4294967296, 2147483648}>"
    )
    path = saved(tmp_path, text + "{e = Expand(z, s) h = Relu(e) v = Neg(h) y = Abs(x) }")
    with pytest.raises(ModelError) as wrong:
        load_workload(path, {"N": 2**42}, no_work)  # 2^42 x 2^16 x 4 B = 2^60 B
    assert [(f.code, f.where.rpartition(": ")[2]) for f in wrong.value.diagnostics] == [
        ("M302", "tensor `x`"), ("M302", "tensor `e`"),
    ]  # fmt: skip
    assert wrong.value.diagnostics[0].message == "expected fewer than 2^60 B, found [4398046511104, 65536] of FLOAT"
    assert f"N={2**42} (given)" in wrong.value.diagnostics[0].hint
    with pytest.raises(ModelError) as wrong:
        load_workload(path, {"N": 2**42 - 1}, no_work)
    assert [f.where.rpartition(": ")[2] for f in wrong.value.diagnostics] == ["tensor `e`"]


def test_a_file_that_fixes_absurd_sizes_says_so(tmp_path):
    path = saved(tmp_path, HEAD + f"g (float[{2**62}, 2] x) => (float[a, b] y) {{ y = Relu(x) }}")
    with pytest.raises(ModelError) as wrong:
        load_workload(path, {}, no_work)
    assert wrong.value.diagnostics[0].hint == "the file fixes its sizes"
