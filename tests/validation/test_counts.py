"""C15 of the enhanced roofline's checklist: one operator of each kind, counted by hand, as the tool counts it."""

import pytest
from oracles.tiny import study

# Inputs, MACs, vector operations, special operations, bytes read, bytes written; FLOAT elements of 4 B.
CASES = {
    # Two groups of 4 of 8 channels, stride 2, padding 1, dilation 2: (9 + 2 - 5) / 2 + 1 = 4 by (11 + 2 - 5) / 2 + 1 =
    # 5 results of 4 x 9 taps, 6 filters, 2 images. Of x only odd rows 1 to 7 and columns 1 to 9 are touched: 4 x 5.
    "conv": (
        "g (float[2,8,9,11] x) => (float[2,6,4,5] y) <float[6,4,3,3] w>"
        " { y = Conv <group = 2, strides = [2,2], pads = [1,1,1,1], dilations = [2,2]> (x, w) }",
        2 * 6 * 4 * 5 * 4 * 9, 0, 0, (2 * 8 * 4 * 5 + 6 * 4 * 9) * 4, 2 * 6 * 4 * 5 * 4,
    ),
    "depthwise": (
        "g (float[1,8,6,6] x) => (float[1,8,4,4] y) <float[8,1,3,3] w> { y = Conv <group = 8> (x, w) }",
        8 * 4 * 4 * 9, 0, 0, (8 * 36 + 8 * 9) * 4, 8 * 16 * 4,
    ),
    # An add of the bias a result.
    "gemm": (
        "g (float[3,5] x) => (float[3,7] y) <float[5,7] w, float[7] b> { y = Gemm (x, w, b) }",
        3 * 5 * 7, 3 * 7, 0, (15 + 35 + 7) * 4, 21 * 4,
    ),
    "batched matmul": (
        "g (float[2,4,3,5] x, float[2,4,5,7] z) => (float[2,4,3,7] y) { y = MatMul (x, z) }",
        8 * 3 * 5 * 7, 0, 0, 8 * (15 + 35) * 4, 8 * 21 * 4,
    ),
    # 2 heads, 3 queries, 6 keys of 4, values of 5: 36 scores. A scale and max, sub, add of the softmax each; EXP, DIV.
    "attention": (
        "g (float[1,2,3,4] q, float[1,2,6,4] k, float[1,2,6,5] v) => (float[1,2,3,5] y) { y = Attention (q, k, v) }",
        36 * (4 + 5), 36 * 4, 36 * 2, 2 * (12 + 24 + 30) * 4, 2 * 15 * 4,
    ),
    # 3 rows of 8: 2 add, 1 sub, 2 mul, scale and bias an element, 1 add a row; SQRT and 3 DIV a row.
    "norm": (
        "g (float[3,8] x) => (float[3,8] y) <float[8] s, float[8] b> { y = LayerNormalization (x, s, b) }",
        0, 24 * 7 + 3, 3 * 4, (24 + 8 + 8) * 4, 24 * 4,
    ),
    "softmax": ("g (float[3,8] x) => (float[3,8] y) { y = Softmax (x) }", 0, 24 * 3, 24 * 2, 24 * 4, 24 * 4),
    # A maximum a tap.
    "pool": (
        "g (float[1,2,6,6] x) => (float[1,2,3,3] y) { y = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x) }",
        0, 2 * 9 * 4, 0, 72 * 4, 18 * 4,
    ),
    "elementwise": ("g (float[3,8] x, float[8] z) => (float[3,8] y) { y = Add (x, z) }", 0, 24, 0, 32 * 4, 24 * 4),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_c15_counts_by_hand(case):
    text, *expected = CASES[case]
    (node,) = study(text).nodes
    found = [node.macs, node.vector_ops, node.special_ops, node.read_bytes, node.write_bytes]
    assert found == expected
