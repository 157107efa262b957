"""Operators of the standard as the standard itself expands them: a model of one node, and that of its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import defs, helper, numpy_helper

from onnxroof.costs.cost import Work
from onnxroof.costs.table import cost_table
from onnxroof.frontend.load import load_workload
from onnxroof.ir.op import OpKind
from tests.oracles.build import Operand, T
from tests.oracles.rule_cases import Case

__all__ = ["expanded", "work_of"]


def expanded(case: Case, version: int) -> tuple[onnx.ModelProto, onnx.ModelProto] | None:
    """The case's node as a model, and the same with the function of its schema; None where it has none."""
    schema = defs.get_schema(case.op_type, version, case.domain)
    inputs = [_value(spec, f"i{i}") for i, spec in enumerate(_specs(case.inputs))]
    outputs = [_value(spec, f"o{i}") for i, spec in enumerate(_specs(case.outputs))]
    node = helper.make_node(
        case.op_type, [v.name if v else "" for v in inputs], [v.name if v else "" for v in outputs],
        domain=case.domain, **case.attributes,
    )  # fmt: skip
    # A body refers to attributes by name: what the node leaves out is the schema's default.
    node.attribute.extend(
        a.default_value for name, a in schema.attributes.items() if a.default_value.name and name not in case.attributes
    )
    function = _function(schema, node, [v.type if v else onnx.TypeProto() for v in inputs], version)
    if function is None:
        return None
    weights = [
        numpy_helper.from_array(_elements(spec), f"i{i}")
        for i, spec in enumerate(_specs(case.inputs)) if spec is not None and spec.value is not None
    ]  # fmt: skip
    named = {w.name for w in weights}
    seen: dict[str, onnx.ValueInfoProto] = {v.name: v for v in inputs if v and v.name not in named}
    graph = helper.make_graph([node], "g", list(seen.values()), [v for v in outputs if v], weights)
    imports = [helper.make_opsetid(case.domain, version)]
    alone = helper.make_model(graph, opset_imports=imports)
    with_body = helper.make_model(graph, opset_imports=imports, functions=[function])
    return alone, with_body


def work_of(model: onnx.ModelProto, folder: Path) -> Work:
    """The work of all nodes of a model that run."""
    path = folder / "model.onnx"
    onnx.save(model, path)
    workload = load_workload(path, {}, lambda ops, tensors: 0.0)
    total = Work()
    for op, cost in zip(workload.ops, cost_table(workload).costs, strict=True):
        assert cost.work is not None, f"{op.op_type}: {cost.reason}"
        if cost.kind not in (OpKind.HOST, OpKind.CONSTANT):
            total += cost.work.times(op.repeat)
    return Work(macs=total.macs, vector_ops=total.vector_ops, special={k: n for k, n in total.special.items() if n})


def _specs(operands: Sequence[Operand]) -> list[T | None]:
    return [spec if spec is None or isinstance(spec, T) else T(tuple(spec)) for spec in operands]


def _elements(spec: T) -> npt.NDArray[Any]:
    """The elements that a case states, in their type."""
    return np.asarray(spec.value, dtype=helper.tensor_dtype_to_np_dtype(spec.dtype.number)).reshape(spec.shape)


def _value(spec: T | None, name: str) -> onnx.ValueInfoProto | None:
    return None if spec is None else helper.make_tensor_value_info(name, spec.dtype.number, spec.shape)


def _function(
    schema: defs.OpSchema, node: onnx.NodeProto, types: Sequence[onnx.TypeProto], version: int
) -> onnx.FunctionProto | None:
    if schema.has_context_dependent_function:
        build: Callable[[bytes, Sequence[bytes]], bytes] = schema.get_context_dependent_function
        body = build(node.SerializeToString(), [t.SerializeToString() for t in types])
        function = onnx.FunctionProto.FromString(body) if body else None
    else:
        function = schema.function_body if schema.has_function else None
    if function is None:
        return None
    function.name, function.domain = node.op_type, node.domain
    if not any(o.domain == "" for o in function.opset_import):
        function.opset_import.append(helper.make_opsetid("", version))
    return function
