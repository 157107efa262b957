"""The least time of a run that a device shares with its host, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.divided import divided_latency_s, link_time_s
from onnxroof.roofline.floor import floor

# 64^3 MACs are 524,288 operations; x, m, e and y have 16,384 B each, as w has.
CHAIN = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w>
    { m = MatMul(x, w) e = Erf(m) y = Relu(e) }"""
HEAD = (engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}), engine("lanes", "vector special", {"FLOAT": "1 GFLOP/s"}))
LIST = '[support]\ncompiler = "C 1"\nsource = "made"\noperators = [{}]'


def shared(operators: str, link: str = "1 MB/s") -> tuple[float | None, float | None]:
    chip = {"host_link": link} if link else {}
    where = target(*HEAD, level("dram", "1 GB", "10 GB/s"), LIST.format(operators), **chip)
    result = on_target(CHAIN, where)
    assert result.offload is not None
    assert result.divided_latency_s == divided_latency_s(
        result.offload, where, floor(result.offload.border, where).latency_s
    )
    return result.divided_latency_s, link_time_s(result.offload, where)


def test_a_slow_link_bounds_the_run() -> None:
    # x and the Erf go in, m and y come back: 32,768 B each way at 1 MB/s, longer than 524,288 operations at 1 GOP/s.
    assert shared('"MatMul", "Relu"') == pytest.approx((0.032768, 0.032768))


def test_what_the_device_keeps_bounds_it_behind_a_fast_link() -> None:
    least, link = shared('"MatMul", "Relu"', "1 TB/s")
    assert link == pytest.approx(32_768 / 1e12)
    assert least == pytest.approx(524_288e-9)  # the product; Relu on the other engine, Erf on the host
    # Without the product: 4096 maxima at 1 GOP/s.
    assert shared('"Relu"', "1 TB/s")[0] == pytest.approx(4096e-9)


def test_an_unknown_link_leaves_the_device() -> None:
    assert shared('"MatMul", "Relu"', "") == (pytest.approx(524_288e-9), None)


def test_a_division_never_lifts_the_floor() -> None:
    where = target(*HEAD, level("dram", "1 GB", "10 GB/s"), LIST.format('"MatMul"'), host_link="1 MB/s")
    whole = on_target(CHAIN, replace(where, support=None, host_link=None))
    cut = on_target(CHAIN, where)
    assert cut.floor_latency_s == whole.floor_latency_s
