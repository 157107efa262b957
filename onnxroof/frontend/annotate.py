"""A copy of a model file with words at its nodes, its weights untouched and never in memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import onnx

from onnxroof.errors import UsageError
from onnxroof.frontend.read import read_model
from onnxroof.frontend.scope import subgraphs
from onnxroof.frontend.wire import STRIPPED_LOCATION, with_metadata

__all__ = ["GraphNames", "annotate_model", "graph_names"]

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class GraphNames:
    """Names of a model's own graph.

    Attributes:
        graph: Its own.
        nodes: By position the name and the first output of each of its nodes, "" for none.
        are_named_inside: Whether in each body of it all nodes have names of their own.
    """

    graph: str
    nodes: tuple[tuple[str, str], ...]
    are_named_inside: bool


def graph_names(path: Path) -> GraphNames:
    """The names in a model's graph. Raises `ModelError` as `read_model` does."""
    graph = read_model(path).graph
    return GraphNames(
        graph=graph.name,
        nodes=tuple((node.name, next((name for name in node.output if name), "")) for node in graph.node),
        are_named_inside=all(_is_named(body) for node in graph.node for body in subgraphs(node)),
    )


def _is_named(graph: onnx.GraphProto) -> bool:
    names = [node.name for node in graph.node]
    is_own = "" not in names and len(set(names)) == len(names)
    return is_own and all(_is_named(body) for node in graph.node for body in subgraphs(node))


def annotate_model(
    path: Path, output: Path, model: Mapping[str, str], nodes: Mapping[int, Mapping[str, str]], *, prefix: str
) -> None:
    """Writes a copy of a model with metadata at itself and at its nodes; a file that was there stays whole if it fails.

    Weights inside the file are copied byte by byte. Weights beside it stay there: so the copy must be in their folder.

    Args:
        path: Of the model.
        output: File to write; it may exist, but must not be the model.
        model: Entries for the model.
        nodes: Entries by the position of the node in the model's graph.
        prefix: Entries whose key begins so, which an earlier annotation left, go.

    Raises:
        ModelError: The file is missing, no ONNX model, truncated or damaged.
        UsageError: The copy would overwrite the model, would lose its weights, or cannot be written.
    """
    if output.exists() and path.exists() and output.samefile(path):
        raise UsageError.at(str(output), "the copy would overwrite the model", "name another file", code="U202")
    external = next((name for name in _external(read_model(path).graph) if (path.parent / name).exists()), "")
    if external and output.resolve().parent != path.resolve().parent:
        raise UsageError.at(
            str(output), f"the weights of the model are in `{external}` beside it, where the copy would not find them",
            f"write it into {path.resolve().parent}", code="U202",
        )  # fmt: skip
    whole = output.resolve()
    temporary = whole.with_name(f".{whole.name}.{os.getpid()}.part")
    try:
        with (
            path.open("rb") as source,
            temporary.open("wb") as target,
            mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            for piece in with_metadata(mapped, str(path), model, nodes, replaced=prefix.encode()):
                if isinstance(piece, bytes):
                    target.write(piece)
                else:
                    _copy(source, target, *piece)
        temporary.replace(whole)
    except OSError as error:
        raise UsageError.at(str(output), f"cannot be written: {error.strerror or error}", code="U202") from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source: BinaryIO, target: BinaryIO, start: int, end: int) -> None:
    source.seek(start)
    while start < end:
        chunk = source.read(min(_CHUNK_BYTES, end - start))
        if not chunk:
            raise OSError("the model became shorter while it was read")
        target.write(chunk)
        start += len(chunk)


def _external(graph: onnx.GraphProto) -> Iterator[str]:
    """Files beside the model in which tensors of a graph lie, also in bodies and attributes of its nodes."""
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    tensors = [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]
    tensors += [attribute.t for attribute in attributes if attribute.HasField("t")]
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield from (e.value for e in tensor.external_data if e.key == "location" and e.value != STRIPPED_LOCATION)
    for attribute in attributes:
        for body in (attribute.g, *attribute.graphs):
            yield from _external(body)
