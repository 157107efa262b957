"""Targets in a line: what they become, and which part is named when one is wrong."""

from __future__ import annotations

import pytest

from onnxroof.dtypes import DType
from onnxroof.errors import TargetError
from onnxroof.targets.catalog import load_target
from onnxroof.targets.gaps import unknown_keys
from onnxroof.targets.inline import parse_inline
from onnxroof.targets.model import Quantity

LINE = "peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s"


def value(quantity: Quantity | None) -> float:
    assert quantity is not None
    return quantity.value


def faults(line: str) -> list[tuple[str, str, str]]:
    """Part, message and code of each fault."""
    with pytest.raises(TargetError) as caught:
        load_target(line)
    return [(d.where, d.message, d.code) for d in caught.value.diagnostics]


def test_a_line_in_si() -> None:
    target = load_target(LINE)
    (engine,) = target.engines
    assert engine.runs == {"mac", "vector", "special"}
    assert [(peak.input, value(peak.rate)) for peak in engine.peaks] == [(DType.INT8, 8e12)]
    dram, sram = target.levels
    assert (dram.name, dram.capacity, value(dram.read_bandwidth)) == ("dram", None, 68e9)
    assert (sram.name, value(sram.capacity), value(sram.read_bandwidth)) == ("sram", 4194304, 1e12)  # 4 x 2**20
    assert (target.name, target.klass, target.path) == (LINE, "custom", "")


def test_every_number_of_a_line_is_given_by_the_user() -> None:
    target = load_target(LINE)
    rate, bandwidth = target.engines[0].peaks[0].rate, target.levels[1].read_bandwidth
    assert rate is not None
    assert bandwidth is not None
    assert (rate.text, rate.source.kind, bandwidth.text, bandwidth.source.kind) == (
        "8 TOP/s",
        "given",
        "1 TB/s",
        "given",
    )


def test_what_a_line_leaves_out_is_unknown() -> None:
    keys = unknown_keys(load_target(LINE))
    assert "memory[dram].capacity" in keys
    assert "engine[chip].peak[INT8].energy" in keys
    assert "memory[sram].capacity" not in keys


def test_several_peaks_and_levels_blanks_and_exponents() -> None:
    target = load_target(
        " peak = 8 TOP/s : INT8, peak=4.5e0TFLOP/s:FLOAT16 , hbm=16GB@0.9TB/s, llc=32MiB, l1=.5MB@2TB/s"
    )
    assert [(p.input.name, value(p.rate)) for p in target.engines[0].peaks] == [("INT8", 8e12), ("FLOAT16", 4.5e12)]
    assert [level.name for level in target.levels] == ["hbm", "llc", "l1"]
    assert [value(level.capacity) for level in target.levels] == [16e9, 33554432, 5e5]  # 32 x 2**20
    assert target.levels[1].read_bandwidth is None
    assert value(target.levels[2].read_bandwidth) == 2e12


def test_two_lines_have_two_ids() -> None:
    assert load_target(LINE).id == "peak-8top-s-int8-dram-68gb-s-sram-4mib-1tb-s"
    assert load_target(LINE.replace("68", "6.8")).id != load_target(LINE).id


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "peak=8TOPS:INT8,dram=68GB/s",
            [("peak=8TOPS:INT8", "unknown unit `TOPS`, expected a compute rate", "T204")],
        ),
        (
            "peak=8TOP/s:FP16,dram=68Gbps",
            [
                ("peak=8TOP/s:FP16", "expected a numeric type in ONNX spelling, found `FP16`", "T203"),
                ("dram=68Gbps", "unknown unit `Gbps`, expected a bandwidth", "T204"),
            ],
        ),
        (
            "peak=8TOP/s,dram=68",
            [
                ("peak=8TOP/s", "expected a type behind the rate, as in `8TOP/s:INT8`, found none", "T104"),
                ("dram=68", "expected a capacity or a bandwidth, a number with its unit, found `68`", "T104"),
            ],
        ),
        (
            "peak=8TOP/s:INT8,sram=4MiB@,dram=@1GB/s",
            [
                ("sram=4MiB@", "expected a bandwidth behind the `@`, a number with its unit, found nothing", "T104"),
                ("dram=@1GB/s", "expected a capacity before the `@`, a number with its unit, found nothing", "T104"),
            ],
        ),
        (
            "peak=8TOP/s:INT8,sram=1TB/s@4MiB",
            [
                ("sram=1TB/s@4MiB", "`TB/s` is a bandwidth, expected a capacity", "T204"),
                ("sram=1TB/s@4MiB", "`MiB` is a capacity, expected a bandwidth", "T204"),
            ],
        ),
        (
            "peak=8TOP/s:INT8,dram=-1GB/s",
            [("dram=-1GB/s", "expected a capacity or a bandwidth, a number with its unit, found `-1GB/s`", "T104")],
        ),
        ("peak=0TOP/s:INT8,dram=1GB", [("peak=0TOP/s:INT8", "expected more than 0, found `0.0`", "T203")]),
        (
            "peak=8TOP/s:INT8,dram=1GB,dram=2GB",
            [("dram=2GB", "expected a name of its own, found `dram` again, as memory[0]", "T206")],
        ),
        ("dram=1GB", [("dram=1GB", "expected a peak, `peak=RATE:TYPE`, found none", "T104")]),
        (
            "peak=8TOP/s:INT8",
            [("peak=8TOP/s:INT8", "expected a level, `LEVEL=CAPACITY@BANDWIDTH`, found none", "T104")],
        ),
    ],
)
def test_a_fault_names_its_part(line: str, found: list[tuple[str, str, str]]) -> None:
    assert faults(line) == found


def test_a_part_without_an_equals_sign_is_named_beside_the_faults_of_others() -> None:
    found = faults("peak=8TOPS:INT8,68GB/s,=4MiB")
    assert [(part, code) for part, _, code in found] == [
        ("68GB/s", "T104"),
        ("=4MiB", "T104"),
        ("peak=8TOPS:INT8", "T204"),
    ]


def test_a_comma_too_many_is_a_fault_of_the_line() -> None:
    line = f"{LINE},"
    assert [(part, code) for part, _, code in faults(line)] == [(line, "T104")]


def test_control_characters_are_refused() -> None:
    assert faults("peak=8TOP/s:INT8,d\x1bram=1GB")[0][2] == "T203"


def test_the_tables_keep_the_parts_that_they_came_from() -> None:
    inline = parse_inline(LINE)
    assert inline.part(("engine", 0, "peak", 0, "rate", "unit")) == "peak=8TOP/s:INT8"
    assert inline.part(("memory", 1, "capacity")) == "sram=4MiB@1TB/s"
    assert inline.part(("name",)) is None
