"""Searches for a text: runs of the decoder, caches at their mean length, results against a run of ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from onnxroof.costs.table import cost_table
from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from onnxroof.ir.op import OpKind

I32, F = TensorProto.INT32, TensorProto.FLOAT
VOCABULARY, HEADS, WIDTH = 11, 2, 4
HIDDEN = HEADS * WIDTH


def weight(name, *shape):
    values = np.random.default_rng(len(name)).standard_normal(shape).astype(np.float32)
    return onnx.numpy_helper.from_array(values, name)


def decoder():
    """One layer: embedding, attention with a cache, logits."""
    inputs = [
        helper.make_tensor_value_info("input_ids", I32, ["rows", "tokens"]),
        helper.make_tensor_value_info("position_ids", I32, ["rows", "tokens"]),
        helper.make_tensor_value_info("attention_mask", I32, ["rows", "all"]),
        helper.make_tensor_value_info("past_0", F, [2, "rows", HEADS, "past", WIDTH]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", F, ["rows", "tokens", VOCABULARY]),
        helper.make_tensor_value_info("present_0", F, [2, "rows", HEADS, "all", WIDTH]),
    ]
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["word"]),
        helper.make_node("Gather", ["places", "position_ids"], ["place"]),
        helper.make_node("Add", ["word", "place"], ["x"]),
        helper.make_node(
            "Attention", ["x", "qkv", "bias", "attention_mask", "past_0"], ["y", "present_0"], "attention",
            domain="com.microsoft", num_heads=HEADS, unidirectional=1,
        ),
        helper.make_node("MatMul", ["y", "head"], ["logits"], "head"),
    ]  # fmt: skip
    weights = [
        weight("words", VOCABULARY, HIDDEN), weight("places", 32, HIDDEN), weight("qkv", HIDDEN, 3 * HIDDEN),
        weight("bias", 3 * HIDDEN), weight("head", HIDDEN, VOCABULARY),
    ]  # fmt: skip
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights)


def model(op_type, folder, inputs, outputs, **attributes):
    """`inputs` are scalars by name, None for one that the model takes from outside."""
    scalars = [
        onnx.numpy_helper.from_array(np.array([v], np.float32 if isinstance(v, float) else np.int32), n)
        for n, v in inputs.items()
        if v is not None
    ]
    given = [helper.make_tensor_value_info(n, I32, [1]) for n, v in inputs.items() if v is None]
    node = helper.make_node(
        op_type, ["ids", *inputs], list(outputs), "search", domain="com.microsoft", eos_token_id=VOCABULARY + 5,
        pad_token_id=0, decoder=decoder(), **attributes,
    )  # fmt: skip
    ids = helper.make_tensor_value_info("ids", I32, ["batch", "length"])
    results = [helper.make_tensor_value_info(name, dtype, None) for name, dtype in outputs.items()]
    graph = helper.make_graph([node], "g", [ids, *given], results, scalars)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def lowered(path, **dims):
    return load_workload(path, dims, lambda _ops, _tensors: 0.0)


def macs_by_scope(workload):
    found = {}
    table = cost_table(workload)
    for op in workload.ops:
        cost = table.by_name[op.name]
        if cost.work is not None and cost.work.macs:
            found.setdefault(op.scope, []).append((cost.work.macs, op.repeat))
    return found


def layer_macs(rows, tokens, past):
    """Projections, attention, logits."""
    keys = past + tokens
    projections = rows * tokens * HIDDEN * 3 * HIDDEN
    return [projections + rows * HEADS * tokens * keys * 2 * WIDTH, rows * tokens * HIDDEN * VOCABULARY]


def test_a_greedy_search_runs_the_prompt_and_then_one_token_at_a_time(tmp_path):
    path = model("GreedySearch", tmp_path, {"max_length": 9}, {"sequences": I32})
    workload = lowered(path, batch=2, length=4)
    # 9 - 4 tokens: the prompt gives the first, 4 steps the others, with 4, 5, 6 and 7 tokens before: 5.5 on average
    assert macs_by_scope(workload) == {
        "search/prompt": [(macs, 1) for macs in layer_macs(2, 4, 0)],
        "search/step": [(macs, 4) for macs in layer_macs(2, 1, 5)],
    }
    assert {d.name: (d.value, d.source) for d in workload.dims}["search.trips"] == (5, "model")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (sequences,) = session.run(None, {"ids": np.array([[1, 2, 3, 4], [4, 3, 2, 1]], np.int32)})
    assert workload.tensors["sequences"].shape == sequences.shape == (2, 9)


def test_beams_are_rows_of_the_decoder(tmp_path):
    scalars = {"max_length": 7, "min_length": 1, "num_beams": 3, "num_return_sequences": 2}
    scalars |= {"length_penalty": 1.0, "repetition_penalty": 1.0}
    outputs = {"sequences": I32, "sequences_scores": F, "scores": F}
    path = model("BeamSearch", tmp_path, scalars, outputs)
    workload = lowered(path, batch=2, length=4)
    assert macs_by_scope(workload) == {
        "search/prompt": [(macs, 1) for macs in layer_macs(6, 4, 0)],
        "search/step": [(macs, 2) for macs in layer_macs(6, 1, 4)],
    }
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"ids": np.array([[1, 2, 3, 4], [4, 3, 2, 1]], np.int32)})
    for name, value in zip(outputs, found, strict=True):
        assert workload.tensors[name].shape == value.shape, name


def test_how_many_tokens_are_generated_is_a_named_dimension(tmp_path):
    path = model("Sampling", tmp_path, {"max_length": None}, {"sequences": I32}, top_p=0.9)
    one = lowered(path, batch=1, length=4)
    assert {d.name: (d.value, d.source) for d in one.dims}["search.trips"] == (1, "default")
    assert set(macs_by_scope(one)) == {"search/prompt"}
    many = lowered(path, batch=1, length=4, **{"search.trips": 21})
    assert macs_by_scope(many)["search/step"] == [(macs, 20) for macs in layer_macs(1, 1, 4 + 19 // 2)]
    assert many.tensors["sequences"].shape == (1, 25)
    assert any("choice among its logits" in note for note in many.notes)
    (search,) = [op for op in many.ops if op.op_type == "Sampling" and op.name == "search"]
    assert search.disposition is OpKind.VIEW


def test_a_prompt_may_have_a_decoder_of_its_own(tmp_path):
    path = model("GreedySearch", tmp_path, {"max_length": 9}, {"sequences": I32}, init_decoder=decoder())
    assert macs_by_scope(lowered(path, batch=2, length=4)) == {
        "search/prompt": [(macs, 1) for macs in layer_macs(2, 4, 0)],
        "search/step": [(macs, 4) for macs in layer_macs(2, 1, 5)],
    }


def encoder(length):
    """Returns logits and the two caches that a decoder starts from: its own and that of a cross attention."""
    inputs = [
        helper.make_tensor_value_info("source", F, ["batch", 3, "frames"]),
        helper.make_tensor_value_info("decoder_ids", I32, ["batch", "first"]),
    ]
    caches = {"own": 1, "cross": length}
    outputs = [
        helper.make_tensor_value_info("logits", F, None),
        *(helper.make_tensor_value_info(name, F, ["batch", HEADS, size, WIDTH]) for name, size in caches.items()),
    ]
    nodes = [
        helper.make_node("Conv", ["source", "filters"], ["seen"], "conv"),
        helper.make_node("Transpose", ["seen"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["turned", "split"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["cross"], perm=[0, 2, 1, 3]),
        helper.make_node("Slice", ["cross", "zero", "one", "two"], ["own"]),
        helper.make_node("ReduceMean", ["turned"], ["logits"], axes=[2]),
    ]
    weights = [
        weight("filters", HIDDEN, 3, 1),
        onnx.numpy_helper.from_array(np.array([0, 0, HEADS, WIDTH]), "split"),
        *(onnx.numpy_helper.from_array(np.array([v]), n) for n, v in (("zero", 0), ("one", 1), ("two", 2))),
    ]
    return helper.make_graph(nodes, "encoder", inputs, outputs, weights)


def cross_decoder():
    inputs = [
        helper.make_tensor_value_info("input_ids", I32, ["rows", 1]),
        helper.make_tensor_value_info("past_own", F, ["rows", HEADS, "past", WIDTH]),
        helper.make_tensor_value_info("past_cross", F, ["rows", HEADS, "frames", WIDTH]),
    ]
    outputs = [helper.make_tensor_value_info("logits", F, ["rows", 1, VOCABULARY])]
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["x"]),
        helper.make_node(
            "MultiHeadAttention", ["x", "x", "x", "", "", "", "past_own", "past_own"], ["y", "k", "v"], "own",
            domain="com.microsoft", num_heads=HEADS,
        ),
        helper.make_node(
            "MultiHeadAttention", ["y", "past_cross", "past_cross"], ["z"], "cross", domain="com.microsoft",
            num_heads=HEADS,
        ),
        helper.make_node("MatMul", ["z", "head"], ["logits"], "head"),
    ]  # fmt: skip
    weights = [weight("words", VOCABULARY, HIDDEN), weight("head", HIDDEN, VOCABULARY)]
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights)


def test_an_encoder_runs_once_and_its_cache_is_read_by_each_step(tmp_path):
    scalars = {"max_length": 8, "min_length": 1, "num_beams": 3, "num_return_sequences": 1}
    node = helper.make_node(
        "WhisperBeamSearch", ["source", *scalars], ["sequences"], "search", domain="com.microsoft", eos_token_id=3,
        pad_token_id=0, encoder=encoder(10), decoder=cross_decoder(),
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("source", F, [2, 3, 10])],
        [helper.make_tensor_value_info("sequences", I32, None)],
        [onnx.numpy_helper.from_array(np.array([v], np.int32), n) for n, v in scalars.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    workload = lowered(path)
    # 8 - 1 steps of 2 x 3 rows, from 1 token on: 1 to 7 before each, 4 on average; 10 keys of the cross attention
    own, cross = 6 * HEADS * (4 + 1) * 2 * WIDTH, 6 * HEADS * 10 * 2 * WIDTH
    assert macs_by_scope(workload) == {
        "search/encoder": [(2 * 10 * HIDDEN * 3, 1)],
        "search/step": [(own, 7), (cross, 7), (6 * HIDDEN * VOCABULARY, 7)],
    }
    assert workload.tensors["sequences"].shape == (2, 1, 8)


def test_a_search_without_a_decoder_is_an_error(tmp_path):
    node = helper.make_node("GreedySearch", ["ids"], ["sequences"], "search", domain="com.microsoft")
    ids = helper.make_tensor_value_info("ids", I32, [1, 4])
    graph = helper.make_graph([node], "g", [ids], [helper.make_tensor_value_info("sequences", I32, None)])
    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("com.microsoft", 1)]).SerializeToString()
    )
    with pytest.raises(ModelError, match="no graph `decoder`"):
        lowered(path)
