"""The models that ship: small, without weights and stack traces, documented, and the networks that they claim to be."""

import math
import re
from pathlib import Path

import onnx
import pytest

FOLDER = Path(__file__).parents[2] / "models"
FILES = sorted(FOLDER.glob("*.onnx"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")

# Trained parameters of the published networks, batch normalization folded into the convolution before it (which turns
# its scale and shift into one bias) where the exporter does so:
PARAMETERS = {
    # 25,557,032 of the paper's network in torchvision, of which 53,120 scales and shifts become 26,560 biases
    "resnet50.onnx": 25_557_032 - 53_120 + 26_560,
    # 3,504,872, of which 34,112 scales and shifts become 17,056 biases
    "mobilenet_v2.onnx": 3_504_872 - 34_112 + 17_056,
    "vit_b_16.onnx": 86_567_656,
    "bert_base.onnx": 109_482_240,
    "gpt2.onnx": 124_439_808,
    "tinyllama_1b.onnx": 1_100_048_384,
    # 11,689,512, of which 9,600 scales and shifts become 4,800 biases
    "resnet18_int8_qdq.onnx": 11_689_512 - 9_600 + 4_800,
}


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes_of(inner)


def tensors_of(graph):
    yield from graph.initializer
    for node in nodes_of(graph):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_at_least_seven_models_of_both_exporters():
    assert {path.name for path in FILES} == set(PARAMETERS)
    assert "`dynamo=True`" in README and "`dynamo=False`" in README


def test_file_is_small(path):
    assert path.stat().st_size < 500_000


def test_no_payload_above_one_kib(path):
    model = onnx.load(path, load_external_data=False)
    for tensor in tensors_of(model.graph):
        payload = onnx.TensorProto()
        payload.CopyFrom(tensor)
        for field in ("dims", "data_type", "name", "doc_string", "external_data", "data_location", "metadata_props"):
            payload.ClearField(field)
        assert payload.ByteSize() <= 1024 + 3, tensor.name  # a tag and a length of two bytes


def test_no_stack_traces_and_no_paths_of_a_machine(path):
    model = onnx.load(path, load_external_data=False)
    for node in nodes_of(model.graph):
        assert not node.doc_string
        assert not [entry.key for entry in node.metadata_props if "stack_trace" in entry.key]
    assert b"site-packages" not in path.read_bytes()


def test_readme_lists_the_file_with_its_opset_licence_and_size(path):
    rows = [line for line in README.splitlines() if line.startswith(f"| `{path.name}` |")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    model = onnx.load(path, load_external_data=False)
    assert int(cells[4]) == next(o.version for o in model.opset_import if o.domain == "")
    assert re.search(r"Apache-2\.0|MIT|BSD", cells[5])
    assert cells[6] == f"{path.stat().st_size / 1000:.0f} kB"


def test_parameters_are_those_of_the_published_network(path):
    """Up to constants of the graph (shapes, scales, zero points), which are fewer than one in five hundred."""
    model = onnx.load(path, load_external_data=False)
    weights = sum(math.prod(t.dims) for t in model.graph.initializer)
    assert PARAMETERS[path.name] <= weights < PARAMETERS[path.name] * 1.002


def test_dynamic_dimensions_have_readable_names(path):
    model = onnx.load(path, load_external_data=False)
    names = {d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param}
    assert "batch" in names
    assert names <= {"batch", "sequence", "past_sequence", "past_sequence + sequence", "height", "width"}


def test_int8_model_has_int8_weights_per_channel():
    model = onnx.load(FOLDER / "resnet18_int8_qdq.onnx", load_external_data=False)
    weights = {t.name: t for t in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    makers = {node.output[0]: node for node in model.graph.node}
    assert len(convolutions) == 20  # 1 stem, 8 blocks of 2, 3 projections
    for node in convolutions:
        dequantize = makers[node.input[1]]
        assert dequantize.op_type == "DequantizeLinear"
        weight, scale = weights[dequantize.input[0]], weights[dequantize.input[1]]
        assert weight.data_type == onnx.TensorProto.INT8
        assert list(scale.dims) == [weight.dims[0]]
