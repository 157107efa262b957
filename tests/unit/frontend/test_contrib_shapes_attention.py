"""Shapes of attention, caches and states, against runs of ONNX Runtime or its own inference where it has no kernel."""

import pytest

from tests.oracles.contrib_models import BF16, BOOL, F16, I8, I32, I64, U8, F, Spec, disagreement, inferred, w, x

S8 = w(F, value=0.1)


def ordered(*indices):
    return {f"order_{name}": 1 for name in indices}


SPECS = [
    # projections inside: 8 -> 3 * 8 (two heads of 4)
    Spec("Attention", [x(F, 2, 5, 8), w(F, 8, 24), w(F, 24)], 2, {"num_heads": 2}),
    Spec("Attention", [x(F, 2, 5, 6), w(F, 6, 24), w(F, 24), x(I32, 2, 5)], 1, {"num_heads": 2}),
    Spec("Attention", [x(F, 2, 5, 8), w(F, 8, 28), w(F, 28)], 1, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 12]}),
    Spec(
        "Attention",
        [x(F, 2, 5, 8), w(F, 8, 24), w(F, 24), None, x(F, 2, 2, 2, 7, 4)],
        2,
        {"num_heads": 2, "unidirectional": 1},
    ),
    Spec(
        "DecoderMaskedSelfAttention",
        [x(F, 2, 1, 8), w(F, 8, 24), w(F, 24), None, x(F, 2, 2, 2, 9, 4), None, w(I32, 1)],
        2,
        {"num_heads": 2, "past_present_share_buffer": 1},
    ),
    Spec(
        "QAttention",
        [x(U8, 2, 5, 8), w(I8, 8, 24), w(F, 24), S8, S8, None, w(U8, value=0), w(I8, value=0), x(F, 2, 2, 2, 7, 4)],
        2,
        {"num_heads": 2, "unidirectional": 1},
    ),
    Spec("PackedAttention", [x(F, 7, 8), w(F, 8, 24), w(F, 24), x(I32, 2, 5), x(I32, 3)], 1, {"num_heads": 2}),
    Spec(
        "QOrderedAttention",
        [x(I8, 2, 5, 8), *[S8] * 4, *[w(I8, 8, 8)] * 3, *[S8] * 3, *[w(F, 8)] * 3, S8, S8, S8],
        1,
        {"num_heads": 2, **ordered("input", "weight", "output")},
    ),
    Spec(
        "LongformerAttention",
        [x(F, 2, 8, 12), w(F, 12, 36), w(F, 36), x(F, 2, 8), w(F, 12, 36), w(F, 36), x(I32, 2, 8)],
        1,
        {"num_heads": 2, "window": 2},
    ),
    Spec(
        "QOrderedLongformerAttention",
        [
            x(I8, 2, 8, 12), S8, w(I8, 12, 36), S8, w(F, 36), S8, S8, x(F16, 2, 8), w(I8, 12, 36), S8, w(F, 36), S8,
            x(I32, 2, 8), S8,
        ],
        1,
        {"num_heads": 2, "window": 2, **ordered("input", "weight", "global_weight", "output")},
    ),
    Spec(
        "DecoderAttention",
        [
            x(F, 3, 2, 8), x(F, 5, 2, 8), w(F, 8, 8), w(F, 8, 16), w(F, 24), None, x(F, 2, 2, 6, 4), x(F, 2, 2, 6, 4),
            *[w(BOOL, value=v) for v in (False, True, True, False)],
        ],
        3,
        {"num_heads": 2},
    ),
    # attention alone
    Spec("MultiHeadAttention", [x(F, 2, 5, 8), x(F, 2, 9, 8), x(F, 2, 9, 12)], 1, {"num_heads": 2}),
    Spec("MultiHeadAttention", [x(F, 2, 5, 8), x(F, 2, 2, 9, 4), x(F, 2, 2, 9, 4)], 1, {"num_heads": 2}),
    Spec("MultiHeadAttention", [x(F, 2, 5, 2, 3, 4)], 1, {"num_heads": 2}, lacks="packed queries, keys and values"),
    Spec(
        "MultiHeadAttention",
        [x(F, 2, 5, 8), x(F, 2, 9, 2, 2, 4)],
        1,
        {"num_heads": 2},
        lacks="packed keys and values",
    ),
    Spec(
        "MultiHeadAttention",
        [x(F, 2, 5, 8), x(F, 2, 3, 8), x(F, 2, 3, 8), w(F, 24), None, None, x(F, 2, 2, 7, 4), x(F, 2, 2, 7, 4)],
        4,
        {"num_heads": 2},
        is_declared=True,
    ),
    # a buffer with room for 20 tokens, of which 7 are there
    Spec(
        "MultiHeadAttention",
        [
            x(F, 2, 1, 8), x(F, 2, 1, 8), x(F, 2, 1, 8), None, None, None, x(F, 2, 2, 20, 4), x(F, 2, 2, 20, 4),
            w(I32, value=[7]),
        ],
        3,
        {"num_heads": 2},
    ),
    Spec("PackedMultiHeadAttention", [x(F, 7, 2, 3, 4), None, None, None, x(I32, 2, 5), x(I32, 3)], 1,
    {"num_heads": 2}),
    Spec(
        "PackedMultiHeadAttention",
        [x(F, 7, 8), x(F, 7, 8), x(F, 7, 12), None, x(I32, 2, 5), x(I32, 3)],
        1,
        {"num_heads": 2},
    ),
    Spec(
        "DecoderMaskedMultiHeadAttention",
        [
            x(F, 2, 1, 8), x(F, 2, 1, 8), x(F, 2, 1, 8), None, None, x(F, 2, 2, 20, 4), x(F, 2, 2, 20, 4),
            w(I32, value=[7]),
        ],
        3,
        {"num_heads": 2, "past_present_share_buffer": 1},
    ),
    Spec(
        "DecoderMaskedMultiHeadAttention", [x(F, 2, 1, 8), x(F, 2, 2, 9, 4), x(F, 2, 2, 9, 4)], 1, {"num_heads": 2}
    ),
    Spec(
        "GroupQueryAttention",
        [
            x(F, 2, 1, 32), x(F, 2, 1, 16), x(F, 2, 1, 16), x(F, 2, 2, 7, 8), x(F, 2, 2, 7, 8), w(I32, value=[7, 7]),
            w(I32, value=8),
        ],
        4,
        {"num_heads": 4, "kv_num_heads": 2, "qk_output": 1},
    ),
    # queries of 4 heads of 16 with keys and values of 2 heads beside them: 16 * (4 + 2 + 2)
    Spec(
        "GroupQueryAttention",
        [
            x(F, 1, 3, 128), None, None, x(F, 1, 2, 7, 16), x(F, 1, 2, 7, 16), w(I32, value=[9]), w(I32, value=10),
            w(F, 32, 8), w(F, 32, 8),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
    ),
    Spec(
        "SparseAttention",
        [
            x(F, 1, 16, 32), x(F, 1, 16, 16), x(F, 1, 16, 16), x(F, 1, 2, 32, 8), x(F, 1, 2, 32, 8),
            w(I32, value=[[0, 1, 3]]), w(I32, value=[[0, 0, 1]]), w(I32, value=16), w(I32, value=[16]),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2, "sparse_block_size": 16},
        lacks="caches that do not share their buffer, which a plain run has",
    ),
    Spec(
        "DynamicSparseAttention",
        [
            x(F, 2, 3, 32), x(F, 2, 3, 16), x(F, 2, 3, 16), x(F, 2, 2, 10, 8), x(F, 2, 2, 10, 8), None, None,
            x(I32, 6, 4), x(I32, 6), w(I32, value=[9, 9]), w(I32, value=10),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    Spec(
        "PagedAttention",
        [
            x(F16, 7, 32), x(F16, 7, 16), x(F16, 7, 16), x(F16, 6, 16, 2, 8), x(F16, 6, 16, 2, 8), x(I32, 3), x(I32, 2),
            x(I32, 2, 3),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    Spec(
        "PagedAttention",
        [x(F16, 7, 96), x(F16, 7, 24), None, x(F16, 6, 16, 1, 24), None, x(I32, 3), x(I32, 2), x(I32, 2, 3)],
        2,
        {"num_heads": 4, "kv_num_heads": 1, "kv_cache_layout": "LATENT", "v_head_size": 16},
    ),
    Spec(
        "SparsePagedAttention",
        [
            x(F16, 7, 64), None, None, x(F16, 6, 16, 2, 8), x(F16, 6, 16, 2, 8), x(I32, 3), x(I32, 2), x(I32, 2, 3),
            None,
            x(I32, 7, 4), x(I32, 7),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    Spec(
        "SparseAttentionIndexer",
        [
            x(F, 2, 3, 32), x(F, 2, 3, 8), w(F, 8), w(F, 8), w(F, 64, 4), w(F, 64, 4), None, x(F, 2, 9, 8),
        ],
        2,
        {"policy_mode": "qsa", "compress_ratio": 4, "token_budget": 8},
    ),
    Spec(
        "SparseAttentionIndexer",
        [
            x(F, 2, 9, 32), x(F, 2, 9, 16), w(F, 8), w(F, 8), w(F, 64, 4), w(F, 64, 4), None, x(F, 2, 6, 8),
            x(F, 2, 9, 16), w(F, 4, 16), x(F, 2, 9, 4), x(I64, 2, 9), None, x(F, 2, 2, 5, 16),
        ],
        3,
        {"policy_mode": "csa", "compress_ratio": 4, "index_topk": 6},
    ),
    Spec(
        "PackedSparseAttentionIndexerMerge",
        [x(I32, 5, 6), x(I32, 5), x(I32, 7), x(I32, 7), x(I32, 7)],
        3,
        {"policy_mode": "append_range", "max_output_entries": 9},
    ),
    Spec(
        "PackedSparseAttentionIndexer",
        [
            x(F, 7, 32), x(F, 7, 16), w(F, 8), w(F, 8), w(F, 64, 4), w(F, 64, 4), x(I32, 3), x(I32, 2), x(F, 7, 16),
            w(F, 4, 16), x(F, 7, 4), x(I64, 7), x(F, 2, 16, 8), x(F, 2, 7, 16), x(F, 2, 7, 16), x(I32, 2, 2),
        ],
        6,
        {"policy_mode": "csa", "compress_ratio": 4, "index_topk": 6, "state_capacity": 16},
    ),
    # states
    Spec(
        "LinearAttention",
        [x(F, 2, 5, 12), x(F, 2, 5, 12), x(F, 2, 5, 15), x(F, 2, 3, 4, 5), x(F, 2, 5, 3), x(F, 2, 5, 3)],
        2,
        {"q_num_heads": 3, "kv_num_heads": 3},
    ),
    Spec(
        "GatedDeltaNet",
        [x(F, 7, 2, 4), x(F, 7, 2, 4), x(F, 7, 6, 5), w(I32, value=[0, 3, 7]), x(F, 7, 6), x(F, 7, 6), x(F, 2, 6, 5,
        4)],
        2,
    ),
    Spec("GatedDeltaNet", [x(F, 2, 3, 2, 4), x(F, 2, 3, 2, 4), x(F, 2, 3, 6, 5), None, x(F, 2, 3, 6), x(F, 2, 3, 6)],
    2),
    Spec(
        "GatedDeltaNet",
        [x(F, 7, 46), None, None, w(I32, value=[0, 3, 7]), x(F, 7, 6), x(F, 7, 6), x(F, 2, 6, 5, 4)],
        2,
    ),
    Spec("CausalConvWithState", [x(F, 2, 3, 5), w(F, 3, 1, 4), w(F, 3), x(F, 2, 3, 3)], 2),
    Spec("CausalConvWithState", [x(F, 2, 3, 5), w(F, 3, 1, 4)], 2, {"activation": "silu", "dilation": 2}),
    Spec(
        "VarlenCausalConvWithState",
        [x(F, 7, 3), w(F, 3, 1, 4), w(I32, value=[0, 3, 7]), None, x(F, 2, 3, 3)],
        2,
    ),
    Spec(
        "Mamba2Verify",
        [
            x(BF16, 5, 2 * 128 + 2 * 128 + 2), x(BF16, 3, 128 + 256, 3), x(F, 3, 2, 128, 64), w(BF16, 384, 4),
            w(BF16, 384), w(F, 2), w(F, 2), w(F, 2), w(F, 128), x(I32, 1),
        ],
        5,
        {"heads": 2, "n_groups": 1},
    ),
    Spec("ConvStateReplay", [x(F, 60), x(F, 50), x(F, 60), x(I64, 8)]),
    Spec("GatedDeltaNetStateReplay", [x(F, 60), x(F, 50), x(F, 60), x(I64, 11)]),
    Spec(
        "DynamicQuantizeLSTM",
        [
            x(F, 5, 2, 3), w(I8, 1, 3, 16), w(I8, 1, 4, 16), w(F, 1, 32), None, None, None, None, w(F, 1),
            w(I8, 1), w(F, 1), w(I8, 1),
        ],
        3,
        {"hidden_size": 4},
    ),
    Spec(
        "AttnLSTM",
        [
            x(F, 5, 2, 3), w(F, 1, 16, 7), w(F, 1, 16, 4), w(F, 1, 32), w(I32, value=[5, 5]), None, None, None,
            w(F, 1, 4, 6), w(F, 1, 8, 6), w(F, 1, 6), x(F, 2, 9, 8), w(I32, value=[9, 9]), w(F, 1, 12, 4),
        ],
        3,
        {"hidden_size": 4},
    ),
]  # fmt: skip

# Results for which the runtime's own inference gives no shape either: by its documentation alone.
DOCUMENTED = {"DecoderMaskedSelfAttention": {1}}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_types_and_shapes_are_those_of_the_runtime(spec, tmp_path):
    assert not disagreement(spec, tmp_path)
    if not spec.runs:
        assert inferred(spec, tmp_path) == set(range(spec.outputs)) - DOCUMENTED.get(spec.op_type, set())
