"""Models whose weights are larger than protobuf, an index of 32 bits or the machine: their structure alone is read."""

import json
import math

import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

import onnxroof
from onnxroof.cli.annotate import annotate
from onnxroof.cli.strip import strip
from onnxroof.errors import ModelError
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load

WIDTH, INNER, LAYERS, ROWS = 16_384, 65_536, 8, 300_000
# Two matrices a layer of 2 bytes an element, 34.4 GB; a table of more elements than 2^31, 4.9 GB.
MATRICES = LAYERS * 2 * WIDTH * INNER
TABLE = ROWS * WIDTH


def external(name, *dims, dtype=TensorProto.FLOAT16):
    tensor = TensorProto(name=name, data_type=dtype, dims=dims, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


@pytest.fixture
def path(tmp_path):
    """A table of bytes, then products up and down; the data file that all weights are in does not exist."""
    weights = [external("table", ROWS, WIDTH, dtype=TensorProto.INT8)]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["taken"]),
        helper.make_node("Cast", ["taken"], ["h0"], to=TensorProto.FLOAT16),
    ]
    for layer in range(LAYERS):
        weights += [external(f"up{layer}", WIDTH, INNER), external(f"down{layer}", INNER, WIDTH)]
        nodes += [
            helper.make_node("MatMul", [f"h{layer}", f"up{layer}"], [f"u{layer}"]),
            helper.make_node("MatMul", [f"u{layer}", f"down{layer}"], [f"h{layer + 1}"]),
        ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])]
    outputs = [helper.make_tensor_value_info(f"h{LAYERS}", TensorProto.FLOAT16, ["tokens", WIDTH])]
    graph = helper.make_graph(nodes, "large", inputs, outputs, weights)
    found = tmp_path / "large.onnx"
    found.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString())
    return found


def test_counts_are_exact(path):
    (model,) = run_study([path], None, dims={"tokens": 3}).models
    assert model.totals.macs == 3 * MATRICES
    assert model.parameter_count == MATRICES + TABLE
    assert model.parameter_bytes == 2 * MATRICES + TABLE
    assert model.totals.weight_bytes == 2 * MATRICES + 3 * WIDTH  # of the table three rows are read
    assert model.coverage == 1.0
    assert not path.with_name("weights.bin").exists()


def test_formulas_are_exact(path):
    (model,) = run_study([path], None, formula=True).models
    formula = model.formulas.formulas["macs"]
    assert formula.polynomial([5]) == 5 * MATRICES


def test_whether_it_fits_is_known(path):
    (model,) = run_study([path], ["nvidia-h100-sxm", "nvidia-t4"], dims={"tokens": 3}).models
    large, small = model.targets
    # 34.4 GB of matrices and 4.9 GB of table against 80 and 16 GB
    assert (large.fits, small.fits) == (True, False)
    assert large.memory_needed_bytes >= 2 * MATRICES + TABLE
    assert large.floor_latency_s is not None


@pytest.mark.parametrize("command", [strip, annotate], ids=["strip", "annotate"])
def test_copies_are_small(path, command, tmp_path):
    (tmp_path / "weights.bin").touch()  # a copy may stay beside its weights
    output = tmp_path / "copy.onnx"
    result = CliRunner().invoke(command, [str(path), "-o", str(output)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert output.stat().st_size < 10 * path.stat().st_size
    assert {t.name: tuple(t.dims) for t in onnx.load(output, load_external_data=False).graph.initializer} == {
        t.name: tuple(t.dims) for t in onnx.load(path, load_external_data=False).graph.initializer
    }


def test_a_run_is_refused_before_anything_is_made_up(path):
    with pytest.raises(ModelError) as caught:
        load(path, dims={"tokens": 3}, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "M402"


def test_the_report_in_json_has_whole_numbers(path):
    found = json.loads(onnxroof.analyze(path, targets=["nvidia-h100-sxm"], dims={"tokens": 3}).to_json())
    totals = found["models"][0]["totals"]
    assert totals["macs"] == 3 * MATRICES
    assert isinstance(totals["macs"], int)


def test_weights_inside_of_a_file_of_more_than_2_gib_are_passed_over(tmp_path):
    """A sparse file: 3 GB that take no room, in a graph that protobuf could not parse."""
    size = 3_000_000_000
    big = TensorProto(name="w", data_type=TensorProto.INT8, dims=[50_000, 60_000])
    assert math.prod(big.dims) == size
    nodes = [helper.make_node("MatMulInteger", ["x", "w"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.INT8, [7, 50_000])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT32, [7, 60_000])]
    graph = helper.make_graph(nodes, "g", inputs, outputs).SerializeToString()
    rest = onnx.ModelProto(ir_version=10, opset_import=[helper.make_opsetid("", 21)]).SerializeToString()
    # graph (field 7 of a model) with one initializer more (field 5), whose raw_data (field 9) is a hole
    head = big.SerializeToString() + b"\x4a" + varint(size)
    tensor = b"\x2a" + varint(len(head) + size) + head
    path = tmp_path / "inside.onnx"
    with path.open("wb") as file:
        file.write(rest + b"\x3a" + varint(len(graph) + len(tensor) + size) + graph + tensor)
        file.truncate(file.tell() + size)
    assert path.stat().st_size > 2**31
    (model,) = run_study([path], None).models
    assert (model.totals.macs, model.parameter_bytes) == (7 * size, size)


def varint(value):
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
