"""Counts as polynomials, derived by hand and held against counts."""

import pytest
from oracles.tiny import saved

from onnxroof.errors import ModelError
from onnxroof.study.analyze import run_study
from onnxroof.study.formula import Formulas, Span, formulas
from onnxroof.study.load import load


def of(folder, text, **given) -> Formulas:
    (entry,) = run_study([saved(folder, text)], None, dims=given, formula=True).models
    return entry.formulas


def texts(found):
    return {quantity: formula and str(formula.polynomial) for quantity, formula in found.formulas.items()}


def steps(found, quantity="macs"):
    return {name: span.step for name, span in found.formulas[quantity].spans.items()}


def test_a_product_by_a_weight(tmp_path):
    found = of(
        tmp_path, "g (float[batch, seq, 64] x) => (float[batch, seq, 32] y) <float[64, 32] w> { y = MatMul(x, w) }"
    )
    assert texts(found) == {
        "macs": "2048*batch*seq",  # 64 * 32
        "read_bytes": "256*batch*seq + 8192",  # 64 floats a row; 64 * 32 floats of weights
        "weight_bytes": "8192",
        "write_bytes": "128*batch*seq",
    }
    assert steps(found) == {"batch": 1, "seq": 1}
    # a single row of a single sequence too, and far beyond what the formula was found at
    assert found.formulas["macs"].spans == {"batch": Span(1, 202, 1), "seq": Span(1, 328, 1)}


ATTENTION = """
    g (float[batch, seq, 64] x) => (float[batch, 4, seq, 16] y)
    <float[64, 64] wq, float[64, 64] wk, float[64, 64] wv, int64[4] heads = {0, 0, 4, 16}> {
        q0 = MatMul(x, wq)
        k0 = MatMul(x, wk)
        v0 = MatMul(x, wv)
        q1 = Reshape(q0, heads)
        k1 = Reshape(k0, heads)
        v1 = Reshape(v0, heads)
        q = Transpose<perm = [0, 2, 1, 3]>(q1)
        k = Transpose<perm = [0, 2, 3, 1]>(k1)
        v = Transpose<perm = [0, 2, 1, 3]>(v1)
        s = MatMul(q, k)
        p = Softmax(s)
        y = MatMul(p, v)
    }"""


def test_an_attention_is_quadratic_in_the_sequence(tmp_path):
    found = of(tmp_path, ATTENTION)
    # 4 heads * 16 twice for each pair of tokens; three projections of 64 * 64 a token
    assert texts(found)["macs"] == "128*batch*seq^2 + 12288*batch*seq"
    # written: scores and probabilities of 4 heads, 4 bytes each; 3 projections, 3 transposes and the result of 64
    assert texts(found)["write_bytes"] == "32*batch*seq^2 + 1792*batch*seq"
    # read: scores, probabilities (4 bytes * 4 heads each); 3 times x, 3 transposes, q, k and v of 64; 3 weights
    assert texts(found)["read_bytes"] == "32*batch*seq^2 + 2304*batch*seq + 49152"
    assert texts(found)["weight_bytes"] == "49152"


def test_what_is_given_is_a_number_in_the_formula(tmp_path):
    found = of(tmp_path, ATTENTION, batch=3)
    assert texts(found)["macs"] == "384*seq^2 + 36864*seq"
    assert list(found.tied) == ["seq"]


CONV = """
    g (float[batch, 3, height, width] image) => (float[batch, 8, oh, ow] y) <float[8, 3, 3, 3] w> {
        y = Conv<pads = [PADS], strides = [STRIDE, STRIDE]>(image, w)
    }"""


def conv(folder, stride, pad):
    return of(folder, CONV.replace("STRIDE", str(stride)).replace("PADS", ", ".join([str(pad)] * 4)))


def test_a_convolution_of_stride_1(tmp_path):
    found = conv(tmp_path, 1, 1)
    assert texts(found)["macs"] == "216*batch*height*width"  # 8 * 27
    assert steps(found) == {"batch": 1, "height": 1, "width": 1}


def test_a_convolution_without_padding_loses_its_border(tmp_path):
    # 216 * batch * (height - 2) * (width - 2)
    assert texts(conv(tmp_path, 1, 0))["macs"] == (
        "216*batch*height*width - 432*batch*height - 432*batch*width + 864*batch"
    )


def test_a_convolution_of_stride_2_is_a_polynomial_of_even_sides(tmp_path):
    found = conv(tmp_path, 2, 1)
    assert texts(found)["macs"] == "54*batch*height*width"  # 216 / 4
    assert texts(found)["write_bytes"] == "8*batch*height*width"  # 8 channels of 4 bytes / 4
    assert steps(found) == {"batch": 1, "height": 2, "width": 2}
    assert found.formulas["macs"].spans["height"].least == 2


def test_a_stride_of_3_is_found_and_one_of_5_is_piecewise(tmp_path):
    # 224 = 3 * 74 + 2: windows 1 + floor((224 + 2 - 3) / 3) = 75 = (224 + 1) / 3, so 216 * (h + 1) (w + 1) / 9
    found = conv(tmp_path, 3, 1)
    assert steps(found) == {"batch": 1, "height": 3, "width": 3}
    assert texts(found)["macs"] == "24*batch*height*width + 24*batch*height + 24*batch*width + 24*batch"
    found = conv(tmp_path, 5, 1)
    assert texts(found)["macs"] is None
    assert texts(found)["write_bytes"] is None
    assert texts(found)["weight_bytes"] == "864"


def test_a_rational_coefficient_is_exact(tmp_path):
    text = """
        g (float[height, 4] x) => (float[oh, 4] y) <int64[1] from = {0}, int64[1] to = {100000}, int64[1] axis = {0},
        int64[1] by = {4}> { z = Slice(x, from, to, axis, by)  y = Neg(z) }"""
    found = of(tmp_path, text)
    # every fourth row is read and written, and again by Neg: 2 * 16 bytes / 4 a row; 224 is a multiple of 4
    assert steps(found, "write_bytes") == {"height": 4}
    assert texts(found)["write_bytes"] == "8*height"


PAST = """
    g (float[batch, 2, past, 16] k_past, float[batch, 2, seq, 16] k, float[batch, 2, seq, 16] q, float[batch, total] m)
        => (float[batch, 2, seq, total] y, float[batch, 2, total, 16] k_now) <int64[2] axes = {1, 2}> {
        fresh = Neg(k)
        k_now = Concat<axis = 2>(k_past, fresh)
        turned = Transpose<perm = [0, 1, 3, 2]>(k_now)
        s = MatMul(q, turned)
        mask = Unsqueeze(m, axes)
        y = Add(s, mask)
    }"""


def test_a_concat_of_past_and_new_joins_two_dimensions_and_ties_the_mask(tmp_path):
    found = of(tmp_path, PAST)
    # 2 heads * 16 for each new token and each of past + seq
    assert texts(found)["macs"] == "32*batch*seq^2 + 32*batch*seq*past" or texts(found)["macs"] == (
        "32*batch*past*seq + 32*batch*seq^2"
    )
    assert {name for tied in found.tied.values() for name in tied} == {"total"}
    assert set(found.tied) == {"batch", "past", "seq"}
    assert found.formulas["macs"].spans["past"].least == 0


def test_dimensions_that_the_graph_equates_vary_together(tmp_path):
    found = of(tmp_path, "g (float[left, 8] a, float[right, 8] b) => (float[n, 8] y) { y = Add(a, b) }")
    assert found.tied == {"left": ("right",)}
    assert texts(found)["read_bytes"] == "64*left"


def test_a_dimension_without_effect_drops_out(tmp_path):
    found = of(tmp_path, "g (float[n, 8] a, float[other, 2] b) => (float[n, 8] y) { y = Neg(a) }")
    assert list(found.tied) == ["n"]
    assert found.idle == ("other",)


def test_a_dimension_that_a_weight_fixes_is_said_to_be_fixed(tmp_path):
    text = "g (float[n, width] x) => (float[n, 3] y) <float[48, 3] w> { y = MatMul(x, w) }"
    found = of(tmp_path, text)
    assert found.fixed == ("width",)
    assert texts(found)["macs"] == "144*n"


def test_an_unknown_operator_has_no_formula(tmp_path):
    text = """g (float[n, 8] x) => (float[n, 8] y) { z = my.domain.Mystery(x)  y = Neg(z) }"""
    found = of(tmp_path, text)
    assert found.unknown == ("macs",)
    assert texts(found)["macs"] is None
    assert texts(found)["read_bytes"] == "64*n"  # the file declares its result: 8 floats a row in, and again by Neg


def test_where_nothing_is_known_nothing_is_looked_for(tmp_path):
    found = of(tmp_path, "g (float[n, 8] x) => (float[m, 8] y) { z = my.domain.Mystery(x)  y = my.domain.Other(z) }")
    assert found.unknown == ("macs", "read_bytes", "weight_bytes", "write_bytes")
    assert set(texts(found).values()) == {None}
    assert found.bindings < 6


def test_a_model_without_dimensions_is_a_constant(tmp_path):
    found = of(tmp_path, "g (float[3, 8] x) => (float[3, 2] y) <float[8, 2] w> { y = MatMul(x, w) }")
    assert texts(found)["macs"] == "48"
    assert found.tied == {}


def test_six_dimensions_take_few_bindings(tmp_path):
    terms = "\n".join(f"y{i} = MatMul(a{i}, b{i})" for i in range(3))
    inputs = ", ".join(f"float[m{i}, 8, 4] a{i}, float[n{i}, 1, 4, 2] b{i}" for i in range(3))
    outputs = ", ".join(f"float[p{i}, q{i}, 8, 2] y{i}" for i in range(3))
    found = of(tmp_path, f"g ({inputs}) => ({outputs}) {{ {terms} }}")
    assert len(found.tied) == 6
    # 8 * 4 * 2 for each pair
    assert texts(found)["macs"] == "64*m0*n0 + 64*m1*n1 + 64*m2*n2"
    assert found.bindings < 120


def test_formulas_hold_wherever_the_model_is_counted(tmp_path):
    path = saved(tmp_path, ATTENTION)
    found = formulas(load(path), {}, lambda dims: load(path, dims=dims)).formulas
    for binding in ({"batch": 7, "seq": 50}, {"batch": 40, "seq": 177}):
        (counted,) = run_study([path], None, dims=binding).models
        for quantity, formula in found.items():
            if all(span.least <= binding[name] <= span.most for name, span in formula.spans.items()):
                assert formula.polynomial([binding[name] for name in formula.spans]) == getattr(
                    counted.totals, quantity
                )


def test_a_precision_is_in_the_formula(tmp_path):
    text = "g (float[n, 64] x) => (float[n, 32] y) <float[64, 32] w> { y = MatMul(x, w) }"
    (entry,) = run_study([saved(tmp_path, text)], None, formula=True, precision="w8a16").models
    assert texts(entry.formulas)["read_bytes"] == "128*n + 2048"


def test_a_binding_that_contradicts_the_model_is_passed_over(tmp_path):
    path = saved(tmp_path, "g (float[height, 8] x) => (float[height, 8] y) { y = Neg(x) }")

    def only_even(dims):
        if dims.get("height", 0) % 2:
            raise ModelError.at("height", "odd", code="M301")
        return load(path, dims=dims)

    found = formulas(load(path), {}, only_even)
    assert steps(found, "read_bytes") == {"height": 2}
    assert texts(found)["read_bytes"] == "32*height"
    with pytest.raises(ModelError):
        only_even({"height": 3})
