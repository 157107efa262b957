"""Shapes of elementwise, routing, embedding and movement operators, against ONNX Runtime."""

import numpy as np
import pytest

from onnxroof.frontend.load import load_workload
from tests.oracles.contrib_models import BF16, F16, I32, I64, U8, F, Spec, disagreement, inferred, loaded, w, x
from tests.oracles.ort_shapes import values_of_run

S = (2, 5, 8)
ONE = w(F, value=1.0)
EMBEDDED = [x(I32, 2, 5), x(I32, 2, 5), *[w(U8, 9, 8)] * 3, w(U8, 8), w(U8, 8), None, *[ONE] * 5, *[w(U8, value=0)] * 5]
HASH = {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}

SPECS = [
    Spec("Gelu", [x(F, *S)]),
    Spec("FastGelu", [x(F, *S), w(F, 8)]),
    Spec("BiasGelu", [x(F, *S), w(F, 8)]),
    Spec("QuickGelu", [x(F, *S)]),
    Spec("ScaledSiLU", [x(F, *S)]),
    Spec("SwiGLU", [x(F, *S), x(F, *S)]),
    Spec("SwiGLU", [x(F, *S)]),
    Spec("BiasAdd", [x(F, *S), w(F, 8), x(F, *S)]),
    Spec("BiasSplitGelu", [x(F, *S), w(F, 8)]),
    Spec("BiasSoftmax", [x(F, *S), x(F, 1, 8)], 1, {"is_inner_broadcast": 0}),
    Spec("BiasDropout", [x(F, *S), w(F, 8), x(F, *S)], 2),
    Spec("BitmaskDropout", [x(F, *S)], 2),  # 80 bits in 3 words
    Spec("BitmaskBiasDropout", [x(F, *S), w(F, 8)], 2),
    Spec("ComplexMul", [x(F, 2, 5, 2), x(F, 2, 5, 2)]),
    Spec("ComplexMulConj", [x(F, 2, 5, 2), x(F, 1, 5, 2)]),
    Spec("GatedAdd", [x(F, *S), x(F, *S), x(F, 2, 5, 1)]),
    Spec("GatedRMSNorm", [x(F, *S), w(F, 4), x(F, *S)]),
    Spec("BranchwiseRMSNorm", [x(F, *S), w(F, 4)], 1, {"num_branches": 2}),
    Spec("LinearAttentionGate", [x(F, 2, 5, 3), w(F, 3), w(F, 3), x(F, 2, 5, 3)], 2),
    Spec("IsAllFinite", [x(F, *S), x(F, 3)]),
    Spec("MurmurHash3", [x(I32, 2, 5)]),
    Spec("MurmurHash3", [x(I32, 2, 5)], 1, {"positive": 0}),
    Spec("GroupNorm", [x(F, 1, 4, 4, 32), w(F, 32), w(F, 32)], 1, {"groups": 4, "activation": 1}),
    Spec("SkipGroupNorm", [x(F, 1, 4, 4, 32), w(F, 32), w(F, 32), x(F, 1, 32)], 2, {"groups": 4, "activation": 1}),
    Spec("SkipLayerNormalization", [x(F, *S), x(F, *S), w(F, 8), w(F, 8)]),
    Spec("SkipSimplifiedLayerNormalization", [x(F, *S), x(F, *S), w(F, 8)]),
    Spec("SampleOp", [x(F, *S)]),
    Spec("Inverse", [x(F, 2, 3, 3, value=np.tile(np.eye(3), (2, 1, 1)))]),
    # positions
    Spec("RotaryEmbedding", [x(F, 2, 5, 32), x(I64, 2, 5), w(F, 9, 4), w(F, 9, 4)]),
    Spec(
        "MRotaryEmbedding",
        [x(F, 2, 5, 32), x(I64, 3, 2, 5), w(F, 9, 4), w(F, 9, 4)],
        1,
        {"mrope_section": [2, 1, 1], "num_heads": 4},
    ),
    Spec("GemmaRotaryEmbedding", [x(F, 2, 5, 4), *[x(F16, 2, 3, 5, 4)] * 4], 2),
    Spec(
        "RMSNormRotary",
        [x(BF16, 2, 5, 3, 10), w(F, 8), x(I64, 2, 5), w(BF16, 9, 2), w(BF16, 9, 2)],
        2,
        {"rotary_embedding_dim": 4, "input_width": 8},
    ),
    Spec("RelativePositionBias", [w(F, 32, 3), w(I64, value=[5]), w(I64, value=[5])], 1, {"max_distance": 128}),
    Spec(
        "GatedRelativePositionBias",
        [x(F, 2, 5, 12), w(F, 12), x(F, 1, 3, 5, 5), w(F, 4, 8), w(F, 8), w(F, 1, 3, 1, 1)],
        1,
        {"num_heads": 3},
    ),
    # embeddings and padding
    Spec(
        "EmbedLayerNormalization",
        [x(I32, 2, 5), x(I32, 2, 5), w(F, 9, 8), w(F, 9, 8), w(F, 2, 8), w(F, 8), w(F, 8)],
        3,
    ),
    Spec("QEmbedLayerNormalization", EMBEDDED, 2),
    Spec("TorchEmbedding", [w(F, 9, 8), x(I64, 2, 5)]),
    Spec("WordConvEmbedding", [x(I32, 5, 7), w(F, 6, 1, 3, 4), w(F, 6), w(F, 9, 4)]),
    Spec("RestorePadding", [x(F, 7, 8), x(I32, 2, 5)]),
    # experts and their routers
    Spec("MoE", [x(F, 7, 8), x(F, 7, 4), w(F, 4, 12, 8), None, w(F, 4, 8, 12)], 1, {"k": 2}),
    Spec(
        "QMoE",
        [x(F, 7, 32), x(F, 7, 4), w(U8, 4, 64, 16), w(F, 4, 64), None, w(U8, 4, 32, 32), w(F, 4, 32)],
        1,
        {"k": 2, "activation_type": "silu"},
    ),
    Spec(
        "MoEPacked",
        [x(BF16, 7, 256), x(BF16, 7, 4), w(U8, 4, 64, 66), w(U8, 4, 64, 66), w(U8, 4, 256, 66)],
        1,
        {"gate_type": 16, "up_type": 16, "down_type": 16},
    ),
    Spec("MoEGroupRouter", [x(F, 2, 5, 8), w(F, 8)], 1, {"top_k": 2, "n_group": 2, "topk_group": 1}),
    Spec("RouterGateUpProj", [x(BF16, 2, 5, 8), w(BF16, 8, 16)], 2, {"router_size": 4}),
    # streams and n-grams
    Spec("HyperConnectionPreMix", [x(F, 2, 5, 4, 8), x(F, 2, 5, 4)]),
    Spec("HyperConnectionPreMix", [x(F, 2, 5, 32), x(F, 2, 5, 4)], 1, {"num_branches": 4}),
    Spec("HyperConnectionPostMix", [x(F, 2, 5, 4, 8), x(F, 2, 5, 8), x(F, 2, 5, 4), x(F, 2, 5, 4, 4)]),
    Spec(
        "HyperConnectionLowRankMix",
        [x(F16, 2, 5, 32), w(F16, 32), w(F16, 32, 6), w(F16, 6, 32), w(F16, 32, 4)],
        3,
        {"num_branches": 4},
    ),
    Spec("EngramGate", [*[x(F, 2, 5, 4, 8)] * 2, x(F, 2, 5, 8), w(F, 4, 8), w(F, 4, 8), w(F, 4, 8)], 2),
    Spec("NGramHashMapping", [x(I64, 2, 5), w(I64, 3), w(I64, value=[7, 11, 13, 17])], 2, HASH),
    Spec(
        "VarlenNGramHashMapping",
        [x(I64, 7), w(I64, 3), w(I64, value=[7, 11, 13, 17]), w(I32, value=[0, 3, 7])],
        2,
        HASH,
    ),
    Spec("NGramRepeatBlock", [x(I64, 2, 5), x(F, 2, 9)], 1, {"ngram_size": 3}),
    Spec(
        "SpeculativePrefixCommit",
        [x(I64, 2, 8), x(I64, 2, 8), x(I32, 2), x(I64, 2, 16), x(I64, 2, 2), x(I64, 2, 16), x(I64, 2)],
        3,
    ),
    # movement
    Spec("ExpandDims", [x(F, 2, 5), w(I32, value=1)]),
    Spec("ExpandDims", [x(F, 2, 5), w(I32, value=-1)]),
    Spec("Pad", [x(F, 2, 5), w(I64, value=[0, 2, 1, 3])]),
    Spec("GatherND", [x(F, 2, 5, 8), x(I64, 3, 2)]),
    Spec("Range", [w(I64, value=1), w(I64, value=12), w(I64, value=3)]),
    Spec("Range", [w(F, value=1), w(F, value=12)]),
    Spec("UnfoldTensor", [x(F, 2, 9, 5)], 1, {"dim": 1, "size": 4, "step": 2}),
    Spec("Trilu", [x(F, 4, 5)]),
]

# Results for which the runtime's own inference gives no shape either: by its documentation alone.
DOCUMENTED = {"BitmaskDropout": {1}, "BitmaskBiasDropout": {1}, "ComplexMul": {0}, "ComplexMulConj": {0}}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_types_and_shapes_are_those_of_the_runtime(spec, tmp_path):
    assert not disagreement(spec, tmp_path)
    if not spec.runs:
        assert inferred(spec, tmp_path) == set(range(spec.outputs)) - DOCUMENTED.get(spec.op_type, set())


@pytest.mark.parametrize(
    ("spec", "feeds"),
    [
        # 3 different values of 4; a path of 4 steps where 3 + 4 - 1 are possible; no predicted token is taken
        (Spec("Unique", [x(F, 4)], 3), {"i0": np.array([1, 2, 1, 3], np.float32)}),
        (Spec("DynamicTimeWarping", [x(F, 3, 4)]), {"i0": np.eye(3, 4, dtype=np.float32) * -1}),
        (
            Spec("BifurcationDetector", [x(I64, 6), x(I64, 4), x(I64, 1), x(I64, 7)], 2),
            {
                "i0": np.array([1, 5, 3, 4, 2, 8]), "i1": np.array([2, 4, 6, 7]), "i2": np.array([0]),
                "i3": np.array([1, 5, 3, 9, 2, 8, 4]),
            },
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_size_that_depends_on_data_is_an_upper_bound_and_said(spec, feeds, tmp_path):
    path, workload = loaded(spec, tmp_path)
    for name, value in values_of_run(path, feeds).items():
        assert all(a <= b for a, b in zip(value.shape, workload.tensors[name].dims, strict=True))
        assert str(value.dtype).upper() in (workload.tensors[name].dtype.name, "FLOAT32")
    assert any("depends on data" in note for note in workload.notes)


def test_removed_padding_is_bounded_by_the_padded_tokens(tmp_path):
    spec = Spec("RemovePadding", [x(F, 2, 5, 8), x(I32, 2)], 4)
    _, workload = loaded(spec, tmp_path)
    assert [workload.tensors[f"o{i}"].dims for i in range(4)] == [(10, 8), (2, 5), (3,), (1,)]
    assert not disagreement(spec, tmp_path)


def test_the_defaults_of_a_left_out_attribute_are_the_runtimes(tmp_path):
    # block_size 128, bits 4 and gather_axis 0 are written nowhere
    path, _ = loaded(Spec("GatherBlockQuantized", [w(U8, 9, 64), x(I64, 2, 3), w(F, 9, 1)]), tmp_path)
    workload = load_workload(path, {}, lambda _ops, _tensors: 0.0)
    (op,) = [op for op in workload.ops if op.op_type == "GatherBlockQuantized"]
    assert (op.attributes.integer("block_size"), op.attributes.integer("bits")) == (128, 4)
    assert workload.tensors["o0"].dims == (2, 3, 128)  # two elements in a byte
