"""A workload as if it had been exported in another element type: bytes and arithmetic change, shapes do not."""

from __future__ import annotations

import dataclasses

from onnxroof.dtypes import DType, Kind
from onnxroof.ir.op import Op
from onnxroof.ir.workload import Workload

__all__ = ["converted"]


def converted(workload: Workload, dtype: DType) -> Workload:
    """Every float tensor, and every quantized integer tensor of up to 16 bits, becomes a tensor of `dtype`.

    Indices and shapes (32 and 64 bits) keep their type, as do booleans and strings. Operators that compute in a type
    of their own do so in `dtype`; none reads scales or dequantizes a weight on the fly any more.
    """
    tensors = {
        name: dataclasses.replace(tensor, dtype=dtype) if _is_data(tensor.dtype) else tensor
        for name, tensor in workload.tensors.items()
    }
    return dataclasses.replace(workload, tensors=tensors, ops=tuple(_converted_op(op, dtype) for op in workload.ops))


def _converted_op(op: Op, dtype: DType) -> Op:
    if not op.compute_type:
        return op
    compute_type = dtype.name if _is_data(DType[op.compute_type]) else op.compute_type
    return dataclasses.replace(op, compute_type=compute_type, parameters=(), conversion_ops=0)


def _is_data(dtype: DType) -> bool:
    return dtype.kind is Kind.FLOAT or (dtype.kind is Kind.INTEGER and 0 < dtype.bits <= 16)
