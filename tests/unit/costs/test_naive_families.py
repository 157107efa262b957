"""Rules of the families beside contractions, windows and reductions against counters, over shapes of all kinds."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.dtypes import DType
from tests.oracles import naive
from tests.oracles.build import T, cost

F32, I64, ML = 4, DType.INT64, "ai.onnx.ml"
SMALL = st.integers(1, 4)
SHAPES = st.lists(SMALL, min_size=1, max_size=4).map(tuple)
modest = settings(max_examples=40, deadline=None)


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    said = Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})
    return +said


@modest
@given(SHAPES, st.data())
def test_softmax_over_one_axis_and_over_all_behind_it(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    since_13 = cost("Softmax", [shape], [shape], {"axis": axis})
    assert tally(since_13) == naive.softmax(shape, [axis % len(shape)])
    before = cost("LogSoftmax", [shape], [shape], {"axis": axis}, version=11)
    rows = naive.rows_of(shape, range(axis % len(shape), len(shape)))
    assert tally(before) == Counter({"vector": 4 * sum(rows.values()), "EXP": sum(rows.values()), "LOG": len(rows)})


@modest
@given(SHAPES, st.data(), st.booleans())
def test_normalisations_of_trailing_axes(shape, data, has_bias):
    axis = data.draw(st.integers(0, len(shape) - 1))
    axes, scale = range(axis, len(shape)), shape[axis:]
    operands = [shape, scale, scale] if has_bias else [shape, scale]
    layer = cost("LayerNormalization", operands, [shape], {"axis": axis})
    assert tally(layer) == naive.normalized(shape, axes, is_centred=True, affine=1 + has_bias)
    rms = cost("RMSNormalization", [shape, scale], [shape], {"axis": axis})
    assert tally(rms) == naive.normalized(shape, axes, is_centred=False, affine=1)


@modest
@given(SMALL, SMALL, SMALL, st.lists(SMALL, min_size=1, max_size=2))
def test_normalisations_of_groups_and_instances(batch, groups, width, space):
    shape = (batch, groups * width, *space)
    channels = (groups * width,)
    instance = cost("InstanceNormalization", [shape, channels, channels], [shape])
    assert tally(instance) == naive.normalized(shape, range(2, len(shape)), is_centred=True, affine=2)
    group = cost("GroupNormalization", [shape, channels, channels], [shape], {"num_groups": groups})
    split = (batch, groups, width, *space)
    assert tally(group) == naive.normalized(split, range(2, len(split)), is_centred=True, affine=2)


@modest
@given(SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, st.integers(0, 3))
def test_attention_with_shared_heads_and_a_past(batch, kv_heads, group, queries, new, width, value_width, past):
    heads = kv_heads * group
    query = (batch, heads, queries, width)
    key, value = (batch, kv_heads, new, width), (batch, kv_heads, new, value_width)
    inputs: list[Any] = [query, key, value]
    outputs = [(batch, heads, queries, value_width)]
    if past:
        inputs += [None, (batch, kv_heads, past, width), (batch, kv_heads, past, value_width)]
        outputs += [(batch, kv_heads, past + new, w) for w in (width, value_width)]
    found = cost("Attention", inputs, outputs)
    assert tally(found) == naive.attention(batch, heads, queries, past + new, width, value_width)
    # Keys and values of the shared heads are read once, past and new.
    cached = batch * kv_heads * (past + new) * (width + value_width)
    assert found.read_bytes == F32 * (math.prod(query) + cached)


@modest
@given(st.sampled_from(["RNN", "GRU", "LSTM"]), SMALL, SMALL, SMALL, SMALL, st.booleans(), st.booleans())
def test_recurrent_cells(op_type, steps, batch, width, hidden, is_both_ways, has_bias):
    gates, directions = {"RNN": 1, "GRU": 3, "LSTM": 4}[op_type], 1 + is_both_ways
    inputs = [(steps, batch, width), (directions, gates * hidden, width), (directions, gates * hidden, hidden)]
    inputs += [(directions, 2 * gates * hidden)] if has_bias else []
    attributes = {"hidden_size": hidden, "direction": "bidirectional" if is_both_ways else "forward"}
    found = cost(op_type, inputs, [(steps, directions, batch, hidden)], attributes)
    assert tally(found) == naive.cell(op_type, steps, batch, directions, width, hidden, has_bias=has_bias)


@modest
@given(SHAPES, st.data(), st.sampled_from(["Transpose", "Concat", "Split", "Slice", "Tile", "Expand"]))
def test_movement_reads_what_it_takes_and_writes_what_it_gives(shape, data, op_type):
    axis = data.draw(st.integers(0, len(shape) - 1))
    wide = (*shape[:axis], shape[axis] + 1, *shape[axis + 1 :])
    joined = (*shape[:axis], shape[axis] + wide[axis], *shape[axis + 1 :])
    size = sum(1 for _ in naive.indices(shape))
    if op_type == "Transpose":
        order = data.draw(st.permutations(range(len(shape))))
        found = cost(op_type, [shape], [tuple(shape[i] for i in order)], {"perm": order})
        # Every element goes to another place, or none does: then the order of the memory stays.
        places = [naive_place(index, shape, order) for index in naive.indices(shape)]
        read = written = 0 if places == sorted(places) else size
    elif op_type == "Concat":
        found = cost(op_type, [shape, wide], [joined], {"axis": axis})
        read = written = size + sum(1 for _ in naive.indices(wide))
    elif op_type == "Split":
        found = cost(op_type, [joined], [shape, wide], {"axis": axis})
        read = written = sum(1 for _ in naive.indices(joined))
    elif op_type == "Slice":
        found = cost(op_type, [wide, T((1,), I64), T((1,), I64)], [shape])
        read = written = size
    else:
        small = (*shape[:axis], 1, *shape[axis + 1 :])
        found = cost(op_type, [small, T((len(shape),), I64)], [shape])
        read, written = (0, 0) if small == shape else (sum(1 for _ in naive.indices(small)), size)
    assert (found.read_bytes, found.write_bytes) == (F32 * read, F32 * written)
    assert tally(found) == Counter()


def naive_place(index, shape, order):
    """Where an element lies after a transposition, row by row."""
    place = 0
    for axis in order:
        place = place * shape[axis] + index[axis]
    return place


@modest
@given(st.lists(SMALL, min_size=2, max_size=3).map(tuple), st.integers(-4, 4), st.booleans())
def test_triangles(shape, offset, is_upper):
    found = cost("Trilu", [shape, T((), I64, value=offset)], [shape], {"upper": int(is_upper)})
    assert found.read_bytes == F32 * naive.triangle(shape, offset, is_upper=is_upper)
    assert found.write_bytes == F32 * math.prod(shape)


@modest
@given(SHAPES, st.data())
def test_gathers_read_the_rows_that_they_take(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    taken = data.draw(st.integers(1, shape[axis]))
    result = (*shape[:axis], taken, *shape[axis + 1 :])
    found = cost("Gather", [shape, T((taken,), I64)], [result], {"axis": axis})
    assert found.read_bytes == F32 * naive.gathered(shape, axis, taken) + 8 * taken
    assert found.write_bytes == F32 * math.prod(result)


@modest
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3), st.sampled_from([2, 4]))
def test_interpolation_counts_each_tap(axes, taps):
    before, after = (tuple(pair[i] for pair in axes) for i in (0, 1))
    scales = T((len(axes),))
    found = cost("Resize", [before, None, scales], [after], {"mode": "linear" if taps == 2 else "cubic"})
    assert tally(found) == +Counter({"vector": naive.resized(before, after, taps)})
    assert tally(cost("Resize", [before, None, scales], [after], {"mode": "nearest"})) == Counter()


@modest
@given(SMALL, st.integers(0, 6), SMALL, st.booleans())
def test_transforms_of_powers_of_two(batch, stages, frames, has_window):
    points = 2**stages
    whole = cost("DFT", [(batch, points, 1)], [(batch, points, 2)])
    assert tally(whole) == +Counter({"vector": batch * naive.butterflies(points)})
    window = [(points,)] if has_window else [None, T((), I64, value=points)]
    framed = cost("STFT", [(batch, 99, 1), T((), I64), *window], [(batch, frames, points // 2 + 1, 2)])
    each = naive.butterflies(points) + points * has_window
    assert tally(framed) == +Counter({"vector": sum(each for _ in range(batch * frames))})


@modest
@given(st.integers(1, 6), st.integers(1, 6))
def test_filter_banks_and_windows_make_each_element(bins, bands):
    found = cost("MelWeightMatrix", [T((), I64)] * 5, [(bins, bands)])
    counted: Counter[str] = Counter()
    for _ in naive.indices((bins, bands)):
        counted.update(["vector", "DIV", "vector", "DIV", "vector", "vector"])  # two slopes, the lower, not below 0
    assert tally(found) == counted
    assert (found.read_bytes, found.write_bytes) == (0, F32 * bins * bands)


@modest
@given(SMALL, SMALL, st.lists(SMALL, max_size=2), st.sampled_from(["none", "sum", "mean"]), st.booleans())
def test_losses(batch, classes, space, reduction, is_weighted):
    scores, targets = (batch, classes, *space), (batch, *space)
    operands: list[Any] = [scores, T(targets, I64), *([(classes,)] if is_weighted else [])]
    result = targets if reduction == "none" else ()
    found = cost("SoftmaxCrossEntropyLoss", operands, [result], {"reduction": reduction})
    assert tally(found) == naive.loss(scores, reduction, is_weighted=is_weighted)
    alone = cost("NegativeLogLikelihoodLoss", operands, [result], {"reduction": reduction})
    count = sum(1 for _ in naive.indices(targets))
    assert tally(alone) == naive.picked(count, reduction, is_weighted=is_weighted)


@st.composite
def forests(draw: st.DrawFn) -> tuple[dict[str, list[Any]], dict[str, list[Any]], list[int]]:
    """Trees in the forms of opsets 1 and 5 of the domain, and the depth of each."""
    old: dict[str, list[Any]] = {
        f"nodes_{k}": [] for k in ("treeids", "nodeids", "modes", "truenodeids", "falsenodeids")
    }
    new: dict[str, list[Any]] = {"tree_roots": []}
    new |= {f"nodes_{side}{kind}": [] for side in ("true", "false") for kind in ("leafs", "nodeids")}
    depths = []
    for tree in range(draw(st.integers(1, 3))):
        depth = draw(st.integers(1, 4))
        depths.append(depth)
        new["tree_roots"].append(len(new["nodes_trueleafs"]))
        # A chain: on the way down, the left child is a leaf, the right one the next comparison.
        for level in range(depth):
            is_last = level == depth - 1
            here = len(new["nodes_trueleafs"])
            for side, leaf, child in (("true", 1, 0), ("false", int(is_last), 0 if is_last else here + 1)):
                new[f"nodes_{side}leafs"].append(leaf)
                new[f"nodes_{side}nodeids"].append(child)
        for node in range(2 * depth + 1):
            is_branch = node % 2 == 0 and node < 2 * depth
            for key, value in (
                ("treeids", tree), ("nodeids", node), ("modes", "BRANCH_LEQ" if is_branch else "LEAF"),
                ("truenodeids", node + 1 if is_branch else 0), ("falsenodeids", node + 2 if is_branch else 0),
            ):  # fmt: skip
                old[f"nodes_{key}"].append(value)
    return old, new, depths


@modest
@given(forests(), SMALL, SMALL)
def test_trees_in_both_forms(forest, rows, features):
    old, new, depths = forest
    expected = Counter({"vector": naive.trees(rows, depths)})
    assert tally(cost("TreeEnsembleRegressor", [(rows, features)], [(rows, 1)], old, domain=ML)) == expected
    assert tally(cost("TreeEnsemble", [(rows, features)], [(rows, 1)], new, domain=ML)) == expected


@modest
@given(SMALL, SMALL, SMALL)
def test_linear_and_support_vector_models(rows, features, classes):
    attributes = {"coefficients": [1.0] * (features * classes), "intercepts": [1.0] * classes}
    found = cost("LinearClassifier", [(rows, features)], [T((rows,), I64), (rows, classes)], attributes, domain=ML)
    counted: Counter[str] = Counter()
    for _ in range(rows):
        for _ in range(classes):
            counted["mac"] += features
            counted["vector"] += 1  # the intercept
    assert tally(found) == counted
    vectors = classes  # any number
    attributes = {
        "support_vectors": [1.0] * (vectors * features), "coefficients": [1.0] * vectors, "kernel_type": "RBF"
    }  # fmt: skip
    found = cost("SVMRegressor", [(rows, features)], [(rows, 1)], attributes, domain=ML)
    counted = Counter()
    for _ in range(rows):
        for _ in range(vectors):
            counted["mac"] += features + 1  # the kernel, and its weight in the sum
            counted.update(["vector", "vector", "EXP"])
    assert tally(found) == counted


@modest
@given(SHAPES, st.data())
def test_views_leave_every_element_where_it_lies(shape, data):
    """Row by row, the elements of either shape stand in the same order, so nothing moves."""
    cut = data.draw(st.integers(0, len(shape)))
    flat = (math.prod(shape[:cut]), math.prod(shape[cut:]))
    places = [sum(i * math.prod(shape[axis + 1 :]) for axis, i in enumerate(at)) for at in naive.indices(shape)]
    assert places == [row * flat[1] + column for row, column in naive.indices(flat)]
    for op_type, rest, attributes in (("Reshape", [T((2,), I64)], {}), ("Flatten", [], {"axis": cut})):
        found = cost(op_type, [shape, *rest], [flat], attributes)
        assert (tally(found), found.read_bytes, found.write_bytes) == (Counter(), 0, 0)


@modest
@given(st.lists(SMALL, min_size=1, max_size=4), SMALL)
def test_sequences_are_handles_until_their_tensors_are_joined_or_cut(extents, width):
    parts = [[(row, column) for row in range(extent) for column in range(width)] for extent in extents]
    moved = F32 * sum(len(part) for part in parts)
    whole = (sum(extents), width)
    made = cost("SequenceConstruct", [(extent, width) for extent in extents], [T(None)])
    assert (tally(made), made.read_bytes, made.write_bytes) == (Counter(), 0, 0)
    for found in (
        cost("ConcatFromSequence", [T(None)], [whole], {"axis": 0}),
        cost("SplitToSequence", [whole, T((len(extents),), I64)], [T(None)], {"axis": 0}),
    ):
        assert (tally(found), found.read_bytes, found.write_bytes) == (Counter(), moved, moved)
