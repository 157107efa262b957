"""A copy of a model with metadata: the same to a runtime, its weights byte by byte."""

import itertools
import os
import resource

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxroof.errors import ModelError, UsageError
from onnxroof.frontend.annotate import annotate_model, graph_names

VALUE = helper.make_tensor_value_info


def model(*, name="m", typed=False):
    generator = np.random.default_rng(3)
    array = generator.standard_normal((64, 32)).astype(np.float32)
    weight = (
        helper.make_tensor("w", TensorProto.FLOAT, [64, 32], array) if typed else numpy_helper.from_array(array, "w")
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Constant", [], ["c"], "c", value=numpy_helper.from_array(np.ones(32, np.float32), "t")),
        helper.make_node("Add", ["r", "c"], ["y"], "a", doc_string="words"),
    ]
    nodes[3].metadata_props.add(key="pkg.torch.name", value="kept")
    nodes[3].metadata_props.add(key="onnxroof.macs", value="of an earlier run")
    graph = helper.make_graph(
        nodes, "main", [VALUE("x", TensorProto.FLOAT, ["n", 64])], [VALUE("y", TensorProto.FLOAT, ["n", 32])], [weight]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(made, {"author": "kept", "onnxroof.dims": "of an earlier run"})
    return made


def ran(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.arange(192, dtype=np.float32).reshape(3, 64)})[0]


NODES = {0: {"onnxroof.macs": "2048", "onnxroof.kind": "compute"}, 3: {"onnxroof.macs": "0"}}


@pytest.mark.parametrize("typed", [False, True])
def test_the_copy_is_the_model_with_metadata(typed, tmp_path):
    path, output = tmp_path / "m.onnx", tmp_path / "out" / "annotated.onnx"
    output.parent.mkdir()
    onnx.save(model(typed=typed), path)
    annotate_model(path, output, {"onnxroof.dims": "n=1"}, NODES, prefix="onnxroof.")
    onnx.checker.check_model(str(output), full_check=True)
    copy, before = onnx.load(output), onnx.load(path)
    assert [{e.key: e.value for e in node.metadata_props} for node in copy.graph.node] == [
        NODES[0], {}, {}, {"pkg.torch.name": "kept", "onnxroof.macs": "0"},
    ]  # fmt: skip
    assert {e.key: e.value for e in copy.metadata_props} == {"author": "kept", "onnxroof.dims": "n=1"}
    # without what was added it is the same message
    for proto in (copy, before):
        del proto.metadata_props[:]
        for node in proto.graph.node:
            del node.metadata_props[:]
    assert copy == before
    assert np.array_equal(ran(output), ran(path))


def test_annotating_twice_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{i}.onnx" for i in range(3)]
    onnx.save(model(), paths[0])
    for source, output in itertools.pairwise(paths):
        annotate_model(source, output, {"onnxroof.dims": "n=1"}, NODES, prefix="onnxroof.")
    assert paths[1].read_bytes() == paths[2].read_bytes()


def test_bodies_of_control_flow_are_copied(tmp_path):
    text = """<ir_version: 10, opset_import: ["": 21]> g (float[3, 64] x, bool c) => (float[3, 64] y) {
        y = If (c) <then_branch = t () => (float[3, 64] a) { a = Relu(x) }, else_branch = e () => (float[3, 64] b) {
        b = Neg(x) }> }"""
    path, output = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    annotate_model(path, output, {}, {0: {"onnxroof.ops": "192"}}, prefix="onnxroof.")
    onnx.checker.check_model(str(output), full_check=True)
    (node,) = onnx.load(output).graph.node
    assert [len(attribute.g.node) for attribute in node.attribute] == [1, 1]
    assert [entry.value for entry in node.metadata_props] == ["192"]


def test_weights_beside_the_model_are_found_by_a_copy_beside_it_alone(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model(), path, save_as_external_data=True, location="m.data", size_threshold=0)
    beside, elsewhere = tmp_path / "copy.onnx", tmp_path / "other" / "copy.onnx"
    annotate_model(path, beside, {}, NODES, prefix="onnxroof.")
    assert np.array_equal(ran(beside), ran(path))
    elsewhere.parent.mkdir()
    with pytest.raises(UsageError, match=r"m\.data"):
        annotate_model(path, elsewhere, {}, NODES, prefix="onnxroof.")
    assert not list(elsewhere.parent.iterdir())
    # a model whose weights are not there has none to lose
    (tmp_path / "m.data").unlink()
    annotate_model(path, elsewhere, {}, NODES, prefix="onnxroof.")
    assert len(onnx.load(elsewhere, load_external_data=False).graph.node[0].metadata_props) == 2


def test_the_model_itself_is_not_overwritten(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model(), path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="overwrite"):
        annotate_model(path, path, {}, NODES, prefix="onnxroof.")
    assert path.read_bytes() == before


def test_a_damaged_model_leaves_an_older_copy_whole(tmp_path):
    path, output = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(model(), path)
    path.write_bytes(path.read_bytes()[:-9])
    output.write_bytes(b"older")
    with pytest.raises(ModelError, match="truncated"):
        annotate_model(path, output, {}, NODES, prefix="onnxroof.")
    assert output.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_does_not_exist_is_said(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model(), path)
    with pytest.raises(UsageError, match="cannot be written"):
        annotate_model(path, tmp_path / "absent" / "o.onnx", {}, NODES, prefix="onnxroof.")


def test_names_of_nodes_and_first_outputs(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model(), path)
    found = graph_names(path)
    assert (found.graph, found.nodes) == ("main", (("m", "h"), ("", "r"), ("c", "c"), ("a", "y")))
    assert found.are_named_inside


@pytest.mark.parametrize(("names", "are_named"), [(("p", "q"), True), (("", "q"), False), (("p", "p"), False)])
def test_names_inside_of_bodies(names, are_named, tmp_path):
    body = onnx.parser.parse_graph("b () => (float[2] r) { q = Neg(x) r = Neg(q) }")
    for node, name in zip(body.node, names, strict=True):
        node.name = name
    branch = helper.make_node("If", ["c"], ["y"], "i", then_branch=body, else_branch=body)
    inputs = [VALUE("c", TensorProto.BOOL, []), VALUE("x", TensorProto.FLOAT, [2])]
    graph = helper.make_graph([branch], "main", inputs, [VALUE("y", TensorProto.FLOAT, [2])])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path)
    assert graph_names(path).are_named_inside == are_named


def test_a_large_file_is_copied_without_holding_its_weights(tmp_path):
    # a sparse file: 300 MB of weights that take no room, and a child process whose memory can be measured
    path, output = tmp_path / "m.onnx", tmp_path / "o.onnx"
    made = model()
    made.graph.initializer[0].raw_data = b""
    made.graph.initializer[0].dims[:] = [64, 32]
    big = TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[75_000_000])
    made.graph.initializer.append(big)
    size = 300_000_000

    def varint(value):
        groups = []
        while value > 0x7F:
            groups.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*groups, value])

    # graph (field 7) with its own bytes and one more initializer (field 5) whose raw_data (field 9) is a hole
    head = big.SerializeToString() + b"\x4a" + varint(size)
    tensor = b"\x2a" + varint(len(head) + size) + head
    graph = made.graph.SerializeToString()
    rest = onnx.ModelProto()
    rest.CopyFrom(made)
    rest.ClearField("graph")
    with path.open("wb") as file:
        file.write(rest.SerializeToString() + b"\x3a" + varint(len(graph) + len(tensor) + size) + graph + tensor)
        file.truncate(file.tell() + size)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            annotate_model(path, output, {}, NODES, prefix="onnxroof.")
            grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            code = 0 if grown_bytes < size // 4 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    added = sum(len(k) + len(v) for entries in NODES.values() for k, v in entries.items())
    assert 0 < output.stat().st_size - path.stat().st_size + 100 < 200 + added
