"""Predicted traffic against traffic that is replayed address by address, for random nests of each family."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from oracles.build import T, cost
from oracles.replay import lru_bytes, orders, scratchpad

from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import LoopNest
from onnxroof.ir.tensor import TensorKind
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.curve import reuse_curve

SEEDS = range(3)
WEIGHT = TensorKind.WEIGHT
Family = Callable[[random.Random], LoopNest]


def of(op_type: str, *operands: object, **attributes: object) -> LoopNest:
    *inputs, output = operands
    nest = cost(op_type, inputs, [output], attributes).nest  # type: ignore[arg-type]
    assert nest is not None
    return canonical(nest).nest  # loops of extent 1 gone, equal ones merged: what the enumeration itself walks


def matmul(draw: random.Random) -> LoopNest:
    b, m, n, k = draw.randint(1, 2), draw.randint(2, 5), draw.randint(2, 5), draw.randint(2, 5)
    dtype = draw.choice([DType.FLOAT, DType.FLOAT16])
    return of("MatMul", T((b, m, k), dtype), T((b, k, n), dtype), T((b, m, n), dtype))


def conv(draw: random.Random) -> LoopNest:
    taps, stride, dilation, pad = draw.randint(2, 3), draw.randint(1, 2), draw.randint(1, 2), draw.randint(0, 1)
    size, c, f = draw.randint(5, 7), draw.randint(1, 2), draw.randint(1, 2)
    out = (size + 2 * pad - dilation * (taps - 1) - 1) // stride + 1
    return of(
        "Conv", T((1, c, size)), T((f, c, taps), kind=WEIGHT), T((1, f, out)),
        kernel_shape=[taps], strides=[stride], dilations=[dilation], pads=[pad, pad],
    )  # fmt: skip


def depthwise(draw: random.Random) -> LoopNest:
    size, c, stride = draw.randint(3, 4), draw.randint(2, 3), draw.randint(1, 2)
    out = (size + 2 - 3) // stride + 1
    return of(
        "Conv", T((1, c, size, size)), T((c, 1, 3, 3), kind=WEIGHT), T((1, c, out, out)),
        kernel_shape=[3, 3], strides=[stride, stride], pads=[1, 1, 1, 1], group=c,
    )  # fmt: skip


def pooling(draw: random.Random) -> LoopNest:
    size, taps, stride, c = draw.randint(4, 6), draw.randint(2, 3), draw.randint(1, 2), draw.randint(1, 3)
    out = (size - taps) // stride + 1
    return of("MaxPool", T((1, c, size)), T((1, c, out)), kernel_shape=[taps], strides=[stride])


def softmax(draw: random.Random) -> LoopNest:
    rows, columns = draw.randint(2, 5), draw.randint(2, 9)
    return of("Softmax", T((rows, columns)), T((rows, columns)), axis=-1)


def broadcast(draw: random.Random) -> LoopNest:
    shape = tuple(draw.randint(2, 4) for _ in range(3))
    other = tuple(extent if draw.random() < 0.5 else 1 for extent in shape)
    return of("Add", T(shape), T(other), T(shape))


FAMILIES = [matmul, conv, depthwise, pooling, softmax, broadcast]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_scratchpad_moves_what_is_predicted(family: Family, seed: int) -> None:
    nest = family(random.Random(seed))
    curve = reuse_curve(nest)
    for step in np.unique(np.linspace(0, len(curve.capacity_bytes) - 1, 5).astype(int)).tolist():
        tile = tuple(curve.tiles[step].tolist())
        predicted = (tuple(curve.access_read_bytes[step].tolist()), tuple(curve.access_write_bytes[step].tolist()))
        runs = [scratchpad(nest, tile, order) for order in orders(nest, tile)]
        # Some order moves exactly these bytes of each operand in each direction, and none moves fewer in all.
        same = [run for run in runs if (run.read_bytes, run.write_bytes) == predicted]
        assert same, f"seed {seed}, tile {tile}: {predicted}"
        assert min(run.total_bytes for run in runs) == curve.total_bytes[step]
        assert curve.capacity_bytes[step] in {run.held_bytes for run in same}


# An LRU cache does not know the tiles. With twice the room of a tile it moves, for the order that the scratchpad moves
# least in, at most this many times the predicted bytes (and never less than each element once).
LRU_BAND = 1.05


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_cache_of_twice_the_tile_stays_within_the_band(family: Family, seed: int) -> None:
    nest = family(random.Random(seed))
    curve = reuse_curve(nest)
    for step in np.unique(np.linspace(0, len(curve.capacity_bytes) - 1, 4).astype(int)).tolist():
        tile = tuple(curve.tiles[step].tolist())
        best = min(orders(nest, tile), key=lambda order: scratchpad(nest, tile, order).total_bytes)
        moved = lru_bytes(nest, tile, best, 2 * float(curve.capacity_bytes[step]))
        print(f"{family.__name__} seed {seed} step {step}: LRU moves {moved / curve.total_bytes[step]:.2f} of it")
        assert curve.total_bytes[-1] <= moved <= LRU_BAND * curve.total_bytes[step]
