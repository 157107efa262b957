"""Time and traffic of one nested mapping of a group, through the whole model."""

import pytest
from oracles.tiny import engine, level, on_target, target

PRODUCT = "g (float[64, 64] x) => (float[64, 64] y) <float[64, 64] w> { y = MatMul(x, w) }"
BIASED = """g (float[64, 64] x) => (float[64, 64] y) <float[64, 64] w, float[64] b> {
    p = MatMul(x, w)
    y = Add(p, b)
}"""
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"})
VECTOR = engine("vector", "vector", {"FLOAT": "1 TFLOP/s"})
DRAM = level("dram", "1 GB", "10 GB/s")


def of(text, *parts, **chip):
    return on_target(text, target(*parts, **chip)).plan("epilogue")


def test_one_level_on_the_chip_has_the_mapping_of_its_own_optimum() -> None:
    plan = of(PRODUCT, MATRIX, DRAM, level("sram", "8 KiB", "100 GB/s"))
    (group,) = plan.groups
    assert group.mapped.traffic_bytes["dram"] == group.traffic_bytes["dram"]
    assert group.mapped.latency_s == pytest.approx(group.latency_s)
    (sram,) = group.mapped.levels
    assert sram.level == "sram"
    assert max(sram.tile.values()) <= 64
    assert sram.order
    assert plan.mapped.latency_s == pytest.approx(plan.latency_s)


def test_side_inputs_come_on_top() -> None:
    # 64 biases of 4 bytes, whatever the tiles of the product.
    alone = of(PRODUCT, MATRIX, VECTOR, DRAM, level("sram", "8 KiB", "100 GB/s"))
    biased = of(BIASED, MATRIX, VECTOR, DRAM, level("sram", "8 KiB", "100 GB/s"))
    assert len(biased.groups) == 1
    extra = biased.mapped.traffic_bytes["dram"] - alone.mapped.traffic_bytes["dram"]
    assert extra == 64 * 4


def test_cores_that_idle_stretch_the_work() -> None:
    # 64 x 64 x 64 over 7 cores: the fullest does at least 10 of 64 rows, 70 / 64 of an even share.
    dram = level("dram", "1 GB", "10 TB/s")
    plan = of(PRODUCT, MATRIX, dram, level("local", "64 KiB", "100 TB/s", rest='scope = "core"'), cores="7")
    (group,) = plan.groups
    work_s = 2 * 64**3 / 1e12
    assert group.time_terms_s["compute:matrix"] == pytest.approx(work_s)
    (local,) = group.mapped.levels
    assert list(local.spread.values()) == [7]
    assert group.mapped.latency_s == pytest.approx(work_s * 70 / 64)  # 49152 B take 5 ns, the work 524


def test_launches_and_unknown_work_are_as_for_the_bound() -> None:
    plan = of(PRODUCT, MATRIX, DRAM, launch_overhead="5 us")
    (group,) = plan.groups
    assert group.mapped.latency_s == pytest.approx(group.latency_s)
    assert group.mapped.levels == ()
    unknown = of("g (float[8] x) => (float[8] y) { y = my.domain.Foo(x) }", MATRIX, DRAM)
    assert unknown.groups[0].mapped.latency_s is None
    assert unknown.mapped.latency_s is None


def test_a_dataflow_that_the_search_does_not_know_raises_its_figures_to_the_bound() -> None:
    # The SRAM would hold everything, but the weights alone may stay in it: the rest is fetched as often as 16 B ask.
    sram = level("sram", "64 KiB", "100 GB/s", rest='holds = ["weight"]')
    (group,) = of(PRODUCT, MATRIX, DRAM, sram, level("rf", "16 B", "1 TB/s")).groups
    assert group.traffic_bytes["dram"] > 3 * 64 * 64 * 4
    assert group.mapped.traffic_bytes["dram"] >= group.traffic_bytes["dram"]
    assert group.mapped.latency_s >= group.latency_s


def test_what_stays_on_chip_crosses_in_no_mapping_either() -> None:
    chain = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) y = MatMul(m, w) }"""
    sram = level("sram", "64 KiB", "100 GB/s")
    kept = of(chain, MATRIX, DRAM, sram)
    # x, v and w come in, y goes out, 16 KiB each; m stays and takes its room from the tiles.
    assert kept.traffic_bytes["dram"] == kept.mapped.traffic_bytes["dram"] == 4 * 16_384
    for group in kept.groups:
        assert group.mapped.latency_s == pytest.approx(group.latency_s)
    apart = of(chain, MATRIX, DRAM, level("sram", "64 KiB", "100 GB/s", rest="keeps = []"))
    assert apart.mapped.traffic_bytes["dram"] == 6 * 16_384


def test_an_operand_that_a_level_does_not_hold_takes_no_room_in_the_mapping() -> None:
    # 12 KiB for sums and weights alone: inputs go from the DRAM to the registers, past the level.
    sram = level("sram", "12 KiB", "100 GB/s", rest='holds = ["weight", "output"]')
    plan = of(PRODUCT, MATRIX, DRAM, sram, level("registers", "1 KiB", "1 TB/s"))
    (group,) = plan.groups
    bounds, mapped = group.traffic_bytes, group.mapped.traffic_bytes
    assert [held.level for held in group.mapped.levels] == ["sram", "registers"]
    assert all(mapped[name] >= bounds[name] for name in bounds)
    # Inputs come to the registers from outside: at least as often as the tiles there need them.
    assert mapped["dram"] > 3 * 16_384
