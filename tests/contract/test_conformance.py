"""ONNX's own conformance suite: what its models give is what we infer and count, but for listed reasons."""

import pytest
from oracles.conformance import COLLECTIONS, REASONS, ZERO, cases, faults, undeclared

TEXT = "the size is that of a text or an image, which the graph does not tell"
FLOATS = "limits of a Range that are floats, the first of them an input"
UNDECLARED = {
    **{
        f"test_image_decoder_decode_{kind}_rgb": TEXT
        for kind in ("bmp", "jpeg", "jpeg2k", "png", "pnm", "tiff", "webp")
    },
    "test_image_decoder_decode_jpeg_bgr": TEXT,
    "test_image_decoder_decode_jpeg_grayscale": TEXT,
    **{
        f"test_range_{kind}_type_positive_delta{body}": FLOATS
        for kind in ("float", "float16", "bfloat16")
        for body in ("", "_expanded")
    },
    "test_reduce_sum_empty_set_non_reduced_axis_zero": ZERO,
    "test_regex_full_match_empty": ZERO,
    "test_string_split_basic": TEXT,
    "test_string_split_consecutive_delimiters": TEXT,
    "test_string_split_empty_string_delimiter": TEXT,
    "test_string_split_empty_tensor": ZERO,
    "test_string_split_maxsplit": TEXT,
    "test_string_split_no_delimiter": TEXT,
    "test_tril_zero": ZERO,
    "test_triu_zero": ZERO,
}


@pytest.mark.parametrize("collection", [name for name in COLLECTIONS if name != "node"])
def test_models_of_the_package(collection, tmp_path):
    wrong = {case.name: found for case in cases(collection) if (found := faults(case, tmp_path))}
    assert not wrong


@pytest.mark.exam
def test_every_case_of_an_operator(tmp_path):
    wrong = {case.name: found for case in cases("node") if (found := faults(case, tmp_path))}
    assert {name: found for name, found in wrong.items() if name not in REASONS} == {}
    assert set(wrong) == set(REASONS), "a reason that no case needs"


@pytest.mark.exam
def test_no_case_of_an_operator_needs_the_declared_shape_of_its_outputs(tmp_path):
    wrong = {case.name: found for case in cases("node") if (found := faults(undeclared(case), tmp_path))}
    assert {name: found for name, found in wrong.items() if name not in UNDECLARED} == {}
    assert set(wrong) == set(UNDECLARED), "a reason that no case needs"
