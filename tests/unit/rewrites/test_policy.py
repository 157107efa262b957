"""The grammar of precision policies."""

import pytest

from onnxroof.dtypes import BlockScale, DType
from onnxroof.errors import UsageError
from onnxroof.rewrites.policy import Format, Policy, parse_policy

HALF, BRAIN, INT8 = Format(DType.FLOAT16), Format(DType.BFLOAT16), Format(DType.INT8)
INT4 = Format(DType.INT4, BlockScale(128, 16))
MXFP4 = Format(DType.FLOAT4E2M1, BlockScale(32, 8))
FP8 = Format(DType.FLOAT8E4M3FN)


@pytest.mark.parametrize(
    ("text", "weights", "activations", "cache", "rest"),
    [
        ("w4a16", INT4, HALF, HALF, DType.FLOAT16),
        ("w8a8", INT8, INT8, HALF, DType.FLOAT16),
        ("w4a16kv8", INT4, HALF, INT8, DType.FLOAT16),
        ("w4abf16kv8", INT4, BRAIN, INT8, DType.BFLOAT16),
        ("w4", INT4, HALF, HALF, DType.FLOAT16),
        ("kv8", HALF, HALF, INT8, DType.FLOAT16),
        ("wfp8afp8kvfp8", FP8, FP8, FP8, DType.FLOAT16),
        ("wmxfp4abf16", MXFP4, BRAIN, BRAIN, DType.BFLOAT16),
        ("w8a32", INT8, Format(DType.FLOAT), Format(DType.FLOAT), DType.FLOAT),
        ("mxfp4", MXFP4, MXFP4, MXFP4, DType.FLOAT16),
        (" W4A16 ", INT4, HALF, HALF, DType.FLOAT16),
    ],
)
def test_parts_and_what_is_left_out(text, weights, activations, cache, rest):
    expected = Policy(text=text.strip().lower(), weights=weights, activations=activations, cache=cache, rest=rest)
    assert parse_policy(text) == expected
    assert not expected.is_whole


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("fp32", DType.FLOAT),
        ("fp16", DType.FLOAT16),
        ("bf16", DType.BFLOAT16),
        ("int16", DType.INT16),
        ("int8", DType.INT8),
    ],
)
def test_a_type_is_for_the_whole_model(text, dtype):
    policy = parse_policy(text)
    assert policy == Policy.whole(dtype, text)
    assert policy.is_whole


def test_as_is_is_no_policy():
    assert parse_policy("as-is") is None


@pytest.mark.parametrize("text", ["", "int3", "w4b16", "a16w4", "w4 a16", "w4a16kv8x", "fp64", "wa16"])
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(UsageError) as caught:
        parse_policy(text)
    (fault,) = caught.value.diagnostics
    assert fault.where == f"--precision {text}"
    for word in ("as-is", "w4a16kv8", "mxfp4", "nvfp4", "bf16"):
        assert word in fault.hint


@pytest.mark.parametrize(
    ("text", "bits"), [("mxfp4", 4.25), ("mxfp6", 6.25), ("mxfp8", 8.25), ("nvfp4", 4.5), ("int4", 4.125), ("fp8", 8)]
)
def test_bits_an_element_with_the_scales_of_its_block(text, bits):
    form = parse_policy(text).weights
    scale_bytes = form.scale.bytes(4096) if form.scale else 0
    # e.g. 4096 elements of 4 bits and 128 scales of a byte: 2,176 B = 4.25 bits each
    assert (4096 * form.dtype.bits // 8 + scale_bytes) * 8 / 4096 == bits
