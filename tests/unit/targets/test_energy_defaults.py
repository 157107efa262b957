"""Energy estimates: the published tables come back, the shape between them, and the distance from measured GPUs."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onnxroof.dtypes import DType
from onnxroof.targets.energy_defaults import (
    DRAM_PJ_PER_BIT,
    dram_pj_per_byte,
    operation_pj,
    register_pj_per_byte,
    sram_pj_per_byte,
)

COMPUTE_TYPES = [DType.INT4, DType.INT8, DType.INT16, DType.INT32, DType.FLOAT8E4M3FN, DType.BFLOAT16, DType.FLOAT16]
COMPUTE_TYPES += [DType.TF32, DType.FLOAT, DType.DOUBLE]
CONTROLS = ["array", "tensor-core", "gpu-lane", "simd-32", "simd-128", "simd-256", "simd-512"]


@pytest.mark.parametrize(
    ("operand", "accumulator", "node_nm", "mac_pj"),
    [
        (DType.INT8, DType.INT32, 45, 0.2 + 0.1),  # Horowitz: 8-bit product, 32-bit sum
        (DType.FLOAT16, DType.FLOAT, 45, 1.1 + 0.9),
        (DType.FLOAT, DType.FLOAT, 45, 3.7 + 0.9),
        (DType.INT8, DType.INT32, 7, 0.07 + 0.03),  # Jouppi 2021, table 2
        (DType.FLOAT16, DType.FLOAT, 7, 0.34 + 0.38),
        (DType.FLOAT, DType.FLOAT, 7, 1.31 + 0.38),
    ],
)
def test_the_tables_come_back(operand: DType, accumulator: DType, node_nm: float, mac_pj: float) -> None:
    assert 2 * operation_pj(operand, accumulator, node_nm, "array") == pytest.approx(mac_pj)


def test_a_type_between_two_columns_of_the_table() -> None:
    # Jouppi lists a product of BFLOAT16 at 7 nm with 0.21 pJ, a sum in FLOAT with 0.38; it is not an anchor here.
    assert 2 * operation_pj(DType.BFLOAT16, DType.FLOAT, 7, "array") == pytest.approx(0.59, rel=0.03)


def test_a_node_between_two_columns() -> None:
    # 17.7 nm is the geometric mean of 45 and 7 nm; INT8: sqrt(0.2 x 0.07) + sqrt(0.1 x 0.03) = 0.1183 + 0.0548.
    middle_nm = (45 * 7) ** 0.5
    assert 2 * operation_pj(DType.INT8, DType.INT32, middle_nm, "array") == pytest.approx(0.1731, rel=1e-3)


@pytest.mark.parametrize(
    ("control", "mac_pj"),
    [
        ("tensor-core", 4.6 * 1.22),
        ("gpu-lane", 4.6 + 30),  # one multiply-accumulate an instruction and lane
        ("simd-128", 4.6 + 70 / 4),  # four lanes share the instruction
        ("simd-256", 4.6 + 70 / 8),
        ("simd-512", 4.6 + 70 / 16),
    ],
)
def test_control_at_45_nm(control: str, mac_pj: float) -> None:
    assert 2 * operation_pj(DType.FLOAT, DType.FLOAT, 45, control) == pytest.approx(mac_pj)


@pytest.mark.parametrize(("node_nm", "measured_pj"), [(7, 5.19), (4, 5.81), (8, 4.88), (5, 3.27)])
def test_within_a_factor_of_two_of_measured_gpus(node_nm: float, measured_pj: float) -> None:
    # pJ for an operation of FLOAT, fitted to power of A100, H200, A40 and L40 in RRZE-HPC gpu-benches.
    assert 0.5 < operation_pj(DType.FLOAT, DType.FLOAT, node_nm, "gpu-lane") / measured_pj < 2


@given(st.sampled_from(COMPUTE_TYPES), st.sampled_from(CONTROLS), st.floats(3, 129), st.floats(1.001, 1.01))
def test_a_finer_node_costs_less(dtype: DType, control: str, node_nm: float, factor: float) -> None:
    coarser_nm = min(130.0, node_nm * factor)
    coarser = operation_pj(dtype, dtype.accumulator, coarser_nm, control)
    assert 0 < operation_pj(dtype, dtype.accumulator, node_nm, control) < coarser


@given(st.sampled_from(CONTROLS), st.floats(3, 130))
def test_wider_types_cost_more(control: str, node_nm: float) -> None:
    for narrow, wide in (
        (DType.INT4, DType.INT8),
        (DType.INT8, DType.INT16),
        (DType.FLOAT8E4M3FN, DType.BFLOAT16),
        (DType.BFLOAT16, DType.FLOAT16),
        (DType.FLOAT16, DType.FLOAT),
        (DType.FLOAT, DType.DOUBLE),
    ):
        narrow_pj = operation_pj(narrow, narrow.accumulator, node_nm, control)
        assert narrow_pj < operation_pj(wide, wide.accumulator, node_nm, control)


@pytest.mark.parametrize(
    ("capacity_bytes", "node_nm", "access_pj"),
    [(8192, 45, 10), (32768, 45, 20), (2**20, 45, 100), (8192, 7, 7.5), (32768, 7, 8.5), (2**20, 7, 14)],
)
def test_sram_tables_come_back(capacity_bytes: int, node_nm: float, access_pj: float) -> None:
    assert sram_pj_per_byte(capacity_bytes, node_nm) == pytest.approx(access_pj / 8)  # 64 bits are eight bytes


@example(2049, 4, 3)
@given(st.floats(1, 2**30), st.floats(1, 4), st.floats(3, 130))
def test_a_larger_sram_costs_no_less(capacity_bytes: float, factor: float, node_nm: float) -> None:
    larger = sram_pj_per_byte(capacity_bytes * factor, node_nm)
    assert sram_pj_per_byte(capacity_bytes, node_nm) <= larger * (1 + 1e-12)
    assert register_pj_per_byte(node_nm) < sram_pj_per_byte(capacity_bytes, node_nm)


def test_sram_beyond_the_table_has_the_price_of_its_ends() -> None:
    assert sram_pj_per_byte(50 * 2**20, 7) == sram_pj_per_byte(2**20, 7)
    assert sram_pj_per_byte(512, 7) == sram_pj_per_byte(8192, 7)


def test_sram_where_the_sizes_of_the_table_would_cross() -> None:
    # At 3 nm, ln(7 / 3) / ln(45 / 7) = 0.4553 of the way from 45 to 7 nm further: 7.5 x 0.75^0.4553 = 6.579 pJ at 8
    # KiB, 8.5 x 0.425^0.4553 = 5.757 at 32 KiB, 14 x 0.14^0.4553 = 5.719 at 1 MiB: the two larger cost as the smallest.
    assert sram_pj_per_byte(8192, 3) == pytest.approx(6.579 / 8, rel=1e-3)
    assert sram_pj_per_byte(32768, 3) == sram_pj_per_byte(2**20, 3) == sram_pj_per_byte(8192, 3)
    # At 4 nm it is 0.3007 of the way: 6.878, 6.572 and 7.750 pJ; only the one in the middle is lifted.
    assert sram_pj_per_byte(32768, 4) == pytest.approx(6.878 / 8, rel=1e-3)
    assert sram_pj_per_byte(2**20, 4) == pytest.approx(7.750 / 8, rel=1e-3)


def test_registers() -> None:
    assert register_pj_per_byte(45) == pytest.approx(0.25)  # 1 pJ for four bytes
    assert register_pj_per_byte(7) == pytest.approx(0.075)  # shrinks as 0.1 -> 0.03 pJ


def test_dram() -> None:
    assert dram_pj_per_byte("HBM2") == pytest.approx(31.2)  # 3.9 pJ/bit x 8
    assert all(dram_pj_per_byte(kind) == 8 * bits for kind, bits in DRAM_PJ_PER_BIT.items())


@pytest.mark.parametrize("node_nm", [2, 180, 0])
def test_a_node_far_from_the_tables_is_refused(node_nm: float) -> None:
    with pytest.raises(ValueError, match="expected a node of 3 to 130 nm"):
        register_pj_per_byte(node_nm)


def test_what_no_table_covers_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a type with arithmetic, found STRING"):
        operation_pj(DType.STRING, DType.FLOAT, 7, "array")
    with pytest.raises(ValueError, match="expected array, tensor-core or one of gpu-lane"):
        operation_pj(DType.INT8, DType.INT32, 7, "wafer")
    with pytest.raises(ValueError, match="expected one of DDR3"):
        dram_pj_per_byte("core memory")
