"""Output types of one node, and its output values where its inputs are small and known.

Every symbolic dimension has its value before the walk starts, so one pass in topological order suffices: onnx's
own inference of a single node gives the types, onnx's reference evaluator the values of shape arithmetic.
Both are memoised by structure: a block that is repeated eighty times is inferred once.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import checker, defs, helper, numpy_helper, shape_inference

from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.contrib_shapes import contrib_note, contrib_types
from onnxroof.frontend.ml_shapes import ml_types
from onnxroof.frontend.sequences import sequence_length, sequence_types
from onnxroof.frontend.standard_shapes import standard_types
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, most_value_elements, type_of_proto, type_to_proto
from onnxroof.frontend.upper_bounds import upper_bounds

__all__ = ["RANDOM", "Inference", "NodeValue"]

Value = npt.NDArray[Any]
_Item = TypeVar("_Item")

# Their results differ from run to run, so they are never folded.
RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


@dataclass(frozen=True, slots=True)
class NodeValue:
    """Inferred outputs of a node, by position.

    Attributes:
        types: One a declared output; "" outputs have one too.
        values: Contents where known.
        note: What was assumed of a size that depends on data, or "".
    """

    types: tuple[ValueType, ...]
    values: tuple[Value | None, ...]
    note: str = ""


@dataclass(slots=True)
class Inference:
    """Infers nodes of one model; keeps what it has seen.

    Attributes:
        ir_version: Of the model.
    """

    ir_version: int
    _seen: dict[tuple[object, ...], NodeValue] = field(default_factory=dict)

    def node(
        self,
        node: onnx.NodeProto,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Value | None],
    ) -> NodeValue:
        """Types and values of a node's outputs.

        Args:
            node: With attribute references resolved and without subgraphs.
            opsets: Imported versions by domain.
            types: Of the inputs by position, None for one that is left out.
            values: Contents of the inputs where known.

        Raises:
            ContradictionError: The inputs' shapes do not go together.
        """
        version = opsets.get(node.domain, 1)
        key = (
            node.op_type,
            node.domain,
            version,
            b"".join(a.SerializeToString(deterministic=True) for a in node.attribute),
            tuple(types),
            tuple(None if v is None else (v.dtype.str, v.shape, v.tobytes()) for v in values),
            tuple(bool(name) for name in node.output),
        )
        if key not in self._seen:
            self._seen[key] = self._infer(node, version, opsets, types, values)
        return self._seen[key]

    def _infer(
        self,
        node: onnx.NodeProto,
        version: int,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Value | None],
    ) -> NodeValue:
        count = len(node.output)
        if node.op_type == "Range" and not node.domain:
            # The standard asks for scalars, runtimes and exporters take one element of any rank for one.
            types, values = _as_scalars(types, values)
        schema = _schema(node.op_type, node.domain, version)
        if schema is None:
            found = contrib_types(node, types, values) or ()
            note = contrib_note(node) if found else ""
            return NodeValue(_of_length(found, count, UNKNOWN_TYPE), (None,) * count, note=note)
        inferred = bounded = self._types(node, schema, opsets, types, values)
        if any(not t.is_complete for t in inferred):
            inferred = _of_length(ml_types(node, types, inferred), count, UNKNOWN_TYPE)
            inferred = _of_length(standard_types(node, types, values, inferred), count, UNKNOWN_TYPE)
            bounded = _of_length(upper_bounds(node, types, values, inferred), count, UNKNOWN_TYPE)
        inferred = sequence_types(node, types, values, inferred)
        bounded = sequence_types(node, types, values, bounded)
        contents = _of_length(self._values(node, opsets, types, values, bounded), count, None)
        if bounded != inferred and all(content is None for content in contents):
            note = f"the size of the output of {node.op_type} depends on data and is taken at its upper bound"
            return NodeValue(bounded, contents, note=note)
        exact = tuple(
            kind if content is None else ValueType(kind.dtype, content.shape)
            for kind, content in zip(bounded, contents, strict=True)
        )
        return NodeValue(exact, contents)

    def _types(
        self,
        node: onnx.NodeProto,
        schema: defs.OpSchema,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Value | None],
    ) -> tuple[ValueType, ...]:
        probe = _probe(node, types)
        _state_defaults(probe, schema)
        known = {f"i{i}": type_to_proto(t) for i, t in enumerate(types) if t is not None}
        data = {f"i{i}": numpy_helper.from_array(v, f"i{i}") for i, v in enumerate(values) if v is not None}
        imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        try:
            found = shape_inference.infer_node_outputs(
                schema, probe, known, data, opset_imports=imports, ir_version=self.ir_version
            )
        except shape_inference.InferenceError as error:
            if "TypeInferenceError" in str(error):
                return (UNKNOWN_TYPE,) * len(node.output)
            raise ContradictionError(_inference_message(error)) from error
        except (RuntimeError, ValueError, checker.ValidationError):
            found = {}  # a node that its schema does not allow; what the file declares of its results still counts
        result = tuple(
            type_of_proto(found[f"o{i}"]) if f"o{i}" in found else UNKNOWN_TYPE for i in range(len(node.output))
        )
        if getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False):
            wanted = [bool(name) for name in node.output]
            if any(not t.is_complete and not t.container and w for t, w in zip(result, wanted, strict=True)):
                return self._types_by_body(probe, known, data, imports, result)
        return result

    def _types_by_body(
        self,
        probe: onnx.NodeProto,
        known: Mapping[str, onnx.TypeProto],
        data: Mapping[str, onnx.TensorProto],
        imports: list[onnx.OperatorSetIdProto],
        fallback: tuple[ValueType, ...],
    ) -> tuple[ValueType, ...]:
        """Types of an operator that onnx defines by a function body, inferred through that body."""
        inputs = [helper.make_value_info(name, proto) for name, proto in known.items() if name not in data]
        outputs = [onnx.ValueInfoProto(name=name) for name in probe.output if name]
        graph = helper.make_graph([probe], "probe", inputs, outputs, list(data.values()))
        model = helper.make_model(graph, opset_imports=imports, ir_version=self.ir_version)
        with contextlib.suppress(shape_inference.InferenceError, RuntimeError, ValueError):
            model = shape_inference.infer_shapes(model, data_prop=True)
        found = {v.name: type_of_proto(v.type) for v in (*model.graph.output, *model.graph.value_info)}
        return tuple(
            found[f"o{i}"] if f"o{i}" in found and found[f"o{i}"].shape is not None else fallback[i]
            for i in range(len(fallback))
        )

    def _values(
        self,
        node: onnx.NodeProto,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Value | None],
        inferred: tuple[ValueType, ...],
    ) -> tuple[Value | None, ...]:
        nothing: tuple[Value | None, ...] = (None,) * len(node.output)
        if node.op_type in ("Shape", "Size") and not node.domain:
            source = types[0] if types else None
            if source is None or not source.is_complete or source.shape is None:
                return nothing
            return (_shape_value(node, [extent or 0 for extent in source.shape]),)
        length = sequence_length(node, types)
        if length is not None:
            return (length,)
        if node.op_type in RANDOM or any(t is not None and v is None for t, v in zip(types, values, strict=True)):
            return nothing
        if any(not t.is_complete or _elements(t) > most_value_elements(t.dtype) for t in inferred):
            return nothing
        return _evaluate(_probe(node, types), opsets, values, self.ir_version) or nothing


def _of_length(items: Sequence[_Item], count: int, filler: _Item) -> tuple[_Item, ...]:
    """One item for each output that the node lists, which may be more or fewer than its operator has."""
    return tuple(items[i] if i < len(items) else filler for i in range(count))


def _shape_value(node: onnx.NodeProto, extents: list[int]) -> Value:
    if node.op_type == "Size":
        return np.array(math.prod(extents), dtype=np.int64)
    attributes = {a.name: a.i for a in node.attribute}
    return np.array(extents[attributes.get("start", 0) : attributes.get("end", len(extents))], dtype=np.int64)


def _evaluate(
    probe: onnx.NodeProto, opsets: Mapping[str, int], values: Sequence[Value | None], ir_version: int
) -> tuple[Value | None, ...] | None:
    """The outputs by onnx's reference evaluator, None where it does not know the operator or refuses."""
    from onnx.reference import ReferenceEvaluator

    inputs = [
        helper.make_tensor_value_info(f"i{i}", helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for i, v in enumerate(values)
        if v is not None
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in probe.output if name]
    graph = helper.make_graph([probe], "probe", inputs, outputs)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()], ir_version=ir_version
    )
    feeds = {f"i{i}": v for i, v in enumerate(values) if v is not None}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = iter(ReferenceEvaluator(model).run(None, feeds))
    except Exception:  # the evaluator raises whatever its numpy code raises; the value is then not known
        return None
    found = [next(results) if name else None for name in probe.output]
    return tuple(np.asarray(v) if isinstance(v, (np.ndarray, np.generic)) else None for v in found)


def _as_scalars(
    types: Sequence[ValueType | None], values: Sequence[Value | None]
) -> tuple[list[ValueType | None], list[Value | None]]:
    is_one = [t is not None and t.shape is not None and set(t.shape) == {1} for t in types]
    return (
        [replace(t, shape=()) if one and t is not None else t for t, one in zip(types, is_one, strict=True)],
        [v.reshape(()) if one and v is not None else v for v, one in zip(values, is_one, strict=True)],
    )


def _probe(node: onnx.NodeProto, types: Sequence[ValueType | None]) -> onnx.NodeProto:
    """The node with its operands named by position: i0, i1 ... and o0, o1 ...; "" for one that is left out."""
    probe = onnx.NodeProto(op_type=node.op_type, domain=node.domain)
    probe.input.extend(f"i{i}" if kind is not None else "" for i, kind in enumerate(types))
    probe.output.extend(f"o{i}" if name else "" for i, name in enumerate(node.output))
    probe.attribute.extend(node.attribute)
    return probe


def _state_defaults(probe: onnx.NodeProto, schema: defs.OpSchema) -> None:
    """Gives the node the attributes that it leaves to their defaults.

    onnx's inference has defaults of its own, and not always those of the schema: without `onesided` it takes a
    transform of STFT for a two-sided one.
    """
    stated = {attribute.name for attribute in probe.attribute}
    probe.attribute.extend(
        attribute.default_value
        for name, attribute in schema.attributes.items()
        if name not in stated and attribute.default_value.type
    )


def _schema(op_type: str, domain: str, version: int) -> defs.OpSchema | None:
    """The schema at an opset version; the newest where that version has none.

    ONNX Runtime's optimizer puts operators such as LayerNormalization into models of an older opset.
    """
    for arguments in ((op_type, version, domain), (op_type, domain)):
        try:
            return defs.get_schema(*arguments)
        except defs.SchemaError:
            continue
    return None


def _elements(value: ValueType) -> int:
    return math.prod(extent or 0 for extent in value.shape or ())


def _inference_message(error: Exception) -> str:
    text = str(error).split("]", 1)[-1].strip()
    return text.removeprefix("Inference error(s):").strip() or str(error)
