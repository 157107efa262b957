"""Reading a model without weights: what comes out, and what is said of files that are no models."""

import io
import os
import pickle
import zipfile

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxroof.errors import ModelError, UsageError
from onnxroof.frontend.read import has_value, read_model, strip_model
from onnxroof.frontend.wire import STRIPPED_LOCATION


def small_model():
    weight = numpy_helper.from_array(np.ones((64, 32), np.float32), "w")  # 8 KiB
    shape = numpy_helper.from_array(np.array([-1, 4, 8], np.int64), "shape")
    outside = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[32], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="absent.bin")
    gemm = helper.make_node("Gemm", ["x", "w", "outside"], ["y"], name="fc", doc_string="File a.py, line 3")
    gemm.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File a.py, line 3")
    graph = helper.make_graph(
        [gemm, helper.make_node("Reshape", ["y", "shape"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 4, 8])],
        [weight, shape, outside],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(small_model().SerializeToString())
    return path


def test_shapes_stay_and_weights_go(path):
    model = read_model(path)
    weight, shape, outside = model.graph.initializer
    assert (weight.name, list(weight.dims), weight.data_type) == ("w", [64, 32], TensorProto.FLOAT)
    assert weight.raw_data == b""
    assert [entry.value for entry in weight.external_data] == [STRIPPED_LOCATION]
    assert numpy_helper.to_array(shape).tolist() == [-1, 4, 8]
    assert [entry.value for entry in outside.external_data] == ["absent.bin"]
    assert [has_value(t) for t in model.graph.initializer] == [False, True, False]


def test_stack_traces_go(path):
    node = read_model(path).graph.node[0]
    assert node.name == "fc"
    assert not node.doc_string
    assert not node.metadata_props


def test_stripped_copy_reads_as_the_model_does(path, tmp_path):
    copy = tmp_path / "copy.onnx"
    sizes = strip_model(path, copy)
    assert (sizes.before_bytes, sizes.after_bytes) == (path.stat().st_size, copy.stat().st_size)
    assert sizes.before_bytes - sizes.after_bytes > 64 * 32 * 4 - 100  # the weight, less the mark in its place
    assert read_model(copy) == read_model(path)
    # other tools read it as they read any model whose external data is elsewhere
    plain = onnx.load(copy, load_external_data=False)
    inferred = onnx.shape_inference.infer_shapes(plain, data_prop=True)
    assert [v.name for v in inferred.graph.value_info] == ["y"]


def test_stripping_is_deterministic_and_keeps_traces_only_when_told(path, tmp_path):
    for name in ("a", "b"):
        strip_model(path, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"a.py" not in (tmp_path / "a").read_bytes()
    strip_model(path, tmp_path / "c", keep_stack_traces=True)
    node = onnx.load(tmp_path / "c", load_external_data=False).graph.node[0]
    assert node.doc_string == node.metadata_props[0].value == "File a.py, line 3"
    assert read_model(tmp_path / "c") == read_model(path)


def test_limit_decides_what_goes(path, tmp_path):
    strip_model(path, tmp_path / "a", limit_bytes=16)
    shape = onnx.load(tmp_path / "a", load_external_data=False).graph.initializer[1]
    assert not has_value(shape)  # three int64 are 24 bytes


def test_model_is_never_overwritten(path):
    before = path.read_bytes()
    with pytest.raises(UsageError, match="overwrite the model"):
        strip_model(path, path.parent / "." / path.name)
    assert path.read_bytes() == before


def test_output_that_cannot_be_written(path, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        strip_model(path, tmp_path / "absent" / "a.onnx")


def zip_bytes():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "empty", "again"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG image", ""),
        (b"hello world\n", "looks like text", ""),
        (b"<!DOCTYPE html><html>not found</html>", "web page", "download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer", "git lfs pull"),
        (b"ir_version: 8\ngraph {\n  name: 'g'\n}\n", "text format", "onnx.save"),
        (b'<\n  ir_version: 8,\n  opset_import: ["" : 18]\n>\n', "text format", "onnx.save"),
        (pickle.dumps({"a": 1}), "pickle", "torch.onnx.export"),
        (zip_bytes(), "zip archive", "torch.onnx.export"),
        ((64).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}', "safetensors", "export"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(20), "TensorFlow Lite", "tf2onnx"),
        (bytes(range(128, 256)), "no ONNX model", ""),
        (b"\x08\x01\x12\x02ab", "no graph", "TensorFlow"),
        (onnx.ModelProto(graph=helper.make_graph([], "g", [], [])).SerializeToString(), "no ir_version", ""),
    ],
)
def test_what_is_no_model_is_named(tmp_path, content, message, hint):
    path = tmp_path / "file.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_model(path)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.where == str(path)
    assert hint in diagnostic.hint


def test_missing_file_folder_and_pipe(tmp_path, path):
    with pytest.raises(ModelError, match="no such file"):
        read_model(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"folder(.|\n)*m\.onnx"):
        read_model(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(path / "inside_a_file.onnx")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="no regular file"):
        read_model(tmp_path / "pipe")


def test_model_without_ir_version_is_read_if_it_has_nodes(tmp_path):
    model = small_model()
    model.ClearField("ir_version")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert [node.op_type for node in read_model(path).graph.node] == ["Gemm", "Reshape"]


@pytest.mark.parametrize("name", ["fc", "Gemm", "batch", "outside", "shape"])
def test_names_that_are_no_text_are_an_error(tmp_path, name):
    damaged = small_model().SerializeToString().replace(name.encode(), b"\xff" * len(name))
    path = tmp_path / "m.onnx"
    path.write_bytes(damaged)
    with pytest.raises(ModelError, match="not UTF-8"):
        read_model(path)


def test_file_cut_at_any_byte_is_an_error(path, tmp_path):
    whole = small_model().SerializeToString()
    cut = tmp_path / "cut.onnx"
    # the model ends with its graph and opset import, without which it is still a model
    graph_end = len(whole) - 6
    assert whole[graph_end:] == b"\x42\x04\x0a\x00\x10\x15"  # opset_import {domain: "", version: 21}
    for size in (*range(200), *range(200, len(whole), 97), graph_end - 1, graph_end + 1, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"truncated|empty|no graph|text"):
            read_model(cut)
    cut.write_bytes(whole[:graph_end])
    assert len(read_model(cut).graph.node) == 2


NUMPY_TYPES = [t for t in TensorProto.DataType.values() if t not in (0, 8) and t <= 26]


@given(st.sampled_from(NUMPY_TYPES), st.lists(st.integers(0, 3), max_size=3), st.booleans())
def test_has_value_of_tensors_as_onnx_makes_them(data_type, dims, raw):
    array = np.zeros(dims, helper.tensor_dtype_to_np_dtype(data_type))
    typed = helper.make_tensor("t", data_type, dims, array.reshape(-1))
    tensor = numpy_helper.from_array(array) if raw else typed
    assert has_value(tensor)
    tensor.dims.append(9)  # nine times the elements, none of them there: only the empty tensor is still whole
    assert has_value(tensor) == (0 in dims)
    tensor.dims.append(-1)
    assert not has_value(tensor)


def test_has_value_of_strings_and_of_types_that_are_not_known():
    strings = helper.make_tensor("s", TensorProto.STRING, [2], [b"a", b"b"])
    assert has_value(strings)
    strings.dims[0] = 3
    assert not has_value(strings)
    assert not has_value(TensorProto(data_type=99, dims=[1], raw_data=b"abcd"))
    assert not has_value(TensorProto(data_type=TensorProto.STRING, dims=[4], raw_data=b"abcd"))
