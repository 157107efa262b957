"""Models re-read in other formats: bytes by hand, and what may never change."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.tiny import study, workload

from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from onnxroof.rewrites.policy import parse_policy
from onnxroof.study.count import counted, model_result
from onnxroof.study.precision import as_exported

LAYER = """
    g (float[4, 256] x) => (float[4, 512] y)
    <float[256] gain, float[256, 512] w, float[512] b> {
        n = LayerNormalization(x, gain)
        h = MatMul(n, w)
        s = Add(h, b)
        y = Softmax(s)
    }"""


def nodes(text, precision, **dims):
    result = study(text, dims=dims, precision=precision)
    assert result.precision == precision
    return {node.op_type: node for node in result.nodes if node.kind is not OpKind.CONSTANT}


def test_a_weight_of_four_bits_is_dequantized_on_the_fly():
    found = nodes(LAYER, "w4a16")
    product = found["MatMul"]
    # 256 * 512 weights of half a byte and 1,024 scales of 2; 4 * 256 in and 4 * 512 out of 2
    assert (product.compute_type, product.weight_bytes) == ("FLOAT16", 65_536 + 2_048)
    assert (product.read_bytes, product.write_bytes) == (65_536 + 2_048 + 2_048, 4_096)
    assert (product.macs, product.vector_ops) == (4 * 256 * 512, 256 * 512)
    # gains and biases are no factors: 256 and 512 floats of 16 bits
    assert found["LayerNormalization"].weight_bytes == 512
    assert found["Add"].weight_bytes == 1_024
    assert {node.compute_type for node in found.values()} == {"FLOAT16"}


def test_eight_bits_for_both_factors_are_multiplied_as_they_are():
    found = nodes(LAYER, "w8a8")
    product = found["MatMul"]
    assert (product.compute_type, product.read_bytes) == ("INT8", 256 * 512 + 4 * 256)
    assert (product.write_bytes, product.vector_ops) == (4 * 512 * 2, 0)
    # the normalisation computes in floats and writes what the product reads: 4 * 256 bytes
    norm = found["LayerNormalization"]
    assert (norm.compute_type, norm.read_bytes, norm.write_bytes) == ("FLOAT16", 4 * 256 * 2 + 512, 1_024)


@pytest.mark.parametrize(("precision", "bits"), [("mxfp8", 8.25), ("mxfp6", 6.25), ("mxfp4", 4.25), ("nvfp4", 4.5)])
def test_block_formats_count_their_scales(precision, bits):
    product = nodes(LAYER, precision)["MatMul"]
    assert product.weight_bytes == 256 * 512 * bits / 8
    assert product.read_bytes == (256 * 512 + 4 * 256) * bits / 8
    assert product.compute_type == parse_policy(precision).weights.dtype.name


def test_a_whole_model_in_one_type():
    found = nodes(LAYER, "int8")
    assert {node.compute_type for node in found.values()} == {"INT8"}
    assert found["MatMul"].read_bytes == 256 * 512 + 4 * 256
    assert found["Softmax"].read_bytes == found["Softmax"].write_bytes == 4 * 512


CACHED = """
    g (float[1, 8, 4, 64] q, float[1, 2, past, 64] k_past, float[1, 2, past, 64] v_past, float[1, 2, 4, 64] k,
       float[1, 2, 4, 64] v) => (float[1, 8, 4, 64] y, float[1, 2, t, 64] k_now, float[1, 2, t, 64] v_now) {
        y, k_now, v_now = Attention(q, k, v, , k_past, v_past)
    }"""


def test_a_cache_has_a_format_of_its_own():
    half, narrow = nodes(CACHED, "w16a16", past=96)["Attention"], nodes(CACHED, "w16a16kv8", past=96)["Attention"]
    # 2 heads * 96 tokens * 64 of past keys and as many values, now a byte instead of two; 2 * 4 * 64 of each appended
    assert half.read_bytes - narrow.read_bytes == 2 * 2 * 96 * 64
    assert half.write_bytes - narrow.write_bytes == 2 * 2 * 4 * 64
    assert (narrow.compute_type, narrow.macs) == ("FLOAT16", half.macs)
    assert narrow.vector_ops - half.vector_ops == 2 * 2 * 96 * 64  # each element of the past is dequantized


SPELLED_OUT = """
    g (float[1, 2, 4, 64] q, float[1, 2, past, 64] k_past, float[1, 2, 4, 64] k)
        => (float[1, 2, 4, t] y, float[1, 2, t, 64] k_now) {
        fresh = Relu(k)
        k_now = Concat<axis = 2>(k_past, fresh)
        turned = Transpose<perm = [0, 1, 3, 2]>(k_now)
        y = MatMul(q, turned)
    }"""


def test_a_cache_that_is_appended_by_a_concat():
    found = nodes(SPELLED_OUT, "kv8", past=96)
    # 2 * 100 tokens * 64 of a byte through the transpose, dequantized for the product
    assert (found["Transpose"].read_bytes, found["Transpose"].write_bytes) == (12_800, 12_800)
    product = found["MatMul"]
    assert (product.compute_type, product.read_bytes, product.vector_ops) == (
        "FLOAT16",
        12_800 + 2 * 4 * 64 * 2,
        12_800,
    )
    # only new tokens are written, a byte each
    assert found["Concat"].write_bytes == 2 * 4 * 64


def test_a_view_of_a_factor_is_stored_as_the_factor():
    text = """
        g (float[4, 16, 16] x) => (float[4, 8] y) <float[256, 8] w, int64[2] to = {4, 256}> {
            r = Relu(x)
            flat = Reshape(r, to)
            y = MatMul(flat, w)
        }"""
    found = nodes(text, "w8a8")
    assert found["Relu"].write_bytes == 1_024
    assert (found["Relu"].compute_type, found["MatMul"].compute_type) == ("FLOAT16", "INT8")


def test_what_is_quantized_stays_so_unless_the_whole_model_is_taken():
    text = """
        g (float[4, 64] x) => (float[4, 8] y) <int8[64, 8] wq, float s = {0.1}> {
            w = DequantizeLinear(wq, s)
            y = MatMul(x, w)
        }"""
    assert nodes(text, "w4a16")["MatMul"].weight_bytes == 64 * 8 + 2  # its scale is a float of 16 bits now
    assert nodes(text, "fp16")["MatMul"].weight_bytes == 64 * 8 * 2


@pytest.mark.parametrize("precision", ["fp16", "int8", "w8a16"])
def test_weights_that_are_packed_into_bytes_stay_as_they_are_and_that_is_said(precision):
    text = """
        g (float[4, 64] x) => (float[4, 8] y) <uint8[8, 2, 16] b, float[16] s, uint8[8] z> {
            y = com.microsoft.MatMulNBits<N=8, K=64, bits=4, block_size=32>(x, b, s, z)
        }"""
    result = study(text, precision=precision)
    floats = 1 if precision == "int8" else 2
    # two of 4 bits a byte, a scale of each of 2 blocks of 8 columns, and their zero points, two a byte
    assert result.nodes[-1].weight_bytes == 8 * 64 // 2 + 16 * floats + 8
    (note,) = (note for note in result.notes if note.startswith("precision"))
    assert note.endswith("; 2 tensors of packed weights stay as the file has them")


def test_matrices_that_are_taken_of_a_stack_are_weights():
    # Two of 8 experts; an embedding of the same form in the file is none: its rows are activations.
    text = """
        g (float[2, 1, 64] x, int64[2] chosen, int64[2] ids) => (float[2, 1, 32] y, float[2, 32] z)
        <float[8, 64, 32] experts, float[50, 64] table, float[64, 32] w> {
            taken = Gather(experts, chosen)
            y = MatMul(x, taken)
            rows = Gather(table, ids)
            z = MatMul(rows, w)
        }"""
    result = study(text, precision="w8a16")
    # stacks and weights of 8 bits, the embedding of 16
    assert result.parameter_bytes == 8 * 64 * 32 + 64 * 32 + 50 * 64 * 2
    first, product, second, _ = result.nodes
    assert (first.write_bytes, second.write_bytes) == (2 * 64 * 32, 2 * 64 * 2)
    assert product.vector_ops == 2 * 64 * 32  # dequantized on the fly


def test_a_tied_table_is_stored_once_and_so_in_one_format():
    text = """
        g (int64[3] ids) => (float[3, 50] y) <float[50, 64] table> {
            rows = Gather(table, ids)
            turned = Transpose<perm = [1, 0]>(table)
            y = MatMul(rows, turned)
        }"""
    result = study(text, precision="w8a16")
    assert result.parameter_bytes == 50 * 64


def test_the_notes_say_what_takes_which_type():
    (note,) = (note for note in study(LAYER, precision="w4a16kv8").notes if note.startswith("precision"))
    assert note == (
        "precision w4a16kv8: weights of contractions INT4 with 16 bits of scale for 128 elements, activations "
        "multiplied with them FLOAT16, key/value caches INT8; all other floats FLOAT16"
    )


WIDTHS = {"fp32": 32, "fp16": 16, "fp8": 8, "int4": 4.125, "int2": 2.125, "mxfp8": 8.25, "mxfp6": 6.25, "mxfp4": 4.25}
FORMATS = st.sampled_from(sorted(WIDTHS))

OPERATORS = st.sampled_from(["MatMul", "Relu", "Transpose", "Add", "Softmax", "Concat", "Reshape"])
GRAPHS = st.lists(
    st.tuples(OPERATORS, st.integers(0, 9)),
    min_size=1, max_size=9,
)  # fmt: skip


def text_of(steps):
    lines, made = [], ["x"]
    for i, (op_type, pick) in enumerate(steps):
        a = made[pick % len(made)]
        lines.append(
            {
                "MatMul": f"v{i} = MatMul({a}, {('w', 'u', made[-1])[pick % 3]})",
                "Add": f"v{i} = Add({a}, {('b', made[-1])[pick % 2]})",
                "Concat": f"c{i} = Concat<axis = 0>({a}, {made[-1]}) \n v{i} = Slice(c{i}, zero, half, zero)",
                "Reshape": f"f{i} = Reshape({a}, line) \n v{i} = Reshape(f{i}, square)",
            }.get(op_type, f"v{i} = {op_type}({a})")
        )
        made.append(f"v{i}")
    return (
        f"g (float[64, 64] x) => (float[64, 64] {made[-1]}) <float[64, 64] w, float[64, 64] u, float[64] b, "
        "int64[1] zero = {0}, int64[1] half = {64}, int64[1] line = {4096}, int64[2] square = {64, 64}> {"
        + "\n".join(lines)
        + "}"
    )


@settings(max_examples=40, deadline=None)
@given(steps=GRAPHS, one=st.tuples(FORMATS, FORMATS), other=st.tuples(FORMATS, FORMATS))
def test_macs_never_change_and_bytes_never_rise_when_bits_fall(steps, one, other):
    base = workload(text_of(steps))
    counts = []
    for weights, activations in (one, other):
        policy = parse_policy(f"w{weights}a{activations}")
        counts.append(model_result(counted(as_exported(base, policy))))
    plain = model_result(counted(base))
    assert {count.totals.macs for count in counts} == {plain.totals.macs}
    assert all(n.kind is m.kind for count in counts for n, m in zip(count.nodes, plain.nodes, strict=True))
    for wide, narrow, (few, many) in ((0, 1, (other, one)), (1, 0, (one, other))):
        if all(WIDTHS[a] <= WIDTHS[b] for a, b in zip(few, many, strict=True)):
            assert counts[narrow].totals.weight_bytes <= counts[wide].totals.weight_bytes
            assert counts[narrow].totals.read_bytes <= counts[wide].totals.read_bytes
            assert counts[narrow].totals.write_bytes <= counts[wide].totals.write_bytes


@settings(max_examples=10, deadline=None)
@given(steps=GRAPHS)
def test_as_is_is_the_identity_and_the_same_type_changes_no_count(steps):
    base = workload(text_of(steps))
    assert as_exported(base, parse_policy("as-is")) is base
    same = model_result(counted(as_exported(base, parse_policy("fp32"))))
    plain = model_result(counted(base))
    assert same.nodes == plain.nodes


def test_whole_types_narrow_the_model_step_by_step():
    totals = [study(LAYER, precision=text).totals for text in ("fp32", "fp16", "int8")]
    for one, other in itertools.pairwise(totals):
        # all data halve: nothing in this model is an index
        assert (other.read_bytes * 2, other.write_bytes * 2) == (one.read_bytes, one.write_bytes)


def test_a_workload_keeps_its_policy_when_a_target_forces_a_type():
    from onnxroof.rewrites.precision import converted

    recast = as_exported(workload(LAYER), parse_policy("mxfp4"))
    forced = converted(recast, DType.INT8)
    assert forced.precision == "mxfp4"
    assert all(tensor.scale is None for tensor in forced.tensors.values())
