"""Rules of operators that follow data against counters; where data decide how much is done, against runs on data."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.dtypes import DType
from onnxroof.ir.tensor import TensorKind
from tests.oracles import naive, naive_data
from tests.oracles.build import T, cost

F32, I64, MS = 4, DType.INT64, "com.microsoft"
SMALL = st.integers(1, 4)
SHAPES = st.lists(SMALL, min_size=1, max_size=4).map(tuple)
VALUES = st.lists(st.floats(-9, 9), min_size=1, max_size=40)
modest = settings(max_examples=40, deadline=None)


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    return +Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})


def least(found: OpCost) -> Counter[str]:
    work = found.least_work
    assert work is not None
    return +Counter({"mac": work.macs, "vector": work.vector_ops, **work.special})


# -- quantization ----------------------------------------------------------------------------------------------


@modest
@given(SHAPES, st.data(), st.booleans(), st.sampled_from(["one", "channel", "blocks"]))
def test_quantize_and_dequantize_step_by_step(shape, data, has_zero_point, form):
    axis = data.draw(st.integers(0, len(shape) - 1))
    block = data.draw(st.integers(1, shape[axis]))
    blocks = (*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :])
    scale = {"one": (), "channel": (shape[axis],), "blocks": blocks}[form]
    attributes = {"axis": axis, "block_size": block if form == "blocks" else 0}
    zero = [T(scale, DType.INT8)] if has_zero_point else []
    there = cost("QuantizeLinear", [shape, T(scale), *zero], [T(shape, DType.INT8)], attributes)
    back = cost("DequantizeLinear", [T(shape, DType.INT8), T(scale), *zero], [shape], attributes)
    into: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for _ in naive.indices(shape):
        into.update(["DIV", "vector", "vector"])  # by the scale, round, saturate
        out["vector"] += 1  # by the scale
        into["vector"] += has_zero_point
        out["vector"] += has_zero_point
    assert (tally(there), tally(back)) == (into, out)
    size, scales = (sum(1 for _ in naive.indices(s)) for s in (shape, scale))
    assert there.read_bytes == F32 * size + (F32 + has_zero_point) * scales
    assert (there.write_bytes, back.write_bytes) == (size, F32 * size)


@modest
@given(SHAPES, st.sampled_from(["QLinearAdd", "QLinearMul"]))
def test_sums_and_products_of_quantized_operands(shape, op_type):
    whole, scale, zero = T(shape, DType.UINT8), T(()), T((), DType.UINT8)
    operands = [whole, scale, zero, T(shape, DType.UINT8), scale, zero, scale, zero]
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        counted["vector"] += 2 * 2 + 1  # each operand less its zero point, times its scale; joined
        counted["vector"] += 4  # by the reciprocal of the scale, round, zero point, saturate
    assert tally(cost(op_type, operands, [T(shape, DType.UINT8)], domain=MS)) == counted


@modest
@given(SHAPES)
def test_a_scale_that_is_found_while_it_runs(shape):
    outputs = [T(shape, DType.UINT8), T(()), T((), DType.UINT8)]
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        counted.update(["vector", "vector"])  # into the largest and the smallest
        counted.update(["DIV", "vector", "vector", "vector"])  # by the scale, round, zero point, saturate
    # 0 is in the range (max, min); its width by 255 is the scale; 0 less the smallest, by it, rounded and saturated
    counted.update(["vector", "vector", "vector", "DIV", "vector", "DIV", "vector", "vector"])
    assert tally(cost("DynamicQuantizeLinear", [shape], outputs)) == counted


# -- indices ---------------------------------------------------------------------------------------------------


def border(found: OpCost) -> tuple[int, int]:
    """Bytes read at least and at most."""
    return sum(transfer.bytes for transfer in found.least_reads), found.read_bytes


@modest
@given(SHAPES, st.data(), st.booleans())
def test_gathers_of_ids_that_may_repeat(shape, data, is_known):
    axis = data.draw(st.integers(0, len(shape) - 1))
    ids = data.draw(st.lists(st.integers(-shape[axis], shape[axis] - 1), min_size=1, max_size=6))
    result = (*shape[:axis], len(ids), *shape[axis + 1 :])
    found = cost("Gather", [shape, T((len(ids),), I64, value=ids if is_known else None)], [result], {"axis": axis})
    touched = {index for index in naive.indices(shape) if index[axis] in {i % shape[axis] for i in ids}}
    fewest, most = border(found)
    read = F32 * len(touched) + 8 * len(ids)
    assert fewest <= read <= most
    if is_known:
        assert fewest == most
    elif len(set(ids)) == 1:
        assert read == fewest
    assert found.write_bytes == F32 * math.prod(result)


@modest
@given(SHAPES, st.data(), st.integers(1, 4))
def test_gathers_of_elements_that_may_repeat(shape, data, taken):
    axis = data.draw(st.integers(0, len(shape) - 1))
    result = (*shape[:axis], taken, *shape[axis + 1 :])
    touched = set()
    for index in naive.indices(result):
        place = data.draw(st.integers(0, shape[axis] - 1))
        touched.add((*index[:axis], place, *index[axis + 1 :]))
    fewest, most = border(cost("GatherElements", [shape, T(result, I64)], [result], {"axis": axis}))
    indices = 8 * math.prod(result)
    assert fewest <= F32 * len(touched) + indices <= most
    one_each = {(*index[:axis], *index[axis + 1 :]) for index in naive.indices(result)}
    assert fewest == F32 * len(one_each) + indices


@modest
@given(SMALL, SMALL, SMALL, SMALL, st.data())
def test_gathers_of_slices_that_may_repeat(batch, rows, width, taken, data):
    shape, result = (batch, rows, width), (batch, taken, width)
    found = cost("GatherND", [shape, T((batch, taken, 1), I64)], [result], {"batch_dims": 1})
    touched = {(b, data.draw(st.integers(0, rows - 1)), w) for b in range(batch) for _ in range(taken) for w in [0]}
    fewest, most = border(found)
    indices = 8 * batch * taken
    assert fewest <= F32 * width * len(touched) + indices <= most
    assert fewest == F32 * width * batch + indices
    features = cost("ArrayFeatureExtractor", [(rows, width), T((1, taken), I64)], [(rows, taken)], domain="ai.onnx.ml")
    columns = {data.draw(st.integers(0, width - 1)) for _ in range(taken)}
    fewest, most = border(features)
    assert fewest <= F32 * rows * len(columns) + 8 * taken <= most
    assert fewest == F32 * rows + 8 * taken


@modest
@given(SMALL, SMALL, SMALL, st.data(), st.booleans())
def test_embeddings_of_ids_that_may_repeat(batch, tokens, width, data, has_segments):
    words, segments = 9, 2
    ids = T((batch, tokens), DType.INT32)
    tables = [(words, width), (20, width), (segments, width) if has_segments else None]
    inputs = [ids, ids if has_segments else None, *tables, (width,), (width,)]
    found = cost("EmbedLayerNormalization", inputs, [(batch, tokens, width), T((batch,), DType.INT32)], domain=MS)
    touched = set()
    for index in naive.indices((batch, tokens)):
        touched.add(("word", data.draw(st.integers(0, words - 1))))
        touched.add(("position", index[1]))
        if has_segments:
            touched.add(("segment", data.draw(st.integers(0, segments - 1))))
    fewest, most = border(found)
    certain = 4 * batch * tokens * (1 + has_segments) + F32 * 2 * width
    assert fewest <= F32 * width * len(touched) + certain <= most
    assert fewest == F32 * width * (1 + tokens + has_segments) + certain


@modest
@given(SMALL, SMALL, SMALL, st.data())
def test_rotations_by_positions_that_may_repeat(batch, tokens, half, data):
    shape, table = (batch, 2, tokens, 2 * half), (9, half)
    found = cost("RotaryEmbedding", [shape, table, table, T((batch, tokens), I64)], [shape])
    places = {data.draw(st.integers(0, 8)) for _ in range(batch * tokens)}
    fewest, most = border(found)
    certain = F32 * math.prod(shape) + 8 * batch * tokens
    assert fewest <= certain + 2 * F32 * half * len(places) <= most
    assert fewest == certain + 2 * F32 * half


@modest
@given(SHAPES, st.data(), st.booleans(), st.booleans())
def test_scatters_write_what_they_place(shape, data, is_weight, has_reduction):
    everywhere = list(naive.indices(shape))
    places = data.draw(st.lists(st.sampled_from(everywhere), unique=True, min_size=1))
    written, kept = naive_data.placed(shape, places)
    source = T(shape, kind=TensorKind.WEIGHT if is_weight else TensorKind.ACTIVATION)
    indices, updates = T((len(places), len(shape)), I64), T((len(places),))
    attributes = {"reduction": "add"} if has_reduction else {}
    found = cost("ScatterND", [source, indices, updates], [shape], attributes)
    assert tally(found) == +Counter({"vector": len(written) * has_reduction})
    index_bytes = 8 * len(places) * len(shape)
    # A weight stays as it is: all of the result is written, what is kept is read, and with a sum all of it.
    before = (
        len(everywhere) if is_weight and has_reduction else len(kept) if is_weight else len(written) * has_reduction
    )
    assert found.read_bytes == index_bytes + F32 * (len(written) + before)
    assert found.write_bytes == F32 * (len(everywhere) if is_weight else len(written))


@modest
@given(SMALL, SMALL, st.integers(1, 12), st.data())
def test_slices_of_an_axis_read_what_some_slice_holds(batch, channels, extent, data):
    size, step = data.draw(st.integers(1, extent)), data.draw(st.integers(1, 4))
    count, held = naive_data.unfolded(extent, size, step)
    result = (batch, channels, count, size)
    found = cost(
        "UnfoldTensor", [(batch, channels, extent)], [result], {"dim": -1, "size": size, "step": step}, domain=MS
    )
    assert found.read_bytes == F32 * batch * channels * held
    assert found.write_bytes == F32 * sum(1 for _ in naive.indices(result))


@modest
@given(SHAPES, st.data())
def test_compress_reads_the_slices_that_it_keeps(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    mask = data.draw(st.lists(st.booleans(), min_size=shape[axis], max_size=shape[axis]))
    kept = sum(1 for index in naive.indices(shape) if mask[index[axis]])
    result = (*shape[:axis], sum(mask), *shape[axis + 1 :])
    found = cost("Compress", [shape, T((len(mask),), DType.BOOL)], [result], {"axis": axis})
    assert (found.read_bytes, found.write_bytes) == (F32 * kept + len(mask), F32 * kept)


# -- sorting ---------------------------------------------------------------------------------------------------


@modest
@given(VALUES, st.data())
def test_the_largest_take_no_more_comparisons_than_counted_and_no_fewer_than_the_least(values, data):
    kept = data.draw(st.integers(1, len(values)))
    best, comparisons = naive_data.heap_of(values, kept)
    assert best == sorted(values)[-kept:]
    found = cost("TopK", [(len(values),), T((1,), I64)], [(kept,), T((kept,), I64)], {"axis": 0})
    # With a full list, each value is held against its smallest, and then against half of the rest and so on.
    assert comparisons <= tally(found)["vector"] + len(values)
    assert least(found)["vector"] == len(values) - 1  # all but the largest are held against another one


@modest
@given(VALUES)
def test_unique_values_are_sorted_and_then_held_against_their_neighbours(values):
    ordered, comparisons = naive_data.merged(values)
    assert ordered == sorted(values)
    comparisons += sum(1 for _ in itertools.pairwise(ordered))
    found = cost("Unique", [(len(values),)], [(len(values),)])
    assert comparisons <= tally(found)["vector"]
    in_order = sum(1 for _ in itertools.pairwise(sorted(values)))  # a pass over what is sorted finds that it is
    assert least(found)["vector"] == in_order


@modest
@given(SHAPES)
def test_every_element_is_held_against_zero(shape):
    size = sum(1 for _ in naive.indices(shape))
    assert tally(cost("NonZero", [shape], [T((len(shape), size), I64)])) == Counter({"vector": size})


# -- images and regions ----------------------------------------------------------------------------------------


@modest
@given(
    SMALL, SMALL, st.lists(st.integers(1, 3), min_size=2, max_size=3), st.sampled_from([("linear", 2), ("cubic", 4)])
)
def test_samples_of_a_grid_tap_by_tap(batch, channels, space, mode):
    name, taps = mode
    source, grid = (batch, channels, *(5 for _ in space)), (batch, *space, len(space))
    result = (batch, channels, *space)
    found = cost("GridSample", [source, grid], [result], {"mode": name})
    assert tally(found) == naive_data.grid_sampled(batch, channels, space, taps)
    most = math.prod(source)
    assert found.read_bytes == F32 * (min(most, taps ** len(space) * math.prod(result)) + math.prod(grid))


@st.composite
def boxes(draw: st.DrawFn, side: int) -> tuple[int, int, int, int]:
    top, left = draw(st.integers(0, side - 1)), draw(st.integers(0, side - 1))
    return top, left, draw(st.integers(top + 1, side)), draw(st.integers(left + 1, side))


@modest
@given(st.lists(boxes(9), min_size=1, max_size=4), SMALL, SMALL, SMALL)
def test_regions_have_no_more_samples_than_counted_and_no_fewer_than_the_least(found_boxes, channels, rows, columns):
    count = len(found_boxes)
    operands = [(1, channels, 9, 9), (count, 4), T((count,), I64)]
    found = cost("RoiAlign", operands, [(count, channels, rows, columns)], {"sampling_ratio": 0})
    ran = naive_data.regions(found_boxes, channels, (rows, columns))
    assert least(found) <= ran <= tally(found)
    whole = naive_data.regions([(0, 0, 9, 9)] * count, channels, (rows, columns))
    assert tally(found) == whole


@modest
@given(st.lists(boxes(9), min_size=1, max_size=4), SMALL, st.integers(1, 3), SMALL)
def test_regions_with_a_number_of_samples(found_boxes, channels, ratio, bins):
    count = len(found_boxes)
    operands = [(1, channels, 9, 9), (count, 4), T((count,), I64)]
    found = cost("RoiAlign", operands, [(count, channels, bins, bins)], {"sampling_ratio": ratio})
    counted: Counter[str] = Counter()
    for _ in naive.indices((count, channels, bins, bins)):
        for _ in naive.indices((ratio, ratio)):
            counted["vector"] += 4 * 2 + 1
        counted["DIV"] += 1
    assert tally(found) == counted == least(found)


@modest
@given(st.lists(boxes(7), min_size=1, max_size=4), SMALL)
def test_pools_of_regions_are_of_the_whole_map_at_most(found_boxes, channels):
    count = len(found_boxes)
    found = cost("MaxRoiPool", [(1, channels, 7, 7), (count, 5)], [(count, channels, 2, 2)], {"pooled_shape": [2, 2]})
    assert naive_data.region_pools(found_boxes, channels) <= tally(found)["vector"]
    assert tally(found)["vector"] == naive_data.region_pools([(0, 0, 7, 7)] * count, channels)
    assert least(found) == Counter()


@modest
@given(st.lists(st.tuples(boxes(6), st.floats(0, 1)), min_size=1, max_size=12), st.data(), st.floats(0, 1))
def test_suppression_holds_no_more_pairs_than_counted(scored, data, overlap):
    most = data.draw(st.integers(1, len(scored)))
    chosen, pairs = naive_data.suppressed([box for box, _ in scored], [score for _, score in scored], most, overlap)
    count = len(scored)
    operands = [(1, count, 4), (1, 1, count), T((1,), I64, value=[most])]
    found = cost("NonMaxSuppression", operands, [T((most, 3), I64)])
    assert chosen <= most
    assert pairs <= tally(found)["DIV"]  # one quotient a pair
    assert least(found) == +Counter({"vector": count - 1})  # to find the highest score


@modest
@given(st.integers(1, 12), st.data())
def test_suppression_of_boxes_that_do_not_overlap_takes_the_pairs_of_all_selected(count, data):
    most = data.draw(st.integers(1, count))
    apart = [(float(i), 0.0, i + 0.5, 1.0) for i in range(count)]
    chosen, pairs = naive_data.suppressed(apart, [0.5] * count, most, 0.5)
    assert (chosen, pairs) == (most, most * (most - 1) // 2)
    operands = [(1, count, 4), (1, 1, count), T((1,), I64, value=[most])]
    assert pairs <= tally(cost("NonMaxSuppression", operands, [T((most, 3), I64)]))["DIV"]


@modest
@given(SMALL, SMALL, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_columns_are_added_into_their_image(batch, channels, side, kernel, blocks):
    columns = (batch, channels * kernel, blocks)
    found = cost("Col2Im", [columns, T((1,), I64), T((1,), I64)], [(batch, channels, side)])
    assert tally(found) == Counter({"vector": sum(1 for _ in naive.indices(columns))})


@modest
@given(SMALL, st.integers(1, 6))
def test_a_determinant_by_elimination(batch, size):
    counted: Counter[str] = Counter()
    for _ in range(batch):
        for pivot in range(size):
            counted["vector"] += 1  # the pivot into the product
            for _ in range(pivot + 1, size):
                counted["DIV"] += 1
                for _ in range(pivot + 1, size):
                    counted.update(["vector", "vector"])  # a product, and less it
    assert tally(cost("Det", [(batch, size, size)], [(batch,)])) == counted


# -- numbers out of nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op_type", "steps"),
    [
        ("RandomUniformLike", ["vector"] * 3),
        ("RandomNormalLike", ["vector"] * 7 + ["LOG", "SQRT", "COS"]),
        ("Bernoulli", ["vector"] * 2),
    ],
)
@modest
@given(shape=SHAPES)
def test_draws_are_made_one_by_one(op_type, steps, shape):
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        counted.update(steps)
    assert tally(cost(op_type, [shape], [shape])) == counted


@modest
@given(SMALL, st.integers(1, 9), SMALL)
def test_draws_from_a_distribution_look_for_their_place_by_halving(batch, classes, samples):
    counted: Counter[str] = Counter()
    for _ in range(batch):
        for _ in range(classes):
            counted.update(["EXP", "vector"])  # into the running sum
        for _ in range(samples):
            counted["vector"] += 1  # the draw
            low, high = 0, classes  # the last place, where the most comparisons are needed
            while low < high - 1:
                counted["vector"] += 1
                low = (low + high) // 2
    found = tally(cost("Multinomial", [(batch, classes)], [T((batch, samples), DType.INT32)]))
    assert counted["EXP"] == found["EXP"]
    assert counted["vector"] <= found["vector"] <= counted["vector"] + batch * samples
