"""Types and values node by node, against runs of ONNX Runtime."""

import numpy as np
import onnx
import pytest

from onnxroof.dtypes import DType
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.infer import Inference
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from tests.oracles.ort_shapes import differences, loaded, saved

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'

# Each is a whole model and the dimensions to bind; every value of it is compared.
SHAPE_ARITHMETIC = {
    "reshape by gathered, divided and concatenated extents": (
        """g (float[B, S, 12] x) => (float[a, b, c, d] y) <int64 axis = {1}, int64[1] heads = {3}, int64[1] zero = {0},
            int64 four = {4}> {
            shape = Shape(x)
            length = Gather<axis=0>(shape, axis)
            half = Div(length, four)
            back = Mul(half, four)
            flat = Unsqueeze(back, zero)
            batch = Slice(shape, zero, zero1)
            zero1 = Constant<value_ints=[1]>()
            minus = Constant<value_ints=[-1]>()
            target = Concat<axis=0>(batch, flat, heads, minus)
            y = Reshape(x, target)
        }""",
        {"B": 2, "S": 8},
    ),
    "range, where and cast": (
        """g (float[N, M] x) => (int64[a] r, float[b, c] y) {
            shape = Shape(x)
            one = Constant<value_int=1>()
            zero = Constant<value_int=0>()
            rows = Gather<axis=0>(shape, zero)
            columns = Gather<axis=0>(shape, one)
            float_rows = Cast<to=1>(rows)
            half = Constant<value_float=0.5>()
            scaled = Mul(float_rows, half)
            up = Ceil(scaled)
            back = Cast<to=7>(up)
            r = Range(zero, back, one)
            is_wide = Greater(columns, rows)
            larger = Where(is_wide, columns, rows)
            axes = Constant<value_ints=[0]>()
            first = Unsqueeze(larger, axes)
            second = Constant<value_ints=[3]>()
            target = Concat<axis=0>(first, second)
            filler = ConstantOfShape<value = float[1] {2.0}>(target)
            y = Relu(filler)
        }""",
        {"N": 7, "M": 5},
    ),
    "shape with start and end, size, and a negative division": (
        """g (float[2, N, 5, 6] x) => (int64[a] tail, float[b] y, int64 q, int64[c] clamped) {
            tail = Shape<start = -3, end = -1>(x)
            clamped = Shape<start = -9, end = 99>(x)
            count = Size(x)
            minus = Constant<value_int=-7>()
            two = Constant<value_int=2>()
            q = Div(minus, two)
            flat = Constant<value_ints=[-1]>()
            y = Reshape(x, flat)
        }""",
        {"N": 3},
    ),
    "expand, tile, resize and slices with steps": (
        """g (float[N, 3, H, 8] x) => (float[a, b, c, d] y, float[e, f, g, h] z, float[i, j, k, l] t) {
            roi = Constant<value_floats=[0.0]>()
            scales = Constant<value_floats=[1.0, 1.0, 2.0, 1.5]>()
            empty = Constant<value = float[0] {}>()
            y = Resize<mode = "nearest">(x, empty, scales)
            starts = Constant<value_ints=[-1, 1]>()
            ends = Constant<value_ints=[-100, 7]>()
            axes = Constant<value_ints=[3, 2]>()
            steps = Constant<value_ints=[-2, 3]>()
            z = Slice(x, starts, ends, axes, steps)
            shape = Shape(z)
            times = Sub(shape, shape)
            one = Constant<value_ints=[1]>()
            repeats = Add(times, one)
            t = Tile(z, repeats)
        }""",
        {"N": 2, "H": 10},
    ),
    "functions of the schema: Softmax cross entropy, CenterCropPad, Celu, mean and variance": (
        """g (float[N, 4, 6] x, int64[N, 6] labels) => (float l, float[a, b, c] p, float[d, e, f] m, float[h, i, j] q) {
            l, p = SoftmaxCrossEntropyLoss(x, labels)
            m = MeanVarianceNormalization<axes = [0, 2]>(x)
            q = Celu(m)
        }""",
        {"N": 3},
    ),
    "pooling, transposed convolution, padding": (
        """g (float[N, 4, H, W] x, float[4, 2, 3, 3] w) => (float[a, b, c, d] p, float[e, f, g, h] t, float[i,
            j, k, l] q) {
            p = MaxPool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(x)
            t = ConvTranspose<strides = [2, 2], output_padding = [1, 0], group = 1>(x, w)
            pads = Constant<value_ints = [0, 0, 1, 2, 0, 0, 3, 4]>()
            q = Pad(t, pads)
        }""",
        {"N": 1, "H": 8, "W": 9},
    ),
    "recurrences and their optional outputs": (
        """g (float[T, N, 5] x, float[2, 16, 5] w, float[2, 16, 4] r, float[1, 12, 5] gw, float[1, 12, 4] gr)
            => (float[a, b, c, d] y, float[e, f, g] c, float[h, i, j] last) {
            y, , c = LSTM<hidden_size = 4, direction = "bidirectional">(x, w, r)
            , last = GRU<hidden_size = 4>(x, gw, gr)
        }""",
        {"T": 6, "N": 2},
    ),
    "split, topk, one-hot, einsum, argmax, cumsum": (
        """g (float[N, 10] x) => (float[a, b] s1, float[c, d] s2, float[e, f] v, int64[g, h] i, int64[j] m,
            float[k, l, o] hot,
            float[n, q] e, float[r, t] u) {
            sizes = Constant<value_ints=[4, 6]>()
            s1, s2 = Split<axis=1>(x, sizes)
            k = Constant<value_ints=[3]>()
            v, i = TopK<axis=-1>(x, k)
            m = ArgMax<axis=1, keepdims=0>(x)
            depth = Constant<value_int=7>()
            values = Constant<value_floats=[0.0, 1.0]>()
            hot = OneHot<axis=-1>(i, depth, values)
            e = Einsum<equation = "nd,md->nm">(x, x)
            axis = Constant<value_int=1>()
            u = CumSum(x, axis)
        }""",
        {"N": 4},
    ),
    "layer normalization, gelu and softmax in older spelling": (
        """g (float[N, S, 16] x, float[16] w, float[16] b) => (float[a, b, c] y, float[d, e, f] z) {
            y = LayerNormalization<axis = -1>(x, w, b)
            z = Softmax<axis = -1>(y)
        }""",
        {"N": 2, "S": 5},
    ),
}


@pytest.mark.parametrize("name", SHAPE_ARITHMETIC)
def test_every_type_and_shape_is_that_of_a_run(name, tmp_path):
    text, dims = SHAPE_ARITHMETIC[name]
    path = saved(tmp_path, HEAD + text)
    found, compared = differences(path, loaded(tmp_path, HEAD + text, **dims))
    assert not found
    assert compared >= 2


def test_folded_values_are_those_of_a_run(tmp_path):
    text = HEAD + SHAPE_ARITHMETIC["range, where and cast"][0]
    workload = loaded(tmp_path, text, N=7, M=5)
    # ceil(7 * 0.5) = 4 positions, max(7, 5) = 7
    assert workload.tensors["r"].value.elements == (0, 1, 2, 3)
    assert workload.tensors["target"].value.elements == (7, 3)


@pytest.mark.parametrize(
    ("body", "bound", "exact"),
    [
        ("y = NonZero(x)", (2, 12), (2, 5)),
        (
            "f = Cast<to=9>(x)\n one = Constant<value_ints=[-1]>()\n v = Reshape(f, one)\n y = Compress(x, v)",
            (12,),
            (5,),
        ),
        ("y, , , = Unique(x)", (12,), (6,)),
    ],
)
def test_a_size_that_depends_on_data_is_never_taken_too_small(body, bound, exact, tmp_path):
    text = HEAD + f"g (float[3, N] x) => (float[a] y) {{ {body} }}".replace(
        "float[a] y", "int64[a, b] y" if "NonZero" in body else "float[a] y"
    )
    workload = loaded(tmp_path, text, N=4)
    assert workload.tensors["y"].shape == bound
    assert any("upper bound" in note for note in workload.notes)
    # 5 of the 12 elements are not zero; they and the zero are 6 distinct values
    x = np.array([[0, 1, 0, 2], [0, 0, 0, 3], [4, 0, 5, 0]], np.float32)
    found, _ = differences(saved(tmp_path, text), workload, {"x": x})
    assert found["y"][1][1] == exact


def test_upper_bounds_need_not_go_together(tmp_path):
    # at most 12 positions are found, three are expected: that is for the data to keep, and no contradiction. Beside
    # three rows, one or three are found, and the sum has three either way.
    text = (
        HEAD
        + """g (float[3, 4] x, float[3, 2] z) => (float[a, b] y, float[c, d] u) {
            found = NonZero(x)
            order = Transpose<perm=[1, 0]>(found)
            values = Cast<to=1>(order)
            y = Add(values, z)
            u = Relu(y)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["values"].shape == (12, 2)
    assert workload.tensors["values"].is_at_most
    assert workload.tensors["u"].shape == (3, 2)


def test_indices_found_in_a_known_mask_are_exact(tmp_path):
    text = (
        HEAD
        + """g (float[N] x) => (int64[a, b] y) {
            mask = Constant<value_ints=[0, 3, 0, 4]>()
            y = NonZero(mask)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape == (1, 2)
    assert workload.tensors["y"].value == Contents(DType.INT64, (1, 2), (1, 3))
    assert not workload.notes


def test_known_shapes_are_host_work_constants_are_folded_and_the_rest_is_real(tmp_path):
    text = (
        HEAD
        + """g (float[N, 4] x) => (float[a, b] y) <float[4, 4] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}> {
            shape = Shape(x)
            turned = Transpose(w)
            scaled = Mul(turned, turned)
            back = Reshape(x, shape)
            y = MatMul(back, scaled)
        }"""
    )
    workload = loaded(tmp_path, text)
    kinds = {op.op_type: op.disposition for op in workload.ops}
    assert kinds == {
        "Shape": OpKind.HOST,
        "Transpose": OpKind.CONSTANT,
        "Mul": OpKind.CONSTANT,
        "Reshape": None,
        "MatMul": None,
    }
    assert workload.tensors["turned"].kind is TensorKind.WEIGHT
    assert workload.tensors["turned"].origin == "w"
    assert workload.tensors["scaled"].origin == ""  # other elements than those of the weight


def test_random_numbers_are_never_folded(tmp_path):
    text = HEAD + "g (float[N] x) => (float[a] y) { r = RandomNormal<shape=[3]>() \n y = Relu(r) }"
    workload = loaded(tmp_path, text)
    assert [op.disposition for op in workload.ops] == [None, None]
    assert workload.tensors["y"].shape == (3,)


def test_a_large_computed_tensor_is_real_work_and_not_evaluated(tmp_path):
    text = (
        HEAD
        + """g (float[S] x) => (int64[a] y) {
            n = Size(x)
            zero = Constant<value_int=0>()
            one = Constant<value_int=1>()
            y = Range(zero, n, one)
        }"""
    )
    # 5,000 positions are more than any shape arithmetic, 100 are evaluated and yet more than a host computes on the way
    assert loaded(tmp_path, text, S=5000).tensors["y"].value is None
    for length, is_host in ((5000, False), (100, False), (64, True)):
        workload = loaded(tmp_path, text, S=length)
        assert workload.tensors["y"].shape == (length,)
        assert (workload.ops[-1].disposition is OpKind.HOST) is is_host


def test_an_operator_of_a_later_opset_has_the_shapes_of_its_first(tmp_path):
    text = """<ir_version: 8, opset_import: ["": 11]>
        g (float[2, 4] x, float[4] w) => (float[a, b] y) { y = LayerNormalization(x, w) }"""
    assert loaded(tmp_path, text).tensors["y"].shape == (2, 4)


def infer(op_type, types, values=None, opset=17, **attributes):
    node = onnx.helper.make_node(op_type, [f"x{i}" for i in range(len(types))], ["y"], **attributes)
    return Inference(8).node(node, {"": opset}, types, values or [None] * len(types))


def test_contradicting_shapes_are_a_contradiction():
    with pytest.raises(ContradictionError, match="ncompatible"):
        infer("MatMul", [ValueType(DType.FLOAT, (2, 3)), ValueType(DType.FLOAT, (4, 5))])


def test_contradicting_types_are_unknown():
    assert infer("MatMul", [ValueType(DType.FLOAT, (2, 3)), ValueType(DType.STRING, (3, 5))]).types[0].shape is None


def test_an_input_left_out_is_not_read():
    node = onnx.helper.make_node("Clip", ["x", "low", "high"], ["y"])
    types = [ValueType(DType.FLOAT, (2, 3)), None, None]
    assert Inference(8).node(node, {"": 17}, types, [None] * 3).types[0].shape == (2, 3)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_wrong_number_of_inputs_is_no_crash(count):
    found = infer("Conv", [ValueType(DType.FLOAT, (1, 3, 8, 8))] * count)
    assert len(found.types) == 1
    assert len(infer("Shape", [ValueType(DType.FLOAT, (1, 3))] * count).types) == 1


def test_equal_nodes_are_inferred_once():
    inference = Inference(8)
    types = [ValueType(DType.FLOAT, (2, 3))]
    first = inference.node(onnx.helper.make_node("Relu", ["a"], ["b"]), {"": 17}, types, [None])
    again = inference.node(onnx.helper.make_node("Relu", ["c"], ["d"], name="other"), {"": 17}, types, [None])
    assert first is again
