"""Dimensions that the graph equates."""

import pytest

from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from tests.oracles.ort_shapes import differences, loaded, saved

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'

# Two layers of attention with a cache, every dimension under a name of its own that says nothing.
LAYER = """
    present_{i} = Concat<axis = 2>(past_{i}_key, q)
    values_{i} = Concat<axis = 2>(past_{i}_value, q)
    turned_{i} = Transpose<perm = [0, 1, 3, 2]>(present_{i})
    scores_{i} = MatMul(q, turned_{i})
    masked_{i} = Add(scores_{i}, mask)
    p_{i} = Softmax<axis = -1>(masked_{i})
    y_{i} = MatMul(p_{i}, values_{i})
"""
DECODER = (
    HEAD
    + """g (int64[s1, s2] input_ids, int64[s3, s4] attention_mask, float[16, 8] table,
    float[s1, 2, s5, 4] past_0_key, float[s1, 2, s6, 4] past_0_value,
    float[s1, 2, s7, 4] past_1_key, float[s1, 2, s8, 4] past_1_value)
    => (float[a, b, c, d] y_0, float[e, f, h, i] y_1, float[j, k, l, m] present_0)
    <int64[4] heads = {0, 0, 2, 4}, int64[2] inner = {1, 2}> {
    hidden = Gather<axis = 0>(table, input_ids)
    split = Reshape(hidden, heads)
    q = Transpose<perm = [0, 2, 1, 3]>(split)
    mask_float = Cast<to = 1>(attention_mask)
    mask = Unsqueeze(mask_float, inner)
"""
    + LAYER.format(i=0)
    + LAYER.format(i=1)
    + "}"
)


def dims(workload):
    return {d.name: (d.value, d.source) for d in workload.dims}


@pytest.mark.parametrize("past", [127, 40])
def test_decoding_with_one_length_given_settles_all_others(past, tmp_path):
    workload = loaded(tmp_path, DECODER, s2=1, s5=past)
    found = dims(workload)
    assert found["s4"] == (past + 1, "model")
    assert {found[name] for name in ("s6", "s7", "s8")} == {(past, "model")}
    assert found["s5"] == (past, "given")
    assert workload.tensors["present_0"].shape == (1, 2, past + 1, 4)
    different, _ = differences(saved(tmp_path, DECODER), workload)
    assert not different


def test_the_mask_follows_the_tokens_and_the_tokens_the_mask(tmp_path):
    assert dims(loaded(tmp_path, DECODER, s2=64))["s4"] == (64, "model")
    assert dims(loaded(tmp_path, DECODER, s4=64))["s2"] == (64, "model")


def test_nothing_given_is_all_default(tmp_path):
    found = dims(loaded(tmp_path, DECODER))
    assert {source for _, source in found.values()} == {"default"}
    assert (found["s2"][0], found["s4"][0], found["s5"][0]) == (128, 128, 0)


def test_a_batch_that_may_be_broadcast_is_not_tied(tmp_path):
    # the mask may have batch 1 for any batch: it is not tied and stays
    found = dims(loaded(tmp_path, DECODER, s1=4))
    assert (found["s1"], found["s3"]) == ((4, "given"), (1, "default"))


def test_given_lengths_that_contradict_each_other_are_named_on_both_sides(tmp_path):
    with pytest.raises(ModelError) as error:
        loaded(tmp_path, DECODER, s2=64, s4=32)
    message = str(error.value)
    assert "Add" in message
    assert "64" in message
    assert "32" in message
    assert "s2=64 (given)" in message
    assert "s4=32 (given)" in message
    assert "-d NAME=INT" in message


@pytest.mark.parametrize("length", [9, 3000])
def test_a_mask_that_is_gathered_by_position_is_as_long_as_the_positions(length, tmp_path):
    # 3,000 positions are too many to be evaluated: their largest is known all the same
    text = (
        HEAD
        + """g (int64[s1, s2] ids, bool[s3, s4] mask) => (bool[a, b] y) {
            shape = Shape(ids)
            zero = Constant<value_int = 0>()
            one = Constant<value_int = 1>()
            length = Gather<axis = 0>(shape, one)
            positions = Range(zero, length, one)
            y = Gather<axis = 1>(mask, positions)
        }"""
    )
    assert dims(loaded(tmp_path, text, s2=length))["s4"] == (length, "model")


def test_positions_beyond_a_table_are_a_contradiction(tmp_path):
    text = (
        HEAD
        + """g (int64[batch, sequence] ids, float[1024, 8] table) => (float[a, b] y) {
            shape = Shape(ids)
            zero = Constant<value_int = 0>()
            one = Constant<value_int = 1>()
            length = Gather<axis = 0>(shape, one)
            positions = Range(zero, length, one)
            y = Gather<axis = 0>(table, positions)
        }"""
    )
    assert loaded(tmp_path, text, sequence=1024).tensors["y"].shape == (1024, 8)
    with pytest.raises(ModelError, match="differ: 1025 and 1024"):
        loaded(tmp_path, text, sequence=1025)


def test_channels_that_nobody_names_are_those_of_the_weights(tmp_path):
    text = (
        HEAD
        + "g (float[N, unk__1, H, W] x, float[8, 5, 3, 3] w) => (float[a, b, c, d] y) { y = Conv<group = 2>(x, w) }"
    )
    found = dims(loaded(tmp_path, text))
    assert found["unk__1"] == (10, "model")  # 2 groups of 5


def test_a_flattened_image_finds_the_features_of_the_weights(tmp_path):
    text = HEAD + "g (float[batch, features] x, float[96, 8] w) => (float[a, b] y) { y = MatMul(x, w) }"
    assert dims(loaded(tmp_path, text))["features"] == (96, "model")


OCR = """g (float[N, 3, H, W] x, float[4, 3, 16, 1] w) => (float[a, b, c] y) <int64[1] two = {2}> {
    h = Conv<strides = [16, 1]>(x, w)
    y = Squeeze(h, two)
}"""


def test_an_image_whose_default_size_contradicts_the_model_takes_a_common_one(tmp_path):
    # a window of 16 rows with stride 16 leaves one row for heights of 16 to 31, and 32 makes two
    text = HEAD + OCR.replace("16, 1", "33, 1").replace("[16, 1]", "[33, 1]")
    workload = loaded(tmp_path, text)
    assert dims(workload)["H"] == (48, "default")
    assert dims(workload)["W"] == (224, "default")
    (note,) = workload.notes
    assert "H=224 contradicts the model" in note
    assert "48 is taken" in note


def test_a_square_image_changes_both_sides(tmp_path):
    # 1600 = 40 * 40 features: one side alone would have to be 1600 / 28, so both are 320 = 8 * 40
    text = (
        HEAD
        + """g (float[N, 3, H, W] x, float[1, 3, 8, 8] w, float[1600, 10] m) => (float[a, b] y) {
            h = Conv<strides = [8, 8]>(x, w)
            f = Flatten<axis = 1>(h)
            y = MatMul(f, m)
        }"""
    )
    workload = loaded(tmp_path, text)
    assert (dims(workload)["H"], dims(workload)["W"]) == ((320, "default"), (320, "default"))


def test_an_image_size_that_was_given_is_not_changed(tmp_path):
    with pytest.raises(ModelError, match="contradict"):
        loaded(tmp_path, HEAD + OCR, H=224)


def test_a_model_that_contradicts_itself_says_so(tmp_path):
    text = HEAD + "g (float[2, 3] x, float[4, 5] w) => (float[a, b] y) { y = MatMul(x, w) }"
    with pytest.raises(ModelError, match="the file contradicts itself"):
        loaded(tmp_path, text)


def test_a_dimension_that_changes_nothing_is_not_said_to_be_behind_a_contradiction(tmp_path):
    text = HEAD + "g (float[rows, 3] x, float[4, COLUMNS] w) => (float[a, b] y) { y = MatMul(x, w) }"
    with pytest.raises(ModelError, match="no dimension has a part in it"):
        loaded(tmp_path, text.replace("COLUMNS", "columns"))
    text = HEAD + "g (float[rows, wide] x, float[4, 5] w) => (float[a, b] y) { y = MatMul(x, w) }"
    with pytest.raises(ModelError, match=r"wide=3 \(given\)"):
        loaded(tmp_path, text, wide=3)


def test_many_layers_are_settled_in_few_walks(tmp_path, monkeypatch):
    # 24 caches under names of their own; without siblings each would need a search of its own
    from onnxroof.frontend import load

    walks = 0
    lower = load._Walk.lower

    def counted(self, bound, watched=""):
        nonlocal walks
        walks += 1
        return lower(self, bound, watched)

    monkeypatch.setattr(load._Walk, "lower", counted)
    layers = 24
    inputs = ", ".join(f"float[1, 2, s{i + 10}, 4] key_{i}, float[1, 2, s{i + 50}, 4] other_{i}" for i in range(layers))
    body = "\n".join(f"y{i} = Add(key_{i}, other_{i})" for i in range(layers))
    outputs = ", ".join(f"float[a, b, c, d] y{i}" for i in range(layers))
    path = saved(tmp_path, HEAD + f"g ({inputs}) => ({outputs}) {{ {body} }}")
    given = {f"s{i + 10}": 7 for i in range(layers)}
    workload = load_workload(path, given, lambda ops, _: 0.0)
    found = dims(workload)
    assert {found[f"s{i + 50}"] for i in range(layers)} == {(7, "model")}
    assert walks < 20
