"""ONNX's own conformance suite, held against what the frontend infers and the rules count.

A case is a model with inputs and the outputs that the standard expects. Of each is asked: does it load; have its
outputs the types and shapes that are expected (a size that depends on data may be larger); does an operator that makes
an output write as many bytes as that output has; is every node known, or not modelled for a stated reason? The
inputs' values are not shown to the frontend, as no user would show them, and it reads the shapes that the model
declares of its outputs. `undeclared` turns that round, so that nothing but inference can tell a shape: declared ones
are taken away, and what a model of a user has as constants (sizes, axes, scales) is constant.

Run as a script it prints the figures of every collection and each failure by name:

    python tests/oracles/conformance.py [COLLECTION ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from onnxroof.costs.cost import Coverage, OpCost
from onnxroof.dtypes import DType, packed_bytes
from onnxroof.errors import OnnxroofError
from onnxroof.ir.op import OpKind
from onnxroof.ir.workload import Workload
from onnxroof.study.count import counted
from onnxroof.study.load import load

__all__ = ["COLLECTIONS", "REASONS", "ZERO", "Case", "cases", "faults", "undeclared"]

DATA = Path(onnx.__file__).parent / "backend/test/data"
COLLECTIONS = ("node", "pytorch-converted", "pytorch-operator", "simple")


ZERO = (
    "its tensors are empty, and a 0 in a declared shape is how some exporters write an extent that is not known, "
    "for which it is taken"
)
_BATCH = "the batch is an element of an input that only a run knows; it is taken as 1, and a Squeeze then drops it"
# Cases that differ, each with its reason: files that people deploy are read right by what these are read wrong by.
REASONS = {
    "test_affine_grid_2d_align_corners_expanded": _BATCH,
    "test_affine_grid_2d_expanded": _BATCH,
    "test_constantofshape_int_shape_zero": ZERO,
    "test_reduce_sum_empty_set_non_reduced_axis_zero": ZERO,
    "test_regex_full_match_empty": ZERO,
    "test_reshape_allowzero_reordered": ZERO,
    "test_split_zero_size_splits_opset13": ZERO,
    "test_split_zero_size_splits_opset18": ZERO,
    "test_string_split_empty_tensor": ZERO,
    "test_tril_zero": ZERO,
    "test_triu_zero": ZERO,
}


@dataclass(frozen=True)
class Case:
    """One model and what a run of it gives.

    Attributes:
        name: Unique in its collection.
        model: The serialized model.
        outputs: For each output its values, a list of them for a sequence, None where an optional is empty.
        inputs: For each input the same; empty where they were not read.
    """

    name: str
    model: bytes
    outputs: tuple[object, ...]
    inputs: tuple[object, ...] = ()


def cases(collection: str) -> Iterator[Case]:
    """The cases of a collection, by name."""
    if collection == "node":
        yield from _node_cases()
        return
    for folder in sorted((DATA / collection).iterdir()):
        if (folder / "model.onnx").is_file():
            model = onnx.load(str(folder / "model.onnx"))
            outputs = tuple(
                _read(folder / f"test_data_set_0/output_{i}.pb", value.type)
                for i, value in enumerate(model.graph.output)
            )
            yield Case(folder.name, model.SerializeToString(), outputs)


def _node_cases() -> Iterator[Case]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the references divide by zero on purpose
        found = collect_testcases("")
    for case in sorted(found, key=lambda case: str(case.name)):
        inputs, outputs = case.data_sets[0] if case.data_sets else ((), ())
        yield Case(case.name, case.model.SerializeToString(), tuple(outputs), tuple(inputs))


def undeclared(case: Case) -> Case:
    """The case without declared shapes of outputs, and with its small operands as initializers.

    Small are numbers of at most 16 elements: all operands behind the first, and of the first a list of integers.
    """
    model = onnx.ModelProto.FromString(case.model)
    graph = model.graph
    for output in graph.output:
        if output.type.WhichOneof("value") == "tensor_type":
            output.type.tensor_type.ClearField("shape")
    for place, (name, value) in enumerate(zip([i.name for i in graph.input], case.inputs, strict=False)):
        if not isinstance(value, (np.ndarray, np.generic)) or value.size > 16 or value.dtype.kind not in "iufb":
            continue
        if place or (value.ndim <= 1 and value.dtype.kind == "i"):
            graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    constants = {tensor.name for tensor in graph.initializer}
    open_inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(open_inputs)
    return replace(case, model=model.SerializeToString())


def _read(path: Path, kind: onnx.TypeProto) -> object:
    content = path.read_bytes()
    if kind.WhichOneof("value") == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if kind.WhichOneof("value") == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def faults(case: Case, folder: Path) -> list[str]:
    """What is wrong with our reading of a case, in words; empty where nothing is."""
    path = folder / "model.onnx"
    path.write_bytes(case.model)
    try:
        workload = load(path)
    except OnnxroofError as error:
        return [f"does not load: {error}"]
    count = counted(workload)
    found = [*_shape_faults(case, workload), *_byte_faults(workload, count.costs.costs)]
    for op, cost in zip(workload.ops, count.costs.costs, strict=True):
        if cost.coverage is Coverage.UNKNOWN:
            found.append(f"{op.op_type} is unknown: {cost.reason}")
    return found


def _shape_faults(case: Case, workload: Workload) -> Iterator[str]:
    graph = onnx.ModelProto.FromString(case.model).graph
    is_bound = any("depends on data" in note or "depend on data" in note for note in workload.notes)
    for name, value, stated in zip(workload.outputs, case.outputs, graph.output, strict=False):
        if stated.type.WhichOneof("value") != "tensor_type":
            continue  # sequences and optionals are no tensors of the workload
        tensor = workload.tensors[name]
        wanted, shape = _type_of(value)
        if tensor.dtype is not wanted:
            yield f"`{stated.name}`: expected {wanted.name}, found {tensor.dtype.name}"
        if tensor.shape != shape:
            is_above = (
                is_bound
                and tensor.is_shaped
                and len(tensor.dims) == len(shape)
                and all(have >= want for have, want in zip(tensor.dims, shape, strict=True))
            )
            if not is_above:
                yield f"`{stated.name}`: expected {list(shape)}, found {tensor.shape and list(tensor.shape)}"


def _type_of(value: object) -> tuple[DType, tuple[int, ...]]:
    """Type and shape of an expected tensor; those of a type that numpy lacks come serialized."""
    if isinstance(value, onnx.TensorProto):
        return DType.from_number(value.data_type), tuple(value.dims)
    array = np.asarray(value)
    return DType.from_number(onnx.helper.np_dtype_to_tensor_dtype(array.dtype)), array.shape


def _byte_faults(workload: Workload, costs: Sequence[OpCost]) -> Iterator[str]:
    for op, cost in zip(workload.ops, costs, strict=True):
        if cost.coverage is not Coverage.EXACT or cost.kind not in (OpKind.COMPUTE, OpKind.MOVE) or cost.in_place:
            continue
        made = [workload.tensors[name] for name in op.outputs if name]
        if all(tensor.is_shaped and tensor.dtype is not DType.STRING for tensor in made):
            wanted = sum(packed_bytes(tensor.elements, tensor.dtype) for tensor in made)
            if cost.write_bytes != wanted:
                yield f"{op.op_type} writes {cost.write_bytes} bytes, its outputs have {wanted}"


def main(collections: Sequence[str]) -> int:
    """Prints figures and failures; the exit code is 1 where a case fails without a reason or a reason is not needed."""
    surprises = 0
    with tempfile.TemporaryDirectory() as folder:
        for collection in collections or COLLECTIONS:
            tally: Counter[str] = Counter()
            for case in cases(collection):
                wrong = faults(case, Path(folder))
                reason = REASONS.get(case.name, "")
                tally["right" if not wrong else "expected" if reason else "wrong"] += 1
                for fault in wrong:
                    print(f"{collection}/{case.name}: {fault.splitlines()[0]}")
                if reason and wrong:
                    print(f"    as expected: {reason}")
                if reason and not wrong:
                    print(f"{collection}/{case.name}: is right, and no longer needs a reason")
                surprises += bool(wrong) != bool(reason)
            known = f", {tally['expected']} differ for the reasons stated" if tally["expected"] else ""
            failed = f", {tally['wrong']} wrong" if tally["wrong"] else ""
            print(f"{collection}: {tally['right']} of {tally.total()} cases right{known}{failed}", flush=True)
    return 1 if surprises else 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
