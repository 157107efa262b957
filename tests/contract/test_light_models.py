"""Nine networks of the onnx package: MACs and parameters to the unit, and no weight is read.

The files hold their weights as shapes made by ConstantOfShape. The MACs are those of the published networks (ResNet-50
4.09 G, VGG-19 19.6 G, SqueezeNet 349 M ...), computed from these graphs by two tools that agree on convolutions and
products; the parameters are all elements of all weights, batch normalization's statistics included.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

MACS_AND_PARAMETERS = {
    "bvlc_alexnet": (654_560_384, 60_965_224),
    "densenet121": (2_834_161_664, 8_146_152),
    "inception_v1": (1_431_556_352, 6_998_552),
    "inception_v2": (2_018_851_840, 11_234_792),
    "resnet50": (4_089_184_256, 25_610_152),
    "shufflenet": (124_664_528, 1_420_152),
    "squeezenet": (349_151_936, 1_235_496),
    "vgg19": (19_632_062_464, 143_667_240),
    "zfnet512": (1_481_727_008, 87_250_536),
}


@pytest.fixture(scope="module")
def results() -> dict[str, ModelResult]:
    paths = [LIGHT / f"light_{name}.onnx" for name in MACS_AND_PARAMETERS]
    models = run_study(paths, ["raspberry-pi-5"]).models
    return {
        name: model for name, model in zip(MACS_AND_PARAMETERS, models, strict=True) if isinstance(model, ModelResult)
    }


@pytest.mark.parametrize("name", MACS_AND_PARAMETERS)
def test_macs_and_parameters_are_exact(results: dict[str, ModelResult], name: str) -> None:
    model = results[name]
    assert (model.totals.macs, model.parameter_count) == MACS_AND_PARAMETERS[name]
    assert model.parameter_bytes == 4 * model.parameter_count
    assert model.coverage == 1.0


def test_the_largest_layers_of_vgg_by_hand(results: dict[str, ModelResult]) -> None:
    # 64 x 3 x 9 taps on 224 x 224; 4096 x 25,088 of the first dense layer
    macs = [node.macs for node in results["vgg19"].nodes if node.macs]
    assert macs[0] == 64 * 27 * 224 * 224
    assert macs[-3:] == [25_088 * 4_096, 4_096 * 4_096, 4_096 * 1_000]


def test_the_peak_of_vgg_by_hand(results: dict[str, ModelResult]) -> None:
    # Two maps of 64 x 224 x 224 FLOAT: a convolution or activation of the first block with what it reads.
    assert results["vgg19"].peak_activation_bytes == 2 * 64 * 224 * 224 * 4


@pytest.mark.parametrize("name", MACS_AND_PARAMETERS)
def test_no_plan_is_below_the_floor(results: dict[str, ModelResult], name: str) -> None:
    (target,) = results[name].targets
    assert target.floor_latency_s is not None
    for plan in target.plans:
        assert plan.latency_s is not None
        assert 0 < target.floor_latency_s <= plan.latency_s
