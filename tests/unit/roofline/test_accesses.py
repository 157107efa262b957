"""Accesses of a given mapping against a vector that can be worked out by hand."""

import math

import pytest

from onnxroof.roofline.accesses import Crossing, MappedOperand, Port, Stay, Store, crossings

PJ = 1e-12
ARRAY = {"K": 32, "C": 32}


def port(width: int, step: int, energy_pj: float) -> Port:
    return Port(width_bits=width, step_bits=step, energy_j=energy_pj * PJ)


def store(name: str, read: Port, write: Port, per: str = "") -> Store:
    return Store(name=name, read=read, write=write, per=frozenset(per))


# The machine `tpu_like` of ZigZag: 32 x 32 units with a register each for weights and for sums, an SRAM of 2 MB for
# inputs and outputs, 0.04 pJ a MAC.
DRAM = store("dram", port(64, 64, 700), port(64, 64, 750))
SRAM = store("sram_2MB", port(2048, 64, 416.16), port(2048, 64, 378.4))
WEIGHTS = store("rf_128B", port(8, 8, 0.095), port(8, 8, 0.095), per="KC")
SUMS = store("rf_2B", port(16, 16, 0.021), port(16, 16, 0.021), per="KC")

# 512^3, the loops innermost first: C4 C4 K4 D32 D16 K4, with K and C unrolled by 32.
GEMM = (
    MappedOperand(
        name="O",
        axes=({"D": 1}, {"K": 1}),
        bits=8,
        partial_bits=16,
        path=(
            Stay(store=SUMS, loops=(("C", 4), ("C", 4))),
            Stay(store=SRAM, loops=(("K", 4), ("D", 32), ("D", 16), ("K", 4))),
            Stay(store=DRAM, loops=()),
        ),
    ),
    MappedOperand(
        name="I",
        axes=({"D": 1}, {"C": 1}),
        bits=8,
        path=(
            Stay(store=SRAM, loops=(("C", 4), ("C", 4), ("K", 4), ("D", 32), ("D", 16), ("K", 4))),
            Stay(store=DRAM, loops=()),
        ),
    ),
    MappedOperand(
        name="W",
        axes=({"C": 1}, {"K": 1}),
        bits=8,
        path=(
            Stay(store=WEIGHTS, loops=(("C", 4), ("C", 4), ("K", 4), ("D", 32), ("D", 16))),
            Stay(store=DRAM, loops=(("K", 4),)),
        ),
    ),
)

# 131072 cycles (512^3 / 1024 units).
WORDS = {
    ("O", "rf_2B", "read inwards"): 131072 * 1024,  # a sum of 16 bits for each unit and cycle
    ("O", "rf_2B", "written from inside"): 131072 * 1024,
    ("O", "rf_2B", "read outwards"): 131072 // 16 * 1024,  # finished after C4 C4
    ("O", "sram_2MB", "written from inside"): 512 * 512 * 8 // 2048,  # 32 units of C added up on the way
    ("O", "sram_2MB", "read outwards"): 512 * 512 * 8 // 2048,
    ("O", "dram", "written from inside"): 512 * 512 * 8 // 64,
    ("I", "sram_2MB", "read inwards"): 131072 * 32 * 8 // 2048,  # 32 of C, multicast along K: 256 of 2048 bits
    ("I", "sram_2MB", "written from outside"): 512 * 512 * 8 // 2048,
    ("I", "dram", "read inwards"): 512 * 512 * 8 // 64,
    ("W", "rf_128B", "read inwards"): 131072 * 1024,
    ("W", "rf_128B", "written from outside"): 4 * 64 * 1024,  # K4 outside, 64 elements in each of 1024
    ("W", "dram", "read inwards"): 512 * 512 * 8 // 64,
}

# ZigZag 3.9.1's own energies by operand and store, pJ.
ENERGIES_PJ = {
    ("O", "rf_2B"): 5813305.344,
    ("O", "sram_2MB"): 813629.44,
    ("O", "dram"): 24576000,
    ("I", "sram_2MB"): 7205847.04,
    ("I", "dram"): 22937600,
    ("W", "rf_128B"): 12775587.84,
    ("W", "dram"): 22937600,
}


def gemm() -> tuple[Crossing, ...]:
    return crossings(GEMM, ARRAY)


def test_words_by_operand_store_and_direction() -> None:
    assert {(c.operand, c.store, c.direction): c.words for c in gemm()} == WORDS


@pytest.mark.parametrize(("operand", "name"), ENERGIES_PJ)
def test_energy_by_operand_and_store(operand: str, name: str) -> None:
    energy = math.fsum(c.energy_j for c in gemm() if (c.operand, c.store) == (operand, name))
    assert energy / PJ == pytest.approx(ENERGIES_PJ[operand, name], rel=1e-12)


def test_energy_of_the_whole_product() -> None:
    # With 512^3 MACs of 0.04 pJ: 102,428,278.784 pJ.
    total = math.fsum(c.energy_j for c in gemm()) / PJ + 512**3 * 0.04
    assert total == pytest.approx(102428278.784, rel=1e-12)


def test_a_part_of_a_word_is_charged_in_steps() -> None:
    wide = port(2048, 64, 1)
    # 65 bits are two steps of 64: 128 / 2048.
    assert [wide.words(bits) for bits in (1, 64, 65, 2048, 2049)] == [1 / 32, 1 / 32, 1 / 16, 1, 33 / 32]


def test_partial_sums_that_leave_come_back_at_their_width() -> None:
    # C outside the SRAM: it writes and reads sums of 16 bits; the DRAM is read as often as it is written.
    output = MappedOperand(
        name="O",
        axes=({"D": 1}, {"K": 1}),
        bits=8,
        partial_bits=16,
        path=(Stay(store=SRAM, loops=(("D", 4),)), Stay(store=DRAM, loops=(("C", 8), ("D", 2)))),
    )
    found = {(c.store, c.direction): c.words for c in crossings([output], {})}
    # A tile of 4; C8 is innermost outside: it stays while C is walked, and is finished then. D2 tiles of 32 bits, each
    # a word of 64.
    assert found == {
        ("sram_2MB", "read inwards"): 4 * 2 * 8 / 32,
        ("sram_2MB", "written from inside"): 2.0,
        ("sram_2MB", "read outwards"): 2 / 32,
        ("dram", "written from inside"): 2,
    }
    outside = MappedOperand(
        name="O",
        axes=({"D": 1}, {"K": 1}),
        bits=8,
        partial_bits=16,
        path=(Stay(store=SRAM, loops=(("D", 4),)), Stay(store=DRAM, loops=(("D", 2), ("C", 8)))),
    )
    found = {(c.store, c.direction): c.words for c in crossings([outside], {})}
    # 16 visits of 4 sums of 16 bits: one word of 64 each.
    assert found["dram", "written from inside"] == found["dram", "read inwards"] == 16


def test_windows_of_a_convolution_overlap() -> None:
    image = MappedOperand(
        name="I",
        axes=({"OX": 2, "FX": 1},),
        bits=8,
        path=(Stay(store=SRAM, loops=(("FX", 3), ("OX", 4))), Stay(store=DRAM, loops=())),
    )
    assert image.elements({"OX": 4, "FX": 3}) == 9  # 2 * 3 + 2 + 1
    found = {(c.store, c.direction): c.words for c in crossings([image], {})}
    assert found["dram", "read inwards"] == 2  # 72 bits in words of 64
