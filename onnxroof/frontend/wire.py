"""Which bytes of a model file say something, its weights left out?

Walks the protobuf wire format of a `ModelProto` in a mapped file and touches only the pages that hold headers: a
payload is skipped by its length, never read and never copied. What comes out is again a `ModelProto`.

The file is not trusted: each length is held against the message around it, nesting is limited, groups (which ONNX
does not use) are refused, and each byte is looked at once for each level of nesting at most.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from onnxroof.errors import Diagnostic, ModelError

__all__ = ["MAX_DEPTH", "PAYLOAD_LIMIT_BYTES", "STRIPPED_LOCATION", "Piece", "with_metadata", "without_payloads"]

Piece: TypeAlias = "bytes | tuple[int, int]"
"""Bytes, or the part of the buffer from one position to another."""

PAYLOAD_LIMIT_BYTES = 1024
"""Payloads above this are left out: shapes, axes and scalars are far below, weights far above."""

MAX_DEPTH = 100
"""Messages within messages; the limit of protobuf's own parsers."""

STRIPPED_LOCATION = "<weights stripped>"
"""The external data file that a tensor names whose payload was left out: a name that no file has."""

_LARGEST_MESSAGE_BYTES = 2**31 - 1  # of protobuf's parsers

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# The messages to descend into, by field number (onnx.proto). All other fields are copied as they stand.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
# The tags of `g` and `graphs`: an attribute without these bytes has no subgraph.
_SUBGRAPH_TAGS = re.compile(rb"[\x32\x5a]")

# Fields that may go: training information, which does not run, and the stack traces of exporters.
_NODE_METADATA = 9
_MODEL_METADATA = 14
_DISPENSABLE: Mapping[str, frozenset[int]] = {"model": frozenset({20}), "node": frozenset({6, _NODE_METADATA})}

# Payload fields of a TensorProto with the wire types they may have: all at once, or element by element.
_PAYLOADS: Mapping[int, tuple[int, ...]] = {
    4: (_BYTES, _FIXED32),  # float_data
    5: (_BYTES, _VARINT),  # int32_data
    6: (_BYTES,),  # string_data
    7: (_BYTES, _VARINT),  # int64_data
    9: (_BYTES,),  # raw_data
    10: (_BYTES, _FIXED64),  # double_data
    11: (_BYTES, _VARINT),  # uint64_data
}

# The fields to look at in each kind of message.
_WATCHED: Mapping[str, frozenset[int]] = {
    kind: frozenset(children) | _DISPENSABLE.get(kind, frozenset()) for kind, children in _CHILDREN.items()
} | {
    "tensor": frozenset(_PAYLOADS),
    "metadata entry": frozenset({1}),
    "annotated model": frozenset({7, _MODEL_METADATA}),
}

# What a file begins with that holds a ModelProto: the tag of one of its fields 1 to 8, 14, 20, 25, 26.
_FIRST_BYTES = (
    b"\x08",
    b"\x12",
    b"\x1a",
    b"\x22",
    b"\x28",
    b"\x32",
    b"\x3a",
    b"\x42",
    b"\x72",
    b"\xa2\x01",
    b"\xca\x01",
    b"\xd2\x01",
)

# `ints` and `floats` of an attribute come one field an element, millions of them in a forest of trees.
_RUN_TAGS = (8 << 3 | _VARINT, 7 << 3 | _FIXED32)
_RUN = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++|(?:\x3d[\x00-\xff]{4})++")


def _varint(value: int) -> bytes:
    """A length or a tag in base 128, least significant group first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


# What takes the place of a payload: external_data {location: ...} (field 13), data_location = EXTERNAL (field 14).
_MARK = _field(13, _field(1, b"location") + _field(2, STRIPPED_LOCATION.encode())) + bytes((14 << 3 | _VARINT, 1))


def without_payloads(
    buffer: bytes | mmap.mmap,
    where: str,
    *,
    keep_stack_traces: bool = False,
    limit_bytes: int = PAYLOAD_LIMIT_BYTES,
) -> bytes:
    """The model without the values of its large tensors.

    A tensor (initializer, attribute, part of a sparse tensor, in subgraphs and functions too) whose payload takes more
    than `limit_bytes` loses it and becomes one with external data at `STRIPPED_LOCATION`. Smaller payloads and
    references to external data stay. `training_info` goes. Applied twice it changes nothing more.

    Args:
        buffer: A serialized `ModelProto`.
        where: What to call it in errors.
        keep_stack_traces: Keep `doc_string` of nodes and their metadata whose key ends in `stack_trace`: exporters put
            the Python source lines there that a node comes from.
        limit_bytes: The largest payload that stays, in bytes as encoded.

    Raises:
        ModelError: The buffer ends too early, is not in protobuf's wire format, or leaves more than 2 GiB.
    """
    walk = _Walk(buffer, where, keep_stack_traces, limit_bytes)
    if len(buffer) > 0 and not buffer[:2].startswith(_FIRST_BYTES):
        raise walk.fault("this is no ONNX model: it does not begin with a field of one")
    try:
        pieces = walk.rewritten("model", 0, len(buffer), 1)
    except IndexError:  # a tag, a number or a length was looked for behind the last byte
        raise walk.truncated("the file ends in the middle of a field") from None
    return b"".join([walk.copy(0, len(buffer))] if pieces is None else pieces)


def with_metadata(
    buffer: bytes | mmap.mmap,
    where: str,
    model: Mapping[str, str],
    nodes: Mapping[int, Mapping[str, str]],
    *,
    replaced: bytes,
) -> Iterator[Piece]:
    """The model with further metadata at itself and at the nodes of its graph; all else as it stands, byte by byte.

    Args:
        buffer: A serialized `ModelProto`.
        where: What to call it in errors.
        model: Entries for the model.
        nodes: Entries by the position of the node.
        replaced: Entries whose key begins so go first.

    Raises:
        ModelError: As in `without_payloads`.
    """
    walk = _Walk(buffer, where, keep_stack_traces=True, limit_bytes=0)
    try:
        yield from walk.annotated(model, nodes, replaced)
    except IndexError:
        raise walk.truncated("the file ends in the middle of a field") from None


def _entry(number: int, key: str, value: str) -> bytes:
    return _field(number, _field(1, key.encode()) + _field(2, value.encode()))


def _size(pieces: Iterable[Piece]) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)


@dataclass(slots=True)
class _Walk:
    """One walk over one buffer, with what it has copied and dropped so far."""

    buffer: bytes | mmap.mmap
    where: str
    keep_stack_traces: bool
    limit_bytes: int
    copied_bytes: int = 0
    dropped_tensors: int = 0

    def rewritten(self, kind: str, start: int, end: int, depth: int) -> list[bytes] | None:
        """The message at [start, end) without payloads, in pieces; None if it can be copied as it stands."""
        if depth > MAX_DEPTH:
            raise self.fault(f"messages are nested deeper than {MAX_DEPTH} at byte {start}")
        if kind == "tensor":
            return self._tensor(start, end)
        children = _CHILDREN[kind]
        pieces: list[bytes] = []
        copied = start
        for begin, number, wire, content, behind in self._fields(kind, start, end):
            if number not in children:
                if self._goes(kind, number, content, behind):
                    pieces.append(self.copy(copied, begin))
                    copied = behind
                continue
            child = children[number]
            if wire != _BYTES:
                raise self.fault(f"the {child} in a {kind} at byte {begin} has wire type {wire} instead of {_BYTES}")
            if behind - content <= self.limit_bytes and self._is_plain(child, content, behind):
                continue
            inner = self.rewritten(child, content, behind, depth + 1)
            if inner is None:
                continue
            header = _varint(number << 3 | _BYTES) + _varint(sum(map(len, inner)))
            pieces += (self.copy(copied, begin), header, *inner)
            copied = behind
        if copied == start:
            return None
        return [*pieces, self.copy(copied, end)]

    def annotated(
        self, model: Mapping[str, str], nodes: Mapping[int, Mapping[str, str]], replaced: bytes
    ) -> Iterator[Piece]:
        """The model in pieces, with metadata at itself and its nodes."""
        copied = position = 0
        for begin, number, wire, content, behind in self._fields("annotated model", 0, len(self.buffer)):
            if number == _MODEL_METADATA and not self._has_key(content, behind, replaced):
                continue
            yield (copied, begin)
            copied = behind
            if number == _MODEL_METADATA:
                continue
            if wire != _BYTES:
                raise self.fault(f"the graph at byte {begin} has wire type {wire} instead of {_BYTES}")
            pieces: list[Piece] = []
            done = content
            for first, kind, form, inside, last in self._fields("graph", content, behind):
                if kind != 1 or form != _BYTES:
                    continue
                pieces += ((done, first), *self._node(inside, last, nodes.get(position, {}), replaced))
                done = last
                position += 1
            pieces.append((done, behind))
            yield _varint(number << 3 | _BYTES) + _varint(_size(pieces))
            yield from pieces
        yield (copied, len(self.buffer))
        yield b"".join(_entry(_MODEL_METADATA, key, value) for key, value in model.items())

    def _node(self, start: int, end: int, entries: Mapping[str, str], replaced: bytes) -> tuple[Piece, ...]:
        """A node of a graph with its tag and length, and with metadata."""
        pieces: list[Piece] = []
        copied = start
        for begin, number, _, content, behind in self._fields("node", start, end):
            if number == _NODE_METADATA and self._has_key(content, behind, replaced):
                pieces.append((copied, begin))
                copied = behind
        pieces.append((copied, end))
        pieces.append(b"".join(_entry(_NODE_METADATA, key, value) for key, value in entries.items()))
        return (_varint(1 << 3 | _BYTES) + _varint(_size(pieces)), *pieces)

    def _has_key(self, content: int, behind: int, prefix: bytes) -> bool:
        keys = self._fields("metadata entry", content, behind)
        return any(self.buffer[key:until].startswith(prefix) for _, _, _, key, until in keys)

    def _tensor(self, start: int, end: int) -> list[bytes] | None:
        spans: list[tuple[int, int]] = []
        payload_bytes = 0
        copied = start
        for begin, number, wire, content, behind in self._fields("tensor", start, end):
            if wire not in _PAYLOADS[number]:
                raise self.fault(f"the values of the tensor at byte {begin} have wire type {wire}")
            payload_bytes += behind - content
            if begin > copied:
                spans.append((copied, begin))
            copied = behind
        if payload_bytes <= self.limit_bytes:
            return None
        self._release_pages()
        return [*(self.copy(*span) for span in spans), self.copy(copied, end), _MARK]

    def copy(self, start: int, end: int) -> bytes:
        """Bytes that stay. A sparse file costs nothing and may claim terabytes: hence the limit."""
        self.copied_bytes += end - start
        if self.copied_bytes > _LARGEST_MESSAGE_BYTES:
            raise self.fault("more than 2 GiB are left without the weights, which protobuf cannot parse")
        return self.buffer[start:end]

    def _release_pages(self) -> None:
        """Hands back the pages of the file that the walk went through.

        With each header the kernel maps 64 KiB around it: ten thousand tensors would keep 0.6 GB of weights in memory.
        """
        self.dropped_tensors += 1
        if self.dropped_tensors % 256 == 0 and isinstance(self.buffer, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self.buffer.madvise(mmap.MADV_DONTNEED)

    def _is_plain(self, kind: str, content: int, behind: int) -> bool:
        """Whether a small message has nothing in it that could go: no node, so no stack trace."""
        if kind == "attribute":
            return _SUBGRAPH_TAGS.search(self.buffer, content, behind) is None
        return kind in ("tensor", "sparse tensor")

    def _goes(self, kind: str, number: int, content: int, behind: int) -> bool:
        """Whether a dispensable field is left out."""
        if kind != "node":
            return True
        if self.keep_stack_traces:
            return False
        if number != _NODE_METADATA:
            return True
        if self.buffer.find(b"stack_trace", content, behind) < 0:
            return False
        keys = self._fields("metadata entry", content, behind)
        return any(self.buffer[key:until].endswith(b"stack_trace") for _, _, _, key, until in keys)

    def _fields(self, kind: str, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        """The watched fields of the message at [start, end): (begin, number, wire type, begin of the content, end)."""
        buffer = self.buffer
        watched = _WATCHED[kind]
        position = start
        while position < end:
            begin = position
            tag = buffer[position]
            position += 1
            if tag > 0x7F:
                tag, position = self._number(begin)
            number, wire = tag >> 3, tag & 7
            content = position
            if tag in _RUN_TAGS and kind == "attribute" and (run := _RUN.match(buffer, begin, end)):
                position = run.end()
            elif wire == _BYTES:
                size = buffer[position]
                position += 1
                if size > 0x7F:
                    size, position = self._number(content)
                content = position
                position += size
            elif wire == _VARINT:
                _, position = self._number(position)
            elif wire == _FIXED32:
                position += 4
            elif wire == _FIXED64:
                position += 8
            else:
                raise self.fault(f"a field of a {kind} at byte {begin} has wire type {wire}, which ONNX does not use")
            if number == 0:
                raise self.fault(f"a field of a {kind} at byte {begin} has the number 0")
            if position > end:
                raise self._overrun(kind, number, begin, end)
            if number in watched:
                yield begin, number, wire, content, position

    def _number(self, position: int) -> tuple[int, int]:
        """A number in base 128 and the position behind it."""
        value = 0
        for index in range(10):
            byte = self.buffer[position + index]
            value |= (byte & 0x7F) << 7 * index
            if byte <= 0x7F:
                return value, position + index + 1
        raise self.fault(f"the number at byte {position} is longer than ten bytes")

    def _overrun(self, kind: str, number: int, begin: int, end: int) -> ModelError:
        what = _CHILDREN.get(kind, {}).get(number, "field")
        if kind == "model":
            return self.truncated(f"the file ends in the middle of the {what} that begins at byte {begin}")
        return self.fault(f"the {what} at byte {begin} reaches beyond the {kind} around it, which ends at byte {end}")

    def truncated(self, message: str) -> ModelError:
        """The error of a file that lacks its end."""
        return self.fault(f"{message}, at byte {len(self.buffer)}: it is truncated")

    def fault(self, message: str) -> ModelError:
        """The error of a file that no exporter writes."""
        return ModelError(
            Diagnostic(where=self.where, message=message, hint="export or download the model again", code="M103")
        )
