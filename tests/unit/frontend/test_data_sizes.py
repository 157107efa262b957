"""Sizes that data decide: a named dimension with a printed default that the user may give, never a stop."""

import pytest
from oracles.ort_shapes import loaded

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'


def sized(tmp_path, body, inputs="float[2, 6] x, int64[1] n", **dims):
    """The shape of y and the dims of a graph with this body."""
    workload = loaded(tmp_path, f"{HEAD} g ({inputs}) => (float[p, q] u) {{ {body} u = Identity(y) }}", **dims)
    return workload.tensors["y"].shape, {dim.name: (dim.value, dim.source) for dim in workload.dims}


@pytest.mark.parametrize(
    ("body", "shape", "name"),
    [
        ("z = Constant<value_int=0>() o = Constant<value_int=1>() y = Range(z, n, o)", (128,), "Range_2.extent0"),
        ("s = Concat<axis=0>(n, n) y = ConstantOfShape(s)", (128, 128), "ConstantOfShape_1.extent1"),
        # repeated once, spread to itself, padded by nothing, at its own size
        ("s = Concat<axis=0>(n, n) y = Tile(x, s)", (2, 6), "Tile_1.extent1"),
        ("s = Concat<axis=0>(n, n, n) y = Expand(x, s)", (1, 2, 6), "Expand_1.extent0"),
        ("s = Concat<axis=0>(n, n, n, n) y = Pad(x, s)", (2, 6), "Pad_1.extent0"),
        # 12 elements along the last axis that is not known
        ("s = Concat<axis=0>(n, n, n) y = Reshape(x, s)", (1, 1, 12), "Reshape_1.extent2"),
    ],
)
def test_an_extent_of_data_is_a_named_dimension_with_a_default(body, shape, name, tmp_path):
    found, dims = sized(tmp_path, body)
    assert found == shape
    assert dims[name] == (shape[int(name[-1])], "default")


def test_a_user_gives_it_by_its_name(tmp_path):
    body = "z = Constant<value_int=0>() o = Constant<value_int=1>() y = Range(z, n, o)"
    found, dims = sized(tmp_path, body, **{"Range_2.extent0": 40})
    assert found == (40,)
    assert dims["Range_2.extent0"] == (40, "given")


def test_parts_of_a_split_share_the_extent(tmp_path):
    # 7 in three parts whose sizes data decide: 3 each at most, rounded up
    text = (
        HEAD
        + """g (float[7, 2] x, int64[3] n) => (float[p, q] u) {
            a, b, c = Split<axis=0>(x, n)
            u = Concat<axis=0>(a, b, c)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert [workload.tensors[name].shape for name in "abc"] == [(3, 2)] * 3


def test_what_the_file_declares_stands_in_for_what_data_decide(tmp_path):
    text = (
        HEAD
        + """g (int64 n) => (int64[9] y) {
            z = Constant<value_int=0>() o = Constant<value_int=1>()
            y = Range(z, n, o)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape == (9,)
    assert workload.dims == ()


@pytest.mark.parametrize(("keeps", "shape"), [(1, (2, 1, 6)), (0, (2, 6))])
def test_a_reduction_over_axes_of_data_is_taken_over_the_shortest(keeps, shape, tmp_path):
    # [2, 1, 6] over one axis: at most 12 elements are left
    opset = HEAD.replace("17", "18")
    text = (
        opset
        + f"""g (float[2, 1, 6] x, int64[1] axes) => (float[p, q] u) {{
            y = ReduceMax<keepdims={keeps}>(x, axes)
            u = Relu(y)
        }}"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape == shape
    assert any("upper bound" in note for note in workload.notes)


def test_what_comes_of_an_unknown_operator_gets_no_size(tmp_path):
    text = (
        '<ir_version: 8, opset_import: ["" : 17, "odd" : 1]>\n'
        + """g (float[2, 6] x) => (float[p, q] u) {
            y = odd.Thing(x)
            u = Relu(y)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape in (None, (None, None))
    assert all("extent" not in dim.name for dim in workload.dims)


def test_a_size_that_depends_on_data_stands_beside_a_known_one(tmp_path):
    # Nobody says how long the range is; what it is added to has 10 elements.
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (int64 n, int64[10] x, int64[10, 10] w) => (int64[a] y, int64[b, c] z) {
            zero = Constant<value_int=0>() one = Constant<value_int=1>()
            r = Range(zero, n, one)
            y = Add(r, x)
            z = MatMul(w, r)
        }"""
    workload = loaded(tmp_path, text)
    assert workload.tensors["r"].shape == (128,)
    assert workload.tensors["y"].shape == (10,)
    assert workload.tensors["z"].shape is None or workload.tensors["z"].shape != (10, 10)  # a product is no such thing
