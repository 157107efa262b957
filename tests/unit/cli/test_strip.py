"""`onnxroof strip` on the command line."""

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from onnxroof.cli.strip import strip
from onnxroof.errors import ModelError


@pytest.fixture
def path(tmp_path):
    weight = numpy_helper.from_array(np.ones((512, 512), np.float32), "w")  # 1 MiB
    node = helper.make_node("MatMul", ["x", "w"], ["y"], doc_string="File a.py")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g", [value("x", TensorProto.FLOAT, ["n", 512])], [value("y", TensorProto.FLOAT, ["n", 512])], [weight]
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path)
    return path


def test_sizes_go_to_stderr_and_the_copy_to_the_file(path, tmp_path):
    output = tmp_path / "stripped.onnx"
    result = CliRunner().invoke(strip, [str(path), "-o", str(output)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"{path.stat().st_size:,} bytes" in result.stderr
    assert f"{output.stat().st_size:,} bytes" in result.stderr
    assert output.stat().st_size < 1000
    assert not onnx.load(output, load_external_data=False).graph.node[0].doc_string


def test_stack_traces_stay_when_told(path, tmp_path):
    output = tmp_path / "stripped.onnx"
    CliRunner().invoke(strip, [str(path), "-o", str(output), "--keep-stack-traces"], catch_exceptions=False)
    assert onnx.load(output, load_external_data=False).graph.node[0].doc_string == "File a.py"


def test_output_is_required(path):
    result = CliRunner().invoke(strip, [str(path)])
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_bad_model_is_left_to_the_caller_as_our_error(tmp_path):
    result = CliRunner().invoke(strip, [str(tmp_path / "absent.onnx"), "-o", str(tmp_path / "out.onnx")])
    assert isinstance(result.exception, ModelError)
    assert not (tmp_path / "out.onnx").exists()
