"""Elasticities to a model's own dimensions and to fusion, by hand and against studies of their own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from oracles.tiny import engine, level, saved, target

from onnxroof.roofline.result import TargetResult
from onnxroof.roofline.sensitivity import FUSION, Elasticity
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target

LINEAR = "g (float[N,64] x) => (float[N,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"
FLOAT = {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}
ENGINES = (engine("matrix", "mac", FLOAT), engine("vector", "vector", FLOAT))
WHERE = target(
    *ENGINES, level("dram", "1 GB", "10 GB/s", "100 pJ/B"), level("sram", "1 MB", "", "1 pJ/B", rest="keeps = []")
)


def studied(path: Path, where: Target = WHERE, **options: object) -> TargetResult:
    (entry,) = run_study([path], [where], sensitivity=True, **options).models  # type: ignore[arg-type]
    assert isinstance(entry, ModelResult), entry
    return entry.targets[0]


def found(result: TargetResult) -> dict[str, Elasticity]:
    return {one.key: one for one in result.sensitivity}


def test_c39_twice_the_batch_moves_twice_the_activations_and_the_weights_once(tmp_path: Path) -> None:
    # dram binds: N = 64 moves (64 x 64 + 64 x 64 + 64 x 64) x 4 B = 49,152 B, N = 128 16,384 more for each of x and y.
    path = saved(tmp_path, LINEAR)
    one = found(studied(path, dims={"N": 64}))["model.N"]
    assert one.twice_latency == pytest.approx(81_920 / 49_152)
    assert one.latency == pytest.approx(math.log2(81_920 / 49_152))
    before, after = (studied(path, dims={"N": n}).best for n in (64, 128))
    assert one.twice_energy == pytest.approx((after.energy_j or 0) / (before.energy_j or 1))
    assert one.change == "twice"


def test_c39_what_fusion_is_worth(tmp_path: Path) -> None:
    # Fused 49,152 B; apart m is written and read once more: 81,920 B.
    result = studied(saved(tmp_path, LINEAR), dims={"N": 64})
    one = found(result)[FUSION]
    assert (one.latency, one.energy, one.change) == (None, None, "without")
    assert one.twice_latency == pytest.approx(81_920 / 49_152)
    assert one.twice_energy == pytest.approx((result.plan("none").energy_j or 0) / (result.best.energy_j or 1))
    # Also where a policy was asked for, and no plan without fusion made.
    asked = studied(saved(tmp_path, LINEAR), dims={"N": 64}, fusion="epilogue")
    assert found(asked)[FUSION].twice_latency == pytest.approx(81_920 / 49_152)
    assert FUSION not in found(studied(saved(tmp_path, LINEAR), fusion="none"))


def test_a_dimension_that_is_tied_to_a_given_one_has_no_elasticity(tmp_path: Path) -> None:
    text = "g (float[N,64] x, float[M,64] z) => (float[N,64] y) { y = Add(x, z) }"
    keys = found(studied(saved(tmp_path, text), dims={"N": 64, "M": 64}))
    assert not {"model.N", "model.M"} & set(keys)


def test_a_model_that_cannot_be_read_again_has_fusion_alone(tmp_path: Path) -> None:
    loaded = load(saved(tmp_path, LINEAR), dims={"N": 64})
    (entry,) = run_study([loaded], [WHERE], sensitivity=True).models
    assert isinstance(entry, ModelResult)
    keys = found(entry.targets[0])
    assert "model.N" not in keys
    assert FUSION in keys
