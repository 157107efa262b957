"""A run of a model shows the sizes that its graph does not tell."""

import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxroof.errors import ModelError
from onnxroof.frontend.read import strip_model
from onnxroof.frontend.runnable import runnable
from onnxroof.measure.shapes import observe
from onnxroof.study.count import counted
from onnxroof.study.load import load

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'


def model(folder, text):
    path = folder / "model.onnx"
    path.write_bytes(onnx.parser.parse_model(HEAD + text).SerializeToString())
    return path


def dims(workload):
    return {dim.name: (dim.value, dim.source) for dim in workload.dims}


def test_a_size_that_depends_on_data_is_that_of_the_run(tmp_path):
    # three of the five values of the mask are not zero, but they hang on an input of ones
    path = model(
        tmp_path,
        """g (bool[5] x) => (int64[1, n] y) {
            m = Constant<value = bool[5] {1, 0, 1, 0, 1}>()
            both = And(x, m)
            y = NonZero(both)
        }""",
    )
    assert load(path).tensors["y"].shape == (1, 5)  # the upper bound
    found = load(path, shapes_from_run=True)
    assert found.tensors["y"].shape == (1, 3)
    assert [note for note in found.notes if "NonZero" in note] == []  # no bound is left to tell of


def test_trips_of_a_loop_are_those_of_the_run(tmp_path):
    # it doubles 1 until it is above 100: 2, 4 ... 128 in seven trips
    path = model(
        tmp_path,
        """g (bool go) => (float y, float[n, 3] rows) {
            start = Constant<value = float {1.0}>()
            most = Constant<value_int=1000>()
            y, rows = Loop(most, go, start) <body = body (int64 i, bool c, float before)
                => (bool more, float after, float[3] row) {
                two = Constant<value = float {2.0}>()
                limit = Constant<value = float {100.0}>()
                after = Mul(before, two)
                more = Less(after, limit)
                three = Constant<value_ints=[3]>()
                row = Expand(after, three)
            }>
        }""",
    )
    assert load(path).tensors["rows"].shape == (1000, 3)
    found = load(path, shapes_from_run=True)
    assert found.tensors["rows"].shape == (7, 3)
    (doubled,) = [op for op in found.ops if op.op_type == "Mul"]
    assert doubled.repeat == 7


LIMITED = """g (int64 steps, float[3] x) => (float[3] y, int64[n] r) {
    y = Loop(steps, , x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] e, float[3] s) {
        d = Identity(c)
        e = Add(a, a)
        s = Neg(a)
    }>
    z = Constant<value_int=0>()
    o = Constant<value_int=1>()
    r = Range(z, steps, o)
}"""


def test_sizes_of_a_run_are_named_and_those_that_are_given_are_fed(tmp_path):
    path = model(tmp_path, LIMITED)
    # nothing is given: what is fed is the default of the trips, and the length of the range follows from it
    assert dims(load(path, shapes_from_run=True)) == {"Loop_0.trips": (1, "run"), "Range_3.extent0": (1, "run")}
    found = load(path, dims={"Loop_0.trips": 6}, shapes_from_run=True)
    assert dims(found) == {"Loop_0.trips": (6, "given"), "Range_3.extent0": (6, "run")}
    assert [op.repeat for op in found.ops if op.op_type == "Add"] == [6]
    assert found.tensors["r"].shape == (6,)


def test_a_size_that_is_given_and_not_that_of_the_run_is_a_contradiction(tmp_path):
    path = model(tmp_path, LIMITED)
    with pytest.raises(ModelError, match=r"-d Range_3.extent0=9` is given, and in the run it is 6") as caught:
        load(path, dims={"Loop_0.trips": 6, "Range_3.extent0": 9}, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "M405"


@pytest.mark.parametrize("outputs", ["y", ", r", ", "], ids=["first", "second", "none"])
def test_trips_of_a_loop_whose_results_are_not_all_wanted(tmp_path, outputs):
    path = model(tmp_path, LIMITED.replace("y = Loop", f"{outputs} = Loop").replace("r = Range", "k = Range"))
    text = onnx.ModelProto.FromString(path.read_bytes())
    del text.graph.output[:]
    wanted = outputs.strip(", ") or "k"
    text.graph.output.append(helper.make_empty_tensor_value_info(wanted))
    path.write_bytes(text.SerializeToString())
    found = load(path, dims={"Loop_0.trips": 4}, shapes_from_run=True)
    # both r, a row of 3 for each trip, and k are as long as there are trips
    assert found.tensors[wanted].shape == {"y": (3,), "r": (4, 3), "k": (4,)}[wanted]


def test_a_loop_without_end_is_given_up(tmp_path):
    path = model(
        tmp_path,
        """g (float[64] x) => (float[64] y) {
            t = Constant<value = bool {1}>()
            y = Loop(, t, x) <body = b (int64 i, bool c, float[64] a) => (bool d, float[64] e) {
                d = Identity(c)
                e = Neg(a)
            }>
        }""",
    )
    with pytest.raises(ModelError, match="no end within 3 s") as caught:
        observe(runnable(path, load(path)), longest_s=3)
    assert caught.value.diagnostics[0].code == "M403"


def test_a_process_that_dies_is_an_error_of_the_model(tmp_path, monkeypatch):
    path = model(tmp_path, "g (float[4] x) => (float[4] y) { y = Relu(x) }")
    run = runnable(path, load(path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ModelError, match="breaks down") as caught:
        observe(run)
    assert caught.value.diagnostics[0].code == "M403"


def test_the_branch_is_that_of_the_run(tmp_path):
    path = model(
        tmp_path,
        """g (bool x, float[4, 8] a, float[8, 8] w) => (float[4, 8] y) {
            n = Not(x)
            y = If(n) <
                then_branch = heavy () => (float[4, 8] p) { p = MatMul(a, w) },
                else_branch = light () => (float[4, 8] q) { q = Relu(a) }
            >
        }""",
    )
    assert "MatMul" in {op.op_type for op in load(path).ops}  # the heavier one where nobody knows
    assert {op.op_type for op in load(path, shapes_from_run=True).ops} == {"Not", "If", "Relu"}


def test_ids_are_below_the_rows_of_their_table_and_absent_weights_are_made_up(tmp_path):
    table = numpy_helper.from_array(np.ones((7, 512), np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Cast", ["ids"], ["long"], to=7), helper.make_node("Gather", ["table", "long"], ["y"])],
        "g",
        [helper.make_tensor_value_info("ids", 6, ["n"])],
        [helper.make_tensor_value_info("y", 1, None)],
        [table],
    )
    whole, bare = tmp_path / "whole.onnx", tmp_path / "bare.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(whole))
    strip_model(whole, bare)
    for path in (whole, bare):
        found = load(path, dims={"n": 40}, shapes_from_run=True)
        assert found.tensors["y"].shape == (40, 512)
        (note,) = [note for note in found.notes if "one run" in note]
        assert ("1 made-up weights" in note) == (path == bare)


def test_weights_in_a_file_beside_the_model_are_read(tmp_path):
    # the shape is a weight: only its values tell the extents of the result
    shape = numpy_helper.from_array(np.array([3] + [1] * 299, np.int64), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["shape"], ["n"], keepdims=0),
            helper.make_node("Range", ["z", "n", "o"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info(name, 7, []) for name in "zo"],
        [helper.make_tensor_value_info("y", 7, None)],
        [shape],
    )
    path = tmp_path / "model.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, str(path), save_as_external_data=True, location="w.bin", size_threshold=0)
    assert load(path, shapes_from_run=True).tensors["y"].shape == (301,)  # from 1 to 3 + 299 x 1: z and o are 1
    graph.node.insert(0, helper.make_node("Constant", [], ["first"], value_int=0))
    graph.node.insert(0, helper.make_node("Constant", [], ["step"], value_int=1))
    graph.node[-1].input[:] = ["first", "n", "step"]
    del graph.input[:]
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, str(path), save_as_external_data=True, location="v.bin", size_threshold=0)
    assert load(path, shapes_from_run=True).tensors["y"].shape == (302,)  # 3 + 299 x 1


def test_what_cannot_run_is_refused_with_its_reason(tmp_path):
    odd = model(tmp_path, "g (float[4] x) => (float[4] y) { y = Relu(x) }")
    text = odd.read_bytes()
    broken = onnx.ModelProto.FromString(text)
    broken.graph.node[0].domain = "odd"
    broken.opset_import.append(helper.make_opsetid("odd", 1))
    odd.write_bytes(broken.SerializeToString())
    with pytest.raises(ModelError, match="ONNX Runtime does not run this model") as caught:
        load(odd, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "M403"


def test_a_model_that_would_fill_the_machine_is_refused_before_it_is_read(tmp_path):
    path = model(tmp_path, "g (float[N, 1024] x) => (float[N, 1024] y) { y = Relu(x) }")
    with pytest.raises(ModelError, match="more than") as caught:
        load(path, dims={"N": 10**6}, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "M402"


def test_an_input_that_is_no_tensor_is_refused(tmp_path):
    path = model(tmp_path, "g (seq(float[2]) s) => (float[n] y) { y = ConcatFromSequence<axis=0>(s) }")
    with pytest.raises(ModelError, match="needs a tensor") as caught:
        load(path, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "M401"


def test_counts_of_a_run_are_of_its_sizes(tmp_path):
    path = model(
        tmp_path,
        """g (bool[6] x, float[6, 4] a) => (float[n, 4] y) {
            m = Constant<value = bool[6] {1, 0, 0, 0, 0, 1}>()
            keep = And(x, m)
            some = Compress<axis=0>(a, keep)
            y = Exp(some)
        }""",
    )
    found = load(path, shapes_from_run=True)
    special = {
        op.op_type: cost.work.special_ops for op, cost in zip(found.ops, counted(found).costs.costs, strict=True)
    }
    assert special["Exp"] == 2 * 4  # two rows are kept


def test_bodies_and_functions_are_looked_into(tmp_path):
    # The inner loop runs until 1 doubled is above 10: 2, 4, 8, 16 in four trips; both loops and both calls have one
    # name, and of the If inside, the light branch runs.
    path = tmp_path / "model.onnx"
    text = """<ir_version: 10, opset_import: ["" : 17, "f" : 1]>
    g (float[5] x) => (float[5] y, float[5] z) {
        three = Constant<value_int=3>()
        [same] y = Loop(three, , x) <body = b (int64 i, bool go, float[5] a) => (bool d, float[5] e) {
            d = Identity(go)
            start = Constant<value = float {1.0}>()
            most = Constant<value_int=1000>()
            [same] t = Loop(most, , start) <body = c (int64 j, bool c0, float before) => (bool more, float after) {
                two = Constant<value = float {2.0}>()
                ten = Constant<value = float {10.0}>()
                after = Mul(before, two)
                more = Less(after, ten)
            }>
            u = Greater(t, most2)
            e = If(u) <
                then_branch = heavy () => (float[5] p) { q = Exp(a) p = Exp(q) },
                else_branch = light () => (float[5] r) { r = Neg(a) }
            >
        }>
        most2 = Constant<value = float {100.0}>()
        [same] z = f.fn(x)
    }
    <domain: "f", opset_import: ["" : 17]>
    fn (a) => (b) {
        m = Constant<value = bool[5] {1, 0, 1, 0, 1}>()
        some = Compress<axis=0>(a, m)
        more = Exp(some)
        s = ReduceSum<keepdims=0>(more)
        b = Add(a, s)
    }"""
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    guessed, found = load(path), load(path, shapes_from_run=True)
    assert [op.repeat for op in guessed.ops if op.op_type == "Mul"] == [3 * 1000]
    assert [op.repeat for op in found.ops if op.op_type == "Mul"] == [3 * 4]
    assert "Exp" in {op.op_type for op in guessed.ops if op.scope.startswith("same/body")}
    assert {op.op_type for op in found.ops if op.scope.endswith("else_branch")} == {"Neg"}
    (some,) = [op for op in found.ops if op.op_type == "Compress"]
    assert found.tensors[some.outputs[0]].shape == (3,)
    assert not any("upper bound" in note or "inferred" in note for note in found.notes)


def test_sizes_that_differ_from_trip_to_trip_stay_inferred_and_that_is_said(tmp_path):
    path = model(
        tmp_path,
        """g (float[5] x) => (float[n] y) {
            three = Constant<value_int=3>()
            y = Loop(three, , x) <body = b (int64 i, bool go, float[p] a) => (bool d, float[q] e) {
                d = Identity(go)
                e = Concat<axis=0>(a, x)
            }>
        }""",
    )
    found = load(path, shapes_from_run=True)
    assert found.tensors["y"].shape == (20,)
    (joined,) = [op for op in found.ops if op.op_type == "Concat"]
    assert found.tensors[joined.outputs[0]].shape == (15,)  # 10, 15 and 20
    assert any("differ from trip to trip stay as inferred" in note for note in found.notes)


def test_the_dimensions_are_those_of_the_run(tmp_path):
    # 28 x 28 elements are wanted: a side of 224 contradicts them, and sizes of a run hide that
    path = model(
        tmp_path,
        """g (float[1, 3, 28, W] x) => (float[1, 2352] y) {
            s = Constant<value_ints=[1, 2352]>()
            r = Relu(x)
            y = Reshape(r, s)
        }""",
    )
    for found in (load(path), load(path, shapes_from_run=True)):
        assert found.tensors["x"].shape == (1, 3, 28, 28)
        assert {name: value for name, (value, _) in dims(found).items()} == {"W": 28}
