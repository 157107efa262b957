"""Which nodes do not run as such: constants, and shape arithmetic of the host?"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.frontend import proto
from onnxroof.frontend.defaults import missing_input
from onnxroof.frontend.infer import RANDOM
from onnxroof.frontend.types import Known, ValueType
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind

__all__ = ["disposition_of"]

# Up to this many elements a computed value is shape arithmetic of the host; above it is real work.
_HOST_ELEMENTS = 64


def disposition_of(
    node: proto.NodeProto,
    inputs: Sequence[Known | None],
    types: Sequence[ValueType],
    values: Sequence[Contents | None],
    version: int,
) -> OpKind | None:
    """CONSTANT where no input of the model is needed, HOST for known shape arithmetic, None for what runs.

    A node that lacks an input which its operator needs computes nothing that is known, so that it counts as one that
    runs.
    """
    present = [i for i in inputs if i is not None]
    if node.op_type in RANDOM or any(t.container for t in types):
        return None
    if missing_input(node.op_type, node.domain, version, [i is not None for i in inputs]) is not None:
        return None
    if node.op_type != "DequantizeLinear" and all(i.kind is TensorKind.WEIGHT for i in present):
        return OpKind.CONSTANT if present or not node.input else None
    is_known = all(value is not None for value, local in zip(values, node.output, strict=True) if local)
    if is_known and any(node.output) and sum(value.size for value in values if value is not None) <= _HOST_ELEMENTS:
        return OpKind.HOST
    return None
