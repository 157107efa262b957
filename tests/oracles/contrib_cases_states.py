"""What the rules of states instead of caches, and of indexers, must say, derived by hand as in `rule_cases.py`."""

from __future__ import annotations

from onnxroof.ir.op import OpKind
from tests.oracles.build import T
from tests.oracles.contrib_cases_attention import i32
from tests.oracles.rule_cases import I64, MS, Case, q

__all__ = ["INDEXERS", "STATES"]

MOVE = OpKind.MOVE

STATES = [
    # 2 query heads on 4 key/value heads: all 4 read, and are updated twice: 14*15*(4 + 2*4); decays 14*4
    Case(
        "LinearAttention",
        [(2, 7, 6), (2, 7, 12), (2, 7, 20), (2, 4, 3, 5), (2, 7, 4), (2, 7, 4)],
        [(2, 7, 20), (2, 4, 3, 5)],
        {"q_num_heads": 2, "kv_num_heads": 4},
        MS,
        macs=14 * 15 * 12,
        vector=280 + 14 * 4 * 15 + 2 * 280,
        special={"EXP": 56},
        nest=False,
    ),
    # 7 tokens, 6 value heads with states of 4*5
    Case(
        "GatedDeltaNet",
        [(7, 2, 4), (7, 2, 4), (7, 6, 5), i32(3), (7, 6), (7, 6), (2, 6, 5, 4)],
        [(7, 6, 5), (2, 6, 5, 4)],
        domain=MS,
        macs=7 * 20 * (6 + 12),
        vector=7 * 6 * 20 + 2 * 210 + 210,
        special={"EXP": 42},
        nest=False,
    ),
    # 28 vectors of 4 normalized; 42 decays and 42 betas by their activations, exp of 6 factors
    Case(
        "GatedDeltaNet",
        [(7, 46), None, None, i32(3), (7, 6), (7, 6), (2, 6, 5, 4), (6,), (6,)],
        [(7, 6, 5), (2, 6, 5, 4)],
        {"qk_l2_norm": 1, "gate_activation": "softplus", "beta_activation": "sigmoid"},
        MS,
        macs=7 * 20 * (6 + 12),
        vector=7 * 6 * 20 + 2 * 210 + 210 + 3 * 28 * 4 + 3 * 42 + 2 * 42,
        special={"EXP": 42 + 42 + 6 + 42, "LOG": 42, "SQRT": 28, "DIV": 28 + 42},
        nest=False,
    ),
    Case("LinearAttentionGate", [(2, 7, 3), (3,), (3,), (2, 7, 3)], [(2, 7, 3)] * 2, domain=MS, vector=(3 + 2) * 42,
         special={"EXP": 84, "LOG": 42, "DIV": 42}),
    Case("LinearAttentionGate", [(2, 7, 3), (3,), (3,)], [(2, 7, 3)], domain=MS, vector=3 * 42,
         special={"EXP": 42, "LOG": 42}),
    # 4 taps, 2 apart: the state holds 6 tokens
    Case(
        "CausalConvWithState",
        [(2, 3, 5), (3, 1, 4), (3,), (2, 3, 6)],
        [(2, 3, 5), (2, 3, 6)],
        {"dilation": 2, "activation": "silu"},
        MS,
        macs=120,
        vector=30 + 4 * 30,
        special={"EXP": 30, "DIV": 30},
    ),
    Case("CausalConvWithState", [(2, 5, 3), (3, 1, 4)], [(2, 5, 3)], {"channels_last": 1}, MS, macs=120, nest=False),
    Case("VarlenCausalConvWithState", [(7, 3), (3, 1, 4), i32(3), (3,), (2, 3, 3)], [(7, 3), (2, 3, 3)], domain=MS,
         macs=84, vector=21, nest=False),
    # 5 tokens, 4 heads of 2, states of 3: inner 8, 8 + 2*3 channels; one of 3 snapshots read, 3 written
    Case(
        "Mamba2Verify",
        [
            (5, 26), (3, 14, 3), (3, 4, 3, 2), (14, 4), (14,), (4,), (4,), (4,), (8,), i32(1),
        ],
        [(5, 8), (3, 14, 3), (3, 4, 3, 2)],
        {"heads": 4, "head_dim": 2, "d_state": 3, "n_groups": 1},
        MS,
        macs=5 * (4 * 14 + 2 * 8 * 3),
        vector=5 * (5 * 14 + 4 * 4 + 24 + 8 + 8 * 8 + 3 * 8 + 1),
        special={"EXP": 5 * (14 + 2 * 4 + 8), "DIV": 5 * (14 + 8 + 2), "LOG": 5 * 4, "SQRT": 5},
        reads=520 + 168 + 96 + 224 + 56 + 16 + 16 + 16 + 32 + 4,
        nest=False,
    ),
    # 1*3*4 elements of a state
    Case("ConvStateReplay", [(60,), (50,), (60,), T((8,), I64, value=[0, 0, 0, 1, 3, 4, 5, 2])], [(60,)], domain=MS,
         kind=MOVE, reads=48 + 64, writes=48, nest=False),
    # a state of 2*3*4; 2 tokens of 2 decays (8 of 4 slots), 1*4 keys and 2*3 deltas
    Case(
        "GatedDeltaNetStateReplay",
        [(60,), (50,), (60,), T((11,), I64, value=[0, 0, 0, 8, 24, 2, 3, 4, 1, 4, 2])],
        [(60,)],
        domain=MS,
        macs=2 * 24,
        vector=2 * 24,
        reads=96 + 4 * 2 * (2 + 4 + 6) + 88,
        writes=96,
        nest=False,
    ),
    # 5 steps of 2 rows of 4 hidden elements: 40 states x 4 gates x (3 + 4); 70 elements quantized on the way
    Case(
        "DynamicQuantizeLSTM",
        [
            (5, 2, 3), q((1, 3, 16)), q((1, 4, 16)), (1, 32), None, None, None, None, (1,), q((1,)), (1,), q((1,)),
        ],
        [(5, 1, 2, 4)],
        {"hidden_size": 4},
        MS,
        macs=40 * 4 * 7,
        vector=40 * (3 * 2 + 16) + 5 * 70 + 48 + 64 + 40 * 8,
        special={"EXP": 120, "DIV": 120 + 70, "TANH": 80},
        nest=False,
    ),
    # inputs of 3 beside an attention state of 4; a memory of 9 tokens of 8, attended in 6
    Case(
        "AttnLSTM",
        [
            (5, 2, 3), (1, 16, 7), (1, 16, 4), None, None, None, None, None, (1, 4, 6), (1, 8, 6), (1, 6), (2, 9, 8),
            i32(2),
            (1, 12, 4),
        ],
        [(5, 1, 2, 4)],
        {"hidden_size": 4},
        MS,
        macs=40 * 4 * 11 + 2 * 9 * 8 * 6 + 10 * (4 * 6 + 9 * 8 + 12 * 4),
        vector=40 * (3 * 2 + 8) + 10 * (3 * 9 * 6 + 3 * 9),
        special={"EXP": 120 + 90, "DIV": 120 + 90, "TANH": 80 + 10 * 54},
        nest=False,
    ),
]  # fmt: skip

INDEXERS = [
    # 3 queries of 4 heads of 8 against 12 // 4 = 3 blocks: 36 scores; 12 + 3 vectors normalized and rotated
    Case(
        "SparseAttentionIndexer",
        [(1, 3, 32), (1, 3, 8), (8,), (8,), (64, 4), (64, 4), None, (1, 9, 8)],
        [i32(1, 3, 11), (1, 12, 8)],
        {"policy_mode": "qsa", "compress_ratio": 4, "token_budget": 8},
        MS,
        macs=36 * 8,
        vector=(3 * 120 + 15) + 15 * (8 + 24) + 2 * 36 + 9 + 4 * 24,
        special={"SQRT": 15, "DIV": 30 + 24},
        reads=384 + 96 + 64 + 2 * 4 * (3 + 3) * 4 + 288,
        writes=132 + 4 * 3 * 8,
        nest=False,
    ),
    # 5 buffered and 9 new tokens make 2 entries and leave 6: 9*4*8 = 288 scores, 38 vectors, 2*8*8 = 128 slots
    Case(
        "SparseAttentionIndexer",
        [
            (1, 9, 32), (1, 9, 16), (8,), (8,), (64, 4), (64, 4), None, (1, 6, 8), (1, 9, 16), (4, 16), (1, 9, 4),
            T((1, 9), I64), None, (2, 1, 5, 16),
        ],
        [i32(1, 9, 6), (1, 8, 8), (2, 1, 6, 16)],
        {"policy_mode": "csa", "compress_ratio": 4, "index_topk": 6},
        MS,
        macs=288 * 8,
        vector=(3 * 304 + 38) + 38 * 32 + 3 * 288 + 72 * 3 + 6 * 128,
        special={"SQRT": 38, "DIV": 76 + 128, "EXP": 128},
        reads=1152 + 576 + 64 + 2 * 4 * (2 + 9) * 4 + 192 + 576 + 256 + 144 + 72 + 640,
        writes=216 + 4 * 2 * 8 + 768,
        nest=False,
    ),
    # 7 queries of 4 heads against the 16 entries of a state: 448 scores; 28 + 1 vectors, 1 new block
    Case(
        "PackedSparseAttentionIndexer",
        [
            (7, 32), (7, 8), (8,), (8,), (64, 4), (64, 4), i32(3), i32(2), None, None, None, None, (2, 16, 8), (2, 7,
            8),
            None, i32(2, 2),
        ],
        [i32(7, 11), i32(7), (2, 16, 8), (2, 7, 8), None, i32(2, 2)],
        {"policy_mode": "qsa", "compress_ratio": 4, "token_budget": 8, "state_capacity": 16},
        MS,
        macs=448 * 8,
        vector=(3 * 232 + 29) + 29 * 32 + 2 * 448 + 112 + 4 * 8,
        special={"SQRT": 29, "DIV": 58 + 8},
        reads=896 + 224 + 64 + 2 * 4 * (1 + 7) * 4 + 12 + 8 + 1024 + 448 + 16,
        writes=308 + 28 + 4 * 8 + 448 + 16,
        nest=False,
    ),
    # 7 rows of 6 entries, of which there are 5
    Case(
        "PackedSparseAttentionIndexerMerge",
        [i32(5, 6), i32(5), i32(7), i32(7), i32(7)],
        [i32(7, 9), i32(7), i32(7)],
        {"policy_mode": "append_range", "max_output_entries": 9},
        MS,
        vector=42,
        reads=120 + 20 + 3 * 28,
        nest=False,
    ),
]  # fmt: skip
