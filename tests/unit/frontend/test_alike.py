"""Is what is kept of nodes that are alike the same as what a walk from the start finds?"""

from pathlib import Path

import onnx
import pytest
from onnx import helper, parser
from oracles.tiny import saved

from onnxroof.study.load import load, loads

MODELS = Path(__file__).resolve().parents[3] / "models"


def seen(workload):
    """All that a workload says, as plain values."""
    ops = [
        (
            op.name, op.op_type, op.domain, op.version, op.inputs, op.outputs, dict(op.attributes.values), op.scope,
            op.repeat, op.disposition, op.parameters, op.compute_type, op.conversion_ops, op.is_at_most, op.position,
        )
        for op in workload.ops
    ]  # fmt: skip
    tensors = [
        (t.name, t.dtype, t.shape, t.kind, t.is_output, t.value, t.origin, t.is_at_most, t.scale)
        for t in workload.tensors.values()
    ]
    return ops, tensors, workload.dims, workload.inputs, workload.outputs, workload.notes


@pytest.mark.parametrize(
    ("stem", "name"), [("bert_base_fused", "sequence"), ("lstm_words", "sequence"), ("resnet18_int8_qdq", "batch")]
)
def test_walks_that_share_find_what_walks_alone_find(stem, name):
    path = MODELS / f"{stem}.onnx"
    shared = loads(path)
    for value in (3, 5, 3):
        assert seen(shared({name: value})) == seen(load(path, dims={name: value}))


LOOP = """
    g (float[n, 4] x) => (float[n, 4] y) <int64 trips = {3}, bool go = {1}> {
        y = Loop (trips, go, x) <body = b (int64 i, bool c, float[n, 4] s) => (bool c2, float[n, 4] s2) {
            c2 = Identity(c)
            t = Neg(s)
            s2 = Neg(t)
        }>
    }"""


def test_bodies_share_too(tmp_path):
    path = saved(tmp_path, LOOP)
    shared = loads(path)
    for value in (2, 7, 2):
        assert seen(shared({"n": value})) == seen(load(path, dims={"n": value}))


def test_sizes_that_are_named_after_a_node_are_its_own(tmp_path):
    text = """g (float[n] a, float[n] b, int64[1] s) => (float[p] y, float[q] z) {
        one = Expand(a, s)  two = Expand(a, s)  y = Neg(one)  z = Abs(two) }"""
    path = saved(tmp_path, text)
    workload = loads(path)({"n": 1})
    extents = [dim.name for dim in workload.dims if "extent" in dim.name]
    assert len(extents) == len(set(extents)) == 2
    assert seen(loads(path)({"n": 1, extents[0]: 5})) == seen(load(path, dims={"n": 1, extents[0]: 5}))


def test_shapes_that_the_file_declares_belong_to_their_values(tmp_path):
    graph = parser.parse_graph(
        """g (float[4] a) => (float[3] y, float[5] z) {
            y = my.domain.Mystery(a)  z = my.domain.Mystery(a) }"""
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("my.domain", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), tmp_path / "m.onnx")
    tensors = load(tmp_path / "m.onnx").tensors
    assert (tensors["y"].shape, tensors["z"].shape) == ((3,), (5,))


def test_a_weight_in_another_order_remembers_whose_elements_it_has(tmp_path):
    text = """g (float[n, 8] x) => (float[n, 4] y) <float[4, 8] v, float[4, 8] w> {
        vt = Transpose(v)  wt = Transpose(w)  a = MatMul(x, vt)  b = MatMul(x, wt)  y = Add(a, b) }"""
    tensors = load(saved(tmp_path, text)).tensors
    assert (tensors["vt"].origin, tensors["wt"].origin) == ("v", "w")
