"""The search for the front: boxes of tiles that are bounded lose none of what evaluating every tile finds."""

import dataclasses

import numpy as np
import pytest

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping import tiling
from onnxroof.mapping.boundary import Boundary
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.factors import order_factors
from onnxroof.mapping.footprint import tile_tables
from onnxroof.mapping.orders import loop_orders

REDUCTION = LoopKind.REDUCTION


def conv(batch: int, filters: int, channels: int, size: int, taps: int, *, stride: int, pad: int) -> LoopNest:
    """A convolution with results of one byte and sums of four."""
    image = stride * (size - 1) + taps - 2 * pad
    loops = (
        Loop("b", batch), Loop("k", filters), Loop("c", channels, REDUCTION), Loop("oy", size), Loop("ox", size),
        Loop("fy", taps, REDUCTION), Loop("fx", taps, REDUCTION),
    )  # fmt: skip
    b, k, c, oy, ox, fy, fx = (dense_axis(number, loop.extent) for number, loop in enumerate(loops))
    row, column = AxisMap((Term(3, stride), Term(5)), image, -pad), AxisMap((Term(4, stride), Term(6)), image, -pad)
    accesses = (
        Access(0, False, (b, c, row, column), 8),
        Access(1, False, (k, c, fy, fx), 4),
        Access(0, True, (b, k, oy, ox), 8, 32),
    )
    return LoopNest(loops, accesses)


def softmax(rows: int, columns: int) -> LoopNest:
    """Rows that are read twice, with a scale by column."""
    axes = (dense_axis(0, rows), dense_axis(1, columns))
    accesses = (Access(0, False, axes, 16), Access(1, False, axes[1:], 16), Access(0, True, axes, 16))
    return LoopNest((Loop("n", rows), Loop("d", columns)), accesses, sweeps=2, swept=frozenset({1}))


@pytest.mark.parametrize(
    "nest",
    [
        conv(6, 20, 12, 14, 3, stride=1, pad=1),
        conv(3, 16, 9, 13, 3, stride=2, pad=0),
        conv(2, 24, 3, 20, 5, stride=2, pad=2),
        softmax(40, 90),
    ],
    ids=["conv", "strided", "padded", "softmax"],
)
def test_bounded_boxes_lose_no_step(nest: LoopNest, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = canonical(nest).nest
    monkeypatch.setattr(tiling, "TILES", 1 << 62)
    full = tiling.pareto_front(plain)
    for boxes, batch in ((4, 1 << 17), (64, 50), (512, 1000)):
        monkeypatch.setattr(tiling, "TILES", boxes)
        monkeypatch.setattr(tiling, "BOXES", boxes)
        monkeypatch.setattr(tiling, "BATCH", batch)
        found = tiling.pareto_front(plain)
        np.testing.assert_array_equal(found.capacity_bytes, full.capacity_bytes)
        np.testing.assert_array_equal(found.read_bytes.sum(axis=1), full.read_bytes.sum(axis=1))
        np.testing.assert_array_equal(found.write_bytes.sum(axis=1), full.write_bytes.sum(axis=1))


def test_pieces_lose_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = canonical(conv(3, 16, 9, 13, 3, stride=2, pad=0)).nest
    monkeypatch.setattr(tiling, "PIECE", 1 << 62)
    full = tiling.pareto_front(plain)
    for piece in (1, 500, 5000):
        monkeypatch.setattr(tiling, "PIECE", piece)
        found = tiling.pareto_front(plain)
        np.testing.assert_array_equal(found.capacity_bytes, full.capacity_bytes)
        np.testing.assert_array_equal(found.read_bytes, full.read_bytes)
        np.testing.assert_array_equal(found.write_bytes, full.write_bytes)
        np.testing.assert_array_equal(found.tiles, full.tiles)


@pytest.mark.parametrize("nest", [conv(6, 20, 12, 14, 3, stride=1, pad=1), softmax(40, 90)], ids=["conv", "softmax"])
def test_many_orders_move_what_each_of_them_does(nest: LoopNest) -> None:
    plain = canonical(nest).nest
    tables = tile_tables(plain, [np.array([1, loop.extent]) for loop in plain.loops])
    index = [row.ravel() for row in np.indices((2,) * len(plain.loops))]
    orders = loop_orders(tables)
    many = tiling.orders_bytes(tables, orders, index)
    for number, order in enumerate(orders):
        for (read, write), (ways, reads, writes) in zip(tiling.operand_bytes(tables, order, index), many, strict=True):
            np.testing.assert_array_equal(reads[ways[number]], np.broadcast_to(read, index[0].shape))
            np.testing.assert_array_equal(writes[ways[number]], np.broadcast_to(write, index[0].shape))


@pytest.mark.parametrize("access_bytes", [0.0, 16.0])
@pytest.mark.parametrize("nest", [conv(6, 20, 12, 14, 3, stride=2, pad=1), softmax(40, 90)], ids=["conv", "softmax"])
def test_boxes_piece_by_piece_are_those_looked_at_one_by_one(nest: LoopNest, access_bytes: float) -> None:
    plain = canonical(nest).nest
    tables = tile_tables(plain, [np.array(sorted({1, 2, loop.extent})) for loop in plain.loops])
    everything = frozenset(range(len(plain.accesses)))
    boundary = Boundary(everything, everything, access_bytes)
    for found in order_factors(tables, loop_orders(tables), tiling._blocks(tables), boundary, {}):
        for level in (0, 1):
            pieces = [(begin, held.copy(), moved.copy()) for begin, held, moved in found.pieces(level, 100)]
            place = np.indices(found.counts(level)).reshape(len(found.blocks), -1)
            held, moved = found.least(level, list(place))
            assert [begin for begin, *_ in pieces] == np.cumsum([0, *(len(row) for _, row, _ in pieces[:-1])]).tolist()
            np.testing.assert_array_equal(np.concatenate([row for _, row, _ in pieces]), held)
            np.testing.assert_array_equal(np.concatenate([row for *_, row in pieces]), moved)


@pytest.mark.parametrize("extent", [1, 2, 3, 4, 12, 97, 512, 1000])
def test_tile_sizes_are_the_smallest_of_each_trip_count(extent: int) -> None:
    smallest: dict[int, int] = {}
    for size in range(extent, 0, -1):
        smallest[-(-extent // size)] = size
    assert tiling.tile_sizes(extent).tolist() == sorted(smallest.values())


@pytest.mark.parametrize("nest", [conv(3, 16, 9, 13, 3, stride=2, pad=0), softmax(40, 90)], ids=["conv", "softmax"])
@pytest.mark.parametrize("widths", [(8, 8), (16, 32), (8, 32), (8, 64)])
def test_what_precisions_share_does_not_depend_on_which_comes_first(nest: LoopNest, widths: tuple[int, int]) -> None:
    bits, partial = widths
    accesses = [
        dataclasses.replace(access, bits=bits, partial_bits=partial if access.is_write else 0)
        for access in nest.accesses
    ]
    plain = canonical(dataclasses.replace(nest, accesses=tuple(accesses))).nest
    tiling._bare.cache_clear()
    alone = tiling.pareto_front(plain)
    tiling._bare.cache_clear()
    for other in (nest, dataclasses.replace(nest, accesses=(*accesses[:-1], nest.accesses[-1]))):
        tiling.pareto_front(canonical(other).nest)
    after = tiling.pareto_front(plain)
    for field in dataclasses.fields(alone):
        np.testing.assert_array_equal(getattr(after, field.name), getattr(alone, field.name))
