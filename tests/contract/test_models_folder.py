"""The models that ship: small, without weights and stack traces, documented, and the networks that they claim to be."""

import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from oracles import paper_tables

from onnxroof.study.analyze import run_study

FOLDER = Path(__file__).parents[2] / "models"
FILES = sorted(FOLDER.glob("*.onnx"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")

EXPORTERS = sorted((Path(__file__).parents[1] / "data/exporters").glob("*.onnx"))

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
    "bert_base_fused.onnx": 109_482_240,
    # 5,288,548, of which 42,016 scales and shifts become 21,008 biases, and 8,960 more scales after depthwise ones
    "efficientnet_b0.onnx": 5_288_548 - 42_016 + 21_008 + 8_960,
    # 5,483,032, and means and variances of 12,200 normalized channels, which stay
    "mobilenet_v3_large.onnx": 5_483_032 + 2 * 12_200,
    # 3,440,060, of which 32,944 scales and shifts become 16,472 biases
    "ssdlite320.onnx": 3_440_060 - 32_944 + 16_472,
    "stable_diffusion_unet.onnx": 859_520_964,
    "llama3_8b.onnx": 8_030_261_248,
    # In bytes where they are in 4 bits, which the 128,256 x 4096 of the embedding and 65 norms of 4096 are not;
    # a scale for 32 of the others; and a sine and a cosine for 64 angles at 8192 places
    "llama3_8b_int4.onnx": 128_256 * 4096
    + 65 * 4096
    + (8_030_261_248 - 128_256 * 4096 - 65 * 4096) * (16 + 1) // 32
    + 2 * 8192 * 64,
    "olmoe_1b_7b.onnx": 6_919_161_856,
    # "66 million": embedding, two layers of four gates with two biases each, and the head
    "lstm_words.onnx": 10_000 * 1500 + 2 * (4 * 1500 * 3000 + 8 * 1500) + 1500 * 10_000 + 10_000,
    # 72,593,920 of both: 20,590,592 of the encoder and the keys and values of six layers, of which values have a bias
    "whisper_base_encoder.onnx": 20_590_592 + 6 * (2 * 512**2 + 512),
    "whisper_base_decoder.onnx": 72_593_920 - 20_590_592 - 6 * (2 * 512**2 + 512),
    "random_forest.onnx": 0,  # the trees are attributes
}

LLAMA3_8B = {"vocabulary": 128_256, "width": 4096, "inner": 14_336, "layers": 32, "heads": 32, "kv_heads": 8}
ONE = {"batch": 1, "sequence": 1, "past_sequence": 2047}

# Dimensions, and the multiply-accumulates of one image, sound or token that the tables of the papers add up to.
MACS = {
    "efficientnet_b0.onnx": ({}, paper_tables.efficientnet_b0()),
    "mobilenet_v3_large.onnx": ({}, paper_tables.mobilenet_v3_large()),
    "ssdlite320.onnx": ({}, paper_tables.ssdlite320()),
    "stable_diffusion_unet.onnx": ({"batch": 1}, paper_tables.stable_diffusion_unet()),
    "llama3_8b.onnx": (ONE, paper_tables.llama(1, 2047, **LLAMA3_8B)),
    "llama3_8b_int4.onnx": (ONE, paper_tables.llama(1, 2047, **LLAMA3_8B)),
    "olmoe_1b_7b.onnx": (ONE, paper_tables.olmoe(1, 2047)),
    "lstm_words.onnx": ({"batch": 2, "sequence": 35}, paper_tables.lstm_words(2 * 35)),
    "whisper_base_encoder.onnx": ({"batch": 1}, paper_tables.whisper_base_encoder()),
    "whisper_base_decoder.onnx": (
        {"batch": 1, "sequence": 4, "past_sequence": 60},
        paper_tables.whisper_base_decoder(4, 60),
    ),
    "random_forest.onnx": ({}, 0),  # comparisons are not multiplications
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


def test_the_models_are_these_and_many_exporters_wrote_them():
    assert {path.name for path in FILES} == set(PARAMETERS)
    for exporter in (
        "`dynamo=True`",
        "`dynamo=False`",
        "tf2onnx",
        "paddle2onnx",
        "skl2onnx",
        "`optimize_model`",
        "`quantize_static`",
    ):
        assert exporter in README


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in FILES) < 5_000_000


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
    assert PARAMETERS[path.name] <= weights <= PARAMETERS[path.name] * 1.002


def test_a_forest_is_its_nodes_and_leaves():
    (model,) = run_study([FOLDER / "random_forest.onnx"], None, dims={"features.0": 1_000_000}).models
    # 4332 nodes with a feature, a threshold and two children; 22160 weights of leaves, each for a class; all of 4 bytes
    assert model.parameter_count == 4332 * 4 + 22_160 * 2
    assert model.totals.weight_bytes == 4 * model.parameter_count  # so many rows come by everything


@pytest.mark.parametrize("name", MACS)
def test_macs_are_those_of_the_paper(name):
    dims, macs = MACS[name]
    (model,) = run_study([FOLDER / name], None, dims=dims).models
    assert model.totals.macs == macs


def test_fusion_and_quantization_leave_the_macs_as_they_are():
    dims = {"batch": 2, "sequence": 48}
    plain, fused = run_study([FOLDER / "bert_base.onnx", FOLDER / "bert_base_fused.onnx"], None, dims=dims).models
    # 12 layers on 96 tokens: 4 projections of 768, both products of attention (48 x 48 x 768 for each of 2), an MLP of
    # 3072; and the pooler's 768 x 768 for each of 2
    tokens = 2 * 48
    layer = 4 * tokens * 768**2 + 2 * tokens * 48 * 768 + 2 * tokens * 768 * 3072
    assert plain.totals.macs == fused.totals.macs == 12 * layer + 2 * 768**2


def test_every_operator_is_counted(path):
    (model,) = run_study([path], None).models
    assert model.coverage == 1.0
    assert model.not_modelled == ()


def test_no_input_is_idle(path):
    """Tensors that are one object at export become one input, and the others are read by nobody."""
    model = onnx.load(path, load_external_data=False)
    used = {name for node in nodes_of(model.graph) for name in node.input}
    weights = {t.name for t in model.graph.initializer}
    assert {v.name for v in model.graph.input} - weights <= used
    caches = [v.name for v in model.graph.input if re.match(r"past_key_values\.|sound\.", v.name)]
    readers = Counter(name for node in model.graph.node for name in set(node.input) if node.op_type != "Shape")
    assert all(readers[name] == 1 for name in caches)


READABLE = {"batch", "sequence", "past_sequence", "past_sequence + sequence", "height", "width"}
# tf2onnx and paddle2onnx number the dimensions, skl2onnx leaves them out
UNNAMED = {"efficientnet_b0.onnx", "mobilenet_v3_large.onnx", "random_forest.onnx"}


def test_dynamic_dimensions_have_readable_names(path):
    model = onnx.load(path, load_external_data=False)
    names = {d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param}
    if path.name in UNNAMED:
        assert not names & READABLE
    elif path.name != "ssdlite320.onnx":  # one image of one size
        assert "batch" in names
        assert names <= READABLE


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


def layers_of(model):
    """For each attention operator what follows up to the next one: operators, names of attributes, inputs given."""
    steps = [
        (node.domain, node.op_type, {a.name for a in node.attribute}, [bool(name) for name in node.input])
        for node in model.graph.node
    ]
    starts = [i for i, step in enumerate(steps) if step[1] == "GroupQueryAttention"]
    return [steps[first:after] for first, after in pairwise(starts)]


def test_int4_model_is_laid_out_as_the_model_builder_does():
    (written,) = (path for path in EXPORTERS if path.stem == "genai__llama_2l_int4_cpu")
    (layer,) = layers_of(onnx.load(written, load_external_data=False))
    ours = layers_of(onnx.load(FOLDER / "llama3_8b_int4.onnx", load_external_data=False))
    assert len(ours) == 31
    assert all(other == layer for other in ours)


def test_fused_model_has_the_runtimes_operators():
    model = onnx.load(FOLDER / "bert_base_fused.onnx", load_external_data=False)
    fused = Counter(node.op_type for node in model.graph.node if node.domain == "com.microsoft")
    # 12 layers; each is normalized after its attention and after its MLP
    assert fused == {"Attention": 12, "SkipLayerNormalization": 24, "BiasGelu": 12, "EmbedLayerNormalization": 1}


def test_detector_suppresses_boxes():
    (model,) = run_study([FOLDER / "ssdlite320.onnx"], None).models
    (suppression,) = (node for node in model.nodes if node.op_type == "NonMaxSuppression")
    assert suppression.vector_ops > 0
