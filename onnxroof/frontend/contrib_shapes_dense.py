"""Output types of com.microsoft's elementwise, normalizing, routing, embedding and movement operators."""

from __future__ import annotations

import math

from onnxroof.dtypes import DType
from onnxroof.frontend.contrib_rules import ContribNode, Shape, UnknownError, rule
from onnxroof.frontend.types import ValueType

__all__: list[str] = []

Types = tuple[ValueType, ...]


@rule(
    "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "BiasAdd", "BiasSoftmax", "GroupNorm", "Trilu", "ScaledSiLU",
    "RotaryEmbedding", "MRotaryEmbedding", "BranchwiseRMSNorm", "GatedRMSNorm", "GatedAdd", "HyperConnectionPostMix",
    "Inverse", "SampleOp", "MoE", "QMoE", "MoEPacked",
)  # fmt: skip
def _like_first(at: ContribNode) -> Types:
    return (at.like(0),)


@rule("GemmaRotaryEmbedding")
def _gemma_rotary(at: ContribNode) -> Types:
    return (at.like(1), at.like(3))


@rule("RMSNormRotary")
def _norm_rotary(at: ContribNode) -> Types:
    batch, tokens, heads, stride = at.shape(0, 4)
    width = at.integer("input_width") or stride
    dtype = DType.FLOAT16 if at.integer("output_fp16") else DType.BFLOAT16
    rows: Shape = (1, batch * tokens) if at.integer("flatten_batch") else (batch, tokens)
    normalized = ValueType(DType.FLOAT, (*rows, heads, width))
    return (ValueType(dtype, (*rows, heads * width)), normalized)


@rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def _skip_normalization(at: ContribNode) -> Types:
    shape = at.shape(0)
    statistics = ValueType(DType.FLOAT, (*shape[:-1], 1))
    return (at.like(0), statistics, statistics, at.like(0))


@rule("SimplifiedLayerNormalization")
def _simplified_normalization(at: ContribNode) -> Types:
    shape = at.shape(0)
    axis = at.integer("axis", -1) % len(shape)
    return (at.like(0), ValueType(DType.FLOAT, (*shape[:axis], *(1,) * (len(shape) - axis))))


@rule("SkipGroupNorm")
def _skip_group_norm(at: ContribNode) -> Types:
    return (at.like(0), at.like(0))


@rule("BiasDropout")
def _dropout(at: ContribNode) -> Types:
    return (at.like(0), ValueType(DType.BOOL, at.shape(0)))


@rule("BitmaskDropout", "BitmaskBiasDropout")
def _bitmask_dropout(at: ContribNode) -> Types:
    return (at.like(0), ValueType(DType.UINT32, (-(-math.prod(at.shape(0)) // 32),)))


@rule("ComplexMul", "ComplexMulConj")
def _complex(at: ContribNode) -> Types:
    return (at.like(0, at.broadcast(at.shape(0), at.shape(1))),)


@rule("BiasSplitGelu")
def _split_gelu(at: ContribNode) -> Types:
    *rows, width = at.shape(0)
    return (at.like(0, (*rows, width // 2)),)


@rule("SwiGLU")
def _swiglu(at: ContribNode) -> Types:
    return (at.like(0),) if at.has(1) else _split_gelu(at)


@rule("LinearAttentionGate")
def _gate(at: ContribNode) -> Types:
    return (at.like(0), at.like(0))


@rule("IsAllFinite")
def _scalar_truth(at: ContribNode) -> Types:
    return (ValueType(DType.BOOL, ()),)


@rule("MurmurHash3")
def _hash(at: ContribNode) -> Types:
    return (ValueType(DType.UINT32 if at.integer("positive") else DType.INT32, at.shape(0)),)


# -- streams, routers, n-grams -------------------------------------------------------------------------------


@rule("HyperConnectionPreMix")
def _pre_mix(at: ContribNode) -> Types:
    shape = at.shape(0)
    branches = at.integer("num_branches")
    return (at.like(0, (*shape[:-1], shape[-1] // branches) if branches else (*shape[:-2], shape[-1])),)


@rule("HyperConnectionLowRankMix")
def _low_rank_mix(at: ContribNode) -> Types:
    *rows, width = at.shape(0)
    branches = at.integer("num_branches")
    return (at.like(0, (*rows, width // branches)), at.like(0, (*rows, branches)), at.like(0))


@rule("EngramGate")
def _engram_gate(at: ContribNode) -> Types:
    return (at.like(0), at.like(0))


@rule("MoEGroupRouter")
def _group_router(at: ContribNode) -> Types:
    *rows, width = at.shape(0)
    shape = (math.prod(rows), at.shape(2)[0] if at.has(2) else width)
    scores = ValueType(DType.FLOAT, shape)
    return (at.like(0, shape), scores, scores)


@rule("RouterGateUpProj")
def _router_projection(at: ContribNode) -> Types:
    rows, columns, router = at.shape(0)[:-1], at.shape(1, 2)[1], at.integer("router_size")
    return (at.like(0, (*rows, router)), at.like(0, (*rows, (columns - router) // 2)))


@rule("NGramHashMapping")
def _ngram_hash(at: ContribNode) -> Types:
    batch, length = at.shape(0, 2)
    orders = at.integer("max_ngram_size") - 1
    return (at.like(0, (batch, length, orders * at.integer("n_head_per_ngram"))), at.like(0, (batch, orders)))


@rule("VarlenNGramHashMapping")
def _packed_ngram_hash(at: ContribNode) -> Types:
    (tokens,), batch = at.shape(0, 1), at.shape(3)[0] - 1
    orders = at.integer("max_ngram_size") - 1
    hashed = at.like(0, (tokens, orders * at.integer("n_head_per_ngram")))
    update = at.like(0, (batch, at.integer("state_update_capacity"), orders))
    return (hashed, at.like(0, (batch, orders)), at.like(3, (batch, orders)), update)


@rule("NGramRepeatBlock")
def _repeat_block(at: ContribNode) -> Types:
    return (at.like(1),)


@rule("SpeculativePrefixCommit")
def _prefix_commit(at: ContribNode) -> Types:
    return (ValueType(DType.INT32, (math.prod(at.shape(3)) // 16,)), at.like(3), at.like(4))


@rule("BifurcationDetector", is_bound=True)
def _bifurcation(at: ContribNode) -> Types:
    """At most all predicted tokens are taken over."""
    (current,) = at.shape(1, 1)
    return (at.like(1, (current + (at.shape(3)[0] if at.has(3) else 0),)), at.like(2))


# -- embeddings, positions, padding --------------------------------------------------------------------------


@rule("EmbedLayerNormalization")
def _embed(at: ContribNode) -> Types:
    ids = at.shape(0, 2)
    hidden = at.like(2, (*ids, at.shape(2)[-1]))
    return (hidden, ValueType(DType.INT32, ids[:1]), hidden)


@rule("QEmbedLayerNormalization")
def _quantized_embed(at: ContribNode) -> Types:
    ids = at.shape(0, 2)
    return (at.like(8, (*ids, at.shape(2)[-1])), ValueType(DType.INT32, ids[:1]))


@rule("TorchEmbedding")
def _torch_embedding(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(1), at.shape(0)[-1])),)


@rule("WordConvEmbedding")
def _word_embedding(at: ContribNode) -> Types:
    return (at.like(1, (at.shape(0, 2)[0], at.shape(1)[0])),)


@rule("RelativePositionBias")
def _position_bias(at: ContribNode) -> Types:
    return (at.like(0, (1, at.shape(0)[1], at.scalar(1), at.scalar(2))),)


@rule("GatedRelativePositionBias")
def _gated_position_bias(at: ContribNode) -> Types:
    heads = at.integer("num_heads")
    batch, length = at.shape(6) if at.has(6) else at.shape(0, 3)[:2]
    return (at.like(0, (batch, heads, length, length)),)


@rule("RemovePadding", is_bound=True)
def _remove_padding(at: ContribNode) -> Types:
    batch, length, hidden = at.shape(0, 3)
    packed = at.like(0, (batch * length, hidden))
    return (packed, at.like(1, (batch, length)), at.like(1, (batch + 1,)), at.like(1, (1,)))


@rule("RestorePadding")
def _restore_padding(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(1, 2), at.shape(0, 2)[1])),)


# -- movement ------------------------------------------------------------------------------------------------


@rule("ExpandDims")
def _expand_dims(at: ContribNode) -> Types:
    shape = list(at.shape(0))
    axis = at.scalar(1)
    shape.insert(axis if axis >= 0 else len(shape) + axis + 1, 1)
    return (at.like(0, tuple(shape)),)


@rule("Pad")
def _pad(at: ContribNode) -> Types:
    shape, pads = at.shape(0), at.integers(1)
    if len(pads) != 2 * len(shape):
        raise UnknownError
    return (at.like(0, tuple(n + a + b for n, a, b in zip(shape, pads, pads[len(shape) :], strict=False))),)


@rule("GatherND")
def _gather_nd(at: ContribNode) -> Types:
    *places, depth = at.shape(1)
    return (at.like(0, (*places, *at.shape(0)[depth:])),)


@rule("Range")
def _range(at: ContribNode) -> Types:
    start, limit = at.scalar(0), at.scalar(1)
    delta = at.scalar(2) if at.has(2) else 1
    return (at.like(0, (max(-((start - limit) // delta), 0),)),)


@rule("UnfoldTensor")
def _unfold(at: ContribNode) -> Types:
    shape = list(at.shape(0))
    axis, size = at.integer("dim") % len(shape), at.integer("size")
    shape[axis] = (shape[axis] - size) // at.integer("step") + 1
    return (at.like(0, (*shape, size)),)


@rule("Unique", is_bound=True)
def _unique(at: ContribNode) -> Types:
    shape = at.shape(0, 1)
    places = ValueType(DType.INT64, shape)
    return (at.like(0), places, places)


@rule("DynamicTimeWarping", is_bound=True)
def _time_warping(at: ContribNode) -> Types:
    rows, columns = at.shape(0)[-2:]
    return (ValueType(DType.INT32, (2, rows + columns - 1)),)
