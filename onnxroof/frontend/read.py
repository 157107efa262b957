"""What does a model file hold, apart from its weights?"""

from __future__ import annotations

import math
import mmap
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf comes without types

from onnxroof.dtypes import DType, Kind, packed_bytes
from onnxroof.errors import Diagnostic, ModelError, UsageError
from onnxroof.frontend import proto
from onnxroof.frontend.magic import HEAD_BYTES, kind_of_file
from onnxroof.frontend.wire import PAYLOAD_LIMIT_BYTES, without_payloads

__all__ = ["StripSizes", "has_value", "read_model", "strip_model"]

# Fields of a TensorProto that hold elements one by one, with the types that each may hold (onnx.proto).
_TYPED_FIELDS = {
    "float_data": {DType.FLOAT, DType.COMPLEX64},
    "double_data": {DType.DOUBLE, DType.COMPLEX128},
    "int64_data": {DType.INT64},
    "uint64_data": {DType.UINT32, DType.UINT64},
    "string_data": {DType.STRING},
}

# Above this a file is weights with headers in between: reading ahead of a header reads weights in vain, which takes
# 20 times as long where the file is not in the page cache.
_MOSTLY_WEIGHTS_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class StripSizes:
    """Bytes of a model file before and after its weights were left out (external data not counted)."""

    before_bytes: int
    after_bytes: int


def read_model(path: Path) -> proto.ModelProto:
    """The model without the values of its large tensors and without stack traces.

    A tensor whose value was left out is marked as external at `wire.STRIPPED_LOCATION`; `has_value` is false for it.
    External data files are not opened and may be absent.

    Raises:
        ModelError: The file is missing, no ONNX model, truncated or damaged.
    """
    return _parsed(_payload_free(path, keep_stack_traces=False, limit_bytes=PAYLOAD_LIMIT_BYTES)[0], path)


def strip_model(
    path: Path, output: Path, *, keep_stack_traces: bool = False, limit_bytes: int = PAYLOAD_LIMIT_BYTES
) -> StripSizes:
    """Writes a copy of the model without its weights; `read_model` gives the same for the copy as for the model.

    A tensor whose payload takes more than `limit_bytes` becomes one with external data in a file that does not exist.
    Equal models give equal bytes.

    Args:
        path: Of the model.
        output: File to write; it may exist, but must not be the model.
        keep_stack_traces: Keep the source lines that exporters note at each node.
        limit_bytes: The largest payload that stays, in bytes as encoded.

    Raises:
        ModelError: The file is missing, no ONNX model, truncated or damaged.
        UsageError: The copy would overwrite the model, or cannot be written.
    """
    if output.exists() and path.exists() and output.samefile(path):
        raise UsageError.at(
            str(output), "the copy would overwrite the model and its weights", "name another file", code="U202"
        )
    stripped, before_bytes = _payload_free(path, keep_stack_traces=keep_stack_traces, limit_bytes=limit_bytes)
    _parsed(stripped, path)
    try:
        output.write_bytes(stripped)
    except OSError as error:
        raise UsageError.at(str(output), f"cannot be written: {error.strerror}", code="U202") from error
    return StripSizes(before_bytes=before_bytes, after_bytes=len(stripped))


def has_value(tensor: proto.TensorProto) -> bool:
    """Whether the elements of a tensor are in it, as many as its dims say.

    False for external data, for a payload that was left out, and for one of the wrong size. A tensor without elements
    has its value.
    """
    if tensor.data_location == proto.TensorProto.EXTERNAL or any(d < 0 for d in tensor.dims):
        return False
    elements: int = math.prod(tensor.dims)
    dtype = DType.from_number(tensor.data_type)
    if dtype is DType.UNDEFINED:
        return False
    if elements == 0:
        return True
    if tensor.HasField("raw_data"):
        return dtype is not DType.STRING and len(tensor.raw_data) == packed_bytes(elements, dtype)
    for field, dtypes in _TYPED_FIELDS.items():
        if dtype in dtypes:
            entries = 2 * elements if dtype.kind is Kind.COMPLEX else elements
            return len(getattr(tensor, field)) == entries
    # all others are in int32_data, those below eight bits packed into bytes
    return len(tensor.int32_data) == (packed_bytes(elements, dtype) if dtype.bits < 8 else elements)


def _payload_free(path: Path, *, keep_stack_traces: bool, limit_bytes: int) -> tuple[bytes, int]:
    """The serialized model without payloads, and the size of the file."""
    where = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _is_folder(path)
        if not stat.S_ISREG(status.st_mode):
            raise ModelError.at(where, "this is no regular file", "write the model to a file first", code="M101")
        if status.st_size == 0:
            raise ModelError.at(where, "the file is empty", "export or download the model again", code="M102")
        with path.open("rb") as file:
            mapped = _mapped(file, status.st_size)
    except FileNotFoundError as error:
        raise ModelError.at(where, "there is no such file", "check the path", code="M101") from error
    except OSError as error:
        raise ModelError.at(where, f"cannot be read: {error.strerror}", code="M101") from error
    if kind := kind_of_file(mapped[:HEAD_BYTES]):
        raise ModelError.at(where, f"this is no ONNX model: it looks like {kind[0]}", kind[1], code="M102")
    stripped = without_payloads(mapped, where, keep_stack_traces=keep_stack_traces, limit_bytes=limit_bytes)
    return stripped, status.st_size


def _mapped(file: BinaryIO, size_bytes: int) -> mmap.mmap:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if size_bytes > _MOSTLY_WEIGHTS_BYTES and hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
    return mapped


def _is_folder(path: Path) -> ModelError:
    models = sorted(p.name for p in path.glob("*.onnx"))
    shown = ", ".join(models[:3]) + (" ..." if len(models) > 3 else "")
    hint = f"it holds {shown}" if models else "give the .onnx file in it"
    return ModelError(Diagnostic(where=str(path), message="this is a folder, not a model file", hint=hint, code="M101"))


def _parsed(payload_free: bytes, path: Path) -> proto.ModelProto:
    where = str(path)
    try:
        model: proto.ModelProto = proto.ModelProto.FromString(payload_free)
    except DecodeError as error:
        raise ModelError.at(where, "protobuf cannot parse it as an ONNX model: it is damaged", code="M103") from error
    if not model.HasField("graph"):
        raise ModelError.at(
            where, "this is no ONNX model: it has no graph", "a .pb file may be one of TensorFlow", code="M102"
        )
    if model.ir_version == 0 and not model.graph.node:
        raise ModelError.at(
            where, "this is no ONNX model: it has no ir_version and its graph has no nodes", code="M102"
        )
    try:
        _check_texts(model)
    except TypeError as error:
        raise ModelError.at(where, "a name in it is not UTF-8 text: it is damaged", code="M103") from error
    return model


def _check_texts(model: proto.ModelProto) -> None:
    """Raises TypeError at a name that is not UTF-8: protobuf hands it out as bytes, which no text joins."""
    "".join((model.producer_name, model.producer_version, *(o.domain for o in model.opset_import)))
    _check_graph(model.graph)
    for function in model.functions:
        "".join((function.name, function.domain, *function.input, *function.output, *function.attribute))
        "".join(o.domain for o in function.opset_import)
        _check_values(function.value_info)
        _check_nodes(function.node)


def _check_graph(graph: proto.GraphProto) -> None:
    "".join((graph.name, *(t.name for t in graph.initializer), *(s.values.name for s in graph.sparse_initializer)))
    for values in (graph.input, graph.output, graph.value_info):
        _check_values(values)
    _check_nodes(graph.node)


def _check_values(values: Iterable[proto.ValueInfoProto]) -> None:
    for value in values:
        "".join((value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim)))


def _check_nodes(nodes: Iterable[proto.NodeProto]) -> None:
    for node in nodes:
        attributes = node.attribute
        "".join((node.name, node.op_type, node.domain, *node.input, *node.output, *(a.name for a in attributes)))
        for attribute in attributes:
            if attribute.HasField("g"):
                _check_graph(attribute.g)
            for graph in attribute.graphs:
                _check_graph(graph)
