"""What energy does an operation or a byte take, where nobody has published or measured it?

Estimates of hardware by process node, from published tables. A target file whose maker gives no energies carries the
results as numbers with a source of kind `estimate`, each with the call that gave it in its `where`; nothing is filled
in when a file is read, and a test recomputes the files.

Two published columns, 45 nm and 7 nm, are joined by a power law in the node, which is followed a little beyond both
ends. Within a column a power law joins the widths. References:

- operations and SRAM at 45 nm, 0.9 V: Horowitz, "Computing's energy problem", ISSCC 2014;
- the same at 7 nm: Jouppi et al., "Ten lessons from three generations shaped Google's TPUv4i", ISCA 2021, table 2;
- register file, 1 pJ for 32 bits at 45 nm: Han et al., "EIE", ISCA 2016, after Horowitz;
- instruction overhead at 45 nm: 70 pJ for one of a processor (Horowitz), 30 pJ for one lane of one of a GPU, and 22 %
  (floating) or 16 % (integer) on top of a matrix instruction (Dally, Hot Chips 2023);
- DRAM devices: accelergy-cacti-plug-in (DDR3, LPDDR4, HBM2), Micron's averages (GDDR6, GDDR6X, HBM2E), common
  figures without a document (DDR4, DDR5, LPDDR5, HBM3).

Against power fits of four GPUs (A100, H200, A40, L40; FLOAT on the lanes) the estimates lie within a factor of two.
"""

from __future__ import annotations

import itertools
import math
from types import MappingProxyType

from onnxroof.dtypes import DType, Kind

__all__ = [
    "DRAM_PJ_PER_BIT",
    "dram_pj_per_byte",
    "operation_pj",
    "register_pj_per_byte",
    "sram_pj_per_byte",
]

_OLD_NM, _NEW_NM = 45.0, 7.0
_NODES_NM = (3.0, 130.0)  # beyond these the power law is a guess

# (bits, pJ at 45 nm, pJ at 7 nm) of two widths; a float's width is its significand, hidden bit included.
_Anchor = tuple[float, float, float]
_MULTIPLY: dict[Kind, tuple[_Anchor, _Anchor]] = {
    Kind.INTEGER: ((8, 0.2, 0.07), (32, 3.1, 1.48)),
    Kind.FLOAT: ((11, 1.1, 0.34), (24, 3.7, 1.31)),
}
_ADD: dict[Kind, tuple[_Anchor, _Anchor]] = {
    Kind.INTEGER: ((8, 0.03, 0.007), (32, 0.1, 0.03)),
    Kind.FLOAT: ((11, 0.4, 0.16), (24, 0.9, 0.38)),
}
_SRAM: tuple[_Anchor, ...] = (  # (bytes, pJ for 64 bits at 45 nm, at 7 nm)
    (8 * 2**10, 10, 7.5),
    (32 * 2**10, 20, 8.5),
    (2**20, 100, 14),
)
_REGISTER_PJ_PER_BYTE = 0.25  # at 45 nm; shrinks as a 32-bit integer addition does

_SIGNIFICAND_BITS = {
    DType.DOUBLE: 53,
    DType.FLOAT: 24,
    DType.TF32: 11,
    DType.FLOAT16: 11,
    DType.BFLOAT16: 8,
    DType.FLOAT8E4M3FN: 4,
    DType.FLOAT8E4M3FNUZ: 4,
    DType.FLOAT8E5M2: 3,
    DType.FLOAT8E5M2FNUZ: 3,
    DType.FLOAT4E2M1: 2,
}

# What one instruction costs beyond its arithmetic: (pJ at 45 nm, bits of operands that it works on).
_INSTRUCTION = {
    "gpu-lane": (30.0, 32),
    "simd-32": (70.0, 32),
    "simd-128": (70.0, 128),
    "simd-256": (70.0, 256),
    "simd-512": (70.0, 512),
}
_MATRIX_OVERHEAD = {Kind.FLOAT: 1.22, Kind.INTEGER: 1.16}

DRAM_PJ_PER_BIT = MappingProxyType(
    {
        "DDR3": 70.0,
        "DDR4": 15.0,
        "DDR5": 12.0,
        "LPDDR4": 8.0,
        "LPDDR5": 5.0,
        "GDDR6": 7.5,
        "GDDR6X": 7.25,
        "HBM2": 3.9,
        "HBM2E": 6.0,
        "HBM3": 4.0,
    }
)
"""Energy of the memory device alone for a bit that is read or written; controller and wires are not in it."""


def operation_pj(operand: DType, accumulator: DType, node_nm: float, control: str) -> float:
    """Energy of one operation: half of a multiplication and an addition.

    Args:
        operand: Type of what is multiplied.
        accumulator: Type of the sum.
        node_nm: Process node, 3 to 130 nm.
        control: What feeds the arithmetic: "array" (hard-wired, nothing added), "tensor-core" (matrix instructions),
            "gpu-lane" (one 32-bit lane of a GPU's vector instruction), "simd-32", "simd-128", "simd-256" or "simd-512"
            (one instruction of a processor for so many bits).

    Returns:
        pJ per operation, of which a multiply-accumulate has two.

    Raises:
        ValueError: A node, type or control that no table covers.
    """
    arithmetic = 0.5 * (_unit_pj(_MULTIPLY, operand, node_nm) + _unit_pj(_ADD, accumulator, node_nm))
    if control == "array":
        return arithmetic
    if control == "tensor-core":
        return arithmetic * _MATRIX_OVERHEAD[operand.kind]
    if control not in _INSTRUCTION:
        raise ValueError(f"expected array, tensor-core or one of {', '.join(_INSTRUCTION)}, found {control}")
    instruction_pj, width_bits = _INSTRUCTION[control]
    operations = 2 * width_bits / operand.bits
    return arithmetic + instruction_pj * _logic_scale(node_nm) / operations


def sram_pj_per_byte(capacity_bytes: float, node_nm: float) -> float:
    """Energy of a byte read from or written to an on-chip memory.

    A memory beyond 1 MiB is made of banks of 1 MiB and has their price, wires between them not included; one below
    8 KiB has the price of 8 KiB. The sizes of the table fall at rates of their own from 45 to 7 nm, and followed below
    about 4.6 nm they would cross: there a size costs no less than a smaller one.

    Raises:
        ValueError: A node that no table covers.
    """
    size = min(max(capacity_bytes, _SRAM[0][0]), _SRAM[-1][0])
    sizes = [anchor[0] for anchor in _SRAM]
    prices = itertools.accumulate((_at_node(old_pj, new_pj, node_nm) for _, old_pj, new_pj in _SRAM), max)
    points = list(zip(sizes, prices, strict=True))
    (size_a, low), (size_b, high) = points[:2] if size <= sizes[1] else points[1:]
    return _power(low, high, size / size_a, size_b / size_a) / 8


def register_pj_per_byte(node_nm: float) -> float:
    """Energy of a byte read from or written to a register file.

    Raises:
        ValueError: A node that no table covers.
    """
    _, old_pj, new_pj = _ADD[Kind.INTEGER][1]
    return _REGISTER_PJ_PER_BYTE * _at_node(old_pj, new_pj, node_nm) / old_pj


def dram_pj_per_byte(kind: str) -> float:
    """Energy of a byte read from or written to a memory device of a kind in `DRAM_PJ_PER_BIT`.

    Raises:
        ValueError: An unknown kind.
    """
    if kind not in DRAM_PJ_PER_BIT:
        raise ValueError(f"expected one of {', '.join(DRAM_PJ_PER_BIT)}, found {kind}")
    return 8 * DRAM_PJ_PER_BIT[kind]


def _unit_pj(table: dict[Kind, tuple[_Anchor, _Anchor]], dtype: DType, node_nm: float) -> float:
    if dtype.kind not in table or (dtype.kind is Kind.FLOAT and dtype not in _SIGNIFICAND_BITS):
        raise ValueError(f"expected a type with arithmetic, found {dtype.name}")
    bits = _SIGNIFICAND_BITS[dtype] if dtype.kind is Kind.FLOAT else dtype.bits
    return _between(table[dtype.kind], bits, node_nm)


def _between(pair: tuple[_Anchor, _Anchor], size: float, node_nm: float) -> float:
    """Power law through two anchors, at a size and a node."""
    (size_a, *pj_a), (size_b, *pj_b) = pair
    low, high = _at_node(pj_a[0], pj_a[1], node_nm), _at_node(pj_b[0], pj_b[1], node_nm)
    return _power(low, high, size / size_a, size_b / size_a)


def _power(low: float, high: float, ratio: float, whole: float) -> float:
    """Power law from `low` at a ratio of 1 to `high` at the whole ratio."""
    return low * math.pow(ratio, math.log(high / low) / math.log(whole))


def _at_node(old_pj: float, new_pj: float, node_nm: float) -> float:
    """Power law in the node through the columns of 45 and 7 nm."""
    if not _NODES_NM[0] <= node_nm <= _NODES_NM[1]:
        raise ValueError(f"expected a node of {_NODES_NM[0]:g} to {_NODES_NM[1]:g} nm, found {node_nm:g}")
    return old_pj * math.pow(new_pj / old_pj, math.log(_OLD_NM / node_nm) / math.log(_OLD_NM / _NEW_NM))


def _logic_scale(node_nm: float) -> float:
    """How far logic in general has shrunk since 45 nm: as far as a multiply-accumulate of FLOAT."""
    old_pj = _MULTIPLY[Kind.FLOAT][1][1] + _ADD[Kind.FLOAT][1][1]
    new_pj = _MULTIPLY[Kind.FLOAT][1][2] + _ADD[Kind.FLOAT][1][2]
    return _at_node(old_pj, new_pj, node_nm) / old_pj
