"""Counts of a model as they are handed out: nodes, totals, coverage, parameters."""

from __future__ import annotations

import pytest
from oracles.tiny import study, workload

from onnxroof.ir.op import OpKind
from onnxroof.study.count import counted, model_result

# 8 x 64 by 64 x 32: 16,384 MACs; 256 results.
LINEAR = """g (float[8,64] x) => (float[8,32] y) <float[64,32] w, float[32] b>
    { m = MatMul(x, w) a = Add(m, b) y = Sigmoid(a) }"""


def test_nodes_in_order_with_their_counts() -> None:
    result = study(LINEAR)
    rows = [
        (n.name, n.kind, n.macs, n.vector_ops, n.special_ops, n.read_bytes, n.weight_bytes, n.write_bytes)
        for n in result.nodes
    ]
    assert rows == [
        ("MatMul_0", OpKind.COMPUTE, 16_384, 0, 0, 2_048 + 8_192, 8_192, 1_024),
        ("Add_1", OpKind.COMPUTE, 0, 256, 0, 1_024 + 128, 128, 1_024),
        ("Sigmoid_2", OpKind.COMPUTE, 0, 512, 512, 1_024, 0, 1_024),
    ]
    assert [node.compute_type for node in result.nodes] == ["FLOAT"] * 3
    (output,) = result.nodes[0].outputs
    assert (output.name, output.dtype, output.shape) == ("m", "FLOAT", (8, 32))


def test_totals_parameters_and_peak() -> None:
    result = study(LINEAR)
    totals = result.totals
    assert (totals.macs, totals.vector_ops, totals.special_ops) == (16_384, 768, 512)
    assert (totals.read_bytes, totals.weight_bytes, totals.write_bytes) == (12_416, 8_320, 3_072)
    assert (result.parameter_count, result.parameter_bytes) == (2_080, 8_320)
    assert result.peak_activation_bytes == 2_048 + 1_024  # x and m
    assert (result.coverage, result.nodes_total, result.nodes_costed, result.nodes_shaped) == (1.0, 3, 3, 3)
    assert (result.unresolved, result.not_modelled, result.targets, result.notes) == ((), (), (), ())


def test_the_file_speaks_for_itself() -> None:
    result = study(
        """<ir_version: 9, opset_import: ["" : 19, "my.domain" : 3], producer_name: "exporter", producer_version: "2.1">
        g (float[N] x) => (float[N] y) { y = Relu(x) }"""
    )
    assert (result.name, result.producer, result.ir_version) == ("tiny.onnx", "exporter 2.1", 9)
    assert result.opsets == {"": 19, "my.domain": 3}
    assert [(dim.name, dim.value, dim.source) for dim in result.dims] == [("N", 1, "default")]


def test_operators_that_are_not_modelled_for_a_stated_reason_are_known() -> None:
    result = study("g (string[4] x) => (string[4] y) { y = StringNormalizer(x) }")
    (entry,) = result.not_modelled
    assert (entry.op_type, result.unresolved, result.coverage) == ("StringNormalizer", (), 1.0)
    assert entry.reason


def test_coverage_counts_every_node() -> None:
    result = study(
        """g (float[8] x) => (float[8] y) <float[8] q> {
        k = Constant <value_float = 1.0> () a = Add(x, k) q = my.domain.Foo(a) i = Identity(q) y = Relu(i) }"""
    )
    assert (result.nodes_total, result.nodes_costed) == (5, 4)
    assert result.coverage == pytest.approx(0.8)


def test_a_model_without_nodes_is_covered() -> None:
    result = study("g (float[8] x) => (float[8] x) { }")
    assert (result.nodes_total, result.coverage, result.totals.macs) == (0, 1.0, 0)


def test_an_integer_output_of_a_known_rank_alone_is_told_as_far_as_it_goes() -> None:
    result = study("g (float[8] x) => (int64[1,M] y) { y = NonZero(x) }")
    (output,) = result.nodes[0].outputs
    assert output.dtype == "INT64"
    assert output.shape is not None
    assert output.shape[0] == 1


def test_counts_beyond_32_bits_are_exact() -> None:
    result = study("g (float[N,65537] x) => (float[N,65537] y) { y = Relu(x) }", dims={"N": 65_539})
    assert result.totals.vector_ops == 65_539 * 65_537
    assert result.totals.read_bytes == 65_539 * 65_537 * 4


def test_a_cache_is_copied_where_that_is_said() -> None:
    model = workload(
        """g (float[64,64] past, float[1,64] x) => (float[65,64] present)
        { k = Exp(x) present = Concat <axis = 0> (past, k) }"""
    )
    row = 256
    appended, copied = (model_result(counted(model, copies_cache=copies)).nodes[1] for copies in (False, True))
    assert (appended.read_bytes, appended.write_bytes) == (row, row)
    assert (copied.read_bytes, copied.write_bytes) == (65 * row, 65 * row)


def test_what_a_tensor_without_a_type_takes_is_unknown() -> None:
    result = study("g (float[8] x) => (y) { q = my.domain.Foo(x) y = my.domain.Bar(q) }")
    assert [(node.read_bytes, node.write_bytes) for node in result.nodes] == [(None, None)] * 2
    assert result.totals.read_bytes is None
    assert result.parameter_count == 0
