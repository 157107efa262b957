"""The library as README.md shows it."""

import csv
import json
import sys
import types
from pathlib import Path

import pytest

import onnxroof
from onnxroof.study.result import Failure

MODEL = Path(__file__).resolve().parents[2] / "models" / "mobilenet_v2.onnx"


def test_a_workload_is_analysed_as_its_file_is():
    workload = onnxroof.load(MODEL, dims={"batch": 2})
    target = onnxroof.load_target("raspberry-pi-5")
    by_workload = onnxroof.analyze(workload, targets=[target])
    by_file = onnxroof.analyze(str(MODEL), targets=["raspberry-pi-5"], dims={"batch": 2})
    assert by_workload.to_json() == by_file.to_json()


def test_an_analysis_writes_itself():
    analysis = onnxroof.analyze(MODEL, targets=["raspberry-pi-5"], fusion="none")
    (model,) = json.loads(analysis.to_json())["models"]
    assert [plan["fusion"] for plan in model["targets"][0]["plans"]] == ["none"]
    assert analysis.to_html().startswith("<!DOCTYPE html>")
    assert "mobilenet_v2.onnx" in analysis._repr_html_()


def test_without_targets_the_shelf_of_eight_is_taken():
    analysis = onnxroof.analyze(MODEL)
    assert len(analysis.models[0].targets) == 8


def test_a_single_bad_model_raises_and_one_of_several_is_a_failure():
    with pytest.raises(onnxroof.OnnxroofError, match="no such file"):
        onnxroof.analyze("absent.onnx", targets=["raspberry-pi-5"])
    analysis = onnxroof.analyze(["absent.onnx", MODEL], targets=["raspberry-pi-5"])
    bad, good = analysis.models
    assert isinstance(bad, Failure)
    assert good.totals.macs > 0


def test_one_target_need_not_be_a_list():
    for target in ("raspberry-pi-5", onnxroof.load_target("raspberry-pi-5")):
        (model,) = onnxroof.analyze(MODEL, target, fusion="none").models
        assert [result.target.id for result in model.targets] == ["raspberry-pi-5"]


def test_no_targets_are_no_shelf():
    analysis = onnxroof.analyze(MODEL, [])
    assert analysis.models[0].targets == ()
    assert json.loads(analysis.to_json())["models"][0]["targets"] == []


def test_options_reach_the_study():
    # A TPU has no FLOAT: the model is taken as if in BFLOAT16. Without TF32 a GPU contracts more slowly.
    analysis = onnxroof.analyze(MODEL, "google-tpu-v4", objective="energy", dims={"batch": 64})
    assert analysis.objective == "energy"
    assert analysis.models[0].targets[0].best.assumed_precision == "BFLOAT16"
    fast, slow = (
        onnxroof.analyze(MODEL, "nvidia-h100-sxm", dims={"batch": 64}, tf32=tf32).models[0].targets[0].peak_ops_per_s
        for tf32 in (True, False)
    )
    assert fast > slow


def test_dimensions_of_a_workload_are_settled():
    workload = onnxroof.load(MODEL, dims={"batch": 2})
    with pytest.raises(onnxroof.OnnxroofError, match="was loaded with batch=2"):
        onnxroof.analyze(workload, "raspberry-pi-5", dims={"batch": 3})


def test_a_data_frame_is_made_of_the_rows_of_the_csv(monkeypatch):
    """pandas is an extra: here a stand-in takes what it would be given."""
    taken = {}

    def read_csv(stream, **options):
        taken["rows"] = list(csv.DictReader(stream))
        return "frame"

    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(read_csv=read_csv))
    analysis = onnxroof.analyze(MODEL, "raspberry-pi-5", fusion="none")
    assert analysis.to_dataframe() == "frame"
    nodes = json.loads(analysis.to_json())["models"][0]["nodes"]
    assert [row["node"] for row in taken["rows"]] == [node["name"] for node in nodes]


def test_a_model_is_read_as_if_exported_in_another_precision():
    targets = ["ethos-u85-1024"]
    (whole,) = onnxroof.analyze(MODEL, targets, precision="int8").models
    (plain,) = onnxroof.analyze(MODEL, targets).models
    # an integer-only chip runs the model in the type that was asked for, not in its widest
    assert plain.targets[0].best.assumed_precision == "INT16"
    assert (whole.precision, whole.targets[0].best.assumed_precision) == ("int8", None)
    assert whole.targets[0].best.latency_s < plain.targets[0].best.latency_s
    assert whole.totals.macs == plain.totals.macs
