"""Which attributes of classical machine learning are data that a run reads: trees, coefficients, support vectors?

ai.onnx.ml has no initializers: what was learned lies in lists among the attributes. Each such list becomes a weight
of its own, `NODE.attribute`. Numbers that stand for something else (a node, a feature, a class) take 32 bits, as
runtimes hold them (ONNX Runtime's `TreeNodeElement`), though a file has 64. The numbers of nodes and trees by which a
loader joins the lists are not read in a run, and neither are hit rates. Texts have no size and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import Known, ValueType
from onnxroof.ir.tensor import TensorKind

if TYPE_CHECKING:
    from onnxroof.frontend.lower import Lowering

__all__ = ["enter_tables"]

_TREES = frozenset(
    {"nodes_featureids", "nodes_values", "nodes_values_as_tensor", "nodes_truenodeids", "nodes_falsenodeids"}
    | {"nodes_splits", "nodes_trueleafs", "nodes_falseleafs", "membership_values"}
    | {"class_ids", "class_weights", "class_weights_as_tensor"}
    | {"target_ids", "target_weights", "target_weights_as_tensor", "leaf_targetids", "leaf_weights"}
)
_VECTORS = frozenset({"coefficients", "support_vectors", "rho", "prob_a", "prob_b"})
_READ = {
    "TreeEnsemble": _TREES,
    "TreeEnsembleClassifier": _TREES,
    "TreeEnsembleRegressor": _TREES,
    "SVMClassifier": _VECTORS,
    "SVMRegressor": _VECTORS,
    "LinearClassifier": frozenset({"coefficients", "intercepts"}),
    "LinearRegressor": frozenset({"coefficients", "intercepts"}),
    "Scaler": frozenset({"offset", "scale"}),
    "Imputer": frozenset({"imputed_value_floats", "imputed_value_int64s"}),
    "LabelEncoder": frozenset(
        {"keys_floats", "keys_int64s", "keys_tensor", "values_floats", "values_int64s", "values_tensor"}
    ),
    "OneHotEncoder": frozenset({"cats_int64s"}),
}


def enter_tables(lowering: Lowering, node: proto.NodeProto, name: str) -> tuple[str, ...]:
    """Enters the learned lists of a node as weights of the workload, and returns their names.

    Args:
        lowering: The walk.
        node: Any node; those of other domains have none.
        name: Of the node in the workload.
    """
    if node.domain != "ai.onnx.ml":
        return ()
    found = []
    for attribute in node.attribute:
        kind = _kind(attribute) if attribute.name in _READ.get(node.op_type, ()) else None
        if kind is None:
            continue
        label = f"{name}.{attribute.name}"
        while label in lowering.known or label in lowering.reserved_values:
            label += "_"
        lowering.known[label] = Known(kind, TensorKind.WEIGHT)
        found.append(label)
    return tuple(found)


def _kind(attribute: proto.AttributeProto) -> ValueType | None:
    """Type of a list of numbers, None where it is none or has no elements."""
    if attribute.type == proto.AttributeProto.TENSOR:
        dtype = DType.from_number(attribute.t.data_type)
        kind = ValueType(dtype, tuple(attribute.t.dims))
        return kind if kind.is_complete and dtype is not DType.STRING else None
    if attribute.floats:
        return ValueType(DType.FLOAT, (len(attribute.floats),))
    return ValueType(DType.INT32, (len(attribute.ints),)) if attribute.ints else None
