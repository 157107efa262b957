"""Values of named dimensions."""

import pytest

from onnxroof.frontend.dims import DimClass, InputDims, bind_dims, is_placeholder


def bind(*inputs, given=None, settled=None):
    return bind_dims([InputDims(name, is_float, dims) for name, is_float, dims in inputs], given or {}, settled or {})


@pytest.mark.parametrize(
    ("name", "is_float", "dims", "shape"),
    [
        # by name
        ("x", True, ("batch_size", "seq_len", 8), (1, 128, 8)),
        ("x", True, ("N", 3, "H", "W"), (1, 3, 224, 224)),
        ("x", True, ("bs", "num_frames", 80), (1, 128, 80)),
        ("past", True, ("batch", 8, "past_sequence_length", 64), (1, 8, 0, 64)),
        ("x", True, ("num_images", 3, "image_height", "image_width"), (1, 3, 224, 224)),
        ("x", True, ("past_batch_size", 3), (1, 3)),
        # by input name and position, where the dimension's own name says nothing
        ("input_ids", False, ("s0", "s70"), (1, 128)),
        ("pixel_values", True, ("unk__12", 3, "unk__13", "unk__14"), (1, 3, 224, 224)),
        ("image", True, (None, None, None, 3), (1, 224, 224, 3)),
        ("image", True, (3, "d1", "d2"), (3, 224, 224)),
        ("past_key_values.0.key", True, ("s1", 8, "s2", 64), (1, 8, 0, 64)),
        ("past", True, (2, "s1", 8, "s2", 64), (2, 1, 8, 0, 64)),
        ("past_key_values.0.encoder.key", True, ("s1", 8, "s2", 64), (1, 8, 128, 64)),
        ("past_key_values_0", True, ("p_dynamic_axes_1", 8, "p_dynamic_axes_2", 64), (1, 8, 0, 64)),
        ("cache_position", False, ("s3",), (1,)),
        ("state", True, (2, None, 128), (2, 1, 128)),
        ("encoder_hidden_states", True, ("s1", "s2", 512), (1, 128, 512)),
        ("attention_mask", True, ("s1", 1, "s2", "s3"), (1, 1, 128, 128)),
        ("features", True, ("s1", "s2", 80), (1, 128, 80)),
        # a name that contradicts its place: the head size of a cache
        ("past_key_values.0.key", True, ("batch_size", 2, "past_sequence_length", "kv_cache_dim"), (1, 2, 0, 1)),
        # stated extents stay
        ("x", True, (2, 3), (2, 3)),
        ("x", True, (), ()),
    ],
)
def test_defaults_by_class(name, is_float, dims, shape):
    assert bind((name, is_float, dims)).shapes[name] == shape


@pytest.mark.parametrize("label", ["", "?", "None", "-1", "unk__7", "unknown_3"])
def test_placeholders_are_known_as_such(label):
    assert is_placeholder(label)


@pytest.mark.parametrize("label", ["N", "s70", "batch", "p2o.DynamicDimension.0"])
def test_names_are_no_placeholders(label):
    assert not is_placeholder(label)


@pytest.mark.parametrize("label", ["?", "unk__7", "None", "unknown_3"])
def test_placeholders_are_never_unified(label):
    bound = bind(("a", True, (label, 4)), ("b", False, (4, label)))
    assert bound.values == {"a.0": 1, "b.1": 128}
    given = bind(("a", True, (label, 4)), ("b", False, (4, label)), given={"a.0": 3})
    assert given.shapes == {"a": (3, 4), "b": (4, 128)}
    assert given.sources == {"a.0": "given", "b.1": "default"}


def test_a_numbered_name_that_occurs_once_is_a_name():
    assert bind(("a", True, ("unk__7", 4)), given={"unk__7": 5}).shapes["a"] == (5, 4)


def test_equal_names_share_one_value():
    bound = bind(("a", True, ("B", "S")), ("b", True, ("S", "B")), given={"S": 9})
    assert bound.shapes == {"a": (1, 9), "b": (9, 1)}
    assert bound.sources == {"B": "default", "S": "given"}
    assert bound.readers["S"] == {"a", "b"}


def test_expressions_are_evaluated_whatever_the_order_of_inputs():
    mask = ("mask", False, ("batch", "past_sequence + sequence"))
    ids = ("ids", False, ("batch", "sequence"))
    past = ("past", True, ("batch", 8, "past_sequence", 64))
    for inputs in ((mask, ids, past), (past, ids, mask)):
        assert bind(*inputs).shapes["mask"] == (1, 128)  # 0 + 128
        assert bind(*inputs, given={"past_sequence": 100, "sequence": 3}).shapes["mask"] == (1, 103)
    assert bind(mask, ids, past).classes["past_sequence"] is DimClass.PAST


def test_an_expression_gives_a_default_to_names_of_its_own():
    bound = bind(("x", False, (1, "2*sequence_length + 1")))
    assert bound.values == {"sequence_length": 128}
    assert bound.shapes["x"] == (1, 257)  # 2 * 128 + 1


@pytest.mark.parametrize("label", ["batch-size", "batch size", "größe", "[batch"])
def test_a_label_that_is_no_expression_is_a_name(label):
    bound = bind(("x", False, (label, 4)), given={label: 6})
    assert bound.shapes["x"] == (6, 4)
    assert bound.values == {label: 6}


def test_a_difference_of_known_names_is_an_expression():
    assert bind(("x", False, ("a", "b")), ("y", False, (1, "a-b")), given={"a": 9, "b": 4}).shapes["y"] == (1, 5)


def test_a_negative_expression_is_unknown():
    bound = bind(("x", False, (1, "a")), ("y", False, (1, "a - 200")))
    assert bound.shapes["y"] == (1, 128)
    assert bound.values["y.1"] == 128


def test_the_total_length_is_the_sum_of_its_parts_unless_given():
    inputs = (
        ("mask", False, ("batch", "total_sequence_length")),
        ("ids", False, ("batch", "sequence_length")),
        ("past", True, ("batch", 8, "past_sequence_length", 64)),
    )
    assert bind(*inputs).values["total_sequence_length"] == 128  # 128 + 0
    decode = {"sequence_length": 1, "past_sequence_length": 500}
    assert bind(*inputs, given=decode).values["total_sequence_length"] == 501
    assert bind(*inputs, given={**decode, "total_sequence_length": 7}).values["total_sequence_length"] == 7


def test_caches_without_telling_names_have_the_length_that_one_of_them_was_given():
    inputs = [
        (f"past_key_values.{i}.{kind}", True, ("s1", 8, f"s{10 * i + j}", 64))
        for i in range(1, 3)
        for j, kind in enumerate(("key", "value"))
    ]
    bound = bind(*inputs, ("past_key_values.1.encoder.key", True, ("s1", 8, "s99", 64)), given={"s11": 40})
    assert {bound.values[name] for name in ("s10", "s11", "s20", "s21")} == {40}
    assert [bound.sources[name] for name in ("s10", "s11")] == ["model", "given"]
    assert (bound.values["s99"], bound.sources["s99"]) == (128, "default")


def test_caches_with_names_of_their_own_keep_their_defaults():
    inputs = (
        ("past.0", True, (1, 8, "past_full", 64)),
        ("past.1", True, (1, 8, "past_window", 64)),
    )
    assert bind(*inputs, given={"past_full": 40}).values == {"past_full": 40, "past_window": 0}


def test_settled_values_replace_defaults_and_never_what_was_given():
    bound = bind(("x", False, ("a", "b", "c")), given={"a": 2}, settled={"a": (3, "model"), "b": (4, "model")})
    assert bound.shapes["x"] == (2, 4, 128)
    assert bound.sources == {"a": "given", "b": "model", "c": "default"}


@pytest.mark.parametrize("extent", [0, -1])
def test_an_extent_that_is_not_positive_is_unknown(extent):
    assert bind(("data", True, (extent, 3, 224, 224))).values == {"data.0": 1}


def test_names_that_say_nothing_are_told_apart():
    bound = bind(("x", False, ("s70", "sequence", None)))
    assert bound.mute == {"s70", "x.2"}
