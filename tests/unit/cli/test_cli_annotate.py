"""`onnxroof annotate` on the command line."""

import json

import onnx
import pytest
from click.testing import CliRunner
from oracles.tiny import saved

from onnxroof.cli.annotate import annotate
from onnxroof.errors import ModelError, UsageError

TEXT = "g (float[N,64] x) => (float[N,32] y) <float[64,32] w> { m = MatMul(x, w) y = Relu(m) }"


@pytest.fixture
def model(tmp_path):
    return str(saved(tmp_path, TEXT))


def invoked(*arguments):
    return CliRunner().invoke(annotate, [str(argument) for argument in arguments], catch_exceptions=False)


def test_a_model_gets_metadata(model, tmp_path):
    result = invoked(model, "-o", tmp_path / "a.onnx", "-d", "N=8", "-t", "raspberry-pi-5")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 nodes annotated" in result.stderr
    copy = onnx.load(tmp_path / "a.onnx", load_external_data=False)
    found = {entry.key: entry.value for entry in copy.graph.node[0].metadata_props}
    assert found["onnxroof.macs"] == str(8 * 64 * 32)
    assert found["onnxroof.time_bound"].startswith(("memory:", "compute:", "launch"))
    assert float(found["onnxroof.group_latency_s"]) > 0
    of_model = {entry.key: entry.value for entry in copy.metadata_props}
    assert (of_model["onnxroof.dims"], of_model["onnxroof.target"]) == ("N=8", "raspberry-pi-5")


def test_node_data(model, tmp_path):
    output = tmp_path / "a.json"
    result = invoked(model, "-o", output, "-d", "N=8")
    # neither node has a name: numbers and outputs stand for them; 2 * 8 * 64 * 32 and 8 * 32 operations
    assert json.loads(output.read_text())["g"]["results"] == {
        "node": {"value": 32_768}, "m": {"value": 32_768}, "node_1": {"value": 256}, "y": {"value": 256},
    }  # fmt: skip
    assert "2 nodes without a name go by their first output" in result.stderr
    invoked(model, "-o", output, "-d", "N=8", "-t", "raspberry-pi-5")
    times = json.loads(output.read_text())["g"]["results"]
    assert times["m"]["value"] > 0
    invoked(model, "-o", output, "--value", "compute_type")
    assert json.loads(output.read_text())["g"]["results"]["m"] == {"value": "FLOAT"}


def test_all_faults_of_a_call_at_once(model, tmp_path):
    with pytest.raises(UsageError) as caught:
        invoked(model, "-o", tmp_path / "a.txt", "--value", "latency_s")
    assert [fault.message for fault in caught.value.diagnostics] == ["no such format", "this needs a target"]
    with pytest.raises(UsageError, match="every figure"):
        invoked(model, "-o", tmp_path / "a.onnx", "--value", "macs")


def test_a_bad_model_is_our_error(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        invoked(tmp_path / "absent.onnx", "-o", tmp_path / "a.json")
