"""Searches for a text (greedy, sampling, beams): a decoder graph run once over the prompt and once for each token.

The first run is listed as NAME/prompt, the others together as NAME/step, with the cache at its mean length. Models
with an encoder run that once, as NAME/encoder, and start from one token. How many tokens are generated is a named
dimension, NAME.trips; the most that the model states where it does. The choice among the logits is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.control_flow import Lowerer, activation_of, lowered_body, name_results, named_trips, subgraph
from onnxroof.frontend.scope import Scope
from onnxroof.frontend.types import ValueType, type_of_proto

if TYPE_CHECKING:
    from onnxroof.frontend.lower import Lowering

__all__ = ["SEARCHES"]

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Where a search takes what it is asked for; -1 for what it does not have."""

    max_length: int
    beams: int = -1
    sequences: int = -1
    decoder_ids: int = -1


@dataclass(frozen=True, slots=True)
class _Extents:
    """Rows of a batch, beams of a row, sequences returned for one, tokens of the prompt, and tokens generated."""

    batch: int
    beams: int
    returned: int
    prompt: int
    trips: int

    @property
    def rows(self) -> int:
        return self.batch * self.beams

    @property
    def mean_past(self) -> int:
        """Tokens of the cache in the runs behind the first, on average, rounded down."""
        return self.prompt + max(self.trips - 2, 0) // 2


_GREEDY = _Inputs(max_length=1)
_BEAMS = _Inputs(max_length=1, beams=3, sequences=4, decoder_ids=10)


def _lower_search(lowering: Lowering, node: proto.NodeProto, name: str, scope: Scope) -> None:
    inputs = _BEAMS if "Beam" in node.op_type else _GREEDY
    operands = lowering.operands(node, scope)
    graphs = {a.name for a in node.attribute if a.HasField("g")}
    source = lowering.known[operands[0]].type
    extents = _extents(lowering, name, inputs, operands, source, has_encoder="encoder" in graphs)
    decoder = subgraph(lowering, node, "decoder", name)
    caches: list[ValueType] = []
    if "encoder" in graphs:
        encoder = subgraph(lowering, node, "encoder", name)
        types = _encoder_types(encoder, source, extents)
        results = lowered_body(lowering, encoder, name, "encoder", scope, scope.repeat, node, operands, types)
        caches = [kind for kind in (lowering.known[r].type for r in results) if _rank(kind) == 4]
        steps, past = extents.trips, extents.prompt + max(extents.trips - 1, 0) // 2
    else:
        first = subgraph(lowering, node, "init_decoder", name) if "init_decoder" in graphs else decoder
        types = _decoder_types(first, extents, tokens=extents.prompt, past=0)
        results = lowered_body(lowering, first, name, "prompt", scope, scope.repeat, node, operands, types)
        steps, past = extents.trips - 1, extents.mean_past
    if steps > 0:
        types = _decoder_types(decoder, extents, tokens=1, past=past, caches=caches)
        results = lowered_body(lowering, decoder, name, "step", scope, scope.repeat * steps, node, results, types)
    lowering.notes[f"{name}: the decoder is counted {extents.trips} times; the choice among its logits is not"] = None
    vocabulary = lowering.known[results[0]].type.shape
    made = _results(node, extents, vocabulary[-1] if vocabulary else None)
    name_results(lowering, node, name, scope, results, [activation_of(lowering, results[0], kind) for kind in made])


def _extents(
    lowering: Lowering,
    name: str,
    inputs: _Inputs,
    operands: Sequence[str],
    source: ValueType,
    *,
    has_encoder: bool,
) -> _Extents:
    def scalar(place: int) -> int | None:
        value = lowering.value(operands, place) if place >= 0 else None
        return None if value is None or not value.size else value.integers[0]

    shape = source.shape or (None, None)
    prompt = 1 if has_encoder else shape[1] or 1
    if has_encoder and 0 <= inputs.decoder_ids < len(operands) and operands[inputs.decoder_ids]:
        forced = lowering.known[operands[inputs.decoder_ids]].type.shape
        prompt = (forced[1] or 1) if forced is not None and len(forced) == 2 else 1
    most = scalar(inputs.max_length)
    trips = named_trips(lowering, name, None if most is None else max(most - prompt, 1))
    return _Extents(shape[0] or 1, scalar(inputs.beams) or 1, scalar(inputs.sequences) or 1, prompt, max(trips, 1))


def _encoder_types(graph: proto.GraphProto, source: ValueType, extents: _Extents) -> list[ValueType]:
    """What an encoder takes: the source, where there are three inputs its mask, and the first tokens of the decoder."""
    types = [source]
    formals = [type_of_proto(formal.type) for formal in graph.input]
    for place, formal in enumerate(formals[1:], start=1):
        is_last = place == len(formals) - 1
        length = extents.prompt if is_last else (source.shape or (None, None))[1]
        types.append(ValueType(formal.dtype, (extents.batch, length)))
    return types


def _decoder_types(
    graph: proto.GraphProto, extents: _Extents, *, tokens: int, past: int, caches: Sequence[ValueType] = ()
) -> list[ValueType]:
    """What a decoder takes: tokens, their positions or a mask, then caches, told by the ranks of its inputs.

    Args:
        graph: The decoder.
        extents: Of the search.
        tokens: That it takes at once.
        past: That its own caches hold.
        caches: What an encoder returned: those of its own in the first half, of the encoder in the second.
    """
    types = []
    seen = 0
    for place, formal in enumerate(type_of_proto(formal.type) for formal in graph.input):
        shape: Shape | None = formal.shape
        if _rank(formal) == 5 and shape is not None:  # keys and values in one [2, rows, heads, tokens, width]
            shape = (2, extents.rows, shape[2], past, shape[4])
        elif _rank(formal) == 4 and shape is not None:
            known = caches[seen].shape if seen < len(caches) else None
            is_own = not caches or seen < len(caches) // 2
            heads, length, width = known[1:] if known is not None else shape[1:]
            shape = (extents.rows, heads, past if is_own else length, width)
            seen += 1
        elif _rank(formal) == 2:
            # Behind tokens come their positions; then a mask over past and new tokens, or over those of an encoder.
            if caches and place:
                shape = (extents.rows, caches[-1].shape[2] if caches[-1].shape else None)
            else:
                shape = (extents.rows, tokens if place < 2 else past + tokens)
        elif _rank(formal) == 3 and shape is not None:
            shape = (extents.rows, *shape[1:])
        types.append(ValueType(formal.dtype, shape))
    return types


def _rank(kind: ValueType) -> int:
    return -1 if kind.shape is None else len(kind.shape)


def _results(node: proto.NodeProto, extents: _Extents, vocabulary: int | None) -> list[ValueType]:
    length = extents.prompt + extents.trips
    if "Beam" not in node.op_type:
        return [
            ValueType(DType.INT32, (extents.batch, length)),
            ValueType(DType.FLOAT, (extents.batch, vocabulary)),
        ]
    found = [
        ValueType(DType.INT32, (extents.batch, extents.returned, length)),
        ValueType(DType.FLOAT, (extents.batch, extents.returned)),
        ValueType(DType.FLOAT, (extents.trips, extents.batch, extents.beams, vocabulary)),
    ]
    # Of the scores of cross attentions and of silence no shape follows from the graph's own.
    return found + [ValueType(DType.FLOAT, None)] * max(len(node.output) - len(found), 0)


SEARCHES: Mapping[tuple[str, str], Lowerer] = {
    ("com.microsoft", op_type): _lower_search
    for op_type in ("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch")
}
