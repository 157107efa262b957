"""Whether a model fits, memory by memory: by hand on two branches whose order matters."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, study, target

from onnxroof.roofline.fit import Verdict, fit
from onnxroof.targets.model import Target

ENGINE = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"})
# FLOAT: x 256 B, a and b 4096 B each, p and q 64 B each. Alive at once, in the file's order: x and a 4352; x, a and b
# 8448; a, b and p 8256; b, p and q 4224. With p before b: x and a 4352, x, a and p 4416, x, p and b 4416, 4224.
# Weights: 2 x (64 x 1024 + 1024 x 16) x 4 B = 655,360 B.
BRANCHES = """g (float[1,64] x) => (float[1,16] p, float[1,16] q)
    <float[64,1024] v, float[64,1024] w, float[1024,16] s, float[1024,16] t>
    { a = MatMul(x, v) b = MatMul(x, w) p = MatMul(a, s) q = MatMul(b, t) }"""
WEIGHTS = 655_360


def board(flash: str, sram: str) -> Target:
    """Weights lie in a flash, activations in a memory on the chip."""
    return target(
        ENGINE, level("flash", flash, "1 GB/s", rest='keeps = ["weight"]'), level("sram", sram, "4 GB/s"), name="board"
    )


def test_one_memory_holds_both() -> None:
    result = on_target(BRANCHES, target(ENGINE, level("dram", "1 MB", "1 GB/s"), level("sram", "1 kB", "4 GB/s")))
    found = result.fit
    assert found is not None
    (home,) = found.homes
    assert (home.level, home.holds, home.needed_bytes) == ("dram", ("weight", "activation"), WEIGHTS + 8448)
    assert result.memory_needed_bytes == home.needed_bytes
    assert (found.verdict, result.fits, home.lower_bytes) == (Verdict.FITS, True, None)
    assert found.spare_fraction == pytest.approx(1 - (WEIGHTS + 8448) / 1e6)


def test_activations_must_live_where_they_are_kept() -> None:
    result = on_target(BRANCHES, board("2 MB", "4 kB"))
    found = result.fit
    assert found is not None
    flash, sram = found.homes
    assert (flash.needed_bytes, flash.verdict) == (WEIGHTS, Verdict.FITS)
    assert (sram.level, sram.holds, sram.needed_bytes) == ("sram", ("activation",), 8448)
    assert (sram.spare_bytes, sram.lower_bytes) == (4000 - 8448, 4416)
    assert (found.verdict, result.fits) == (Verdict.TOO_SMALL, False)


def test_another_order_may_fit() -> None:
    result = on_target(BRANCHES, board("2 MB", "5 kB"))
    assert result.fit is not None
    # 4416 B of the lower order, 8448 B of the file's.
    assert (result.fit.verdict, result.fits) == (Verdict.IN_ANOTHER_ORDER, False)


@pytest.mark.parametrize(
    ("flash", "sram", "verdict"),
    [
        ("", "9 kB", Verdict.UNKNOWN),
        ("2 MB", "", Verdict.UNKNOWN),
        ("600 kB", "", Verdict.TOO_SMALL),
        ("", "4 kB", Verdict.TOO_SMALL),
        ("655360 B", "8448 B", Verdict.FITS),
    ],
)
def test_what_is_not_known_may_only_be_said_where_nothing_is_short(flash: str, sram: str, verdict: Verdict) -> None:
    result = on_target(BRANCHES, board(flash, sram))
    assert result.fit is not None
    assert result.fit.verdict is verdict
    assert result.fits is {Verdict.FITS: True, Verdict.UNKNOWN: None, Verdict.TOO_SMALL: False}[verdict]


def test_activations_are_counted_in_the_types_of_the_target() -> None:
    bytes_ = engine("all", "mac vector special", {"INT8": "1 TOP/s"})
    result = on_target(BRANCHES, target(bytes_, level("dram", "1 MB", "1 GB/s")))
    assert result.fit is not None
    assert result.fit.homes[0].needed_bytes == (WEIGHTS + 8448) / 4


def test_an_unknown_shape_leaves_the_weights() -> None:
    found = fit(board("1 kB", "1 kB"), 2000, None)
    assert [home.verdict for home in found.homes] == [Verdict.TOO_SMALL, Verdict.UNKNOWN]
    assert fit(board("4 kB", "1 kB"), 2000, None).verdict is Verdict.UNKNOWN


def test_cores_hold_activations_together() -> None:
    cores = target(
        ENGINE, level("flash", "1 MB", "1 GB/s", rest='keeps = ["weight"]'),
        level("sram", "3 kB", "1 GB/s", rest='scope = "core"'), cores="3",
    )  # fmt: skip
    result = on_target(BRANCHES, cores)
    assert result.fit is not None
    assert (result.fit.homes[1].capacity_bytes, result.fits) == (9000, True)


def test_targets_are_ranked_by_room() -> None:
    order = [
        board("2 MB", "100 kB"),
        board("2 MB", "9 kB"),
        board("2 MB", "5 kB"),
        board("", ""),
        board("2 MB", "1 kB"),
    ]
    ranks = [result.fit.rank for result in study(BRANCHES, *order[::-1]).targets if result.fit is not None]
    assert sorted(ranks) == ranks[::-1]
    assert len(set(ranks)) == 5
