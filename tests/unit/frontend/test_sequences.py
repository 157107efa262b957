"""Sequences of tensors: how many, of what shapes, and what is made of them, as ONNX Runtime makes it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from oracles.ort_shapes import loaded

from onnxroof.study.load import load

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'

# Bodies of a graph `(float[2, 6] x, float[3, 6] z) => (float y)`: what they make of the sequence is y.
BODIES = {
    "construct and concatenate": "s = SequenceConstruct(x, z, x)\n y = ConcatFromSequence<axis=0>(s)",
    "construct and stack": "s = SequenceConstruct(x, x)\n y = ConcatFromSequence<axis=-1, new_axis=1>(s)",
    "insert at the end": "e = SequenceEmpty()\n a = SequenceInsert(e, x)\n s = SequenceInsert(a, z)\n"
    "y = ConcatFromSequence<axis=0>(s)",
    "insert in front, take the first": "zero = Constant<value_int=0>()\n a = SequenceConstruct(x)\n"
    "s = SequenceInsert(a, z, zero)\n y = SequenceAt(s, zero)",
    "insert before the last": "last = Constant<value_int=-1>()\n a = SequenceConstruct(x, x)\n"
    "s = SequenceInsert(a, z, last)\n one = Constant<value_int=1>()\n y = SequenceAt(s, one)",
    "erase the first": "zero = Constant<value_int=0>()\n a = SequenceConstruct(z, x, x)\n s = SequenceErase(a, zero)\n"
    "y = ConcatFromSequence<axis=0>(s)",
    "erase the last": "a = SequenceConstruct(x, x, z)\n s = SequenceErase(a)\n y = ConcatFromSequence<axis=0>(s)",
    "split into ones": "s = SplitToSequence<axis=1, keepdims=0>(x)\n y = ConcatFromSequence<axis=0, new_axis=1>(s)",
    "split in chunks": "four = Constant<value_int=4>()\n s = SplitToSequence<axis=1>(x, four)\n"
    "last = Constant<value_int=1>()\n y = SequenceAt(s, last)",
    "split as told": "parts = Constant<value_ints=[1, 5]>()\n s = SplitToSequence<axis=1>(x, parts)\n"
    "one = Constant<value_int=1>()\n y = SequenceAt(s, one)",
    "any of equals": "n = Shape(z)\n a = ReduceMax<keepdims=0>(n)\n s = SequenceConstruct(x, x, x, x, x, x, x)\n"
    "y = SequenceAt(s, a)",
    "length of one": "s = SequenceConstruct(x, z)\n n = SequenceLength(s)\n one = Constant<value_ints=[1]>()\n"
    "m = Reshape(n, one)\n y = ConstantOfShape(m)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_shapes_are_those_of_a_run(body, tmp_path):
    model = onnx.parser.parse_model(f"{HEAD} g (float[2, 6] x, float[3, 6] z) => (float[1] y) {{ {body} }}")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {i.name: np.ones(i.shape, np.float32) for i in session.get_inputs()})
    assert load(path).tensors["y"].shape == found.shape


def test_a_loop_that_appends_makes_a_sequence_as_long_as_its_trips(tmp_path):
    text = (
        HEAD
        + """g (float[1, 4] x) => (float[a, b] y) {
            trips = Constant<value_int=5>()
            go = Constant<value = bool {1}>()
            none = SequenceEmpty()
            s = Loop(trips, go, none) <body = body (int64 i, bool c, seq(float) before)
                => (bool d, seq(float) after) {
                d = Identity(c)
                new = Relu(x)
                after = SequenceInsert(before, new)
            }>
            y = ConcatFromSequence<axis=0>(s)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape == (5, 4)
    assert [op.repeat for op in workload.ops if op.op_type == "Relu"] == [5]


def test_a_sequence_of_unlike_tensors_whose_order_is_not_known_is_not_guessed(tmp_path):
    text = (
        HEAD
        + """g (float[2, 6] x, float[3, 6] z, int64 i) => (float[a, b] y) {
            s = SequenceConstruct(x, z)
            y = SequenceAt(s, i)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape != (2, 6)
    assert {dim.name: dim.source for dim in workload.dims}.get("SequenceAt_1.extent0") == "default"
