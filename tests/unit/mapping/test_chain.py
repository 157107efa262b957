"""Traffic of nested tiles against a replay that watches a buffer at each level."""

import numpy as np
import pytest
from oracles.nested import Floor, replay
from validation.layers import convolution, product

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.candidates import grid
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.chain import Chains


def plain(nest: LoopNest) -> LoopNest:
    return canonical(nest).nest


def chained(nest: LoopNest, *floors: tuple[tuple[int, ...], int]) -> list[Chains]:
    """Chains of tiles of a canonical nest, each with the number of an order."""
    walks = grid(nest).walks
    chain, found = walks.start(), []
    for tile, order in floors:
        index = np.array([[np.searchsorted(sizes, size)] for sizes, size in zip(walks.tables.sizes, tile, strict=True)])
        chain = chain.inside(index).pick(np.array([order]), np.array([0]))
        found.append(chain)
    return found


def moved(chain: Chains) -> float:
    read, written = chain.bytes
    return float((read + written).sum())


def test_a_product_in_two_levels_by_hand() -> None:
    # 12 x 12 x 12 in tiles of 6 x 6 x 12 and in these 3 x 3 x 4, one byte an element, sums of one byte.
    nest = plain(product(12, 12, 12, partial_bits=8))
    orders = grid(nest).walks.orders
    sums_stay = next(n for n, order in enumerate(orders) if order.free[2])
    outer, inner = chained(nest, ((6, 6, 12), sums_stay), ((3, 3, 4), sums_stay))
    # Outside: A for 2 tiles of n, B for 2 of m, C once.
    assert moved(outer) == 2 * 144 + 2 * 144 + 144
    # Inside: 4 tiles of n and m each, C once while all 3 tiles of k go by.
    assert moved(inner) == 4 * 144 + 4 * 144 + 144


def test_a_ragged_tile_of_a_ragged_tile_counts_as_one() -> None:
    # 10 in tiles of 4 are 4, 4, 2; in tiles of 3 these are 3, 1, 3, 1, 2: five.
    nest = plain(product(10, 2, 2))
    first, second = chained(nest, ((4, 2, 2), 0), ((3, 2, 2), 0))
    assert first.trips[0, 0] == 3
    assert second.trips[0, 0] == 5


def test_what_is_not_cut_further_in_moves_as_outside() -> None:
    # B, whole at both levels, comes once, although the tiles of m are walked.
    nest = plain(product(12, 5, 7))
    for order in range(3):
        outer, inner = chained(nest, ((4, 5, 7), order), ((1, 5, 7), order))
        assert outer.bytes[0][1, 0] == inner.bytes[0][1, 0] == 35


def test_a_tile_that_is_spread_over_cores_gives_each_its_copy() -> None:
    # 8 x 6 x 5: two cores take half of m each. B crossed once for both, and each has a copy of it from then on.
    nest = plain(product(8, 6, 5))
    (chain,) = chained(nest, ((8, 6, 5), 0))
    spread = chain.spread(np.array([[np.searchsorted(grid(nest).walks.tables.sizes[0], 4)], *chain.index[1:]]))
    assert chain.moved[:, 0].tolist() == [40, 30, 48]
    assert spread.moved[:, 0].tolist() == [40, 60, 48]
    assert spread.trips[:, 0].tolist() == [2, 1, 1]


NESTS = {
    "product": product(7, 5, 6, partial_bits=32),
    "convolution": convolution(filters=2, channels=2, size=4, taps=3, image=4, pad=1),
    "strided": convolution(filters=2, channels=2, size=4, taps=3, image=9, stride=2),
    "depthwise": convolution(groups=2, filters=1, channels=1, size=4, taps=3, image=6),
}


@pytest.mark.parametrize("name", NESTS)
def test_no_chain_is_cheaper_than_its_replay(name: str) -> None:
    nest = plain(NESTS[name])
    random = np.random.default_rng(7)
    walks = grid(nest).walks
    exact = 0
    for _ in range(60):
        outer = np.array([[random.integers(len(sizes))] for sizes in walks.tables.sizes])
        inner = np.array([[random.integers(0, at[0] + 1)] for at in outer])
        chain = walks.start()
        floors, whole = [], walks.extents
        for index in (outer, inner):
            inside = chain.inside(index)
            legal = np.flatnonzero(inside.is_legal[:, 0])
            if not len(legal):
                break
            number = int(random.choice(legal))
            chain = inside.pick(np.array([number]), np.array([0]))
            cut = [loop for loop in walks.sequence(number) if chain.tile[loop, 0] < whole[loop, 0]]
            floors.append(Floor(tuple(chain.tile[:, 0].tolist()), tuple(cut)))
            whole = chain.tile
            bytes_, room = replay(nest, floors)[-1]
            assert bytes_ <= moved(chain), (floors, number)
            assert room <= walks.footprint_bytes(index)[0]
            exact += bytes_ == moved(chain)
    assert exact >= 30  # where every tile is as large as the first of its row, the two agree


@pytest.mark.parametrize("name", NESTS)
def test_a_tile_takes_what_the_tables_say(name: str) -> None:
    walks = grid(plain(NESTS[name])).walks
    index = np.array([row.ravel() for row in np.indices([len(sizes) for sizes in walks.tables.sizes])])
    for held in (None, frozenset({0}), frozenset({0, 2})):
        expected = walks.tables.footprint_bytes(list(index), held)
        np.testing.assert_array_equal(walks.footprint_bytes(index, held), expected)


def test_of_an_operand_that_is_padding_alone_nothing_comes_in() -> None:
    # All rows of the input lie 9 before the image. The kernel of 2 x 3 and the result of 2 x 4, whole as tiles, take
    # one access of 32 bytes each.
    nest = plain(
        LoopNest(
            (Loop("k", 2), Loop("y", 4), Loop("c", 3, LoopKind.REDUCTION)),
            (
                Access(0, False, (dense_axis(2, 3), AxisMap((Term(1),), 4, -9)), 8),
                Access(1, False, (dense_axis(0, 2), dense_axis(2, 3)), 8),
                Access(0, True, (dense_axis(0, 2), dense_axis(1, 4)), 8, 8),
            ),
        )
    )
    walks = grid(nest).walks
    inside = walks.start().inside(walks.last)
    assert [inside.bytes_of([x], 32.0)[0].max() for x in range(3)] == [0, 32, 0]
    assert [inside.bytes_of([x], 32.0)[1].max() for x in range(3)] == [0, 0, 32]
