"""Every placement of quantize and dequantize nodes that exporters write: operation type, packed bytes, scales."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from onnxroof.ir.op import OpKind
from onnxroof.study.count import counted, model_result
from onnxroof.study.load import load

TYPES = {
    "int8": (TensorProto.INT8, 8), "uint8": (TensorProto.UINT8, 8), "int16": (TensorProto.INT16, 16),
    "uint16": (TensorProto.UINT16, 16), "int4": (TensorProto.INT4, 4), "uint4": (TensorProto.UINT4, 4),
    "int2": (TensorProto.INT2, 2), "uint2": (TensorProto.UINT2, 2), "int32": (TensorProto.INT32, 32),
    "float8e4m3fn": (TensorProto.FLOAT8E4M3FN, 8), "float8e4m3fnuz": (TensorProto.FLOAT8E4M3FNUZ, 8),
    "float8e5m2": (TensorProto.FLOAT8E5M2, 8), "float8e5m2fnuz": (TensorProto.FLOAT8E5M2FNUZ, 8),
    "float4e2m1": (TensorProto.FLOAT4E2M1, 4), "float16": (TensorProto.FLOAT16, 16), "float": (TensorProto.FLOAT, 32),
}  # fmt: skip
IN_ALL_WIDTHS = ["int8", "uint8", "int4", "uint4", "int2", "uint2", *(name for name in TYPES if name[:6] == "float8")]
IN_ALL_WIDTHS.append("float4e2m1")


class Graph:
    """A model under construction whose weights lie in a file that does not exist."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs, self.weights = [], [], [], []

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[dtype][0], shape))
        return name

    def output(self, name, dtype, rank):
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[dtype][0], [f"{name}{i}" for i in range(rank)]))

    def weight(self, name, dtype, shape):
        tensor = TensorProto(name=name, data_type=TYPES[dtype][0], dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="absent")
        self.weights.append(tensor)
        return name

    def scalar(self, name, dtype, value):
        self.weights.append(helper.make_tensor(name, TYPES[dtype][0], [], [value]))
        return name

    def add(self, op_type, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))
        return output

    def counted(self, folder):
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.weights)
        opsets = [helper.make_opsetid("", 25), helper.make_opsetid("com.microsoft", 1)]
        path = folder / "placed.onnx"
        path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=13).SerializeToString())
        return {node.name: node for node in model_result(counted(load(path))).nodes}


def running(nodes):
    return [name for name, node in nodes.items() if node.kind in (OpKind.COMPUTE, OpKind.MOVE)]


def figures(node):
    return node.compute_type, node.read_bytes, node.weight_bytes, node.write_bytes


@pytest.mark.parametrize("dtype", IN_ALL_WIDTHS)
@pytest.mark.parametrize("has_zero_point", [False, True])
@pytest.mark.parametrize("form", ["tensor", "channel", "block"])
def test_weight_only_quantization_in_every_width_and_form(form, has_zero_point, dtype, tmp_path):
    if has_zero_point and dtype.startswith("float"):
        has_zero_point = False  # a zero point of a float type is 0 and left out
    scales = {"tensor": (), "channel": (96,), "block": (4, 96)}[form]
    attributes = {"tensor": {}, "channel": {"axis": 1}, "block": {"axis": 0, "block_size": 32}}[form]
    graph = Graph()
    graph.input("x", "float16", [5, 128])
    operands = [graph.weight("wq", dtype, [128, 96]), graph.weight("s", "float16", scales)]
    operands += [graph.weight("z", dtype, scales)] if has_zero_point else []
    graph.add("DequantizeLinear", operands, "w", **attributes)
    graph.output(graph.add("MatMul", ["x", "w"], "y"), "float16", 2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y"]
    # packed weights, a scale of 2 bytes for each of 1, 96 or 4 * 96, and as many packed zero points
    bits, parameters = TYPES[dtype][1], int(np.prod(scales))
    weights = 128 * 96 * bits // 8 + parameters * 2 + -(-parameters * bits // 8) * has_zero_point
    assert figures(nodes["y"]) == ("FLOAT16", 5 * 128 * 2 + weights, weights, 5 * 96 * 2)
    # each weight is dequantized once: 128 * 96 vector operations beside 5 * 128 * 96 MACs
    assert (nodes["y"].macs, nodes["y"].vector_ops) == (61_440, 12_288)


def both(graph, activation, weight, *, scale=(), axis=0):
    """Conv of 4x16x8x8 by 32x16x3x3, both dequantized; scale and axis are those of the weight."""
    graph.input("xq", activation, [4, 16, 8, 8])
    graph.scalar("sx", "float", 0.1)
    graph.scalar("zx", activation, 0)
    graph.add("DequantizeLinear", ["xq", "sx", "zx"], "x")
    graph.add(
        "DequantizeLinear",
        [graph.weight("wq", weight, [32, 16, 3, 3]), graph.weight("sw", "float", scale)],
        "w",
        axis=axis,
    )
    return graph.add("Conv", ["x", "w"], "y", pads=[1, 1, 1, 1])


@pytest.mark.parametrize(
    ("activation", "weight", "computes"),
    [
        ("int8", "int8", "INT8"),
        ("uint8", "int8", "UINT8"),  # equally wide: the activation's
        ("int16", "int8", "INT16"),  # 16 by 8 bits runs on 16
        ("uint16", "uint4", "UINT16"),
        ("int8", "int16", "INT16"),
        ("int8", "int4", "INT8"),
        ("float8e5m2", "float8e4m3fn", "FLOAT8E5M2"),
        ("float8e4m3fn", "float4e2m1", "FLOAT8E4M3FN"),
    ],
)
def test_a_convolution_computes_in_the_wider_of_its_stored_types(activation, weight, computes, tmp_path):
    graph = Graph()
    both(graph, activation, weight)
    graph.add("QuantizeLinear", ["y", "sx", "zx"], "yq")
    graph.output("yq", activation, 4)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y"]
    a, w = TYPES[activation][1] // 8, TYPES[weight][1]
    # weights, two scales of 4 bytes, one zero point; 4*16*8*8 elements in, 4*32*8*8 out
    weights = 32 * 16 * 9 * w // 8 + 8 + a
    assert figures(nodes["y"]) == (computes, 4_096 * a + weights, weights, 8_192 * a)
    assert (nodes["y"].macs, nodes["y"].vector_ops) == (4 * 32 * 64 * 144, 0)


@pytest.mark.parametrize(("activation", "weight"), [("int8", "float8e4m3fn"), ("float8e4m3fn", "int8")])
def test_integers_and_floats_are_not_multiplied_as_they_are_stored(activation, weight, tmp_path):
    graph = Graph()
    graph.output(both(graph, activation, weight), "float", 4)
    nodes = graph.counted(tmp_path)
    # the activation is dequantized by a kernel of its own, the weight on the fly
    assert running(nodes) == ["x", "y"]
    assert nodes["y"].compute_type == "FLOAT"
    assert nodes["y"].vector_ops == 32 * 16 * 9


@pytest.mark.parametrize(
    ("op_type", "attributes", "shape", "axis", "is_integer"),
    [
        ("Conv", {}, [6, 8, 1, 1], 0, True),
        ("Conv", {}, [6, 8, 1, 1], 1, False),  # input channels are summed over
        ("ConvTranspose", {}, [8, 6, 1, 1], 1, True),
        ("ConvTranspose", {}, [8, 6, 1, 1], 0, False),
        ("MatMul", {}, [8, 6], 1, True),
        ("MatMul", {}, [8, 6], -1, True),
        ("MatMul", {}, [8, 6], 0, False),
        ("Gemm", {}, [8, 6], 1, True),
        ("Gemm", {"transB": 1}, [6, 8], 0, True),
        ("Gemm", {"transB": 1}, [6, 8], 1, False),
        ("Einsum", {"equation": "mk,kn->mn"}, [8, 6], 1, True),
        ("Einsum", {"equation": "mk,kn->mn"}, [8, 6], 0, False),
    ],
)
def test_a_scale_along_the_axis_that_is_summed_over_keeps_the_sum_in_floats(
    op_type, attributes, shape, axis, is_integer, tmp_path
):
    graph = Graph()
    graph.input("xq", "int8", [1, 8, 3, 3] if "Conv" in op_type else [3, 8])
    graph.add("DequantizeLinear", ["xq", graph.scalar("sx", "float", 0.1)], "x")
    scale = graph.weight("sw", "float", [shape[axis]])
    graph.add("DequantizeLinear", [graph.weight("wq", "int8", shape), scale], "w", axis=axis)
    graph.output(graph.add(op_type, ["x", "w"], "y", **attributes), "float", 4 if "Conv" in op_type else 2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == (["y"] if is_integer else ["x", "y"])
    assert nodes["y"].compute_type == ("INT8" if is_integer else "FLOAT")
    # 48 weights of a byte and their scales, in either case
    assert nodes["y"].weight_bytes == 48 + 4 * shape[axis] + 4 * is_integer
    assert nodes["y"].vector_ops == (0 if is_integer else 48)


def test_the_axis_of_a_scale_moves_with_a_transposed_weight(tmp_path):
    # scales along axis 0 of [6, 8] are along axis 1 of its transpose: results are scaled
    for axis, is_integer in ((0, True), (1, False)):
        graph = Graph()
        graph.input("xq", "int8", [3, 8])
        graph.add("DequantizeLinear", ["xq", graph.scalar("sx", "float", 0.1)], "x")
        scale = graph.weight("sw", "float", [(6, 8)[axis]])
        graph.add("DequantizeLinear", [graph.weight("wq", "int8", [6, 8]), scale], "w", axis=axis)
        graph.add("Transpose", ["w"], "wt", perm=[1, 0])
        graph.output(graph.add("MatMul", ["x", "wt"], "y"), "float", 2)
        nodes = graph.counted(tmp_path)
        assert running(nodes) == (["y"] if is_integer else ["x", "y"])
        assert nodes["y"].weight_bytes == 48 + 4 * (6, 8)[axis] + 4 * is_integer


def between(graph, op_type, *, same=True, value=0.1, inputs=1, others=(), dtype="int8", **attributes):
    """Dequantized operands into an operator whose result is quantized, by an equal scale of another name or not."""
    names = []
    for i in range(inputs):
        graph.input(f"q{i}", dtype, [2, 4, 8, 8])
        names.append(graph.add("DequantizeLinear", [f"q{i}", graph.scalar(f"s{i}", "float", value)], f"x{i}"))
    graph.add(op_type, [*names, *others], "h", **attributes)
    scale = graph.scalar("sy", "float", value if same else 0.7)
    graph.output(graph.add("QuantizeLinear", ["h", scale], "y", output_dtype=TYPES[dtype][0]), dtype, 4)


PASSING = {
    "MaxPool": ({"kernel_shape": [2, 2], "strides": [2, 2]}, 512, 128),
    "Transpose": ({"perm": [0, 2, 3, 1]}, 512, 512),
    "DepthToSpace": ({"blocksize": 2}, 512, 512),
}


@pytest.mark.parametrize("op_type", PASSING)
def test_what_passes_elements_on_needs_one_scale_on_both_sides(op_type, tmp_path):
    attributes, read, written = PASSING[op_type]
    graph = Graph()
    between(graph, op_type, **attributes)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["h"]
    # 2*4*8*8 elements of a byte; no scale is read, since none is applied
    assert (nodes["h"].read_bytes, nodes["h"].write_bytes) == (read, written)

    graph = Graph()
    between(graph, op_type, same=False, **attributes)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["x0", "h", "y"]
    assert (nodes["h"].read_bytes, nodes["h"].write_bytes) == (4 * read, 4 * written)


def test_an_equal_scale_in_another_type_is_another_scale(tmp_path):
    graph = Graph()
    between(graph, "MaxPool", kernel_shape=[2, 2])
    graph.nodes[-1].attribute[0].i = TensorProto.UINT8
    graph.outputs[0].type.tensor_type.elem_type = TensorProto.UINT8
    assert running(graph.counted(tmp_path)) == ["x0", "h", "y"]


def test_a_view_between_equal_scales_moves_nothing_and_between_others_requantizes(tmp_path):
    graph = Graph()
    between(graph, "Flatten", axis=2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == []
    assert (nodes["h"].kind, nodes["h"].read_bytes) == (OpKind.VIEW, 0)
    graph = Graph()
    between(graph, "Flatten", axis=2, same=False)
    assert running(graph.counted(tmp_path)) == ["x0", "y"]


def test_a_dequantize_and_a_quantize_of_another_scale_with_nothing_between_stay_visible(tmp_path):
    graph = Graph()
    graph.input("q", "int8", [4, 8])
    graph.add("DequantizeLinear", ["q", graph.scalar("a", "float", 0.1)], "x")
    graph.output(graph.add("QuantizeLinear", ["x", graph.scalar("b", "float", 0.2)], "y"), "uint8", 2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["x", "y"]
    # 32 elements: 1 mul; DIV, round and saturate
    assert (nodes["x"].vector_ops, nodes["y"].vector_ops, nodes["y"].special_ops) == (32, 64, 32)
    assert (nodes["x"].read_bytes, nodes["x"].write_bytes) == (32 + 4, 128)


@pytest.mark.parametrize(("same", "ops", "read"), [(True, 0, 1_024), (False, 6 * 1_024, 1_024 + 3 * 4)])
def test_a_concat_requantizes_where_scales_differ(same, ops, read, tmp_path):
    graph = Graph()
    between(graph, "Concat", inputs=2, same=same, axis=1)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["h"]
    # two of 512 elements; scales of both operands and of the result where they are applied
    assert (nodes["h"].vector_ops, nodes["h"].read_bytes, nodes["h"].write_bytes) == (ops, read, 1_024)
    assert nodes["h"].kind is (OpKind.MOVE if same else OpKind.COMPUTE)
    assert nodes["h"].compute_type == ("" if same else "INT8")


def test_a_requantizing_concat_counts_as_the_runtimes_own_operator(tmp_path):
    graph = Graph()
    between(graph, "Concat", inputs=2, same=False, dtype="uint8", axis=1)
    pairs = graph.counted(tmp_path)["h"]
    graph = Graph()
    operands = [graph.scalar("sy", "float", 0.7), graph.scalar("zy", "uint8", 0)]
    for i in range(2):
        operands += [graph.input(f"q{i}", "uint8", [2, 4, 8, 8])]
        operands += [graph.scalar(f"s{i}", "float", 0.1), graph.scalar(f"z{i}", "uint8", 0)]
    node = helper.make_node("QLinearConcat", operands, ["h"], name="h", domain="com.microsoft", axis=1)
    graph.nodes.append(node)
    graph.output("h", "uint8", 4)
    own = graph.counted(tmp_path)["h"]
    assert (pairs.vector_ops, pairs.macs, pairs.write_bytes) == (own.vector_ops, own.macs, own.write_bytes)
    # the same but for three zero points of a byte, which the pairs leave out
    assert pairs.read_bytes + 3 == own.read_bytes


def test_an_elementwise_operator_applies_any_scales(tmp_path):
    graph = Graph()
    between(graph, "Add", inputs=2, same=False)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["h"]
    assert figures(nodes["h"]) == ("INT8", 2 * 512 + 3 * 4, 3 * 4, 512)


def test_equal_quantizes_of_one_tensor_are_one(tmp_path):
    # an exporter that gives each reader a pair of its own: Conv -> (Q -> DQ -> Relu -> Q, Q -> DQ -> Neg -> Q)
    graph = Graph()
    both(graph, "int8", "int8")
    for i, op_type in enumerate(("Relu", "Neg")):
        graph.add("QuantizeLinear", ["y", "sx", "zx"], f"q{i}")
        graph.add("DequantizeLinear", [f"q{i}", "sx", "zx"], f"d{i}")
        graph.add(op_type, [f"d{i}"], f"r{i}")
        graph.output(graph.add("QuantizeLinear", [f"r{i}", "sx", "zx"], f"y{i}"), "int8", 4)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y", "r0", "r1"]
    assert nodes["y"].write_bytes == nodes["r1"].write_bytes == 4 * 32 * 64
    # with another scale both are made
    graph.nodes[3].input[1] = graph.scalar("other", "float", 0.3)
    nodes = graph.counted(tmp_path)
    assert [name for name in running(nodes) if name in ("q0", "q1")] == ["q0", "q1"]


@pytest.mark.parametrize(("scale", "scale_bytes"), [((), 4), ((50,), 3 * 4), ((50, 2), 3 * 2 * 4), ((1, 2), 2 * 4)])
def test_a_gather_reads_packed_rows_with_the_scales_of_those_rows(scale, scale_bytes, tmp_path):
    graph = Graph()
    table = graph.weight("wq", "int4", [50, 64])
    graph.inputs.append(helper.make_tensor_value_info("ids", TensorProto.INT64, [3]))
    attributes = {"axis": 0} if len(scale) == 1 else {"axis": 1, "block_size": 32} if scale[:1] == (50,) else {}
    if scale == (1, 2):
        attributes = {"axis": 0, "block_size": 50}
        scale = (1, 64)
        scale_bytes = 64 * 4
    graph.add("DequantizeLinear", [table, graph.weight("s", "float", scale)], "w", **attributes)
    graph.output(graph.add("Gather", ["w", "ids"], "y"), "float", 2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y"]
    # 3 rows of 64 elements of half a byte, 3 indices of 8 bytes; 192 floats out, each multiplied by its scale
    assert figures(nodes["y"]) == ("FLOAT", 96 + scale_bytes + 24, 96 + scale_bytes, 768)
    assert nodes["y"].vector_ops == 192


@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_a_recurrent_operator_reads_packed_weights(op_type, tmp_path):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op_type]
    graph = Graph()
    graph.input("x", "float", [7, 2, 16])
    for name, width in (("w", 16), ("r", 8)):
        weight = graph.weight(f"{name}q", "int8", [1, gates * 8, width])
        graph.add("DequantizeLinear", [weight, graph.scalar(f"s{name}", "float", 0.1)], name)
    graph.output(graph.add(op_type, ["x", "w", "r"], "y", hidden_size=8), "float", 4)
    node = graph.counted(tmp_path)["y"]
    # gates * 8 * (16 + 8) weights of a byte and two scales; MACs as in floats: 7 steps of 2 rows
    assert (node.compute_type, node.weight_bytes) == ("FLOAT", gates * 192 + 8)
    assert node.macs == 7 * 2 * gates * 192


def test_dynamic_quantization_by_pairs_computes_on_integers(tmp_path):
    graph = Graph()
    graph.input("x", "float", [5, 16])
    graph.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "sx", "zx"], name="q"))
    graph.add("DequantizeLinear", ["xq", "sx", "zx"], "xd")
    graph.add("DequantizeLinear", [graph.weight("wq", "int8", [16, 6]), graph.weight("sw", "float", [6])], "w", axis=1)
    graph.output(graph.add("MatMul", ["xd", "w"], "y"), "float", 2)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["q", "y"]
    # 80 + 96 bytes of operands; scale and zero point of the activation; 6 scales; 30 floats out
    assert figures(nodes["y"]) == ("UINT8", 80 + 96 + 5 + 24, 96 + 24, 120)


@pytest.mark.parametrize("clips", [False, True])
def test_fake_quantized_weights_by_channel_are_stored_as_they_are_quantized(clips, tmp_path):
    # as training exports them: floats with a pair behind them, and a Clip between for narrow ranges
    graph = Graph()
    graph.input("xq", "int8", [1, 16, 8, 8])
    graph.add("DequantizeLinear", ["xq", graph.scalar("sx", "float", 0.1)], "x")
    scale = graph.weight("sw", "float", [32])
    quantized = graph.add("QuantizeLinear", [graph.weight("wf", "float", [32, 16, 3, 3]), scale], "wq", axis=0)
    if clips:
        bounds = [graph.scalar("low", "uint8", 1), graph.scalar("high", "uint8", 254)]
        quantized = graph.add("Clip", [quantized, *bounds], "narrow")
    graph.add("DequantizeLinear", [quantized, scale], "w", axis=0)
    graph.output(graph.add("Conv", ["x", "w"], "y", pads=[1, 1, 1, 1]), "float", 4)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y"]
    # the file holds 32 * 16 * 9 floats, the accelerator bytes; 32 scales and that of the image
    assert nodes["y"].weight_bytes == 4_608 + 4 * 33
    assert nodes["y"].compute_type == "INT8"


def test_a_clip_of_integers_between_a_pair_is_a_kernel_of_integers(tmp_path):
    graph = Graph()
    both(graph, "int8", "int8")
    graph.add("QuantizeLinear", ["y", "sx", "zx"], "q")
    graph.add("Clip", ["q", graph.scalar("low", "int8", -127)], "narrow")
    graph.add("DequantizeLinear", ["narrow", "sx", "zx"], "d")
    graph.add("Relu", ["d"], "r")
    graph.output(graph.add("QuantizeLinear", ["r", "sx", "zx"], "yq"), "int8", 4)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["y", "narrow", "r"]
    # 4*32*8*8 elements of a byte in, and the bound; one comparison each
    assert figures(nodes["narrow"]) == ("INT8", 8_192 + 1, 1, 8_192)
    assert nodes["narrow"].vector_ops == 8_192


def test_an_activation_function_behind_a_pool_applies_the_scales(tmp_path):
    graph = Graph()
    graph.input("q", "int8", [2, 4, 8, 8])
    graph.add("DequantizeLinear", ["q", graph.scalar("a", "float", 0.1)], "x")
    graph.add("MaxPool", ["x"], "p", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Relu", ["p"], "r")
    scale = graph.scalar("b", "float", 0.2)
    graph.output(graph.add("QuantizeLinear", ["r", scale], "y", output_dtype=TensorProto.INT8), "int8", 4)
    nodes = graph.counted(tmp_path)
    assert running(nodes) == ["p", "r"]
    assert (nodes["p"].read_bytes, nodes["p"].write_bytes) == (512, 128)
    assert figures(nodes["r"]) == ("INT8", 128 + 4, 4, 128)
