"""The table of a workload's costs: memoised by structure, parallel to its operators."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import Coverage
from onnxroof.costs.registry import standard_registry
from onnxroof.costs.table import cost_table, op_cost
from onnxroof.dtypes import DType
from onnxroof.ir.tensor import TensorKind
from tests.oracles.build import T, make_op, workload
from tests.oracles.rule_cases import CASES

WEIGHT = TensorKind.WEIGHT


def test_a_table_says_what_each_operator_says_alone():
    built = [
        make_op(c.op_type, c.inputs, c.outputs, c.attributes, domain=c.domain, version=c.version, name=f"n{i}.{j}")
        for i in range(2)
        for j, c in enumerate(CASES)
    ]
    graph = workload(*built)
    table = cost_table(graph)
    registry = standard_registry()
    for op, found in zip(graph.ops, table.costs, strict=True):
        alone = op_cost(op, graph.tensors, registry)
        for each in dataclasses.fields(alone):
            assert getattr(found, each.name) == getattr(alone, each.name), (op.op_type, each.name)
        assert table.by_name[op.name] is found


def test_equal_nests_are_one_object_over_tables():
    def nest(kind):
        graph = workload(make_op("Gemm", [T((4, 3), kind=kind), (3, 5), (5,)], [(4, 5)], name="a"))
        return cost_table(graph).costs[0].nest

    # An input and a weight are told apart by rules, but walked alike.
    assert nest(TensorKind.INPUT) is nest(WEIGHT) is not None


def test_columns_are_the_costs():
    graph = workload(
        make_op("Gemm", [(4, 3), T((3, 5), kind=WEIGHT), T((5,), kind=WEIGHT)], [(4, 5)], name="a"),
        make_op("Exp", [(6,)], [(6,)], name="b"),
        make_op("Nothing", [(6,)], [(6,)], name="c"),
    )
    table = cost_table(graph)
    np.testing.assert_array_equal(table.macs, [60, 0, np.nan])
    np.testing.assert_array_equal(table.vector_ops, [20, 0, np.nan])
    np.testing.assert_array_equal(table.special_ops, [0, 6, np.nan])
    np.testing.assert_array_equal(table.read_bytes, [48 + 60 + 20, 24, 24])
    np.testing.assert_array_equal(table.weight_bytes, [80, 0, 0])
    np.testing.assert_array_equal(table.write_bytes, [80, 24, 24])
    assert all(column.dtype == np.float64 for column in (table.macs, table.weight_bytes))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # equal in all but one thing that the cost depends on
        (("Add", [(4,), (4,)], [(4,)]), ("Add", [T((4,), name="x"), T((4,), name="x")], [(4,)])),
        (("Relu", [(4,)], [(4,)]), ("Relu", [T((4,), DType.FLOAT16)], [(4,)])),
        (("Softmax", [(2, 3)], [(2, 3)], {"axis": 0}), ("Softmax", [(2, 3)], [(2, 3)], {"axis": 1})),
        (
            ("NonMaxSuppression", [(1, 8, 4), (1, 2, 8), T((), value=5)], [(3, 3)]),
            ("NonMaxSuppression", [(1, 8, 4), (1, 2, 8), T((), value=6)], [(3, 3)]),
        ),
        (("Clip", [(4,), (), None], [(4,)]), ("Clip", [(4,), None, ()], [(4,)])),
    ],
)
def test_unlike_operators_do_not_share_a_cost(first, second):
    graph = workload(make_op(*first, name="a"), make_op(*second, name="b"))
    table = cost_table(graph)
    registry = standard_registry()
    for op, found in zip(graph.ops, table.costs, strict=True):
        alone = op_cost(op, graph.tensors, registry)
        assert (found.work, found.reads, found.nest) == (alone.work, alone.reads, alone.nest)


def test_parameters_and_conversion_ops_are_added_to_any_operator():
    scale = make_op("Relu", [T((3,), name="scale", kind=WEIGHT)], [None])[1]
    plain, tensors = make_op("Relu", [T((6,), DType.INT8)], [T((6,), DType.INT8)], name="a")
    scaled, more = make_op(
        "Relu", [T((6,), DType.INT8)], [T((6,), DType.INT8)], name="b", parameters=("scale",), conversion_ops=6
    )
    table = cost_table(workload((plain, tensors), (scaled, {**more, **scale})))
    assert table.read_bytes.tolist() == [6.0, 6.0 + 12.0]
    assert table.weight_bytes.tolist() == [0.0, 12.0]
    assert table.vector_ops.tolist() == [6.0, 12.0]


def test_shapes_that_elementwise_operators_imply_are_filled_in():
    table = cost_table(
        workload(
            make_op("Exp", [T(None)], [(4, 5)], name="a"),
            make_op("Add", [(4, 1), (5,)], [T((None, None))], name="b"),
            make_op("Add", [T(None), (5,)], [(4, 5)], name="c"),
        )
    )
    np.testing.assert_array_equal(table.special_ops, [20, 0, np.nan])
    np.testing.assert_array_equal(table.vector_ops, [0, 20, np.nan])
    np.testing.assert_array_equal(table.read_bytes, [80, 36, 20])
    assert "`c.i0`" in table.costs[2].reason


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(2, 4))
def test_work_and_bytes_scale_with_the_batch(rows, depth, columns, factor):
    def table(batch: int):
        return cost_table(
            workload(make_op("MatMul", [(batch, rows, depth), (depth, columns)], [(batch, rows, columns)]))
        )

    assert table(factor).macs[0] == factor * table(1).macs[0]
    assert table(factor).write_bytes[0] == factor * table(1).write_bytes[0]
    assert table(factor).read_bytes[0] < factor * table(1).read_bytes[0]  # the weights are read once


def test_ten_thousand_operators_of_a_decoder_are_costed_at_once():
    """A long chain of equal blocks: structure is looked up, not computed again. The bound is generous."""
    built = []
    for i in range(1000):
        weight = T((64, 64), kind=WEIGHT, name=f"w{i}")
        state = T((1, 16, 64), name=f"x{i}")
        built += [
            make_op("RMSNormalization", [state, T((64,), kind=WEIGHT, name=f"s{i}")], [state], name=f"norm{i}"),
            make_op("MatMul", [state, weight], [state], name=f"q{i}"),
            make_op("MatMul", [state, weight], [state], name=f"k{i}"),
            make_op("Reshape", [state, T((3,), DType.INT64)], [(16, 64)], name=f"r{i}"),
            make_op("Transpose", [(16, 64)], [(64, 16)], name=f"t{i}"),
            make_op("MatMul", [(16, 64), (64, 16)], [(16, 16)], name=f"s{i}"),
            make_op("Softmax", [(16, 16)], [(16, 16)], name=f"p{i}"),
            make_op("MatMul", [(16, 16), (16, 64)], [(16, 64)], name=f"v{i}"),
            make_op("Add", [state, state], [state], name=f"a{i}"),
            make_op("Swish", [state], [state], name=f"m{i}"),
        ]
    graph = workload(*built)
    standard_registry()
    start = time.process_time()
    table = cost_table(graph)
    elapsed_s = time.process_time() - start
    print(f"{elapsed_s:.3f} s")
    assert len(table.costs) == 10_000
    assert len({id(c.nest) for c in table.costs if c.nest}) <= 10
    assert elapsed_s < 3.0


def test_a_tensor_of_unknown_type_has_no_known_bytes():
    table = cost_table(workload(make_op("Cast", [(6,)], [T((6,), DType.UNDEFINED)], {"to": 1}, name="c")))
    assert table.costs[0].coverage is Coverage.UNKNOWN
    assert "type" in table.costs[0].reason
    np.testing.assert_array_equal(table.vector_ops, [np.nan])


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes"),
    [
        ("Transpose", [(2, 3)], {"perm": [0, 5]}),
        ("Conv", [(1, 3), (4, 3, 3, 3)], {}),
    ],
)
def test_a_node_that_its_operator_cannot_have_is_unknown_and_the_reason_says_so(op_type, inputs, attributes):
    op, tensors = make_op(op_type, inputs, [(2, 3)], attributes)
    found = op_cost(op, tensors, standard_registry())
    assert found.work is None
    assert found.coverage is Coverage.UNKNOWN
    assert found.reason
