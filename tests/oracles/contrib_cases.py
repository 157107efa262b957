"""What the rules of com.microsoft's other operators must say, by hand as in `rule_cases.py`; and all together."""

from __future__ import annotations

from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from tests.oracles.build import T
from tests.oracles.contrib_cases_attention import CACHED, PROJECTED, ROTATIONS
from tests.oracles.contrib_cases_states import INDEXERS, STATES
from tests.oracles.rule_cases import BOOL, CASES, F16, I32, I64, MS, SCALAR, U8, Case, N, S, q

__all__ = ["ALL_CASES", "CONTRIB_CASES", "CONTRIB_CONTRACTIONS", "CONTRIB_CONVOLUTIONS", "CONTRIB_NORMALIZATIONS"]

NCHWC = "com.microsoft.nchwc"
BF16, U32, F8 = DType.BFLOAT16, DType.UINT32, DType.FLOAT8E4M3FN
MOVE, VIEW = OpKind.MOVE, OpKind.VIEW
_SWISH = {"EXP": N, "DIV": N}

DENSE = [
    Case("ScaledSiLU", [S], [S], domain=MS, vector=4 * N, special=_SWISH),
    Case("SwiGLU", [S, S], [S], domain=MS, vector=5 * N, special=_SWISH),
    # both halves in one, clamped, with a beta
    Case("SwiGLU", [(2, 3, 10)], [S], {"limit": 7.0, "activation_beta": 1.0}, MS, vector=9 * N, special=_SWISH,
         nest=False),
    Case("GatedAdd", [S, S, (2, 3, 1)], [S], domain=MS, vector=2 * N),
    # 6 rows of 4
    Case("GatedAdd", [S, S, (2, 3, 4), (4, 1)], [S], domain=MS, macs=24, vector=2 * 6 + 2 * N,
         special={"EXP": 6, "DIV": 6}, nest=False),
    Case("ComplexMul", [(3, 5, 2), (1, 5, 2)], [(3, 5, 2)], domain=MS, vector=3 * N),
    Case("ComplexMulConj", [(3, 5, 2), (3, 1, 2)], [(3, 5, 2)], domain=MS, vector=3 * N),
    Case("IsAllFinite", [S, (7,)], [T((), BOOL)], domain=MS, vector=2 * 37, nest=False),
    Case("BiasDropout", [S, (5,), S], [S], domain=MS, vector=2 * N),
    Case("BiasDropout", [S, (5,)], [S, T(S, BOOL)], domain=MS, vector=N, nest=False),
    Case("BitmaskBiasDropout", [S, (5,)], [S, T((1,), U32)], domain=MS, vector=N, nest=False),
    Case("BitmaskDropout", [S], [S], domain=MS, kind=VIEW, reads=0, writes=0, nest=False),
    Case("BitmaskDropout", [S], [S, T((1,), U32)], domain=MS, kind=MOVE, reads=0, writes=4, nest=False),
    Case("SampleOp", [S], [S], domain=MS, kind=VIEW, reads=0, writes=0, nest=False),
    Case("MurmurHash3", [T(S, I32)], [T(S, U32)], domain=MS, vector=16 * N),
    Case("MurmurHash3", [T(S, I64)], [T(S, U32)], domain=MS, vector=23 * N),
    Case("QOrderedGelu", [q(S), SCALAR, SCALAR], [q(S)], domain=MS, vector=8 * N, special={"ERF": N}),
    Case("QuantizeWithOrder", [S, SCALAR], [q(S)], {"order_input": 1, "order_output": 1}, MS, vector=2 * N,
         special={"DIV": N}, nest=False),
    Case("DequantizeWithOrder", [q(S), SCALAR], [S], {"order_input": 1, "order_output": 1, "to": 1}, MS, vector=N,
         nest=False),
    # 12 rows of 5
    Case("BranchwiseRMSNorm", [(2, 3, 10), (5,)], [(2, 3, 10)], {"num_branches": 2}, MS, vector=3 * 60 + 12 + 60,
         special={"SQRT": 12, "DIV": 24}, nest=False),
    Case("GatedRMSNorm", [(2, 3, 10), (5,), (2, 3, 10)], [(2, 3, 10)], domain=MS,
         vector=3 * 60 + 12 + 2 * 60 + 4 * 60, special={"SQRT": 12, "DIV": 24 + 60, "EXP": 60}, nest=False),
    # as EmbedLayerNormalization; 3 x 30 gathered and 10 further elements dequantized
    Case(
        "QEmbedLayerNormalization",
        [
            T((2, 3), I32), T((2, 3), I32), *[T((rows, 5), U8) for rows in (50, 9, 8)], T((5,), U8), T((5,), U8), None,
            *[SCALAR] * 5, *[T((), U8)] * 5,
        ],
        [S, T((2,), I32)],
        domain=MS,
        vector=9 * N + 6 + 2 * (3 * N + 10),
        special={"SQRT": 6, "DIV": 18},
        reads=24 + 24 + 30 + 15 + 30 + 5 + 5 + 20 + 5,
        nest=False,
    ),
    # 4 queries, 6 keys
    Case("RelativePositionBias", [(32, 3), T((), I64, value=4), T((), I64, value=6)], [(1, 3, 4, 6)],
         {"max_distance": 128}, MS, vector=7 * 24, special={"LOG": 24, "DIV": 24}, reads=4 * 96, nest=False),
    # 30 vectors of 4 by 8 columns; 2 sigmoids a vector
    Case(
        "GatedRelativePositionBias",
        [(2, 5, 12), (12,), (1, 3, 5, 5), (4, 8), (8,), (1, 3, 1, 1)],
        [(2, 3, 5, 5)],
        {"num_heads": 3},
        MS,
        macs=30 * 4 * 8,
        vector=120 + 30 * 8 + 30 * 8 + 30 * (2 * 2 + 4) + 150,
        special={"EXP": 60, "DIV": 60},
        nest=False,
    ),
    Case("RemovePadding", [S, T((2,), I32)], [(6, 5), T((2, 3), I32), T((3,), I32), T((1,), I32)], domain=MS, kind=MOVE,
         nest=False),
    Case("RestorePadding", [(4, 5), T((2, 3), I32)], [S], domain=MS, kind=MOVE, nest=False),
    Case("Pad", [(2, 5), T((4,), I64, value=[0, 2, 1, 3])], [(3, 10)], domain=MS, kind=MOVE, reads=40),
    Case("UnfoldTensor", [(2, 9, 5)], [(2, 3, 5, 4)], {"dim": 1, "size": 4, "step": 2}, MS, kind=MOVE,
         reads=4 * 2 * 8 * 5, nest=False),
    Case("TorchEmbedding", [(9, 5), T((2, 3), I64)], [S], domain=MS, kind=MOVE, reads=120 + 48, nest=False),
]  # fmt: skip

STREAMS = [
    # 4 streams of 5 in 6 rows
    Case("HyperConnectionPreMix", [(2, 3, 4, 5), (2, 3, 4)], [S], {"reduction_scale": 0.5}, MS, vector=120 + 120 + 30,
         nest=False),
    Case("HyperConnectionPostMix", [(2, 3, 4, 5), S, (2, 3, 4), (2, 3, 4, 4)], [(2, 3, 4, 5)], domain=MS, macs=120 * 4,
         vector=240, nest=False),
    # 6 rows of 4 x 5: prologue, norms of 24 streams, rank 6, a gate an element, reduction by 4, 24 gates
    Case(
        "HyperConnectionLowRankMix",
        [(2, 3, 20), (20,), (20, 6), (6, 20), (20, 4), S, (2, 3, 4)],
        [S, (2, 3, 4), (2, 3, 20)],
        {"num_branches": 4},
        MS,
        macs=6 * (20 * 6 + 6 * 20 + 20 * 4),
        vector=2 * 120 + (3 * 120 + 24 + 120) + 4 * 36 + 2 * 120 + (120 + 120) + 24 * 3,
        special={"SQRT": 24, "DIV": 48 + 36 + 120 + 48, "EXP": 36 + 120 + 24},
        nest=False,
    ),
    # 24 rows of 5: norms of keys, queries and results; 24 gates
    Case(
        "EngramGate",
        [(2, 3, 4, 5), (2, 3, 4, 5), S, (4, 5), (4, 5), (4, 5)],
        [(2, 3, 4, 5), (2, 3, 4, 5)],
        domain=MS,
        vector=3 * (4 * 120 + 24) + 2 * 120 + 24 * (5 + 2) + 120,
        special={"SQRT": 3 * 24 + 24, "DIV": 3 * 48 + 24, "EXP": 24},
        nest=False,
    ),
    # 10 tokens: 3 mul, 2 xor; 4 heads each: modulo and offset
    Case(
        "NGramHashMapping",
        [T((2, 5), I64), T((3,), I64), T((4,), I64), None, T((4,), I64)],
        [T((2, 5, 4), I64)],
        {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0},
        MS,
        vector=10 * 5 + 40 * 3,
        special={"DIV": 40},
        nest=False,
    ),
    Case(
        "VarlenNGramHashMapping",
        [T((7,), I64), T((3,), I64), T((4,), I64), T((3,), I32)],
        [T((7, 4), I64)],
        {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0},
        MS,
        vector=7 * 5 + 28 * 2,
        special={"DIV": 28},
        nest=False,
    ),
    # 2 x 4 trigrams, of which 2 tokens are compared
    Case("NGramRepeatBlock", [T((2, 6), I64), (2, 9)], [(2, 9)], {"ngram_size": 3}, MS, vector=16, nest=False),
    Case("BifurcationDetector", [*[T((n,), I64) for n in (6, 4, 1, 7)]], [T((11,), I64), T((1,), I64)], domain=MS,
         vector=7 + 6 * (1 + 2 + 3), nest=False),
    Case(
        "SpeculativePrefixCommit",
        [T((2, 8), I64), T((2, 8), I64), T((2,), I32), *[T((2, n), I64) for n in (16, 2, 16)], T((2,), I64)],
        [T((2,), I32), T((2, 16), I64), T((2, 2), I64)],
        domain=MS,
        vector=16,
        nest=False,
    ),
]  # fmt: skip

_NBITS = {"K": 8, "N": 4, "block_size": 4}
CONTRIB_CONTRACTIONS = [
    Case("GemmFastGelu", [(2, 4, 3), (3, 5), (5,)], [(2, 4, 5)], domain=MS, macs=120, vector=9 * 40,
         special={"TANH": 40}),
    Case("GemmFloat8", [T((4, 3), F8), T((5, 3), F8), None, *[SCALAR] * 3], [(4, 5)],
         {"transB": 1, "activation": "GELU"}, MS, macs=60, vector=(3 + 4) * 20, special={"ERF": 20}),
    # 8 bits of 2 bytes, 4-bit floats with a scale for each 4
    Case("MatMulBlockQuantizedFp4Weight", [T((3, 8), F16), T((4, 4), U8), T((4, 2), U8), SCALAR, None, T((4,), F16)],
         [T((3, 4), F16)], {"block_size": 4}, MS, macs=96, vector=32 + 12),
    Case("MatMulBlockQuantizedFp8Weight", [T((3, 8), F16), T((4, 8), F8), (4, 2), SCALAR], [T((3, 4), F16)],
         {"block_size": 4}, MS, macs=96, vector=32 + 2 * 24, special={"DIV": 24}),
]  # fmt: skip

PACKED = [
    Case("MatMulFpQ4", [(5, 64), T((960,), U8), T((2,), I64, value=[64, 24])], [(5, 24)], domain=MS, macs=5 * 64 * 24,
         vector=64 * 24, reads=1280 + 960, nest=False),
    Case("MatMulPacked", [(2, 3, 8), T((4, 5), U8), SCALAR], [(2, 3, 4)],
         {"K": 8, "N": 4, "packed_type": 16, "activation_type": "relu2"}, MS, macs=192, vector=32 + 24 * 3, nest=False),
    # 3 rows of 8: skip, norm and scale; two products by 4; a bias; silu and product
    Case(
        "MatMulNBitsMlp",
        [(3, 8), (3, 8), (8,), T((4, 2, 2), U8), (4, 2), (4,), T((4, 2, 2), U8), (4, 2)],
        [(3, 4), (3, 8)],
        {**_NBITS, "activation": "silu"},
        MS,
        macs=2 * 96,
        vector=24 + (3 * 24 + 3) + 24 + 2 * 32 + 12 + 5 * 12,
        special={"SQRT": 3, "DIV": 6 + 12, "EXP": 12},
        nest=False,
    ),
    # 4 + 2 + 2 columns
    Case(
        "MatMulNBitsQkv",
        [
            (3, 8), None, (8,), T((4, 2, 2), U8), (4, 2), None, T((2, 2, 2), U8), (2, 2), None, T((2, 2, 2), U8), (2,
            2),
            (2,),
        ],
        [(3, 4), (3, 2), (3, 2)],
        {"K": 8, "Nq": 4, "Nkv": 2, "block_size": 4},
        MS,
        macs=3 * 8 * 8,
        vector=(3 * 24 + 3) + 24 + 8 * 8 + 6,
        special={"SQRT": 3, "DIV": 6},
        nest=False,
    ),
    # rank 6
    Case(
        "MatMulNBitsQLoRA",
        [(3, 8), T((4, 2, 2), U8), (4, 2), T((6, 2, 4), U8), (6, 2), T((4, 2, 4), U8), (4, 2)],
        [(3, 4)],
        {"K": 8, "N": 4},
        MS,
        macs=3 * (32 + 48 + 24),
        vector=32 + 48 + 24 + 12,
        nest=False,
    ),
    Case("GatherPacked", [T((9, 33), U8), T((2, 3), I64)], [T((2, 3, 64), BF16)], {"K": 64, "packed_type": 16}, MS,
         vector=384, reads=6 * 33 + 48, nest=False),
    # floats of 4 bits: 6 rows of 16 bytes and of 2 scales; nothing to subtract
    Case("GatherBlockQuantized", [T((9, 32), DType.FLOAT4E2M1), T((2, 3), I64), (9, 2)], [(2, 3, 32)],
         {"block_size": 16}, MS, vector=192, reads=6 * 16 + 48 + 6 * 8, nest=False),
    # 5 words with 5 positions, 6 filters of 3 characters of 4; all 9 characters are read
    Case("WordConvEmbedding", [T((5, 7), I32), (6, 1, 3, 4), (6,), (9, 4)], [(5, 6)], domain=MS, macs=150 * 12,
         vector=300, special={"TANH": 150}, nest=False),
    Case("QOrderedMatMul", [q((2, 4, 3)), SCALAR, q((3, 5)), (5,), SCALAR, (5,), q((2, 4, 5)), SCALAR], [q((2, 4, 5))],
         {"order_A": 1, "order_B": 0, "order_Y": 1}, MS, macs=120, vector=(4 + 1 + 2) * 40, nest=False),
]  # fmt: skip

EXPERTS = [
    # 6 tokens, 2 of 4 experts each: 12 routes from 8 to 10 and back; all experts are busy
    Case(
        "MoE",
        [(2, 3, 8), (6, 4), (4, 10, 8), (4, 10), (4, 8, 10), (4, 8)],
        [(2, 3, 8)],
        {"k": 2},
        MS,
        macs=12 * (8 * 10 + 10 * 8),
        vector=3 * 24 + 24 + 12 * 10 + 12 * (10 + 8) + 12 * 8 + 6 * 8,
        special={"EXP": 24, "DIV": 24},
        nest=False,
    ),
    # one token, 2 of 8 experts: a quarter of the weights is read; three products, silu, normalized weights
    Case(
        "MoE",
        [(1, 8), (1, 8), (8, 10, 8), None, (8, 8, 10), None, (8, 10, 8)],
        [(1, 8)],
        {"k": 2, "activation_type": "silu", "normalize_routing_weights": 1},
        MS,
        macs=2 * 3 * 80,
        vector=3 * 8 + 8 + 2 + 5 * 20 + 2 * 8 + 8,
        special={"EXP": 8 + 20, "DIV": 8 + 2 + 20},
        reads=32 + 32 + 3 * 4 * 640 * 2 // 8,
        nest=False,
    ),
    # 3 tokens, 1 of 4 experts: 2*10 columns in one product; three experts of 4-bit weights with a scale a row
    Case(
        "QMoE",
        [(3, 8), (3, 4), T((4, 20, 4), U8), (4, 20), None, T((4, 8, 5), U8), (4, 8)],
        [(3, 8)],
        {"activation_type": "swiglu", "swiglu_fusion": 1},
        MS,
        macs=3 * (8 * 20 + 10 * 8),
        vector=3 * 12 + 12 + 5 * 30 + 3 * 8 + 3 * 240,
        special={"EXP": 12 + 30, "DIV": 12 + 30},
        reads=96 + 48 + (320 + 320 + 160 + 128) * 3 // 4,
        nest=False,
    ),
    Case(
        "MoEPacked",
        [T((3, 8), BF16), T((3, 4), BF16), T((4, 10, 3), U8), T((4, 10, 3), U8), T((4, 8, 4), U8)],
        [T((3, 8), BF16)],
        {"gate_type": 16, "up_type": 16, "down_type": 16},
        MS,
        macs=3 * 3 * 80,
        vector=3 * 12 + 12 + 3 + 5 * 30 + 3 * 8 + 3 * 240,
        special={"EXP": 12 + 30, "DIV": 12 + 3 + 30},
        reads=48 + 24 + (120 + 120 + 128) * 3 // 4,
        nest=False,
    ),
    # 6 tokens, 8 experts in 2 groups: ranked within groups, groups ranked, experts ranked
    Case(
        "MoEGroupRouter",
        [(2, 3, 8), (8,)],
        [(6, 8)],
        {"top_k": 2, "n_group": 2, "topk_group": 1},
        MS,
        vector=3 * 48 + 48 + 48 + 12 + 12,
        special={"EXP": 48, "DIV": 48, "LOG": 12},
        nest=False,
    ),
    Case("MoEGroupRouter", [(6, 16), (8,), (8, 16)], [None, (6, 8), (6, 8)], {"top_k": 2}, MS, macs=48 * 16,
         vector=3 * 48, special={"EXP": 48, "DIV": 48}, nest=False),
    Case("RouterGateUpProj", [(2, 3, 8), (8, 14)], [(2, 3, 4), S], {"router_size": 4}, MS, macs=6 * 8 * 14,
    vector=5 * N,
         special=_SWISH, nest=False),
]  # fmt: skip

# Window 3 x 2, stride 2 x 1 over 7 x 6: 3 x 5 positions
_STRIDED = {"strides": [2, 1], "kernel_shape": [3, 2]}
CONTRIB_CONVOLUTIONS = [
    Case("NhwcConv", [(2, 7, 6, 4), (6, 4, 3, 2), (6,)], [(2, 3, 5, 6)], _STRIDED, MS, macs=180 * 24, vector=180),
    Case("NhwcFusedConv", [(2, 7, 6, 4), (6, 2, 3, 2), (6,), (2, 3, 5, 6)], [(2, 3, 5, 6)],
         {**_STRIDED, "group": 2, "activation": "Relu"}, MS, macs=180 * 12, vector=540),
    Case("Conv", [(2, 8, 7, 6), (16, 8, 3, 2), (16,), (2, 16, 3, 5)], [(2, 16, 3, 5)],
         {**_STRIDED, "activation": "Relu"}, NCHWC, macs=480 * 48, vector=3 * 480),
    # 120 input elements, 18 taps and filters; (5 - 1)*2 + 3 - 2 by 5 + 2
    Case("ConvTransposeWithDynamicPads", [(1, 4, 5, 6), (4, 3, 3, 2), T((4,), I64, value=[1, 0, 1, 0]), (3,)],
         [(1, 3, 9, 7)], {"strides": [2, 1]}, MS, macs=120 * 18, vector=189, reads=4 * (120 + 72 + 3)),
]  # fmt: skip

WINDOWS = [
    Case("NhwcMaxPool", [q((2, 7, 6, 4))], [q((2, 3, 5, 4))], _STRIDED, MS, vector=120 * 6),
    Case("MaxpoolWithMask", [(2, 4, 7, 6), T((2, 4, 7, 6), I32)], [(2, 4, 3, 5)], _STRIDED, MS, vector=2 * 120 * 6,
         nest=False),
    Case("MaxPool", [(2, 8, 7, 6)], [(2, 8, 3, 5)], _STRIDED, NCHWC, vector=240 * 6),
    Case("AveragePool", [(2, 8, 7, 6)], [(2, 8, 3, 5)], _STRIDED, NCHWC, vector=240 * 6, special={"DIV": 240}),
    Case("GlobalMaxPool", [(2, 8, 7, 6)], [(2, 8, 1, 1)], domain=NCHWC, vector=672),
    Case("GlobalAveragePool", [(2, 8, 7, 6)], [(2, 8, 1, 1)], domain=NCHWC, vector=672, special={"DIV": 16}),
    # 28 channels in 32 places
    Case("ReorderInput", [(1, 28, 3, 5)], [(1, 32, 3, 5)], domain=NCHWC, kind=MOVE, nest=False),
    Case("ReorderOutput", [(1, 32, 3, 5)], [(1, 28, 3, 5)], {"channels": 28}, NCHWC, kind=MOVE, reads=1680, nest=False),
    Case("Upsample", [(1, 8, 3, 5)], [(1, 8, 6, 15)], {"scales": [1, 1, 2, 3]}, NCHWC, kind=MOVE, nest=False),
    Case("Upsample", [(1, 8, 3, 5)], [(1, 8, 6, 15)], {"scales": [1, 1, 2, 3], "mode": "linear"}, NCHWC,
         vector=2 * 4 * 720, nest=False),
    Case("Rfft", [(2, 3, 8)], [(2, 3, 5, 2)], {"signal_ndim": 1}, MS, vector=6 * 5 * 8 * 3, nest=False),
    Case("Irfft", [(2, 3, 5, 2)], [(2, 3, 8)], {"signal_ndim": 1}, MS, vector=6 * 5 * 8 * 3, nest=False),
    Case("CDist", [(5, 8), (6, 8)], [(5, 6)], {"metric": "euclidean"}, MS, macs=240, vector=2 * 88 + 4 * 30,
         special={"SQRT": 30}, nest=False),
    # of 3 x 3: 3 DIV, 9 mul, 18 updates
    Case("Inverse", [(2, 3, 3)], [(2, 3, 3)], domain=MS, vector=2 * (9 + 2 * 18), special={"DIV": 6}, nest=False),
    # 5 boxes of 4 + 6 rows and columns, 360 elements of 4 taps; at most the whole image is read
    Case("CropAndResize", [(2, 3, 9, 7), (5, 4), T((5,), I32), T((2,), I32, value=[4, 6])], [(5, 3, 4, 6)], domain=MS,
         vector=2 * 50 + 8 * 360, reads=1512 + 80 + 20, nest=False),
    Case("DynamicTimeWarping", [(3, 4)], [T((2, 6), I32)], domain=MS, vector=3 * 12 + 2 * 6, nest=False),
]  # fmt: skip

CONTRIB_NORMALIZATIONS = [
    Case("BranchwiseRMSNorm", [S, (5,)], [S], domain=MS, vector=3 * N + 6 + N, special={"SQRT": 6, "DIV": 12}),
    # dequantize, gamma, beta, requantize: 1 + 1 + 1 + 3
    Case("QOrderedLayerNormalization", [q(S), SCALAR, (5,), (5,), SCALAR], [q(S)], domain=MS, vector=5 * N + 6 + 6 * N,
         special={"SQRT": 6, "DIV": 18}),
]  # fmt: skip

CONTRIB_CASES = [
    *CACHED, *PROJECTED, *ROTATIONS, *STATES, *INDEXERS, *DENSE, *STREAMS, *CONTRIB_CONTRACTIONS, *PACKED, *EXPERTS,
    *CONTRIB_CONVOLUTIONS, *WINDOWS, *CONTRIB_NORMALIZATIONS,
]  # fmt: skip
ALL_CASES = [*CASES, *CONTRIB_CASES]
