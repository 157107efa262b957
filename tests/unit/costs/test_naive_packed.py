"""Rules of packed weights, of integer products and of embeddings against loops that are walked and counted.

Bytes are counted from what is stored: numbers of a few bits side by side, block after block, and their scales.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.dtypes import DType
from tests.oracles import naive, naive_states
from tests.oracles.build import T, cost

F32, I64, U8, MS = 4, DType.INT64, DType.UINT8, "com.microsoft"
SMALL = st.integers(1, 4)
BOOL = st.booleans()
modest = settings(max_examples=20, deadline=None)


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    return +Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})


def product(counted: Counter[str], rows: int, columns: int, depth: int, *, has_bias: bool = False) -> None:
    """Weights dequantized one by one, then a product row by row."""
    for _ in range(columns * depth):
        counted["vector"] += 1
    for _ in range(rows * columns):
        for _ in range(depth):
            counted["mac"] += 1
        counted["vector"] += has_bias


def stored(rows: int, depth: int, block: int, bits: int) -> tuple[tuple[int, int, int], int]:
    """Shape of a matrix of so many bits an element in blocks along its depth, and the bytes that hold it."""
    count = 0
    blocks = 0
    for _ in range(rows):
        for start in range(0, depth, block):
            blocks += 1
            for _ in range(start, start + block):  # the last block is filled up
                count += bits
    return (rows, blocks // rows, block * bits // 8), count // 8


# -- products with packed weights ------------------------------------------------------------------------------


@modest
@given(SMALL, SMALL, st.integers(1, 40))
def test_four_bits_with_a_scale_a_block(rows, columns, depth):
    block = 16
    packed = T((-(-columns * depth // 2),), U8)
    scales = T((-(-columns * depth // block),))
    attributes = {"K": depth, "N": columns, "block_size": block, "quant_type": 1}
    found = cost("MatMulBnb4", [(rows, depth), packed, scales], [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth)
    assert tally(found) == counted
    pairs = {element // 2 for element in range(columns * depth)}
    groups = {element // block for element in range(columns * depth)}
    assert found.read_bytes == F32 * rows * depth + len(pairs) + F32 * len(groups)


@modest
@given(SMALL, SMALL, st.integers(1, 4))
def test_one_blob_of_blocks_with_their_scales(rows, columns, blocks):
    depth, blob = 32 * blocks, columns * blocks * (16 + 4)
    shape = T((2,), I64, value=[depth, columns])
    found = cost("MatMulFpQ4", [(rows, depth), T((blob,), U8), shape], [(rows, columns)], domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth)
    assert tally(found) == counted
    assert found.read_bytes == F32 * rows * depth + blob  # the shape is not read


@pytest.mark.parametrize("activation", ["none", "relu2", "silu"])
@modest
@given(SMALL, SMALL, SMALL, BOOL)
def test_packed_rows_with_an_activation(activation, rows, columns, blocks, has_scale):
    depth, row = 32 * blocks, 18 * blocks
    inputs = [(rows, depth), T((columns, row), U8), *([()] if has_scale else [])]
    attributes = {"K": depth, "N": columns, "packed_type": 16, "activation_type": activation}
    found = cost("MatMulPacked", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth)
    for _ in range(rows * columns):
        counted["vector"] += has_scale
        naive_states.activate(counted, activation)
    assert tally(found) == +counted
    assert found.read_bytes == F32 * rows * depth + columns * row + F32 * has_scale


@modest
@given(SMALL, SMALL, st.integers(1, 3), BOOL)
def test_floats_of_four_bits(rows, columns, blocks, has_bias):
    block, depth = 16, 16 * blocks
    packed, scales = T((columns, depth // 2), U8), T((columns, blocks), U8)
    inputs = [(rows, depth), packed, scales, (), None, *([(columns,)] if has_bias else [])]
    attributes = {"block_size": block}
    found = cost("MatMulBlockQuantizedFp4Weight", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth, has_bias=has_bias)
    assert tally(found) == counted
    bytes_of_weights = len({(n, k // 2) for n in range(columns) for k in range(depth)})
    assert found.read_bytes == F32 * (rows * depth + 1 + columns * has_bias) + bytes_of_weights + columns * blocks


@modest
@given(SMALL, SMALL, st.integers(1, 3), BOOL, BOOL)
def test_floats_of_eight_bits(rows, columns, blocks, is_quantized, has_bias):
    block, depth = 16, 16 * blocks
    inputs = [(rows, depth), T((columns, depth), DType.FLOAT8E4M3FN), (columns, blocks), () if is_quantized else None]
    inputs += [(columns,)] if has_bias else []
    attributes = {"block_size": block}
    found = cost("MatMulBlockQuantizedFp8Weight", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth, has_bias=has_bias)
    for _ in range(rows * depth * is_quantized):
        counted.update(["DIV", "vector", "vector"])  # by the scale, round, saturate
    assert tally(found) == counted
    assert found.compute_type is (DType.FLOAT8E4M3FN if is_quantized else DType.FLOAT)


@modest
@given(SMALL, SMALL, st.integers(1, 2), BOOL, BOOL, st.sampled_from(["silu", "gelu", "relu"]))
def test_two_products_of_one_input(rows, columns, blocks, has_norm, has_skip, activation):
    depth, block = 16 * blocks, 16
    shape, weights = stored(columns, depth, block, 4)
    packed, scales = T(shape, U8), (columns, blocks)
    has_skip = has_skip and has_norm
    inputs: list[Any] = [(rows, depth), (rows, depth) if has_skip else None, (depth,) if has_norm else None]
    inputs += [packed, scales, None, packed, scales]
    attributes = {"K": depth, "N": columns, "block_size": block, "activation": activation}
    found = cost("MatMulNBitsMlp", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(rows * depth * has_skip):
        counted["vector"] += 1
    for _ in range(rows * has_norm):
        naive_states.rms(counted, depth, scaled=True)
    product(counted, rows, columns, depth)
    product(counted, rows, columns, depth)
    for _ in range(rows * columns):
        naive_states.activate(counted, activation)
        counted["vector"] += 1  # times the other product
    assert tally(found) == counted
    operands = rows * depth * (1 + has_skip) + depth * has_norm + 2 * columns * blocks
    assert found.read_bytes == F32 * operands + 2 * weights


@modest
@given(SMALL, SMALL, SMALL, st.integers(1, 2), BOOL)
def test_three_products_of_one_normalized_input(rows, columns, fewer, blocks, has_bias):
    depth, block = 16 * blocks, 16
    inputs: list[Any] = [(rows, depth), None, (depth,)]
    total = 0
    for width in (columns, fewer, fewer):
        shape, size = stored(width, depth, block, 4)
        total += size + F32 * width * (blocks + has_bias)
        inputs += [T(shape, U8), (width, blocks), (width,) if has_bias else None]
    attributes = {"K": depth, "Nq": columns, "Nkv": fewer, "block_size": block}
    outputs = [(rows, columns), (rows, fewer), (rows, fewer)]
    found = cost("MatMulNBitsQkv", inputs, outputs, attributes, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(rows):
        naive_states.rms(counted, depth, scaled=True)
    for width in (columns, fewer, fewer):
        product(counted, rows, width, depth, has_bias=has_bias)
    assert tally(found) == counted
    assert found.read_bytes == F32 * (rows * depth + depth) + total


@modest
@given(SMALL, SMALL, st.integers(1, 20), st.integers(1, 2), BOOL)
def test_a_product_with_an_adapter(rows, columns, rank, blocks, is_empty):
    depth, block = 16 * blocks, 16
    base, down, up = (stored(n, k, block, 4)[0] for n, k in ((columns, depth), (rank, depth), (columns, rank)))
    inputs: list[Any] = [(rows, depth), T(base, U8), (columns, blocks)]
    inputs += [T((0, *down[1:]) if is_empty else down, U8), (rank, down[1])]
    inputs += [T((columns, 0, up[2]) if is_empty else up, U8), (columns, up[1])]
    attributes = {"K": depth, "N": columns, "block_size": block, "lora_block_size": block}
    found = cost("MatMulNBitsQLoRA", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    product(counted, rows, columns, depth)
    if not is_empty:
        product(counted, rows, rank, depth)
        product(counted, rows, columns, rank)
        for _ in range(rows * columns):
            counted["vector"] += 1  # both together
    assert tally(found) == counted


# -- embeddings ------------------------------------------------------------------------------------------------


@modest
@given(st.integers(1, 9), st.data(), st.integers(1, 3), BOOL)
def test_rows_of_a_packed_table(rows, data, blocks, has_zero):
    block, depth = 16, 16 * blocks
    taken = data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=rows, unique=True))
    table, ids = T((rows, depth // 2), U8), T((len(taken),), I64)
    inputs = [table, ids, (rows, blocks), *([T((rows, -(-blocks // 2)), U8)] if has_zero and blocks == 2 else [])]
    attributes = {"bits": 4, "block_size": block, "quantize_axis": 1}
    found = cost("GatherBlockQuantized", inputs, [(len(taken), depth)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    touched: set[tuple[str, int, int]] = set()
    for row in taken:
        for k in range(depth):
            counted.update(["vector", "vector"])  # less the zero point, 8 where none is given; times the scale
            touched |= {("packed", row, k // 2), ("scale", row, k // block)}
            if len(inputs) > 3:
                touched.add(("zero", row, k // block // 2))
    assert tally(found) == counted
    width = {"packed": 1, "scale": F32, "zero": 1}
    assert found.read_bytes == sum(width[name] for name, *_ in touched) + 8 * len(taken)
    row_bytes = 18 * blocks
    packed = cost(
        "GatherPacked", [T((rows, row_bytes), U8), ids], [T((len(taken), depth))], {"K": depth, "packed_type": 16},
        domain=MS,
    )  # fmt: skip
    assert packed.read_bytes == len({(row, b) for row in taken for b in range(row_bytes)}) + 8 * len(taken)
    assert tally(packed) == Counter({"vector": sum(1 for _ in taken for _ in range(depth))})


@modest
@given(st.integers(1, 9), st.data(), SMALL)
def test_rows_of_a_table(rows, data, width):
    taken = data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=rows, unique=True))
    found = cost("TorchEmbedding", [(rows, width), T((len(taken),), I64)], [(len(taken), width)], domain=MS)
    touched = {(row, k) for row in taken for k in range(width)}
    assert (found.read_bytes, found.write_bytes) == (F32 * len(touched) + 8 * len(taken), F32 * len(touched))


@modest
@given(SMALL, st.integers(1, 6), SMALL, st.integers(1, 3), SMALL)
def test_words_by_their_characters(words, characters, filters, window, width):
    window = min(window, characters)
    inputs = [T((words, characters), DType.INT32), (filters, 1, window, width), (filters,), (99, width)]
    found = cost("WordConvEmbedding", inputs, [(words, filters)], domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(words):
        for _ in range(characters - window + 1):
            for _ in range(filters):
                for _ in naive.indices((window, width)):
                    counted["mac"] += 1
                counted.update(["vector", "TANH", "vector"])  # bias, tanh, into the largest
    assert tally(found) == counted


# -- products of integers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("op_type", ["MatMulInteger", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"])
@modest
@given(SMALL, SMALL, SMALL, BOOL)
def test_products_of_integers(op_type, rows, columns, depth, has_zero):
    left, right = T((rows, depth), U8), T((depth, columns), U8)
    one, zero = (), T((), U8) if has_zero else None
    counted: Counter[str] = Counter()
    shifted = 0
    if op_type == "MatMulInteger":
        found = cost(op_type, [left, right, zero, zero], [T((rows, columns), DType.INT32)])
        shifted = (rows * depth + depth * columns) * has_zero
    elif op_type == "QLinearMatMul":
        inputs = [left, one, T((), U8), right, one, T((), U8), one, T((), U8)]
        found = cost(op_type, inputs, [T((rows, columns), U8)])
        shifted = rows * depth + depth * columns
        for _ in range(rows * columns):
            counted.update(["vector"] * 4)  # scale, round, zero point, saturate
    elif op_type == "MatMulIntegerToFloat":
        found = cost(op_type, [left, right, one, one, zero, zero], [(rows, columns)], domain=MS)
        shifted = (rows * depth + depth * columns) * has_zero
        for _ in range(rows * columns):
            counted["vector"] += 1  # both scales
    else:
        found = cost(op_type, [(rows, depth), right, one, zero], [(rows, columns)], domain=MS)
        shifted = depth * columns * has_zero
        for _ in range(rows * depth):
            counted.update(["vector", "vector", "DIV", "vector", "vector", "vector"])  # as DynamicQuantizeLinear
        for _ in range(rows * columns):
            counted["vector"] += 1
    for _ in range(shifted):
        counted["vector"] += 1
    for _ in range(rows * columns * depth):
        counted["mac"] += 1
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, SMALL, st.tuples(BOOL, BOOL), BOOL)
def test_scaled_products_with_transposes(rows, columns, depth, transposes, is_scaled):
    left = (depth, rows) if transposes[0] else (rows, depth)
    right = (columns, depth) if transposes[1] else (depth, columns)
    attributes = {"transA": int(transposes[0]), "transB": int(transposes[1]), "alpha": 0.5 if is_scaled else 1.0}
    found = cost("FusedMatMul", [left, right], [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(rows * columns):
        for _ in range(depth):
            counted["mac"] += 1
        counted["vector"] += is_scaled
    assert tally(found) == counted
    assert found.read_bytes == F32 * (rows * depth + depth * columns)
    sums = {"transA": attributes["transA"], "transB": attributes["transB"], "activation": "Relu"}
    fused = cost("FusedGemm", [left, right, (columns,)], [(rows, columns)], sums, domain=MS)
    counted["vector"] = 2 * rows * columns  # plus C, Relu
    assert tally(fused) == counted
