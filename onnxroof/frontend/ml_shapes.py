"""Output types of ai.onnx.ml operators where onnx's own inference stops.

Shapes follow the operators' documentation (docs/Operators-ml.md of the onnx repository).
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType

__all__ = ["ml_types"]

_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
_REGRESSORS = {"LinearRegressor": "targets", "TreeEnsembleRegressor": "n_targets"}
_FLOATS_LIKE_INPUT = frozenset({"Normalizer", "Scaler"})
_LIKE_INPUT = frozenset({"Binarizer", "Imputer"})


def ml_types(
    node: proto.NodeProto, types: Sequence[ValueType | None], inferred: tuple[ValueType, ...]
) -> tuple[ValueType, ...]:
    """Inferred types with what is known of the operators of machine learning pipelines; the same for all others."""
    first = types[0] if types else None
    if node.domain != "ai.onnx.ml" or first is None or not first.is_complete or not first.shape:
        return inferred
    rows = first.shape[0] if len(first.shape) > 1 else 1
    attributes = {a.name: a for a in node.attribute}
    if node.op_type in _FLOATS_LIKE_INPUT:
        return (ValueType(DType.FLOAT, first.shape),)
    if node.op_type in _LIKE_INPUT:
        return (first,)
    if node.op_type == "LabelEncoder":
        return (ValueType(inferred[0].dtype if inferred else DType.UNDEFINED, first.shape),)
    if node.op_type in _REGRESSORS:
        targets = attributes.get(_REGRESSORS[node.op_type])
        return (ValueType(DType.FLOAT, (rows, targets.i if targets is not None else 1)),)
    if node.op_type == "SVMRegressor":
        return (ValueType(DType.FLOAT, (rows, 1)),)
    if node.op_type == "ArrayFeatureExtractor" and len(types) > 1 and types[1] is not None and types[1].is_complete:
        count = 1
        for extent in types[1].shape or ():
            count *= extent or 0
        return (ValueType(first.dtype, (*(first.shape[:-1] or (1,)), count)),)
    if node.op_type in _CLASSIFIERS:
        return _classified(node, rows, attributes)
    return inferred


def _classified(
    node: proto.NodeProto, rows: int | None, attributes: dict[str, proto.AttributeProto]
) -> tuple[ValueType, ...]:
    """A label for each row, and a score for each class."""
    labels = DType.INT64
    classes = 0
    for name, attribute in attributes.items():
        if "labels" in name and len(attribute.ints):
            classes = len(attribute.ints)
        if "labels" in name and len(attribute.strings):
            labels, classes = DType.STRING, len(attribute.strings)
    scores = ValueType(DType.FLOAT, (rows, classes) if classes else None)
    return (ValueType(labels, (rows,)), scores)[: len(node.output)]
