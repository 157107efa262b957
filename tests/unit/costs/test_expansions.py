"""Fused operators against the standard ones that they stand for: the same work, or a difference that is explained."""

from __future__ import annotations

from collections import Counter

import pytest

from onnxroof.costs.table import cost_table
from onnxroof.ir.op import OpKind
from onnxroof.ir.workload import Workload
from tests.oracles.tiny import workload

MS = "com.microsoft"


def totals(loaded: Workload) -> Counter[str]:
    """MACs, vector operations and special operations by name, of everything that runs."""
    table = cost_table(loaded)
    assert table.is_known.all(), [c.reason for c in table.costs if c.reason]
    found: Counter[str] = Counter()
    for cost in table.costs:
        assert cost.work is not None
        found.update({"macs": cost.work.macs, "vector": cost.work.vector_ops, **cost.work.special})
    return +found


def moved(loaded: Workload) -> int:
    """Bytes read and written."""
    return sum(cost.read_bytes + cost.write_bytes for cost in cost_table(loaded).costs)


def graph(signature: str, weights: str, body: str) -> Workload:
    return workload(f"g {signature} <{weights}> {{ {body} }}")


# Name, signature, weights, the fused form, its expansion, and by how much the expansion's work is larger.
SAME: dict[str, int] = {}
CASES = [
    (
        "BiasGelu", "(float[2, 3, 8] x) => (float[2, 3, 8] y)", "float[8] b",
        "y = com.microsoft.BiasGelu(x, b)", "s = Add(x, b) y = Gelu(s)", SAME,
    ),
    (
        "FastGelu", "(float[2, 3, 8] x) => (float[2, 3, 8] y)", "float[8] b",
        "y = com.microsoft.FastGelu(x, b)", 's = Add(x, b) y = Gelu <approximate = "tanh"> (s)', SAME,
    ),
    (
        "QuickGelu", "(float[2, 3, 8] x, float a) => (float[2, 3, 8] y)", "",
        "y = com.microsoft.QuickGelu(x)", "z = Mul(x, a) s = Sigmoid(z) y = Mul(x, s)", SAME,
    ),
    (
        "BiasSplitGelu", "(float[2, 3, 8] x) => (float[2, 3, 4] y)", "float[8] b",
        "y = com.microsoft.BiasSplitGelu(x, b)",
        "s = Add(x, b) l, r = Split <axis = -1, num_outputs = 2> (s) g = Gelu(r) y = Mul(l, g)", SAME,
    ),
    # the activation's scale is 1, so the multiplication by it, which Swish counts, is the expansion's own
    (
        "SwiGLU", "(float[2, 3, 8] x, float a) => (float[2, 3, 4] y)", "",
        "y = com.microsoft.SwiGLU(x)",
        "g, u = Split <axis = -1, num_outputs = 2> (x) z = Mul(g, a) s = Sigmoid(z) t = Mul(g, s) y = Mul(t, u)", SAME,
    ),
    (
        "SkipLayerNormalization", "(float[2, 3, 8] x, float[2, 3, 8] s) => (float[2, 3, 8] y)",
        "float[8] g, float[8] h, float[8] b",
        "y = com.microsoft.SkipLayerNormalization(x, s, g, h, b)",
        "t = Add(x, s) u = Add(t, b) y = LayerNormalization(u, g, h)", SAME,
    ),
    (
        "SkipSimplifiedLayerNormalization", "(float[2, 3, 8] x, float[2, 3, 8] s) => (float[2, 3, 8] y)", "float[8] g",
        "y = com.microsoft.SkipSimplifiedLayerNormalization(x, s, g)", "t = Add(x, s) y = RMSNormalization(t, g)", SAME,
    ),
    (
        "EmbedLayerNormalization",
        "(int32[2, 3] ids, int32[2, 3] kinds, int32[3] places) => (float[2, 3, 8] y)",
        "float[50, 8] w, float[9, 8] p, float[2, 8] k, float[8] g, float[8] h",
        "y, m = com.microsoft.EmbedLayerNormalization(ids, kinds, w, p, k, g, h)",
        "a = Gather(w, ids) b = Gather(p, places) c = Gather(k, kinds) d = Add(a, b) e = Add(d, c) "
        "y = LayerNormalization(e, g, h)", SAME,
    ),
    # per head of 4: the branches are a dimension of their own
    (
        "BranchwiseRMSNorm", "(float[2, 3, 8] x) => (float[2, 3, 2, 4] y)", "float[4] g, int64[4] shape = {0, 0, 2, 4}",
        "t = com.microsoft.BranchwiseRMSNorm <num_branches = 2> (x, g) y = Reshape(t, shape)",
        "t = Reshape(x, shape) y = RMSNormalization(t, g)", SAME,
    ),
    (
        "GatedRMSNorm", "(float[2, 3, 2, 4] x, float[2, 3, 2, 4] z, float a) => (float[2, 3, 2, 4] y)", "float[4] g",
        "y = com.microsoft.GatedRMSNorm(x, g, z)",
        "n = RMSNormalization(x, g) za = Mul(z, a) s = Sigmoid(za) w = Mul(z, s) y = Mul(n, w)", SAME,
    ),
    (
        "GroupNorm", "(float[2, 5, 7, 8] x, float a) => (float[2, 5, 7, 8] y)",
        "float[8] g, float[8] b, float[2, 8, 5, 7] n",
        "y = com.microsoft.GroupNorm <groups = 4, activation = 1> (x, g, b)",
        "t = Transpose <perm = [0, 3, 1, 2]> (x) n = GroupNormalization <num_groups = 4> (t, g, b) z = Mul(n, a) "
        "s = Sigmoid(z) w = Mul(n, s) y = Transpose <perm = [0, 2, 3, 1]> (w)", SAME,
    ),
    # the second half comes negated: 2*4*3*3 of the elements; the runtime subtracts them instead
    (
        "RotaryEmbedding",
        "(float[2, 4, 3, 6] x, int64[2, 3] ids, float[2, 1, 3, 6] c, float[2, 1, 3, 6] s) => (float[2, 4, 3, 6] y)",
        "float[9, 3] ct, float[9, 3] st",
        "y = com.microsoft.RotaryEmbedding(x, ids, ct, st)",
        "l, r = Split <axis = -1, num_outputs = 2> (x) m = Neg(r) t = Concat <axis = -1> (m, l) "
        "a = Mul(x, c) b = Mul(t, s) y = Add(a, b)", {"vector": 72},
    ),
    (
        "GatedAdd", "(float[2, 3, 8] x, float[2, 3, 8] z, float[2, 3, 1] g) => (float[2, 3, 8] y)", "",
        "y = com.microsoft.GatedAdd(x, z, g)", "t = Mul(z, g) y = Add(x, t)", SAME,
    ),
    (
        "HyperConnectionPreMix", "(float[2, 3, 4, 8] x, float[2, 3, 4, 1] m) => (float[2, 3, 8] y)",
        "int64[1] axes = {2}",
        "y = com.microsoft.HyperConnectionPreMix(x, m)",
        "t = Mul(x, m) y = ReduceSum <keepdims = 0> (t, axes)", SAME,
    ),
    (
        "HyperConnectionPostMix",
        "(float[2, 3, 4, 8] x, float[2, 3, 1, 8] b, float[2, 3, 4, 1] p, float[2, 3, 4, 4] m) => (float[2, 3, 4, 8] y)",
        "int64[1] axes = {2}",
        "c = Squeeze(b, axes) y = com.microsoft.HyperConnectionPostMix(x, c, p, m)",
        "t = Transpose <perm = [0, 1, 3, 2]> (m) u = MatMul(t, x) v = Mul(b, p) y = Add(u, v)", SAME,
    ),
    # contractions
    (
        "FusedConv", "(float[2, 4, 9, 8] x, float[2, 6, 7, 7] z) => (float[2, 6, 7, 7] y)",
        "float[6, 4, 3, 2] w, float[6] b",
        'y = com.microsoft.FusedConv <activation = "Relu"> (x, w, b, z)', "c = Conv(x, w, b) s = Add(c, z) y = Relu(s)",
        SAME,
    ),
    (
        "NhwcConv", "(float[2, 9, 8, 4] x) => (float[2, 7, 7, 6] y)", "float[6, 4, 3, 2] w, float[6] b",
        "y = com.microsoft.NhwcConv(x, w, b)",
        "t = Transpose <perm = [0, 3, 1, 2]> (x) c = Conv(t, w, b) y = Transpose <perm = [0, 2, 3, 1]> (c)", SAME,
    ),
    # the state before the tokens, as it was: 3 of 3 taps' length
    (
        "CausalConvWithState", "(float[2, 6, 5] x, float[2, 6, 3] s) => (float[2, 6, 5] y)",
        "float[6, 1, 4] w, float[6] b",
        "y, t = com.microsoft.CausalConvWithState(x, w, b, s)",
        "u = Concat <axis = 2> (s, x) y = Conv <group = 6> (u, w, b)", SAME,
    ),
    (
        "FusedMatMul", "(float[2, 8, 3] x, float a) => (float[2, 3, 5] y)", "float[8, 5] w",
        "y = com.microsoft.FusedMatMul <transA = 1, alpha = 0.5> (x, w)",
        "t = Transpose <perm = [0, 2, 1]> (x) m = MatMul(t, w) y = Mul(m, a)", SAME,
    ),
    (
        "FusedGemm", "(float[3, 8] x) => (float[3, 5] y)", "float[8, 5] w, float[5] b",
        'y = com.microsoft.FusedGemm <activation = "Sigmoid"> (x, w, b)', "t = Gemm(x, w, b) y = Sigmoid(t)", SAME,
    ),
    (
        "GemmFastGelu", "(float[2, 3, 8] x) => (float[2, 3, 5] y)", "float[8, 5] w, float[5] b",
        "y = com.microsoft.GemmFastGelu(x, w, b)",
        'm = MatMul(x, w) s = Add(m, b) y = Gelu <approximate = "tanh"> (s)', SAME,
    ),
    # the pairs around the addition are absorbed: of the 2 + 2 + 1 + 4 steps that the operator states, the 1 is left
    (
        "QLinearAdd", "(uint8[2, 15] x, uint8[2, 15] z) => (uint8[2, 15] y)", "float s, uint8 o",
        "y = com.microsoft.QLinearAdd(x, s, o, z, s, o, s, o)",
        "a = DequantizeLinear(x, s, o) b = DequantizeLinear(z, s, o) c = Add(a, b) y = QuantizeLinear(c, s, o)",
        {"vector": -8 * 30},
    ),
    # the integers of a product (30) are converted in the multiplication by the scale, the two scales multiplied once
    (
        "MatMulIntegerToFloat", "(uint8[2, 3, 8] x, float s) => (float[2, 3, 5] y)",
        "int8[8, 5] w, float t, uint8 o, int8 p",
        "y = com.microsoft.MatMulIntegerToFloat(x, w, s, t, o, p)",
        "m = MatMulInteger(x, w, o, p) c = Cast <to = 1> (m) st = Mul(s, t) y = Mul(c, st)", {"vector": 30 + 1},
    ),
    # as before; and 48 elements by one scale and zero point, which take 6 vector ops and 2 DIV themselves
    (
        "DynamicQuantizeMatMul", "(float[2, 3, 8] x) => (float[2, 3, 5] y)", "int8[8, 5] w, float t, int8 p",
        "y = com.microsoft.DynamicQuantizeMatMul(x, w, t, p)",
        "q, s, o = DynamicQuantizeLinear(x) m = MatMulInteger(q, w, o, p) c = Cast <to = 1> (m) st = Mul(s, t) "
        "y = Mul(c, st)", {"vector": 30 + 1 + 6 + 48, "DIV": 2},
    ),
    (
        "MatMulNBits", "(float[3, 64] x) => (float[3, 24] y)",
        "uint8[24, 2, 16] w, float[24, 2] s, int4[64, 24] v, float[2, 24] t",
        "y = com.microsoft.MatMulNBits <K = 64, N = 24, bits = 4, block_size = 32> (x, w, s)",
        "d = DequantizeLinear <axis = 0, block_size = 32> (v, t) y = MatMul(x, d)", SAME,
    ),
    (
        "MatMulNBitsMlp", "(float[3, 64] x, float a) => (float[3, 24] y)",
        "float[64] g, uint8[24, 2, 16] w, float[24, 2] s, uint8[24, 2, 16] v, float[24, 2] t",
        'y = com.microsoft.MatMulNBitsMlp <K = 64, N = 24, block_size = 32, activation = "silu"> '
        "(x, , g, w, s, , v, t)",
        "n = RMSNormalization(x, g) "
        "p = com.microsoft.MatMulNBits <K = 64, N = 24, block_size = 32> (n, w, s) "
        "q = com.microsoft.MatMulNBits <K = 64, N = 24, block_size = 32> (n, v, t) "
        "z = Mul(p, a) u = Sigmoid(z) h = Mul(p, u) y = Mul(h, q)", SAME,
    ),
    (
        "MatMulNBitsQkv", "(float[3, 64] x, float[3, 64] k) => (float[3, 24] q, float[3, 8] r, float[3, 8] v)",
        "float[64] g, uint8[24, 2, 16] a, float[24, 2] s, uint8[8, 2, 16] b, float[8, 2] t",
        "q, r, v = com.microsoft.MatMulNBitsQkv <K = 64, Nq = 24, Nkv = 8, block_size = 32> "
        "(x, k, g, a, s, , b, t, , b, t)",
        "e = Add(x, k) n = RMSNormalization(e, g) "
        "q = com.microsoft.MatMulNBits <K = 64, N = 24, block_size = 32> (n, a, s) "
        "r = com.microsoft.MatMulNBits <K = 64, N = 8, block_size = 32> (n, b, t) "
        "v = com.microsoft.MatMulNBits <K = 64, N = 8, block_size = 32> (n, b, t)", SAME,
    ),
    (
        "RouterGateUpProj", "(float[3, 8] x, float a) => (float[3, 4] r, float[3, 5] y)",
        "float[8, 14] w, int64[3] n = {4, 5, 5}",
        "r, y = com.microsoft.RouterGateUpProj <router_size = 4> (x, w)",
        "m = MatMul(x, w) r, g, u = Split <axis = 1> (m, n) z = Mul(g, a) s = Sigmoid(z) t = Mul(g, s) y = Mul(t, u)",
        SAME,
    ),
    # attention: 2 x 3 heads of 4, 5 queries, 7 keys
    (
        "MultiHeadAttention",
        "(float[2, 5, 12] q, float[2, 7, 12] k, float[2, 7, 12] v, float c) => (float[2, 5, 12] y)",
        "int64[4] heads = {0, 0, 3, 4}, int64[3] flat = {0, 0, 12}",
        "y = com.microsoft.MultiHeadAttention <num_heads = 3> (q, k, v)",
        "a = Reshape(q, heads) b = Reshape(k, heads) d = Reshape(v, heads) e = Transpose <perm = [0, 2, 1, 3]> (a) "
        "f = Transpose <perm = [0, 2, 3, 1]> (b) g = Transpose <perm = [0, 2, 1, 3]> (d) h = MatMul(e, f) i = Mul(h, "
        "c) "
        "j = Softmax(i) l = MatMul(j, g) m = Transpose <perm = [0, 2, 1, 3]> (l) y = Reshape(m, flat)", SAME,
    ),
    # with its projections (8 to 3 x 12), a bias, a mask that is added, and a cache of 2 tokens
    (
        "Attention",
        "(float[2, 5, 8] x, float[2, 2, 3, 2, 4] p, float[2, 1, 5, 7] a, float c) => (float[2, 5, 12] y, float[2, 2, "
        "3, 7, 4] n)",
        "float[8, 36] w, float[36] b, int64[4] heads = {0, 0, 3, 4}, int64[3] flat = {0, 0, 12}, int64[1] front = {0}",
        "y, n = com.microsoft.Attention <num_heads = 3> (x, w, b, , p, a)",
        "t = MatMul(x, w) u = Add(t, b) q, k, v = Split <axis = 2, num_outputs = 3> (u) "
        "qh = Reshape(q, heads) kh = Reshape(k, heads) vh = Reshape(v, heads) qt = Transpose <perm = [0, 2, 1, 3]> "
        "(qh) "
        "kt = Transpose <perm = [0, 2, 1, 3]> (kh) vt = Transpose <perm = [0, 2, 1, 3]> (vh) "
        "pk, pv = Split <axis = 0, num_outputs = 2> (p) pks = Squeeze(pk, front) pvs = Squeeze(pv, front) "
        "kk = Concat <axis = 2> (pks, kt) vv = Concat <axis = 2> (pvs, vt) kT = Transpose <perm = [0, 1, 3, 2]> (kk) "
        "h = MatMul(qt, kT) i = Mul(h, c) j = Add(i, a) s = Softmax(j) l = MatMul(s, vv) "
        "m = Transpose <perm = [0, 2, 1, 3]> (l) y = Reshape(m, flat) "
        "ku = Unsqueeze(kk, front) vu = Unsqueeze(vv, front) n = Concat <axis = 0> (ku, vu)", SAME,
    ),
    # 4 query heads on 2 key/value heads of 6: keys and values are spread over the queries by a copy
    (
        "GroupQueryAttention",
        "(float[2, 1, 24] q, float[2, 1, 12] k, float[2, 1, 12] v, float[2, 2, 7, 6] pk, float[2, 2, 7, 6] pv, "
        "int32[2] l, float c) => (float[2, 1, 24] y, float[2, 2, 8, 6] nk, float[2, 2, 8, 6] nv)",
        "int64[4] qs = {0, 0, 4, 6}, int64[4] ks = {0, 0, 2, 6}, int64[3] flat = {0, 0, 24}, int64[1] two = {2}, "
        "int64[5] wide = {2, 2, 2, 8, 6}, int64[4] rows = {2, 4, 8, 6}, int32 t = {8}",
        "y, nk, nv = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (q, k, v, pk, pv, l, t)",
        "qh = Reshape(q, qs) kh = Reshape(k, ks) vh = Reshape(v, ks) qt = Transpose <perm = [0, 2, 1, 3]> (qh) "
        "kt = Transpose <perm = [0, 2, 1, 3]> (kh) vt = Transpose <perm = [0, 2, 1, 3]> (vh) "
        "nk = Concat <axis = 2> (pk, kt) nv = Concat <axis = 2> (pv, vt) "
        "ku = Unsqueeze(nk, two) ke = Expand(ku, wide) kr = Reshape(ke, rows) kT = Transpose <perm = [0, 1, 3, 2]> "
        "(kr) "
        "vu = Unsqueeze(nv, two) ve = Expand(vu, wide) vr = Reshape(ve, rows) "
        "h = MatMul(qt, kT) i = Mul(h, c) s = Softmax(i) o = MatMul(s, vr) m = Transpose <perm = [0, 2, 1, 3]> (o) "
        "y = Reshape(m, flat)", SAME,
    ),
    # 2 sequences of 5 tokens, packed, are a batch of 2
    (
        "PackedMultiHeadAttention",
        "(float[10, 12] q, float[10, 12] k, float[10, 12] v, int32[2, 5] o, int32[3] n) => (float[10, 12] y)",
        "int64[3] batch = {2, 5, 12}, int64[2] flat = {10, 12}",
        "y = com.microsoft.PackedMultiHeadAttention <num_heads = 3> (q, k, v, , o, n)",
        "a = Reshape(q, batch) b = Reshape(k, batch) c = Reshape(v, batch) "
        "d = com.microsoft.MultiHeadAttention <num_heads = 3> (a, b, c) y = Reshape(d, flat)", SAME,
    ),
    # 6 tokens to both of 2 experts: their products, Relu, weights by the router, one sum
    (
        "MoE", "(float[6, 8] x, float[6, 2] r) => (float[6, 8] y)",
        "float[2, 10, 8] e, float[2, 8, 10] f, float[8, 10] a, float[10, 8] b, float[8, 10] c, float[10, 8] d, "
        "int64[1] k = {2}",
        "y = com.microsoft.MoE <k = 2> (x, r, e, , f)",
        "p = Softmax(r) t, i = TopK(p, k) u, v = Split <axis = 1, num_outputs = 2> (t) "
        "m = MatMul(x, a) n = Relu(m) o = MatMul(n, b) q = Mul(o, u) "
        "s = MatMul(x, c) w = Relu(s) z = MatMul(w, d) h = Mul(z, v) y = Add(q, h)", SAME,
    ),
    (
        "GemmaRotaryEmbedding",
        "(float[2, 3, 6] e, float16[2, 4, 3, 6] q, float16[2, 4, 3, 6] r, float16[2, 4, 3, 6] k, float16[2, 4, 3, 6] "
        "s) => "
        "(float16[2, 4, 3, 6] y, float16[2, 4, 3, 6] z)", "int64[1] one = {1}",
        "y, z = com.microsoft.GemmaRotaryEmbedding(e, q, r, k, s)",
        "a = Sin(e) b = Cast <to = 10> (a) c = Cos(e) d = Cast <to = 10> (c) bu = Unsqueeze(b, one) du = Unsqueeze(d, "
        "one) "
        "f = Mul(q, du) g = Mul(r, bu) y = Add(f, g) h = Mul(k, du) i = Mul(s, bu) z = Add(h, i)", SAME,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("signature", "weights", "fused", "expanded", "more"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_fused_operator_does_the_work_of_its_expansion(signature, weights, fused, expanded, more):
    one, many = graph(signature, weights, fused), graph(signature, weights, expanded)
    difference = Counter(totals(many))
    difference.subtract(totals(one))
    assert {name: count for name, count in difference.items() if count} == more
    if not any(op.domain for op in many.ops):  # packed tokens have offsets besides
        assert moved(one) <= moved(many)


def test_every_case_is_one_operator_against_others():
    for name, signature, weights, fused, _, _ in CASES:
        ops = [op for op in graph(signature, weights, fused).ops if op.domain == MS]
        assert [op.op_type for op in ops] == [name]
        assert ops[0].disposition is not OpKind.CONSTANT
