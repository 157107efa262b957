"""The table for spreadsheets."""

import csv
import io

from oracles.sample_analysis import FORMULA_NAME, analysis, model

from onnxroof.report.csv import node_csv, to_csv


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_analyze_has_a_row_for_each_group_of_each_plan():
    table = rows(to_csv(analysis()))
    # 30 groups x (2 plans of the first target + 1 of the second) + 1 failed model
    assert len(table) == 30 * 3 + 1
    assert {row["fusion"] for row in table if row["is_best_plan"] == "yes"} == {"epilogue", "none"}
    group = model().targets[0].plans[0].groups[13]
    row = table[13]
    assert float(row["latency_s"]) == group.latency_s
    assert row["macs"] == str(group.macs)
    assert row["traffic_bytes"].startswith(f"dram={group.traffic_bytes['dram']!r} sram=")


def test_count_has_a_row_for_each_node_and_so_has_node_csv():
    table = rows(to_csv(analysis(with_targets=False)))
    assert len(table) == 30 + 1
    assert "macs" in table[0]
    assert rows(node_csv(analysis())) == table


def test_unknown_is_empty():
    table = rows(to_csv(analysis(with_targets=False)))
    assert table[7]["macs"] == ""
    assert table[3]["macs"] == "0"
    # A group of the board has unknown work: it is not known either what that moves.
    unknown, failed = (row for row in rows(to_csv(analysis())) if row["macs"] == "")
    assert (unknown["traffic_bytes"], failed["error"] != "") == ("flash<i>= ram=", True)


def test_a_failed_model_says_so_in_the_last_column():
    last = rows(to_csv(analysis()))[-1]
    assert last["model"] == "broken.onnx"
    assert "ends inside" in last["error"]
    assert last["latency_s"] == ""


def test_a_name_cannot_become_a_formula():
    names = [row["node"] for row in rows(to_csv(analysis(with_targets=False)))]
    assert f"'{FORMULA_NAME}" in names
    assert not any(name.startswith("=") for name in names)


def test_control_characters_are_spelled_out():
    assert "\x1b" not in to_csv(analysis())
