"""Who holds what, and over which ports an operand comes to a tile."""

from __future__ import annotations

import math

import numpy as np
import pytest
from properties.strategies import quantity
from validation.layers import product, shape

from onnxroof.mapping.holders import Around, Share, holders
from onnxroof.mapping.traffic import level_traffic
from onnxroof.targets.model import Array, MemoryLevel

NEST = product(16, 16, 16)  # operands: 0 the input, 1 the weights, 2 the sums


def level(name: str, capacity: float | None, holds: str = "input weight output") -> MemoryLevel:
    return MemoryLevel(
        name=name, capacity=None if capacity is None else quantity(capacity), holds=frozenset(holds.split())
    )


def test_where_all_hold_all_everything_goes_from_level_to_level() -> None:
    who = holders(NEST, (level("dram", None), level("l2", 512), level("l1", 64)), Array(m=1, n=4, k=4))
    assert who.tiled == (1, 2)
    assert who.shares == {1: (Share((0,), (0, 1, 2)),), 2: (Share((1,), (0, 1, 2)),)}
    assert who.rest == ()
    assert who.pending == {1: (), 2: ()}
    assert who.fed == (Share((2,), (0, 1, 2)),)


def test_what_a_level_does_not_hold_crosses_no_port_of_it() -> None:
    who = holders(NEST, (level("dram", None), level("l2", 512, "weight output"), level("l1", 64)), None)
    assert who.shares[1] == (Share((0,), (1, 2)),)
    # The input comes from the memory outside straight to l1.
    assert set(who.shares[2]) == {Share((0,), (0,)), Share((1,), (1, 2))}
    assert who.pending == {1: (Share((0,), (0,)),), 2: ()}
    assert who.fed == ()  # no array: each element once


def test_a_level_too_small_for_a_tile_passes_on_what_it_would_hold() -> None:
    # One element of each operand takes 1 + 1 + 1 bytes.
    who = holders(NEST, (level("dram", None), level("l2", 2), level("l1", 64)), None)
    assert who.tiled == (2,)
    assert who.shares == {2: (Share((0, 1), (0, 1, 2)),)}
    who = holders(NEST, (level("dram", None), level("l2", 512), level("l1", 2)), None)
    assert who.rest == (Share((1,), (0, 1, 2)),)


def test_the_last_holder_feeds_the_array() -> None:
    array = Array(m=1, n=4, k=4)
    who = holders(NEST, (level("dram", None), level("l2", 512), level("l1", 16, "weight")), array)
    assert set(who.fed) == {Share((1,), (0, 2)), Share((2,), (1,))}
    assert who.passing == ((0, 1, 2), (0, 1, 2), (1,))


def test_what_stays_crosses_no_port_outside_it() -> None:
    levels = (level("dram", None), level("l2", 512), level("l1", 64))
    who = holders(NEST, levels, None, Around(room_bytes=(math.inf, 256, 64), stays=(1, 0, 2)))
    assert who.shares == {1: (Share((0,), (1,)),), 2: (Share((1,), (0, 1)),)}
    assert who.own_read_bytes[0].tolist()[0] == 0
    assert who.room_bytes == (math.inf, 256, 64)


@pytest.mark.parametrize("array", [None, Array(m=1, n=4, k=4)])
@pytest.mark.parametrize("holds", [("input weight output", "input weight output"), ("weight output", "output"),
                                   ("weight", "input output")])  # fmt: skip
def test_own_bytes_by_operand_add_up_to_those_of_the_level(holds: tuple[str, str], array: Array | None) -> None:
    for capacities in ((512, 64), (2, 64), (512, 0.5)):
        levels = (level("dram", None), level("l2", capacities[0], holds[0]), level("l1", capacities[1], holds[1]))
        found = level_traffic(shape(NEST), levels, array)
        who = holders(NEST, levels, array)
        assert np.array_equal(who.own_read_bytes.sum(axis=1), found.read_bytes)
        assert np.array_equal(who.own_write_bytes.sum(axis=1), found.write_bytes)
