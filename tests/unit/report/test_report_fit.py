"""How it is said whether a model fits."""

from __future__ import annotations

import json
from dataclasses import replace

from oracles.sample_analysis import board_result, model, npu_result
from oracles.tiny import engine, level, study, target

from onnxroof.report.comparison import comparison
from onnxroof.report.fit import fit_document, fit_lines, fit_words, home_words
from onnxroof.report.fit_view import fit_table
from onnxroof.report.html import to_html
from onnxroof.report.json import to_json
from onnxroof.roofline.fit import Fit, Home
from onnxroof.roofline.result import TargetResult
from onnxroof.study.result import Analysis

FLASH = Home(level="flash", holds=("weight",), weight_bytes=600_000, activation_bytes=0, capacity_bytes=1e6)
SRAM = Home(
    level="sram", holds=("activation",), weight_bytes=0, activation_bytes=412_000, capacity_bytes=256_000.0,
    order=lambda: 300_000,
)  # fmt: skip
BOTH = Home(level="dram", holds=("weight", "activation"), weight_bytes=600, activation_bytes=20, capacity_bytes=1000.0)


def on(*homes: Home, name: str = "Chip") -> TargetResult:
    npu = npu_result(2)
    found = Fit(homes)
    return replace(npu, fit=found, fits=found.fits, target=replace(npu.target, name=name, id=name.lower()))


def test_room_and_lack_of_room_in_words() -> None:
    assert home_words(SRAM) == (
        "activations 412 kB against 256 kB of sram: short by 156 kB; "
        "the order with the lowest peak that was found needs 300 kB"
    )
    planned = home_words(replace(SRAM, plan=lambda: 200_000))
    assert planned.endswith("needs 300 kB; the best plan at least 200 kB and its tiles")
    assert home_words(BOTH) == "weights and activations 620 B against 1 kB of dram"
    assert fit_words(Fit((BOTH,))) == "fits with 38 % spare"  # 380 of 1000 B
    assert fit_words(Fit((FLASH, SRAM))) == "does not fit"
    assert fit_words(Fit((FLASH, replace(SRAM, order=lambda: 256_000)))) == "fits in another order"


def test_what_is_unknown_is_said() -> None:
    blind = replace(SRAM, capacity_bytes=None)
    assert home_words(blind) == "activations 412 kB against an unknown capacity of sram"
    assert (
        home_words(replace(BOTH, activation_bytes=None))
        == "weights and activations at least 600 B against 1 kB of dram"
    )
    assert fit_words(Fit((FLASH, blind))) == "unknown"
    document = fit_document(on(FLASH, blind))
    assert document is not None
    assert (document["verdict"], document["spare_fraction"]) == ("unknown", None)
    assert fit_document(replace(on(FLASH), fit=None)) is None


def test_lines_are_ranked_and_what_nobody_knows_comes_last() -> None:
    dark = on(replace(BOTH, capacity_bytes=None), name="Dark")
    half = on(FLASH, replace(SRAM, capacity_bytes=None), name="Half")
    lines = [*fit_lines([dark, on(FLASH, SRAM, name="Small"), half, on(BOTH, name="Large")])]
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["Large", "Half", "Small", "unknown of Dark"]
    assert [*fit_lines([replace(dark, fit=None)])] == []


def test_the_table_is_ranked_and_leads_to_the_targets() -> None:
    table = fit_table([("t0", on(FLASH, SRAM, name="Small")), ("t1", on(BOTH, name="Large"))])
    assert table is not None
    assert [[cell.text for cell in row.cells[:3]] for row in table.rows] == [
        ["Large", "fits", "38 %"],
        ["Small", "does not fit", "short by 156 kB"],
    ]
    assert [row.cells[0].href for row in table.rows] == ["#t1", "#t0"]
    assert table.rows[1].cells[1].mark == "bad"
    assert fit_table([("t0", board_result(2))]) is None


def test_page_comparison_and_json_say_it() -> None:
    targets = (on(FLASH, SRAM, name="Small"), on(BOTH, name="Large"))
    analysis = Analysis(models=(replace(model(2), targets=targets),))
    document = json.loads(to_json(analysis))["models"][0]
    assert document["fit_ranking"] == ["large", "small"]
    small = document["targets"][0]["fit"]
    assert small["homes"][1] == {
        "level": "sram", "holds": ["activation"], "needed_bytes": 412_000, "capacity_bytes": 256_000.0,
        "spare_bytes": -156_000.0, "lower_order_bytes": 300_000, "best_plan_bytes": None,
    }  # fmt: skip
    assert (small["verdict"], small["spare_fraction"]) == ("too-small", -156 / 256)
    assert "Does it fit" in to_html(analysis)
    (row, _) = comparison([("t0", targets[0]), ("t1", targets[1])]).rows
    assert "activations 412 kB against 256 kB of sram" in row.cells[6].note


def test_a_board_of_two_memories_from_model_to_words() -> None:
    text = "g (float[1,100] x) => (float[1,100] y) <float[100,100] w> { m = MatMul(x, w) y = Relu(m) }"
    board = target(
        engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s"}),
        level("flash", "50 kB", "1 GB/s", rest='keeps = ["weight"]'), level("sram", "1 kB", "1 GB/s"),
    )  # fmt: skip
    # Weights 40,000 B of 50,000; x and m, then m and y, 400 B each of 1000: 20 % of each is left.
    (result,) = study(text, board).targets
    (line,) = [*fit_lines([result])][1:]
    assert line.strip() == (
        "Tiny: fits with 20 % spare (weights 40 kB against 50 kB of flash; activations 800 B against 1 kB of sram)"
    )
