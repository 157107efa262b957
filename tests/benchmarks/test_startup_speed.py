"""How long does `onnxroof --help` take? The budget is 150 ms on one core; an empty interpreter is the yardstick."""

import pytest
from benchmarks.processes import costs_of, python, ratios

pytestmark = pytest.mark.benchmark

HELP_SECONDS = 0.150


def test_help_answers_at_once(tmp_path, capsys):
    costs = costs_of(
        {
            "onnxroof --help": python("-m", "onnxroof", "--help"),
            "an empty interpreter": python("-c", "pass"),
            "import onnx": python("-c", "import onnx"),
        },
        tmp_path,
        rounds=11,
    )
    with capsys.disabled():
        print("\n" + ratios("onnxroof --help", costs, "onnxroof --help"))
    assert not costs["onnxroof --help"].failure
    assert costs["onnxroof --help"].seconds < HELP_SECONDS
