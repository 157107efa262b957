"""Operators and workloads built by hand, with the attribute defaults of their schemas filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx.defs
import onnx.helper

from onnxroof.costs.cost import OpCost
from onnxroof.costs.registry import Registry, standard_registry
from onnxroof.costs.table import op_cost
from onnxroof.dtypes import DType
from onnxroof.ir.op import Attributes, Op
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from tests.oracles import runtime_schemas
from tests.oracles.contents import contents

__all__ = ["T", "cost", "make_op", "workload"]

_NEWEST = 10**6


@dataclass(frozen=True)
class T:
    """An operand: a float activation unless said otherwise. Operands with one `name` are one tensor."""

    shape: tuple[int | None, ...] | None
    dtype: DType = DType.FLOAT
    kind: TensorKind = TensorKind.ACTIVATION
    value: Any = None
    is_output: bool = False
    name: str = ""


Operand = T | tuple[int, ...] | None


def make_op(
    op_type: str,
    inputs: Sequence[Operand],
    outputs: Sequence[Operand],
    attributes: Mapping[str, Any] | None = None,
    *,
    domain: str = "",
    version: int = 0,
    name: str = "op",
    **fields: Any,
) -> tuple[Op, dict[str, Tensor]]:
    """An operator and its tensors, named `op.i0`, `op.o0` and so on; a shape alone is a float activation.

    `version` 0 is the newest opset. An attribute that the schema does not have raises `KeyError`.
    """
    tensors: dict[str, Tensor] = {}

    def operand(item: Operand, label: str) -> str:
        if item is None:
            return ""
        spec = item if isinstance(item, T) else T(tuple(item))
        known = spec.name or f"{name}.{label}"
        value = None if spec.value is None else contents(spec.value)
        tensors[known] = Tensor(
            name=known, dtype=spec.dtype, shape=spec.shape, kind=spec.kind, is_output=spec.is_output, value=value
        )
        return known

    opset = version or (onnx.defs.onnx_opset_version() if not domain else 1)
    op = Op(
        name=name,
        op_type=op_type,
        domain=domain,
        version=opset,
        inputs=tuple(operand(item, f"i{i}") for i, item in enumerate(inputs)),
        outputs=tuple(operand(item, f"o{i}") for i, item in enumerate(outputs)),
        attributes=Attributes(
            _with_defaults(op_type, domain, version or (_NEWEST if domain else opset), attributes or {})
        ),
        **fields,
    )
    return op, tensors


def _with_defaults(op_type: str, domain: str, opset: int, given: Mapping[str, Any]) -> dict[str, Any]:
    if (domain, op_type) in runtime_schemas.operators():
        unknown = set(given) - set(runtime_schemas.schema(domain, op_type).attributes)
        if unknown:
            raise KeyError(f"{op_type} has no {sorted(unknown)}")
        return {**runtime_schemas.defaults(domain, op_type), **given}
    try:
        schema = onnx.defs.get_schema(op_type, opset, domain)
    except onnx.defs.SchemaError:
        return dict(given)  # an operator of neither ONNX nor its runtime
    unknown = set(given) - set(schema.attributes)
    if unknown:
        raise KeyError(f"{op_type} has no {sorted(unknown)}")
    defaults = {
        key: onnx.helper.get_attribute_value(attribute.default_value)
        for key, attribute in schema.attributes.items()
        if attribute.default_value.name
    }
    return {**defaults, **given}


def cost(
    op_type: str,
    inputs: Sequence[Operand],
    outputs: Sequence[Operand],
    attributes: Mapping[str, Any] | None = None,
    *,
    registry: Registry | None = None,
    copies_cache: bool = False,
    **fields: Any,
) -> OpCost:
    """The cost of one operator built by `make_op`."""
    op, tensors = make_op(op_type, inputs, outputs, attributes, **fields)
    return op_cost(op, tensors, registry or standard_registry(), copies_cache=copies_cache)


def workload(*built: tuple[Op, Mapping[str, Tensor]]) -> Workload:
    """A workload of operators in order."""
    tensors = {name: tensor for _, operands in built for name, tensor in operands.items()}
    return Workload(
        name="built",
        producer="",
        ir_version=10,
        opsets={"": onnx.defs.onnx_opset_version()},
        dims=(),
        ops=tuple(op for op, _ in built),
        tensors=tensors,
        inputs=(),
        outputs=tuple(name for name, tensor in tensors.items() if tensor.is_output),
    )
