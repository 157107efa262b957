"""One mapping to all levels: contained tiles, within capacities, between the bounds, and close to the best there is."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from oracles.exhaustive import least_bytes, schedules
from oracles.nested import Floor, pairs, pairs_held, ports, replay
from properties.strategies import quantity
from validation.layers import convolution, product, shape

from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.holders import Around
from onnxroof.mapping.nested import NestedMapping, nested_mapping
from onnxroof.mapping.traffic import level_traffic
from onnxroof.targets.model import Array, MemoryLevel


def level(
    name: str, capacity: float | None, bandwidth: float, instances: int = 1, holds: str = "input weight output"
) -> MemoryLevel:
    return MemoryLevel(
        name=name,
        capacity=None if capacity is None else quantity(capacity),
        read_bandwidth=quantity(bandwidth),
        write_bandwidth=quantity(bandwidth),
        instances=instances,
        holds=frozenset(holds.split()),
    )


def mapped(
    nest: LoopNest, *levels: MemoryLevel, array: Array | None = None, compute_s: float = 0.0
) -> tuple[NestedMapping, np.ndarray]:
    """The mapping, and the bytes of each level's own optimum."""
    own = level_traffic(shape(nest), levels, array)
    found = nested_mapping(nest, levels, array, (own.read_bytes, own.write_bytes), compute_s)
    return found, own.read_bytes + own.write_bytes


def total(found: NestedMapping) -> np.ndarray:
    return found.read_bytes + found.write_bytes


TINY = {
    "product": product(5, 4, 6, partial_bits=32),
    "cube": product(6, 6, 6),
    "convolution": canonical(convolution(filters=2, channels=1, size=3, taps=2, image=4)).nest,
    "depthwise": canonical(convolution(groups=2, filters=1, channels=1, size=3, taps=2, image=3, pad=1)).nest,
}


@pytest.mark.parametrize("name", TINY)
def test_outermost_traffic_is_that_of_the_best_nested_mapping(name: str) -> None:
    # Where only the outermost level takes time. Any tile holds tiles of one point, so the best pair moves what the best
    # tile does.
    nest = TINY[name]
    found = schedules(nest)
    curve = reuse_curve(nest)
    for share in (0.0, 0.1, 0.3, 0.6, 1.0):
        room = curve.ceiling.footprint_bytes + share * (curve.floor.footprint_bytes - curve.ceiling.footprint_bytes)
        ours, _ = mapped(nest, level("dram", None, 1.0), level("l2", room, 1e9), level("l1", room / 2, 1e12))
        best = least_bytes(found, room)
        assert best <= total(ours)[0] <= 1.02 * best


def check_slowest_boundary(nest: LoopNest, rooms: tuple[float, float]) -> None:
    """Against every pair of tiles, one inside the other, with every order of each, replayed."""
    found = list(pairs(nest, *rooms))
    for outer, inner in ((1.0, 2.0), (1.0, 1.0), (2.0, 1.0)):
        best = min(max(first / outer, second / inner) for first, second in found)
        ours, _ = mapped(nest, level("dram", None, outer), level("l2", rooms[0], inner), level("l1", rooms[1], 1e9))
        slowest = max(total(ours)[0] / outer, total(ours)[1] / inner)
        assert best <= slowest <= 1.02 * best


def test_the_slowest_boundary_is_that_of_the_best_pair() -> None:
    check_slowest_boundary(product(2, 4, 3, partial_bits=8), (12.0, 6.0))


@pytest.mark.exam
@pytest.mark.parametrize(
    ("nest", "rooms"),
    [
        (product(3, 4, 4), (24.0, 8.0)),
        (product(4, 4, 3, partial_bits=8), (16.0, 6.0)),
        (product(2, 5, 4, partial_bits=8), (20.0, 9.0)),
    ],
    ids=["3x4x4", "4x4x3", "2x5x4"],
)
def test_the_slowest_boundary_is_that_of_the_best_of_very_many_pairs(
    nest: LoopNest, rooms: tuple[float, float]
) -> None:
    check_slowest_boundary(nest, rooms)


@pytest.mark.parametrize("name", TINY)
def test_tiles_and_orders_replay_to_no_more_than_is_said(name: str) -> None:
    nest = TINY[name]
    names = [loop.name for loop in nest.loops]
    curve = reuse_curve(nest)
    top = curve.floor.footprint_bytes
    for outer, inner in ((top, top / 2), (top / 2, top / 3), (top / 2, curve.ceiling.footprint_bytes)):
        ours, _ = mapped(nest, level("dram", None, 1.0), level("l2", outer, 2.0), level("l1", inner, 4.0))
        floors = [
            Floor(tuple(held.tile[n] for n in names), tuple(names.index(n) for n in held.order)) for held in ours.levels
        ]
        for (moved, room), said, footprint in zip(
            replay(nest, floors), total(ours), ours.footprint_bytes[1:], strict=False
        ):
            assert moved <= said
            assert room <= footprint


LARGE = {
    "product": product(512, 384, 640),
    "convolution": convolution(filters=64, channels=64, size=56, taps=3, image=56, pad=1),
    "first": convolution(filters=64, channels=3, size=112, taps=7, image=223, pad=3, stride=2),
    "depthwise": convolution(groups=144, filters=1, channels=1, size=56, taps=3, image=56, pad=1),
}


@pytest.mark.parametrize("array", [None, Array(m=1, n=32, k=32), Array(m=16, n=16, k=1)])
@pytest.mark.parametrize("cores", [1, 8])
@pytest.mark.parametrize("name", LARGE)
def test_tiles_lie_inside_each_other_and_bytes_above_the_own_optima(name: str, cores: int, array: Array | None) -> None:
    nest = LARGE[name]
    levels = (
        level("dram", None, 1e9), level("l2", 1e6, 8e9), level("l1", 32e3, 16e9, cores), level("l0", 2e3, 64e9, cores)
    )  # fmt: skip
    ours, own = mapped(nest, *levels, array=array)
    assert (total(ours) >= own).all()
    assert (ours.footprint_bytes[1:] <= [1e6, 32e3, 2e3]).all()
    assert [held.level for held in ours.levels] == ["l2", "l1", "l0"]
    whole = {loop.name: loop.extent for loop in nest.loops}
    for outer, inner in itertools.pairwise([whole, *(held.tile for held in ours.levels)]):
        assert all(inner[loop] <= outer[loop] for loop in whole)
    assert 0 < ours.busy <= 1 <= ours.stretch
    assert math.prod(ours.levels[1].spread.values()) <= cores
    assert not ours.levels[0].spread
    # No reuse at all: each MAC takes two elements and a sum, and gives the sum back.
    assert (total(ours) <= nest.points * (1 + 1 + 2 + 2)).all()


def test_what_cores_share_crosses_once() -> None:
    # Eight cores of 8 KiB: what one fetches for its tile serves the others.
    nest = product(256, 256, 256)
    alone, _ = mapped(nest, level("dram", None, 1.0), level("l1", 8192, 1e9))
    shared, _ = mapped(nest, level("dram", None, 1.0), level("l1", 8192, 1e9, instances=8), compute_s=1.0)
    assert total(shared)[0] <= 0.5 * total(alone)[0]
    assert math.prod(shared.levels[0].spread.values()) == 8
    assert shared.busy > 0.95


def test_too_little_work_leaves_cores_idle() -> None:
    found, _ = mapped(product(1, 2, 1), level("dram", None, 1.0), level("l1", 64, 1e9, instances=8), compute_s=9.0)
    assert found.busy == 2 / 8
    assert found.stretch == 4


def test_a_level_without_room_for_a_tile_is_passed() -> None:
    nest = product(16, 16, 16)
    found, own = mapped(nest, level("dram", None, 1.0), level("tiny", 2, 1e9), level("l1", 256, 1e9))
    assert [held.level for held in found.levels] == ["l1"]
    assert total(found)[0] == total(found)[1] >= own[0]
    assert found.footprint_bytes[1] == 0


def test_one_point_has_one_mapping() -> None:
    found, own = mapped(product(1, 1, 1), level("dram", None, 1.0), level("l1", 64, 1e9))
    assert total(found).tolist() == own.tolist()
    assert found.levels[0].tile == {"m": 1, "n": 1, "k": 1}
    assert found.footprint_bytes.tolist() == [0, 3]


def test_a_level_that_holds_a_tile_only_while_no_sum_is_cut_ends_no_search() -> None:
    # Sums of 4 bytes, results of 1. With k = 2 whole 2 + 2 + 1 bytes are enough for a point; with k cut it takes
    # 1 + 1 + 4. So where the level outside cuts k, nothing fits.
    nest = product(8, 8, 2, partial_bits=32)
    for cores in (1, 4):
        found, own = mapped(
            nest, level("dram", None, 1.0), level("l2", 40, 2.0), level("l1", 5, 4.0, instances=cores), compute_s=1.0
        )
        assert [held.level for held in found.levels] == ["l2", "l1"]
        assert (total(found) >= own).all()
        assert (found.footprint_bytes[1:] <= [40, 5]).all()
        assert all(held.tile["k"] == 2 for held in found.levels)


NAMES = ("input", "weight", "output")  # of the operands of a product, in their order
HELD = {
    "sums inside": ("input weight", "output"),
    "weights inside": ("input output", "weight"),
    "inputs pass by": ("weight output", "input weight output"),
    "side by side": ("weight", "input output"),
    "nobody holds the weights": ("input output", "output"),
}


def numbers(holds: str) -> frozenset[int]:
    return frozenset(NAMES.index(name) for name in holds.split())


@pytest.mark.parametrize("name", HELD)
def test_levels_that_hold_some_operands_come_close_to_the_best_pair(name: str) -> None:
    # Every pair of tiles, one inside the other, with every order of each, replayed; each port in turn is the slow one.
    nest, rooms, held = product(2, 3, 3, partial_bits=8), (6.0, 4.0), [numbers(holds) for holds in HELD[name]]
    found = list(pairs_held(nest, rooms, held))
    # The last level that holds an operand feeds the engine with it, each element once as no array says otherwise.
    fed = [0.0, 0.0, 0.0]
    for operand, size in enumerate((2 * 3, 3 * 3, 2 * 3)):
        fed[max((depth + 1 for depth in range(2) if operand in held[depth]), default=0)] += size
    for outer, inner in ((1.0, 1e9), (1.0, 1.0), (1.0, 0.25)):
        levels = (
            level("dram", None, outer), level("l2", rooms[0], inner, holds=HELD[name][0]),
            level("l1", rooms[1], 1e9, holds=HELD[name][1]),
        )  # fmt: skip
        ours, own = mapped(nest, *levels)
        best = min(max((first + fed[0]) / outer, (second + fed[1]) / inner) for first, second, _ in found)
        assert best <= max(total(ours)[0] / outer, total(ours)[1] / inner) <= 1.02 * best
        assert (total(ours) >= own).all()


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("nest", [product(5, 4, 6, partial_bits=32), TINY["convolution"]], ids=["product", "window"])
def test_what_passes_a_level_by_is_replayed(nest: LoopNest, name: str) -> None:
    names = [loop.name for loop in nest.loops]
    # Operands of a convolution: the input, the kernel, the result, as of a product.
    held = [numbers(holds) for holds in HELD[name]]
    levels = (
        level("dram", None, 1.0), level("l2", 24.0, 2.0, holds=HELD[name][0]),
        level("l1", 12.0, 4.0, holds=HELD[name][1]),
    )  # fmt: skip
    ours, _ = mapped(nest, *levels)
    assert [one.level for one in ours.levels] == ["l2", "l1"]
    floors = [Floor(tuple(one.tile[n] for n in names), tuple(names.index(n) for n in one.order)) for one in ours.levels]
    moved, rooms = ports(nest, floors, held)
    assert all(room <= said for room, said in zip(rooms, ours.footprint_bytes[1:], strict=True))
    assert all(room <= capacity for room, capacity in zip(ours.footprint_bytes[1:], (24.0, 12.0), strict=True))
    # What feeds the engine past the last level that holds it comes on top.
    assert all(bytes_ <= said for bytes_, said in zip(moved[:2], total(ours)[:2], strict=True))


@pytest.mark.parametrize("array", [None, Array(m=1, n=32, k=32), Array(m=1, n=32, k=32, stationary="weight")])
@pytest.mark.parametrize("cores", [1, 8])
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("holds", [("weight", "input output"), ("input weight output", "output")])
def test_large_nests_with_levels_that_hold_some(
    name: str, cores: int, array: Array | None, holds: tuple[str, str]
) -> None:
    nest = LARGE[name]
    levels = (
        level("dram", None, 1e9), level("l2", 1e6, 8e9), level("l1", 32e3, 16e9, cores, holds[0]),
        level("l0", 2e3, 64e9, cores, holds[1]),
    )  # fmt: skip
    ours, own = mapped(nest, *levels, array=array)
    assert (total(ours) >= own).all()
    assert (ours.footprint_bytes[1:] <= [1e6, 32e3, 2e3]).all()
    assert np.isfinite(total(ours)).all()
    assert (total(ours) <= nest.points * (1 + 1 + 2 + 2)).all()


def test_the_dataflow_of_the_array_decides_what_its_level_gives() -> None:
    # 64 x 64 x 64 on 8 x 8 units with all of it in the level outside. Sums that stay leave once, 4096 of them, and both
    # operands come 8 times: 2 * 8 * 4096. Weights that stay come once, inputs 8 times, and each of 8 parts of a sum is
    # written, all but the first read again, 2 bytes wide: 4096 * (8 + 1 + 7 * 2 + 7 * 2 + 1).
    nest = product(64, 64, 64)
    for stationary, array, expected in (
        ("output", Array(m=8, n=8, k=1, stationary="output"), 4096 * (8 + 8 + 1)),
        ("weight", Array(m=1, n=8, k=8, stationary="weight"), 4096 * (8 + 1 + 7 * 2 + 7 * 2 + 1)),
    ):
        found, own = mapped(nest, level("dram", None, 1.0), level("l1", 1e5, 1.0), array=array)
        assert total(found)[1] == own[1] == expected, stationary


def test_an_operand_that_stays_crosses_nothing_outside() -> None:
    nest = product(64, 64, 64)
    levels = (level("dram", None, 1.0), level("l2", 1e5, 1e3), level("l1", 2048, 1e6))
    own = level_traffic(shape(nest), levels, None)
    none = nested_mapping(nest, levels, None, (own.read_bytes, own.write_bytes), 0.0)
    # The input lies in l2 already: 4096 bytes fewer from outside, and 4096 less room for tiles.
    kept = Around(room_bytes=(math.inf, 1e5 - 4096, 2048), stays=(1, 0, 0))
    less = own.read_bytes - np.array([4096, 0, 0])
    found = nested_mapping(nest, levels, None, (less, own.write_bytes), 0.0, kept)
    assert total(found)[0] == total(none)[0] - 4096
    assert total(found)[1] == total(none)[1]
    assert found.footprint_bytes[1] <= 1e5 - 4096


def test_a_tile_takes_an_access_of_the_port_at_least() -> None:
    # 8 bytes hold one column of each operand of 4 x 4 x 64 and the sums of 2 x 2: tiles of 2 bytes. By 32 bytes at a
    # time, every one of (4 / 2) * (4 / 2) * 64 pairs takes 2 * 32 bytes, and each of 4 tiles of results 32.
    nest = product(4, 4, 64, partial_bits=8)
    wide = replace(level("dram", None, 1.0), access_width=quantity(32.0))
    plain, _ = mapped(nest, level("dram", None, 1.0), level("l1", 8, 1e9))
    found, own = mapped(nest, wide, level("l1", 8, 1e9))
    assert own[0] <= total(found)[0]
    assert total(plain)[0] == 2 * 2 * 256 + 16
    assert total(found)[0] == 2 * 2 * 64 * 2 * 32 + 4 * 32
    # A tile as large as an access costs nothing more.
    narrow = replace(level("dram", None, 1.0), access_width=quantity(2.0))
    assert total(mapped(nest, narrow, level("l1", 8, 1e9))[0])[0] == total(plain)[0]
