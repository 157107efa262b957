"""How the page says what keeps a plan below its roofs."""

from __future__ import annotations

from dataclasses import replace

from oracles.sample_analysis import board_result, npu_result
from oracles.tiny import engine, level, on_target, target

from onnxroof.mapping.offload import Fallback, Offload
from onnxroof.report.detachment_view import detachment_table

PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
LEVELS = (level("dram", "1 GB", "10 GB/s", "10 pJ/B"), level("sram", "16 MB", "", "0.001 pJ/B"))
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})


def test_causes_that_take_time_are_rows_and_the_others_are_named():
    # 4.92 us at the roof, 20 us of launch: 80.3 % of 24.9 us
    table = detachment_table(on_target(PRODUCT, target(MATRIX, *LEVELS, launch_overhead="20 us"), fusion="none"))
    assert table is not None
    ((name, time),) = [row.cells for row in table.rows]
    assert (name.text, time.text, time.note) == ("Launches", "20 µs", "80 %")
    assert name.note.startswith("Starting each group")
    assert "Nothing is lost to bytes that cross again, a port" in table.note
    assert "Unknown on this target: what is lost to the power cap or operators that run on the host." in table.note
    assert table.note.endswith("Sparsity is not modelled: every element counts as dense, and none is skipped.")


def test_host_fallback_says_how_many_operators():
    result = on_target(PRODUCT, target(MATRIX, *LEVELS, host_link="1 GB/s"), fusion="none")
    offload = Offload(
        is_known=True, fallbacks=(Fallback("MatMul", "not listed", ("m",)),), node_count=1, segment_count=0,
        to_device_bytes=0, to_host_bytes=16_384,
    )  # fmt: skip
    table = detachment_table(replace(result, offload=offload))
    assert table is not None
    assert table.rows[0].cells[0].note.startswith("1 operator would run there. On top of all times")


def test_what_is_unknown_has_no_table():
    assert detachment_table(board_result(30)) is None
    assert detachment_table(npu_result(2)) is not None
