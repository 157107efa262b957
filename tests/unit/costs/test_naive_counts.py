"""Rules against loops that count one by one, over shapes that Hypothesis makes."""

from __future__ import annotations

import itertools
import math

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from tests.oracles.build import cost
from tests.oracles.loopnest import (
    conv_counts,
    conv_least,
    conv_transpose_least,
    conv_transpose_macs,
    einsum_counts,
    matmul_macs,
    nest_bytes,
)

F32 = 4
SMALL = st.integers(1, 4)


def agrees(found: OpCost) -> None:
    """The nest touches what the rule says."""
    assert found.nest is not None
    assert nest_bytes(found.nest) == (found.read_bytes, found.write_bytes)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, tuple[int, ...]]:
    """Extents, taps and attributes of one or two spatial axes, with at least one position each."""
    rank = draw(st.integers(1, 2))

    def axis(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    extents, taps, strides, dilations = axis(1, 7), axis(1, 3), axis(1, 4), axis(1, 3)
    before, behind = axis(0, 2), axis(0, 2)
    positions = tuple(
        (e + a + b - (k - 1) * d - 1) // s + 1
        for e, a, b, k, d, s in zip(extents, before, behind, taps, dilations, strides, strict=True)
    )
    assume(all(p > 0 for p in positions))
    return {
        "extents": extents,
        "taps": taps,
        "strides": strides,
        "dilations": dilations,
        "pads": (*before, *behind),
        "positions": positions,
    }


@settings(max_examples=60, deadline=None)
@given(windows(), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_convolutions_of_all_kinds(window, batch, group, channels, filters, has_bias):
    image = (batch, group * channels, *window["extents"])
    weights = (group * filters, channels, *window["taps"])
    result = (batch, group * filters, *window["positions"])
    attributes = {name: window[name] for name in ("strides", "dilations", "pads")} | {"group": group}
    operands = [image, weights, (weights[0],)] if has_bias else [image, weights]
    found = cost("Conv", operands, [result], attributes)
    macs, seen = conv_counts(
        image,
        weights,
        result,
        strides=window["strides"],
        dilations=window["dilations"],
        pads=window["pads"],
        group=group,
    )
    assert found.work is not None
    assert (found.work.macs, found.work.vector_ops) == (macs, math.prod(result) if has_bias else 0)
    assert found.read_bytes == F32 * (seen + math.prod(weights) + weights[0] * has_bias)
    assert found.nest is not None
    assert found.nest.points == macs
    agrees(found)
    where = {name: window[name] for name in ("strides", "dilations", "pads")}
    inside, used = conv_least(image, weights, result, **where)
    assert found.least_work is not None
    assert (found.least_work.macs, found.least_work.vector_ops) == (inside, found.work.vector_ops)
    assert sum(t.bytes for t in found.least_reads) == F32 * (seen + used + weights[0] * has_bias)


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))
def test_transposed_convolutions_of_all_kinds(window, batch, group, channels, filters):
    image = (batch, group * channels, *window["extents"])
    weights = (group * channels, filters, *window["taps"])
    rank = len(window["taps"])
    spatial = tuple(
        (e - 1) * s + (k - 1) * d + 1 - a - b
        for e, s, k, d, a, b in zip(
            window["extents"],
            window["strides"],
            window["taps"],
            window["dilations"],
            window["pads"][:rank],
            window["pads"][rank:],
            strict=True,
        )
    )
    assume(all(n > 0 for n in spatial))
    result = (batch, group * filters, *spatial)
    attributes = {name: window[name] for name in ("strides", "dilations", "pads")} | {"group": group}
    found = cost("ConvTranspose", [image, weights], [result], attributes)
    macs = conv_transpose_macs(image, weights, group)
    assert found.work is not None
    assert found.work.macs == macs
    assert found.read_bytes == F32 * (math.prod(image) + math.prod(weights))
    if found.nest is not None:
        assert found.nest.points == macs
        agrees(found)
    where = {name: window[name] for name in ("strides", "dilations", "pads")}
    inside, used, taken = conv_transpose_least(image, weights, result, **where)
    assert found.least_work is not None
    assert found.least_work.macs == inside
    assert sum(t.bytes for t in found.least_reads) == F32 * (used + taken)


@settings(max_examples=40, deadline=None)
@given(windows(), SMALL, st.sampled_from(["MaxPool", "AveragePool", "LpPool"]))
def test_pools(window, channels, op_type):
    image, result = (1, channels, *window["extents"]), (1, channels, *window["positions"])
    attributes = {name: window[name] for name in ("strides", "dilations", "pads")} | {"kernel_shape": window["taps"]}
    found = cost(op_type, [image], [result], attributes)
    # A pool is a depthwise convolution without weights: the same elements, one step for each of its MACs.
    terms, seen = conv_counts(
        image,
        (channels, 1, *window["taps"]),
        result,
        strides=window["strides"],
        dilations=window["dilations"],
        pads=window["pads"],
        group=channels,
    )
    assert found.work is not None
    assert found.work.vector_ops == terms * (2 if op_type == "LpPool" else 1)
    assert found.work.macs == 0
    assert found.read_bytes == F32 * seen
    agrees(found)
    where = {name: window[name] for name in ("strides", "dilations", "pads")}
    inside, _ = conv_least(image, (channels, 1, *window["taps"]), result, **where)
    assert found.least_work is not None
    assert found.least_work.vector_ops == inside * (2 if op_type == "LpPool" else 1)
    assert found.least_work.special == found.work.special


@st.composite
def broadcast_pairs(draw: st.DrawFn, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two shapes of up to `rank` dimensions that broadcast, and the result."""
    result = tuple(draw(st.integers(1, 4)) for _ in range(draw(st.integers(0, rank))))
    left = tuple(draw(st.sampled_from((1, n))) for n in result)
    right = tuple(n if a == 1 else draw(st.sampled_from((1, n))) for n, a in zip(result, left, strict=True))
    return left[draw(st.integers(0, len(left))) if not any(n > 1 for n in left) else 0 :], right, result


@settings(max_examples=60, deadline=None)
@given(broadcast_pairs(2), SMALL, SMALL, SMALL)
def test_matrix_products_broadcast(batch, rows, depth, columns):
    left, right = (*batch[0], rows, depth), (*batch[1], depth, columns)
    result = (*batch[2], rows, columns)
    found = cost("MatMul", [left, right], [result])
    assert found.work is not None
    assert found.work.macs == matmul_macs(left, right, result)
    assert found.read_bytes == F32 * (math.prod(left) + math.prod(right))
    agrees(found)


@settings(max_examples=40, deadline=None)
@given(SMALL, SMALL, SMALL, st.booleans(), st.booleans(), st.sampled_from(["none", "row", "column", "scalar", "full"]))
def test_gemm(rows, depth, columns, is_left_transposed, is_right_transposed, bias):
    left = (depth, rows) if is_left_transposed else (rows, depth)
    right = (columns, depth) if is_right_transposed else (depth, columns)
    shapes = {"row": (columns,), "column": (rows, 1), "scalar": (), "full": (rows, columns)}
    operands = [left, right] if bias == "none" else [left, right, shapes[bias]]
    attributes = {"transA": int(is_left_transposed), "transB": int(is_right_transposed)}
    found = cost("Gemm", operands, [(rows, columns)], attributes)
    assert found.work is not None
    assert found.work.macs == matmul_macs((rows, depth), (depth, columns), (rows, columns))
    assert found.work.vector_ops == (0 if bias == "none" else rows * columns)
    agrees(found)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("abcd", min_size=1, max_size=3), min_size=1, max_size=2),
    st.fixed_dictionaries(dict.fromkeys("abcd", SMALL)),
    st.data(),
)
def test_einsum_with_any_labels(terms, sizes, data):
    used = sorted(set("".join(terms)))
    result = "".join(data.draw(st.lists(st.sampled_from(used), unique=True)))
    equation = f"{','.join(terms)}->{result}"
    shapes = [tuple(sizes[label] for label in term) for term in terms]
    found = cost("Einsum", shapes, [tuple(sizes[label] for label in result)], {"equation": equation})
    points, seen = einsum_counts(equation, shapes)
    assert found.work is not None
    assert found.work.macs == (points if len(terms) == 2 else 0)
    assert found.work.vector_ops == (points if len(terms) == 1 and len(result) < len(used) else 0)
    assert found.read_bytes == F32 * sum(seen)
    agrees(found)


@settings(max_examples=20, deadline=None)
@given(st.permutations("abcde"), st.fixed_dictionaries(dict.fromkeys("abcde", SMALL)))
def test_einsum_of_a_chain_takes_the_best_order(labels, sizes):
    a, b, c, d, _ = labels
    chain = [(a, b), (b, c), (c, d)]
    equation = ",".join("".join(pair) for pair in chain) + f"->{a}{d}"
    shapes = [tuple(sizes[label] for label in pair) for pair in chain]
    found = cost("Einsum", shapes, [(sizes[a], sizes[d])], {"equation": equation})
    # Left first, right first, and the outer product of the ends: the three ways to pair three operands.
    n = sizes
    left = n[a] * n[b] * n[c] + n[a] * n[c] * n[d]
    right = n[b] * n[c] * n[d] + n[a] * n[b] * n[d]
    ends = n[a] * n[b] * n[c] * n[d] * 2
    assert found.work is not None
    assert found.work.macs == min(left, right, ends)


@settings(max_examples=60, deadline=None)
@given(broadcast_pairs(3))
def test_elementwise_operands_broadcast(pair):
    left, right, result = pair
    found = cost("Add", [left, right], [result])
    assert found.work is not None
    assert found.work.vector_ops == sum(1 for _ in itertools.product(*map(range, result)))
    assert found.read_bytes == F32 * (math.prod(left) + math.prod(right))
    agrees(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(SMALL, min_size=1, max_size=4), st.data())
def test_reductions(shape, data):
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    keeps = data.draw(st.booleans())
    kept = (
        [1 if i in axes else n for i, n in enumerate(shape)]
        if keeps
        else [n for i, n in enumerate(shape) if i not in axes]
    )
    attributes = {"axes": sorted(axes), "keepdims": int(keeps)}
    found = cost("ReduceMean", [tuple(shape)], [tuple(kept)], attributes, version=11)
    assert found.work is not None
    assert found.work.vector_ops == sum(1 for _ in itertools.product(*map(range, shape)))
    assert found.work.special == {"DIV": math.prod(kept)}
    agrees(found)
