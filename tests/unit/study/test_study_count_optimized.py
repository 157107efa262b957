"""Models as ONNX Runtime's optimizer and quantizers leave them, against their originals: the same contraction MACs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from onnxroof.costs.cost import OpCost
from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.op import Op
from onnxroof.study.load import load
from tests.oracles import networks

# Images of 16 x 12 in a batch of 2, 32 channels, halved by a pool and by a stride to 8 x 6 and 3 x 2.
CONVOLUTIONS = 2 * (
    16 * 12 * 32 * 3 * 9  # 3 x 3 from 3 channels
    + 8 * 6 * 32 * 9  # depthwise
    + 8 * 6 * 32 * 32  # 1 x 1
    + 3 * 2 * 64 * 32 * 9  # 3 x 3, stride 2
    + 64 * 10  # classifier
)
# 2 x 6 tokens of 32: four projections, two of the feed-forward to 4 x 32, scores and their sum over 4 heads of 8.
TRANSFORMER = 12 * (4 * 32 * 32 + 2 * 32 * 128) + 2 * 4 * 6 * 6 * (8 + 8)


def counted(path: Path) -> tuple[float, set[str], dict[str, list[tuple[Op, OpCost]]]]:
    """MACs, types of the operators that run, and operators with their costs by type; every one of them known."""
    workload = load(path)
    table = cost_table(workload)
    assert table.is_known.all(), [cost.reason for cost in table.costs if cost.reason]
    running: dict[str, list[tuple[Op, OpCost]]] = {}
    for op, cost in zip(workload.ops, table.costs, strict=True):
        if cost.reads or cost.writes:
            running.setdefault(op.op_type, []).append((op, cost))
    return float(np.sum(table.macs)), set(running), running


def test_the_originals_do_what_their_products_say(tmp_path):
    assert counted(networks.convolutional(tmp_path / "c.onnx"))[0] == CONVOLUTIONS
    assert counted(networks.transformer(tmp_path / "t.onnx"))[0] == TRANSFORMER


@pytest.mark.parametrize(
    ("level", "emitted"),
    [("EXTENDED", {"FusedConv"}), ("ALL", {"Conv", "MaxPool", "GlobalAveragePool", "ReorderOutput"})],
)
def test_an_optimized_convolutional_network_keeps_its_macs(level, emitted, tmp_path):
    macs, types, running = counted(networks.optimized(networks.convolutional(tmp_path / "m.onnx"), level))
    assert macs == CONVOLUTIONS
    assert emitted <= types
    assert "BatchNormalization" not in types  # folded
    if level == "ALL":
        assert {op.domain for op, _ in running["Conv"]} == {"com.microsoft.nchwc"}


@pytest.mark.parametrize("level", ["EXTENDED", "ALL"])
def test_an_optimized_transformer_keeps_its_macs(level, tmp_path):
    macs, types, _ = counted(networks.optimized(networks.transformer(tmp_path / "m.onnx"), level))
    assert macs == TRANSFORMER
    assert {"SkipLayerNormalization", "FusedMatMul", "Gelu"} <= types


def test_dynamic_quantization_and_its_fusions_keep_the_macs(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    path = networks.dynamic(networks.transformer(tmp_path / "m.onnx"))
    macs, types, running = counted(path)
    assert macs == TRANSFORMER
    assert {"MatMulInteger", "DynamicQuantizeLinear"} <= types
    assert all(cost.compute_type.bits == 8 for _, cost in running["MatMulInteger"])
    macs, types, running = counted(networks.optimized(path, "ALL"))
    assert macs == TRANSFORMER
    assert {"MatMulIntegerToFloat", "DynamicQuantizeMatMul"} <= types
    # A is of floats, quantized on the way: the product is one of B's integers.
    assert all(cost.compute_type.bits == 8 for _, cost in running["DynamicQuantizeMatMul"])


@pytest.mark.exam
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("level", ["", "EXTENDED", "ALL"])
def test_static_quantization_and_its_fusions_keep_the_macs(form, level, tmp_path):
    for network, expected in ((networks.convolutional, CONVOLUTIONS), (networks.transformer, TRANSFORMER)):
        path = networks.static(network(tmp_path / f"{network.__name__}.onnx"), form)
        macs, types, _ = counted(networks.optimized(path, level) if level else path)
        assert macs == expected
        assert form == "QDQ" or any(op_type.startswith("QLinear") for op_type in types)


@pytest.mark.exam
def test_convolutions_quantized_on_the_fly_keep_the_macs(tmp_path):
    path = networks.dynamic(networks.convolutional(tmp_path / "m.onnx"))
    for variant in (path, networks.optimized(path, "EXTENDED")):
        macs, types, _ = counted(variant)
        assert macs == CONVOLUTIONS
        assert "ConvInteger" in types


@pytest.mark.exam
def test_weights_packed_to_four_bits_keep_the_macs_and_are_dequantized(tmp_path):
    pytest.importorskip("onnx_ir", reason="the runtime's 4-bit quantizer needs it; the `models` extra has it")
    path = networks.few_bits(networks.transformer(tmp_path / "m.onnx"))
    for variant in (path, networks.optimized(path, "ALL")):
        macs, _, running = counted(variant)
        assert macs == TRANSFORMER
        products = running["MatMulNBits"]
        # each weight once: four of 32 x 32, two of 32 x 128; and 12 results a column where a bias is fused
        biases = sum(12 * op.attributes.integer("N") for op, _ in products if len(op.inputs) > 5 and op.inputs[5])
        assert sum(cost.work.vector_ops for _, cost in products if cost.work) == 4 * 1024 + 2 * 4096 + biases
        assert {cost.compute_type for _, cost in products} == {DType.FLOAT}


# The runtime's tool writes dequantized weights of 4 bits only.
PACKED = [(bits, is_symmetric, "QOperator") for bits in (2, 4, 8) for is_symmetric in (True, False)]
PACKED += [(4, True, "QDQ"), (4, False, "QDQ")]


@pytest.mark.exam
@pytest.mark.parametrize(("bits", "is_symmetric", "form"), PACKED)
def test_weights_of_a_few_bits_are_read_as_they_are_packed(bits, is_symmetric, form, tmp_path):
    pytest.importorskip("onnx_ir", reason="the runtime's quantizer of weights needs it; the `models` extra has it")
    original = networks.transformer(tmp_path / "m.onnx")
    path = networks.few_bits(original, bits, is_symmetric=is_symmetric, form=form)
    macs, _, running = counted(path)
    assert macs == TRANSFORMER
    assert {cost.compute_type for name in ("MatMul", "MatMulNBits") for _, cost in running.get(name, [])} == {
        DType.FLOAT
    }
    matrices = [(32, 32)] * 4 + [(32, 128), (128, 32)]  # depth, columns
    weights = sum(depth * columns for depth, columns in matrices)
    # one scale of 4 bytes for 16 weights; zero points of a column fill bytes
    packed = weights * bits // 8 + 4 * weights // 16
    if not is_symmetric:
        packed += sum(columns * -(-depth // 16 * bits // 8) for depth, columns in matrices)
    # a product for each weight, beside what the original does
    assert read_weights(path) - read_weights(original) == packed - 4 * weights
    assert vector_ops(path) - vector_ops(original) == weights


def read_weights(path: Path) -> int:
    return sum(cost_table(load(path)).weight_reads)


def vector_ops(path: Path) -> float:
    return float(np.sum(cost_table(load(path)).vector_ops))


@pytest.mark.exam
@pytest.mark.parametrize(
    ("weights", "activations", "dtype"),
    [
        ("QFLOAT8E4M3FN", "QFLOAT8E4M3FN", DType.FLOAT8E4M3FN),
        ("QInt4", "QUInt8", DType.UINT8),
        ("QInt8", "QUInt16", DType.UINT16),
    ],
)
def test_pairs_of_other_types_keep_the_macs(weights, activations, dtype, tmp_path):
    """The tool has no operators of these types, and fails over floats of 8 bits for a network with constants.

    Those it does not put around a MaxPool, which then runs on floats between a dequantize and a quantize.
    """
    path = networks.static(
        networks.convolutional(tmp_path / "c.onnx"), "QDQ", weights=weights, activations=activations
    )  # fmt: skip
    macs, _, running = counted(path)
    assert macs == CONVOLUTIONS
    assert {cost.compute_type for name in ("Conv", "Gemm") for _, cost in running[name]} == {dtype}
    is_float = dtype is DType.FLOAT8E4M3FN
    assert len(running["QuantizeLinear"]) == 1 + is_float
    assert (running["MaxPool"][0][1].compute_type is DType.FLOAT) is is_float
    if not is_float:
        path = networks.static(
            networks.transformer(tmp_path / "t.onnx"), "QDQ", weights=weights, activations=activations
        )  # fmt: skip
        assert counted(path)[0] == TRANSFORMER


@pytest.mark.exam
def test_channels_that_do_not_fill_a_block_count_as_they_are_stored(tmp_path):
    # 24 channels are three blocks of 8, or two of 16 of which the last is half empty
    original = counted(networks.convolutional(tmp_path / "m.onnx", channels=24))[0]
    macs, _, running = counted(networks.optimized(tmp_path / "m.onnx", "ALL"))
    stored = {op.name: cost for op, cost in running["Conv"]}
    assert len(stored) == 4
    assert original <= macs <= original * (32 / 24) ** 2
