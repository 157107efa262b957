"""Candidate tiles and ways to spread a nest."""

import math

import pytest
from validation.layers import convolution, product

from onnxroof.ir.loopnest import Loop, LoopKind, LoopNest
from onnxroof.mapping.candidates import GRID_TILES, Room, grid, spreads
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.curve import reuse_curve

PRODUCT = canonical(product(512, 512, 512)).nest
CONVOLUTION = canonical(convolution(filters=64, channels=64, size=56, taps=3, image=56, pad=1)).nest


@pytest.mark.parametrize("nest", [PRODUCT, CONVOLUTION], ids=["product", "convolution"])
@pytest.mark.parametrize("capacity", [1024, 65536])
def test_candidates_fit_and_the_best_tile_of_the_curve_is_among_them(nest: LoopNest, capacity: int) -> None:
    found = grid(nest)
    assert len(found.footprint_bytes) <= GRID_TILES
    ones = (1,) * len(nest.loops)
    tiles = found.best(Room(capacity, capacity), 1.0, ones, 20)
    assert (found.walks.footprint_bytes(tiles) <= capacity).all()
    best = reuse_curve(nest).at(capacity).tile
    assert list(best.values()) in found.walks.sizes(tiles).T.tolist()
    assert [1] * len(nest.loops) in found.walks.sizes(tiles).T.tolist()


def test_tiles_that_waste_room_are_tried_where_the_level_inside_is_slow() -> None:
    # In 64 KiB sums stay with k cut into single steps; what is further in then gets every sum 512 times. Where that is
    # dear, tiles with more of k come first.
    found = grid(PRODUCT)
    cheap, dear = (found.best(Room(65536, 65536), slow, (1, 1, 1), 4)[:, :4] for slow in (1e-6, 1.0))
    assert found.walks.sizes(dear)[2].mean() > 4 * found.walks.sizes(cheap)[2].mean()


def test_a_core_holds_its_part() -> None:
    found = grid(PRODUCT)
    tiles = found.best(Room(1024, 8192), 1.0, (4, 2, 1), 20)
    parts = found.part(tiles, (4, 2, 1))
    assert (found.walks.footprint_bytes(parts) <= 1024).all()
    assert (found.walks.sizes(parts)[0] * 4 >= found.walks.sizes(tiles)[0]).all()


@pytest.mark.parametrize("cores", [1, 4, 7, 108])
def test_a_spread_uses_no_more_cores_than_there_are(cores: int) -> None:
    for parts in spreads(CONVOLUTION, cores):
        assert math.prod(parts) <= cores
        assert all(part <= loop.extent for part, loop in zip(parts, CONVOLUTION.loops, strict=True))


def test_a_spread_keeps_cores_busy_and_cuts_sums_last() -> None:
    # 4 x 2 of 512 x 512 keep 8 cores busy; 3 rows and a sum of 512 keep them busy only if the sum is cut.
    assert spreads(PRODUCT, 8)[0] in {(4, 2, 1), (2, 4, 1)}
    (first, *_) = spreads(canonical(product(1, 1, 512)).nest, 8)
    assert first == (8,)


def test_steps_that_come_one_after_the_other_are_not_spread() -> None:
    steps = LoopNest((Loop("t", 8, LoopKind.SEQUENTIAL),), ())
    assert spreads(steps, 4) == ((1,),)
