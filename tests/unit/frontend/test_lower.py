"""Functions, names, constants, weights, and hostile graphs."""

import math
import time

import onnx
import pytest

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from tests.oracles.ort_shapes import differences, loaded, saved

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
WITH_F = '<ir_version: 9, opset_import: ["": 17, "f": 1]>\n'


def agree(tmp_path, text, **dims):
    workload = loaded(tmp_path, text, **dims)
    found, compared = differences(saved(tmp_path, text), workload)
    assert not found
    assert compared
    return workload


def names(workload):
    return [op.name for op in workload.ops]


def test_functions_are_inlined_with_their_call_path(tmp_path):
    text = (
        WITH_F
        + """g (float[N, 8] x, float[8, 8] w) => (float[a, b] y) {
            [first] h = f.layer(x, w)
            [second] y = f.layer(h, w)
        }
        <domain: "f", opset_import: ["": 17, "f": 1]>
        layer (v, weight) => (r) { t = MatMul(v, weight) \n [act] r = f.gate(t) }
        <domain: "f", opset_import: ["": 17]>
        gate (v) => (r) { s = Sigmoid(v) \n r = Mul(v, s) }"""
    )
    workload = agree(tmp_path, text, N=3)
    assert [(op.op_type, op.scope) for op in workload.ops] == [
        ("MatMul", "first"),
        ("Sigmoid", "first/act"),
        ("Mul", "first/act"),
        ("MatMul", "second"),
        ("Sigmoid", "second/act"),
        ("Mul", "second/act"),
    ]
    # results have the caller's names, values inside those of their path
    assert [op.outputs[0] for op in workload.ops] == [
        "first/t", "first/act/s", "h", "second/t", "second/act/s", "y",
    ]  # fmt: skip
    assert workload.outputs == ("y",)
    assert workload.tensors["y"].is_output


def test_two_calls_of_the_same_name_have_paths_of_their_own(tmp_path):
    text = (
        WITH_F
        + """g (float[N] x) => (float[a] y) { h = f.twice(x) \n y = f.twice(h) }
        <domain: "f", opset_import: ["": 17]> twice (v) => (r) { t = Neg(v) \n r = Add(t, t) }"""
    )
    workload = agree(tmp_path, text, N=3)
    assert [op.scope for op in workload.ops] == ["twice", "twice", "twice#1", "twice#1"]
    assert len(set(names(workload))) == 4


def test_a_function_that_hands_an_input_through_gives_it_another_name(tmp_path):
    text = (
        WITH_F
        + """g (float[N] x) => (float[a] y, float[b] z) { y, z = f.split(x) }
        <domain: "f", opset_import: ["": 17]> split (v) => (v, r) { r = Neg(v) }"""
    )
    workload = loaded(tmp_path, text, N=3)
    assert workload.outputs == ("x", "z")
    assert all(workload.tensors[name].is_output for name in workload.outputs)


def test_function_attributes_and_their_defaults_reach_inner_graphs(tmp_path):
    text = (
        WITH_F
        + """g (float[N, 6] x) => (float[a, b] y, float[c, d] z) {
            y = f.pick<axis = 1>(x)
            z = f.pick<axis = 1, start = 4>(x)
        }
        <domain: "f", opset_import: ["": 17]> pick <axis, start: int = 2> (v) => (r) {
            at = Constant<value_int: int = @start>()
            zero = Constant<value_ints = [0]>()
            from = Unsqueeze(at, zero)
            yes = Constant<value = bool {1}>()
            end = Constant<value_ints = [99]>()
            one = Constant<value_ints = [1]>()
            r = If(yes) <then_branch = a () => (float[p, q] t) {
                joined = Concat<axis: int = @axis>(v, v)
                t = Slice(joined, from, end, one)
            }, else_branch = b () => (float[s, u] t) { t = Softmax<axis: int = @axis>(v) }>
        }"""
    )
    workload = agree(tmp_path, text, N=3)
    # 6 + 6 columns without the first 2, and without the first 4
    assert workload.tensors["y"].shape == (3, 10)
    assert workload.tensors["z"].shape == (3, 8)


def test_an_optional_attribute_that_nobody_states_takes_the_default_of_the_operator(tmp_path):
    text = (
        WITH_F
        + """g (float[N, 4] x) => (float[a, b] y) { y = f.soft(x) }
        <domain: "f", opset_import: ["": 17]> soft <axis> (v) => (r) { r = Softmax<axis: int = @axis>(v) }"""
    )
    workload = loaded(tmp_path, text, N=3)
    assert workload.ops[0].attributes.integer("axis", 99) == -1  # the schema's default


def test_an_optional_input_may_be_left_out_through_a_function(tmp_path):
    text = (
        WITH_F
        + """g (float[N, 4] x, float high) => (float[a, b] y) { y = f.bound(x, , high) }
        <domain: "f", opset_import: ["": 17]> bound (v, low, top) => (r) { r = Clip(v, low, top) }"""
    )
    workload = agree(tmp_path, text, N=3)
    assert workload.ops[0].inputs == ("x", "", "high")


def test_a_function_has_opsets_of_its_own(tmp_path):
    text = (
        WITH_F
        + """g (float[N, 2, 3] x) => (float[a, b] y) { y = f.old(x) }
        <domain: "f", opset_import: ["": 11]> old (v) => (r) { r = Squeeze<axes = [0]>(v) }"""
    )
    workload = loaded(tmp_path, text, N=1)
    assert workload.tensors["y"].shape == (2, 3)
    assert workload.ops[0].version == 11


def test_generated_names_say_type_and_place(tmp_path):
    text = (
        HEAD
        + """g (float[N] x) => (float[a] y) {
            a1 = Relu(x)
            [same] a2 = Neg(a1)
            [same] a3 = Relu(a2)
            [Relu_4] a4 = Abs(a3)
            y = Relu(a4)
        }"""
    )
    # the fifth node would be Relu_4, which is the name of another one
    assert names(loaded(tmp_path, text)) == ["Relu_0", "same", "Relu_2", "Relu_4", "Relu_4_"]


def test_unsorted_nodes_are_put_in_order_and_keep_the_numbers_of_the_file(tmp_path):
    text = HEAD + "g (float[N] x) => (float[a] y) { y = Relu(t) \n t = Neg(x) }"
    assert names(loaded(tmp_path, text)) == ["Neg_1", "Relu_0"]


@pytest.mark.parametrize(
    ("form", "dtype", "shape", "value"),
    [
        ("value = int32[2, 1] {3, 4}", DType.INT32, (2, 1), (3, 4)),
        ("value_int = 5", DType.INT64, (), (5,)),
        ("value_ints = [5, 6]", DType.INT64, (2,), (5, 6)),
        ("value_float = 0.5", DType.FLOAT, (), (0.5,)),
        ("value_floats = [0.5, 1.5]", DType.FLOAT, (2,), (0.5, 1.5)),
        ('value_string = "a"', DType.STRING, (), None),
        ('value_strings = ["a", "b", "c"]', DType.STRING, (3,), None),
    ],
)
def test_constants_in_every_form(form, dtype, shape, value, tmp_path):
    element = "string" if dtype is DType.STRING else "float" if dtype is DType.FLOAT else dtype.name.lower()
    workload = loaded(tmp_path, HEAD + f"g () => ({element}[a] y) {{ y = Constant<{form}>() }}")
    found = workload.tensors["y"]
    assert (found.dtype, found.shape, found.kind) == (dtype, shape, TensorKind.WEIGHT)
    assert workload.ops[0].disposition is OpKind.CONSTANT
    assert found.value == (None if value is None else Contents(dtype, shape, value))


def sparse(name):
    values = onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [2], [1.0, 2.0])
    return onnx.helper.make_sparse_tensor(
        values, onnx.helper.make_tensor("", onnx.TensorProto.INT64, [2], [3, 7]), [4, 5]
    )


def test_sparse_weights_have_their_dense_shape(tmp_path):
    node = onnx.helper.make_node("Add", ["c", "w"], ["y"])
    constant = onnx.helper.make_node("Constant", [], ["c"], sparse_value=sparse(""))
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([constant, node], "g", [], [output], sparse_initializer=[sparse("w")])
    path = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph), str(path))
    workload = load_workload(path, {}, lambda ops, _: 0.0)
    assert workload.tensors["w"].shape == workload.tensors["c"].shape == workload.tensors["y"].shape == (4, 5)


def test_initializers_among_the_inputs_are_weights(tmp_path):
    text = """<ir_version: 3, opset_import: ["": 8]>
        g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"""
    workload = loaded(tmp_path, text)
    assert workload.inputs == ("x",)
    assert workload.tensors["w"].kind is TensorKind.WEIGHT
    assert not workload.dims


def test_optional_outputs_that_nobody_wants_are_empty(tmp_path):
    text = HEAD + "g (float[N, 4] x) => (float[a] y, int64[b] counts) { y, , , counts = Unique(x) }"
    workload = loaded(tmp_path, text, N=3)
    assert workload.ops[-1].outputs == ("y", "", "", "counts")
    assert workload.tensors["counts"].shape == (12,)
    assert "" not in workload.tensors


def test_declared_shapes_fill_what_an_unknown_operator_leaves_open(tmp_path):
    text = (
        '<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>'
        "g (float[B, 4] x) => (float[B, 5] y) <float[B, 9] t> { t = my.ops.Secret(x) \n y = my.ops.Secret(t) }"
    )
    workload = loaded(tmp_path, text, B=3)
    assert workload.tensors["t"].shape == (3, 9)
    assert workload.tensors["y"].shape == (3, 5)


def test_placeholders_in_declared_shapes_stay_unknown(tmp_path):
    text = (
        '<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>'
        "g (float[unk__3, 4] x) => (float[unk__3, 5] y) { y = my.ops.Secret(x) }"
    )
    assert loaded(tmp_path, text).tensors["y"].shape == (None, 5)


def test_an_elementwise_reader_gives_an_unknown_result_its_shape(tmp_path):
    text = (
        '<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>'
        "g (float[B, 4] x) => (float[B, 5] y) { t = my.ops.Secret(x) \n y = Relu(t) }"
    )
    workload = loaded(tmp_path, text, B=3)
    # Relu has a known result only by declaration, which then is that of its input
    assert workload.tensors["t"].shape == (3, 5)


HOSTILE = {
    "cycle: `Neg` -> `Add` -> `Neg`": "g (float[2] x) => (float[2] y) { a = Add(x, b) \n b = Neg(a) \n y = Relu(b) }",
    "reads `ghost`, which nothing produces": "g (float[2] x) => (float[2] y) { y = Add(x, ghost) }",
    "`y` is produced more than once": "g (float[2] x) => (float[2] y) { y = Neg(x) \n y = Relu(x) }",
    "`x` is produced more than once": "g (float[2] x, float[2] z) => (float[2] x) { x = Neg(z) }",
    "output `y` is produced by no node": "g (float[2] x) => (float[2] y) { z = Neg(x) }",
}


@pytest.mark.parametrize("message", HOSTILE)
def test_an_unsound_graph_is_one_clear_error(message, tmp_path):
    with pytest.raises(ModelError) as error:
        loaded(tmp_path, HEAD + HOSTILE[message])
    assert len(error.value.diagnostics) == 1
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ("loop (v) => (r) { r = f.loop(v) }", "calls itself: `loop` -> `loop`"),
        (
            "loop (v) => (r) { r = f.back(v) }|back (v) => (r) { r = f.loop(v) }",
            "calls itself: `loop` -> `back` -> `loop`",
        ),
        ("loop (v) => (r) { t = Neg(v) }", "does not produce its output `r`"),
    ],
)
def test_unsound_functions_are_one_clear_error(functions, message, tmp_path):
    text = WITH_F + "g (float[2] x) => (float[2] y) { y = f.loop(x) }"
    for function in functions.split("|"):
        text += f'\n<domain: "f", opset_import: ["": 17, "f": 1]> {function}'
    with pytest.raises(ModelError, match=message):
        loaded(tmp_path, text)


def test_functions_that_unfold_without_bounds_are_refused_at_once(tmp_path):
    # each of 60 functions calls the next one twice: 2^60 nodes
    text = WITH_F + "g (float[2] x) => (float[2] y) { y = f.f0(x) }"
    for i in range(60):
        body = f"t = f.f{i + 1}(v) \n r = f.f{i + 1}(t)" if i < 59 else "r = Neg(v)"
        text += f'\n<domain: "f", opset_import: ["": 17, "f": 1]> f{i} (v) => (r) {{ {body} }}'
    path = saved(tmp_path, text)
    started = time.perf_counter()
    with pytest.raises(ModelError, match="unfolds to more than"):
        load_workload(path, {}, lambda ops, _: 0.0)
    assert time.perf_counter() - started < 1.0


def test_a_deep_nest_of_functions_is_refused(tmp_path):
    text = WITH_F + "g (float[2] x) => (float[2] y) { y = f.f0(x) }"
    for i in range(80):
        body = f"r = f.f{i + 1}(v)" if i < 79 else "r = Neg(v)"
        text += f'\n<domain: "f", opset_import: ["": 17, "f": 1]> f{i} (v) => (r) {{ {body} }}'
    with pytest.raises(ModelError, match="nested 80 deep"):
        loaded(tmp_path, text)


def test_a_resize_by_sizes_needs_neither_a_region_nor_factors(tmp_path):
    text = """<ir_version: 8, opset_import: ["": 11]>
        g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) <int64[4] sizes = {1, 1, 4, 4}> {
            y = Resize<mode = "nearest">(x, "", "", sizes)
        }"""
    assert [op.lacks for op in loaded(tmp_path, text).ops] == [None]
    assert [op.lacks for op in loaded(tmp_path, text.replace(', "", "", sizes', ', ""')).ops] == [1]


def odd_file(tmp_path, node="y = Relu(x)", change=lambda model: None):
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (y) {{ {node} }}'
    model = onnx.parser.parse_model(text)
    change(model)
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    return load_workload(path, {}, lambda ops, _tensors: float(len(ops)))


@pytest.mark.parametrize("version", [2**31 - 1, 2**31, 2**62])
@pytest.mark.parametrize("domain", ["", "other"])
def test_an_opset_beyond_all_versions_is_no_fault_of_ours(tmp_path, version, domain):
    def change(model):
        model.graph.node[0].domain = model.opset_import[0].domain = domain
        model.opset_import[0].version = version

    (op,) = odd_file(tmp_path, change=change).ops
    assert (op.version, op.lacks) == (version, None)


def test_a_type_of_a_negative_number_is_unknown(tmp_path):
    assert odd_file(tmp_path, "y = Cast<to = -1>(x)").tensors["y"].dtype is DType.UNDEFINED


def test_a_sparse_weight_of_a_negative_extent_is_refused(tmp_path):
    def change(model):
        values = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
        model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=values, dims=[-4, 4]))

    with pytest.raises(ModelError, match=r"the extents of the initializer `w` are \[-4, 4\]"):
        odd_file(tmp_path, change=change)


def test_a_node_without_results_is_no_shape_arithmetic(tmp_path):
    def change(model):
        model.graph.node.append(onnx.helper.make_node("Exp", ["x"], []))
        model.graph.node.append(onnx.helper.make_node("Exp", ["x"], [""]))

    assert [op.disposition for op in odd_file(tmp_path, change=change).ops] == [None, None, None]


@pytest.mark.parametrize(
    ("limit", "delta", "elements"), [(10, 1, 10), (10, 0, None), (math.inf, 1, None), (10, math.nan, None)]
)
def test_a_range_that_has_no_end_is_of_no_known_size(tmp_path, limit, delta, elements):
    def change(model):
        for name, value in (("start", 0), ("limit", limit), ("delta", delta)):
            model.graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [], [value]))

    y = odd_file(tmp_path, "y = Range(start, limit, delta)", change).tensors["y"]
    assert y.shape == (None if elements is None else (elements,))
