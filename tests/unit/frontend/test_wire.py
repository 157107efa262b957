"""Walking the wire format: everything stays but large payloads, and hostile bytes give one clear error."""

import mmap
import tracemalloc

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from onnxroof.errors import ModelError
from onnxroof.frontend.wire import MAX_DEPTH, STRIPPED_LOCATION, without_payloads

FIELDS = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


# The oracle: the same by the API of protobuf, on parsed messages.


def varint_bytes(value):
    """Seven bits a byte; negative numbers are extended to 64 bits."""
    return max(1, -(-(value % 2**64).bit_length() // 7))


def payload_bytes(tensor):
    return (
        len(tensor.raw_data)
        + 4 * len(tensor.float_data)
        + 8 * len(tensor.double_data)
        + sum(len(s) for s in tensor.string_data)
        + sum(varint_bytes(i) for i in (*tensor.int32_data, *tensor.int64_data, *tensor.uint64_data))
    )


def clear_tensor(tensor, limit):
    if payload_bytes(tensor) <= limit:
        return
    for field in FIELDS:
        tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=STRIPPED_LOCATION)


def clear_sparse(sparse, limit):
    for field in ("values", "indices"):
        if sparse.HasField(field):
            clear_tensor(getattr(sparse, field), limit)


def clear_attribute(attribute, limit, keep):
    if attribute.HasField("t"):
        clear_tensor(attribute.t, limit)
    if attribute.HasField("g"):
        clear_graph(attribute.g, limit, keep)
    if attribute.HasField("sparse_tensor"):
        clear_sparse(attribute.sparse_tensor, limit)
    for tensor in attribute.tensors:
        clear_tensor(tensor, limit)
    for graph in attribute.graphs:
        clear_graph(graph, limit, keep)
    for sparse in attribute.sparse_tensors:
        clear_sparse(sparse, limit)


def clear_node(node, limit, keep):
    if not keep:
        node.ClearField("doc_string")
        kept = [entry for entry in node.metadata_props if not entry.key.endswith("stack_trace")]
        node.ClearField("metadata_props")
        node.metadata_props.extend(kept)
    for attribute in node.attribute:
        clear_attribute(attribute, limit, keep)


def clear_graph(graph, limit, keep):
    for node in graph.node:
        clear_node(node, limit, keep)
    for tensor in graph.initializer:
        clear_tensor(tensor, limit)
    for sparse in graph.sparse_initializer:
        clear_sparse(sparse, limit)


def cleared(model, limit, keep):
    expected = onnx.ModelProto()
    expected.CopyFrom(model)
    expected.ClearField("training_info")
    clear_graph(expected.graph, limit, keep)
    for function in expected.functions:
        for node in function.node:
            clear_node(node, limit, keep)
        for attribute in function.attribute_proto:
            clear_attribute(attribute, limit, keep)
    return expected


# Random models, not sound ones: any value in any field.

texts = st.text(alphabet="aZ2J/_.é", max_size=8)
int64s = st.integers(-(2**63), 2**63 - 1)
lengths = st.sampled_from([0, 1, 5, 40])


@st.composite
def tensors(draw):
    tensor = onnx.TensorProto(
        name=draw(texts), data_type=draw(st.integers(1, 26)), dims=draw(st.lists(int64s, max_size=3))
    )
    for field, values in (
        ("float_data", st.floats(width=32)),
        ("double_data", st.floats()),
        ("int32_data", st.integers(-(2**31), 2**31 - 1)),
        ("int64_data", int64s),
        ("uint64_data", st.integers(0, 2**64 - 1)),
        ("string_data", st.binary(max_size=20)),
    ):
        if draw(st.integers(0, 3)) == 0:
            getattr(tensor, field).extend([draw(values)] * draw(lengths))
    if draw(st.booleans()):
        tensor.raw_data = b"\x07" * draw(st.sampled_from([0, 8, 63, 64, 65, 1024, 1025, 2000]))
    if draw(st.integers(0, 5)) == 0:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")
    tensor.doc_string = draw(texts)
    return tensor


@st.composite
def sparse_tensors(draw):
    return onnx.SparseTensorProto(values=draw(tensors()), indices=draw(tensors()), dims=[3, 4])


@st.composite
def attributes(draw, depth):
    kind = draw(
        st.sampled_from(["f", "i", "s", "floats", "ints", "strings", "t", "tensors", "tp", "sparse", "g", "graphs"])
    )
    attribute = onnx.AttributeProto(name=draw(texts), ref_attr_name=draw(texts))
    if kind == "f":
        attribute.f = draw(st.floats(width=32))
    elif kind == "i":
        attribute.i = draw(int64s)
    elif kind == "s":
        attribute.s = draw(st.binary(max_size=200))
    elif kind == "floats":
        attribute.floats.extend(draw(st.lists(st.floats(width=32), max_size=40)))
    elif kind == "ints":
        attribute.ints.extend(draw(st.lists(int64s, max_size=40)))
    elif kind == "strings":
        attribute.strings.extend(draw(st.lists(st.binary(max_size=9), max_size=4)))
    elif kind == "t":
        attribute.t.CopyFrom(draw(tensors()))
    elif kind == "tensors":
        attribute.tensors.extend(draw(st.lists(tensors(), max_size=3)))
    elif kind == "tp":
        attribute.tp.CopyFrom(helper.make_tensor_type_proto(1, ["N", 3]))
    elif kind == "sparse":
        attribute.sparse_tensor.CopyFrom(draw(sparse_tensors()))
        attribute.sparse_tensors.append(draw(sparse_tensors()))
    elif depth and kind == "g":
        attribute.g.CopyFrom(draw(graphs(depth - 1)))
    elif depth and kind == "graphs":
        attribute.graphs.extend(draw(st.lists(graphs(depth - 1), max_size=2)))
    return attribute


@st.composite
def nodes(draw, depth):
    node = onnx.NodeProto(op_type=draw(texts), name=draw(texts), input=draw(st.lists(texts, max_size=3)))
    node.attribute.extend(draw(st.lists(attributes(depth), max_size=2)))
    if draw(st.booleans()):
        node.doc_string = draw(texts) * 30
    for key in draw(
        st.lists(st.sampled_from(["namespace", "pkg.torch.onnx.stack_trace", "stack_trace.not"]), max_size=3)
    ):
        node.metadata_props.add(key=key, value=draw(st.sampled_from(["", "File stack_trace", "line\n" * 100])))
    return node


@st.composite
def graphs(draw, depth=2):
    graph = onnx.GraphProto(name=draw(texts))
    graph.node.extend(draw(st.lists(nodes(depth), max_size=3)))
    graph.initializer.extend(draw(st.lists(tensors(), max_size=2)))
    graph.sparse_initializer.extend(draw(st.lists(sparse_tensors(), max_size=1)))
    graph.input.append(helper.make_tensor_value_info(draw(texts), 1, ["batch", 3]))
    return graph


@st.composite
def models(draw):
    model = onnx.ModelProto(ir_version=10, producer_name=draw(texts), graph=draw(graphs()))
    for _ in range(draw(st.integers(0, 2))):
        function = model.functions.add(name=draw(texts), domain=draw(texts))
        function.node.extend(draw(st.lists(nodes(1), max_size=2)))
        function.attribute_proto.extend(draw(st.lists(attributes(1), max_size=2)))
    if draw(st.booleans()):
        model.training_info.add(algorithm=draw(graphs(0)))
    return model


@given(models(), st.sampled_from([0, 64, 1024]), st.booleans())
def test_all_stays_but_large_payloads_and_stack_traces(model, limit, keep):
    data = model.SerializeToString()
    found = without_payloads(data, "m", limit_bytes=limit, keep_stack_traces=keep)
    expected = cleared(model, limit, keep)
    # compared as bytes: a NaN is not equal to itself
    assert onnx.ModelProto.FromString(found).SerializeToString() == expected.SerializeToString()


@given(models(), st.sampled_from([0, 64, 1024]))
def test_a_second_time_changes_nothing(model, limit):
    once = without_payloads(model.SerializeToString(), "m", limit_bytes=limit)
    assert without_payloads(once, "m", limit_bytes=limit) == once


@given(models(), st.data())
def test_truncated_model_is_an_error_or_a_shorter_model(model, data):
    whole = model.SerializeToString()
    part = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        found = without_payloads(part, "m")
    except ModelError as error:
        assert f"at byte {len(part)}: it is truncated" in str(error)
    else:  # cut between two fields of the outermost message
        onnx.ModelProto.FromString(part)
        assert len(found) <= len(part) + 40 * part.count(b"*")


@given(models(), st.data())
def test_damaged_model_never_crashes(model, data):
    damaged = bytearray(model.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = without_payloads(bytes(damaged), "m")
        onnx.ModelProto.FromString(found)
    except (ModelError, DecodeError):
        return


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(noise):
    try:
        without_payloads(b"\x08\x0a\x3a" + noise, "m")
    except ModelError as error:
        assert "byte" in str(error)


def field(number, content):
    """A length-delimited field with a length of up to 2^28, written independently of the code under test."""
    size = len(content)
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])  # padded, legal
    return bytes([number << 3 | 2]) + length + content


def test_values_element_by_element_are_payload_too():
    """Proto2 writers may leave lists unpacked: float_data (4) as fixed32, int64_data (7) as varints."""
    body = b"\x08\x28" + b"\x25\x00\x00\x80\x3f" * 300 + b"\x38\x05" * 200 + b"\x42\x01w"
    data = b"\x08\x0a" + field(7, field(5, body))
    original = onnx.ModelProto.FromString(data).graph.initializer[0]
    assert (len(original.float_data), len(original.int64_data)) == (300, 200)  # 1200 + 200 bytes
    found = onnx.ModelProto.FromString(without_payloads(data, "m")).graph.initializer[0]
    assert (len(found.float_data), len(found.int64_data), found.name, list(found.dims)) == (0, 0, "w", [40])
    kept = onnx.ModelProto.FromString(without_payloads(data, "m", limit_bytes=1400)).graph.initializer[0]
    assert len(kept.float_data) == 300


def test_unchanged_model_comes_out_to_the_byte():
    """Also where lengths are padded: what has no payload is copied, not written anew."""
    data = b"\x08\x0a" + field(7, field(1, field(4, b"Relu") + b"\x0a\x01x"))
    assert without_payloads(data, "m") == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\x0a\x3b", "wire type 3, which ONNX does not use"),
        (b"\x08\x0a\x0c", "wire type 4, which ONNX does not use"),
        (b"\x08\x0a\x0f\x00", "wire type 7"),
        (b"\x08\x0a\x38\x05", "the graph in a model at byte 2 has wire type 0"),
        (b"\x08\x0a\x02\x00", "number 0"),
        (b"\x08" + b"\xff" * 11, "longer than ten bytes"),
        (
            b"\x08\x0a\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            "middle of the graph .* byte 2, at byte 12: it is truncated",
        ),
        (b"\x08\x0a\x3a", "ends in the middle of a field, at byte 3"),
        (b"\x08\x0a" + field(7, b"\x0a\x05abc") + b"\x10\x00\x10\x00", "the node at byte 7 reaches beyond the graph"),
        (
            b"\x08\x0a" + field(7, field(5, b"\x49" + bytes(2000))),
            "the values of the tensor at byte 12 have wire type 1",
        ),
        (b"\x89PNG\r\n\x1a\n", "this is no ONNX model"),
    ],
)
def test_malformed_bytes_are_one_clear_error(data, message):
    with pytest.raises(ModelError, match=message) as caught:
        without_payloads(data, "bad.onnx")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.where == "bad.onnx"
    assert diagnostic.hint


def nested(levels):
    """A graph in an attribute in a node in a graph ... `levels` times."""
    graph = b""
    for _ in range(levels):
        graph = field(1, field(5, field(6, graph)))
    return b"\x08\x0a" + field(7, graph)


def test_nesting_has_a_limit_and_no_recursion_blows_up():
    # the model is message 1, the outer graph 2, each level adds a node, an attribute and a graph
    levels = (MAX_DEPTH - 2) // 3
    assert without_payloads(nested(levels), "m") == nested(levels)
    for deep in (levels + 1, 3000):
        with pytest.raises(ModelError, match=f"nested deeper than {MAX_DEPTH} at byte"):
            without_payloads(nested(deep), "m")


def test_millions_of_numbers_in_an_attribute_stay():
    attribute = onnx.AttributeProto(name="nodes_values", ints=[-1, 300] * 150_000, floats=[0.5] * 300_000)
    model = onnx.ModelProto(ir_version=8)
    model.graph.node.add(op_type="TreeEnsemble", attribute=[attribute])
    data = model.SerializeToString()
    assert without_payloads(data, "m") == data


def test_payload_in_a_file_is_not_copied(tmp_path):
    """64 MiB of raw_data in a sparse file: the header is read, the payload is not."""
    payload = 64 * 2**20
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[payload // 4]).SerializeToString()
    raw_header = b"\x4a\x80\x80\x80\x20"  # field 9, 2^26 = 32 << 21
    initializer = b"\x2a" + varint(len(tensor) + len(raw_header) + payload) + tensor + raw_header
    path = tmp_path / "big.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x0a\x3a" + varint(len(initializer) + payload) + initializer)
        file.truncate(file.tell() + payload)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    tracemalloc.start()
    try:
        found = without_payloads(mapped, "big")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (weight,) = onnx.ModelProto.FromString(found).graph.initializer
    assert (weight.name, list(weight.dims), weight.raw_data) == ("w", [payload // 4], b"")
    assert len(found) < 200
    assert peak < 100_000


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def test_more_than_protobuf_can_parse_is_refused_before_it_is_copied(tmp_path):
    """A sparse file of 3 GiB in one doc_string, which is no payload."""
    path = tmp_path / "huge.onnx"
    size = 3 * 2**30
    with path.open("wb") as file:
        file.write(b"\x08\x0a\x32" + varint(size))
        file.truncate(file.tell() + size)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with pytest.raises(ModelError, match="more than 2 GiB are left"):
        without_payloads(mapped, "huge")


@pytest.mark.parametrize("field_name", ["g", "graphs"])
def test_stack_traces_in_a_small_subgraph_go(field_name):
    inner = onnx.NodeProto(op_type="Relu")
    inner.metadata_props.add(key="pkg.stack_trace", value="x")
    graph = onnx.GraphProto(node=[inner])
    attribute = onnx.AttributeProto(**{field_name: graph if field_name == "g" else [graph]})
    model = onnx.ModelProto(ir_version=10)
    model.graph.node.add(op_type="If", attribute=[attribute])
    data = model.SerializeToString()
    assert (b"\x32" in data) == (field_name == "g")  # the tag of `g`: no other byte gives the subgraph away
    assert onnx.ModelProto.FromString(without_payloads(data, "m")) == cleared(model, 1024, keep=False)
