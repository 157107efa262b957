"""Filters and order of the list of targets."""

from __future__ import annotations

import pytest

from onnxroof.cli.target_list import list_json, ordered, selected
from onnxroof.targets.catalog import load_target, target_ids
from onnxroof.targets.model import Target

ALL = [load_target(target_id) for target_id in target_ids()]


def ids(targets: list[Target]) -> list[str]:
    return [target.id for target in targets]


def test_without_filters_all_are_listed() -> None:
    assert ids(selected(ALL)) == list(target_ids())


def test_words_must_all_occur_somewhere_in_any_case() -> None:
    assert ids(selected(ALL, words=("HAILO", "8l"))) == ["hailo-8l"]
    assert ids(selected(ALL, words=("arm", "mcu npu", "u65"))) == ["ethos-u65-256", "ethos-u65-512"]
    assert selected(ALL, words=("hailo", "nvidia")) == []


def test_classes_and_vendors_are_alternatives() -> None:
    found = selected(ALL, classes=("edge", "mobile"), vendors=("Hailo", "qualcomm"))
    assert {target.klass for target in found} == {"edge NPU", "mobile NPU"}
    assert {target.vendor for target in found} == {"Hailo", "Qualcomm"}
    every = {"datacenter NPU", "edge NPU", "client NPU", "mobile NPU", "MCU NPU"}
    assert {target.klass for target in selected(ALL, classes=("npu",))} == every


@pytest.mark.parametrize("column", ["peak", "bandwidth", "capacity", "power"])
def test_numbers_are_sorted_from_the_largest_and_the_unknown_is_last(column: str) -> None:
    key = {"peak": "peak_ops_per_s", "bandwidth": "bandwidth_bytes_per_s", "capacity": "capacity_bytes"}
    values = [row[key.get(column, "power_cap_w")] for row in list_json(ordered(ALL, column))]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None] * (len(values) - len(known))
    assert len(known) > 20


@pytest.mark.parametrize("column", ["id", "name", "vendor", "class"])
def test_texts_are_sorted_from_a_to_z(column: str) -> None:
    texts = [str(row[column] or "").casefold() for row in list_json(ordered(reversed(ALL), column))]
    assert texts == sorted(texts)


def test_figures_of_a_row() -> None:
    """A100: 624 TOP/s INT8 dense (INT4 at twice that is listed too), 2039 GB/s, 80 GB, 400 W in its data sheet."""
    (row,) = list_json([load_target("nvidia-a100-sxm-80gb")])
    rates = {p.input.name: p.rate.value for e in load_target("nvidia-a100-sxm-80gb").engines for p in e.peaks if p.rate}
    assert (row["peak_ops_per_s"], row["peak_type"]) == max((rate, name) for name, rate in rates.items())
    assert (row["bandwidth_bytes_per_s"], row["capacity_bytes"], row["power_cap_w"]) == (2039e9, 80e9, 400)
