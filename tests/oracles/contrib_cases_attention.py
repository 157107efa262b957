"""What the rules of com.microsoft's attention must say, derived by hand as in `rule_cases.py`."""

from __future__ import annotations

from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from tests.oracles.build import T
from tests.oracles.rule_cases import BOOL, F16, I32, I64, MS, SCALAR, U8, ZERO, Case, q

__all__ = ["CACHED", "PROJECTED", "ROTATIONS", "i32"]

BF16 = DType.BFLOAT16
MOVE = OpKind.MOVE


def soft(scores: int, **more: int) -> dict[str, int]:
    """Special operations of a softmax, and further ones."""
    found = {"EXP": scores, "DIV": scores}
    for name, count in more.items():
        found[name] = found.get(name, 0) + count
    return found


def i32(*shape: int, value: object = None) -> T:
    """An operand of INT32."""
    return T(shape, I32, value=value)


_GROUPED = {"num_heads": 4, "kv_num_heads": 2}
_HEADS = {"num_heads": 3}

# Softmax and scale are 4 vector ops a score.
CACHED = [
    # one new token, 6 of the 9 places of the cache are filled: 2*3*7 = 42 scores of 4 + 4 wide heads
    Case(
        "DecoderMaskedMultiHeadAttention",
        [*[(2, 1, 12)] * 3, None, None, (2, 3, 9, 4), (2, 3, 9, 4), i32(1, value=[6])],
        [(2, 1, 12), (2, 3, 9, 4), (2, 3, 9, 4)],
        {**_HEADS, "past_present_share_buffer": 1},
        MS,
        macs=42 * 8,
        vector=4 * 42,
        special=soft(42),
        reads=3 * 96 + 4 + 2 * 4 * (2 * 3 * 6 * 4),
        writes=96 + 2 * 4 * (2 * 3 * 1 * 4),
    ),
    # all 9 keys of a cross attention: 2*3*9 = 54 scores
    Case(
        "DecoderMaskedMultiHeadAttention",
        [(2, 1, 12), (2, 3, 9, 4), (2, 3, 9, 4)],
        [(2, 1, 12)],
        _HEADS,
        MS,
        macs=54 * 8,
        vector=4 * 54,
        special=soft(54),
    ),
    # 6 tokens of 2 sequences: 3 and 3, 3*(9 + 9) = 54 scores
    Case(
        "PackedMultiHeadAttention",
        [*[(6, 12)] * 3, (36,), i32(2, 3), i32(3)],
        [(6, 12)],
        _HEADS,
        MS,
        macs=54 * 8,
        vector=4 * 54 + 6 * 36,
        special=soft(54),
    ),
    # 7 tokens: at least 4*4 + 3*3 = 25 pairs, 75 scores
    Case(
        "PackedMultiHeadAttention",
        [(7, 3, 3, 4), None, None, None, i32(2, 4), i32(3)],
        [(7, 12)],
        _HEADS,
        MS,
        macs=75 * 8,
        vector=4 * 75,
        special=soft(75),
        nest=False,
    ),
    # 4 queries see 5 keys each, 8 of the 12 together, 4 of which are past: 4*4*5 = 80 scores of 6 + 6
    Case(
        "GroupQueryAttention",
        [(1, 4, 24), (1, 4, 12), (1, 4, 12), (1, 2, 8, 6), (1, 2, 8, 6), i32(1), i32(value=12)],
        [(1, 4, 24), (1, 2, 12, 6), (1, 2, 12, 6)],
        {**_GROUPED, "local_window_size": 5},
        MS,
        macs=80 * 12,
        vector=4 * 80,
        special=soft(80),
        reads=384 + 192 + 192 + 8 + 2 * 4 * (2 * 4 * 6),
        writes=384 + 2 * 4 * (2 * 4 * 6),
    ),
    # a prompt of 4: a window of 2 makes 4*4*2 = 32 scores, that of the first token half empty; all keys are read
    *(
        Case(
            "GroupQueryAttention",
            [(1, 4, 24), (1, 4, 12), (1, 4, 12), None, None, i32(1), i32(value=4)],
            [(1, 4, 24), (1, 2, 4, 6), (1, 2, 4, 6)],
            {**_GROUPED, "local_window_size": window},
            MS,
            macs=scores * 12,
            vector=4 * scores,
            special=soft(scores),
        )
        for window, scores in ((2, 32), (4, 64), (99, 64))
    ),
    # 4 + 2 heads normalized (36 elements), 4 sinks, a cache of int8: 2*12 elements a token, 8 read and 1 written
    Case(
        "GroupQueryAttention",
        [
            (1, 1, 24), (1, 1, 12), (1, 1, 12), q((1, 2, 8, 6)), q((1, 2, 8, 6)), i32(1), i32(value=9), None, None,
            None,
            None, (4,), (1,), (1,), (6,), (6,),
        ],
        [(1, 1, 24), q((1, 2, 9, 6)), q((1, 2, 9, 6))],
        {**_GROUPED, "k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR", "kv_cache_bit_width": 8},
        MS,
        macs=36 * 12,
        vector=4 * 36 + 4 + (3 * 36 + 6 + 36) + 2 * 12 * (8 + 3),
        special=soft(36, EXP=4, SQRT=6, DIV=12),
        reads=96 + 48 + 48 + 8 + 16 + 8 + 48 + 2 * 8 * 12,
        writes=96 + 2 * 12,
        nest=False,
    ),
    # keys of another layer: nothing new, 8 that are there
    Case(
        "GroupQueryAttention",
        [(1, 2, 24), (1, 0, 12), (1, 0, 12), (1, 2, 8, 6), (1, 2, 8, 6), i32(1), i32(value=8)],
        [(1, 2, 24)],
        _GROUPED,
        MS,
        macs=4 * 2 * 8 * 12,
        vector=4 * 64,
        special=soft(64),
        reads=192 + 8 + 2 * 4 * (2 * 8 * 6),
    ),
    # blocks of 2: tokens 4 to 7 are rows 2 and 3 with 1 and 2 blocks: (2*1 + 2*2) * 2 = 12 pairs, 48 scores
    Case(
        "SparseAttention",
        [
            (1, 4, 24), (1, 4, 12), (1, 4, 12), (1, 2, 9, 6), (1, 2, 9, 6), i32(1, 5, value=[[0, 1, 3, 4, 6]]), i32(1,
            6),
            i32(value=8), i32(1),
        ],
        [(1, 4, 24), (1, 2, 9, 6), (1, 2, 9, 6)],
        {**_GROUPED, "sparse_block_size": 2},
        MS,
        macs=48 * 12,
        vector=4 * 48,
        special=soft(48),
        reads=384 + 192 + 192 + 20 + 24 + 4 + 4 + 2 * 4 * (2 * 4 * 6),
        writes=384 + 2 * 4 * (2 * 4 * 6),
        nest=False,
    ),
    # 6 queries with 4 selected keys each: 96 scores; 6*4*2*6 elements exceed the 240 of a cache
    Case(
        "DynamicSparseAttention",
        [
            (2, 3, 24), (2, 3, 12), (2, 3, 12), (2, 2, 10, 6), (2, 2, 10, 6), None, None, i32(6, 4), i32(6), i32(2),
            i32(),
        ],
        [(2, 3, 24), (2, 2, 10, 6), (2, 2, 10, 6)],
        _GROUPED,
        MS,
        macs=96 * 12,
        vector=4 * 96,
        special=soft(96),
        reads=576 + 288 + 288 + 96 + 24 + 8 + 4 + 2 * 4 * 240,
        writes=576 + 2 * 4 * (6 * 2 * 6),
        nest=False,
    ),
    # 3 tokens behind 5, 3 behind 2: 3*8 + 3*5 = 39 pairs, 156 scores; 7 tokens read, 6 written
    Case(
        "PagedAttention",
        [
            (6, 24), (6, 12), (6, 12), (5, 4, 2, 6), (5, 4, 2, 6), i32(3), i32(2, value=[5, 2]), i32(2, 3),
        ],
        [(6, 24), (5, 4, 2, 6), (5, 4, 2, 6)],
        _GROUPED,
        MS,
        macs=156 * 12,
        vector=4 * 156,
        special=soft(156),
        reads=576 + 288 + 288 + 12 + 8 + 24 + 2 * 4 * 7 * 12,
        writes=576 + 2 * 4 * 6 * 12,
        nest=False,
    ),
    # one latent cache of 6, values of 4; full pages: 12 tokens a sequence, 9 past: 6*12*4 = 288 scores
    Case(
        "PagedAttention",
        [(6, 24), (6, 6), None, (5, 4, 1, 6), None, i32(3), i32(2), i32(2, 3)],
        [(6, 16), (5, 4, 1, 6)],
        {"num_heads": 4, "kv_num_heads": 1, "kv_cache_layout": "LATENT", "v_head_size": 4},
        MS,
        macs=288 * (6 + 4),
        vector=4 * 288,
        special=soft(288),
        reads=576 + 144 + 12 + 8 + 24 + 4 * 18 * 6,
        writes=384 + 4 * 6 * 6,
        nest=False,
    ),
    # 6 queries with 2 auxiliary keys (shared with the values) and 3 of the window, 2 of them before the new tokens
    Case(
        "DynamicSparseAttention",
        [
            (2, 3, 24), (2, 3, 12), (2, 3, 12), (2, 2, 10, 6), (2, 2, 10, 6), (2, 2, 40, 6), None, i32(6, 2), i32(6),
            i32(2), i32(),
        ],
        [(2, 3, 24), (2, 2, 10, 6), (2, 2, 10, 6)],
        {
            **_GROUPED, "attention_mode": "local_plus_selected", "local_window_size": 3,
            "selected_kv_source": "auxiliary", "auxiliary_kv_shared": 1,
        },
        MS,
        macs=6 * 5 * 4 * 12,
        vector=4 * 120,
        special=soft(120),
        reads=576 + 288 + 288 + 48 + 24 + 8 + 4 + 2 * 4 * (2 * 2 * 12) + 4 * (6 * 2 * 12),
        writes=576 + 2 * 4 * (6 * 2 * 6),
        nest=False,
    ),
    # packed queries, keys and values: (4 + 2*2) * 6; 4 selected and 3 local keys: 6*7*4 = 168 scores
    Case(
        "SparsePagedAttention",
        [
            (6, 48), None, None, (5, 4, 2, 6), (5, 4, 2, 6), i32(3), i32(2), i32(2, 3), None, i32(6, 4), i32(6),
        ],
        [(6, 24), (5, 4, 2, 6), (5, 4, 2, 6)],
        {**_GROUPED, "attention_mode": "local_plus_selected", "local_window_size": 3},
        MS,
        macs=168 * 12,
        vector=4 * 168,
        special=soft(168),
        reads=1152 + 12 + 8 + 24 + 96 + 24 + 2 * 4 * 240,
        writes=576 + 2 * 4 * (6 * 2 * 6),
        nest=False,
    ),
]  # fmt: skip

_BAND = 3 + 4 + 4 * 5 + 4 + 3  # tokens within 2 of each of 8
PROJECTED = [
    # 2*8*36 projected, 2*3*(6 + 1) = 42 scores
    Case(
        "DecoderMaskedSelfAttention",
        [(2, 1, 8), (8, 36), (36,), None, (2, 2, 3, 9, 4), None, i32(1, value=[6])],
        [(2, 1, 12), (2, 2, 3, 9, 4)],
        {**_HEADS, "past_present_share_buffer": 1},
        MS,
        macs=2 * 8 * 36 + 42 * 8,
        vector=72 + 4 * 42,
        special=soft(42),
        reads=64 + 1152 + 144 + 4 + 4 * (2 * 2 * 3 * 6 * 4),
        writes=96 + 4 * (2 * 2 * 3 * 1 * 4),
        nest=False,
    ),
    # zero points of 80 inputs and 288 weights; 2 vector ops for each of 360 projected elements; 150 scores
    Case(
        "QAttention",
        [T((2, 5, 8), U8), q((8, 36)), (36,), SCALAR, SCALAR, None, T((), U8), ZERO],
        [(2, 5, 12)],
        _HEADS,
        MS,
        macs=8 * 360 + 150 * 8,
        vector=80 + 288 + 2 * 360 + 4 * 150,
        special=soft(150),
        nest=False,
    ),
    Case(
        "QOrderedAttention",
        [q((2, 5, 8)), *[SCALAR] * 4, *[q((8, 12))] * 3, *[SCALAR] * 3, *[(12,)] * 3, *[SCALAR] * 3],
        [q((2, 5, 12))],
        {**_HEADS, "order_input": 1, "order_weight": 1, "order_output": 1},
        MS,
        macs=8 * 360 + 150 * 8,
        vector=360 + 4 * 150 + 4 * (360 + 150 + 120),
        special=soft(150),
        nest=False,
    ),
    # 7 tokens of 2 sequences: 25 pairs, 75 scores
    Case(
        "PackedAttention",
        [(7, 8), (8, 36), (36,), i32(2, 4), i32(3), (1, 3, 4, 4)],
        [(7, 12)],
        _HEADS,
        MS,
        macs=7 * 8 * 36 + 75 * 8,
        vector=7 * 36 + 5 * 75,
        special=soft(75),
        nest=False,
    ),
    # 3 tokens behind 6: 2*12*(3 + 2*3) = 216 projected, 2*3*3*9 = 162 scores
    Case(
        "DecoderAttention",
        [
            (3, 2, 12), (3, 2, 12), (12, 12), (12, 24), (36,), None, (2, 3, 6, 4), (2, 3, 6, 4),
            *[T((), BOOL, value=v) for v in (False, True, True, False)],
        ],
        [(3, 2, 12), (2, 3, 9, 4), (2, 3, 9, 4)],
        _HEADS,
        MS,
        macs=216 * 12 + 162 * 8,
        vector=216 + 4 * 162,
        special=soft(162),
        reads=288 + 288 + 576 + 1152 + 144 + 2 * 576,
        writes=288 + 2 * 4 * (2 * 3 * 3 * 4),
        nest=False,
    ),
    # a cross attention whose 6 keys are cached: only 2*12*3 = 72 query elements are projected; 108 scores
    Case(
        "DecoderAttention",
        [
            (3, 2, 12), (6, 2, 12), (12, 12), (12, 24), (36,), None, (2, 3, 6, 4), (2, 3, 6, 4),
            *[T((), BOOL, value=v) for v in (True, True, True, False)],
        ],
        [(3, 2, 12)],
        _HEADS,
        MS,
        macs=72 * 12 + 108 * 8,
        vector=72 + 4 * 108,
        special=soft(108),
        reads=288 + 576 + 144 + 2 * 576,
        nest=False,
    ),
    # 8 tokens, 2 to either side: 34 pairs, 102 scores; 8*36 projected elements
    Case(
        "LongformerAttention",
        [(1, 8, 12), (12, 36), (36,), (1, 8), (12, 36), (36,), i32(1, 8)],
        [(1, 8, 12)],
        {**_HEADS, "window": 2},
        MS,
        macs=288 * 12 + 3 * _BAND * 8,
        vector=288 + 5 * 3 * _BAND,
        special=soft(3 * _BAND),
        reads=384 + 1728 + 144 + 32 + 32,
        nest=False,
    ),
    # one global token: 12 more query elements, 2*8*12 more key and value elements, 2*8 more pairs
    Case(
        "LongformerAttention",
        [(1, 8, 12), (12, 36), (36,), (1, 8), (12, 36), (36,), i32(1, 8, value=[[0, 1, 0, 0, 0, 0, 0, 0]])],
        [(1, 8, 12)],
        {**_HEADS, "window": 2},
        MS,
        macs=(288 + 12 + 192) * 12 + 3 * (_BAND + 16) * 8,
        vector=492 + 5 * 3 * (_BAND + 16),
        special=soft(3 * (_BAND + 16)),
        nest=False,
    ),
    Case(
        "QOrderedLongformerAttention",
        [
            q((1, 8, 12)), SCALAR, q((12, 36)), SCALAR, (36,), SCALAR, SCALAR, T((1, 8), F16), q((12, 36)), SCALAR,
            (36,),
            SCALAR, i32(1, 8), SCALAR,
        ],
        [q((1, 8, 12))],
        {**_HEADS, "window": 2, **{f"order_{name}": 1 for name in ("input", "weight", "global_weight", "output")}},
        MS,
        macs=288 * 12 + 3 * _BAND * 8,
        vector=288 + 5 * 3 * _BAND + 4 * (288 + 96),
        special=soft(3 * _BAND),
        reads=96 + 432 + 144 + 5 * 4 + 16 + 32,
        nest=False,
    ),
]  # fmt: skip

ROTATIONS = [
    # 6 tokens of 4 heads of 6: 144 elements; 6 rows of 3 of each table
    Case(
        "MRotaryEmbedding",
        [(2, 3, 24), T((3, 2, 3), I64), (9, 3), (9, 3)],
        [(2, 3, 24)],
        {"num_heads": 4, "mrope_section": [1, 1, 1]},
        MS,
        vector=3 * 144,
        reads=576 + 144 + 2 * 72,
    ),
    # 2*3*6 angles; 2 x 144 rotated elements
    Case(
        "GemmaRotaryEmbedding",
        [(2, 3, 6), *[T((2, 4, 3, 6), F16)] * 4],
        [T((2, 4, 3, 6), F16)] * 2,
        domain=MS,
        vector=2 * 36 + 3 * 288,
        special={"SIN": 36, "COS": 36},
    ),
    # 24 heads of 8 of 10 elements, 4 of them rotated; 6 rows of 2 of each table
    Case(
        "RMSNormRotary",
        [T((2, 3, 4, 10), BF16), (8,), T((2, 3), I64), T((9, 2), BF16), T((9, 2), BF16)],
        [T((2, 3, 32), BF16)],
        {"rotary_embedding_dim": 4, "input_width": 8},
        MS,
        vector=(3 * 192 + 24) + 192 + 3 * 96,
        special={"SQRT": 24, "DIV": 48},
        reads=2 * 192 + 32 + 48 + 2 * 24,
        nest=False,
    ),
]
