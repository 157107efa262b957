"""What the onnx package says of one node: its schema, the types of its outputs, and their values.

The door to that package for all that a walk asks of it, imported where something is asked: starting the package takes
longer than counting a small model.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import checker, defs, helper, numpy_helper, shape_inference

from onnxroof.dtypes import DType, Kind
from onnxroof.frontend import proto
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, type_of_proto, type_to_proto
from onnxroof.ir.contents import Contents

__all__ = ["decoded", "evaluated", "inferred_types", "least_inputs", "schema_defaults", "schema_of", "standard_shape"]

_LATEST = 2**31 - 1  # of the versions that onnx can be asked for

Types = Sequence[ValueType | None]
Values = Sequence[Contents | None]


def schema_of(op_type: str, domain: str, version: int) -> defs.OpSchema | None:
    """The schema at an opset version; the newest where that version has none.

    ONNX Runtime's optimizer puts operators such as LayerNormalization into models of an older opset.
    """
    for arguments in ((op_type, min(version, _LATEST), domain), (op_type, domain)):
        try:
            return defs.get_schema(*arguments)
        except defs.SchemaError:
            continue
    return None


def schema_defaults(op_type: str, domain: str, version: int) -> Mapping[str, Any] | None:
    """Attribute defaults at an opset version, None where that has no such operator."""
    try:
        schema = defs.get_schema(op_type, min(version, _LATEST), domain)
    except defs.SchemaError:
        return None
    return {
        name: helper.get_attribute_value(attribute.default_value)
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type
    }


def least_inputs(op_type: str, domain: str, version: int) -> int:
    """How many inputs an operator needs at an opset version, 0 where that has no such operator."""
    try:
        least: int = defs.get_schema(op_type, min(version, _LATEST), domain).min_input
    except defs.SchemaError:
        return 0
    return least


def inferred_types(
    node: proto.NodeProto,
    schema: defs.OpSchema,
    opsets: Mapping[str, int],
    types: Types,
    values: Values,
    ir_version: int,
) -> tuple[ValueType, ...]:
    """Types of a node's outputs by onnx's own inference.

    Raises:
        ContradictionError: The inputs' shapes do not go together.
    """
    probe = _probe(node, types)
    _state_defaults(probe, schema)
    known = {f"i{i}": _to_onnx(t) for i, t in enumerate(types) if t is not None}
    data = {f"i{i}": numpy_helper.from_array(_array(v), f"i{i}") for i, v in enumerate(values) if v is not None}
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        found = shape_inference.infer_node_outputs(
            schema, probe, known, data, opset_imports=imports, ir_version=ir_version
        )
    except shape_inference.InferenceError as error:
        if "TypeInferenceError" in str(error):
            return (UNKNOWN_TYPE,) * len(node.output)
        raise ContradictionError(_inference_message(error)) from error
    except (RuntimeError, ValueError, checker.ValidationError):
        found = {}  # a node that its schema does not allow; what the file declares of its results still counts
    result = tuple(type_of_proto(found[f"o{i}"]) if f"o{i}" in found else UNKNOWN_TYPE for i in range(len(node.output)))
    if getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False):
        wanted = [bool(name) for name in node.output]
        if any(not t.is_complete and not t.container and w for t, w in zip(result, wanted, strict=True)):
            return _types_by_body(probe, known, data, imports, result, ir_version)
    return result


def standard_shape(
    op_type: str,
    shapes: Mapping[str, tuple[int, ...]],
    stated: Sequence[proto.AttributeProto],
    attributes: Mapping[str, Any],
) -> ValueType | None:
    """Type of output 0 of a standard operator in its newest version, None where onnx refuses.

    Args:
        op_type: The operator.
        shapes: Of its inputs by name, in order; they are taken as floats.
        stated: Attributes of another node, of which those are handed on that the operator has.
        attributes: Win over `stated`.
    """
    schema = defs.get_schema(op_type)
    probe = onnx.NodeProto(op_type=op_type, input=list(shapes), output=["y"])
    for attribute in stated:
        if attribute.name in schema.attributes and attribute.name not in attributes:
            probe.attribute.add().ParseFromString(attribute.SerializeToString())
    probe.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    known = {name: _to_onnx(ValueType(DType.FLOAT, shape)) for name, shape in shapes.items()}
    imports = [helper.make_opsetid("", schema.since_version)]
    try:
        found = shape_inference.infer_node_outputs(schema, probe, known, opset_imports=imports)
    except (shape_inference.InferenceError, checker.ValidationError):
        return None
    return type_of_proto(found["y"])


def evaluated(
    node: proto.NodeProto, opsets: Mapping[str, int], types: Types, values: Values, ir_version: int
) -> tuple[Contents | None, ...] | None:
    """The outputs by onnx's reference evaluator, None where it does not know the operator or refuses."""
    from onnx.reference import ReferenceEvaluator

    probe = _probe(node, types)
    feeds = {f"i{i}": _array(v) for i, v in enumerate(values) if v is not None}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in probe.output if name]
    graph = helper.make_graph([probe], "probe", inputs, outputs)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()], ir_version=ir_version
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = iter(ReferenceEvaluator(model).run(None, feeds))
    except Exception:  # the evaluator raises whatever its numpy code raises; the value is then not known
        return None
    found = [next(results) if name else None for name in probe.output]
    return tuple(_contents(np.asarray(v)) if isinstance(v, (np.ndarray, np.generic)) else None for v in found)


def decoded(tensor: proto.TensorProto) -> Contents | None:
    """The elements of a tensor of any type that numpy can hold, None where onnx cannot decode it."""
    try:
        return _contents(numpy_helper.to_array(onnx.TensorProto.FromString(tensor.SerializeToString())))
    except (ValueError, TypeError, KeyError):
        return None


def _types_by_body(
    probe: onnx.NodeProto,
    known: Mapping[str, onnx.TypeProto],
    data: Mapping[str, onnx.TensorProto],
    imports: list[onnx.OperatorSetIdProto],
    fallback: tuple[ValueType, ...],
    ir_version: int,
) -> tuple[ValueType, ...]:
    """Types of an operator that onnx defines by a function body, inferred through that body."""
    inputs = [helper.make_value_info(name, proto) for name, proto in known.items() if name not in data]
    outputs = [onnx.ValueInfoProto(name=name) for name in probe.output if name]
    graph = helper.make_graph([probe], "probe", inputs, outputs, list(data.values()))
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    with contextlib.suppress(shape_inference.InferenceError, RuntimeError, ValueError):
        model = shape_inference.infer_shapes(model, data_prop=True)
    found = {v.name: type_of_proto(v.type) for v in (*model.graph.output, *model.graph.value_info)}
    return tuple(
        found[f"o{i}"] if f"o{i}" in found and found[f"o{i}"].shape is not None else fallback[i]
        for i in range(len(fallback))
    )


def _to_onnx(value: ValueType) -> onnx.TypeProto:
    kind: onnx.TypeProto = onnx.TypeProto.FromString(type_to_proto(value).SerializeToString())
    return kind


def _probe(node: proto.NodeProto, types: Types) -> onnx.NodeProto:
    """The node with its operands named by position: i0, i1 ... and o0, o1 ...; "" for one that is left out."""
    probe: onnx.NodeProto = onnx.NodeProto.FromString(node.SerializeToString())
    del probe.input[:], probe.output[:]
    probe.ClearField("name")
    probe.input.extend(f"i{i}" if kind is not None else "" for i, kind in enumerate(types))
    probe.output.extend(f"o{i}" if name else "" for i, name in enumerate(node.output))
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


def _array(value: Contents) -> npt.NDArray[Any]:
    dtype = helper.tensor_dtype_to_np_dtype(value.dtype.number)
    return np.array(value.elements, dtype=dtype).reshape(value.shape)


def _contents(array: npt.NDArray[Any]) -> Contents:
    dtype = DType.from_number(helper.np_dtype_to_tensor_dtype(array.dtype))
    flat = array.ravel()
    if array.dtype.kind in "biufcOU":
        return Contents(dtype, array.shape, tuple(flat.tolist()))
    number = float if dtype.kind is Kind.FLOAT else int  # types of ml_dtypes
    return Contents(dtype, array.shape, tuple(number(element) for element in flat))


def _inference_message(error: Exception) -> str:
    text = str(error).split("]", 1)[-1].strip()
    return text.removeprefix("Inference error(s):").strip() or str(error)
