"""Why a figure is what it is, in the JSON of the contract."""

import json
import math

import pytest
from oracles.sample_analysis import analysis
from oracles.tiny import engine, level, study, target

from onnxroof.report.explanations import plan_explanation, sensitivity_document, target_explanation
from onnxroof.report.json import to_json
from onnxroof.study.result import Analysis

PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})


def answered(**chip: str):
    """64^3 at FLOAT: 524,288 ops over 49,152 B; on 1 TFLOP/s 0.524 us, over 10 GB/s 4.92 us."""
    levels = level("dram", "1 GB", "10 GB/s", "10 pJ/B"), level("sram", "16 MB", "", "0.001 pJ/B")
    return study(PRODUCT, target(MATRIX, *levels, **chip), fusion="none")


def written(*, has_sensitivity: bool = False, **chip: str):
    whole = Analysis(models=(answered(**chip),), has_sensitivity=has_sensitivity)
    return json.loads(to_json(whole))["models"][0]["targets"][0]


def test_a_group_has_its_regime_waterfall_ceilings_and_exit():
    group = written(launch_overhead="1 us")["plans"][0]["groups"][0]
    assert group["regime"]["time"] == "memory:dram"
    assert group["regime"]["energy"] == "memory:dram"
    assert group["regime"]["detached_by"] == "launch"
    assert math.fsum(group["waterfall_s"].values()) == pytest.approx(group["latency_s"])
    ceilings = group["ceilings_ops_per_s"]
    assert list(ceilings) == ["peak", "spatial", "memory", "overlap", "launch", "power"]
    assert ceilings["peak"] == pytest.approx(1e12)
    assert ceilings["memory"] == pytest.approx(524_288 / 4.9152e-6)
    assert ceilings["launch"] == pytest.approx(group["ops"] / group["latency_s"])
    assert ceilings["power"] is None
    # 4.9152 us over the 1 us of launch, which comes second
    assert group["exit"] == {"factor": pytest.approx(4.9152), "becomes": "launch"}


def test_a_plan_has_power_efficiency_per_area_and_levers():
    plan = written(area="10 mm2")["plans"][0]
    found = plan["efficiency"]
    assert plan["power_w"] == pytest.approx(plan["ops_per_s"] / plan["ops_per_j"])
    assert found["of_peak"] == pytest.approx(0.524288 / 4.9152)
    assert found["ops_per_s_per_mm2"] == pytest.approx(plan["ops_per_s"] / 10)
    assert plan["levers"][0]["term"] == "memory:dram"
    assert plan["levers"][0]["exit"] == {"factor": pytest.approx(9.375), "becomes": "compute:matrix"}


def test_area_and_cap_are_null_where_unknown():
    found = target_explanation(answered().targets[0])
    assert (found["area_mm2"], found["peak_ops_per_s_per_mm2"], found["power_cap_w"]) == (None, None, None)
    known = target_explanation(answered(area="10 mm2", power_cap="5 W").targets[0])
    assert known["area_mm2"] == pytest.approx(10)
    assert known["peak_ops_per_s_per_mm2"] == pytest.approx(1e11)
    assert known["power_cap_w"] == 5.0


def test_elasticities_are_there_where_asked_for_and_the_largest_first():
    assert "sensitivity" not in written()
    found = written(has_sensitivity=True)["sensitivity"]
    assert found[0]["key"] == "memory[dram].bandwidth"
    assert found[0]["latency"] == pytest.approx(-1.0)
    assert found == json.loads(json.dumps(sensitivity_document(answered().targets[0])))
    effects = [abs(one["latency"]) for one in found]
    assert effects == sorted(effects, reverse=True)


def test_what_is_unknown_is_null_or_empty():
    board = json.loads(to_json(analysis()))["models"][0]["targets"][1]["plans"][0]
    assert board["waterfall_s"] == {}
    assert board["regime"]["time"] == ""
    assert board["regime"]["roof_s"] is None
    assert board["efficiency"]["of_peak"] is None
    assert board["power_w"] is None


def test_a_plan_with_an_unknown_operator_has_no_levers():
    levels = level("dram", "1 GB", "10 GB/s", "10 pJ/B")
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] m> { m = Relu(x) y = my.domain.Foo(m) }"
    result = study(text, target(MATRIX, levels)).targets[0]
    plan = plan_explanation(result.best, result)
    assert plan["levers"] == []
    assert plan["detachment_s"] == {}
    assert plan["waterfall_s"] == {}


def test_a_target_has_ranges_of_plan_and_floor():
    found = written()["ranges"]
    assert list(found) == ["latency_s", "energy_j", "floor_latency_s", "floor_energy_j"]
    assert found["latency_s"] == pytest.approx([4.9152e-6, 4.9152e-6])  # all of it is a vendor's
    assert json.loads(to_json(analysis()))["models"][0]["targets"][0]["ranges"] is None
