"""If, Loop and Scan: shapes against runs of ONNX Runtime, trips, branches, names."""

import numpy as np
import pytest

from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from tests.oracles.ort_shapes import differences, loaded, saved

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'


def op(workload, op_type):
    (found,) = (o for o in workload.ops if o.op_type == op_type)
    return found


def agree(tmp_path, text, fixed=None, **dims):
    """The workload, after its shapes were found equal to those of a run."""
    path = saved(tmp_path, text)
    workload = loaded(tmp_path, text, **dims)
    found, compared = differences(path, workload, fixed)
    assert not found
    assert compared
    return workload


LOOP = """g (float[N, 4] x) => (float[a, b] last, float[c, d, e] all) <int64 trips = {TRIPS}, bool yes = {1}> {
    last, all = Loop(trips, yes, x) <body = loop (int64 i, bool go, float[p, q] h)
        => (bool go_on, float[r, s] next, float[t, u] out) {
        go_on = Identity(go)
        next = Add(h, x)
        out = Mul(next, next)
    }>
}"""


@pytest.mark.parametrize("trips", [1, 5, 12])
def test_a_loop_repeats_its_body_and_stacks_its_scan_outputs(trips, tmp_path):
    workload = agree(tmp_path, HEAD + LOOP.replace("TRIPS", str(trips)), N=3)
    assert workload.tensors["all"].shape == (trips, 3, 4)
    assert {o.op_type: o.repeat for o in workload.ops if not o.op_type.startswith("Loop")} == {
        "Identity": trips,
        "Add": trips,
        "Mul": trips,
    }
    assert [o.name for o in workload.ops if o.op_type == "Loop"] == ["Loop_0/enter", "Loop_0"]
    assert all(o.disposition is OpKind.VIEW for o in workload.ops if o.op_type == "Loop")
    assert op(workload, "Add").scope == "Loop_0/body"


def test_a_loop_without_a_trip_does_nothing_and_hands_on_what_it_got(tmp_path):
    # ONNX Runtime gives the named extents of an output without elements as 0; the elements agree
    workload = loaded(tmp_path, HEAD + LOOP.replace("TRIPS", "0"), N=3)
    found, _ = differences(saved(tmp_path, HEAD + LOOP.replace("TRIPS", "0")), workload)
    assert set(found) <= {"all"}
    assert workload.tensors["last"].shape == (3, 4)
    assert workload.tensors["all"].shape == (0, 3, 4)
    assert [o.op_type for o in workload.ops] == ["Loop"]
    assert any("no trip" in note for note in workload.notes)


def test_a_start_condition_that_is_false_means_no_trip(tmp_path):
    workload = loaded(tmp_path, HEAD + LOOP.replace("TRIPS", "4").replace("{1}", "{0}"), N=3)
    assert [o.op_type for o in workload.ops] == ["Loop"]


def test_a_condition_that_the_body_sets_to_false_ends_the_loop_after_one_trip(tmp_path):
    text = HEAD + LOOP.replace("TRIPS", "4").replace("go_on = Identity(go)", "go_on = Constant<value = bool {0}>()")
    workload = agree(tmp_path, text, N=3)
    assert op(workload, "Add").repeat == 1
    assert workload.tensors["all"].shape == (1, 3, 4)


def test_a_condition_that_depends_on_data_is_said(tmp_path):
    text = HEAD + LOOP.replace("TRIPS", "4").replace(
        "go_on = Identity(go)",
        "total = ReduceSum<keepdims=0>(h) \n limit = Constant<value_float=1e30>() \n go_on = Less(total, limit)",
    )
    workload = agree(tmp_path, text, N=3)
    assert any("may end it earlier" in note for note in workload.notes)


@pytest.mark.parametrize("given", [None, 7])
def test_an_unknown_number_of_trips_is_a_named_dimension(given, tmp_path):
    text = (
        HEAD
        + """g (float[N, 4] x, int64 n) => (float[a, b] y) <bool yes = {1}> {
            [decode] y = Loop(n, yes, x) <body = step (int64 i, bool go, float[p, q] h)
                => (bool go_on, float[r, s] next) {
                go_on = Identity(go)
                next = Relu(h)
            }>
        }"""
    )
    dims = {} if given is None else {"decode.trips": given}
    workload = load_workload(saved(tmp_path, text), dims, lambda ops, _: float(len(ops)))
    (trips,) = (d for d in workload.dims if d.name == "decode.trips")
    assert (trips.value, trips.source) == ((1, "default") if given is None else (7, "given"))
    assert op(workload, "Relu").repeat == trips.value


GROWING = """g (float[N, 1, 4] first, float[N, P, 4] past) => (float[a, b, c] y, float[d, e,
    f] t) <int64 trips = {9}, bool yes = {1}> {
    y, t = Loop(trips, yes, past, first) <body = step (int64 i, bool go, float[p, q, r] cache, float[s, u, v] token)
        => (bool go_on, float[w, z, k] longer, float[l, m, n] next) {
        go_on = Identity(go)
        longer = Concat<axis=1>(cache, token)
        next = Relu(token)
    }>
}"""


def test_a_growing_value_is_counted_at_its_mean_size(tmp_path):
    workload = agree(tmp_path, HEAD + GROWING, N=2, P=3)
    # after 9 trips 3 + 9 rows; the trips start with 3, 4 ... 11 rows: 7 in the mean
    assert workload.tensors["y"].shape == (2, 12, 4)
    assert workload.tensors[op(workload, "Concat").inputs[0]].shape == (2, 7, 4)
    assert any("grows" in note for note in workload.notes)
    assert len([o for o in workload.ops if o.op_type == "Concat"]) == 1


def test_a_value_that_finds_its_size_in_the_first_trip_does_not_grow(tmp_path):
    # a buffer that starts with 2 rows and always becomes 5 rows
    text = (
        HEAD
        + """g (float[2, 4] start, float[5, 4] x) => (float[a, b] y) <int64 trips = {6}, bool yes = {1},
            int64[1] rows = {5}> {
            y = Loop(trips, yes, start) <body = step (int64 i, bool go, float[p, q] h)
                => (bool go_on, float[r, s] next) {
                go_on = Identity(go)
                sum = ReduceSum<keepdims=1>(h)
                next = Add(sum, x)
            }>
        }"""
    )
    workload = agree(tmp_path, text)
    assert workload.tensors["y"].shape == (5, 4)
    assert workload.tensors[op(workload, "ReduceSum").inputs[0]].shape == (5, 4)
    assert not any("grows" in note for note in workload.notes)


def test_nested_loops_multiply_and_see_the_names_around_them(tmp_path):
    text = (
        HEAD
        + """g (float[N] x, float[N] k) => (float[a] y) <int64 three = {3}, int64 four = {4}, bool yes = {1}> {
            y = Loop(three, yes, x) <body = outer (int64 i, bool go, float[p] h) => (bool go_on, float[q] next) {
                go_on = Identity(go)
                shifted = Add(h, k)
                next = Loop(four, go, h) <body = inner (int64 j, bool c, float[r] v) => (bool c_on, float[s] w) {
                    c_on = Identity(c)
                    k2 = Mul(v, shifted)
                    w = Sub(k2, x)
                }>
            }>
        }"""
    )
    workload = agree(tmp_path, text, N=5)
    assert op(workload, "Add").repeat == 3
    assert op(workload, "Mul").repeat == op(workload, "Sub").repeat == 12
    assert op(workload, "Sub").inputs[1] == "x"
    assert op(workload, "Mul").scope == "Loop_0/body/Loop_2/body"


def test_a_name_of_the_body_hides_the_same_name_outside(tmp_path):
    # ONNX forbids this and files hold it: the inner `t` is the inner one
    text = (
        HEAD
        + """g (float[N] x) => (float[a] y, float[b] t) <int64 three = {3}, bool yes = {1}> {
            t = Neg(x)
            y = Loop(three, yes, x) <body = step (int64 i, bool go, float[p] h) => (bool go_on, float[q] t) {
                go_on = Identity(go)
                t = Relu(h)
            }>
        }"""
    )
    workload = loaded(tmp_path, text, N=5)
    assert op(workload, "Relu").outputs == ("Loop_1/body/t",)
    assert op(workload, "Neg").outputs == ("t",)


def test_a_value_outside_may_have_the_name_that_an_inner_one_would_get(tmp_path):
    text = (
        HEAD
        + """g (float[N] x) => (float[a] y, float[b] "loop/body/t") <int64 three = {3}, bool yes = {1}> {
            [loop] y = Loop(three, yes, x) <body = step (int64 i, bool go, float[p] h) => (bool go_on, float[q] t) {
                go_on = Identity(go)
                t = Relu(h)
            }>
            "loop/body/t" = Neg(y)
        }"""
    )
    workload = loaded(tmp_path, text.replace('"loop/body/t"', "outer_t"), N=5)
    assert op(workload, "Relu").outputs == ("loop/body/t",)
    import onnx

    model = onnx.load(str(saved(tmp_path, text.replace('"loop/body/t"', "outer_t"))))
    model.graph.output[1].name = model.graph.node[1].output[0] = "loop/body/t"
    path = tmp_path / "clash.onnx"
    path.write_bytes(model.SerializeToString())
    renamed = load_workload(path, {"N": 5}, lambda ops, _: float(len(ops)))
    assert op(renamed, "Neg").outputs == ("loop/body/t",)
    assert op(renamed, "Relu").outputs == ("loop/body/t_",)


IF = """g (float[N, 8] x, float[8, 8] w, SELECT) => (float[a, b] y) {
    PREPARE
    [choice] y = If(c) <
        then_branch = yes () => (float[p, q] r) { t = MatMul(x, w) \n r = Relu(t) },
        else_branch = no () => (float[s, u] r) { r = Slice(x, zero, one, one) }
    >
}"""


def if_model(condition):
    constants = "zero = Constant<value_ints=[0]>() \n one = Constant<value_ints=[1]>()\n"
    if condition is None:
        return HEAD + IF.replace("SELECT", "bool c").replace("PREPARE", constants)
    compute = constants + (
        "shape = Shape(x) \n rows = Gather<axis=0>(shape, zero) \n"
        "five = Constant<value_ints=[5]>() \n c = Greater(rows, five)"
    )
    return HEAD + IF.replace(", SELECT", "").replace("PREPARE", compute)


@pytest.mark.parametrize(("rows", "shape", "kinds"), [(9, (9, 8), {"MatMul", "Relu"}), (3, (3, 1), {"Slice"})])
def test_a_known_condition_takes_its_branch(rows, shape, kinds, tmp_path):
    workload = agree(tmp_path, if_model("computed"), N=rows)
    assert workload.tensors["y"].shape == shape
    assert {o.op_type for o in workload.ops if o.scope} == kinds
    assert not workload.notes


@pytest.mark.parametrize("heavier", ["then_branch", "else_branch"])
def test_an_unknown_condition_takes_the_branch_with_more_work_and_its_shape(heavier, tmp_path):
    sign = 1.0 if heavier == "then_branch" else -1.0
    path = saved(tmp_path, if_model(None))
    workload = load_workload(path, {"N": 3}, lambda ops, _: sign * len(ops))
    shape = (3, 8) if heavier == "then_branch" else (3, 1)
    assert workload.tensors["y"].shape == shape
    assert any(f"`{heavier}` is counted" in note for note in workload.notes)
    # nothing is left of the other branch
    other = "else_branch" if heavier == "then_branch" else "then_branch"
    assert not [name for name in workload.tensors if other in name]
    assert not [o.name for o in workload.ops if other in o.name]
    found, _ = differences(path, workload, {"c": np.array(heavier == "then_branch")})
    assert not found


def test_the_work_of_a_branch_is_asked_for_with_its_tensors(tmp_path):
    seen = []

    def work(ops, tensors):
        seen.append({o.op_type for o in ops})
        assert all(name in tensors for o in ops for name in (*o.inputs, *o.outputs) if name)
        return 0.0

    load_workload(saved(tmp_path, if_model(None)), {}, work)
    assert seen == [{"MatMul", "Relu"}, {"Slice"}]


def test_a_branch_whose_shapes_contradict_each_other_is_not_taken(tmp_path):
    # (3, 8) x (5, 5) cannot run, so the other branch is the one
    text = if_model(None).replace("float[8, 8] w", "float[5, 5] w")
    workload = loaded(tmp_path, text, N=3)
    assert workload.tensors["y"].shape == (3, 1)
    assert any("contradict" in note for note in workload.notes)


def test_a_branch_may_return_a_value_from_outside(tmp_path):
    text = (
        HEAD
        + """g (float[N] x, bool c) => (float[a] y) {
            y = If(c) <then_branch = yes () => (float[p] x) {}, else_branch = no () => (float[q] r) { r = Neg(x) }>
        }"""
    )
    workload = loaded(tmp_path, text.replace("(float[p] x) {}", "(float[p] t) { t = Identity(x) }"), N=3)
    assert workload.tensors["y"].shape == (3,)
    assert workload.tensors["y"].kind is TensorKind.ACTIVATION


def test_shape_arithmetic_goes_through_a_known_branch(tmp_path):
    text = (
        HEAD
        + """g (float[N, 6] x) => (float[a, b] y) <bool c = {1}> {
            target = If(c) <
                then_branch = yes () => (int64[2] r) { r = Constant<value_ints=[-1, 3]>() },
                else_branch = no () => (int64[2] r) { r = Constant<value_ints=[-1, 2]>() }
            >
            y = Reshape(x, target)
        }"""
    )
    workload = agree(tmp_path, text, N=2)
    assert workload.tensors["y"].shape == (4, 3)
    assert workload.tensors["target"].kind is TensorKind.WEIGHT


def test_a_result_chosen_by_data_is_no_constant(tmp_path):
    text = (
        HEAD
        + """g (bool c) => (float[b] y) {
            r = If(c) <
                then_branch = yes () => (float[2] r) { r = Constant<value_floats=[1.0, 2.0]>() },
                else_branch = no () => (float[2] r) { r = Constant<value_floats=[3.0, 4.0]>() }
            >
            y = Relu(r)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert op(workload, "Relu").disposition is None
    assert workload.tensors["r"].value is None


SCAN = """g (float[2, 3] h, float[T, 3, 2] x, float[3, T] z) => (float[a, b] last, float[c, d, e] out) {
    last, out = Scan<num_scan_inputs = 2, scan_input_axes = [0, -1], scan_input_directions = [1, 0],
                     scan_output_axes = [AXIS], scan_output_directions = [1],
        body = step (float[p, q] s, float[r, t] v, float[u] w) => (float[f, g] s_out, float[i, j] o) {
            turned = Transpose<perm=[1, 0]>(v)
            s_out = Add(s, turned)
            o = Mul(s_out, w)
        }>(h, x, z)
}"""


@pytest.mark.parametrize(("axis", "shape"), [("0", (6, 2, 3)), ("1", (2, 6, 3)), ("-1", (2, 3, 6))])
def test_a_scan_walks_any_axis_in_any_direction(axis, shape, tmp_path):
    workload = agree(tmp_path, HEAD + SCAN.replace("AXIS", axis), T=6)
    assert workload.tensors["out"].shape == shape
    assert {op(workload, kind).repeat for kind in ("Transpose", "Add", "Mul")} == {6}


def test_scanned_inputs_of_different_lengths_contradict_each_other(tmp_path):
    with pytest.raises(ModelError, match="walked together"):
        loaded(tmp_path, HEAD + SCAN.replace("AXIS", "0").replace("float[3, T] z", "float[3, 5] z"), T=6)


def test_a_free_length_is_that_of_the_other_scanned_input(tmp_path):
    workload = loaded(tmp_path, HEAD + SCAN.replace("AXIS", "0").replace("float[3, T] z", "float[3, 5] z"))
    assert [(d.name, d.value, d.source) for d in workload.dims] == [("T", 5, "model")]


def test_a_scan_of_opset_8_has_a_batch_axis_and_lengths(tmp_path):
    text = """<ir_version: 3, opset_import: ["": 8]>
        g (float[B, 3] h, float[B, T, 3] x) => (float[a, b] last, float[c, d, e] out) {
            last, out = Scan<num_scan_inputs = 1, body = step (float[3] s, float[3] v) => (float[3] s_out, float[3] o) {
                s_out = Add(s, v)
                o = Identity(s_out)
            }>(, h, x)
        }"""
    workload = agree(tmp_path, text, B=2, T=6)
    assert workload.tensors["out"].shape == (2, 6, 3)
    assert op(workload, "Add").repeat == 12  # each of the 2 sequences has its own 6 steps


def test_a_sequence_is_carried_through_a_loop(tmp_path):
    text = (
        HEAD
        + """g (float[N, 4] x) => (float[a, b] y) <int64 trips = {3}, bool yes = {1}> {
            none = SequenceEmpty()
            all = Loop(trips, yes, none) <body = step (int64 i, bool go, seq(float[p, q]) s)
                => (bool go_on, seq(float[p, q]) t) {
                go_on = Identity(go)
                t = SequenceInsert(s, x)
            }>
            zero = Constant<value_int=0>()
            one = SequenceAt(all, zero)
            y = Relu(one)
        }"""
    )
    workload = loaded(tmp_path, text, N=2)
    assert op(workload, "SequenceInsert").repeat == 3
    assert workload.tensors["y"].shape in ((2, 4), None, (None, 4), (None, None))


DAMAGED = {
    "a loop without a body": HEAD
    + "g (float[2] x) => (float[2] y) <int64 n = {1}, bool t = {1}> { y = Loop(n, t, x) }",
    "a branch that produces nothing": HEAD
    + """g (bool c) => (float[2] y) { y = If(c) <then_branch = a () => (float[2] r) {}, else_branch = b ()
        => (float[2] r) {}> }""",
    "an if without branches": HEAD + "g (bool c) => (float[2] y) { y = If(c) }",
    "an if without a condition": HEAD + "g (float[2] x) => (float[2] y) { y = If() }",
    "a scan without a count": HEAD
    + "g (float[2] x) => (float[2] y) { y = Scan<body = b (float v) => (float w) { w = Relu(v) }>(x) }",
    "a scan of a scalar": HEAD
    + """g (float x) => (float[2] y) {
        y = Scan<num_scan_inputs = 1, body = b (float v) => (float w) { w = Relu(v) }>(x) }""",
    "a loop whose body takes less than it carries": HEAD
    + """g (float[2] x) => (float[2] y) <int64 n = {1}, bool t = {1}> {
        y = Loop(n, t, x) <body = b (int64 i) => (float[2] r) { r = Neg(x) }> }""",
    "more outputs than the branches have": HEAD
    + """g (bool c) => (float[2] y, float[2] z) { y, z = If(c) <
        then_branch = a () => (float[1] r) { r = Constant<value_floats=[1.0]>() },
        else_branch = b () => (float[1] r) { r = Constant<value_floats=[1.0]>() }> }""",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_control_flow_is_one_clear_error(name, tmp_path):
    with pytest.raises(ModelError) as error:
        loaded(tmp_path, DAMAGED[name])
    assert len(error.value.diagnostics) == 1
    assert "model.onnx" in str(error.value)
