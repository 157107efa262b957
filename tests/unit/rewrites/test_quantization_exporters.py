"""A small network as ONNX Runtime's own quantizer writes it, in each of its forms, against the network in floats."""

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from onnxroof.ir.op import OpKind
from onnxroof.study.count import counted, model_result
from onnxroof.study.load import load

# conv1: 16*8*8 results of 3*3*3 products; conv2: of 16*3*3; fc: 2*10 of 16
MACS = {"conv1": 27_648, "conv2": 147_456, "fc": 320}

BITS = {"UINT8": 8, "INT8": 8, "UINT16": 16, "FLOAT8E4M3FN": 8}


class Samples(CalibrationDataReader):
    def __init__(self):
        generator = np.random.default_rng(0)
        self.left = [{"x": generator.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(2)]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    generator = np.random.default_rng(1)
    shapes = {"w1": (16, 3, 3, 3), "b1": (16,), "w2": (16, 16, 3, 3), "f": (16, 10)}
    weights = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "r1"], ["a"], "add"),
        helper.make_node("Relu", ["a"], ["r2"], "relu2"),
        helper.make_node("MaxPool", ["r2"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Concat", ["p", "p"], ["j"], "join", axis=0),
        helper.make_node("GlobalAveragePool", ["j"], ["g"], "mean"),
        helper.make_node("Flatten", ["g"], ["v"], "flat"),
        helper.make_node("MatMul", ["v", "f"], ["y"], "fc"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 10])], weights,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("network") / "float.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.fixture
def quantized(network, tmp_path):
    def make(**options):
        logging.disable(logging.WARNING)  # it recommends a preparation of the model that changes nothing here
        try:
            quantize_static(network, tmp_path / "quantized.onnx", Samples(), **options)
        finally:
            logging.disable(logging.NOTSET)
        return nodes_of(tmp_path / "quantized.onnx")

    return make


def nodes_of(path):
    return {node.name: node for node in model_result(counted(load(path))).nodes}


def running(nodes):
    return {name for name, node in nodes.items() if node.kind in (OpKind.COMPUTE, OpKind.MOVE)}


def macs(nodes):
    return {name.removesuffix("_quant"): node.macs for name, node in nodes.items() if node.macs}


def test_the_network_in_floats(network):
    assert macs(nodes_of(network)) == MACS


FORMS = {
    "int8": ("INT8", {}),
    "uint8 by channel": ("UINT8", {"per_channel": True, "activation_type": QuantType.QUInt8}),
    "uint16": ("UINT16", {"activation_type": QuantType.QUInt16, "extra_options": {"UseQDQContribOps": True}}),
    "float weights with pairs": ("INT8", {"extra_options": {"AddQDQPairToWeight": True}}),
    "a pair for each reader": ("INT8", {"extra_options": {"DedicatedQDQPair": True}}),
    "symmetric": ("INT8", {"extra_options": {"ActivationSymmetric": True}}),
}


@pytest.mark.parametrize("form", FORMS)
def test_pairs_vanish_but_at_the_borders(form, quantized):
    dtype, options = FORMS[form]
    nodes = quantized(quant_format=QuantFormat.QDQ, **options)
    assert macs(nodes) == MACS
    # activation functions are dropped by the quantizer where its scales imply them, and compute in stored types too
    layers = {"conv1", "conv2", "add", "pool", "join", "mean", "fc"}
    assert {nodes[n].compute_type for n in ("relu1", "relu2") if n in nodes} <= {dtype}
    assert running(nodes) - {"relu1", "relu2"} == layers | {"x_QuantizeLinear", "y_DequantizeLinear"}
    assert {nodes[name].compute_type for name in layers - {"join"}} == {dtype}
    # the pool passes elements on, so that it has one scale on both sides and applies none
    size = BITS[dtype] // 8
    assert (nodes["pool"].read_bytes, nodes["pool"].write_bytes) == (1_024 * size, 256 * size)
    # 9 * 256 weights of a byte; 16 * 64 elements in and out
    scales = nodes["conv2"].weight_bytes - 2_304
    assert nodes["conv2"].read_bytes == 1_024 * size + 2_304 + scales
    assert nodes["conv2"].write_bytes == 1_024 * size
    # a scale of 4 bytes and a zero point for image, weight and result: one each, or one weight scale a channel
    each = 16 if "channel" in form else 1
    assert scales == 4 * (2 + each) + 2 * size + each


def test_floats_of_eight_bits(quantized):
    from onnxruntime.quantization import CalibrationMethod

    nodes = quantized(
        quant_format=QuantFormat.QDQ, activation_type=QuantType.QFLOAT8E4M3FN,
        weight_type=QuantType.QFLOAT8E4M3FN, calibrate_method=CalibrationMethod.Distribution,
    )  # fmt: skip
    assert macs(nodes) == MACS
    assert {nodes[name].compute_type for name in MACS} == {"FLOAT8E4M3FN"}


def test_operators_of_the_runtime_read_the_same_as_pairs(quantized):
    options = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8}
    pairs = quantized(quant_format=QuantFormat.QDQ, **options)
    own = quantized(quant_format=QuantFormat.QOperator, **options)
    assert macs(own) == MACS
    for name in ("conv2", "add", "mean", "fc"):
        one, other = pairs[name], own[f"{name}_quant"]
        assert (one.macs, one.read_bytes, one.weight_bytes, one.write_bytes, one.compute_type) == (
            other.macs, other.read_bytes, other.weight_bytes, other.write_bytes, other.compute_type,
        )  # fmt: skip


def test_dynamic_operators_stay_kernels(network, tmp_path):
    quantize_dynamic(network, tmp_path / "dynamic.onnx")
    nodes = nodes_of(tmp_path / "dynamic.onnx")
    assert macs(nodes) == MACS
    assert {nodes[f"{name}_quant"].compute_type for name in MACS} == {"UINT8"}
    # 2,304 weights and a zero point of a byte; 1,024 sums of 32 bits leave, and come again to be scaled
    assert (nodes["conv2_quant"].weight_bytes, nodes["conv2_quant"].write_bytes) == (2_305, 4_096)
    for name in ("x_QuantizeLinear", "c2_output_quantized_cast", "conv2_quant_output_scale_mul"):
        assert nodes[name].kind is OpKind.COMPUTE
