"""Bytes of groups over the levels of a target: derived by hand where a formula is short, bounded where it is not."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.boundary import Boundary
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.policies import plan
from onnxroof.mapping.shaped import Shapes
from onnxroof.mapping.storage import storage
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, level_traffic
from onnxroof.targets.model import Array, MemoryLevel

MATRIX = 16_384  # 64 x 64 FLOAT
MATMUL = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"""


def shapes(text: str, policy: str = "epilogue") -> tuple[tuple[GroupShape, ...], tuple[int, ...]]:
    model = workload(text)
    store = storage(model, cost_table(model))
    found = Shapes().shaped(store, plan(policy, store))
    return found.shapes, found.index


def levels(*capacities: str, rest: str = "", cores: str = "") -> tuple[MemoryLevel, ...]:
    """A level that holds everything and levels of the capacities given inside it."""
    inner = [level(f"l{i}", capacity, rest=rest) for i, capacity in enumerate(capacities)]
    return target(engine("all", "mac", {"FLOAT": ""}), level("dram", "1 GB"), *inner, cores=cores).levels


def only(text: str) -> GroupShape:
    (shape,), _ = shapes(text)
    return shape


def total(found: LevelTraffic) -> list[float]:
    return (found.read_bytes + found.write_bytes).tolist()


def test_an_operand_that_the_nest_names_twice_is_read_once() -> None:
    shape = only("g (float[64,64] x) => (float[64,64] y) { y = MatMul(x, x) }")
    assert shape.extra_reads == -MATRIX
    assert total(level_traffic(shape, levels("1 MiB"), None)) == [2 * MATRIX, 2 * MATRIX]


@pytest.mark.parametrize("capacity", ["256 B", "1 KiB", "4 KiB", "16 KiB", "64 KiB"])
def test_a_level_delivers_what_the_curve_says_at_the_capacity_inside_it(capacity: str) -> None:
    shape = only(LINEAR)
    assert shape.nest is not None
    number, unit = capacity.split()
    size = int(number) * (1024 if unit == "KiB" else 1)
    point = reuse_curve(shape.nest).at(size)
    found = level_traffic(shape, levels(capacity), None)
    # b comes in beside the product's own bytes; the innermost level delivers each element once.
    assert found.read_bytes.tolist() == [point.read_bytes + 256, 2 * MATRIX + 256]
    assert found.write_bytes.tolist() == [point.write_bytes, MATRIX]
    assert found.footprint_bytes.tolist() == [0.0, point.footprint_bytes]
    assert found.footprint_bytes[1] <= size
    # The bound of Smith et al. for a matrix product in S words of fast memory: 2 M N K / sqrt(S) - 2 S reads.
    words = size / 4
    assert found.read_bytes[0] / 4 >= 2 * 64**3 / words**0.5 - 2 * words


def test_a_third_of_a_matrix_in_a_buffer_by_hand() -> None:
    # 4 KiB = 1024 elements hold 28 x 28 sums with strips of 28 and 28 (840), not 32 x 32 with any strip. With 3 x 3
    # such tiles x and w are read 3 times; 16 x 60 sums (4 x 2 tiles) read x twice and w 4 times, as much.
    found = level_traffic(only(MATMUL), levels("4 KiB"), None)
    assert found.write_bytes[0] == MATRIX
    assert found.read_bytes[0] <= 6 * MATRIX


def test_more_room_never_moves_more() -> None:
    shape = only(LINEAR)
    moved = [total(level_traffic(shape, levels(f"{2**exponent} B"), None))[0] for exponent in range(4, 20)]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] == 3 * MATRIX + 256


@pytest.mark.parametrize("rest", ["usable = 0.5", ""])
def test_a_tile_takes_no_more_than_the_usable_part(rest: str) -> None:
    shape = only(MATMUL)
    half = level_traffic(shape, levels("8 KiB", rest="usable = 0.5"), None)
    assert total(half) == total(level_traffic(shape, levels("4 KiB"), None))
    assert half.footprint_bytes[1] <= 4_096
    assert total(level_traffic(shape, levels("4 KiB", rest=rest), None))[0] >= total(half)[0]


def test_levels_of_each_core_hold_together_what_one_of_their_room_would() -> None:
    # What several cores need is fetched once, so eight times 4 KiB are at the best one buffer of 32 KiB.
    shape = only(MATMUL)
    several = level_traffic(shape, levels("4 KiB", rest='scope = "core"', cores="8"), None)
    one = level_traffic(shape, levels("32 KiB"), None)
    assert total(several) == total(one)
    assert several.footprint_bytes[1] == one.footprint_bytes[1] / 8 <= 4_096


def test_a_level_of_which_no_core_holds_a_tile_is_bypassed_however_many_there_are() -> None:
    # Three elements of four bytes are the smallest tile.
    shape = only(MATMUL)
    several = level_traffic(shape, levels("11 B", rest='scope = "core"', cores="8"), None)
    assert several.bypassed == (1,)


def test_an_unknown_capacity_holds_everything() -> None:
    assert total(level_traffic(only(LINEAR), levels(""), None)) == [3 * MATRIX + 256] * 2


def test_levels_nest_and_each_is_at_its_own_optimum() -> None:
    shape = only(MATMUL)
    found = level_traffic(shape, levels("64 KiB", "4 KiB", "512 B"), None)
    alone = [total(level_traffic(shape, levels(capacity), None))[0] for capacity in ("64 KiB", "4 KiB", "512 B")]
    assert total(found) == [*alone, 3 * MATRIX]
    assert alone == sorted(alone)  # what goes further inside goes more often, the innermost border apart


def test_a_level_too_small_for_any_tile_passes_on_what_its_inner_neighbour_asks_for() -> None:
    shape = only(MATMUL)
    found = level_traffic(shape, levels("4 B", "64 KiB"), None)
    assert found.bypassed == (1,)
    assert total(found) == [3 * MATRIX] * 3
    assert found.footprint_bytes.tolist()[1] == 0
    # With no level inside that could hold a tile, every product fetches its operands.
    found = level_traffic(shape, levels("4 B"), None)
    assert found.bypassed == (1,)
    assert shape.nest is not None
    assert total(found)[0] == reuse_curve(shape.nest).ceiling.total_bytes
    assert total(found)[0] > 64**3 * 4  # at most one operand of each product stays


@pytest.mark.parametrize("units", [8, 16])
def test_the_innermost_level_feeds_the_array_with_what_it_does_not_keep(units: int) -> None:
    # Sums stay in units x units cells: in each of (64 / units)^2 x 64 steps units + units elements come in.
    found = level_traffic(only(MATMUL), levels("64 KiB"), Array(m=units, n=units, k=1))
    assert found.read_bytes.tolist() == [2 * MATRIX, (64 // units) ** 2 * 64 * 2 * units * 4]
    assert found.write_bytes.tolist() == [MATRIX, MATRIX]


def test_an_array_does_nothing_for_a_group_without_macs() -> None:
    shape = only("g (float[64,64] x) => (float[64,64] y) { y = Relu(x) }")
    assert total(level_traffic(shape, levels("64 KiB"), Array(m=8, n=8, k=1))) == [2 * MATRIX] * 2


def test_without_a_nest_every_level_moves_the_compulsory_bytes() -> None:
    # 8 rows of 1 KiB, read and written, and 8 ids of 8 B
    text = "g (int64[8] i) => (float[8,256] y) <float[50000,256] table> { y = Gather(table, i) }"
    found = level_traffic(only(text), levels("64 B", "16 B"), None)
    assert total(found) == [2 * 8_192 + 64] * 3
    assert (found.bypassed, found.tile, found.footprint_bytes.tolist()) == ((), {}, [0.0] * 3)


def test_partial_sums_that_do_not_stay_are_written_and_read_again_though_the_result_stays() -> None:
    # Fused, the product's own result leaves as y: at any capacity the group writes what the product alone would.
    (alone, _, _), _ = shapes(LINEAR, "none")
    fused = only(LINEAR)
    for capacity in ("64 B", "1 KiB", "64 KiB"):
        one, other = (level_traffic(shape, levels(capacity), None) for shape in (alone, fused))
        assert one.write_bytes.tolist() == other.write_bytes.tolist()
        assert (other.read_bytes - one.read_bytes).tolist() == [256.0, 256.0]


def test_a_single_level_has_no_tile() -> None:
    found = level_traffic(only(MATMUL), levels(), None)
    assert total(found) == [3 * MATRIX]
    assert found.tile == {}


def constrained(*inner: MemoryLevel) -> tuple[MemoryLevel, ...]:
    return target(engine("all", "mac", {"FLOAT": ""}), level("dram", "1 GB"), *inner).levels


def test_an_operand_that_no_level_holds_comes_from_outside_each_time() -> None:
    # The level holds inputs and outputs: weights go from DRAM to the array. The array keeps 8 x 8 sums and takes, in
    # each of 8 x 8 x 64 steps, 8 weights of 4 B.
    shape, array = only(MATMUL), Array(m=8, n=8, k=1)
    found = level_traffic(shape, constrained(level("sram", "64 KiB", rest='holds = ["input", "output"]')), array)
    weights = 8 * 8 * 64 * 8 * 4
    assert found.read_bytes.tolist() == [MATRIX + weights, weights]  # inside, the inputs: as many as the weights
    assert found.write_bytes.tolist() == [MATRIX, MATRIX]


def test_a_level_that_holds_all_but_says_so_changes_nothing() -> None:
    shape = only(MATMUL)
    said = constrained(level("sram", "4 KiB", rest='holds = ["output", "weight", "input"]'))
    assert total(level_traffic(shape, said, None)) == total(level_traffic(shape, levels("4 KiB"), None))


def test_operands_may_be_held_side_by_side() -> None:
    # Weights in a buffer of their own, the others in one beside it: each is as good as alone with its operands.
    shape = only(MATMUL)
    beside = constrained(
        level("weights", "1 KiB", rest='holds = ["weight"]'), level("rest", "1 KiB", rest='holds = ["input", "output"]')
    )
    found = level_traffic(shape, beside, None)
    assert shape.nest is not None
    rest = reuse_curve(shape.nest, Boundary(frozenset({0, 2}), frozenset({0, 2}))).at(1024)
    assert found.read_bytes.tolist()[0] == MATRIX + rest.read_bytes
    assert found.footprint_bytes[1] == 4  # one weight at a time is enough
    assert found.read_bytes.tolist()[1] == MATRIX  # only weights pass the buffer for weights, into the engine
    assert found.bypassed == ()


def test_a_level_too_small_for_what_it_holds_is_bypassed() -> None:
    shape = only(MATMUL)
    found = level_traffic(shape, constrained(level("sram", "2 B", rest='holds = ["weight"]')), None)
    assert found.bypassed == (1,)
    assert found.read_bytes[0] >= 2 * MATRIX


def test_wide_accesses_cost_what_a_transfer_does_not_fill() -> None:
    shape = only(MATMUL)
    assert shape.nest is not None
    outer = level("dram", "1 GB", rest='access_width = { value = 64, unit = "B", source = "made" }')
    wide = target(engine("all", "mac", {"FLOAT": ""}), outer, level("sram", "256 B")).levels
    everything = frozenset({0, 1, 2})
    expected = reuse_curve(shape.nest, Boundary(everything, everything, 64)).at(256).total_bytes
    narrow = level_traffic(shape, levels("256 B"), None)
    assert total(level_traffic(shape, wide, None))[0] == expected
    assert expected > total(narrow)[0]


def test_lanes_of_a_core_are_fed_together() -> None:
    shape = only(MATMUL)
    lanes = target(
        engine("all", "mac", {"FLOAT": ""}), level("dram", "1 GB"), level("rf", "16 B", rest='scope = "lane"'),
        cores="2\nlanes = 64",
    ).levels  # fmt: skip
    assert lanes[1].instances == 2 * 64
    assert total(level_traffic(shape, lanes, None)) == total(level_traffic(shape, levels("2 KiB"), None))
