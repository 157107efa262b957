"""Operators of recurrent states, of streams between blocks, and of what chooses tokens, walked with a counter inside.

Like `naive`: plain loops over what the runtime's documentation of an operator says, nothing shared with the package.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

__all__ = [
    "activate",
    "attended_cell",
    "bifurcation",
    "engram_gate",
    "gated_delta",
    "indexer",
    "low_rank_mix",
    "mamba",
    "mixed",
    "ngram_hash",
    "quantized_cell",
    "reduced",
    "replayed",
    "rms",
]  # fmt: skip

Tally = Counter[str]


def activate(tally: Tally, name: str) -> None:
    """One element through an activation, step by step."""
    steps = {
        "sigmoid": ["neg", "EXP", "add", "DIV"],
        "swish": ["mul", "neg", "EXP", "add", "DIV", "mul"],
        "softplus": ["EXP", "add", "LOG"],
        "tanh": ["TANH"],
        "relu": ["max"],
        "relu2": ["max", "mul"],
        "silu": ["mul", "neg", "EXP", "add", "DIV", "mul"],
        "gelu": ["mul", "ERF", "add", "mul", "mul"],
        "none": [],
    }[name]
    tally.update(step if step.isupper() else "vector" for step in steps)


def rms(tally: Tally, width: int, *, scaled: bool = False) -> None:
    """One row: squares, their sum, the mean, plus epsilon, the root, its reciprocal; each element times that."""
    for _ in range(width):
        tally.update(["vector", "vector"])
    tally.update(["DIV", "vector", "SQRT", "DIV"])
    for _ in range(width):
        tally["vector"] += 1 + scaled


# -- streams ---------------------------------------------------------------------------------------------------


def reduced(rows: int, streams: int, width: int, *, scaled: bool) -> Tally:
    """HyperConnectionPreMix: the sum over streams of each times its gate."""
    tally: Tally = Counter()
    for _ in itertools.product(range(rows), range(width)):
        for _ in range(streams):
            tally.update(["vector", "vector"])
        tally["vector"] += scaled
    return tally


def mixed(rows: int, streams: int, width: int, *, by_matrix: bool) -> Tally:
    """HyperConnectionPostMix: streams by a matrix, and the block's output times a gate added."""
    tally: Tally = Counter()
    for _ in itertools.product(range(rows), range(streams), range(width)):
        for _ in range(streams if by_matrix else 0):
            tally["mac"] += 1
        tally.update(["vector", "vector"])
    return tally


def low_rank_mix(rows: int, streams: int, width: int, rank: int, *, has_prologue: bool, scaled: bool) -> Tally:
    """HyperConnectionLowRankMix, line by line as it is documented."""
    tally: Tally = Counter()
    for _ in range(rows):
        for _ in range(streams * width if has_prologue else 0):
            tally.update(["vector", "vector"])
        for _ in range(streams):
            rms(tally, width, scaled=True)
        for _ in range(rank):
            for _ in range(streams * width):
                tally["mac"] += 1
            activate(tally, "swish")
        for _ in range(streams * width):
            for _ in range(rank):
                tally["mac"] += 1
            activate(tally, "sigmoid")
        for _ in range(width):
            for _ in range(streams):
                tally.update(["vector", "vector"])
            tally["vector"] += scaled
        for _ in range(streams):
            for _ in range(streams * width):
                tally["mac"] += 1
            tally["DIV"] += 1
            activate(tally, "sigmoid")
            tally["vector"] += 1
    return tally


def engram_gate(rows: int, width: int, *, is_normalized: bool) -> Tally:
    """EngramGate: a gate of the product of two normalized vectors."""
    tally: Tally = Counter()
    for _ in range(rows):
        rms(tally, width, scaled=True)
        rms(tally, width, scaled=True)
        for _ in range(width):
            tally.update(["vector", "vector"])  # the product
        tally["vector"] += 1  # by 1 / sqrt(width)
        tally.update(["vector", "vector", "SQRT", "vector", "vector"])  # abs, max, root, sign, times the sign
        activate(tally, "sigmoid")
        for _ in range(width):
            tally["vector"] += 1
        if is_normalized:
            rms(tally, width, scaled=True)
    return tally


def ngram_hash(tokens: int, longest: int, heads: int, *, has_offsets: bool) -> Tally:
    """NGramHashMapping: shifted ids times their multipliers, joined by xor, modulo the size of each head."""
    tally: Tally = Counter()
    for _ in range(tokens):
        for place in range(longest):
            tally["vector"] += 1  # mul
            if place:
                tally["vector"] += 1  # xor into the next order
                for _ in range(heads):
                    tally.update(["DIV", "vector", "vector"])  # quotient, times the size, less that
                    tally["vector"] += has_offsets
    return tally


def bifurcation(source: Sequence[int], current: Sequence[int], predicted: Sequence[int], sizes: range) -> int:
    """BifurcationDetector, run on tokens: comparisons of predicted with source tokens, and of n-grams with the source.

    As the runtime does: it stops at the first predicted token that differs, and looks for a larger n-gram while one
    is found more than once.
    """
    count = 0
    tokens = list(current)
    for place, token in enumerate(predicted):
        tokens.append(token)
        if place >= len(source):
            break
        count += 1
        if token != source[place]:
            break
    for size in sizes:
        if size > len(tokens):
            break
        found = 0
        for start in range(len(source) - size + 1):
            is_equal = True
            for k in range(size):
                count += 1
                if source[start + k] != tokens[len(tokens) - size + k]:
                    is_equal = False
                    break
            found += is_equal
        if found != 1:
            break
    return count


# -- recurrent states ------------------------------------------------------------------------------------------


def gated_delta(
    tokens: int, heads: int, group: int, width: int, value_width: int, *, rule: str, gate: str, is_decay_wide: bool,
    has_norm: bool, has_rate: bool,
) -> Tally:  # fmt: skip
    """GatedDeltaNet token by token: `group` value heads share a head of queries and keys."""
    tally: Tally = Counter()
    value_heads = heads * group
    if gate != "none":
        tally["EXP"] += value_heads  # of a_log, once
    for _ in range(tokens):
        for _ in range(2 * heads if has_norm else 0):
            for _ in range(width):
                tally.update(["vector", "vector", "vector"])  # squared, into the sum, times the reciprocal
            tally.update(["SQRT", "DIV"])
        for _ in range(value_heads):
            for _ in range(width if is_decay_wide else 1):
                if gate == "softplus":  # -exp(a_log) * softplus(decay + bias)
                    tally.update(["vector", "vector"])
                    activate(tally, "softplus")
                elif gate == "sigmoid":  # bound * sigmoid(exp(a_log) * (decay + bias))
                    tally.update(["vector", "vector", "vector"])
                    activate(tally, "sigmoid")
                tally["EXP"] += "gated" in rule
            if has_rate:
                activate(tally, "sigmoid")
            for _ in range(width * value_width):
                tally["vector"] += "gated" in rule  # the state decays
                tally["mac"] += "delta" in rule  # what it knows of the key
                tally["mac"] += 1  # the outer product is added
                tally["mac"] += 1  # the query reads
            for _ in range(value_width):
                tally["vector"] += 2 * ("delta" in rule)  # less what is known, times the rate
                tally["vector"] += 1  # scale
    return tally


def mamba(rows: int, heads: int, head_width: int, depth: int, groups: int) -> Tally:
    """Mamba2Verify: a causal convolution of four taps, the selective recurrence, a gate and a grouped normalization."""
    tally: Tally = Counter()
    for _ in range(rows):
        for _ in range(heads * head_width + 2 * groups * depth):
            for _ in range(4):
                tally["mac"] += 1
            tally["vector"] += 1
            activate(tally, "swish")
        for _ in range(heads):
            tally["vector"] += 1  # bias of the step
            activate(tally, "softplus")
            tally.update(["vector", "vector", "EXP"])  # at least the smallest; exp(A * dt)
            for _ in range(head_width):
                tally["vector"] += 1  # dt * x
                for _ in range(depth):
                    tally.update(["vector", "mac", "mac"])  # decay, update, readout
                tally.update(["vector", "vector"])  # D * x, added
                activate(tally, "swish")
                tally["vector"] += 1  # the gate
        for _ in range(groups):
            rms(tally, heads * head_width // groups, scaled=True)
    return tally


def replayed(
    source: int, capsule: Sequence[int], sizes: Sequence[int], kept: int, capacity: int, *, is_decay_wide: bool
) -> tuple[Tally, set[tuple[str, int]], int]:
    """GatedDeltaNetStateReplay: its work, the elements that it reads, and how many it writes.

    Args:
        source: Where the state begins.
        capsule: Where decays, keys and deltas begin.
        sizes: Value heads, width of a value, width of a key, key heads.
        kept: Transitions that are replayed.
        capacity: Transitions for which there is room.
        is_decay_wide: Whether each dimension of a key has a decay.
    """
    heads, value_width, width, key_heads = sizes
    tally: Tally = Counter()
    touched: set[tuple[str, int]] = set()
    written = 0

    for h, v, i in itertools.product(range(heads), range(value_width), range(width)):
        touched.add(("state", source + (h * value_width + v) * width + i))
        for t in range(kept):
            decay = (t * heads + h) * width + i if is_decay_wide else t * heads + h
            touched.add(("capsule", capsule[0] + decay))

            touched.add(("capsule", capsule[1] + (t * key_heads + h * key_heads // heads) * width + i))
            touched.add(("capsule", capsule[2] + (t * heads + h) * value_width + v))
            tally.update(["vector", "mac"])
        written += 1
    assert capacity >= kept
    return tally, touched, written


def _lstm_cell(tally: Tally, inputs: int, hidden: int, *, has_bias: bool, has_peepholes: bool) -> None:
    for gate in ("sigmoid", "sigmoid", "sigmoid", "tanh"):
        for _ in range(inputs + hidden):
            tally["mac"] += 1
        tally["vector"] += 1 + 2 * has_bias  # both products together, two biases
        tally["vector"] += 2 * (has_peepholes and gate == "sigmoid")  # times the cell, added
        activate(tally, gate)
    tally.update(["vector", "vector", "vector", "TANH", "vector"])  # f * c + i * g, o * tanh(c)


def quantized_cell(
    steps: int, batch: int, directions: int, width: int, hidden: int, *, has_bias: bool, has_zero: bool
) -> Tally:
    """DynamicQuantizeLSTM: inputs and states quantized on the way, integer products times both scales."""
    tally: Tally = Counter()
    for _ in range(directions):
        for _ in range(4 * hidden * (width + hidden) if has_zero else 0):
            tally["vector"] += 1  # less the zero point
        for _ in itertools.product(range(steps), range(batch)):
            for _ in range(width + hidden):
                tally.update(["vector", "vector", "DIV", "vector", "vector", "vector"])
            for _ in range(hidden):
                for _ in range(4):
                    tally.update(["vector", "vector"])  # the scale of either product
                _lstm_cell(tally, width, hidden, has_bias=has_bias, has_peepholes=False)
    return tally


def attended_cell(
    steps: int, batch: int, directions: int, width: int, hidden: int, memory: tuple[int, int, int], layer: int | None
) -> Tally:
    """AttnLSTM with an attention over a memory of (tokens, depth, attended width), and its layer's width, if any."""
    tally: Tally = Counter()
    tokens, depth, attended = memory
    for _ in itertools.product(range(directions), range(batch)):
        for _ in itertools.product(range(tokens), range(attended), range(depth)):
            tally["mac"] += 1  # the keys
        for _ in range(steps):
            for _ in range(hidden):
                _lstm_cell(tally, width, hidden, has_bias=False, has_peepholes=False)
            for _ in itertools.product(range(attended), range(hidden)):
                tally["mac"] += 1  # the query
            for _ in range(tokens):
                for _ in range(attended):
                    tally.update(["vector", "TANH", "vector", "vector"])  # plus the query, tanh, times V, summed
                tally.update(["vector", "vector", "EXP", "vector", "DIV"])  # softmax
                for _ in range(depth):
                    tally["mac"] += 1  # the context
            for _ in range(layer or 0):
                for _ in range(depth + hidden):
                    tally["mac"] += 1
    return tally


# -- choosing tokens -------------------------------------------------------------------------------------------


def indexer(
    queries: int, heads: int, width: int, entries: int, made: int, *, rotary: int, ratio: int, kept: int,
    is_weighted: bool, is_pooled_by_softmax: bool,
) -> Tally:  # fmt: skip
    """SparseAttentionIndexer: `made` blocks of tokens pooled, normalized and rotated; queries held against `entries`.

    Args:
        queries: Tokens of the query.
        heads: Of the query.
        width: Of a head.
        entries: Blocks that every query is held against.
        made: Blocks that are made of new tokens.
        rotary: Width of the table of cosines: twice as many elements are rotated.
        ratio: Tokens of a block.
        kept: Blocks that are chosen.
        is_weighted: Whether heads have weights.
        is_pooled_by_softmax: Over the slots of two blocks; else by a mean.
    """
    tally: Tally = Counter()
    for _ in range(made):
        for _ in range(width):
            for _ in range(2 * ratio if is_pooled_by_softmax else 0):
                tally["vector"] += 1  # bias
                tally.update(["vector", "vector", "EXP", "vector", "DIV"])
                tally.update(["vector", "vector"])  # product, sum
            if not is_pooled_by_softmax:
                for _ in range(ratio):
                    tally["vector"] += 1
                tally["DIV"] += 1
    for _ in range(made + queries * heads):
        rms(tally, width, scaled=True)
        for _ in range(min(2 * rotary, width)):
            tally.update(["vector", "vector", "vector"])  # by cosine, by sine, both together
    for _ in itertools.product(range(queries), range(entries)):
        for _ in range(heads):
            for _ in range(width):
                tally["mac"] += 1
            tally.update(["vector", "vector"])  # Relu, into the sum
            tally["vector"] += is_weighted
        for _ in range(max(math.ceil(math.log2(kept)), 1) if kept > 1 else 1):
            tally["vector"] += 1  # a heap of the best
    return tally
