"""Each check of the enhanced roofline's list that this tool promises has tests that carry its name: `test_c12_...`."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

CHECKS = {
    1: "operations, bytes and intensity of every level, for nodes and network; sums, never means",
    2: "attainable throughput and the term that binds it",
    3: "energy of an operation, efficiency, shares that add to one",
    4: "both ridge points of each level and their gap",
    5: "operations a cycle, a second, a joule and a mm2, joules an operation, one result behind all",
    6: "counting rules in every report",
    7: "no point above a roof",
    8: "a better target is never worse",
    9: "utilization is spatial x temporal",
    10: "ceilings under the peak",
    11: "levels that overlap, or do not",
    12: "regimes in time and energy, causes of detachment",
    13: "a waterfall that adds up",
    14: "peak and workload efficiency side by side",
    15: "operators counted by hand; unknown ones are listed",
    16: "intensity of spatial reuse",
    17: "intensity of temporal reuse",
    19: "compulsory traffic is the right limit",
    21: "fusion: bytes saved, halo modes, never dearer",
    22: "an arrow from unfused to fused on both charts",
    33: "power cap and static power",
    39: "sensitivities; advice that moves the label when it is applied",
}


@pytest.fixture(scope="module")
def named():
    """Numbers in the names of all tests: `test_c1_c2_...` is of two checks."""
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^def test_((?:c\d+_)+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found |= {int(number) for number in re.findall(r"\d+", name)}
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"c{check}")
def test_each_check_has_a_test_of_its_name(named, check):
    assert check in named, CHECKS[check]
