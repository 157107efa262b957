"""Quantize and dequantize nodes that live on in their neighbours."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from onnxroof.rewrites.quantization import absorb_quantization
from tests.oracles.ort_shapes import loaded

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
GONE = (OpKind.ABSORBED, OpKind.CONSTANT, OpKind.HOST)


def rewritten(tmp_path, text):
    before = loaded(tmp_path, HEAD + text)
    after = absorb_quantization(before)
    assert_sound(after)
    assert len(after.ops) == len(before.ops)
    assert after.outputs == before.outputs
    return after


def assert_sound(workload):
    """Whatever a live operator reads is a weight, an input, or was made by an operator before it that runs."""
    made = {name for name, tensor in workload.tensors.items() if tensor.kind is not TensorKind.ACTIVATION}
    for op in workload.ops:
        if op.disposition is OpKind.HOST:
            made.update(op.outputs)
        if op.disposition in GONE:
            continue
        for name in (*op.inputs, *op.parameters):
            assert not name or name in made, f"{op.name} reads {name}"
        made.update(op.outputs)
    for name in workload.outputs:
        assert name in made


def live(workload):
    return [op.op_type for op in workload.ops if op.disposition not in GONE]


def one(workload, op_type):
    (found,) = (op for op in workload.ops if op.op_type == op_type and op.disposition not in GONE)
    return found


def touched_bytes(workload, op):
    return sum(workload.tensors[name].bytes for name in {*op.inputs, *op.outputs, *op.parameters} if name)


CONV = """g (float[1, 64, 32, 32] x, int8[64, 64, 3, 3] wq, int32[64] bq) => (float[a, b, c, d] y)
    <float s = {0.1}, int8 z = {0}, float[2] unused = {0, 0}> {
    q = QuantizeLinear(x, s, z)
    dq = DequantizeLinear(q, s, z)
    w = DequantizeLinear(wq, s, z)
    h = Conv<pads = [1, 1, 1, 1]>(dq, w)
    TAIL
}"""


def as_weights(workload, *names):
    """The workload with some of its inputs as weights: ONNX text cannot hold large ones."""
    import dataclasses

    tensors = dict(workload.tensors)
    for name in names:
        tensors[name] = dataclasses.replace(tensors[name], kind=TensorKind.WEIGHT)
    inputs = tuple(name for name in workload.inputs if name not in names)
    return dataclasses.replace(workload, tensors=tensors, inputs=inputs)


def with_weights(tmp_path, text, *names):
    after = absorb_quantization(as_weights(loaded(tmp_path, HEAD + text), *names))
    assert_sound(after)
    return after


def test_trap_22_a_quantized_convolution_moves_integers(tmp_path):
    tail = "hq = QuantizeLinear(h, s, z) \n y = DequantizeLinear(hq, s, z)"
    workload = with_weights(tmp_path, CONV.replace("TAIL", tail), "wq")
    assert live(workload) == ["QuantizeLinear", "Conv", "DequantizeLinear"]
    conv = one(workload, "Conv")
    assert conv.compute_type == "INT8"
    assert conv.inputs == ("q", "wq")
    assert conv.outputs == ("hq",)
    assert set(conv.parameters) == {"s", "z"}
    # 64*32*32 in + 64*64*3*3 weights + 64*32*32 out, one byte each; a scale of 4 bytes and a zero point of 1
    assert touched_bytes(workload, conv) == 65_536 + 36_864 + 65_536 + 5
    # the borders add 4 + 1 bytes an element twice: 167,936 + 2 * 327,680 = 823,296, with three times the scale
    assert sum(touched_bytes(workload, op) for op in workload.ops if op.disposition not in GONE) == 823_296 + 3 * 5


def test_an_activation_function_goes_along(tmp_path):
    tail = "r = Relu(h) \n hq = QuantizeLinear(r, s, z) \n y = DequantizeLinear(hq, s, z)"
    workload = with_weights(tmp_path, CONV.replace("TAIL", tail), "wq")
    assert live(workload) == ["QuantizeLinear", "Conv", "Relu", "DequantizeLinear"]
    assert workload.tensors["h"].dtype is DType.INT8
    assert one(workload, "Relu").outputs == ("hq",)
    assert one(workload, "Relu").compute_type == "INT8"


def test_a_contraction_whose_result_is_not_quantized_computes_on_integers_too(tmp_path):
    workload = with_weights(tmp_path, CONV.replace("TAIL", "y = Relu(h)"), "wq")
    conv = one(workload, "Conv")
    assert (conv.compute_type, conv.inputs, conv.outputs) == ("INT8", ("q", "wq"), ("h",))
    assert workload.tensors["h"].dtype is DType.FLOAT


def test_a_bias_of_integers_is_taken_along(tmp_path):
    text = CONV.replace("w)\n", "w, b)\n").replace("w = Deq", "b = DequantizeLinear(bq, s) \n w = Deq")
    workload = with_weights(
        tmp_path,
        text.replace("TAIL", "y = QuantizeLinear(h, s, z)").replace("float[a, b, c, d] y", "int8[a, b, c, d] y"),
        "wq",
        "bq",
    )
    assert one(workload, "Conv").inputs == ("q", "wq", "bq")
    assert workload.tensors["bq"].dtype is DType.INT32


def test_scales_by_channel_are_parameters(tmp_path):
    text = CONV.replace("int32[64] bq", "float[64] sw").replace(
        "w = DequantizeLinear(wq, s, z)", "w = DequantizeLinear<axis = 0>(wq, sw)"
    )
    workload = with_weights(tmp_path, text.replace("TAIL", "y = Relu(h)"), "wq", "sw")
    assert set(one(workload, "Conv").parameters) == {"s", "z", "sw"}


def test_a_float_weight_that_is_quantized_and_dequantized_is_an_integer_weight(tmp_path):
    # quantization-aware training: the file holds the float weight
    text = CONV.replace("int8[64, 64, 3, 3] wq", "float[64, 64, 3, 3] wf").replace(
        "w = Deq", "wq = QuantizeLinear(wf, s, z) \n w = Deq"
    )
    import onnx

    model = onnx.parser.parse_model(HEAD + text.replace("TAIL", "y = Relu(h)"))
    weight = onnx.TensorProto(name="wf", data_type=1, dims=[64, 64, 3, 3], data_location=onnx.TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="absent")
    model.graph.initializer.append(weight)
    path = tmp_path / "qat.onnx"
    path.write_bytes(model.SerializeToString())
    from onnxroof.frontend.load import load_workload

    workload = absorb_quantization(load_workload(path, {}, lambda ops, _: 0.0))
    assert_sound(workload)
    conv = one(workload, "Conv")
    assert conv.inputs == ("q", "wq")
    assert workload.tensors["wq"].kind is TensorKind.WEIGHT
    assert workload.tensors["wq"].dtype is DType.INT8


BLOCKED = """g (float[1, 1024] x, int4[1024, 1024] wq, float[32, 1024] s, int4[32, 1024] z) => (float[a, b] y) {
    w = DequantizeLinear<axis = 0, block_size = 32>(ZERO)
    y = MatMul(x, w)
}"""


@pytest.mark.parametrize(("operands", "zero_point_bytes"), [("wq, s", 0), ("wq, s, z", 16_384)])
def test_trap_23_a_weight_of_four_bits_is_read_packed_and_computed_on_floats(operands, zero_point_bytes, tmp_path):
    workload = with_weights(tmp_path, BLOCKED.replace("ZERO", operands), "wq", "s", "z")
    assert live(workload) == ["MatMul"]
    matmul = one(workload, "MatMul")
    assert matmul.compute_type == "FLOAT"
    assert matmul.inputs == ("x", "wq")
    assert matmul.conversion_ops == 1024 * 1024
    # 1024*1024 / 2 weights + 32*1024*4 scales + 4,096 in + 4,096 out; zero points 32*1024 / 2
    assert touched_bytes(workload, matmul) == 663_552 + zero_point_bytes


def test_the_weight_may_be_the_first_factor(tmp_path):
    text = """g (float[8, 3] x, int8[4, 8] wq) => (float[a, b] y) <float s = {0.1}> {
        w = DequantizeLinear(wq, s)
        y = MatMul(w, x)
    }"""
    workload = with_weights(tmp_path, text, "wq")
    assert one(workload, "MatMul").inputs == ("wq", "x")
    assert one(workload, "MatMul").conversion_ops == 32


@pytest.mark.parametrize(
    ("between", "shape"),
    [
        ("t = Transpose<perm = [1, 0]>(w)", (8, 6)),
        ("t = Reshape(w, to)", (8, 6)),
        ("u = Identity(w) \n t = Transpose<perm = [1, 0]>(u)", (8, 6)),
    ],
)
def test_a_rearranged_weight_stays_quantized(between, shape, tmp_path):
    text = f"""g (float[3, 8] x, int8[6, 8] wq) => (float[a, b] y) <float s = {{0.1}}, int64[2] to = {{8, 6}}> {{
        w = DequantizeLinear(wq, s)
        {between}
        y = MatMul(x, t)
    }}"""
    workload = with_weights(tmp_path, text, "wq")
    assert live(workload) == ["MatMul"]
    stored = workload.tensors[one(workload, "MatMul").inputs[1]]
    assert (stored.dtype, stored.shape, stored.kind, stored.origin) == (DType.INT8, shape, TensorKind.WEIGHT, "wq")


def test_a_rearranged_weight_that_others_read_as_floats_is_folded_for_them(tmp_path):
    text = """g (float[8, 8] x, int8[8, 8] wq) => (float[a, b] y, float[c, d] v) <float s = {0.1}> {
        w = DequantizeLinear(wq, s)
        t = Transpose<perm = [1, 0]>(w)
        y = MatMul(x, t)
        v = Add(x, t)
    }"""
    workload = with_weights(tmp_path, text, "wq")
    assert live(workload) == ["MatMul", "Add"]
    assert workload.tensors[one(workload, "MatMul").inputs[1]].dtype is DType.INT8
    assert workload.tensors["t"].kind is TensorKind.WEIGHT
    assert {op.op_type: op.disposition for op in workload.ops}["DequantizeLinear"] is OpKind.CONSTANT


def test_constants_behind_a_dequantized_constant_are_folded(tmp_path):
    text = """g (float[8, 8] x, int8[8, 8] wq) => (float[a, b] y) <float s = {0.1}> {
        w = DequantizeLinear(wq, s)
        doubled = Add(w, w)
        y = MatMul(x, doubled)
    }"""
    workload = with_weights(tmp_path, text, "wq")
    assert [op.disposition for op in workload.ops] == [OpKind.CONSTANT, OpKind.CONSTANT, None]
    assert workload.tensors["doubled"].kind is TensorKind.WEIGHT


def test_a_gather_takes_stored_rows_of_an_embedding_table_and_dequantizes_them(tmp_path):
    text = """g (int64[3] ids, int8[50, 8] wq) => (float[a, b] y) <float s = {0.1}> {
        w = DequantizeLinear(wq, s)
        y = Gather(w, ids)
    }"""
    workload = with_weights(tmp_path, text, "wq")
    assert [op.disposition for op in workload.ops] == [OpKind.ABSORBED, None]
    gather = one(workload, "Gather")
    # 3 rows of 8 are multiplied by the scale
    assert (gather.inputs, gather.parameters, gather.conversion_ops) == (("wq", "ids"), ("s",), 24)
    assert gather.compute_type == "FLOAT"


def test_a_dequantized_constant_that_nobody_takes_over_is_folded(tmp_path):
    text = """g (float[50, 8] x, int8[50, 8] wq) => (float[a, b] y) <float s = {0.1}> {
        w = DequantizeLinear(wq, s)
        y = Add(x, w)
    }"""
    workload = with_weights(tmp_path, text, "wq")
    assert [op.disposition for op in workload.ops] == [OpKind.CONSTANT, None]
    assert workload.tensors["w"].kind is TensorKind.WEIGHT


PAIR = """g (uint8[2, 8] aq, uint8[2, 8] bq, float[8, 4] w) => (OUT y) <float s = {0.1}, uint8 z = {0}> {
    a = DequantizeLinear(aq, s, z)
    b = DequantizeLinear(bq, s, z)
    BODY
}"""


def pair(tmp_path, body, out="uint8[c, d]"):
    return rewritten(tmp_path, PAIR.replace("BODY", body).replace("OUT", out))


def test_a_sum_of_two_quantized_tensors_that_is_quantized_is_absorbed(tmp_path):
    workload = pair(tmp_path, "h = Add(a, b) \n y = QuantizeLinear(h, s, z)")
    assert live(workload) == ["Add"]
    add = one(workload, "Add")
    assert (add.inputs, add.outputs, add.compute_type) == (("aq", "bq"), ("y",), "UINT8")


@pytest.mark.parametrize(
    ("body", "out", "kinds"),
    [
        # only one operand is quantized
        (
            "h = MatMul(a, w) \n y = QuantizeLinear(h, s, z)",
            "uint8[c, d]",
            ["DequantizeLinear", "MatMul", "QuantizeLinear"],
        ),
        # the result is not quantized
        ("y = Add(a, b)", "float[c, d]", ["DequantizeLinear", "DequantizeLinear", "Add"]),
        # the result has a second reader
        (
            "h = Add(a, b) \n q = QuantizeLinear(h, s, z) \n f = Neg(h) \n g2 = Cast<to = 2>(f) \n y = Max(g2, q)",
            "uint8[c, d]",
            ["DequantizeLinear", "DequantizeLinear", "Add", "QuantizeLinear", "Neg", "Cast", "Max"],
        ),
    ],
)
def test_what_lacks_a_partner_stays(body, out, kinds, tmp_path):
    workload = pair(tmp_path, body, out)
    assert live(workload) == kinds
    assert all(op.compute_type == "" for op in workload.ops)


def test_a_result_that_is_also_an_output_stays_a_float(tmp_path):
    text = PAIR.replace("(OUT y)", "(uint8[c, d] y, float[e, f] h)").replace(
        "BODY", "h = Add(a, b) \n y = QuantizeLinear(h, s, z)"
    )
    workload = rewritten(tmp_path, text)
    assert live(workload) == ["DequantizeLinear", "DequantizeLinear", "Add", "QuantizeLinear"]


def test_a_dequantize_with_several_readers_serves_them_all(tmp_path):
    body = """h = Add(a, b) \n y0 = QuantizeLinear(h, s, z) \n y1 = DequantizeLinear(y0, s, z)
        k = Mul(a, y1) \n y = QuantizeLinear(k, s, z)"""
    workload = pair(tmp_path, body)
    assert live(workload) == ["Add", "Mul"]
    assert one(workload, "Mul").inputs == ("aq", "y0")


def test_a_dequantize_stays_for_the_readers_that_need_floats(tmp_path):
    text = PAIR.replace("(OUT y)", "(uint8[c, d] y, float[e, f] n)").replace(
        "BODY", "h = Add(a, b) \n y = QuantizeLinear(h, s, z) \n n = Neg(a)"
    )
    workload = rewritten(tmp_path, text)
    assert live(workload) == ["DequantizeLinear", "Add", "Neg"]


def test_all_results_of_a_split_are_quantized_or_none(tmp_path):
    both = """u, v = Split<axis = 1, num_outputs = 2>(a)
        uq = QuantizeLinear(u, s, z)
        vq = QuantizeLinear(v, s, z)
        y = Concat<axis = 1>(uq, vq)"""
    workload = pair(tmp_path, both)
    assert one(workload, "Split").outputs == ("uq", "vq")
    assert [o for o in live(workload) if "uantize" in o] == []
    half = (
        "u, v = Split<axis = 1, num_outputs = 2>(a) \n uq = QuantizeLinear(u, s, z) \n n = Neg(v) \n y = Identity(uq)"
    )
    text = PAIR.replace("(OUT y)", "(uint8[c, d] y, float[e, f] n)").replace("BODY", half)
    assert live(rewritten(tmp_path, text)).count("QuantizeLinear") == 1


def test_a_scale_that_is_computed_later_keeps_the_quantize(tmp_path):
    # the scale depends on the result: taking the quantize over would read it before it is made
    body = "h = Add(a, b) \n top = ReduceMax<keepdims = 0>(h) \n y = QuantizeLinear(h, top, z)"
    assert "QuantizeLinear" in live(pair(tmp_path, body))
    late = "h = Add(a, b) \n top = ReduceMax<keepdims = 0>(w) \n y = QuantizeLinear(h, top, z)"
    assert "QuantizeLinear" in live(pair(tmp_path, late))


def test_a_shape_that_is_taken_of_the_result_is_no_reader(tmp_path):
    body = "h = Add(a, b) \n shape = Shape(h) \n q = QuantizeLinear(h, s, z) \n y = Reshape(q, shape)"
    assert live(pair(tmp_path, body)) == ["Add", "Reshape"]


def test_a_loop_that_takes_the_floats_keeps_the_dequantize(tmp_path):
    body = """n = Constant<value_int = 3>() \n t = Constant<value = bool {1}>()
        h = Loop(n, t, a) <body = l (int64 i, bool go, float[p, q] v)
            => (bool on, float[r, u] k) { on = Identity(go) \n k = Relu(v) }>
        y = QuantizeLinear(h, s, z)"""
    workload = pair(tmp_path, body)
    assert {op.name: op.disposition for op in workload.ops if op.outputs == ("a",)} == {"DequantizeLinear_0": None}


def test_without_a_dequantize_nothing_changes(tmp_path):
    before = loaded(tmp_path, HEAD + "g (float[2] x) => (float[2] y) { y = Relu(x) }")
    assert absorb_quantization(before) is before


UNARY = ["Relu", "Sigmoid", "Neg", "Identity", "Softmax"]
STEP = st.tuples(
    st.sampled_from(["unary", "binary", "matmul", "q", "dq"]),
    st.integers(0, 50),
    st.integers(0, 50),
    st.sampled_from(UNARY),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=14), data=st.data())
def test_any_graph_stays_sound_and_keeps_its_arithmetic(steps, data, tmp_path):
    floats, integers, lines = ["x"], ["wq", "xq"], []
    for i, (kind, first, second, op_type) in enumerate(steps):
        name, a, b = f"v{i}", floats[first % len(floats)], floats[second % len(floats)]
        if kind == "unary":
            lines.append(f"{name} = {op_type}({a})")
            floats.append(name)
        elif kind == "q":
            lines.append(f"{name} = QuantizeLinear({a}, s, z)")
            integers.append(name)
        elif kind == "dq":
            lines.append(f"{name} = DequantizeLinear({integers[first % len(integers)]}, s, z)")
            floats.append(name)
        else:
            lines.append(f"{name} = {'MatMul' if kind == 'matmul' else 'Add'}({a}, {b})")
            floats.append(name)
    made = [line.split(" = ")[0] for line in lines]
    outputs = data.draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True))
    types = ", ".join(f"{'int8' if name in integers else 'float'}[4, 4] {name}" for name in outputs)
    text = (
        f"g (float[4, 4] x, int8[4, 4] xq, int8[4, 4] wq) => ({types}) <float s = {{0.1}}, int8 z = {{0}}> {{ "
        + "\n".join(lines)
        + " }"
    )
    before = as_weights(loaded(tmp_path, HEAD + text), "wq")
    after = absorb_quantization(before)
    assert_sound(after)
    kept = [op.name for op in after.ops if op.disposition is None and "uantize" not in op.op_type]
    folded = [op.name for op in after.ops if op.disposition is OpKind.CONSTANT]
    vanished = {op.name for op in before.ops if "uantize" not in op.op_type} - set(kept) - set(folded)
    # nothing but a rearranged weight, which lives on in quantized form, vanishes
    assert all(op.op_type == "Identity" for op in before.ops if op.name in vanished)
    for old, new in zip(before.ops, after.ops, strict=True):
        assert [after.tensors[n].shape for n in new.outputs] == [before.tensors[n].shape for n in old.outputs]
        assert [after.tensors[n].shape for n in new.inputs] == [before.tensors[n].shape for n in old.inputs]
