"""Is `onnxroof count` faster than the tools that people count with today, on the same file, start to end?

The files are those that come with the onnx package and those of `models/`. A peer that cannot read a file (onnx-tool
asks for the weights) is named and has no figure.
"""

from pathlib import Path

import onnx
import pytest
from benchmarks.processes import costs_of, python, ratios

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx")) + sorted(
    (ROOT / "models").glob("*.onnx")
)

ONNX_TOOL = "import sys, onnx_tool; onnx_tool.model_profile(sys.argv[1])"
ONNXSIM = """
import sys, onnx
from onnxsim.model_info import ModelInfo
info = ModelInfo(onnx.load(sys.argv[1], load_external_data=False))
print(info.macs, info.flops, info.mem_access, info.model_size)
"""


@pytest.mark.parametrize("model", MODELS, ids=[path.stem for path in MODELS])
def test_count_is_faster_than_its_peers(model, tmp_path, capsys):
    costs = costs_of(
        {
            "onnxroof": python("-m", "onnxroof", "count", str(model)),
            "onnx-tool": python("-c", ONNX_TOOL, str(model)),
            "onnxsim": python("-c", ONNXSIM, str(model)),
        },
        tmp_path,
    )
    with capsys.disabled():
        print("\n" + ratios(model.stem, costs, "onnxroof"), end="")
    assert not costs["onnxroof"].failure
    slower = {name: cost.seconds for name, cost in costs.items() if name != "onnxroof" and not cost.failure}
    assert slower, "no peer reads this file"
    assert all(costs["onnxroof"].seconds < seconds for seconds in slower.values()), costs
