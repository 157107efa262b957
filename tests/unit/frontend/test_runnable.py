"""What a model is given and what is taken from it before ONNX Runtime may have it."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from onnxroof.frontend.runnable import runnable

NODE = helper.make_node
INT64, INT32 = onnx.TensorProto.INT64, onnx.TensorProto.INT32


def prepared(path, **dims):
    return runnable(path, load_workload(path, dims, lambda ops, _tensors: float(len(ops))))


def saved(folder, nodes, inputs, weights=(), **options):
    """Inputs are (name, type, shape); the only output is `y`, of no stated type."""
    values = [helper.make_tensor_value_info(*value) for value in inputs]
    graph = helper.make_graph(nodes, "g", values, [helper.make_empty_tensor_value_info("y")], list(weights))
    path = folder / "m.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
    onnx.save(model, str(path), **options)
    return path


def zeros(name, *shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def feed(run, name):
    found = run.feeds[name]
    return found.kind, found.shape, found.below, found.values


@pytest.mark.parametrize(
    ("nodes", "weights", "expected"),
    [
        # the smaller of two tables decides, seen through a Cast and along another axis
        (
            [NODE("Cast", ["i"], ["j"], to=INT32), NODE("Gather", ["a", "j"], ["p"], axis=1),
             NODE("Gather", ["b", "i"], ["q"]), NODE("Concat", ["p", "q"], ["y"], axis=0)],
            [zeros("a", 3, 7), zeros("b", 9, 3)],
            (7, ()),
        ),
        ([NODE("Not", ["m"], ["n"]), NODE("Cast", ["i"], ["y"], to=1)], [], (0, ())),
        # twelve elements along the last axis that nobody states, as where there is no run
        ([NODE("Reshape", ["a", "i"], ["y"])], [zeros("a", 3, 4)], (0, (1, 1, 12))),
        ([NODE("Expand", ["a", "i"], ["y"])], [zeros("a", 5, 1, 4)], (0, (5, 1, 4))),
        ([NODE("TensorScatter", ["a", "u", "i"], ["y"])], [zeros("a", 3, 8, 2), zeros("u", 3, 8, 2)], (1, ())),
    ],
    ids=["rows of tables", "masks", "a shape", "extents", "places in a cache"],
)  # fmt: skip
def test_integers_are_what_their_readers_take(tmp_path, nodes, weights, expected):
    inputs = [("i", INT64, [3]), ("m", onnx.TensorProto.BOOL, [2])]
    run = prepared(saved(tmp_path, nodes, inputs, weights))
    assert feed(run, "i") == ("int64", (3,), *expected)
    assert feed(run, "m") == ("bool", (2,), 0, ())


def test_a_limit_of_trips_is_the_dimension_that_was_given(tmp_path):
    body = onnx.parser.parse_graph(
        "b (int64 i, bool c, float[2] a) => (bool d, float[2] e) { d = Identity(c) e = Neg(a) }"
    )
    loop = NODE("Loop", ["n", "", "x"], ["y"], "L", body=body)
    path = saved(tmp_path, [loop], [("n", INT64, []), ("x", 1, [2])])
    assert feed(prepared(path, **{"L.trips": 5}), "n") == ("int64", (), 0, (5,))


def test_weights_that_are_absent_are_counted(tmp_path):
    product = [NODE("MatMul", ["x", "a"], ["t"]), NODE("MatMul", ["t", "b"], ["y"])]
    weights = [zeros("a", 4, 4), zeros("b", 4, 4)]
    path = saved(
        tmp_path, product, [("x", 1, [2, 4])], weights,
        save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0,
    )  # fmt: skip
    assert prepared(path).made_up == 0
    (tmp_path / "a").unlink()
    assert prepared(path).made_up == 1


def test_a_file_outside_of_the_folder_is_not_read(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = saved(
        inner, [NODE("MatMul", ["x", "a"], ["y"])], [("x", 1, [2, 4])], [zeros("a", 4, 4)],
        save_as_external_data=True, location="w", size_threshold=0,
    )  # fmt: skip
    (inner / "w").rename(tmp_path / "w")
    model = onnx.load(str(path), load_external_data=False)
    for location in ("../w", str(tmp_path / "w"), ""):
        next(e for e in model.graph.initializer[0].external_data if e.key == "location").value = location
        path.write_bytes(model.SerializeToString())
        assert prepared(path).made_up == 1
    (inner / "w").symlink_to(tmp_path / "w")
    next(e for e in model.graph.initializer[0].external_data if e.key == "location").value = "w"
    path.write_bytes(model.SerializeToString())
    assert prepared(path).made_up == 1


@pytest.mark.parametrize(("key", "value"), [("offset", "far"), ("offset", "1000"), ("length", "-5")])
def test_damaged_data_is_told_of_every_weight(tmp_path, key, value):
    product = [NODE("MatMul", ["x", "a"], ["t"]), NODE("MatMul", ["t", "b"], ["y"])]
    weights = [zeros("a", 4, 4), zeros("b", 4, 4)]
    path = saved(
        tmp_path, product, [("x", 1, [2, 4])], weights, save_as_external_data=True, location="w", size_threshold=0
    )
    model = onnx.load(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data} | {key: value}
        del tensor.external_data[:]
        tensor.external_data.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in entries.items())
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        prepared(path)
    assert [d.where.split(": ")[-1] for d in caught.value.diagnostics] == ["weight `a`", "weight `b`"]
    assert {d.code for d in caught.value.diagnostics} == {"M404"}


@pytest.mark.parametrize("number", [onnx.TensorProto.BFLOAT16, onnx.TensorProto.INT4, onnx.TensorProto.COMPLEX64])
def test_an_input_of_a_type_that_numpy_lacks_is_refused(tmp_path, number):
    path = saved(tmp_path, [NODE("Identity", ["x"], ["y"])], [("x", number, [2, 3])])
    with pytest.raises(ModelError, match=onnx.TensorProto.DataType.Name(number)) as caught:
        prepared(path)
    assert caught.value.diagnostics[0].code == "M401"
